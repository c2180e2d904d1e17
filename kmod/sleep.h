/* SPDX-License-Identifier: GPL-2.0 */
/* How a thread of scopex sleeps: the one loop for workers and owners */
#ifndef _SCOPEX_SLEEP_H
#define _SCOPEX_SLEEP_H

#include <linux/sched.h>

/**
 * scopex_sleep_until() - sleep until a condition holds
 * @set_state: set the task state, with a full barrier behind it, as set_current_state() does
 * @over: the condition
 *
 * The thread takes each wake-up for a hint: it sets its state again, and asks again. A task
 * that makes the condition true calls wake_up_process() afterwards, which has a full barrier
 * before its look at the task state. So one of the two sees what the other one has done, and
 * no wake-up is lost. Each caller names its partner, and the litmus test.
 */
#define scopex_sleep_until(set_state, over)				\
do {									\
	for (;;) {							\
		set_state;						\
		if (over)						\
			break;						\
		schedule();						\
	}								\
	__set_current_state(TASK_RUNNING);				\
} while (0)

#endif /* _SCOPEX_SLEEP_H */
