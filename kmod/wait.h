/* SPDX-License-Identifier: GPL-2.0 */
/* An owner waits */
#ifndef _SCOPEX_WAIT_H
#define _SCOPEX_WAIT_H

#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/scopex.h>

#include "hand_over.h"
#include "option.h"

u64 scopex_drain_scope(struct scopex_scope *scope);

static inline unsigned int scopex_how_to_wait(const struct scopex_scope *scope)
{
	return scope->flags & SCOPEX_KILLABLE ? TASK_KILLABLE :
						TASK_UNINTERRUPTIBLE;
}

/* As set_current_state(); the first fatal signal cancels, and is the last heard. */
static inline void scopex_set_waiting(struct scopex_scope *scope, unsigned int *how)
{
	if (*how == TASK_KILLABLE && fatal_signal_pending(current)) {
		scopex_cancel(scope, -EINTR);
		*how = TASK_UNINTERRUPTIBLE;
	}
	set_current_state(*how);
}

/**
 * scopex_sleep_until() - the owner of a scope sleeps until a condition holds
 * @_scope: the scope
 * @_w: the owner, if it is a worker, else NULL
 * @_cond: the condition; looked at after the owner has set its task state, with a full
 *	barrier in between, and again after each wake-up
 *
 * A worker lets another one serve its queue meanwhile, unless an option of the scope leaves
 * the items to the owner.
 */
#define scopex_sleep_until(_scope, _w, _cond)				\
do {									\
	u64 __state = atomic64_read(&(_scope)->state);			\
	bool __poll = __state & scopex_hooks.poll;			\
	unsigned int __how = scopex_how_to_wait(_scope);		\
									\
	if ((_w) && !__poll)						\
		scopex_hand_over(_w);					\
	for (;;) {							\
		if (__poll)						\
			scopex_option_poll(_w, _scope, __state);	\
		scopex_set_waiting(_scope, &__how);			\
		if (_cond)						\
			break;						\
		if (!__poll || scopex_option_idle(_scope, __state))	\
			schedule();					\
		__set_current_state(TASK_RUNNING);			\
	}								\
	__set_current_state(TASK_RUNNING);				\
} while (0)

#endif /* _SCOPEX_WAIT_H */
