/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state of a scope: one word, and all that changes it
 *
 * Theory of operation
 *
 * All of a scope's life is in one 64-bit word, scopex_scope.state:
 *
 *	kind (20 bits) | flags (12 bits) | references (31 bits) | waiting (1 bit)
 *
 * Each item that is not completed holds one reference. The owner holds one as long as the
 * scope is open. The word moves like this:
 *
 *	OPEN|UNLISTED, 1	opened
 *	OPEN, 1 + n		n items are not completed, the owner does something else
 *	OPEN, 1 + n, waiting	the owner waits for them
 *	OPEN, 1, waiting	drained: the step that led here wakes the owner
 *	OPEN, 1			joined: open for another round
 *	CLOSED			the owner has left; the word stays, to refuse late callers
 *
 * In addition: CANCELLED from a cancellation to the end of the round; the flags of options;
 * and REFUSED instead of OPEN, for a scope that was never opened, because its object or its
 * context was wrong.
 *
 * The owner closes the scope in a single step, from "one reference" to CLOSED. So a submit
 * from elsewhere either comes before, and is waited for, or finds the scope closed. It takes
 * its reference in one step with its look at the word, too: so a late submit never changes
 * the word of a closed scope, whose stack may have another use by then.
 *
 * Each function that changes the word is in this file, with its memory order. No other file
 * of kmod/ has an atomic operation on it but reads.
 */
#ifndef _SCOPEX_STATE_H
#define _SCOPEX_STATE_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/scopex_types.h>

#include "inject.h"

/*
 * scopex_scope.state. The upper half says what the object is. The lower half
 * counts references, one for each item that is not completed and one for the owner,
 * above the lowest bit, which is set while the owner waits. So the usual submit
 * is one comparison, whether the owner waits or not.
 *
 * The kind is stored less the object's own address (see __scopex_address()). So an open
 * scope is open at its own place only, and a copy of it is no scope: that costs the
 * submit no look of its own.
 */
#define SCOPEX_WAITING		BIT_ULL(0)
#define SCOPEX_ONE		BIT_ULL(1)	/* reference */
#define SCOPEX_COUNT_MAX	BIT_ULL(30)	/* references */
#define SCOPEX_COUNT_MASK	GENMASK_ULL(31, 1)
#define SCOPEX_UNLISTED		BIT_ULL(32)	/* not in the list of open scopes */
/* Bit 33 is SCOPEX_CANCELLED, in scopex_types.h. */
#define SCOPEX_SERIAL		BIT_ULL(34)	/* the owner runs the items */
#define __SCOPEX_JOINABLE	BIT_ULL(35)	/* the owner may wait for one item */
#define SCOPEX_LIMITED		BIT_ULL(36)	/* so many items queued or run */
#define SCOPEX_DETACHED		BIT_ULL(37)	/* is a struct scopex_detached */
#define SCOPEX_CPU_LIMITED	BIT_ULL(38)	/* so many items run on each CPU */
#define SCOPEX_WALK		BIT_ULL(39)	/* its children are still to be cancelled */
#define SCOPEX_OF_TASK		BIT_ULL(40)	/* is in a struct scopex_task_scope */
/* All of those that are options; see kmod/option.h. */
#define SCOPEX_OPTIONS		(SCOPEX_SERIAL | __SCOPEX_JOINABLE | SCOPEX_LIMITED |	\
				 SCOPEX_DETACHED | SCOPEX_CPU_LIMITED | SCOPEX_OF_TASK)
/* Bits 41 to 43 are free, for more options. */
/* Which half of the word has all of them, as an index. */
#ifdef __BIG_ENDIAN
#define SCOPEX_FLAGS_HALF	0
#else
#define SCOPEX_FLAGS_HALF	1
#endif
#define SCOPEX_KIND_SHIFT	44
#define SCOPEX_KIND_MASK	GENMASK_ULL(63, SCOPEX_KIND_SHIFT)
#define SCOPEX_OPEN		0ULL
#define SCOPEX_CLOSED		(0xdead5ULL << SCOPEX_KIND_SHIFT)
#define SCOPEX_REFUSED		(0x0bad5ULL << SCOPEX_KIND_SHIFT)
/* The address of a scope has three bits that are 0, as it is aligned. */
#define SCOPEX_ADDRESS_SHIFT	(SCOPEX_KIND_SHIFT - 3)

/* scopex_scope.flags, beside those of &enum scopex_flags */
#define __SCOPEX_HIDDEN		BIT(5)	/* listed when an item of it opens a scope */
#define __SCOPEX_ON_WORKER	BIT(6)	/* the owner is a worker, in an item */
#define __SCOPEX_TIMED		BIT(7)	/* has a deadline */

/* What the address adds to the kind: its bits 3 to 22. */
static inline u64 __scopex_address(const struct scopex_scope *scope)
{
	return (u64)(unsigned long)scope << SCOPEX_ADDRESS_SHIFT;
}

/* What an object is, with the flags and the count as they are in @state. */
static inline u64 __scopex_decode(const struct scopex_scope *scope, u64 state)
{
	return state + __scopex_address(scope);
}

static inline struct scopex_custom_scope *scopex_custom(struct scopex_scope *scope)
{
	return container_of(scope, struct scopex_custom_scope, scope);
}

/* The kind of an object: SCOPEX_OPEN and the like, or none of these. */
static inline u64 scopex_kind(const struct scopex_scope *scope, u64 state)
{
	return __scopex_decode(scope, state) & SCOPEX_KIND_MASK;
}

/* The state word of a scope that is as @state says. */
static inline u64 scopex_encode(const struct scopex_scope *scope, u64 state)
{
	return state - __scopex_address(scope);
}

static inline bool scopex_is_open(const struct scopex_scope *scope)
{
	return scopex_kind(scope, atomic64_read(&scope->state)) == SCOPEX_OPEN;
}

/*
 * Returns true if the worker has to look closer at an item of the scope: it is cancelled, or
 * has options.
 */
static __always_inline bool scopex_is_slow(const struct scopex_scope *scope)
{
	const u32 *half = (const u32 *)&scope->state + SCOPEX_FLAGS_HALF;

	/*
	 * A plain read of the half that has the flags is a part of the comparison, and
	 * READ_ONCE() would make an instruction of it. It can't be torn, and a stale value means
	 * a canceller that comes just after the look.
	 */
	return data_race(*half) & upper_32_bits(SCOPEX_CANCELLED | SCOPEX_OPTIONS);
}

/* Returns true if the owner's reference is the only one. */
static inline bool scopex_is_drained(u64 state)
{
	return (state & SCOPEX_COUNT_MASK) == SCOPEX_ONE;
}

/* The owner begins the life of a scope, or ends that of one that nobody else knows. */
static inline void scopex_state_init(struct scopex_scope *scope, u64 state)
{
	atomic64_set(&scope->state, scopex_encode(scope, state));
}

/* The caller holds a reference on the scope, and keeps it. */
static inline void scopex_get(struct scopex_scope *scope)
{
	atomic64_add(SCOPEX_ONE, &scope->state);
}

/* Give a reference back where the caller holds another one. */
static inline void scopex_put_not_last(struct scopex_scope *scope)
{
	atomic64_sub(SCOPEX_ONE, &scope->state);
}

/*
 * Take a reference for each of @nr items, if the scope is open, without flags, and not
 * full. On failure returns false and stores the state that it read in *@state.
 *
 * The step is in one with the look at the state; see tryget-close.litmus and
 * cancel-submit.litmus. It is relaxed, as the push of the item orders it before the worker's
 * put; see tryget-drain.litmus.
 */
static __always_inline bool scopex_tryget_fast(struct scopex_scope *scope,
					       unsigned int nr, u64 *state)
{
	*state = atomic64_read(&scope->state);
	do {
		/*
		 * One comparison for: open, at its own address, no flags, and fewer references
		 * than SCOPEX_COUNT_MAX. Less one, as x86 compares with that number in one
		 * instruction.
		 */
		if (unlikely(__scopex_decode(scope, *state) >=
			     SCOPEX_COUNT_MAX * SCOPEX_ONE - 1))
			return false;
		scopex_inject(SCOPEX_INJECT_TRYGET);
	} while (!atomic64_try_cmpxchg_relaxed(&scope->state, (s64 *)state,
					       *state + nr * SCOPEX_ONE));
	return true;
}

/*
 * The same in one try, for a state that the caller has found good. Clears UNLISTED: the
 * caller lists the scope. On failure returns false and stores the state that it read in
 * *@state.
 */
static inline bool scopex_tryget_step(struct scopex_scope *scope, unsigned int nr,
				      u64 *state)
{
	scopex_inject(SCOPEX_INJECT_TRYGET);
	return atomic64_try_cmpxchg_relaxed(&scope->state, (s64 *)state,
					    (*state & ~SCOPEX_UNLISTED) +
					    nr * SCOPEX_ONE);
}

/*
 * Give @nr references back. Returns true if the owner waits, and has to be woken: then the
 * scope may be gone already; see last-touch.litmus.
 */
static inline bool scopex_state_put(struct scopex_scope *scope, unsigned int nr)
{
	/*
	 * Release: the owner sees what the items have written; pairs with
	 * scopex_drain_scope(); see put-drain.litmus. That the step sees WAITING, if the owner
	 * did not see the count that it leaves, needs no barrier: both are in one word.
	 */
	u64 state = atomic64_sub_return_release(nr * SCOPEX_ONE, &scope->state);

	return (u32)state == (SCOPEX_ONE | SCOPEX_WAITING);
}

/* The same, where the caller holds a lock that orders it. Returns the new state. */
static inline u64 scopex_state_put_locked(struct scopex_scope *scope)
{
	return atomic64_sub_return_relaxed(SCOPEX_ONE, &scope->state);
}

/* The scope is going to be listed. */
static inline void scopex_state_listed(struct scopex_scope *scope)
{
	atomic64_andnot(SCOPEX_UNLISTED, &scope->state);
}

/* The owner waits from now on, until the end of the round. */
static inline void scopex_state_wait(struct scopex_scope *scope)
{
	atomic64_or(SCOPEX_WAITING, &scope->state);
}

/*
 * The owner has joined: it neither waits, nor is the scope cancelled. Returns false, with the state
 * in *@state, if the scope was cancelled and has items again: a task of these, which was told of
 * the cancellation, would not be told of the next one. So the owner drains once more.
 *
 * Acquire: such items may have come and gone since the owner's look; pairs with
 * scopex_state_put(); see end-round.litmus.
 */
static inline bool scopex_state_end_round(struct scopex_scope *scope, u64 *state)
{
	do {
		if (*state & SCOPEX_CANCELLED && !scopex_is_drained(*state))
			return false;
	} while (!atomic64_try_cmpxchg_acquire(&scope->state, (s64 *)state,
					       *state & ~(SCOPEX_CANCELLED | SCOPEX_WAITING)));
	return true;
}

/*
 * Close a scope that is still in @state, which has one reference. Returns false if a submit,
 * or a walk, was faster: the owner waits for that, too.
 *
 * Acquire: an item may have come and gone since the owner's look; pairs with
 * scopex_state_put(); see tryget-close.litmus.
 */
static inline bool scopex_state_close(struct scopex_scope *scope, u64 state)
{
	return atomic64_try_cmpxchg_acquire(&scope->state, (s64 *)&state,
					    scopex_encode(scope, SCOPEX_CLOSED));
}

/*
 * The same for a scope whose word is still as it was when the scope was opened: no item has
 * ever come, so there is nothing to be acquired; see close-unused.litmus.
 */
static __always_inline bool scopex_state_close_unused(struct scopex_scope *scope, u64 state)
{
	/* Both words have the same address in them, so only the rest differs. */
	u64 closed = state + SCOPEX_CLOSED - (SCOPEX_OPEN | SCOPEX_UNLISTED | SCOPEX_ONE);

	return atomic64_try_cmpxchg_relaxed(&scope->state, (s64 *)&state, closed);
}

/*
 * Mark a scope as cancelled; see cancel-drain.litmus, cancel-own.litmus.
 *
 * A full barrier before: the reason is stored before the mark; pairs with
 * scopex_complete_cancelled() and scopex_drain_scope(); see cancel-why.litmus. A full barrier
 * after: the mark comes before the look at the children; pairs with scopex_inherit_cancel();
 * see cancel-nested.litmus.
 */
static inline void scopex_state_cancel(struct scopex_scope *scope)
{
	atomic64_fetch_or(SCOPEX_CANCELLED, &scope->state);
}

/* Leave the walk to the timer. Returns false if another canceller has done that. */
static inline bool scopex_state_begin_walk(struct scopex_scope *scope)
{
	return !(atomic64_fetch_or(SCOPEX_WALK, &scope->state) & SCOPEX_WALK);
}

static inline void scopex_state_end_walk(struct scopex_scope *scope)
{
	atomic64_andnot(SCOPEX_WALK, &scope->state);
}

#endif /* _SCOPEX_STATE_H */
