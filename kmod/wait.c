// SPDX-License-Identifier: GPL-2.0
/*
 * The owner's wait
 *
 * Theory of operation
 *
 * Lost wake-ups. The owner sets WAITING in the scope's word, sets its task state, and then
 * looks at the number of references. The worker gives the last reference back, and then
 * looks at the owner's task state, in wake_up_process(). Each side has a full barrier
 * between its two steps. So the owner sees that the scope is drained, or the worker sees
 * that the owner sleeps, and wakes it. WAITING and the number are in one word: if the owner
 * does not see the last put, the put sees WAITING, without a barrier. Each wait of an owner
 * goes through scopex_wait_until() in wait.h, so this order is written once.
 *
 * Signals. A signal can't end a wait. The items may use the stack frame of the owner's
 * function: if the owner returned early, they would use a dead frame. A fatal signal can
 * make the wait short: if the scope is SCOPEX_KILLABLE, the owner wakes up, cancels the
 * scope once, and waits on without listening to signals. Cancelled items do not start, and a
 * running item can ask scopex_cancelled().
 *
 * Workers. An owner that is itself in an item hands its queue over before it sleeps, since
 * the items that it waits for may be in that queue. It does not if the scope is serial: then
 * it runs the items itself; see serial.c.
 *
 * Spinning. With the parameter "spin_us" an owner outside of items looks at the state for a
 * while before it sleeps. It gives way to any other task that wants the CPU.
 */

#include <linux/atomic.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include <trace/events/scopex.h>

#include "config.h"
#include "current.h"
#include "resched.h"
#include "state.h"
#include "wait.h"

/* Spin until the scope is drained, or another task, an item perhaps, needs this CPU. */
static noinline u64 scopex_spin_for_items(struct scopex_scope *scope)
{
	bool killable = scope->flags & SCOPEX_KILLABLE;

	scopex_spin_for(scopex_is_drained(atomic64_read(&scope->state)) ||
			(killable && fatal_signal_pending(current)));
	/* Acquire: as in scopex_drain_scope(). */
	return atomic64_read_acquire(&scope->state);
}

static bool scopex_drain_is_over(const struct scopex_scope *scope, void *state)
{
	/* Acquire: as in scopex_drain_scope(). */
	*(u64 *)state = atomic64_read_acquire(&scope->state);
	return scopex_is_drained(*(u64 *)state);
}

/**
 * scopex_drain_scope() - wait until the owner's reference is the only one
 * @scope: the scope
 *
 * A signal can make the wait short, but can't end it.
 *
 * Context: process context of the owner; sleeps.
 *
 * Return: the drained state.
 */
u64 scopex_drain_scope(struct scopex_scope *scope)
{
	/*
	 * Acquire: the owner sees what the items have written; pairs with the release in
	 * scopex_put_items(); see put-drain.litmus.
	 */
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
	 * The sleep sets the task state, then a full barrier, then it looks at the state of
	 * the scope; pairs with wake_up_process() in scopex_put_items(); see
	 * drain-wake.litmus. The look is an acquire, as above.
	 */
	scopex_state_wait(scope);
	scopex_wait_until(scope, w, scopex_drain_is_over, &state);
	trace_scopex_waited(scope);
	return state;
}
