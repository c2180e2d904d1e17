// SPDX-License-Identifier: GPL-2.0
/*
 * Cancellation: a scope, and all that are nested in it
 *
 * Theory of operation
 *
 * The walk. A canceller marks the scope, then walks through the scopes below it (see
 * registry.c) and marks each of them. It marks a parent before it looks for its children. The
 * opener of a nested scope lists it, and then looks at its parent. Each side has a full
 * barrier in between. So the walk finds a scope that is opened during the walk, or the opener
 * finds the mark of the parent; see cancel-nested.litmus. One look at the parent is enough:
 * the mark stays until the parent is joined, and the parent can't be drained before the child
 * is closed; see cancel-levels.litmus.
 *
 * The time. A canceller may be an interrupt, that of a deadline for example, so the walk must
 * not take time for each scope there. A caller that can be preempted walks to the end. Any
 * other caller makes a limited number of steps. If these are not enough, it takes a reference
 * on the scope and leaves it to a timer. The timer makes as many steps, from the top again,
 * lets interrupts in, and goes on until the walk is over. Because of the reference, the owner
 * waits for the end of that walk, too.
 *
 * The timer makes 16 steps, two for each scope, and pauses for 20 us. Without high-resolution
 * timers the pause is a tick: then 100,000 scopes take 12,500 ticks, which is 50 s at 250
 * ticks a second.
 *
 * The error. The scope that is cancelled gets the canceller's reason as its error. The scopes
 * below it get -ECANCELED. So the owner of a nested scope can tell the end of its own time,
 * -ETIME, from a cancellation from outside. It can't tell it from an item that has returned
 * -ETIME.
 *
 * A canceller stores the reason before the mark, with a full barrier in between. So an item
 * that finds the mark does not store -ECANCELED first, and a join that finds the mark finds
 * the reason; see cancel-why.litmus. For a join that clears the mark see scope.c.
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
#include "waker.h"

/*
 * The number of steps of a walk with interrupts off. "make check WHAT=latency" finds 1000
 * instructions for each step, its tracing of the locks included.
 */
#define SCOPEX_WALK_STEPS	16

/* How many tasks are woken in a step. */
#define SCOPEX_STEP_TASKS	8

/* The pause of the timer between two parts of a walk. */
#define SCOPEX_WALK_PAUSE	(20 * NSEC_PER_USEC)

/* The scopes whose walk was left to the timer, and the walk that the timer has begun. */
static LLIST_HEAD(scopex_walks);
static struct llist_node *scopex_walks_taken;
static struct scopex_walk scopex_late_walk;
static struct hrtimer scopex_walk_timer;

/* Store the reason, then the mark; see cancel-why.litmus. */
static void scopex_mark_cancelled(struct scopex_scope *scope, int why)
{
	trace_scopex_cancel(scope, why);
	scopex_set_error(scope, why);
	scopex_state_cancel(scope);
}

static void scopex_cancel_step(struct scopex_walk *walk)
{
	scopex_inject(SCOPEX_INJECT_CANCEL_STEP);
	if (scopex_tell_tasks(walk->at, SCOPEX_STEP_TASKS))
		return;
	/*
	 * Pass over a scope that is marked. If its join clears the mark at this moment, the
	 * join looks at the parent, which is marked; see join-skip.litmus.
	 */
	if (scopex_walk_step(walk) && !scopex_cancelled(walk->at))
		scopex_mark_cancelled(walk->at, -ECANCELED);
}

/* Make some steps. Returns true if the walk is over. */
static bool scopex_cancel_some(struct scopex_walk *walk)
{
	unsigned int i;

	for (i = 0; i < SCOPEX_WALK_STEPS && !scopex_walk_over(walk); i++)
		scopex_cancel_step(walk);
	return scopex_walk_over(walk);
}

/* Returns the next scope for the timer, with a reference that the timer gives back; or NULL. */
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
		/* A canceller that leaves a walk to the timer from now on starts it again. */
		if (!walk->top)
			return HRTIMER_NORESTART;
	}
	if (scopex_cancel_some(walk)) {
		walk->top->opened = 0;
		scopex_state_end_walk(walk->top);
		scopex_put(walk->top);
		walk->top = NULL;
	}
	/* Not HRTIMER_RESTART: a canceller may have started the timer by now. */
	scopex_start_walk_timer();
	return HRTIMER_NORESTART;
}

/*
 * Leave a walk to the timer, unless the timer has it already. The caller knows that the scope
 * is open: another reference keeps it, as for scopex_get().
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
 * @why: becomes its error, unless it has one; 0 for no reason
 *
 * Context: any but NMI; the caller knows that the scope is open.
 */
void scopex_cancel_tree(struct scopex_scope *scope, int why)
{
	struct scopex_walk walk = { .top = scope, .at = scope };

	/*
	 * A full barrier, in scopex_state_cancel(), orders the mark before the look at the
	 * children, and before the look at their marks; pairs with scopex_inherit_cancel(); see
	 * cancel-nested.litmus and join-skip.litmus.
	 */
	scopex_mark_cancelled(scope, why);
	if (!READ_ONCE(scope->children.first) && !READ_ONCE(scope->tasks.next))
		return;
	do {
		if (scopex_cancel_some(&walk))
			return;
	} while (preemptible() && !scopex_has_tasks(walk.at));
	scopex_inject(SCOPEX_INJECT_WALK_LATER);
	/*
	 * Keep this order. The walk's reference on a scope below keeps an item of this scope
	 * from being completed. Without it, a detached item could be completed first, and its
	 * worker would not wait for the timer.
	 */
	scopex_walk_later(scope);
	scopex_walk_end(&walk);
}

/**
 * scopex_inherit_cancel() - cancel a scope if the one that it is nested in is cancelled
 * @scope: a scope that is listed, or was joined
 *
 * Context: its owner.
 */
void scopex_inherit_cancel(struct scopex_scope *scope)
{
	if (!scope->parent)
		return;
	/*
	 * A full barrier before the look at the parent; pairs with scopex_cancel_tree(). An
	 * opener has listed the scope before; see cancel-nested.litmus. A join has cleared the
	 * mark of the scope before; see join-nested.litmus, join-skip.litmus.
	 */
	smp_mb();
	if (scopex_cancelled(scope->parent))
		scopex_cancel_tree(scope, -ECANCELED);
}

/**
 * scopex_cancel() - cancel a scope: none of its items starts from now on
 * @scope: an open scope
 * @err: the reason, a negative errno; 0 for no reason
 *
 * Items that have not started are completed with -ECANCELED, and do not run. Items that run
 * can ask scopex_cancelled() and return. Further submits are refused with -ECANCELED until
 * the scope is joined. The scopes that its items have opened, and so on, are cancelled in the
 * same way. This call does not wait: items may run until the join, or the end of the scope.
 *
 * The reason becomes the scope's error if the scope has none. scopex_error() returns it at
 * once, and scopex_join() in the end, even if all items had run. The error of the scopes
 * nested in it becomes -ECANCELED. Without a reason, -ECANCELED becomes the error of the scope
 * only if an item did not run.
 *
 * Context: any but NMI; the caller knows that the scope is open: it is the owner or an item.
 * A caller that can be preempted takes time for each nested scope. Any other caller cancels
 * some of them, and leaves the rest to a timer, which cancels eight scopes each 20 us; without
 * high-resolution timers, eight each tick.
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
 * scopex_fail() - note the error of an item
 * @scope: the scope of the item
 * @err: the error
 *
 * Cancels the scope if it is SCOPEX_FAIL_FAST.
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
 * scopex_cancel_init() - set up the timer
 */
void scopex_cancel_init(void)
{
	hrtimer_setup(&scopex_walk_timer, scopex_walk_on, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_SOFT);
}

/**
 * scopex_cancel_exit() - wait until the timer has no walk left
 *
 * Context: process context; sleeps. No scope is open.
 */
void scopex_cancel_exit(void)
{
	hrtimer_cancel(&scopex_walk_timer);
}
