/* SPDX-License-Identifier: GPL-2.0 */
/* scopex_test: what the tests of tasks share */
#ifndef _SCOPEX_TEST_TASK_H
#define _SCOPEX_TEST_TASK_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/list.h>
#include <linux/scopex_task.h>
#include <linux/spinlock.h>

struct scopex_test;

/**
 * struct test_bell - what tasks of the tests wait for: it rings for one call of each
 * @lock: protects the other fields
 * @waiters: the awaits of those that wait
 * @rung: it has rung
 */
struct test_bell {
	raw_spinlock_t		lock;
	struct list_head	waiters;
	bool			rung;
};

/**
 * struct test_hearing - a task waits for a bell
 * @await: the await
 * @node: link among @waiters of the bell
 * @bell: the bell
 */
struct test_hearing {
	struct scopex_await	await;
	struct list_head	node;
	struct test_bell	*bell;
};

void test_bell_init(struct test_bell *bell);
void test_bell_ring(struct test_bell *bell);
struct scopex_await *test_hear(struct test_hearing *hearing, struct test_bell *bell);
struct scopex_await *test_hear_for_sure(struct test_hearing *hearing, struct test_bell *bell);

/**
 * struct test_task - a task of the tests, which waits for a bell once
 * @task: the task
 * @hearing: how it waits
 * @bell: the bell
 * @err: what the wait has returned
 * @ret: what the task returns; if 0, then @err
 * @calls: how often its function was called
 * @cpu: where that was the last time
 * @order: its place among the tasks that count in @turn
 * @turn: counts the tasks that are completed; may be NULL
 */
struct test_task {
	struct scopex_task	task;
	struct test_hearing	hearing;
	struct test_bell	*bell;
	int			err;
	int			ret;
	atomic_t		calls;
	unsigned int		cpu;
	int			order;
	atomic_t		*turn;
};

int test_task_fn(struct scopex_task *task);

static inline void test_task_init(struct test_task *t, struct test_bell *bell)
{
	*t = (struct test_task){ .task = SCOPEX_TASK_INIT(test_task_fn), .bell = bell };
}

void test_until_waiting(struct scopex_task *task);
struct test_task *test_tasks(struct scopex_test *test, struct scopex_scope *s,
			     struct test_bell *bell, unsigned int nr);
void test_expect_task(struct scopex_test *test, struct test_task *t, int result,
		      unsigned int calls);

#endif /* _SCOPEX_TEST_TASK_H */
