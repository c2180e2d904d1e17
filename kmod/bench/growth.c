// SPDX-License-Identifier: GPL-2.0
/*
 * scopex_bench: does an item, a loop or a cancellation take longer where there is more?
 *
 * More of what: scopes that other tasks have open, scopes that one is nested in, and items that
 * are queued on the CPU. Each of these is made to be as many as asked, and then the same few
 * operations are measured. Other CPUs are more of the same in another run.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/scopex.h>
#include <linux/scopex_loop.h>
#include <linux/slab.h>

#include "bench.h"

/* A sample is so many operations. */
#define GROWTH_OPS	1000U

/* What is measured, as the results call it. */
enum growth_what {
	GROWTH_ITEM,	/* a scope with GROWTH_OPS items; behind a queue, their submit */
	GROWTH_LOOP,	/* a loop that asks nobody for help */
	GROWTH_CANCEL,	/* to cancel a scope that has none nested in it */
	GROWTH_ALL,	/* to cancel all scopes that one is nested in, or all items of a queue */
	GROWTH_WHATS,
};

static const char * const what_name[GROWTH_WHATS] = {
	[GROWTH_ITEM] = "item", [GROWTH_LOOP] = "loop", [GROWTH_CANCEL] = "cancel",
	[GROWTH_ALL] = "all",
};

/**
 * struct growth_round - what one round measures
 * @sample: the times, in ns
 * @items: GROWTH_OPS items and more, that do nothing
 */
struct growth_round {
	u64			sample[GROWTH_WHATS];
	struct scopex_work	*items;
};

static int growth_noop(struct scopex_work *work)
{
	return 0;
}

static int growth_range(const struct scopex_range *range)
{
	return 0;
}

static int growth_submit(struct scopex_scope *scope, struct scopex_work *items, unsigned long n)
{
	int err = 0;

	for (unsigned long i = 0; i < n && !err; i++)
		err = scopex_submit_on(scope, SCOPEX_CPU_LOCAL, &items[i]);
	return err;
}

static int growth_item(struct growth_round *round)
{
	int err;

	scopex_scope(s) {
		err = growth_submit(s, round->items, GROWTH_OPS);
		err = scopex_join(s) ?: err;
	}
	return err;
}

static int growth_loop(struct growth_round *round)
{
	int err = 0;

	for (unsigned int i = 0; i < GROWTH_OPS && !err; i++)
		err = scopex_for(0, 1000, growth_range);
	return err;
}

static int growth_cancel(struct growth_round *round)
{
	scopex_scope(s)
		for (unsigned int i = 0; i < GROWTH_OPS; i++)
			scopex_cancel(s, 0);
	return 0;
}

static int growth_measure(struct growth_round *round, enum growth_what what,
			  int (*fn)(struct growth_round *round))
{
	u64 begin = ktime_get_ns();
	int err = fn(round);

	round->sample[what] = ktime_get_ns() - begin;
	return err;
}

/* What takes no item's run. */
static int growth_measure_calls(struct growth_round *round)
{
	return growth_measure(round, GROWTH_LOOP, growth_loop) ?:
	       growth_measure(round, GROWTH_CANCEL, growth_cancel);
}

static int growth_measure_all(struct growth_round *round)
{
	return growth_measure(round, GROWTH_ITEM, growth_item) ?: growth_measure_calls(round);
}

/* Other tasks, each with a scope that has had an item: so the scope is listed. */

static DECLARE_COMPLETION(growth_opened);
static struct task_struct **growth_tasks;
static unsigned long growth_nr_tasks;

static int growth_task(void *unused)
{
	struct scopex_work work = SCOPEX_WORK_INIT(growth_noop);
	int err;

	scopex_scope(s) {
		err = scopex_submit_on(s, SCOPEX_CPU_LOCAL, &work);
		err = scopex_join(s) ?: err;
		complete(&growth_opened);
		while (!kthread_should_stop()) {
			set_current_state(TASK_IDLE);
			if (!kthread_should_stop())
				schedule();
			__set_current_state(TASK_RUNNING);
		}
	}
	return err;
}

static int scopes_start(unsigned long n)
{
	growth_tasks = kvcalloc(n, sizeof(*growth_tasks), GFP_KERNEL);
	if (!growth_tasks)
		return -ENOMEM;
	while (growth_nr_tasks < n) {
		struct task_struct *task = kthread_create(growth_task, NULL, "scopex_bench_s");

		if (IS_ERR(task))
			return PTR_ERR(task);
		growth_tasks[growth_nr_tasks++] = task;
		kthread_bind(task, bench.cpu[0]);
		wake_up_process(task);
		wait_for_completion(&growth_opened);
	}
	return 0;
}

static int scopes_stop(void)
{
	int err = 0;

	while (growth_nr_tasks)
		err = kthread_stop(growth_tasks[--growth_nr_tasks]) ?: err;
	kvfree(growth_tasks);
	growth_tasks = NULL;
	return err;
}

static int scopes_round(unsigned long n, struct growth_round *round)
{
	return growth_measure_all(round);
}

/**
 * struct growth_nest - an item that opens a scope for another one like it
 * @work: the item
 * @top: the scope around all of them
 * @below: how many are nested in this one
 * @round: measured by the innermost one
 * @err: its error
 */
struct growth_nest {
	struct scopex_work	work;
	struct scopex_scope	*top;
	unsigned long		below;
	struct growth_round	*round;
	int			err;
};

static int nest_fn(struct scopex_work *work);

/* Returns the error of the innermost item. The scopes have one, too: they are cancelled. */
static int nest_in(struct scopex_scope *scope, struct scopex_scope *top, unsigned long below,
		   struct growth_round *round)
{
	struct growth_nest inner = {
		.work = SCOPEX_WORK_INIT(nest_fn), .top = top, .below = below, .round = round,
	};
	int err = scopex_submit_on(scope, SCOPEX_CPU_LOCAL, &inner.work);

	scopex_join(scope);
	return err ?: inner.err;
}

static int nest_fn(struct scopex_work *work)
{
	struct growth_nest *nest = container_of(work, struct growth_nest, work);
	u64 begin;

	if (nest->below) {
		scopex_scope(s)
			nest->err = nest_in(s, nest->top, nest->below - 1, nest->round);
		return 0;
	}
	nest->err = growth_measure_all(nest->round);
	begin = ktime_get_ns();
	scopex_cancel(nest->top, 0);
	nest->round->sample[GROWTH_ALL] = ktime_get_ns() - begin;
	return 0;
}

static int nesting_round(unsigned long n, struct growth_round *round)
{
	int err;

	scopex_scope(top)
		err = nest_in(top, top, n - 1, round);
	return err;
}

static unsigned long nesting_all(unsigned long n)
{
	return n;
}

/**
 * struct growth_plug - an item that others are queued behind
 * @work: the item
 * @runs: completed when it runs
 * @go: completed to end it
 */
struct growth_plug {
	struct scopex_work	work;
	struct completion	runs;
	struct completion	go;
};

static int plug_fn(struct scopex_work *work)
{
	struct growth_plug *plug = container_of(work, struct growth_plug, work);

	complete(&plug->runs);
	wait_for_completion(&plug->go);
	return 0;
}

/* With n items in the queue, and then GROWTH_OPS more, all of which are cancelled. */
static int queue_in(struct scopex_scope *scope, struct growth_plug *plug, unsigned long n,
		    struct growth_round *round)
{
	u64 begin;
	int err = scopex_submit_on(scope, SCOPEX_CPU_LOCAL, &plug->work);

	if (err)
		return err;
	wait_for_completion(&plug->runs);
	err = growth_submit(scope, round->items + GROWTH_OPS, n);
	/* Other tasks may have waited for long. */
	cond_resched();
	if (!err)
		err = growth_measure_calls(round);
	begin = ktime_get_ns();
	if (!err)
		err = growth_submit(scope, round->items, GROWTH_OPS);
	round->sample[GROWTH_ITEM] = ktime_get_ns() - begin;

	begin = ktime_get_ns();
	scopex_cancel(scope, 0);
	complete(&plug->go);
	if (scopex_join(scope) != -ECANCELED)
		err = err ?: -EIO;
	round->sample[GROWTH_ALL] = ktime_get_ns() - begin;
	return err;
}

static int queue_round(unsigned long n, struct growth_round *round)
{
	struct growth_plug plug = { .work = SCOPEX_WORK_INIT(plug_fn) };
	int err;

	init_completion(&plug.runs);
	init_completion(&plug.go);
	scopex_scope(s)
		err = queue_in(s, &plug, n, round);
	return err;
}

static unsigned long queue_all(unsigned long n)
{
	return n + GROWTH_OPS;
}

/* More of what; @all: how much GROWTH_ALL cancels */
static const struct growth {
	const char	*name;
	unsigned long	max;
	int		(*start)(unsigned long n);
	int		(*round)(unsigned long n, struct growth_round *round);
	int		(*stop)(void);
	unsigned long	(*all)(unsigned long n);
} growths[] = {
	{ "scopes", 10000, scopes_start, scopes_round, scopes_stop, NULL },
	{ "nesting", 100, NULL, nesting_round, NULL, nesting_all },
	{ "queue", BENCH_ITEMS_MAX, NULL, queue_round, NULL, queue_all },
};

static int growth_report(const struct growth *growth, unsigned long n, u64 *samples)
{
	int err = 0;

	for (unsigned int what = 0; what < GROWTH_WHATS && !err; what++) {
		const struct bench_result result = {
			.workload = "growth", .peer = "scopex", .place = growth->name, .n = n,
			.cpus = bench.nr_cpus, .what = what_name[what],
			.ops = what == GROWTH_ALL && growth->all ? growth->all(n) : GROWTH_OPS,
		};

		if (what != GROWTH_ALL || growth->all)
			err = bench_report(&result, samples + what * bench.rounds, bench.rounds);
	}
	return err;
}

static int growth_rounds(const struct growth *growth, unsigned long n, u64 *samples)
{
	struct growth_round round = { };
	int err = 0;

	round.items = kvcalloc(n + GROWTH_OPS, sizeof(*round.items), GFP_KERNEL);
	if (!round.items)
		return -ENOMEM;
	for (unsigned long i = 0; i < n + GROWTH_OPS; i++)
		scopex_work_init(&round.items[i], growth_noop);
	if (growth->start)
		err = growth->start(n);
	/* The first round is to warm up. */
	for (unsigned int i = 0; i <= bench.rounds && !err; i++) {
		err = growth->round(n, &round);
		if (!err && bench_stopped())
			err = -EINTR;
		for (unsigned int what = 0; what < GROWTH_WHATS && i; what++)
			samples[what * bench.rounds + i - 1] = round.sample[what];
		cond_resched();
	}
	if (growth->stop)
		err = growth->stop() ?: err;
	kvfree(round.items);
	if (err)
		pr_err("growth, %lu of %s: %pe\n", n, growth->name, ERR_PTR(err));
	return err ?: growth_report(growth, n, samples);
}

/**
 * bench_growth() - a few operations, where there is more and more of something
 *
 * Return: 0 or a negative errno.
 */
int bench_growth(void)
{
	u64 *samples = kcalloc(GROWTH_WHATS * bench.rounds, sizeof(*samples), GFP_KERNEL);
	int err = 0;

	if (!samples)
		return -ENOMEM;
	for (unsigned int i = 0; i < ARRAY_SIZE(growths); i++)
		for (unsigned int k = 0; k < bench.nr_n && !err; k++)
			if (bench.n[k] <= growths[i].max)
				err = growth_rounds(&growths[i], bench.n[k], samples);
	kfree(samples);
	return err;
}
