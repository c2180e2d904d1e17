// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "loop": parallel loops
 *
 * The tests check that each number was processed exactly once. They do not know which
 * thread did it, except where a test arranges that.
 */

#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>
#include <linux/scopex_loop.h>
#include <linux/slab.h>

#include "test.h"

/**
 * struct numbers - what a loop does to numbers
 * @test: the test
 * @first: the first number
 * @count: how many there are
 * @seen: how often each was seen
 * @fails: whether there is a bad number
 * @bad: the number for which an error is returned
 * @calls: how often the function was called
 */
struct numbers {
	struct scopex_test	*test;
	unsigned long		first;
	unsigned long		count;
	u8			*seen;
	bool			fails;
	unsigned long		bad;
	atomic_t		calls;
};

static int see(const struct scopex_range *range)
{
	struct numbers *numbers = range->arg;
	unsigned long i;

	atomic_inc(&numbers->calls);
	for (i = range->first; i - range->first < range->count; i++) {
		if (numbers->fails && i == numbers->bad)
			return -EILSEQ;
		if (i - numbers->first < numbers->count)
			numbers->seen[i - numbers->first]++;
	}
	return 0;
}

static bool numbers_init(struct scopex_test *test, struct numbers *numbers,
			 unsigned long first, unsigned long count)
{
	*numbers = (struct numbers){ .test = test, .first = first,
				     .count = count };
	numbers->seen = kvcalloc(count ?: 1, 1, GFP_KERNEL);
	return EXPECT(test, numbers->seen);
}

static void numbers_check(struct numbers *numbers, unsigned int times)
{
	unsigned long i;

	for (i = 0; i < numbers->count; i++)
		if (!EXPECT_EQ(numbers->test, numbers->seen[i], times))
			break;
	kvfree(numbers->seen);
}

static void loop_over(struct scopex_test *test, unsigned long first,
		      unsigned long count, unsigned long grain)
{
	struct numbers numbers;

	if (!numbers_init(test, &numbers, first, count))
		return;
	EXPECT_EQ(test, scopex_for(first, count, see, .arg = &numbers,
				   .grain = grain), 0);
	if (grain)
		EXPECT_EQ(test, atomic_read(&numbers.calls),
			  count / grain + (count % grain != 0));
	numbers_check(&numbers, 1);
}

static void loop_sees_each_number_once(struct scopex_test *test)
{
	static const unsigned long counts[] = { 0, 1, 2, 63, 64, 65, 1000, 50000 };
	static const unsigned long grains[] = { 0, 1, 3, 64, 100000 };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(counts); i++)
		for (j = 0; j < ARRAY_SIZE(grains); j++)
			loop_over(test, 7, counts[i], grains[j]);
}

static void loop_at_the_ends_of_the_range(struct scopex_test *test)
{
	loop_over(test, ULONG_MAX - 99, 100, 7);
	loop_over(test, ULONG_MAX - 99, 100, ULONG_MAX);
	loop_over(test, 0, 100, 99);
}

/* All CPUs are busy: the caller does the loop alone, and waits for no helper. */
static void busy_cpus_are_not_waited_for(struct scopex_test *test)
{
	struct test_item *items = test_items(nr_cpu_ids);
	struct numbers numbers;
	struct test_gate gate;

	if (!EXPECT(test, items) || !numbers_init(test, &numbers, 0, 1000))
		goto out;
	scopex_scope(s) {
		EXPECT(test, test_hold_cpus(s, items, &gate));
		EXPECT_EQ(test, scopex_for(0, 1000, see, .arg = &numbers,
					   .grain = 10), 0);
		complete_all(&gate.go);
	}
	numbers_check(&numbers, 1);
out:
	kvfree(items);
}

#ifdef CONFIG_SCOPEX_INJECT
/* The first part takes so long that help with the others is worth its cost. */
static int see_late(const struct scopex_range *range)
{
	if (!range->first)
		usleep_range(2000, 2200);
	return see(range);
}

/*
 * The caller offers the loop to a CPU, but wakes it only after the loop is over: the CPU
 * must find nothing, and the caller must not wait for it.
 */
static void offer_is_taken_back(struct scopex_test *test)
{
	struct numbers numbers;
	unsigned int round;

	if (num_online_cpus() < 2) {
		scopex_test_skip(test, "needs two CPUs");
		return;
	}
	scopex_inject_set(SCOPEX_INJECT_OFFER, 2000);
	for (round = 0; round < 20; round++) {
		usleep_range(2000, 3000);
		if (!numbers_init(test, &numbers, 0, 3))
			break;
		EXPECT_EQ(test, scopex_for(0, 3, see_late, .arg = &numbers,
					   .grain = 1), 0);
		numbers_check(&numbers, 1);
	}
	test_inject_end(test, SCOPEX_INJECT_OFFER);
}

/**
 * struct blocker - gives each CPU an item at a gate while a loop is being offered
 * @scope: the items' scope
 * @items: one for each CPU
 * @gate: where they wait
 */
struct blocker {
	struct scopex_scope	*scope;
	struct test_item	*items;
	struct test_gate	gate;
};

static int blocker_thread(void *data)
{
	struct blocker *blocker = data;
	unsigned int cpu;

	while (!scopex_inject_hits(SCOPEX_INJECT_OFFER) && !kthread_should_stop())
		usleep_range(50, 200);
	for_each_online_cpu(cpu) {
		blocker->items[cpu].gate = &blocker->gate;
		WARN_ON(scopex_submit_on(blocker->scope, cpu, &blocker->items[cpu].work));
	}
	scopex_inject_release(SCOPEX_INJECT_OFFER);
	test_thread_until_stopped();
	return 0;
}

/* The CPU gets an item before the offer of the loop: the caller must not wait for that. */
static void offer_that_nobody_takes(struct scopex_test *test)
{
	struct blocker blocker = { .items = test_items(nr_cpu_ids) };
	unsigned int round, hits = 0;
	struct task_struct *thread;
	struct numbers numbers;

	if (num_online_cpus() < 2) {
		scopex_test_skip(test, "needs two CPUs");
		goto out;
	}
	if (!EXPECT(test, blocker.items))
		return;
	for (round = 0; round < 20 && !hits; round++) {
		usleep_range(2000, 3000);
		if (!numbers_init(test, &numbers, 0, 3))
			break;
		test_gate_init(&blocker.gate);
		scopex_inject_set(SCOPEX_INJECT_OFFER, SCOPEX_INJECT_HOLD);
		scopex_scope(s) {
			blocker.scope = s;
			thread = test_thread(test, blocker_thread, &blocker,
					     nr_cpu_ids);
			EXPECT_EQ(test, scopex_for(0, 3, see_late, .arg = &numbers,
						   .grain = 1), 0);
			test_thread_stop(thread);
			complete_all(&blocker.gate.go);
		}
		hits = scopex_inject_hits(SCOPEX_INJECT_OFFER);
		numbers_check(&numbers, 1);
	}
	test_inject_end(test, SCOPEX_INJECT_OFFER);
out:
	kvfree(blocker.items);
}
#endif

static void loop_ends_with_the_first_error(struct scopex_test *test)
{
	struct numbers numbers;

	if (!numbers_init(test, &numbers, 0, 100000))
		return;
	numbers.fails = true;
	numbers.bad = 10;
	EXPECT_EQ(test, scopex_for(0, 100000, see, .arg = &numbers,
				   .grain = 1), -EILSEQ);
	EXPECT(test, atomic_read(&numbers.calls) < 100000);
	kvfree(numbers.seen);
}

static void loop_that_is_to_run_all(struct scopex_test *test)
{
	struct numbers numbers;

	if (!numbers_init(test, &numbers, 0, 1000))
		return;
	numbers.fails = true;
	numbers.bad = 10;
	EXPECT_EQ(test, scopex_for(0, 1000, see, .arg = &numbers, .grain = 1,
				   .run_all = true), -EILSEQ);
	EXPECT_EQ(test, atomic_read(&numbers.calls), 1000);
	kvfree(numbers.seen);
}

static int cancel_loop(const struct scopex_range *range)
{
	atomic_t *calls = range->arg;

	if (atomic_inc_return(calls) == 3)
		scopex_cancel(range->scope, 0);
	return 0;
}

static void loop_is_cancelled(struct scopex_test *test)
{
	atomic_t calls = ATOMIC_INIT(0);

	EXPECT_EQ(test, scopex_for(0, 1000000, cancel_loop, .arg = &calls,
				   .grain = 1), -ECANCELED);
	EXPECT(test, atomic_read(&calls) < 1000000);
}

static int nap(const struct scopex_range *range)
{
	usleep_range(100, 200);
	return 0;
}

static void loop_has_a_deadline(struct scopex_test *test)
{
	EXPECT_EQ(test, scopex_for(0, ULONG_MAX, nap, .grain = 1,
				   .timeout_us = 20 * USEC_PER_MSEC), -ETIME);
	EXPECT_EQ(test, scopex_for(0, 10, nap, .grain = 1,
				   .timeout_us = 100000 * USEC_PER_MSEC), 0);
}

static int killed_loop_thread(void *data)
{
	int *err = data;

	allow_signal(SIGKILL);
	send_sig(SIGKILL, current, 1);
	*err = scopex_for(0, ULONG_MAX, nap, .grain = 1,
			  .flags = SCOPEX_KILLABLE);
	flush_signals(current);
	test_thread_until_stopped();
	return 0;
}

static void loop_is_killed(struct scopex_test *test)
{
	int err = 0;

	test_thread_stop(test_thread(test, killed_loop_thread, &err, nr_cpu_ids));
	EXPECT_EQ(test, err, -EINTR);
}

static const struct scopex_case loop_cases[] = {
	SCOPEX_CASE(loop_sees_each_number_once),
	SCOPEX_CASE(loop_at_the_ends_of_the_range),
	SCOPEX_CASE(busy_cpus_are_not_waited_for),
#ifdef CONFIG_SCOPEX_INJECT
	SCOPEX_CASE(offer_is_taken_back),
	SCOPEX_CASE(offer_that_nobody_takes),
#endif
	SCOPEX_CASE(loop_ends_with_the_first_error),
	SCOPEX_CASE(loop_that_is_to_run_all),
	SCOPEX_CASE(loop_is_cancelled),
	SCOPEX_CASE(loop_has_a_deadline),
	SCOPEX_CASE(loop_is_killed),
};

SCOPEX_SUITE(loop, loop_cases);
