// SPDX-License-Identifier: GPL-2.0
/*
 * Cancellation: from a scope down to all that are nested in it
 *
 * Theory of operation
 *
 * A canceller marks the scope, then walks through the scopes below it (see registry.c) and
 * marks each of them. A parent is marked before its children are looked for. So a scope
 * that is opened meanwhile is either found by the walk, or its opener finds the parent
 * marked (T); and one look at the parent is enough, as the mark stays until the parent is
 * joined, and the parent can't be drained before the child is closed; see
 * cancel-levels.litmus.
 *
 * A canceller may be an interrupt, a deadline's for example, so the walk must not take as
 * long as there are scopes. Where the caller can be preempted it walks to the end. Elsewhere
 * it takes a number of steps at most. If that is not enough, the scope is left to a timer,
 * which takes as many steps, from the top again, lets interrupts in, and goes on until the
 * walk is over. A scope that is left to the timer is held by a reference, so its owner waits
 * for the end of the walk, too.
 *
 * The timer makes 16 steps, two for each scope, and pauses for 20 us. Without high-resolution
 * timers the pause is a tick: then 100,000 scopes take 12,500 ticks, which is 50 s at 250
 * ticks a second.
 *
 * The scope that was cancelled keeps the canceller's reason as its error. Those below get
 * -ECANCELED: so the owner of a nested scope can tell the end of its own time, -ETIME, from a
 * cancellation from outside. It can't tell it from an item that has returned -ETIME.
 *
 * Ordering:
 *
 *   T	Who opens a nested scope lists it, then looks at the parent; a canceller marks the
 *	parent, then looks for children. Full barriers in between (scopex_inherit_cancel,
 *	scopex_cancel_tree), or the lock of the list where the canceller takes it: one of the
 *	two finds the other; see cancel-nested.litmus.
 *
 * K is in scope.c. The reason is set before the mark, with a full barrier in between: no item
 * that finds the mark is faster with its own -ECANCELED, and a join that finds the mark finds
 * the reason; see cancel-why.litmus.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/export.h>
#include <linux/hrtimer.h>
#include <linux/instruction_pointer.h>
#include <linux/ktime.h>
#include <linux/llist.h>
#include <linux/preempt.h>
#include <linux/printk.h>

#include <trace/events/scopex.h>

#include "compat/hrtimer.h"
#include "cancel.h"
#include "inject.h"
#include "misuse.h"
#include "ref.h"
#include "registry.h"
#include "state.h"

/*
 * How many steps of a walk may be made without letting interrupts in. "make check WHAT=latency"
 * finds 1000 instructions for each, its tracing of the locks included.
 */
#define SCOPEX_WALK_STEPS	16

/* How long the timer waits between two such parts. */
#define SCOPEX_WALK_PAUSE	(20 * NSEC_PER_USEC)

/* Scopes whose walk was left to the timer; and where it is. */
static LLIST_HEAD(scopex_walks);
static struct llist_node *scopex_walks_taken;
static struct scopex_walk scopex_late_walk;
static struct hrtimer scopex_walk_timer;

/* First why, then that; see cancel-why.litmus. */
static void scopex_mark_cancelled(struct scopex_scope *scope, int why)
{
	trace_scopex_cancel(scope, why);
	scopex_set_error(scope, why);
	scopex_state_cancel(scope);
}

/* One step of a walk. */
static void scopex_cancel_step(struct scopex_walk *walk)
{
	scopex_inject(SCOPEX_INJECT_CANCEL_STEP);
	/* K: a scope that is cancelled already may be passed over; see join-skip.litmus. */
	if (scopex_walk_step(walk) && !scopex_cancelled(walk->at))
		scopex_mark_cancelled(walk->at, -ECANCELED);
}

/* Take some steps. Returns true if that was all. */
static bool scopex_cancel_some(struct scopex_walk *walk)
{
	unsigned int i;

	for (i = 0; i < SCOPEX_WALK_STEPS && !scopex_walk_over(walk); i++)
		scopex_cancel_step(walk);
	return scopex_walk_over(walk);
}

/* The scope whose walk the timer has to do next; its reference is the timer's. */
static struct scopex_scope *scopex_next_late(void)
{
	struct scopex_scope *scope;

	if (!scopex_walks_taken)
		scopex_walks_taken = llist_del_all(&scopex_walks);
	if (!scopex_walks_taken)
		return NULL;
	scope = container_of(scopex_walks_taken, struct scopex_scope, walk);
	scopex_walks_taken = scopex_walks_taken->next;
	return scope;
}

static void scopex_start_walk_timer(void)
{
	hrtimer_start(&scopex_walk_timer, ns_to_ktime(SCOPEX_WALK_PAUSE),
		      HRTIMER_MODE_REL_SOFT);
}

static enum hrtimer_restart scopex_walk_on(struct hrtimer *timer)
{
	struct scopex_walk *walk = &scopex_late_walk;

	if (!walk->top) {
		walk->top = scopex_next_late();
		walk->at = walk->top;
		walk->up = false;
		/* A canceller that leaves one to the timer from now on starts it again. */
		if (!walk->top)
			return HRTIMER_NORESTART;
	}
	if (scopex_cancel_some(walk)) {
		walk->top->opened = 0;
		scopex_state_end_walk(walk->top);
		scopex_put_items(walk->top, 1);
		walk->top = NULL;
	}
	/* Not HRTIMER_RESTART: a canceller may have started the timer by now. */
	scopex_start_walk_timer();
	return HRTIMER_NORESTART;
}

/*
 * Leave a walk to the timer, unless it has to do it anyway. Somebody holds the scope, as for
 * scopex_get().
 */
static void scopex_walk_later(struct scopex_scope *scope)
{
	if (!scopex_state_begin_walk(scope))
		return;
	scopex_get(scope);
	if (llist_add(&scope->walk, &scopex_walks))
		scopex_start_walk_timer();
}

/**
 * scopex_cancel_tree() - cancel a scope and all that are nested in it
 * @scope: an open scope
 * @why: its error, unless it has one; 0 for none
 *
 * Context: any but NMI, in which the scope is known to be open.
 */
void scopex_cancel_tree(struct scopex_scope *scope, int why)
{
	struct scopex_walk walk = { .top = scope, .at = scope };

	/*
	 * T: has a full barrier before the look at the children; pairs with
	 * scopex_inherit_cancel(); see cancel-nested.litmus. And before the look for those
	 * that are cancelled already, K; see join-skip.litmus.
	 */
	scopex_mark_cancelled(scope, why);
	if (!READ_ONCE(scope->children.first))
		return;
	do {
		if (scopex_cancel_some(&walk))
			return;
	} while (preemptible());
	scopex_inject(SCOPEX_INJECT_WALK_LATER);
	/*
	 * In this order: the scope below at which the walk is holds an item of this one. A
	 * detached item could be out else, and its worker no longer wait for walks.
	 */
	scopex_walk_later(scope);
	scopex_walk_end(&walk);
}

/**
 * scopex_inherit_cancel() - cancel a scope if the one that it is nested in is cancelled
 * @scope: a scope that can be found by a walk, or was joined
 *
 * Context: its owner.
 */
void scopex_inherit_cancel(struct scopex_scope *scope)
{
	if (!scope->parent)
		return;
	/*
	 * T: the scope is among the children before the look; pairs with
	 * scopex_cancel_tree(); see cancel-nested.litmus. K: the join has taken the mark away
	 * before the look; see join-nested.litmus, join-skip.litmus.
	 */
	smp_mb();
	if (scopex_cancelled(scope->parent))
		scopex_cancel_tree(scope, -ECANCELED);
}

/**
 * scopex_cancel() - ask that a scope come to an end
 * @scope: an open scope
 * @err: the reason, a negative errno; 0 for none
 *
 * Items that have not started end with -ECANCELED, without being run. Those that
 * run can ask scopex_cancelled() and return. Further submits are refused with
 * -ECANCELED until the scope was joined. The scopes that its items have opened, and
 * so on, are cancelled in the same way. This call does not wait: no item is known
 * to be out before the join, or the end of the scope.
 *
 * If nothing has failed before, the reason becomes the scope's error, which scopex_error()
 * tells at once and scopex_join() in the end, even if all items had run. That of the scopes
 * nested in it becomes -ECANCELED. Without a reason, only an item that has not run makes
 * -ECANCELED the scope's error.
 *
 * Context: any but NMI, in which the scope is known to be open: its owner, its
 * items. Takes time for each scope nested in it where the caller can be preempted;
 * elsewhere for some of them, and a timer cancels the others, eight of them each 20 us;
 * without high-resolution timers, eight each tick.
 */
void scopex_cancel(struct scopex_scope *scope, int err)
{
	u64 kind = scopex_kind(scope, atomic64_read(&scope->state));

	if (unlikely(err && !IS_ERR_VALUE((long)err))) {
		scopex_misuse("%pS cancels a scope because of %d, which is no errno",
			      (void *)_RET_IP_, err);
		err = -EINVAL;
	}
	if (likely(kind == SCOPEX_OPEN))
		scopex_cancel_tree(scope, err);
	else if (kind != SCOPEX_REFUSED)
		scopex_not_open(scope, "cancels", _RET_IP_);
}
EXPORT_SYMBOL_GPL(scopex_cancel);

/**
 * scopex_fail() - an item of a scope has failed
 * @scope: the scope
 * @err: its error
 *
 * Context: the item's worker.
 */
void scopex_fail(struct scopex_scope *scope, int err)
{
	trace_scopex_error(scope, err);
	if (scope->flags & SCOPEX_FAIL_FAST)
		scopex_cancel(scope, err);
	else
		scopex_set_error(scope, err);
}

/**
 * scopex_cancel_init() - set the timer up
 */
void scopex_cancel_init(void)
{
	hrtimer_setup(&scopex_walk_timer, scopex_walk_on, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_SOFT);
}

/**
 * scopex_cancel_exit() - wait until the timer has nothing left to do
 *
 * Context: process context; sleeps. No scope is open.
 */
void scopex_cancel_exit(void)
{
	hrtimer_cancel(&scopex_walk_timer);
}
