// SPDX-License-Identifier: GPL-2.0
/* Suite "options", in part: how many items of a scope may run at a time on one CPU */

#include <linux/completion.h>
#include <linux/slab.h>

#include "test.h"

/* An item that blocks, so that others of its CPU can begin. */
struct sleeper {
	struct scopex_work	work;
	struct sleepers		*all;
	atomic_t		runs;
};

struct sleepers {
	atomic_t		begun;
	struct completion	began;
	struct completion	go;
};

static int sleeper_fn(struct scopex_work *work)
{
	struct sleeper *one = container_of(work, struct sleeper, work);

	atomic_inc(&one->runs);
	atomic_inc(&one->all->begun);
	complete(&one->all->began);
	/* Say so again, as no other worker may have existed yet. */
	do
		scopex_will_block();
	while (!wait_for_completion_timeout(&one->all->go, msecs_to_jiffies(20)));
	return 0;
}

#define SLEEPERS	6

/*
 * Submit sleepers to a CPU, wait until @limit of them have begun, and until the CPU
 * has gone through its queue. No more may have begun.
 */
static void fill_cpu(struct scopex_test *test, struct scopex_scope *scope,
		     struct sleeper *ones, unsigned int cpu, unsigned int limit)
{
	struct sleepers *all = ones->all;
	struct test_item last;
	unsigned int i;

	for (i = 0; i < SLEEPERS; i++)
		EXPECT_EQ(test, scopex_submit_on(scope, cpu, &ones[i].work), 0);
	for (i = 0; i < limit; i++)
		wait_for_completion(&all->began);
	test_item_init(&last);
	scopex_scope(s)
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &last.work), 0);
}

static struct sleeper *sleepers_get(struct scopex_test *test, unsigned int nr,
				    struct sleepers *all)
{
	struct sleeper *ones = kcalloc(nr, sizeof(*ones), GFP_KERNEL);
	unsigned int i;

	atomic_set(&all->begun, 0);
	init_completion(&all->began);
	init_completion(&all->go);
	if (!EXPECT(test, ones))
		return NULL;
	for (i = 0; i < nr; i++) {
		scopex_work_init(&ones[i].work, sleeper_fn);
		ones[i].all = all;
	}
	return ones;
}

static void no_more_than_the_limit_on_a_cpu(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu(), other = test_other_cpu(cpu), i, limit;
	struct sleeper *ones;
	struct sleepers all;

	for (limit = 1; limit <= 2; limit++) {
		ones = sleepers_get(test, 2 * SLEEPERS, &all);
		if (!ones)
			return;
		scopex_scope(s, .limit_per_cpu = limit) {
			fill_cpu(test, s, ones, cpu, limit);
			EXPECT_EQ(test, atomic_read(&all.begun), limit);
			/* Each CPU has its own count. */
			fill_cpu(test, s, ones + SLEEPERS, other, limit);
			EXPECT_EQ(test, atomic_read(&all.begun), 2 * limit);
			complete_all(&all.go);
			EXPECT_EQ(test, scopex_join(s), 0);
		}
		for (i = 0; i < 2 * SLEEPERS; i++)
			EXPECT_EQ(test, atomic_read(&ones[i].runs), 1);
		kfree(ones);
	}
}

/* Two scopes do not count, or wake, each other's items. */
static void limits_on_a_cpu_are_apart(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu(), i;
	struct sleepers first, second;
	struct sleeper *ones = sleepers_get(test, SLEEPERS, &first);
	struct sleeper *others = sleepers_get(test, SLEEPERS, &second);

	if (!ones || !others)
		goto out;
	scopex_scope(s, .limit_per_cpu = 1) {
		fill_cpu(test, s, ones, cpu, 1);
		scopex_scope(t, .limit_per_cpu = 1) {
			fill_cpu(test, t, others, cpu, 1);
			EXPECT_EQ(test, atomic_read(&second.begun), 1);
			complete_all(&second.go);
			EXPECT_EQ(test, scopex_join(t), 0);
		}
		EXPECT_EQ(test, atomic_read(&first.begun), 1);
		complete_all(&first.go);
	}
	for (i = 0; i < SLEEPERS; i++) {
		EXPECT_EQ(test, atomic_read(&ones[i].runs), 1);
		EXPECT_EQ(test, atomic_read(&others[i].runs), 1);
	}
out:
	kfree(ones);
	kfree(others);
}

static void order_is_kept_by_a_limit_on_a_cpu(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu(), i;
	atomic_t turn = ATOMIC_INIT(0);
	struct test_item items[6], last;
	struct sleepers all;
	struct sleeper *one = sleepers_get(test, 1, &all);

	if (!one)
		return;
	scopex_scope(s, .limit_per_cpu = 1) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &one->work), 0);
		wait_for_completion(&all.began);
		for (i = 0; i < ARRAY_SIZE(items); i++) {
			test_item_init(&items[i]);
			items[i].turn = &turn;
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &items[i].work), 0);
			/* Cancel when half of them wait for their turn, the others are queued. */
			if (i != ARRAY_SIZE(items) / 2)
				continue;
			test_item_init(&last);
			scopex_scope(t)
				EXPECT_EQ(test, scopex_submit_on(t, cpu, &last.work), 0);
		}
		complete_all(&all.go);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; i < ARRAY_SIZE(items); i++)
		EXPECT_EQ(test, items[i].order, i + 1);
	kfree(one);
}

/* When any of the running items ends, a waiting one gets its turn. */
static void first_turn_that_ends_is_passed_on(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu(), first, i;
	struct sleeper *ones[2];
	struct sleepers each[2];
	struct test_item third, last;

	for (first = 0; first < 2; first++) {
		ones[0] = sleepers_get(test, 1, &each[0]);
		ones[1] = sleepers_get(test, 1, &each[1]);
		if (!ones[0] || !ones[1])
			return;
		test_item_init(&third);
		test_item_init(&last);
		scopex_scope(s, .flags = SCOPEX_JOINABLE, .limit_per_cpu = 2) {
			for (i = 0; i < 2; i++) {
				EXPECT_EQ(test, scopex_submit_on(s, cpu, &ones[i]->work), 0);
				wait_for_completion(&each[i].began);
			}
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &third.work), 0);
			/* After the worker has found that the item has to wait. */
			scopex_scope(t)
				EXPECT_EQ(test, scopex_submit_on(t, cpu, &last.work), 0);
			EXPECT(test, scopex_work_busy(&third.work));
			complete_all(&each[first].go);
			EXPECT_EQ(test, scopex_join_item(&third.work), 0);
			complete_all(&each[!first].go);
			EXPECT_EQ(test, scopex_join(s), 0);
		}
		kfree(ones[0]);
		kfree(ones[1]);
	}
}

static void what_waits_for_a_cpu_is_cancelled(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu(), i;
	struct sleepers all;
	struct sleeper *ones = sleepers_get(test, SLEEPERS, &all);

	if (!ones)
		return;
	scopex_scope(s, .limit_per_cpu = 2) {
		fill_cpu(test, s, ones, cpu, 2);
		scopex_cancel(s, 0);
		complete_all(&all.go);
		EXPECT_EQ(test, scopex_join(s), -ECANCELED);
		EXPECT_EQ(test, atomic_read(&all.begun), 2);
		/* The limit is the same afterwards. */
		for (i = 0; i < SLEEPERS; i++)
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &ones[i].work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, atomic_read(&all.begun), 2 + SLEEPERS);
	kfree(ones);
}

static const struct scopex_case limit_per_cpu_cases[] = {
	SCOPEX_CASE(no_more_than_the_limit_on_a_cpu),
	SCOPEX_CASE(limits_on_a_cpu_are_apart),
	SCOPEX_CASE(order_is_kept_by_a_limit_on_a_cpu),
	SCOPEX_CASE(first_turn_that_ends_is_passed_on),
	SCOPEX_CASE(what_waits_for_a_cpu_is_cancelled),
};

SCOPEX_SUITE_PART(options, limit_per_cpu, limit_per_cpu_cases);
