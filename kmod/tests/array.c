// SPDX-License-Identifier: GPL-2.0
/* Suite "loop", in part, and suite "flood": many items in one submit */

#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/slab.h>

#include "test.h"

static void array_to(struct scopex_test *test, int cpu, unsigned int nr)
{
	struct test_item *items = test_items(nr);
	unsigned int i, round;

	if (!EXPECT(test, items))
		return;
	scopex_scope(s) {
		for (round = 0; round < 3; round++) {
			EXPECT_EQ(test, scopex_submit_array(s, cpu, items, nr,
							    work), 0);
			EXPECT_EQ(test, scopex_join(s), 0);
		}
	}
	for (i = 0; i < nr; i++)
		if (!EXPECT_EQ(test, atomic_read(&items[i].runs), 3))
			break;
	kvfree(items);
}

static const unsigned int sizes[] = { 1, 2, 3, 7, 64, 1000, 20000 };

static void array_to_this_cpu(struct scopex_test *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		array_to(test, SCOPEX_CPU_LOCAL, sizes[i]);
}

static void array_to_a_cpu(struct scopex_test *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		array_to(test, test_this_cpu(), sizes[i]);
}

static void array_spread(struct scopex_test *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		array_to(test, SCOPEX_CPU_ANY, sizes[i]);
}

/*
 * Items that may begin so many at a time on each CPU can't be stolen: one push for each CPU, an
 * equal part for each.
 */
static void array_spreads_evenly(struct scopex_test *test)
{
	unsigned int cpu, i, cpus = 0, nr, each = 16;
	struct test_item *items;
	unsigned int *got;

	for_each_online_cpu(cpu)
		cpus += test_served(cpu);
	nr = cpus * each;
	items = test_items(nr);
	got = kcalloc(nr_cpu_ids, sizeof(*got), GFP_KERNEL);
	if (EXPECT(test, items && got)) {
		scopex_scope(s, .limit_per_cpu = each)
			EXPECT_EQ(test, scopex_submit_array(s, SCOPEX_CPU_ANY,
							    items, nr, work), 0);
		for (i = 0; i < nr; i++)
			got[items[i].cpu]++;
		for_each_online_cpu(cpu)
			EXPECT(test, got[cpu] == each || !test_served(cpu));
	}
	kfree(got);
	kvfree(items);
}

static void array_in_order(struct scopex_test *test, unsigned int nr)
{
	struct test_item *items = test_items(nr);
	unsigned int i;
	atomic_t turn = ATOMIC_INIT(0);

	if (!EXPECT(test, items))
		return;
	for (i = 0; i < nr; i++)
		items[i].turn = &turn;
	scopex_scope(s)
		EXPECT_EQ(test, scopex_submit_array(s, test_this_cpu(), items, nr,
						    work), 0);
	for (i = 0; i < nr; i++)
		EXPECT_EQ(test, items[i].order, i + 1);
	kvfree(items);
}

/* A batch is reversed three items at a time. */
static void array_keeps_its_order(struct scopex_test *test)
{
	static const unsigned int sizes[] = { 1, 2, 3, 4, 5, 6, 7, 100 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		array_in_order(test, sizes[i]);
}

/**
 * struct array_far - an item whose array is no single node of a queue
 * @item: the item
 * @far: so that the next one is too far away
 */
struct array_far {
	struct test_item	item;
	char			far[4096];
};

static void array_behind(struct scopex_test *test, struct scopex_scope *s, int cpu,
			 unsigned int nr, atomic_t *turn)
{
	struct array_far *far = kvcalloc(nr, sizeof(*far), GFP_KERNEL);
	struct test_item *items = test_items(2 * nr), *gated = test_items(1);
	struct test_gate gate;
	unsigned int i;

	if (!EXPECT(test, far && items && gated))
		goto free;
	for (i = 0; i < nr; i++) {
		test_item_init(&far[i].item);
		far[i].item.turn = turn;
	}
	for (i = 0; i < 2 * nr; i++)
		items[i].turn = turn;
	test_gate_init(&gate);
	gated->gate = &gate;
	atomic_set(turn, 0);

	/* The worker takes all of these at once. */
	EXPECT_EQ(test, scopex_submit_on(s, test_this_cpu(), &gated->work), 0);
	wait_for_completion(&gate.reached);
	EXPECT_EQ(test, scopex_submit_array(s, cpu, items, nr, work), 0);
	EXPECT_EQ(test, scopex_submit_array(s, cpu, far, nr, item.work), 0);
	for (i = 0; i < nr; i++)
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &items[nr + i].work), 0);
	complete(&gate.go);
	EXPECT_EQ(test, scopex_join(s), 0);
	for (i = 0; i < nr; i++) {
		EXPECT_EQ(test, items[i].order, i + 1);
		EXPECT_EQ(test, far[i].item.order, nr + i + 1);
		EXPECT_EQ(test, items[nr + i].order, 2 * nr + i + 1);
	}
free:
	kvfree(gated);
	kvfree(items);
	kvfree(far);
}

/* Arrays keep their place among the items that were submitted before and behind them. */
static void array_among_others(struct scopex_test *test)
{
	atomic_t turn;
	unsigned int nr;

	scopex_scope(s)
		for (nr = 1; nr < 9; nr++)
			array_behind(test, s, test_this_cpu(), nr, &turn);
}

static void array_of_nothing(struct scopex_test *test)
{
	struct test_item item;

	test_item_init(&item);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_array(s, SCOPEX_CPU_ANY, &item, 0,
						    work), 0);
		/* The same item twice, and once. */
		EXPECT_EQ(test, scopex_submit_strided(s, SCOPEX_CPU_ANY, &item.work, 2, 0), -EBUSY);
		EXPECT_EQ(test, scopex_join(s), 0);
		EXPECT_EQ(test, atomic_read(&item.runs), 0);
		EXPECT_EQ(test, scopex_submit_strided(s, SCOPEX_CPU_ANY, &item.work, 1, 0), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, atomic_read(&item.runs), 1);
}

/* All of the array or nothing: a refused array leaves its free items unclaimed. */
static void array_with_a_busy_item(struct scopex_test *test)
{
	unsigned int i, busy = 5, cpu = test_this_cpu();
	struct test_item items[8];
	struct test_gate gate;

	test_gate_init(&gate);
	for (i = 0; i < ARRAY_SIZE(items); i++)
		test_item_init(&items[i]);
	items[busy].gate = &gate;
	scopex_scope(s) {
		/* The first has a result from before. */
		items[0].ret = -EBADF;
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &items[0].work), 0);
		EXPECT_EQ(test, scopex_join(s), -EBADF);

		EXPECT_EQ(test, scopex_submit_on(s, cpu, &items[busy].work), 0);
		wait_for_completion(&gate.reached);
		EXPECT_EQ(test, scopex_submit_array(s, SCOPEX_CPU_ANY, items,
						    ARRAY_SIZE(items), work), -EBUSY);
		EXPECT_EQ(test, scopex_submit_strided(s, SCOPEX_CPU_ANY, &items[busy].work, 1, 0),
			  -EBUSY);
		EXPECT_EQ(test, scopex_work_result(&items[0].work), -EBADF);
		EXPECT_EQ(test, scopex_work_result(&items[1].work), -ENODATA);
		EXPECT_EQ(test, scopex_work_result(&items[7].work), -ENODATA);
		complete(&gate.go);
		EXPECT_EQ(test, scopex_join(s), 0);
		items[0].ret = 0;
		items[busy].gate = NULL;
		EXPECT_EQ(test, scopex_submit_array(s, SCOPEX_CPU_ANY, items,
						    ARRAY_SIZE(items), work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, atomic_read(&items[0].runs), 2);
	EXPECT_EQ(test, atomic_read(&items[1].runs), 1);
	EXPECT_EQ(test, atomic_read(&items[busy].runs), 2);
}

static void array_to_a_cancelled_scope(struct scopex_test *test)
{
	struct test_item items[4];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(items); i++)
		test_item_init(&items[i]);
	scopex_scope(s) {
		scopex_cancel(s, 0);
		EXPECT_EQ(test, scopex_submit_array(s, SCOPEX_CPU_ANY, items,
						    ARRAY_SIZE(items), work),
			  -ECANCELED);
		EXPECT_EQ(test, scopex_submit_array(s, nr_cpu_ids, items,
						    ARRAY_SIZE(items), work), -EINVAL);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; i < ARRAY_SIZE(items); i++)
		EXPECT_EQ(test, scopex_work_result(&items[i].work), -ENODATA);
}

static const struct scopex_case array_cases[] = {
	SCOPEX_CASE(array_to_this_cpu),
	SCOPEX_CASE(array_to_a_cpu),
	SCOPEX_CASE(array_spread),
	SCOPEX_CASE(array_spreads_evenly),
	SCOPEX_CASE(array_keeps_its_order),
	SCOPEX_CASE(array_among_others),
	SCOPEX_CASE(array_of_nothing),
	SCOPEX_CASE(array_with_a_busy_item),
	SCOPEX_CASE(array_to_a_cancelled_scope),
};

SCOPEX_SUITE_PART(loop, array, array_cases);

#define FLOOD_ITEMS	1000
#define FLOOD_ROUNDS	20

/* Many short items in few pushes: the script compares the wake-ups with the items. */
static void short_items_in_one_push(struct scopex_test *test)
{
	struct test_item *items = test_items(FLOOD_ITEMS);
	unsigned int i, round;

	if (!EXPECT(test, items))
		return;
	for (round = 0; round < FLOOD_ROUNDS; round++)
		scopex_scope(s)
			EXPECT_EQ(test, scopex_submit_array(s, SCOPEX_CPU_ANY, items, FLOOD_ITEMS,
							    work), 0);
	for (i = 0; i < FLOOD_ITEMS; i++)
		EXPECT_EQ(test, atomic_read(&items[i].runs), FLOOD_ROUNDS);
	kvfree(items);
}

static const struct scopex_case flood_cases[] = {
	SCOPEX_CASE(short_items_in_one_push),
};

SCOPEX_SUITE(flood, flood_cases);
