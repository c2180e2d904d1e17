// SPDX-License-Identifier: GPL-2.0
/*
 * Suites for selftests/pool.sh: serial scopes beside other workers of the CPU, and away from
 * it
 *
 * As in nest.c, a case that fails may hang, and the kernel's hung-task detector reports it.
 */

#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/preempt.h>

#include "pool.h"
#include "test.h"

/**
 * struct lender - an item whose serial scope waits for an item behind it in its queue
 * @work: the item
 * @inner: the item of the serial scope: it runs again until @behind has run
 * @behind: an item of the outer scope
 * @test: the test
 * @begun: completed when @inner has run
 * @runs: how often it has run
 * @more: how often it runs at most
 */
struct lender {
	struct scopex_work	work;
	struct scopex_work	inner;
	struct test_item	behind;
	struct scopex_test	*test;
	struct completion	*begun;
	unsigned int		runs;
	unsigned int		more;
};

static int until_behind_has_run_fn(struct scopex_work *work)
{
	struct lender *lender = container_of(work, struct lender, inner);

	if (!lender->runs++)
		complete(lender->begun);
	if (atomic_read(&lender->behind.runs))
		return 0;
	udelay(8);
	return lender->runs < lender->more ? SCOPEX_AGAIN : -ETIME;
}

static int lender_fn(struct scopex_work *work)
{
	struct lender *lender = container_of(work, struct lender, work);
	struct scopex_test *test = lender->test;

	scopex_scope(s) {
		EXPECT(test, is_serial(s));
		EXPECT_EQ(test, scopex_submit_on(scopex_work_scope(work), CROWD_CPU,
						 &lender->behind.work), 0);
		EXPECT_EQ(test, scopex_submit(s, &lender->inner), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	return 0;
}

/* The queue is unserved then, until the holder's worker takes it over. */
static void item_that_runs_again_lets_the_queue_go(struct scopex_test *test)
{
	struct lender lender = {
		.work = SCOPEX_WORK_INIT(lender_fn),
		.inner = SCOPEX_WORK_INIT(until_behind_has_run_fn),
		.test = test, .more = 200000,
	};
	struct completion begun;
	struct holder holder;

	init_completion(&begun);
	holder_init(&holder, &begun);
	test_item_init(&lender.behind);
	lender.begun = &begun;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &holder.work), 0);
		wait_for_completion(&begun);
		EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &lender.work), 0);
		wait_for_completion(&begun);
		complete(&holder.go);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, scopex_work_result(&lender.inner), 0);
	EXPECT_EQ(test, atomic_read(&lender.behind.runs), 1);
}

/**
 * struct keeper - an item that has its turn, and opens a serial scope with turns, too
 * @work: the item
 * @next: the item that waits for that turn
 * @inner: the items of the serial scope
 * @test: the test
 * @gate: where the item waits for the test
 */
struct keeper {
	struct scopex_work	work;
	struct test_item	next;
	struct test_item	inner[3];
	struct scopex_test	*test;
	struct test_gate	gate;
};

static int keeper_fn(struct scopex_work *work)
{
	struct keeper *keeper = container_of(work, struct keeper, work);
	struct scopex_test *test = keeper->test;
	unsigned int i;

	complete(&keeper->gate.reached);
	scopex_will_block();
	wait_for_completion(&keeper->gate.go);
	scopex_scope(s, .limit_per_cpu = 1) {
		EXPECT(test, is_serial(s));
		for (i = 0; i < ARRAY_SIZE(keeper->inner); i++)
			EXPECT_EQ(test, scopex_submit(s, &keeper->inner[i].work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; i < ARRAY_SIZE(keeper->inner); i++)
		EXPECT_EQ(test, atomic_read(&keeper->inner[i].runs), 1);
	/* The item still has its turn, so the next one has not begun. */
	EXPECT(test, scopex_work_busy(&keeper->next.work));
	EXPECT_EQ(test, atomic_read(&keeper->next.runs), 0);
	return 0;
}

/* An item that holds a worker, and has left the queue when the test knows of it. */
static int leaves_queue_fn(struct scopex_work *work)
{
	struct holder *holder = container_of(work, struct holder, work);

	scopex_will_block();
	complete(holder->begun);
	wait_for_completion(&holder->go);
	return 0;
}

/*
 * The other worker defers an item that waits for the turn of the first one, and is held then:
 * so the queue is unserved, and a scope that the first item opens is serial.
 */
static void serial_scope_keeps_the_turn(struct scopex_test *test)
{
	struct keeper keeper = { .work = SCOPEX_WORK_INIT(keeper_fn), .test = test };
	struct completion begun;
	struct holder holder;
	unsigned int i;

	test_gate_init(&keeper.gate);
	test_item_init(&keeper.next);
	for (i = 0; i < ARRAY_SIZE(keeper.inner); i++)
		test_item_init(&keeper.inner[i]);
	init_completion(&begun);
	holder_init(&holder, &begun);
	scopex_work_init(&holder.work, leaves_queue_fn);
	scopex_scope(outer) {
		scopex_scope(s, .limit_per_cpu = 1) {
			EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &keeper.work), 0);
			wait_for_completion(&keeper.gate.reached);
			EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &keeper.next.work), 0);
			EXPECT_EQ(test, scopex_submit_on(outer, CROWD_CPU, &holder.work), 0);
			wait_for_completion(&begun);
			complete(&keeper.gate.go);
			EXPECT_EQ(test, scopex_join(s), 0);
		}
		complete(&holder.go);
		EXPECT_EQ(test, scopex_join(outer), 0);
	}
	EXPECT_EQ(test, atomic_read(&keeper.next.runs), 1);
}

static const struct scopex_case again_bound_cases[] = {
	SCOPEX_CASE(item_that_runs_again_lets_the_queue_go),
	SCOPEX_CASE(serial_scope_keeps_the_turn),
};

SCOPEX_SUITE(again_bound, again_bound_cases);

/**
 * struct away - an item in a serial scope, whose CPU goes offline
 * @work: the item
 * @item: what it submits then
 * @test: the test
 * @gate: where it waits until the CPU is offline
 */
struct away {
	struct scopex_work	work;
	struct test_item	item;
	struct scopex_test	*test;
	struct test_gate	gate;
};

static int away_fn(struct scopex_work *work)
{
	struct away *away = container_of(work, struct away, work);
	struct scopex_test *test = away->test;

	scopex_scope(s) {
		EXPECT(test, is_serial(s));
		complete(&away->gate.reached);
		until_told(&away->gate.go);
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &away->item.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	return 0;
}

/* For a module with workers=1 standby=0. */
static void owner_whose_cpu_is_offline(struct scopex_test *test)
{
	struct away away = { .work = SCOPEX_WORK_INIT(away_fn), .test = test };
	unsigned int cpu = test_hotplug_cpu(test);

	if (cpu >= nr_cpu_ids)
		return;
	test_gate_init(&away.gate);
	test_item_init(&away.item);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &away.work), 0);
		wait_for_completion(&away.gate.reached);
		EXPECT_EQ(test, remove_cpu(cpu), 0);
		complete(&away.gate.go);
		EXPECT_EQ(test, scopex_join(s), 0);
		EXPECT_EQ(test, add_cpu(cpu), 0);
	}
	EXPECT_EQ(test, atomic_read(&away.item.runs), 1);
}

static const struct scopex_case away_cases[] = {
	SCOPEX_CASE(owner_whose_cpu_is_offline),
};

SCOPEX_SUITE(away, away_cases);
