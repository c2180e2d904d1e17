// SPDX-License-Identifier: GPL-2.0
/* An owner waits */

#include <linux/atomic.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include <trace/events/scopex.h>

#include "config.h"
#include "cpu.h"
#include "resched.h"
#include "state.h"
#include "wait.h"

/* Look for the end of the items before sleeping. If they need this CPU, they get it. */
static noinline u64 scopex_spin_for_items(struct scopex_scope *scope)
{
	bool killable = scope->flags & SCOPEX_KILLABLE;

	scopex_spin_while(!scopex_is_drained(atomic64_read(&scope->state)) &&
			  !(killable && fatal_signal_pending(current)));
	/* Acquire A: as in scopex_drain_scope(). */
	return atomic64_read_acquire(&scope->state);
}

static bool scopex_drain_is_over(const struct scopex_scope *scope, void *state)
{
	/* Acquire A: as in scopex_drain_scope(). */
	*(u64 *)state = atomic64_read_acquire(&scope->state);
	return scopex_is_drained(*(u64 *)state);
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
	/* Acquire A: pairs with scopex_put_items(); see put-drain.litmus. */
	u64 state = atomic64_read_acquire(&scope->state);
	struct scopex_worker *w;

	if (scopex_is_drained(state))
		return state;

	trace_scopex_wait(scope);
	scope->rounds++;
	w = scopex_owner_worker(scope);
	if (!w && scopex_config.spin_us) {
		state = scopex_spin_for_items(scope);
		if (scopex_is_drained(state)) {
			trace_scopex_waited(scope);
			return state;
		}
	}
	/*
	 * B: the sleep sets the task state before it looks; pairs with wake_up_process() in
	 * scopex_put_items(); see drain-wake.litmus. Acquire A: as above.
	 */
	scopex_state_wait(scope);
	scopex_sleep_until(scope, w, scopex_drain_is_over, &state);
	trace_scopex_waited(scope);
	return state;
}
