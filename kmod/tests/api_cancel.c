// SPDX-License-Identifier: GPL-2.0
/* Suite "api", in part: what happens to items that are cancelled or refused */

#include <linux/delay.h>

#include "../state.h"
#include "test.h"

/* Fill one CPU behind a gate, so that what is queued does not start. */
static void fill_behind_gate(struct scopex_test *test,
			     struct scopex_scope *scope, unsigned int cpu,
			     struct test_gate *gate, struct test_item *items,
			     unsigned int nr)
{
	unsigned int i;

	test_gate_init(gate);
	for (i = 0; i < nr; i++)
		test_item_init(&items[i]);
	items[0].gate = gate;
	for (i = 0; i < nr; i++)
		EXPECT_EQ(test, scopex_submit_on(scope, cpu, &items[i].work), 0);
	wait_for_completion(&gate->reached);
}

static void cancel_stops_what_has_not_started(struct scopex_test *test)
{
	unsigned int i, cpu = test_this_cpu();
	struct test_item items[8], late;
	struct test_gate gate;

	scopex_scope(s) {
		fill_behind_gate(test, s, cpu, &gate, items, ARRAY_SIZE(items));
		EXPECT(test, !scopex_cancelled(s));
		scopex_cancel(s, 0);
		EXPECT(test, scopex_cancelled(s));

		test_item_init(&late);
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &late.work), -ECANCELED);
		EXPECT_EQ(test, scopex_work_result(&late.work), -ENODATA);

		complete_all(&gate.go);
		EXPECT_EQ(test, scopex_join(s), -ECANCELED);
		EXPECT_EQ(test, scopex_work_result(&items[0].work), 0);
		for (i = 1; i < ARRAY_SIZE(items); i++) {
			EXPECT_EQ(test, atomic_read(&items[i].runs), 0);
			EXPECT_EQ(test, scopex_work_result(&items[i].work),
				  -ECANCELED);
		}

		/* The cancellation does not go on in the next round. */
		EXPECT(test, !scopex_cancelled(s));
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &late.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, atomic_read(&late.runs), 1);
}

static int until_cancelled_fn(struct scopex_work *work)
{
	struct test_item *item = container_of(work, struct test_item, work);

	complete(&item->gate->reached);
	while (!scopex_cancelled(scopex_work_scope(work)))
		usleep_range(50, 200);
	/* Long enough for a block that does not drain to end before it. */
	msleep(20);
	atomic_inc(&item->runs);
	return 0;
}

/* Hazard 12: every way out of the block waits for a running item. */
static void cancel_ends_in_a_drain(struct scopex_test *test)
{
	struct test_gate gate;
	struct test_item item;

	test_gate_init(&gate);
	test_item_init(&item);
	item.work.fn = until_cancelled_fn;
	item.gate = &gate;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &item.work), 0);
		wait_for_completion(&gate.reached);
		scopex_cancel(s, 0);
	}
	EXPECT_EQ(test, atomic_read(&item.runs), 1);
	EXPECT(test, !scopex_work_busy(&item.work));
}

static int cancel_fn(struct scopex_work *work)
{
	scopex_cancel(scopex_work_scope(work), 0);
	return -EPROTO;
}

static void item_cancels_its_siblings(struct scopex_test *test)
{
	unsigned int i, cpu = test_this_cpu();
	struct test_item items[6];
	struct test_gate gate;

	scopex_scope(s) {
		fill_behind_gate(test, s, cpu, &gate, items, 2);
		items[1].work.fn = cancel_fn;
		for (i = 2; i < ARRAY_SIZE(items); i++) {
			test_item_init(&items[i]);
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &items[i].work), 0);
		}
		complete_all(&gate.go);
		/* Its error was set before those of the cancelled items. */
		EXPECT_EQ(test, scopex_join(s), -EPROTO);
	}
	for (i = 2; i < ARRAY_SIZE(items); i++) {
		EXPECT_EQ(test, atomic_read(&items[i].runs), 0);
		EXPECT_EQ(test, scopex_work_result(&items[i].work), -ECANCELED);
	}
}

static void cancel_of_nothing_is_no_error(struct scopex_test *test)
{
	struct test_item item;

	test_item_init(&item);
	scopex_scope(s) {
		scopex_cancel(s, 0);
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &item.work), -ECANCELED);
		EXPECT_EQ(test, scopex_join(s), 0);
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &item.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
}

/* Hazard 14: an item that is queued or running is refused, and runs once. */
static void busy_item_is_refused(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu();
	struct test_item items[2];
	struct test_gate gate;

	scopex_scope(s) {
		fill_behind_gate(test, s, cpu, &gate, items, ARRAY_SIZE(items));
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &items[0].work), -EBUSY);
		EXPECT_EQ(test, scopex_submit(s, &items[1].work), -EBUSY);
		complete_all(&gate.go);
		scopex_join(s);
		EXPECT_EQ(test, atomic_read(&items[0].runs), 1);
		EXPECT_EQ(test, atomic_read(&items[1].runs), 1);

		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &items[1].work), 0);
	}
	EXPECT_EQ(test, atomic_read(&items[1].runs), 2);
}

static void no_such_cpu_is_refused(struct scopex_test *test)
{
	struct test_item item;
	unsigned int cpu;

	test_item_init(&item);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, nr_cpu_ids, &item.work), -EINVAL);
		EXPECT_EQ(test, scopex_submit_on(s, INT_MAX, &item.work), -EINVAL);
		/* This one is for arrays only. */
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_ANY, &item.work), -EINVAL);
		for (cpu = 0; cpu < nr_cpu_ids; cpu++)
			if (!cpu_possible(cpu))
				EXPECT_EQ(test, scopex_submit_on(s, cpu, &item.work),
					  -EINVAL);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, scopex_work_result(&item.work), -ENODATA);
}

/* Hazard 21. So many items do not fit in memory, so the test changes the count. */
static void full_scope_refuses(struct scopex_test *test)
{
	struct test_item item;

	test_item_init(&item);
	scopex_scope(s) {
		atomic64_add((SCOPEX_COUNT_MAX - 1) * SCOPEX_ONE, &s->state);
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &item.work), -EOVERFLOW);
		EXPECT_EQ(test, scopex_work_result(&item.work), -ENODATA);
		atomic64_sub(SCOPEX_ONE, &s->state);
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &item.work), 0);
		while (scopex_work_busy(&item.work))
			cond_resched();
		atomic64_sub((SCOPEX_COUNT_MAX - 2) * SCOPEX_ONE, &s->state);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, atomic_read(&item.runs), 1);
}

static const struct scopex_case api_cancel_cases[] = {
	SCOPEX_CASE(cancel_stops_what_has_not_started),
	SCOPEX_CASE(cancel_ends_in_a_drain),
	SCOPEX_CASE(item_cancels_its_siblings),
	SCOPEX_CASE(cancel_of_nothing_is_no_error),
	SCOPEX_CASE(busy_item_is_refused),
	SCOPEX_CASE(no_such_cpu_is_refused),
	SCOPEX_CASE(full_scope_refuses),
};

SCOPEX_SUITE_PART(api, api_cancel, api_cancel_cases);
