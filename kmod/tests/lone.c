// SPDX-License-Identifier: GPL-2.0
/*
 * Suites "lone" and "short": loops that their callers do alone
 *
 * The parts of suite "lone" do all that parts may do, in loops that can't be shared, as they
 * have one part, or end with the first one. loop.sh sees in the counters that no CPU was asked
 * for help.
 */

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/scopex_loop.h>

#include "test.h"

static int nothing(const struct scopex_range *range)
{
	return 0;
}

static void loops_over_one_number(struct scopex_test *test)
{
	unsigned int i;

	for (i = 0; i < 1000; i++)
		EXPECT_EQ(test, scopex_for(i, 1, nothing), 0);
	EXPECT_EQ(test, scopex_for(0, 0, nothing), 0);
	EXPECT_EQ(test, scopex_for(0, 100, nothing, .grain = 100), 0);
}

static int sleeps(const struct scopex_range *range)
{
	msleep(20);
	return 0;
}

static void part_that_sleeps(struct scopex_test *test)
{
	EXPECT_EQ(test, scopex_for(0, 1, sleeps), 0);
}

static int submits(const struct scopex_range *range)
{
	struct test_item *item = range->arg;

	return scopex_submit(range->scope, &item->work);
}

/* The loop waits for an item that its part has submitted. */
static void part_that_submits(struct scopex_test *test)
{
	struct test_item item;
	unsigned int i;

	test_item_init(&item);
	for (i = 1; i <= 100; i++) {
		EXPECT_EQ(test, scopex_for(0, 1, submits, .arg = &item), 0);
		EXPECT_EQ(test, atomic_read(&item.runs), i);
	}
}

static int until_cancelled(const struct scopex_range *range)
{
	unsigned long give_up = jiffies + 10 * HZ;

	if (range->arg)
		complete(range->arg);
	while (!scopex_cancelled(range->scope)) {
		if (time_after(jiffies, give_up))
			return -ETIMEDOUT;
		usleep_range(50, 200);
	}
	return 0;
}

static void part_hears_of_the_deadline(struct scopex_test *test)
{
	EXPECT_EQ(test, scopex_for(0, 1, until_cancelled, .timeout_us = 5000), -ETIME);
	EXPECT_EQ(test, scopex_for(0, 1, until_cancelled, .timeout_us = -1), -ETIME);
}

/**
 * struct lone_item - an item with a loop in it
 * @work: the item
 * @begun: completed when the loop has begun
 * @err: what the loop returned
 */
struct lone_item {
	struct scopex_work	work;
	struct completion	begun;
	int			err;
};

static int lone_item_fn(struct scopex_work *work)
{
	struct lone_item *item = container_of(work, struct lone_item, work);

	item->err = scopex_for(0, 1, until_cancelled, .arg = &item->begun);
	return 0;
}

/* A loop in an item hears of a cancellation from above, before it has any helper. */
static void part_hears_from_above(struct scopex_test *test)
{
	struct lone_item item;

	scopex_work_init(&item.work, lone_item_fn);
	init_completion(&item.begun);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &item.work), 0);
		wait_for_completion(&item.begun);
		scopex_cancel(s, 0);
	}
	EXPECT_EQ(test, item.err, -ECANCELED);
}

static int opens(const struct scopex_range *range)
{
	bool *cancelled = range->arg;

	scopex_scope(inner) {
		scopex_cancel(range->scope, 0);
		*cancelled = scopex_cancelled(inner);
	}
	return 0;
}

struct opening_item {
	struct scopex_work	work;
	bool			cancelled;
};

static int opening_item_fn(struct scopex_work *work)
{
	struct opening_item *item = container_of(work, struct opening_item, work);

	return scopex_for(0, 1, opens, .arg = &item->cancelled);
}

/* A scope that a part opens is the loop's child on the thread of an item, and nowhere else. */
static void part_that_opens_a_scope(struct scopex_test *test)
{
	struct opening_item item = { };
	bool cancelled = true;

	EXPECT_EQ(test, scopex_for(0, 1, opens, .arg = &cancelled), 0);
	EXPECT(test, !cancelled);
	scopex_work_init(&item.work, opening_item_fn);
	scopex_scope(s)
		EXPECT_EQ(test, scopex_submit(s, &item.work), 0);
	EXPECT(test, item.cancelled);
}

static int fails(const struct scopex_range *range)
{
	return -EILSEQ;
}

static void part_that_fails(struct scopex_test *test)
{
	EXPECT_EQ(test, scopex_for(0, 1, fails), -EILSEQ);
	EXPECT_EQ(test, scopex_for(0, 1, fails, .run_all = true), -EILSEQ);
}

static int cancels(const struct scopex_range *range)
{
	atomic_inc(range->arg);
	scopex_cancel(range->scope, 0);
	return 0;
}

/* The loop has no other part, however short its parts are. */
static void part_that_cancels(struct scopex_test *test)
{
	atomic_t calls = ATOMIC_INIT(0);

	EXPECT_EQ(test, scopex_for(0, 100, cancels, .arg = &calls, .grain = 1), -ECANCELED);
	EXPECT_EQ(test, atomic_read(&calls), 1);
}

static const struct scopex_case lone_cases[] = {
	SCOPEX_CASE(loops_over_one_number),
	SCOPEX_CASE(part_that_sleeps),
	SCOPEX_CASE(part_that_submits),
	SCOPEX_CASE(part_hears_of_the_deadline),
	SCOPEX_CASE(part_hears_from_above),
	SCOPEX_CASE(part_that_opens_a_scope),
	SCOPEX_CASE(part_that_fails),
	SCOPEX_CASE(part_that_cancels),
};

SCOPEX_SUITE(lone, lone_cases);

static int sleeps_if(const struct scopex_range *range)
{
	return range->arg ? sleeps(range) : 0;
}

/*
 * Each takes a few microseconds, unless another task comes in between: see loop.sh. The first
 * one has long parts, which the others are not taken for.
 */
static void short_loops(struct scopex_test *test)
{
	unsigned int i;

	for (i = 0; i <= 1000; i++)
		EXPECT_EQ(test, scopex_for(0, i ? 1000 : 2, sleeps_if, .arg = i ? NULL : test),
			  0);
}

static const struct scopex_case short_cases[] = {
	SCOPEX_CASE(short_loops),
};

SCOPEX_SUITE(short, short_cases);
