/* SPDX-License-Identifier: GPL-2.0 */
/* The state word of a scope: what may be done to it, in one step each */
#ifndef _SCOPEX_STATE_H
#define _SCOPEX_STATE_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/scopex.h>

#include "inject.h"

/* What an object is: SCOPEX_OPEN and the like, or none of these. */
static inline u64 scopex_kind(const struct scopex_scope *scope, u64 state)
{
	return __scopex_decode(scope, state) & SCOPEX_KIND_MASK;
}

/* The state of a scope that is as @state says. */
static inline u64 scopex_encode(const struct scopex_scope *scope, u64 state)
{
	return state - __scopex_address(scope);
}

static inline bool scopex_is_open(const struct scopex_scope *scope)
{
	return scopex_kind(scope, atomic64_read(&scope->state)) == SCOPEX_OPEN;
}

/* For who holds a reference on the scope, and goes on to do so. */
static inline void scopex_get(struct scopex_scope *scope)
{
	atomic64_add(SCOPEX_ONE, &scope->state);
}

static inline void scopex_unget(struct scopex_scope *scope)
{
	atomic64_sub(SCOPEX_ONE, &scope->state);
}

/*
 * Take a reference on the scope for each of @nr items if it is open, without flags, and
 * not full. Relaxed, as the item's push orders it before the worker's put; see
 * associate-drain.litmus. In one step with the look at the state; see
 * associate-close.litmus and cancel-submit.litmus. False, with what it is, if the scope
 * is not so.
 */
static __always_inline bool scopex_associate_usual(struct scopex_scope *scope,
						   unsigned int nr, u64 *state)
{
	*state = atomic64_read(&scope->state);
	do {
		/*
		 * Open, here, no flags, count < SCOPEX_COUNT_MAX: all in one. Less one, as
		 * that number is one that x86 compares with in one instruction.
		 */
		if (unlikely(__scopex_decode(scope, *state) >=
			     SCOPEX_COUNT_MAX * SCOPEX_ONE - 1))
			return false;
		scopex_inject(SCOPEX_INJECT_ASSOCIATE);
	} while (!atomic64_try_cmpxchg_relaxed(&scope->state, (s64 *)state,
					       *state + nr * SCOPEX_ONE));
	return true;
}

static inline bool scopex_drained(u64 state)
{
	return (state & SCOPEX_COUNT_MASK) == SCOPEX_ONE;
}

static inline struct scopex_custom_scope *scopex_custom(struct scopex_scope *scope)
{
	return container_of(scope, struct scopex_custom_scope, scope);
}

#endif /* _SCOPEX_STATE_H */
