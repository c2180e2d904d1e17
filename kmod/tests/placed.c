// SPDX-License-Identifier: GPL-2.0
/* scopex_test: each way to name a time or a CPU in a call */

#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/preempt.h>
#include <linux/scopex.h>
#include <linux/scopex_loop.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>

#include "../state.h"
#include "test.h"

/* Wait until the deadline has cancelled the scope, with -ETIME. */
static void expect_end(struct scopex_test *test, struct scopex_scope *scope)
{
	ktime_t end = ktime_add_ms(ktime_get(), 20000);

	while (!scopex_cancelled(scope) && ktime_before(ktime_get(), end))
		usleep_range(100, 200);
	EXPECT(test, scopex_cancelled(scope));
	EXPECT_EQ(test, scopex_error(scope), -ETIME);
	EXPECT_EQ(test, scopex_join(scope), -ETIME);
}

static void deadline_is_a_time_of_the_clock(struct scopex_test *test)
{
	ktime_t end = ktime_add_ms(ktime_get(), 20);

	scopex_scope(s, .deadline = end) {
		expect_end(test, s);
		EXPECT(test, !ktime_before(ktime_get(), end));
	}
}

static void timeout_is_in_microseconds(struct scopex_test *test)
{
	ktime_t end = ktime_add_us(ktime_get(), 20000);

	scopex_scope(s, .timeout_us = 20000) {
		EXPECT(test, !scopex_cancelled(s) || ktime_after(ktime_get(), end));
		expect_end(test, s);
		EXPECT(test, !ktime_before(ktime_get(), end));
	}
}

/* A deadline that has passed cancels at once. */
static void past_is_over_at_once(struct scopex_test *test)
{
	const struct scopex_options past[] = {
		{ .timeout_us = -1 },
		{ .timeout_us = S64_MIN },
		{ .deadline = ktime_get() },
		{ .deadline = 1 },
		{ .deadline = -1 },
		{ .deadline = KTIME_MIN },
		{ .deadline = KTIME_MAX, .timeout_us = -1 },
		{ .deadline = ktime_get(), .timeout_us = S64_MAX },
	};
	struct test_item item;
	unsigned int i;

	test_item_init(&item);
	for (i = 0; i < ARRAY_SIZE(past); i++) {
		scopex_scope(s, .timeout_us = past[i].timeout_us,
			     .deadline = past[i].deadline) {
			EXPECT(test, scopex_cancelled(s));
			EXPECT_EQ(test, scopex_submit(s, &item.work), -ECANCELED);
			EXPECT_EQ(test, scopex_join(s), -ETIME);
			/* For good. */
			EXPECT(test, scopex_cancelled(s));
		}
	}
	EXPECT_EQ(test, atomic_read(&item.runs), 0);
}

/* The largest times do not overflow. */
static void future_is_far(struct scopex_test *test)
{
	const struct scopex_options future[] = {
		{ .timeout_us = 3600 * USEC_PER_SEC },
		{ .timeout_us = S64_MAX },
		{ .timeout_us = KTIME_MAX / NSEC_PER_USEC + 1 },
		{ .deadline = KTIME_MAX },
		{ .deadline = KTIME_MAX, .timeout_us = S64_MAX },
		{ .timeout_us = 0, .deadline = 0 },
	};
	struct test_item item;
	unsigned int i;

	test_item_init(&item);
	for (i = 0; i < ARRAY_SIZE(future); i++) {
		scopex_scope(s, .timeout_us = future[i].timeout_us,
			     .deadline = future[i].deadline) {
			EXPECT_EQ(test, scopex_submit(s, &item.work), 0);
			EXPECT_EQ(test, scopex_join(s), 0);
			EXPECT(test, !scopex_cancelled(s));
		}
	}
	EXPECT_EQ(test, atomic_read(&item.runs), ARRAY_SIZE(future));
}

static void nearer_time_counts(struct scopex_test *test)
{
	scopex_scope(s, .timeout_us = 3600 * USEC_PER_SEC,
		     .deadline = ktime_add_ms(ktime_get(), 5))
		expect_end(test, s);
	scopex_scope(s, .timeout_us = 5000,
		     .deadline = ktime_add_ms(ktime_get(), 3600 * MSEC_PER_SEC))
		expect_end(test, s);
}

static int counts_part(const struct scopex_range *range)
{
	atomic_add(range->count, (atomic_t *)range->arg);
	return 0;
}

static void loops_have_deadlines(struct scopex_test *test)
{
	atomic_t parts = ATOMIC_INIT(0);

	EXPECT_EQ(test, scopex_for(0, 100, counts_part, .arg = &parts,
				   .deadline = ktime_get()), -ETIME);
	EXPECT_EQ(test, scopex_for(0, 100, counts_part, .arg = &parts, .timeout_us = -1),
		  -ETIME);
	EXPECT_EQ(test, atomic_read(&parts), 0);
	EXPECT_EQ(test, scopex_for(0, 100, counts_part, .arg = &parts,
				   .deadline = ktime_add_ms(ktime_get(), 3600 * MSEC_PER_SEC)),
		  0);
	EXPECT_EQ(test, atomic_read(&parts), 100);
}

/* With a CPU that the compiler knows, and one that it does not. */
static void local_cpu_as_a_number(struct scopex_test *test)
{
	int cpu = SCOPEX_CPU_LOCAL;
	struct test_item item;
	unsigned int here;

	OPTIMIZER_HIDE_VAR(cpu);
	migrate_disable();
	here = smp_processor_id();
	test_item_init(&item);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &item.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
		EXPECT_EQ(test, item.cpu, here);
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &item.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
		EXPECT_EQ(test, item.cpu, here);
	}
	migrate_enable();
	EXPECT_EQ(test, atomic_read(&item.runs), 2);
}

/* -1 is the number of no CPU, in much of the kernel. */
static void other_numbers_are_refused(struct scopex_test *test)
{
	int numbers[] = { -1, -3, nr_cpu_ids };
	struct test_item item;
	unsigned int i;

	test_item_init(&item);
	scopex_scope(s) {
		for (i = 0; i < ARRAY_SIZE(numbers); i++) {
			int cpu = numbers[i];

			EXPECT_EQ(test, scopex_submit_on(s, cpu, &item.work), -EINVAL);
			EXPECT_EQ(test, scopex_submit_strided(s, cpu, &item.work, 1, 0), -EINVAL);
		}
		EXPECT_EQ(test, scopex_submit_on(s, -1, &item.work), -EINVAL);
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_ANY, &item.work), -EINVAL);
	}
	EXPECT_EQ(test, atomic_read(&item.runs), 0);
}

/* Items that are no members of an array of objects. */
static void items_with_a_stride(struct scopex_test *test)
{
	struct {
		struct test_item	a;
		u64			between[3];
		struct test_item	b;
		u64			behind[3];
	} pairs[4] = { };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pairs); i++) {
		test_item_init(&pairs[i].a);
		test_item_init(&pairs[i].b);
	}
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_strided(s, SCOPEX_CPU_ANY, &pairs[0].b.work,
						      ARRAY_SIZE(pairs), sizeof(pairs[0])), 0);
		EXPECT_EQ(test, scopex_submit_strided(s, SCOPEX_CPU_LOCAL, &pairs[0].a.work, 1,
						      0), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; i < ARRAY_SIZE(pairs); i++) {
		EXPECT_EQ(test, atomic_read(&pairs[i].a.runs), !i);
		EXPECT_EQ(test, atomic_read(&pairs[i].b.runs), 1);
	}
}

/* More items than a scope can count, so none is looked at: there is only one here. */
static void too_many_items(struct scopex_test *test)
{
	struct test_item item;

	test_item_init(&item);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_strided(s, SCOPEX_CPU_ANY, &item.work,
						      SCOPEX_COUNT_MAX + 1, 0), -EOVERFLOW);
		EXPECT_EQ(test, scopex_work_result(&item.work), -ENODATA);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
}

/*
 * As long as a CPU is idle, items that name no CPU, and can't be stolen, pass over one that is
 * held. The worker of the CPU that ran the last one may not have parked yet, so one item may wait
 * all the same.
 */
static void busy_cpu_is_passed_over(struct scopex_test *test)
{
	unsigned int nr = 4 * num_online_cpus(), busy, here, i, tries, late = 0;
	struct test_item *items = test_items(nr), held;
	struct test_gate gate;

	if (!EXPECT(test, items))
		return;
	/* Each CPU has a cursor of its own. */
	migrate_disable();
	here = test_this_cpu();
	busy = test_other_cpu(here);
	if (busy >= nr_cpu_ids) {
		scopex_test_skip(test, "needs two CPUs");
		goto out;
	}
	test_gated_item_init(&held, &gate);
	scopex_scope(s, .limit_per_cpu = nr) {
		EXPECT_EQ(test, scopex_submit_on(s, busy, &held.work), 0);
		wait_for_completion(&gate.reached);
		for (i = 0; i < nr; i++) {
			EXPECT_EQ(test, scopex_submit(s, &items[i].work), 0);
			for (tries = 0; scopex_work_busy(&items[i].work) && tries < 500; tries++)
				usleep_range(50, 100);
		}
		complete(&gate.go);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; i < nr; i++)
		late += items[i].cpu == busy;
	EXPECT(test, late <= 1);
out:
	migrate_enable();
	kvfree(items);
}

static int named_body(struct scopex_scope *scope, void *arg)
{
	return strcmp(scope->site->name, arg) ? -EIO : 0;
}

static void scopes_have_names(struct scopex_test *test)
{
	char name[] = "named_body";

	scopex_scope(s)
		EXPECT(test, !strcmp(s->site->name, "s"));
	scopex_scope(s, .name = "other")
		EXPECT(test, !strcmp(s->site->name, "other"));
	EXPECT_EQ(test, scopex_run(named_body, name), 0);
	EXPECT_EQ(test, scopex_run(named_body, "other", .name = "other"), 0);
}

static const struct scopex_case placed_cases[] = {
	SCOPEX_CASE(deadline_is_a_time_of_the_clock),
	SCOPEX_CASE(timeout_is_in_microseconds),
	SCOPEX_CASE(past_is_over_at_once),
	SCOPEX_CASE(future_is_far),
	SCOPEX_CASE(nearer_time_counts),
	SCOPEX_CASE(loops_have_deadlines),
	SCOPEX_CASE(local_cpu_as_a_number),
	SCOPEX_CASE(other_numbers_are_refused),
	SCOPEX_CASE(items_with_a_stride),
	SCOPEX_CASE(too_many_items),
	SCOPEX_CASE(busy_cpu_is_passed_over),
	SCOPEX_CASE(scopes_have_names),
};

SCOPEX_SUITE(placed, placed_cases);
