// SPDX-License-Identifier: GPL-2.0
/*
 * Scopes that are opened in an item
 *
 * Theory of operation
 *
 * The parent. A nested scope knows its parent, the scope of the item that opens it. The
 * parent can't end before the nested scope: the item holds a reference on the parent.
 *
 * The wait. The items of a nested scope may be queued on its owner's CPU, behind the item
 * that waits for them. The wait is safe only if another worker serves that queue. So the
 * opener reserves a worker: it takes one off scopex_cpu.spare, the number of workers on
 * standby that are not reserved. The wait hands the queue over to it. The opener does this
 * when it opens the scope, and not when it waits: at the opening it can still choose a
 * serial scope, or refuse the scope. One reservation is enough for all scopes of an item,
 * and the close of the last one gives it back. An opener that has handed over before needs
 * none, as another worker serves the queue; for an unserved queue see
 * scopex_reserve().
 *
 * If no worker can be reserved, the opener waits for the pool to create one. It does not
 * wait, and the scope is serial (see serial.c), if all workers that the bound allows are
 * taken, if none can be created, or if the opener must not wait for memory (see
 * scopex_wait_for_pool()).
 *
 * A scope that would be serial is refused if less than a quarter of the stack is left, as
 * its items run on that stack, or if it is SCOPEX_NOT_SERIAL.
 */

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
#include "option.h"
#include "pool.h"
#include "queue.h"
#include "registry.h"
#include "state.h"
#include "text.h"
#include "thread.h"

/* Returns true if little stack is left for the items of a serial scope. */
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

/*
 * Reserve a worker, and wait for the pool as long as it can create one. Returns true if a worker
 * is reserved, or none is needed.
 */
static bool scopex_reserve_waiting(struct scopex_worker *w)
{
	while (!scopex_reserve(w))
		if (!scopex_wait_for_pool(w))
			return false;
	return true;
}

/* Open a scope in an item: with a worker reserved for the wait, or serial, or refused. */
void scopex_open_nested(struct scopex_scope *scope, struct scopex_worker *w, u64 state)
{
	/* NULL in the release function of a detached item, which is outside of the item's scope. */
	struct scopex_scope *parent = w->scope;

	if (!scopex_reserve_waiting(w)) {
		if (scopex_stack_is_low())
			return scopex_refuse_nested(scope, w, "little stack left");
		if (scope->flags & SCOPEX_NOT_SERIAL)
			return scopex_refuse_nested(scope, w, "it must not be serial");
		scopex_tell_serial(scope, w);
		local_inc(&w->count[SCOPEX_SERIALS]);
		/* The owner alone decides which item begins, and when: no limit is needed. */
		state &= ~(scopex_hooks.enqueue | scopex_hooks.begin);
		state |= SCOPEX_SERIAL;
	}
	w->nested++;
	/* The exit after an oops looks at the node, also before the scope is listed. */
	INIT_HLIST_NODE(&scope->node);
	scope->outer = w->innermost;
	scope->own = SCOPEX_PARKED;
	w->innermost = scope;

	scope->flags |= __SCOPEX_ON_WORKER;
	scope->parent = parent;
	scope->depth = parent ? min(parent->depth + 1, U8_MAX) : 0;
	scopex_state_init(scope, state);
	trace_scopex_open(scope);
	/* A walk reaches the scopes that a detached item opens by way of the item's own scope. */
	if (parent && parent->flags & __SCOPEX_HIDDEN) {
		parent->flags &= ~__SCOPEX_HIDDEN;
		scopex_register(parent);
	}
	scopex_inject(SCOPEX_INJECT_OPEN_NESTED);
	scopex_register(scope);
	/* List the scope before the look at its parent; see scopex_inherit_cancel(). */
	scopex_inherit_cancel(scope);
}

/* Take a scope out of the worker's own list. It is nearly always the first one. */
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
