// SPDX-License-Identifier: GPL-2.0
/* An owner waits */

#include <linux/atomic.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include <trace/events/scopex.h>

#include "config.h"
#include "cpu.h"
#include "hand_over.h"
#include "resched.h"
#include "serial.h"
#include "state.h"
#include "wait.h"

unsigned int scopex_how_to_wait(const struct scopex_scope *scope)
{
	return scope->flags & SCOPEX_KILLABLE ? TASK_KILLABLE :
						TASK_UNINTERRUPTIBLE;
}

/* As set_current_state(); the first fatal signal cancels, and is the last heard. */
void scopex_set_waiting(struct scopex_scope *scope, unsigned int *how)
{
	if (*how == TASK_KILLABLE && fatal_signal_pending(current)) {
		scopex_cancel_with(scope, -EINTR);
		*how = TASK_UNINTERRUPTIBLE;
	}
	set_current_state(*how);
}

/* Look for the end of the items before sleeping. If they need this CPU, they get it. */
static noinline u64 scopex_spin_for_items(struct scopex_scope *scope)
{
	bool killable = scope->flags & SCOPEX_KILLABLE;

	scopex_spin_while(!scopex_drained(atomic64_read(&scope->state)) &&
			  !(killable && fatal_signal_pending(current)));
	/* Acquire A: as in scopex_drain_scope(). */
	return atomic64_read_acquire(&scope->state);
}

/**
 * scopex_drain_scope() - wait until no reference but the owner's is left
 * @scope: the scope
 *
 * A signal can make it short, but not end it: a wait that ended early would leave items on
 * a dead frame.
 *
 * Context: process context of the owner; sleeps.
 *
 * Return: its state then.
 */
u64 scopex_drain_scope(struct scopex_scope *scope)
{
	unsigned int how;
	/* Acquire A: pairs with scopex_put_items(); see put-drain.litmus. */
	u64 state = atomic64_read_acquire(&scope->state);
	struct scopex_worker *w;

	if (scopex_drained(state))
		return state;

	trace_scopex_wait(scope);
	scope->rounds++;
	w = scopex_owner_worker(scope);
	if (state & SCOPEX_SERIAL) {
		state = scopex_drain_serial(scope, w);
		trace_scopex_waited(scope);
		return state;
	}
	if (w) {
		scopex_hand_over(w);
	} else if (scopex_config.spin_us) {
		state = scopex_spin_for_items(scope);
		if (scopex_drained(state)) {
			trace_scopex_waited(scope);
			return state;
		}
	}
	how = scopex_how_to_wait(scope);
	atomic64_or(SCOPEX_WAITING, &scope->state);
	for (;;) {
		/*
		 * B: pairs with wake_up_process() in scopex_put_items(); see
		 * drain-wake.litmus.
		 */
		scopex_set_waiting(scope, &how);
		/* Acquire A: as above. */
		state = atomic64_read_acquire(&scope->state);
		if (scopex_drained(state))
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	trace_scopex_waited(scope);
	return state;
}
