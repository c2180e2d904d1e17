// SPDX-License-Identifier: GPL-2.0
/* scopex_test: scopes that tasks open, and whose end they await */

#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/scopex_task.h>
#include <linux/slab.h>

#include "../task.h"
#include "task.h"
#include "test.h"

#define LEAVES	4
#define DEPTH	5
#define ROUNDS	200

/**
 * struct parent - a task that opens a scope, and waits for its end
 * @task: the task
 * @inner: the scope
 * @items: items of the scope
 * @waiters: tasks of the scope
 * @bell: what they wait for
 * @flags: of the scope
 * @leaves: it does not close the scope
 * @err: the result of the scope
 * @order: its place among the tasks that are completed
 */
struct parent {
	struct scopex_task		task;
	struct scopex_task_scope	inner;
	struct test_item		items[LEAVES];
	struct test_task		waiters[LEAVES];
	struct test_bell		*bell;
	unsigned int			flags;
	bool				leaves;
	int				err;
	int				order;
};

static atomic_t ended;

static int parent_fn(struct scopex_task *task)
{
	struct parent *p = container_of(task, struct parent, task);
	unsigned int i;
	int err = 0;

	scopex_coroutine(task) {
		scopex_task_open(task, &p->inner, p->flags);
		for (i = 0; i < LEAVES && !err; i++)
			err = scopex_submit(&p->inner.scope, &p->items[i].work) ?:
			      scopex_submit(&p->inner.scope, &p->waiters[i].task.work);
		if (p->leaves)
			return 0;
		scopex_await(task, p->err, scopex_task_close(&p->inner));
		p->order = atomic_inc_return(&ended);
	}
	return p->err;
}

static struct parent *parent_of(struct scopex_test *test, struct test_bell *bell)
{
	struct parent *p = kzalloc(sizeof(*p), GFP_KERNEL);
	unsigned int i;

	if (!EXPECT(test, p))
		return NULL;
	scopex_task_init(&p->task, parent_fn);
	for (i = 0; i < LEAVES; i++) {
		test_item_init(&p->items[i]);
		test_task_init(&p->waiters[i], bell);
		p->waiters[i].turn = &ended;
	}
	atomic_set(&ended, 0);
	return p;
}

static void expect_children(struct scopex_test *test, struct parent *p, int err)
{
	unsigned int i;

	for (i = 0; i < LEAVES; i++) {
		EXPECT(test, !scopex_work_busy(&p->items[i].work));
		EXPECT_EQ(test, scopex_work_result(&p->waiters[i].task.work), err);
		EXPECT(test, p->waiters[i].order <= LEAVES);
	}
}

static void until_all_wait(struct parent *p)
{
	unsigned int i;

	for (i = 0; i < LEAVES; i++)
		test_until_waiting(&p->waiters[i].task);
	test_until_waiting(&p->task);
}

static void task_waits_for_its_scope(struct scopex_test *test)
{
	struct test_bell bell;
	struct parent *p = parent_of(test, &bell);

	if (!p)
		return;
	test_bell_init(&bell);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &p->task.work), 0);
		until_all_wait(p);
		/* A stray wake-up does not end the wait. */
		scopex_wake(&p->task);
		test_until_waiting(&p->task);
		EXPECT(test, scopex_work_busy(&p->task.work));
		test_bell_ring(&bell);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, p->order, LEAVES + 1);
	expect_children(test, p, 0);
	kfree(p);
}

static void cancel_goes_down_to_it(struct scopex_test *test)
{
	struct test_bell bell;
	struct parent *p = parent_of(test, &bell);

	if (!p)
		return;
	test_bell_init(&bell);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &p->task.work), 0);
		until_all_wait(p);
		scopex_cancel(s, -EPIPE);
		EXPECT_EQ(test, scopex_join(s), -EPIPE);
	}
	EXPECT_EQ(test, p->err, -ECANCELED);
	expect_children(test, p, -ECANCELED);
	kfree(p);
}

static void first_error_is_its_result(struct scopex_test *test)
{
	struct test_bell bell;
	struct parent *p = parent_of(test, &bell);

	if (!p)
		return;
	test_bell_init(&bell);
	p->flags = SCOPEX_FAIL_FAST;
	p->items[LEAVES - 1].ret = -EXDEV;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, test_this_cpu(), &p->task.work), 0);
		/* The bell never rings: the failure cancels the scope, and so the tasks. */
		EXPECT_EQ(test, scopex_join(s), -EXDEV);
	}
	EXPECT_EQ(test, p->err, -EXDEV);
	kfree(p);
}

/*
 * The last reference goes while the task looks, from other CPUs, again and again. A script that
 * reads debugfs/scopes in the meantime makes walks hold the last one.
 */
static void no_end_is_missed(struct scopex_test *test)
{
	struct test_bell bell;
	struct parent *p = parent_of(test, &bell);
	unsigned int round, i;

	if (!p)
		return;
	for (round = 0; round < ROUNDS; round++) {
		test_bell_init(&bell);
		atomic_set(&ended, 0);
		bell.rung = round % 2;
		scopex_scope(s) {
			EXPECT_EQ(test, scopex_submit(s, &p->task.work), 0);
			for (i = 0; !(round % 2) && i < LEAVES; i++)
				test_until_waiting(&p->waiters[i].task);
			test_bell_ring(&bell);
			EXPECT_EQ(test, scopex_join(s), 0);
		}
		EXPECT_EQ(test, p->order, LEAVES + 1);
		expect_children(test, p, 0);
	}
	kfree(p);
}

/**
 * struct level - a task that opens a scope with a task of the next level
 * @task: the task
 * @inner: the scope
 * @depth: how many levels are below
 * @bell: what the last one waits for
 * @hearing: how it waits
 */
struct level {
	struct scopex_task		task;
	struct scopex_task_scope	inner;
	unsigned int			depth;
	struct test_bell		*bell;
	struct test_hearing		hearing;
};

static int level_fn(struct scopex_task *task)
{
	struct level *level = container_of(task, struct level, task);
	int err;

	scopex_coroutine(task) {
		if (!level->depth) {
			scopex_await(task, err, test_hear(&level->hearing, level->bell));
			return err;
		}
		scopex_task_open(task, &level->inner, 0);
		err = scopex_submit(&level->inner.scope, &level[1].task.work);
		if (err)
			scopex_cancel(&level->inner.scope, err);
		scopex_await(task, err, scopex_task_close(&level->inner));
		return err;
	}
	return -EINVAL;
}

static void tasks_nest(struct scopex_test *test)
{
	struct level *levels = kcalloc(DEPTH, sizeof(*levels), GFP_KERNEL);
	struct test_bell bell;
	unsigned int i, round;

	if (!EXPECT(test, levels))
		return;
	test_bell_init(&bell);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < DEPTH; i++) {
			scopex_task_init(&levels[i].task, level_fn);
			levels[i].depth = DEPTH - 1 - i;
			levels[i].bell = &bell;
		}
		scopex_scope(s) {
			EXPECT_EQ(test, scopex_submit(s, &levels[0].task.work), 0);
			for (i = 0; i < DEPTH; i++)
				test_until_waiting(&levels[i].task);
			if (round)
				scopex_cancel(s, -ETIME);
			else
				test_bell_ring(&bell);
			EXPECT_EQ(test, scopex_join(s), round ? -ETIME : 0);
		}
		bell.rung = false;
		for (i = 0; i < DEPTH; i++)
			EXPECT_EQ(test, scopex_work_result(&levels[i].task.work),
				  round ? -ECANCELED : 0);
	}
	kfree(levels);
}

static const struct scopex_case task_scope_cases[] = {
	SCOPEX_CASE(task_waits_for_its_scope),
	SCOPEX_CASE(cancel_goes_down_to_it),
	SCOPEX_CASE(first_error_is_its_result),
	SCOPEX_CASE(no_end_is_missed),
	SCOPEX_CASE(tasks_nest),
};

SCOPEX_SUITE_PART(task, task_scope, task_scope_cases);

/* For misuse.sh. */
static void task_leaves_a_scope_open(struct scopex_test *test)
{
	struct test_bell bell;
	struct parent *p = parent_of(test, &bell);

	if (!p)
		return;
	test_bell_init(&bell);
	p->leaves = true;
	scopex_scope(s) {
		EXPECT_WARNING("scope &p->inner of it is open",
			       EXPECT_EQ(test, scopex_submit(s, &p->task.work), 0);
			       EXPECT_EQ(test, scopex_join(s), 0));
	}
	expect_children(test, p, -ECANCELED);
	kfree(p);
}

static const struct scopex_case task_leave_cases[] = {
	SCOPEX_CASE(task_leaves_a_scope_open),
};

SCOPEX_SUITE_PART(misuse, task_leave, task_leave_cases);
