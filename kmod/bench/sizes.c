// SPDX-License-Identifier: GPL-2.0
/*
 * scopex_bench: loops of all sizes, beside plain ones
 *
 * A loop is done by a plain call, by two threads that are awake and have a half each, by a
 * caller that has a workqueue do half of it, and by scopex_for(), one way after the other in
 * each round. So what a host does to the speed of its CPUs hits all of them.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/math64.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/scopex_loop.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "bench.h"

/* From 0.2 us to 10 ms, or a bit less, by factors of two. */
#define SIZES_SHORTEST	200UL
#define SIZES_LONGEST	6553600UL

#define SIZES_NUMBERS	1000UL

/* A sample takes this long at least, in ns: short loops are repeated. */
#define SIZES_SAMPLE	100000UL

/**
 * struct sizes_loop - the work of a loop
 * @count: the number of numbers
 * @turns: how many turns of work all numbers make together
 * @rising: the work of a number is proportional to the number; else it is the same for all
 */
struct sizes_loop {
	unsigned long	count;
	unsigned long	turns;
	bool		rising;
};

/* Returns how many turns the numbers below @n make. */
static unsigned long sizes_turns(const struct sizes_loop *loop, unsigned long n)
{
	u64 turns = (u64)loop->turns * n;

	if (loop->rising)
		turns = div64_u64(turns, loop->count) * n;
	return div64_u64(turns, loop->count);
}

static int sizes_range(const struct scopex_range *range)
{
	const struct sizes_loop *loop = range->arg;
	unsigned long turns = sizes_turns(loop, range->first + range->count) -
			      sizes_turns(loop, range->first);

	for (; turns; turns--)
		barrier();
	return 0;
}

/* The second thread: it is awake, and does its half as soon as it is told. */
static struct sizes_half {
	const struct sizes_loop	*loop;
	unsigned long		first;
	bool			end;
} sizes_half;

static void sizes_call(const struct sizes_loop *loop, unsigned long first, unsigned long end)
{
	const struct scopex_range range = {
		.first = first, .count = end - first, .arg = (void *)loop,
	};

	if (end > first)
		sizes_range(&range);
}

static int sizes_half_thread(void *unused)
{
	const struct sizes_loop *loop;

	while (!READ_ONCE(sizes_half.end)) {
		/* Acquire: see the first number. */
		loop = smp_load_acquire(&sizes_half.loop);
		if (loop) {
			sizes_call(loop, sizes_half.first, loop->count);
			/* Release: the work is done. */
			smp_store_release(&sizes_half.loop, NULL);
		}
		cpu_relax();
		cond_resched();
	}
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static int plain(const struct sizes_loop *loop)
{
	sizes_call(loop, 0, loop->count);
	return 0;
}

/* So that both halves have the same work: the numbers below 0.707 n have half of it. */
static unsigned long sizes_middle(const struct sizes_loop *loop)
{
	return loop->rising ? loop->count * 707 / 1000 : loop->count / 2;
}

static int two(const struct sizes_loop *loop)
{
	unsigned long half = sizes_middle(loop);

	sizes_half.first = half;
	/* Release: the other thread sees the first number. */
	smp_store_release(&sizes_half.loop, loop);
	sizes_call(loop, 0, half);
	/* Acquire: the other half is done. */
	while (smp_load_acquire(&sizes_half.loop))
		cpu_relax();
	return 0;
}

static void sizes_half_work(struct work_struct *unused)
{
	sizes_call(sizes_half.loop, sizes_half.first, sizes_half.loop->count);
}

static DECLARE_WORK(sizes_work, sizes_half_work);

static int queued(const struct sizes_loop *loop)
{
	unsigned long half = sizes_middle(loop);

	sizes_half.loop = loop;
	sizes_half.first = half;
	queue_work_on(bench.cpu[1], system_highpri_wq, &sizes_work);
	sizes_call(loop, 0, half);
	flush_work(&sizes_work);
	return 0;
}

static int shared(const struct sizes_loop *loop)
{
	return scopex_for(0, loop->count, sizes_range, .arg = (void *)loop);
}

static const struct {
	const char	*peer;
	int		(*fn)(const struct sizes_loop *loop);
	unsigned int	cpus;	/* at least */
} ways[] = {
	{ "call",	plain,	1 },
	{ "two",	two,	2 },
	{ "wq_flush",	queued,	2 },
	{ "scopex_for",	shared,	1 },
};

/* The second thread is there for its own way only: others would find its CPU busy. */
static struct task_struct *sizes_start_half(void)
{
	struct task_struct *task;

	sizes_half = (struct sizes_half){ };
	task = kthread_create(sizes_half_thread, NULL, "scopex_bench_2");
	if (IS_ERR(task))
		return task;
	kthread_bind(task, bench.cpu[1]);
	wake_up_process(task);
	return task;
}

static void sizes_stop_half(struct task_struct *task)
{
	WRITE_ONCE(sizes_half.end, true);
	kthread_stop(task);
}

static int sizes_sample(const struct sizes_loop *loop, unsigned int way, unsigned long repeat,
			u64 *elapsed)
{
	struct task_struct *task = NULL;
	int err = 0;
	u64 begin;

	if (ways[way].fn == two) {
		task = sizes_start_half();
		if (IS_ERR(task))
			return PTR_ERR(task);
	}
	/* Once before, so that the second thread is awake, and the caches are warm. */
	err = ways[way].fn(loop);
	begin = ktime_get_ns();
	for (unsigned long i = 0; i < repeat && !err; i++)
		err = ways[way].fn(loop);
	*elapsed = ktime_get_ns() - begin;
	if (task)
		sizes_stop_half(task);
	return err;
}

static int sizes_of(unsigned long work_ns, bool rising, u64 *samples)
{
	struct sizes_loop loop = { .turns = bench_turns(work_ns), .rising = rising };
	const unsigned int nr = ARRAY_SIZE(ways);
	unsigned long repeat = max(SIZES_SAMPLE / work_ns, 1UL);
	unsigned int way, round;
	int err = 0;

	loop.count = clamp(loop.turns / 16, 1UL, SIZES_NUMBERS);
	for (unsigned int i = 0; i < nr * (bench.rounds + 1) && !err; i++) {
		u64 elapsed;

		/* Another way is the first in each round; the first round is to warm up. */
		round = i / nr;
		way = (i + round) % nr;
		if (bench.nr_cpus < ways[way].cpus)
			continue;
		err = sizes_sample(&loop, way, repeat, &elapsed);
		if (!err && bench_stopped())
			err = -EINTR;
		if (round)
			samples[way * bench.rounds + round - 1] = elapsed;
		cond_resched();
	}
	if (err) {
		pr_err("sizes, %lu ns: %pe\n", work_ns, ERR_PTR(err));
		return err;
	}
	for (way = 0; way < nr && !err; way++) {
		const struct bench_result result = {
			.workload = "sizes", .peer = ways[way].peer, .n = loop.count,
			.place = rising ? "rising" : "even",
			.work_ns = work_ns, .cpus = bench.nr_cpus, .what = "total",
			.ops = repeat,
		};

		if (bench.nr_cpus >= ways[way].cpus)
			err = bench_report(&result, samples + way * bench.rounds, bench.rounds);
	}
	return err;
}

/**
 * bench_sizes() - loops that last from 0.2 us to 6.5 ms
 *
 * Return: 0 or a negative errno.
 */
int bench_sizes(void)
{
	u64 *samples = kcalloc(ARRAY_SIZE(ways) * bench.rounds, sizeof(*samples), GFP_KERNEL);
	int err = 0;

	if (!samples)
		return -ENOMEM;
	for (unsigned int rising = 0; rising < 2; rising++)
		for (unsigned long ns = SIZES_SHORTEST; ns <= SIZES_LONGEST && !err; ns *= 2)
			err = sizes_of(ns, rising, samples);
	kfree(samples);
	return err;
}
