// SPDX-License-Identifier: GPL-2.0
/*
 * Suites "memory" and "allocates": between the opening of a scope and its end, scopex
 * allocates nothing
 *
 * "memory" does all that scopes can do, with objects that were made before.
 * selftests/memory.sh traces the allocations of the owner and the workers between the two,
 * and must find none. Where the kernel has fault injection, the test makes all allocations
 * of its task fail during that time; the script does the same to the workers. "allocates"
 * proves that such allocations are seen, and do fail: it allocates in the scope "control"
 * and in an item of it, and reports the result.
 */

#include <linux/sched.h>
#include <linux/scopex_loop.h>
#include <linux/slab.h>

#include "test.h"

#define MEMORY_ITEMS	100

/* A timer on the stack has the kernel allocate, if it tracks such objects. */
#define MEMORY_TIMEOUT	(IS_ENABLED(CONFIG_DEBUG_OBJECTS_TIMERS) ? 0 : 3600 * USEC_PER_SEC)

/* Make the current task's allocations fail, if failslab is set up to do so per task. */
static void allocations_fail(bool fail)
{
#ifdef CONFIG_FAULT_INJECTION
	current->make_it_fail = fail;
#endif
}

static int fails_fn(struct scopex_work *work)
{
	return -EIO;
}

static void items_one_by_one(struct scopex_test *test)
{
	struct test_item *items = test_items(MEMORY_ITEMS);
	struct scopex_work fails = SCOPEX_WORK_INIT(fails_fn);
	unsigned int i;

	if (!EXPECT(test, items))
		return;
	allocations_fail(true);
	scopex_scope(s) {
		for (i = 0; i < MEMORY_ITEMS / 2; i++)
			EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &items[i].work), 0);
		for (; i < MEMORY_ITEMS; i++)
			EXPECT_EQ(test, scopex_submit(s, &items[i].work), 0);
		EXPECT_EQ(test, scopex_submit_on(s, test_this_cpu(), &fails), 0);
		EXPECT_EQ(test, scopex_join(s), -EIO);
		scopex_cancel(s, 0);
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &items[0].work), -ECANCELED);
	}
	allocations_fail(false);
	for (i = 0; i < MEMORY_ITEMS; i++)
		EXPECT_EQ(test, atomic_read(&items[i].runs), 1);
	kvfree(items);
}

static void items_at_once(struct scopex_test *test)
{
	struct test_item *items = test_items(MEMORY_ITEMS);
	unsigned int i;

	if (!EXPECT(test, items))
		return;
	allocations_fail(true);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_array(s, SCOPEX_CPU_ANY, items, MEMORY_ITEMS,
						    work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
		EXPECT_EQ(test, scopex_submit_array(s, SCOPEX_CPU_LOCAL, items, MEMORY_ITEMS,
						    work), 0);
	}
	allocations_fail(false);
	for (i = 0; i < MEMORY_ITEMS; i++)
		EXPECT_EQ(test, atomic_read(&items[i].runs), 2);
	kvfree(items);
}

static void items_with_options(struct scopex_test *test)
{
	struct test_item *items = test_items(MEMORY_ITEMS);
	unsigned int i;

	if (!EXPECT(test, items))
		return;
	allocations_fail(true);
	scopex_scope(s, .limit = 2, .limit_per_cpu = 1,
		     .flags = SCOPEX_FAIL_FAST | SCOPEX_KILLABLE | SCOPEX_JOINABLE,
		     .timeout_us = MEMORY_TIMEOUT) {
		EXPECT_EQ(test, scopex_submit_array(s, SCOPEX_CPU_ANY, items, MEMORY_ITEMS,
						    work), 0);
		EXPECT_EQ(test, scopex_join_item(&items[0].work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	allocations_fail(false);
	for (i = 0; i < MEMORY_ITEMS; i++)
		EXPECT_EQ(test, atomic_read(&items[i].runs), 1);
	kvfree(items);
}

/* Opens a scope, and waits for its item, which is queued behind this one. */
static int nested_fn(struct scopex_work *work)
{
	struct test_item item;
	int err;

	test_item_init(&item);
	scopex_scope(inner) {
		err = scopex_submit_on(inner, SCOPEX_CPU_LOCAL, &item.work);
		err = err ?: scopex_join(inner);
	}
	return err;
}

static int blocks_fn(struct scopex_work *work)
{
	scopex_will_block();
	return 0;
}

static void items_that_wait(struct scopex_test *test)
{
	struct scopex_work nested = SCOPEX_WORK_INIT(nested_fn);
	struct scopex_work blocks = SCOPEX_WORK_INIT(blocks_fn);

	allocations_fail(true);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &nested), 0);
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &blocks), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	allocations_fail(false);
}

static int add_numbers(const struct scopex_range *range)
{
	unsigned long *sum = range->result;
	unsigned long i;

	for (i = range->first; i < range->first + range->count; i++)
		*sum += i;
	return 0;
}

static void join_sums(void *total, const void *result, void *arg)
{
	*(unsigned long *)total += *(const unsigned long *)result;
}

static void loops(struct scopex_test *test)
{
	static const struct scopex_reduction sum = {
		.size = sizeof(unsigned long), .join = join_sums,
	};
	unsigned long total = 0;

	allocations_fail(true);
	EXPECT_EQ(test, scopex_reduce(1, 100000, add_numbers, &sum, &total, .grain = 100,
				      .timeout_us = MEMORY_TIMEOUT), 0);
	allocations_fail(false);
	EXPECT_EQ(test, total, 100000UL * 100001 / 2);
}

static const struct scopex_case memory_cases[] = {
	SCOPEX_CASE(items_one_by_one),
	SCOPEX_CASE(items_at_once),
	SCOPEX_CASE(items_with_options),
	SCOPEX_CASE(items_that_wait),
	SCOPEX_CASE(loops),
};

SCOPEX_SUITE(memory, memory_cases);

static int allocates_fn(struct scopex_work *work)
{
	void *memory = kmalloc(64, GFP_KERNEL | __GFP_NOWARN);

	kfree(memory);
	return memory ? 0 : -ENOMEM;
}

static void says_what_came(struct scopex_test *test, const char *who, int err)
{
	scopex_test_note(test, "%s: an allocation %s", who, err ? "fails" : "succeeds");
}

static void control(struct scopex_test *test)
{
	struct scopex_work item = SCOPEX_WORK_INIT(allocates_fn), own = item;
	int err = 0;

	allocations_fail(true);
	scopex_scope(control) {
		EXPECT_EQ(test, scopex_submit_on(control, SCOPEX_CPU_LOCAL, &item), 0);
		scopex_join(control);
		err = allocates_fn(&own);
	}
	allocations_fail(false);
	says_what_came(test, "owner", err);
	says_what_came(test, "item", scopex_work_result(&item));
}

static const struct scopex_case allocates_cases[] = {
	SCOPEX_CASE(control),
};

SCOPEX_SUITE(allocates, allocates_cases);
