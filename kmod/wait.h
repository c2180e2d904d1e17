/* SPDX-License-Identifier: GPL-2.0 */
/* The owner's wait: see wait.c */
#ifndef _SCOPEX_WAIT_H
#define _SCOPEX_WAIT_H

#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/scopex.h>

#include "hand_over.h"
#include "option.h"
#include "sleep.h"

struct scopex_worker;

u64 scopex_drain_scope(struct scopex_scope *scope);

static inline unsigned int scopex_how_to_wait(const struct scopex_scope *scope)
{
	return scope->flags & SCOPEX_KILLABLE ? TASK_KILLABLE :
						TASK_UNINTERRUPTIBLE;
}

/*
 * Set the task state, as set_current_state() does. The first fatal signal cancels the scope.
 * After that the owner does not listen to signals: the pending one would keep it from
 * sleeping.
 */
static inline void scopex_set_waiting(struct scopex_scope *scope, unsigned int *how)
{
	if (*how == TASK_KILLABLE && fatal_signal_pending(current)) {
		scopex_cancel(scope, -EINTR);
		*how = TASK_UNINTERRUPTIBLE;
	}
	set_current_state(*how);
}

/*
 * Do the work that an option leaves to the owner, then set the task state. If there is new
 * work by then, the owner stays runnable, so schedule() does not let it sleep.
 */
static __always_inline void scopex_poll_and_set_waiting(struct scopex_worker *w,
							struct scopex_scope *scope,
							u64 state, unsigned int *how)
{
	bool poll = state & scopex_hooks.poll;

	if (poll)
		scopex_option_poll(w, scope, state);
	scopex_set_waiting(scope, how);
	if (poll && !scopex_option_idle(scope, state))
		__set_current_state(TASK_RUNNING);
}

/**
 * scopex_wait_until() - the owner of a scope sleeps until a condition holds
 * @scope: the scope
 * @w: the owner, if it is a worker, else NULL
 * @over: the condition. The owner asks it after it has set its task state, with a full
 *	barrier in between, and again after each wake-up.
 * @arg: for @over
 *
 * A worker hands its queue over first, unless an option of the scope leaves the items to the
 * owner.
 */
static __always_inline void
scopex_wait_until(struct scopex_scope *scope, struct scopex_worker *w,
		  bool (*over)(const struct scopex_scope *scope, void *arg), void *arg)
{
	u64 state = atomic64_read(&scope->state);
	unsigned int how = scopex_how_to_wait(scope);

	if (w && !(state & scopex_hooks.poll))
		scopex_hand_over(w);
	scopex_sleep_until(scopex_poll_and_set_waiting(w, scope, state, &how),
			   over(scope, arg));
}

#endif /* _SCOPEX_WAIT_H */
