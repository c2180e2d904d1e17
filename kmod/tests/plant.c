// SPDX-License-Identifier: GPL-2.0
/*
 * Suites "slow" and "convoy": two causes of a slow fan-out, to be found with the tools that
 * kmod/tools/README.md describes; see selftests/find.sh. (The suites "hold" and
 * "deadlock" have causes of a stuck one.)
 */

#include <linux/delay.h>
#include <linux/slab.h>

#include "test.h"

#define PLANTED_ITEMS	64	/* that are not slow */
#define PLANTED_CPU	0	/* the only one that has something to do */

static int planted_fn(struct scopex_work *work)
{
	udelay(5);
	return 0;
}

/**
 * struct planted_slow - an item that takes longer than any other one
 * @work: the item
 * @gate: what it waits at while the others run, all of them
 */
struct planted_slow {
	struct scopex_work	work;
	struct test_gate	gate;
};

static int planted_slow_fn(struct scopex_work *work)
{
	struct planted_slow *slow = container_of(work, struct planted_slow, work);

	/* The other items of its CPU go on. */
	scopex_will_block();
	complete(&slow->gate.reached);
	wait_for_completion(&slow->gate.go);
	msleep(50);
	return 0;
}

static struct scopex_work *planted_items(struct scopex_test *test)
{
	struct scopex_work *items = kvmalloc_array(PLANTED_ITEMS, sizeof(*items),
						   GFP_KERNEL);
	unsigned int i;

	if (!EXPECT(test, items))
		return NULL;
	for (i = 0; i < PLANTED_ITEMS; i++)
		scopex_work_init(&items[i], planted_fn);
	return items;
}

/* One slow item delays the whole fan-out. */
static void slow_item(struct scopex_test *test)
{
	struct scopex_work *items = planted_items(test);
	struct planted_slow slow;
	unsigned int i;

	if (!items)
		return;
	test_gate_init(&slow.gate);
	scopex_work_init(&slow.work, planted_slow_fn);
	scopex_scope(planted_slow) {
		EXPECT_EQ(test, scopex_submit_on(planted_slow, SCOPEX_CPU_LOCAL, &slow.work), 0);
		wait_for_completion(&slow.gate.reached);
		for (i = 0; i < PLANTED_ITEMS; i++)
			EXPECT_EQ(test, scopex_submit_on(planted_slow, SCOPEX_CPU_LOCAL, &items[i]),
				  0);
		for (i = 0; i < PLANTED_ITEMS; i++)
			while (scopex_work_busy(&items[i]))
				msleep(20);
		complete(&slow.gate.go);
		EXPECT_EQ(test, scopex_join(planted_slow), 0);
	}
	kvfree(items);
}

/* All items go to one CPU, and the others have nothing to do. */
static void convoy(struct scopex_test *test)
{
	struct scopex_work *items = planted_items(test);
	unsigned int i;

	if (!items)
		return;
	scopex_scope(planted_convoy) {
		for (i = 0; i < PLANTED_ITEMS; i++)
			EXPECT_EQ(test, scopex_submit_on(planted_convoy, PLANTED_CPU,
							 &items[i]), 0);
		EXPECT_EQ(test, scopex_join(planted_convoy), 0);
	}
	kvfree(items);
}

static const struct scopex_case slow_cases[] = {
	SCOPEX_CASE(slow_item),
};

SCOPEX_SUITE(slow, slow_cases);

static const struct scopex_case convoy_cases[] = {
	SCOPEX_CASE(convoy),
};

SCOPEX_SUITE(convoy, convoy_cases);
