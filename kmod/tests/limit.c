// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "options", in part: how many items of a scope may run at a time. Suite "turn": an
 * item waits for its turn, and its worker goes on without it.
 */

#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/slab.h>

#include "test.h"

/**
 * struct crowd - how many items run at once
 * @inside: how many now
 * @most: how many at most
 */
struct crowd {
	atomic_t	inside;
	atomic_t	most;
};

struct one {
	struct scopex_work	work;
	struct crowd		*crowd;
	atomic_t		runs;
};

static int crowd_fn(struct scopex_work *work)
{
	struct one *one = container_of(work, struct one, work);
	int inside = atomic_inc_return(&one->crowd->inside);
	int most = atomic_read(&one->crowd->most);

	while (inside > most &&
	       !atomic_try_cmpxchg(&one->crowd->most, &most, inside))
		;
	/* Sleep, so that other items could begin, if the limit let them. */
	scopex_will_block();
	usleep_range(100, 300);
	atomic_inc(&one->runs);
	atomic_dec(&one->crowd->inside);
	return 0;
}

#define CROWD	40

static void limit(struct scopex_test *test, unsigned int limit, bool array)
{
	struct one *ones = kcalloc(CROWD, sizeof(*ones), GFP_KERNEL);
	struct crowd crowd = { };
	unsigned int i;

	if (!EXPECT(test, ones))
		return;
	for (i = 0; i < CROWD; i++) {
		ones[i] = (struct one){ .work = SCOPEX_WORK_INIT(crowd_fn),
					.crowd = &crowd };
	}
	scopex_scope(s, .limit = limit) {
		if (array)
			EXPECT_EQ(test, scopex_submit_array(s, SCOPEX_CPU_ANY, ones,
							    CROWD, work), 0);
		for (i = 0; i < CROWD && !array; i++)
			EXPECT_EQ(test, scopex_submit(s, &ones[i].work), 0);
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &ones[CROWD - 1].work),
			  -EBUSY);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; i < CROWD; i++)
		EXPECT_EQ(test, atomic_read(&ones[i].runs), 1);
	EXPECT(test, atomic_read(&crowd.most) <= limit);
	EXPECT(test, atomic_read(&crowd.most) >= 1);
	kfree(ones);
}

static void no_more_than_the_limit(struct scopex_test *test)
{
	unsigned int n;

	for (n = 1; n <= 4; n++) {
		limit(test, n, false);
		limit(test, n, true);
	}
}

/* The items that wait are all gone after each round, and others wait in the next one. */
static void items_wait_again(struct scopex_test *test)
{
	struct test_item items[3];
	struct test_gate gate;
	unsigned int i, round;

	for (i = 0; i < ARRAY_SIZE(items); i++)
		test_item_init(&items[i]);
	items[0].gate = &gate;
	scopex_scope(s, .limit = 1) {
		for (round = 1; round <= 3; round++) {
			test_gate_init(&gate);
			for (i = 0; i < ARRAY_SIZE(items); i++)
				EXPECT_EQ(test, scopex_submit(s, &items[i].work), 0);
			complete(&gate.go);
			EXPECT_EQ(test, scopex_join(s), 0);
			for (i = 0; i < ARRAY_SIZE(items); i++)
				EXPECT_EQ(test, atomic_read(&items[i].runs), round);
		}
	}
}

static void try_submit_says_full(struct scopex_test *test)
{
	struct test_item items[3];
	struct test_gate gate;
	unsigned int i;

	test_gate_init(&gate);
	for (i = 0; i < ARRAY_SIZE(items); i++)
		test_item_init(&items[i]);
	items[0].gate = &gate;
	items[1].gate = &gate;
	scopex_scope(s, .limit = 2) {
		EXPECT_EQ(test, scopex_try_submit(s, &items[0].work), 0);
		EXPECT_EQ(test, scopex_try_submit(s, &items[1].work), 0);
		EXPECT_EQ(test, scopex_try_submit(s, &items[2].work), -EAGAIN);
		EXPECT_EQ(test, scopex_work_result(&items[2].work), -ENODATA);
		complete_all(&gate.go);
		EXPECT_EQ(test, scopex_join(s), 0);
		EXPECT_EQ(test, scopex_try_submit(s, &items[2].work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	scopex_scope(s)
		EXPECT_EQ(test, scopex_try_submit(s, &items[2].work), 0);
	EXPECT_EQ(test, atomic_read(&items[2].runs), 2);
}

static void what_waits_for_its_turn_is_cancelled(struct scopex_test *test)
{
	struct test_item items[6];
	struct test_gate gate;
	unsigned int i;

	test_gate_init(&gate);
	for (i = 0; i < ARRAY_SIZE(items); i++)
		test_item_init(&items[i]);
	items[0].gate = &gate;
	scopex_scope(s, .limit = 1) {
		for (i = 0; i < ARRAY_SIZE(items); i++)
			EXPECT_EQ(test, scopex_submit(s, &items[i].work), 0);
		wait_for_completion(&gate.reached);
		scopex_cancel(s, 0);
		complete(&gate.go);
		EXPECT_EQ(test, scopex_join(s), -ECANCELED);
		/* The limit is the same afterwards. */
		EXPECT_EQ(test, scopex_try_submit(s, &items[1].work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, atomic_read(&items[0].runs), 1);
	EXPECT_EQ(test, atomic_read(&items[1].runs), 1);
	for (i = 2; i < ARRAY_SIZE(items); i++)
		EXPECT_EQ(test, scopex_work_result(&items[i].work), -ECANCELED);
}

static void order_is_kept_by_a_limit(struct scopex_test *test)
{
	atomic_t turn = ATOMIC_INIT(0);
	struct test_item items[8];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(items); i++) {
		test_item_init(&items[i]);
		items[i].turn = &turn;
	}
	scopex_scope(s, .limit = 1)
		for (i = 0; i < ARRAY_SIZE(items); i++)
			EXPECT_EQ(test, scopex_submit(s, &items[i].work), 0);
	for (i = 0; i < ARRAY_SIZE(items); i++)
		EXPECT_EQ(test, items[i].order, i + 1);
}

/* No item has to wait for its turn, and none can be stolen. */
static void limited_array_is_spread(struct scopex_test *test)
{
	unsigned int i, cpu, cpus = 0, nr, each = 4, first = 0;
	struct test_item *items;

	for_each_online_cpu(cpu)
		cpus += test_served(cpu);
	nr = cpus * each;
	items = test_items(nr);
	if (!EXPECT(test, items))
		return;
	scopex_scope(s, .limit = nr, .limit_per_cpu = each)
		EXPECT_EQ(test, scopex_submit_array(s, SCOPEX_CPU_ANY, items, nr, work), 0);
	for (i = 0; i < nr; i++)
		first += items[i].cpu == items[0].cpu;
	EXPECT_EQ(test, first, each);
	kvfree(items);
}

/* Both limits, an array, and an item that is joined. */
static void limits_go_together(struct scopex_test *test)
{
	struct one *ones = kcalloc(CROWD, sizeof(*ones), GFP_KERNEL);
	struct crowd crowd = { };
	unsigned int i;

	if (!EXPECT(test, ones))
		return;
	for (i = 0; i < CROWD; i++)
		ones[i] = (struct one){ .work = SCOPEX_WORK_INIT(crowd_fn),
					.crowd = &crowd };
	scopex_scope(s, .flags = SCOPEX_JOINABLE, .limit = 3, .limit_per_cpu = 1) {
		EXPECT_EQ(test, scopex_submit_array(s, SCOPEX_CPU_ANY, ones, CROWD, work), 0);
		EXPECT_EQ(test, scopex_join_item(&ones[CROWD / 2].work), 0);
		EXPECT_EQ(test, atomic_read(&ones[CROWD / 2].runs), 1);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; i < CROWD; i++)
		EXPECT_EQ(test, atomic_read(&ones[i].runs), 1);
	EXPECT(test, atomic_read(&crowd.most) <= 3);
	kfree(ones);
}

/* An item that has its turn, and one that waits for it. */
struct turns {
	struct scopex_work	work;
	struct test_gate	gate;
	struct test_item	next;
};

/* It waits for an item that was cancelled before its turn. */
static int outlives_fn(struct scopex_work *work)
{
	struct turns *turns = container_of(work, struct turns, work);

	complete(&turns->gate.reached);
	/* The next item stays in the queue until it is cancelled. */
	until_told(&turns->gate.go);
	scopex_will_block();
	while (scopex_work_busy(&turns->next.work))
		usleep_range(500, 1000);
	return 0;
}

/* An item that does not run needs no turn. */
static void cancelled_item_waits_for_no_turn(struct scopex_test *test)
{
	struct turns turns = { .work = SCOPEX_WORK_INIT(outlives_fn) };
	unsigned int cpu = test_this_cpu();

	test_gate_init(&turns.gate);
	test_item_init(&turns.next);
	scopex_scope(s, .limit_per_cpu = 1) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &turns.work), 0);
		wait_for_completion(&turns.gate.reached);
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &turns.next.work), 0);
		scopex_cancel(s, 0);
		complete(&turns.gate.go);
		EXPECT_EQ(test, scopex_join(s), -ECANCELED);
	}
	EXPECT_EQ(test, scopex_work_result(&turns.next.work), -ECANCELED);
	EXPECT_EQ(test, atomic_read(&turns.next.runs), 0);
}

static int has_its_turn(struct scopex_work *work)
{
	struct turns *turns = container_of(work, struct turns, work);

	complete(&turns->gate.reached);
	scopex_will_block();
	wait_for_completion(&turns->gate.go);
	return 0;
}

/* For options.sh, which looks where the workers are: one of them is in this scope. */
static void worker_leaves_what_waits(struct scopex_test *test)
{
	struct turns turns = { .work = SCOPEX_WORK_INIT(has_its_turn) };
	unsigned int cpu = test_this_cpu();

	test_gate_init(&turns.gate);
	test_item_init(&turns.next);
	scopex_scope(taking_turns, .limit_per_cpu = 1) {
		EXPECT_EQ(test, scopex_submit_on(taking_turns, cpu, &turns.work), 0);
		wait_for_completion(&turns.gate.reached);
		scopex_inject_set(SCOPEX_INJECT_NOT_COMPLETED, SCOPEX_INJECT_HOLD);
		EXPECT_EQ(test, scopex_submit_on(taking_turns, cpu, &turns.next.work), 0);
		while (TEST_INJECT && !scopex_inject_hits(SCOPEX_INJECT_NOT_COMPLETED))
			usleep_range(500, 1000);
		pr_info("scopex_test: an item waits for its turn\n");
		scopex_test_until_released();
		test_inject_end(test, SCOPEX_INJECT_NOT_COMPLETED);
		complete(&turns.gate.go);
		EXPECT_EQ(test, scopex_join(taking_turns), 0);
	}
	EXPECT_EQ(test, atomic_read(&turns.next.runs), 1);
}

static const struct scopex_case turn_cases[] = {
	SCOPEX_CASE(worker_leaves_what_waits),
};

SCOPEX_SUITE(turn, turn_cases);

static const struct scopex_case limit_cases[] = {
	SCOPEX_CASE(no_more_than_the_limit),
	SCOPEX_CASE(items_wait_again),
	SCOPEX_CASE(try_submit_says_full),
	SCOPEX_CASE(what_waits_for_its_turn_is_cancelled),
	SCOPEX_CASE(order_is_kept_by_a_limit),
	SCOPEX_CASE(limited_array_is_spread),
	SCOPEX_CASE(limits_go_together),
	SCOPEX_CASE(cancelled_item_waits_for_no_turn),
};

SCOPEX_SUITE_PART(options, limit, limit_cases);
