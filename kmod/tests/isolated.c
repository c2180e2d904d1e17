// SPDX-License-Identifier: GPL-2.0
/*
 * Suites "anywhere" and "named": items that name no CPU, and items that name one, for
 * machines on which CPUs are isolated. The counters say where they have run: see
 * selftests/isolated.sh.
 */

#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/scopex_detached.h>
#include <linux/scopex_loop.h>
#include <linux/slab.h>

#include "test.h"

#define ANYWHERE_ITEMS	256

static void items_go_anywhere(struct scopex_test *test)
{
	struct test_item *items = test_items(3 * ANYWHERE_ITEMS);
	unsigned int i;

	if (!EXPECT(test, items))
		return;
	scopex_scope(s) {
		for (i = 0; i < ANYWHERE_ITEMS; i++)
			EXPECT_EQ(test, scopex_submit(s, &items[i].work), 0);
		for (; i < 2 * ANYWHERE_ITEMS; i++)
			EXPECT_EQ(test, scopex_try_submit(s, &items[i].work), 0);
		EXPECT_EQ(test, scopex_submit_array(s, SCOPEX_CPU_ANY, &items[i],
						    ANYWHERE_ITEMS, work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; i < 3 * ANYWHERE_ITEMS; i++)
		EXPECT_EQ(test, atomic_read(&items[i].runs), 1);
	kvfree(items);
}

static int detached_fn(struct scopex_detached *detached)
{
	return 0;
}

static void nothing_to_release(struct scopex_detached *detached) { }

static void detached_items_go_anywhere(struct scopex_test *test)
{
	struct scopex_detached *detached = kvcalloc(ANYWHERE_ITEMS, sizeof(*detached),
						    GFP_KERNEL);
	unsigned int i;

	if (!EXPECT(test, detached))
		return;
	for (i = 0; i < ANYWHERE_ITEMS; i++) {
		scopex_detached_init(&detached[i], detached_fn, nothing_to_release);
		EXPECT_EQ(test, scopex_detached_submit(&detached[i]), 0);
	}
	for (i = 0; i < ANYWHERE_ITEMS; i++) {
		EXPECT_EQ(test, scopex_detached_wait(&detached[i]), 0);
		while (refcount_read(&detached[i].refs) > 1)
			cond_resched();
	}
	kvfree(detached);
}

static int part_fn(const struct scopex_range *range)
{
	/* Long enough for helpers to come. */
	usleep_range(200, 300);
	return 0;
}

static void loops_have_helpers(struct scopex_test *test)
{
	unsigned int i;

	for (i = 0; i < 20; i++)
		EXPECT_EQ(test, scopex_for(0, 200, part_fn, .grain = 1), 0);
}

static const struct scopex_case anywhere_cases[] = {
	SCOPEX_CASE(items_go_anywhere),
	SCOPEX_CASE(detached_items_go_anywhere),
	SCOPEX_CASE(loops_have_helpers),
};

SCOPEX_SUITE(anywhere, anywhere_cases);

static void items_go_to_their_cpu(struct scopex_test *test)
{
	struct test_item item;
	unsigned int cpu;

	for_each_online_cpu(cpu) {
		test_item_init(&item);
		scopex_scope(s)
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &item.work), 0);
		EXPECT_EQ(test, item.cpu, cpu);
	}
}

static int submits_here(void *data)
{
	struct test_item *item = data;
	int err = 0;

	scopex_scope(s)
		err = scopex_submit_on(s, SCOPEX_CPU_LOCAL, &item->work);
	test_thread_until_stopped();
	return err;
}

static void items_go_to_this_cpu(struct scopex_test *test)
{
	struct task_struct *thread;
	struct test_item item;
	unsigned int cpu;

	for_each_online_cpu(cpu) {
		test_item_init(&item);
		thread = test_thread(test, submits_here, &item, cpu);
		EXPECT_EQ(test, test_thread_stop(thread), 0);
		EXPECT_EQ(test, atomic_read(&item.runs), 1);
		EXPECT_EQ(test, item.cpu, cpu);
	}
}

static int count_fn(unsigned int cpu, void *arg)
{
	atomic_inc(arg);
	return cpu == raw_smp_processor_id() ? 0 : -EXDEV;
}

static void each_cpu_is_all_of_them(struct scopex_test *test)
{
	atomic_t nr = ATOMIC_INIT(0);

	EXPECT_EQ(test, scopex_each_cpu(cpu_online_mask, count_fn, &nr), 0);
	EXPECT_EQ(test, atomic_read(&nr), num_online_cpus());
}

static const struct scopex_case named_cases[] = {
	SCOPEX_CASE(items_go_to_their_cpu),
	SCOPEX_CASE(items_go_to_this_cpu),
	SCOPEX_CASE(each_cpu_is_all_of_them),
};

SCOPEX_SUITE(named, named_cases);
