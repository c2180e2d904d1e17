// SPDX-License-Identifier: GPL-2.0
/* Suite "loop", in part: loops with a result, and loops in others */

#include <linux/delay.h>
#include <linux/scopex_loop.h>

#include "test.h"

static int add(const struct scopex_range *range)
{
	u64 *sum = range->result;
	unsigned long i;

	for (i = 0; i < range->count; i++)
		*sum += range->first + i;
	return 0;
}

static void sum_join(void *total, const void *result, void *arg)
{
	*(u64 *)total += *(const u64 *)result;
}

static const struct scopex_reduction sum = {
	.size = sizeof(u64), .join = sum_join,
};

static void reduces_to_a_sum(struct scopex_test *test)
{
	unsigned long count;
	u64 total;

	for (count = 0; count <= 100000; count = count * 10 + 1) {
		total = 5;
		EXPECT_EQ(test, scopex_reduce(1, count, add, &sum, &total), 0);
		EXPECT_EQ(test, total, 5 + (u64)count * (count + 1) / 2);
	}
}

/**
 * struct slow_sum - a total that takes time to be added to
 * @sum: the sum
 * @inside: whether a thread is adding to it
 * @overlaps: how often two did so at once
 */
struct slow_sum {
	u64		sum;
	atomic_t	inside;
	atomic_t	overlaps;
};

static int add_slowly(const struct scopex_range *range)
{
	usleep_range(100, 200);
	return add(range);
}

static void slow_sum_join(void *total, const void *result, void *arg)
{
	struct slow_sum *slow = total;

	if (atomic_xchg(&slow->inside, 1))
		atomic_inc(&slow->overlaps);
	slow->sum += *(const u64 *)result;
	mdelay(1);
	atomic_set(&slow->inside, 0);
}

static const struct scopex_reduction slow_sum = {
	.size = sizeof(u64), .join = slow_sum_join,
};

static void results_are_joined_one_by_one(struct scopex_test *test)
{
	struct slow_sum total = { };
	unsigned int round;

	for (round = 0; round < 50; round++)
		EXPECT_EQ(test, scopex_reduce(1, 40, add_slowly, &slow_sum, &total,
					      .grain = 1), 0);
	EXPECT_EQ(test, atomic_read(&total.overlaps), 0);
	EXPECT_EQ(test, total.sum, 50 * 820);
}

struct extremes {
	unsigned long	low;
	unsigned long	high;
};

static void extremes_init(void *result, void *arg)
{
	*(struct extremes *)result = (struct extremes){ .low = ULONG_MAX };
}

static int extremes_of(const struct scopex_range *range)
{
	struct extremes *e = range->result;
	unsigned long i, value;

	for (i = 0; i < range->count; i++) {
		value = (range->first + i) * 7919 % 10007;
		e->low = min(e->low, value);
		e->high = max(e->high, value);
	}
	return 0;
}

static void extremes_join(void *total, const void *result, void *arg)
{
	const struct extremes *e = result;
	struct extremes *t = total;

	t->low = min(t->low, e->low);
	t->high = max(t->high, e->high);
}

static const struct scopex_reduction extremes = {
	.size = sizeof(struct extremes),
	.init = extremes_init,
	.join = extremes_join,
};

static void reduces_to_more_than_a_sum(struct scopex_test *test)
{
	struct extremes total;

	extremes_init(&total, NULL);
	EXPECT_EQ(test, scopex_reduce(1, 10006, extremes_of, &extremes, &total,
				      .grain = 10), 0);
	EXPECT_EQ(test, total.low, 1);
	EXPECT_EQ(test, total.high, 10006);
}

/* Loops in loops, in items, from many tasks at once. */
static int inner_loop(const struct scopex_range *range)
{
	u64 *total = range->result;
	u64 inner = 0;
	int err;

	err = scopex_reduce(1, 100, add, &sum, &inner, .grain = 10);
	*total += range->count * inner;
	return err;
}

static void loops_nest(struct scopex_test *test)
{
	u64 total = 0;

	EXPECT_EQ(test, scopex_reduce(0, 200, inner_loop, &sum, &total,
				      .grain = 1), 0);
	EXPECT_EQ(test, total, 200 * 5050);
}

struct looper {
	struct scopex_work	work;
	u64			total;
};

static int looper_fn(struct scopex_work *work)
{
	struct looper *looper = container_of(work, struct looper, work);

	return scopex_reduce(1, 1000, add, &sum, &looper->total, .grain = 10);
}

static void loops_in_items(struct scopex_test *test)
{
	struct looper loopers[16] = { };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(loopers); i++)
		scopex_work_init(&loopers[i].work, looper_fn);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_array(s, SCOPEX_CPU_ANY, loopers,
						    ARRAY_SIZE(loopers), work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; i < ARRAY_SIZE(loopers); i++)
		EXPECT_EQ(test, loopers[i].total, 500500);
}

static const struct scopex_case reduce_cases[] = {
	SCOPEX_CASE(reduces_to_a_sum),
	SCOPEX_CASE(results_are_joined_one_by_one),
	SCOPEX_CASE(reduces_to_more_than_a_sum),
	SCOPEX_CASE(loops_nest),
	SCOPEX_CASE(loops_in_items),
};

SCOPEX_SUITE_PART(loop, reduce, reduce_cases);
