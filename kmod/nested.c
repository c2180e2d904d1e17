// SPDX-License-Identifier: GPL-2.0
/* Scopes that are opened in an item */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>

#include <trace/events/scopex.h>

#include "cancel.h"
#include "cpu.h"
#include "hand_over.h"
#include "inject.h"
#include "nested.h"
#include "pool.h"
#include "registry.h"
#include "state.h"
#include "text.h"

/* Is there room on the stack for the items of a serial scope? */
static bool scopex_stack_is_low(void)
{
	unsigned long here = (unsigned long)__builtin_frame_address(0);

	return here - (unsigned long)end_of_stack(current) < THREAD_SIZE / 4;
}

static noinline void scopex_refuse_nested(struct scopex_scope *scope, struct scopex_worker *w,
					  const char *why)
{
	pr_warn_ratelimited("scope %s of %s() is refused: no worker to be had on CPU %u, and %s\n",
			    scopex_name(scope->site->name), scopex_name(scope->site->func),
			    w->sc->cpu, why);
	scope->error = -EDEADLK;
	scopex_state_init(scope, SCOPEX_REFUSED);
}

static noinline void scopex_tell_serial(const struct scopex_scope *scope,
					const struct scopex_worker *w)
{
	pr_warn_ratelimited("scope %s of %s() is serial: no worker to be had on CPU %u\n",
			    scopex_name(scope->site->name), scopex_name(scope->site->func),
			    w->sc->cpu);
}

/* Wait for another worker, as long as one can be made. */
static bool scopex_reserve_waiting(struct scopex_worker *w)
{
	while (!scopex_reserve(w))
		if (!scopex_wait_for_pool(w))
			return false;
	return true;
}

/*
 * Open a scope in an item. To wait for it must be safe: there is another worker
 * that runs what is queued meanwhile, or the scope runs its items by itself.
 */
void scopex_open_nested(struct scopex_scope *scope, struct scopex_worker *w, u64 state)
{
	/* None in the release of a detached item, which is outside of its scope. */
	struct scopex_scope *parent = w->scope;

	if (!scopex_reserve_waiting(w)) {
		if (scopex_stack_is_low())
			return scopex_refuse_nested(scope, w, "little stack left");
		if (scope->flags & SCOPEX_NOT_SERIAL)
			return scopex_refuse_nested(scope, w, "it must not be serial");
		scopex_tell_serial(scope, w);
		local_inc(&w->count[SCOPEX_SERIALS]);
		state |= SCOPEX_SERIAL;
	}
	w->nested++;
	/* An oops before it is in a list looks at this, too. */
	INIT_HLIST_NODE(&scope->node);
	scope->outer = w->innermost;
	w->innermost = scope;

	scope->flags |= __SCOPEX_ON_WORKER;
	scope->parent = parent;
	scope->depth = parent ? min(parent->depth + 1, U8_MAX) : 0;
	scopex_state_init(scope, state);
	trace_scopex_open(scope);
	/* So that a look at all open scopes finds what a detached item has opened. */
	if (parent && atomic64_read(&parent->state) & SCOPEX_DETACHED &&
	    !(parent->flags & __SCOPEX_LISTED)) {
		parent->flags |= __SCOPEX_LISTED;
		scopex_register(parent);
	}
	scopex_inject(SCOPEX_INJECT_OPEN_NESTED);
	scopex_register(scope);
	/* T: the scope is in the list before the look; see scopex_inherit_cancel(). */
	scopex_inherit_cancel(scope);
}

/* The worker's own list loses a scope, mostly the first one. */
void scopex_unlink_nested(struct scopex_worker *w, struct scopex_scope *scope)
{
	struct scopex_scope **link = &w->innermost;

	while (*link != scope)
		link = &(*link)->outer;
	*link = scope->outer;
}

void scopex_close_nested(struct scopex_worker *w, struct scopex_scope *scope)
{
	scopex_unlink_nested(w, scope);
	if (!--w->nested)
		scopex_unreserve(w);
}
