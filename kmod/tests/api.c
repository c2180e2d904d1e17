// SPDX-License-Identifier: GPL-2.0
/* Suite "api": what each call promises, case by case */

#include <linux/delay.h>
#include <linux/slab.h>

#include "test.h"

/* Run one body in a scope, and check that it was called. */
struct body {
	struct scopex_test	*test;
	struct test_item	*items;
	unsigned int		nr;
	unsigned int		calls;
	int			ret;
};

static int count_body(struct scopex_scope *scope, void *arg)
{
	struct body *body = arg;

	body->calls++;
	return body->ret;
}

static void run_without_items(struct scopex_test *test)
{
	struct body body = { .test = test };

	EXPECT_EQ(test, scopex_run(count_body, &body), 0);
	body.ret = -EILSEQ;
	EXPECT_EQ(test, scopex_run(count_body, &body), -EILSEQ);
	EXPECT_EQ(test, body.calls, 2);
}

static int submit_all_body(struct scopex_scope *scope, void *arg)
{
	struct body *body = arg;
	unsigned int i;

	for (i = 0; i < body->nr; i++)
		EXPECT_EQ(body->test,
			  scopex_submit(scope, &body->items[i].work), 0);
	return body->ret;
}

/* The call returns after the last item, and the caller sees what all items wrote. */
static void run_drains(struct scopex_test *test)
{
	struct body body = { .test = test, .nr = 1000 };
	unsigned int i;

	body.items = test_items(body.nr);
	if (!EXPECT(test, body.items))
		return;
	EXPECT_EQ(test, scopex_run(submit_all_body, &body), 0);
	for (i = 0; i < body.nr; i++) {
		EXPECT_EQ(test, atomic_read(&body.items[i].runs), 1);
		EXPECT_EQ(test, scopex_work_result(&body.items[i].work), 0);
	}
	kvfree(body.items);
}

struct local {
	struct scopex_test	*test;
	unsigned int		cpu;
};

static int local_thread(void *data)
{
	struct local *local = data;
	struct scopex_test *test = local->test;
	struct test_item item;

	test_item_init(&item);
	scopex_scope(s)
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &item.work), 0);
	EXPECT_EQ(test, atomic_read(&item.runs), 1);
	if (test_served(local->cpu))
		EXPECT_EQ(test, item.cpu, local->cpu);
	else
		EXPECT(test, test_served(item.cpu));
	test_thread_until_stopped();
	return 0;
}

/*
 * From each CPU, wherever this test happens to run: the items of a CPU that has no worker
 * (see module.sh) run on another one, or never.
 */
static void submit_runs_on_this_cpu(struct scopex_test *test)
{
	struct local local = { .test = test };

	for_each_online_cpu(local.cpu)
		test_thread_stop(test_thread(test, local_thread, &local,
					     local.cpu));
}

static void submit_on_runs_on_that_cpu(struct scopex_test *test)
{
	struct test_item item;
	unsigned int cpu;

	for_each_online_cpu(cpu) {
		if (!test_served(cpu))
			continue;
		test_item_init(&item);
		scopex_scope(s)
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &item.work), 0);
		EXPECT_EQ(test, atomic_read(&item.runs), 1);
		EXPECT_EQ(test, item.cpu, cpu);
	}
}

static void items_start_before_the_join(struct scopex_test *test)
{
	struct test_gate gate;
	struct test_item item;

	test_gated_item_init(&item, &gate);
	scopex_scope(s) {
		if (!EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &item.work), 0))
			return;
		wait_for_completion(&gate.reached);
		EXPECT(test, scopex_work_busy(&item.work));
		EXPECT_EQ(test, scopex_work_result(&item.work), -EINPROGRESS);
		complete(&gate.go);
	}
	EXPECT(test, !scopex_work_busy(&item.work));
}

/* A CPU runs the items of one submitter in the order of the submits. */
static void one_cpu_keeps_the_order(struct scopex_test *test)
{
	unsigned int i, nr = 500, cpu = test_this_cpu();
	struct test_item *items = test_items(nr);
	atomic_t turn = ATOMIC_INIT(0);

	if (!EXPECT(test, items))
		return;
	scopex_scope(s)
		for (i = 0; i < nr; i++) {
			items[i].turn = &turn;
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &items[i].work), 0);
		}
	for (i = 0; i < nr; i++)
		EXPECT_EQ(test, items[i].order, i + 1);
	kvfree(items);
}

static void first_error_wins(struct scopex_test *test)
{
	unsigned int i, cpu = test_this_cpu();
	struct test_item items[5];

	for (i = 0; i < ARRAY_SIZE(items); i++) {
		test_item_init(&items[i]);
		items[i].ret = i < 2 ? 0 : -(int)i;
	}
	scopex_scope(s) {
		for (i = 0; i < ARRAY_SIZE(items); i++)
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &items[i].work), 0);
		EXPECT_EQ(test, scopex_join(s), -2);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; i < ARRAY_SIZE(items); i++) {
		EXPECT_EQ(test, atomic_read(&items[i].runs), 1);
		EXPECT_EQ(test, scopex_work_result(&items[i].work), items[i].ret);
	}
}

static int item_error_first_body(struct scopex_scope *scope, void *arg)
{
	struct test_item *item = arg;

	WARN_ON(scopex_submit_on(scope, SCOPEX_CPU_LOCAL, &item->work));
	while (scopex_work_busy(&item->work))
		cond_resched();
	return -EILSEQ;
}

static void item_error_before_body_error(struct scopex_test *test)
{
	struct test_item item;

	test_item_init(&item);
	item.ret = -EXDEV;
	EXPECT_EQ(test, scopex_run(item_error_first_body, &item), -EXDEV);
}

/* Rounds reuse the scope and its items. */
static void join_starts_another_round(struct scopex_test *test)
{
	struct test_item items[8];
	unsigned int i, round;

	for (i = 0; i < ARRAY_SIZE(items); i++)
		test_item_init(&items[i]);
	scopex_scope(s)
		for (round = 1; round <= 20; round++) {
			items[3].ret = round & 1 ? -EAGAIN : 0;
			for (i = 0; i < ARRAY_SIZE(items); i++)
				EXPECT_EQ(test, scopex_submit(s, &items[i].work), 0);
			EXPECT_EQ(test, scopex_join(s), items[3].ret);
			for (i = 0; i < ARRAY_SIZE(items); i++)
				EXPECT_EQ(test, atomic_read(&items[i].runs), round);
		}
}

/* A binary tree of items in an array, each submitting its children. */
struct tree {
	struct scopex_work	work;
	struct tree		*nodes;
	unsigned int		index;
	unsigned int		nr;
	int			refused;
	atomic_t		runs;
};

static int tree_fn(struct scopex_work *work)
{
	struct tree *node = container_of(work, struct tree, work);
	unsigned int child;

	atomic_inc(&node->runs);
	for (child = 2 * node->index + 1;
	     child <= 2 * node->index + 2 && child < node->nr; child++)
		if (scopex_submit(scopex_work_scope(work),
				  &node->nodes[child].work))
			node->refused++;
	return 0;
}

/* The owner waits all the while: the scope stays open for its own items. */
static void items_submit_items(struct scopex_test *test)
{
	unsigned int i, nr = 1023;
	struct tree *nodes = kvcalloc(nr, sizeof(*nodes), GFP_KERNEL);

	if (!EXPECT(test, nodes))
		return;
	for (i = 0; i < nr; i++) {
		scopex_work_init(&nodes[i].work, tree_fn);
		nodes[i].nodes = nodes;
		nodes[i].index = i;
		nodes[i].nr = nr;
	}
	scopex_scope(s)
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &nodes[0].work), 0);
	for (i = 0; i < nr; i++) {
		EXPECT_EQ(test, nodes[i].refused, 0);
		EXPECT_EQ(test, atomic_read(&nodes[i].runs), 1);
	}
	kvfree(nodes);
}

enum way_out { AT_END, BY_BREAK, BY_CONTINUE, BY_GOTO, BY_RETURN, WAYS_OUT };

static int slow_fn(struct scopex_work *work)
{
	struct test_item *item = container_of(work, struct test_item, work);

	/* Long enough for a block that does not drain to end before it. */
	msleep(20);
	atomic_inc(&item->runs);
	return 0;
}

static void leave_block(struct test_item *item, enum way_out way)
{
	scopex_scope(s) {
		WARN_ON(scopex_submit_on(s, SCOPEX_CPU_LOCAL, &item->work));
		if (way == BY_BREAK)
			break;
		if (way == BY_CONTINUE)
			continue;
		if (way == BY_GOTO)
			goto out;
		if (way == BY_RETURN)
			return;
	}
out:
	return;
}

/* Hazard 10: the wait can't be skipped. */
static void every_way_out_drains(struct scopex_test *test)
{
	struct test_item item;
	enum way_out way;

	for (way = 0; way < WAYS_OUT; way++) {
		test_item_init(&item);
		item.work.fn = slow_fn;
		leave_block(&item, way);
		EXPECT_EQ(test, atomic_read(&item.runs), 1);
	}
}

/* The block may return, have any name, and set variables that the code after it uses. */
static int result_of_a_block(struct test_item *item)
{
	scopex_scope(open) {
		WARN_ON(scopex_submit_on(open, SCOPEX_CPU_LOCAL, &item->work));
		return scopex_join(open);
	}
}

static void compiler_sees_that_the_block_is_executed(struct scopex_test *test)
{
	struct test_item item;
	int err;

	test_item_init(&item);
	item.ret = -EDOM;
	EXPECT_EQ(test, result_of_a_block(&item), -EDOM);
	scopex_scope(s)
		err = scopex_submit_on(s, SCOPEX_CPU_LOCAL, &item.work);
	EXPECT_EQ(test, err, 0);
	EXPECT_EQ(test, atomic_read(&item.runs), 2);
}

static void scopes_nest_in_one_task(struct scopex_test *test)
{
	struct test_item outer_item, inner_item;

	test_item_init(&outer_item);
	test_item_init(&inner_item);
	scopex_scope(outer) {
		EXPECT_EQ(test, scopex_submit(outer, &outer_item.work), 0);
		scopex_scope(inner)
			EXPECT_EQ(test, scopex_submit(inner, &inner_item.work), 0);
		EXPECT_EQ(test, atomic_read(&inner_item.runs), 1);
	}
	EXPECT_EQ(test, atomic_read(&outer_item.runs), 1);
}

/* Several tasks, each with its own scopes, over all CPUs at once. */
struct crowd {
	struct scopex_test	*test;
	struct test_item	items[32];
};

static int crowd_thread(void *data)
{
	struct crowd *crowd = data;
	unsigned int i, round;

	for (round = 1; round <= 200; round++) {
		scopex_scope(s)
			for (i = 0; i < ARRAY_SIZE(crowd->items); i++)
				EXPECT_EQ(crowd->test,
					  scopex_submit(s, &crowd->items[i].work), 0);
		for (i = 0; i < ARRAY_SIZE(crowd->items); i++)
			EXPECT_EQ(crowd->test,
				  atomic_read(&crowd->items[i].runs), round);
		cond_resched();
	}
	test_thread_until_stopped();
	return 0;
}

static void many_scopes_share_the_workers(struct scopex_test *test)
{
	struct task_struct *threads[4];
	struct crowd *crowds;
	unsigned int i, j;

	crowds = kvcalloc(ARRAY_SIZE(threads), sizeof(*crowds), GFP_KERNEL);
	if (!EXPECT(test, crowds))
		return;
	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		crowds[i].test = test;
		for (j = 0; j < ARRAY_SIZE(crowds[i].items); j++)
			test_item_init(&crowds[i].items[j]);
		threads[i] = test_thread(test, crowd_thread, &crowds[i], nr_cpu_ids);
	}
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		test_thread_stop(threads[i]);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		for (j = 0; j < ARRAY_SIZE(crowds[i].items); j++)
			EXPECT_EQ(test, atomic_read(&crowds[i].items[j].runs), 200);
	kvfree(crowds);
}

static const struct scopex_case api_cases[] = {
	SCOPEX_CASE(run_without_items),
	SCOPEX_CASE(run_drains),
	SCOPEX_CASE(submit_runs_on_this_cpu),
	SCOPEX_CASE(submit_on_runs_on_that_cpu),
	SCOPEX_CASE(items_start_before_the_join),
	SCOPEX_CASE(one_cpu_keeps_the_order),
	SCOPEX_CASE(first_error_wins),
	SCOPEX_CASE(item_error_before_body_error),
	SCOPEX_CASE(join_starts_another_round),
	SCOPEX_CASE(items_submit_items),
	SCOPEX_CASE(every_way_out_drains),
	SCOPEX_CASE(compiler_sees_that_the_block_is_executed),
	SCOPEX_CASE(scopes_nest_in_one_task),
	SCOPEX_CASE(many_scopes_share_the_workers),
#ifndef MODULE
	SCOPEX_CASE(test_before_the_init),
#endif
};

SCOPEX_SUITE(api, api_cases);
