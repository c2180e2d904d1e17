// SPDX-License-Identifier: GPL-2.0
/*
 * Suites "timer" and "million": very many tasks that sleep at the same time
 *
 * They sleep on one CPU, so one queue has all of them, and no CPU waits for another one's look at
 * the list of the scope's tasks.
 */

#include <linux/atomic.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/scopex_timer.h>
#include <linux/slab.h>

#include "../task.h"
#include "test.h"
#include "timer.h"

/* With KASAN, and emulated, an interrupt that wakes 32 takes milliseconds. */
#define MANY	(IS_ENABLED(CONFIG_KASAN) || IS_ENABLED(CONFIG_KCSAN) ? 3000 : 50000)

static void many_sleepers_wake_up_at_once(struct scopex_test *test)
{
	struct sleeper *sleepers = NULL;
	unsigned int i;

	scopex_scope(s) {
		sleepers = sleepers_begin(test, s, MANY, 0, test_this_cpu(), NULL);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; sleepers && i < MANY; i++)
		expect_slept(test, &sleepers[i], 0);
	kvfree(sleepers);
}

static void many_sleepers_are_cancelled(struct scopex_test *test)
{
	struct sleeper *sleepers = kvcalloc(MANY, sizeof(*sleepers), GFP_KERNEL);
	unsigned int i, cpu = test_this_cpu();

	if (!EXPECT(test, sleepers))
		return;
	scopex_scope(s) {
		for (i = 0; i < MANY; i++) {
			sleeper_init(&sleepers[i], TEST_NEVER_US);
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &sleepers[i].task.work), 0);
		}
		for (i = 0; i < MANY; i++)
			test_until_asleep(&sleepers[i].task);
		scopex_cancel(s, 0);
		EXPECT_EQ(test, scopex_join(s), -ECANCELED);
	}
	for (i = 0; i < MANY; i++)
		expect_slept(test, &sleepers[i], -ECANCELED);
	kvfree(sleepers);
}

static const struct scopex_case timer_many_cases[] = {
	SCOPEX_CASE(many_sleepers_wake_up_at_once),
	SCOPEX_CASE(many_sleepers_are_cancelled),
};

SCOPEX_SUITE_PART(timer, timer_many, timer_many_cases);

#define MILLION	1000000

/**
 * struct dreamer - a task that sleeps, and has no variables of its own
 * @task: the task
 * @timer: its timer
 */
struct dreamer {
	struct scopex_task	task;
	struct scopex_timer	timer;
};

static_assert(sizeof(struct dreamer) <= 128);

static ktime_t dreamers_until;
static atomic64_t dreamers_calls, dreamers_woken, dreamers_cancelled;

static int dreamer_fn(struct scopex_task *task)
{
	struct dreamer *d = container_of(task, struct dreamer, task);
	int err;

	atomic64_inc(&dreamers_calls);
	scopex_coroutine(task) {
		scopex_await(task, err, scopex_sleep_until(&d->timer, dreamers_until));
		if (err)
			atomic64_inc(&dreamers_cancelled);
		else if (ktime_get() >= dreamers_until)
			atomic64_inc(&dreamers_woken);
	}
	return err;
}

static void dreamers_submit(struct scopex_test *test, struct scopex_scope *s,
			    struct dreamer **dreamers)
{
	unsigned int i, cpu = test_this_cpu();

	atomic64_set(&dreamers_calls, 0);
	atomic64_set(&dreamers_woken, 0);
	atomic64_set(&dreamers_cancelled, 0);
	for (i = 0; i < MILLION; i++) {
		scopex_task_init(&dreamers[i]->task, dreamer_fn);
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &dreamers[i]->task.work), 0);
	}
	for (i = 0; i < MILLION; i++)
		test_until_asleep(&dreamers[i]->task);
}

/*
 * Each task has one result, and waited. So it was called twice at least; and not more, if that is
 * so for their sum.
 */
static void expect_dreamt(struct scopex_test *test, struct dreamer **dreamers, int result)
{
	unsigned int i, bad = 0;

	for (i = 0; i < MILLION; i++)
		if (scopex_work_result(&dreamers[i]->task.work) != result)
			bad++;
	EXPECT_EQ(test, bad, 0);
	EXPECT_EQ(test, atomic64_read(&dreamers_calls), 2 * MILLION);
	EXPECT_EQ(test, atomic64_read(&dreamers_woken), result ? 0 : MILLION);
	EXPECT_EQ(test, atomic64_read(&dreamers_cancelled), result ? MILLION : 0);
}

static struct dreamer **dreamers_new(struct scopex_test *test)
{
	struct dreamer **dreamers = kvcalloc(MILLION, sizeof(*dreamers), GFP_KERNEL);
	unsigned int i;

	for (i = 0; dreamers && i < MILLION; i++) {
		dreamers[i] = kvmalloc(sizeof(**dreamers), GFP_KERNEL);
		if (!dreamers[i])
			break;
	}
	EXPECT_EQ(test, dreamers ? i : 0, MILLION);
	return dreamers;
}

static void dreamers_free(struct dreamer **dreamers)
{
	unsigned int i;

	for (i = 0; dreamers && i < MILLION; i++)
		kvfree(dreamers[i]);
	kvfree(dreamers);
}

static void million_sleepers_wake_up_at_once(struct scopex_test *test)
{
	struct dreamer **dreamers = dreamers_new(test);
	s64 delay_us = USEC_PER_SEC;
	ktime_t begun, over;

	if (scopex_test_failed(test)) {
		dreamers_free(dreamers);
		return;
	}
	scopex_scope(s) {
		for (;;) {
			begun = ktime_get();
			dreamers_until = ktime_add_us(begun, delay_us);
			dreamers_submit(test, s, dreamers);
			over = ktime_get();
			if (over < dreamers_until || scopex_test_failed(test))
				break;
			/* Too slow: some of them may not have waited at all. */
			EXPECT_EQ(test, scopex_join(s), 0);
			delay_us *= 2;
		}
		EXPECT_EQ(test, scopex_join(s), 0);
		scopex_test_note(test, "asleep after %lld ms, awake in %lld ms",
				 ktime_ms_delta(over, begun),
				 ktime_ms_delta(ktime_get(), dreamers_until));
	}
	expect_dreamt(test, dreamers, 0);
	dreamers_free(dreamers);
}

static void million_sleepers_are_cancelled(struct scopex_test *test)
{
	struct dreamer **dreamers = dreamers_new(test);
	ktime_t begun;

	if (scopex_test_failed(test)) {
		dreamers_free(dreamers);
		return;
	}
	scopex_scope(s) {
		dreamers_until = ktime_add_us(ktime_get(), TEST_NEVER_US);
		dreamers_submit(test, s, dreamers);
		begun = ktime_get();
		scopex_cancel(s, 0);
		EXPECT_EQ(test, scopex_join(s), -ECANCELED);
		scopex_test_note(test, "cancelled in %lld ms", ktime_ms_delta(ktime_get(), begun));
	}
	expect_dreamt(test, dreamers, -ECANCELED);
	dreamers_free(dreamers);
}

static const struct scopex_case million_cases[] = {
	SCOPEX_CASE(million_sleepers_wake_up_at_once),
	SCOPEX_CASE(million_sleepers_are_cancelled),
};

SCOPEX_SUITE(million, million_cases);
