// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "nest", in part: items that wait for something else than a scope
 *
 * In suite "prompt", each wait hands over by itself: nothing is left to the watchdog, which
 * nest.sh sees in the counters. Suite "fresh" is for a module with no worker on standby, and
 * for stall.sh.
 */

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "test.h"

/* An item that waits, with or without saying so, and one that ends the wait. */
struct pair {
	struct scopex_work	waits;
	struct scopex_work	frees;
	struct completion	go;
	struct task_struct	*waiter;
	struct task_struct	*runner;
	unsigned int		cpu;
	unsigned int		calls;
};

static int frees_fn(struct scopex_work *work)
{
	struct pair *pair = container_of(work, struct pair, frees);

	pair->runner = current;
	complete(&pair->go);
	return 0;
}

static int blocks_fn(struct scopex_work *work)
{
	struct pair *pair = container_of(work, struct pair, waits);

	pair->waiter = current;
	while (pair->calls--)
		scopex_will_block();
	/* After the cases before, no other worker may exist yet. */
	while (!wait_for_completion_timeout(&pair->go, msecs_to_jiffies(50)))
		scopex_will_block();
	return 0;
}

static void pair_init(struct pair *pair, scopex_fn_t fn, unsigned int calls)
{
	*pair = (struct pair){ .cpu = test_this_cpu(), .calls = calls };
	scopex_work_init(&pair->waits, fn);
	scopex_work_init(&pair->frees, frees_fn);
	init_completion(&pair->go);
}

/* The item would wait for good if the one behind it did not run. */
static void item_that_blocks_lets_others_run(struct scopex_test *test)
{
	unsigned int calls;
	struct pair pair;

	for (calls = 1; calls <= 3; calls++) {
		pair_init(&pair, blocks_fn, calls);
		scopex_scope(s) {
			EXPECT_EQ(test, scopex_submit_on(s, pair.cpu, &pair.waits), 0);
			EXPECT_EQ(test, scopex_submit_on(s, pair.cpu, &pair.frees), 0);
			EXPECT_EQ(test, scopex_join(s), 0);
		}
		EXPECT(test, pair.waiter != pair.runner);
	}
}

/* An item of a scope that is opened in an item. */
struct held_up {
	struct scopex_work	work;
	struct completion	*go;
};

static int waits_for_scope_fn(struct scopex_work *work)
{
	struct pair *pair = container_of(work, struct pair, waits);
	struct test_item inner;
	struct test_gate gate;

	pair->waiter = current;
	test_gated_item_init(&inner, &gate);
	scopex_scope(s) {
		if (scopex_submit(s, &inner.work))
			return -EIO;
		/* Until the one that is queued behind this has run. */
		wait_for_completion(&gate.reached);
		scopex_will_block();
		wait_for_completion(&pair->go);
		complete(&gate.go);
	}
	return 0;
}

/* It runs on another CPU until the item behind the one that waits has run. */
static int held_up_fn(struct scopex_work *work)
{
	wait_for_completion(container_of(work, struct held_up, work)->go);
	return 0;
}

static int drains_fn(struct scopex_work *work)
{
	struct pair *pair = container_of(work, struct pair, waits);
	struct held_up inner = { .work = SCOPEX_WORK_INIT(held_up_fn),
				 .go = &pair->go };
	int err;

	pair->waiter = current;
	scopex_scope(s)
		err = scopex_submit_on(s, test_other_cpu(pair->cpu), &inner.work);
	return err;
}

/* Hazard 6: another thread runs the items during the wait. */
static void nobody_runs_on_a_waiters_stack(struct scopex_test *test)
{
	scopex_fn_t waits[] = { waits_for_scope_fn, drains_fn };
	struct pair pair;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(waits); i++) {
		pair_init(&pair, waits[i], 0);
		if (test_other_cpu(pair.cpu) >= nr_cpu_ids) {
			scopex_test_skip(test, "needs two CPUs");
			return;
		}
		scopex_scope(s) {
			EXPECT_EQ(test, scopex_submit_on(s, pair.cpu, &pair.waits), 0);
			EXPECT_EQ(test, scopex_submit_on(s, pair.cpu, &pair.frees), 0);
			EXPECT_EQ(test, scopex_join(s), 0);
		}
		EXPECT(test, pair.waiter != pair.runner);
	}
}

static void outside_of_items_it_is_nothing(struct scopex_test *test)
{
	scopex_will_block();
}

/* Items that do not wait keep their order, whichever worker runs them. */
static void order_survives_a_hand_over(struct scopex_test *test)
{
	unsigned int i, nr = 64;
	struct test_item *items = test_items(nr);
	atomic_t turn = ATOMIC_INIT(0);
	struct pair pair;

	if (!EXPECT(test, items))
		return;
	pair_init(&pair, blocks_fn, 1);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, pair.cpu, &pair.waits), 0);
		for (i = 0; i < nr; i++) {
			items[i].turn = &turn;
			EXPECT_EQ(test, scopex_submit_on(s, pair.cpu,
							 &items[i].work), 0);
		}
		EXPECT_EQ(test, scopex_submit_on(s, pair.cpu, &pair.frees), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; i < nr; i++)
		EXPECT_EQ(test, items[i].order, i + 1);
	kvfree(items);
}

/*
 * Suite "prompt". An item waits for an item that is queued behind it, so often that it does
 * not matter if the watchdog is faster a few times.
 */
#define PROMPT_ROUNDS	50

static void wait_for_a_scope(struct scopex_test *test)
{
	unsigned int i;

	for (i = 0; i < PROMPT_ROUNDS; i++)
		nest_to(test, test_this_cpu(), 1);
}

static int joins_behind_fn(struct scopex_work *work)
{
	struct test_item behind;
	int err;

	test_item_init(&behind);
	scopex_scope(s, .flags = SCOPEX_JOINABLE)
		err = scopex_submit_on(s, SCOPEX_CPU_LOCAL, &behind.work) ?:
		      scopex_join_item(&behind.work);
	return err;
}

static void wait_for_an_item(struct scopex_test *test)
{
	struct scopex_work work = SCOPEX_WORK_INIT(joins_behind_fn);
	unsigned int i;

	scopex_scope(s) {
		for (i = 0; i < PROMPT_ROUNDS; i++) {
			EXPECT_EQ(test, scopex_submit_on(s, test_this_cpu(), &work), 0);
			EXPECT_EQ(test, scopex_join(s), 0);
		}
	}
}

/* It does not sleep, so only the item itself can let the others run. */
static int says_so_fn(struct scopex_work *work)
{
	struct pair *pair = container_of(work, struct pair, waits);
	unsigned long end = jiffies + 10 * HZ;

	pair->waiter = current;
	scopex_will_block();
	while (!completion_done(&pair->go) && time_before(jiffies, end))
		cond_resched();
	return completion_done(&pair->go) ? 0 : -ETIME;
}

/* Another worker runs the item that ends the wait. */
static void another_worker_frees(struct scopex_test *test, struct pair *pair)
{
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, pair->cpu, &pair->waits), 0);
		EXPECT_EQ(test, scopex_submit_on(s, pair->cpu, &pair->frees), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT(test, pair->waiter != pair->runner);
}

static void say_so(struct scopex_test *test)
{
	struct pair pair;

	pair_init(&pair, says_so_fn, 0);
	another_worker_frees(test, &pair);
}

static const struct scopex_case prompt_cases[] = {
	SCOPEX_CASE(wait_for_a_scope),
	SCOPEX_CASE(wait_for_an_item),
	SCOPEX_CASE(say_so),
};

SCOPEX_SUITE(prompt, prompt_cases);

/* Longer than the time between two looks of the watchdog. */
static int naps_fn(struct scopex_work *work)
{
	msleep(1500);
	return frees_fn(work);
}

/* A new worker is already in its first item when the watchdog first sees the worker. */
static void new_worker_begins_an_item(struct scopex_test *test)
{
	struct pair pair;

	pair_init(&pair, blocks_fn, 1);
	scopex_work_init(&pair.frees, naps_fn);
	another_worker_frees(test, &pair);
}

static const struct scopex_case fresh_cases[] = {
	SCOPEX_CASE(new_worker_begins_an_item),
};

SCOPEX_SUITE(fresh, fresh_cases);

static const struct scopex_case nest_block_cases[] = {
	SCOPEX_CASE(item_that_blocks_lets_others_run),
	SCOPEX_CASE(nobody_runs_on_a_waiters_stack),
	SCOPEX_CASE(outside_of_items_it_is_nothing),
	SCOPEX_CASE(order_survives_a_hand_over),
};

SCOPEX_SUITE_PART(nest, nest_block, nest_block_cases);
