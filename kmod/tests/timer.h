/* SPDX-License-Identifier: GPL-2.0 */
/* scopex_test: tasks that sleep */
#ifndef _SCOPEX_TEST_TIMER_H
#define _SCOPEX_TEST_TIMER_H

#include <linux/atomic.h>
#include <linux/scopex_timer.h>

/* No test waits for that long. */
#define TEST_NEVER_US	(3600LL * USEC_PER_SEC)

/**
 * struct sleeper - a task that sleeps once
 * @task: the task
 * @timer: its timer
 * @us: for how long, if @until is 0
 * @until: when it wakes up
 * @err: what the wait has returned
 * @calls: how often its function was called
 * @begun: the time before the wait
 * @ended: the time after it
 * @order: its place among the tasks that count in @turn
 * @turn: counts the tasks that have slept; may be NULL
 */
struct sleeper {
	struct scopex_task	task;
	struct scopex_timer	timer;
	s64			us;
	ktime_t			until;
	int			err;
	atomic_t		calls;
	ktime_t			begun;
	ktime_t			ended;
	int			order;
	atomic_t		*turn;
};

int sleeper_fn(struct scopex_task *task);

static inline void sleeper_init(struct sleeper *s, s64 us)
{
	*s = (struct sleeper){ .task = SCOPEX_TASK_INIT(sleeper_fn), .us = us };
}

void test_until_asleep(struct scopex_task *task);
struct sleeper *sleepers_begin(struct scopex_test *test, struct scopex_scope *s, unsigned int nr,
			       s64 step_us, int cpu, atomic_t *turn);
void expect_slept(struct scopex_test *test, struct sleeper *s, int result);

#endif /* _SCOPEX_TEST_TIMER_H */
