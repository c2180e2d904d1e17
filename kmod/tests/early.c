// SPDX-License-Identifier: GPL-2.0
/*
 * What scopex says before its init, where it is built into the kernel: there is no CPU to
 * run an item. A scope, and a loop, have to work without a worker.
 */

#include <linux/init.h>
#include <linux/printk.h>
#include <linux/scopex_loop.h>

#include "test.h"

#ifndef MODULE
static int test_early_failures = -1;

static int __init test_early_chunk(const struct scopex_range *range)
{
	*(unsigned long *)range->arg += range->count;
	return 0;
}

static bool __init test_early_is(int found, int expected, const char *what)
{
	if (found == expected)
		return true;
	pr_err("scopex_test: %s before the init: %d, not %d\n", what, found, expected);
	return false;
}

static int __init test_early(void)
{
	struct test_item items[2];
	unsigned long seen = 0;
	int failures = 0;

	test_item_init(&items[0]);
	test_item_init(&items[1]);
	scopex_scope(early) {
		failures += !test_early_is(scopex_submit_on(early, SCOPEX_CPU_LOCAL,
							    &items[0].work), -ENODEV,
					   "submit");
		failures += !test_early_is(scopex_submit(early, &items[0].work),
					   -ENODEV, "submit_any");
		failures += !test_early_is(scopex_submit_on(early, 0, &items[0].work),
					   -ENODEV, "submit_on");
		failures += !test_early_is(scopex_submit_array(early, SCOPEX_CPU_ANY, items,
							       2, work),
					   -ENODEV, "submit_array");
		failures += !test_early_is(scopex_join(early), 0, "join");
	}
	/* It is listed when it is opened. */
	scopex_scope(early_deadline, .timeout_us = 3600 * USEC_PER_SEC)
		failures += !test_early_is(scopex_join(early_deadline), 0, "join");
	failures += !test_early_is(scopex_for(0, 100, test_early_chunk, .arg = &seen), 0,
				   "loop");
	failures += !test_early_is(seen, 100, "sum");
	test_early_failures = failures;
	return 0;
}
core_initcall(test_early);

/**
 * test_before_the_init() - how that went
 * @test: the test
 */
void test_before_the_init(struct scopex_test *test)
{
	EXPECT_EQ(test, test_early_failures, 0);
}
#endif
