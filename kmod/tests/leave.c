// SPDX-License-Identifier: GPL-2.0
/* scopex_test: blocks that are left without a join, with SCOPEX_CANCEL_ON_EXIT */

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/scopex.h>

#include "test.h"

/* An item that ends when its scope is cancelled, or after a time, and records which. */
struct watcher {
	struct scopex_work	work;
	unsigned int		ms;
	bool			nests;
	bool			begun;
	bool			cancelled;
};

static bool watch(struct scopex_scope *scope, unsigned int ms)
{
	unsigned long end = jiffies + msecs_to_jiffies(ms);

	while (!scopex_cancelled(scope) && time_before(jiffies, end))
		usleep_range(100, 200);
	return scopex_cancelled(scope);
}

static int watcher_fn(struct scopex_work *work)
{
	struct watcher *watcher = container_of(work, struct watcher, work);

	WRITE_ONCE(watcher->begun, true);
	if (watcher->nests) {
		scopex_scope(nested)
			watcher->cancelled = watch(nested, watcher->ms);
	} else {
		watcher->cancelled = watch(scopex_work_scope(work), watcher->ms);
	}
	return 0;
}

static struct watcher watcher_of(unsigned int ms)
{
	return (struct watcher){ .work = SCOPEX_WORK_INIT(watcher_fn), .ms = ms };
}

#define LONG_MS		8000
#define BEHIND		4

/* One item runs, and some have not begun. */
struct crew {
	struct watcher	watcher;
	struct test_item behind[BEHIND];
};

static void crew_init(struct crew *crew, unsigned int ms)
{
	unsigned int i;

	crew->watcher = watcher_of(ms);
	for (i = 0; i < BEHIND; i++)
		test_item_init(&crew->behind[i]);
}

static void crew_submit(struct scopex_test *test, struct scopex_scope *scope,
			struct crew *crew, unsigned int cpu)
{
	EXPECT_EQ(test, scopex_submit_on(scope, cpu, &crew->watcher.work), 0);
	while (!READ_ONCE(crew->watcher.begun))
		usleep_range(100, 200);
	EXPECT_EQ(test, scopex_submit_array(scope, cpu, crew->behind, BEHIND, work), 0);
}

static void expect_crew(struct scopex_test *test, struct crew *crew, bool cancelled)
{
	unsigned int i;

	EXPECT_EQ(test, crew->watcher.cancelled, cancelled);
	EXPECT_EQ(test, scopex_work_result(&crew->watcher.work), 0);
	for (i = 0; i < BEHIND; i++) {
		EXPECT_EQ(test, atomic_read(&crew->behind[i].runs), !cancelled);
		EXPECT_EQ(test, scopex_work_result(&crew->behind[i].work),
			  cancelled ? -ECANCELED : 0);
	}
}

static int returns_early(struct scopex_test *test, struct crew *crew, unsigned int cpu,
			 unsigned int limit)
{
	scopex_scope(s, .flags = SCOPEX_CANCEL_ON_EXIT, .limit = limit) {
		crew_submit(test, s, crew, cpu);
		return -EIO;
	}
}

static void early_return_cancels(struct scopex_test *test)
{
	unsigned int limit, cpu = test_this_cpu();
	struct crew crew;

	for (limit = 0; limit <= 2; limit++) {
		crew_init(&crew, LONG_MS);
		EXPECT_EQ(test, returns_early(test, &crew, cpu, limit), -EIO);
		expect_crew(test, &crew, true);
	}
}

static void end_of_the_block_cancels(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu();
	struct crew crew;

	crew_init(&crew, LONG_MS);
	scopex_scope(s, .flags = SCOPEX_CANCEL_ON_EXIT | SCOPEX_JOINABLE,
		     .timeout_us = 3600 * USEC_PER_SEC)
		crew_submit(test, s, &crew, cpu);
	expect_crew(test, &crew, true);
}

static void nested_scopes_are_cancelled(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu();
	struct crew crew;

	crew_init(&crew, LONG_MS);
	crew.watcher.nests = true;
	scopex_scope(s, .flags = SCOPEX_CANCEL_ON_EXIT)
		crew_submit(test, s, &crew, cpu);
	EXPECT(test, crew.watcher.cancelled);
}

/* Without the flag, and with a join after the last submit, everything runs. */
static void other_blocks_do_not_cancel(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu();
	struct crew crew;

	crew_init(&crew, 30);
	scopex_scope(s, .flags = SCOPEX_FAIL_FAST)
		crew_submit(test, s, &crew, cpu);
	expect_crew(test, &crew, false);

	crew_init(&crew, 30);
	scopex_scope(s, .flags = SCOPEX_CANCEL_ON_EXIT) {
		crew_submit(test, s, &crew, cpu);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	expect_crew(test, &crew, false);
}

/* The join is of the first round; those of the second one are cancelled. */
static void submits_after_the_join_are_cancelled(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu();
	struct crew first, second;

	crew_init(&first, 30);
	crew_init(&second, LONG_MS);
	scopex_scope(s, .flags = SCOPEX_CANCEL_ON_EXIT) {
		crew_submit(test, s, &first, cpu);
		EXPECT_EQ(test, scopex_join(s), 0);
		crew_submit(test, s, &second, cpu);
	}
	expect_crew(test, &first, false);
	expect_crew(test, &second, true);
}

struct run {
	struct scopex_test	*test;
	struct crew		crew;
	unsigned int		cpu;
	int			ret;
	bool			joins;
};

static int run_body(struct scopex_scope *scope, void *arg)
{
	struct run *run = arg;

	crew_submit(run->test, scope, &run->crew, run->cpu);
	return run->joins ? scopex_join(scope) : run->ret;
}

static void body_cancels(struct scopex_test *test)
{
	struct run run = { .test = test, .cpu = test_this_cpu() };

	crew_init(&run.crew, LONG_MS);
	EXPECT_EQ(test, scopex_run(run_body, &run, .flags = SCOPEX_CANCEL_ON_EXIT),
		  -ECANCELED);
	expect_crew(test, &run.crew, true);

	crew_init(&run.crew, LONG_MS);
	run.ret = -EXDEV;
	EXPECT_EQ(test, scopex_run(run_body, &run, .flags = SCOPEX_CANCEL_ON_EXIT), -EXDEV);
	expect_crew(test, &run.crew, true);

	crew_init(&run.crew, 30);
	run.joins = true;
	EXPECT_EQ(test, scopex_run(run_body, &run, .flags = SCOPEX_CANCEL_ON_EXIT), 0);
	expect_crew(test, &run.crew, false);
}

static const struct scopex_case leave_cases[] = {
	SCOPEX_CASE(early_return_cancels),
	SCOPEX_CASE(end_of_the_block_cancels),
	SCOPEX_CASE(nested_scopes_are_cancelled),
	SCOPEX_CASE(other_blocks_do_not_cancel),
	SCOPEX_CASE(submits_after_the_join_are_cancelled),
	SCOPEX_CASE(body_cancels),
};

SCOPEX_SUITE(leave, leave_cases);
