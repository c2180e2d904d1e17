// SPDX-License-Identifier: GPL-2.0
/*
 * scopex_bench: scopes and loops with nothing in them, loops over memory, and the end of
 * many items
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/scopex.h>
#include <linux/scopex_loop.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "../compat/workqueue.h"
#include "bench.h"

/* Operations too short for the clock: so many of them are one sample. */
#define BENCH_EMPTY	1000

static int empty_scope(void)
{
	int err = 0;

	for (unsigned int i = 0; i < BENCH_EMPTY; i++)
		scopex_scope(s)
			err = scopex_error(s) ?: err;
	return err;
}

static int empty_range(const struct scopex_range *range)
{
	return 0;
}

static int empty_loop(unsigned long nr)
{
	int err = 0;

	for (unsigned int i = 0; i < BENCH_EMPTY && !err; i++)
		err = scopex_for(0, nr, empty_range);
	return err;
}

static int loop_over_none(void)
{
	return empty_loop(0);
}

static int loop_over_one(void)
{
	return empty_loop(1);
}

static int loop_over_many(void)
{
	return empty_loop(1000);
}

/* What a loop is compared with: its function is called once, for all numbers. */
static int plain_loop(unsigned long nr)
{
	scopex_range_fn_t fn = empty_range;
	int err = 0;

	OPTIMIZER_HIDE_VAR(fn);
	for (unsigned int i = 0; i < BENCH_EMPTY && !err; i++) {
		const struct scopex_range range = { .count = nr };

		err = fn(&range);
	}
	return err;
}

static int call_of_one(void)
{
	return plain_loop(1);
}

static int call_of_many(void)
{
	return plain_loop(1000);
}

static int clock_read(void)
{
	for (unsigned int i = 0; i < BENCH_EMPTY; i++)
		ktime_get_ns();
	return 0;
}

static const struct {
	const char	*peer;
	unsigned long	n;
	int		(*fn)(void);
} empties[] = {
	{ "clock",	0,	clock_read },
	{ "call",	1,	call_of_one },
	{ "call",	1000,	call_of_many },
	{ "scopex",	0,	empty_scope },
	{ "scopex_for",	0,	loop_over_none },
	{ "scopex_for",	1,	loop_over_one },
	{ "scopex_for",	1000,	loop_over_many },
};

/**
 * bench_empty() - a scope without items, loops without work, and reading the clock
 *
 * Return: 0 or a negative errno.
 */
int bench_empty(void)
{
	u64 *samples = kcalloc(ARRAY_SIZE(empties) * bench.rounds, sizeof(*samples), GFP_KERNEL);
	unsigned int i, k;
	int err = 0;

	if (!samples)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(empties) * (bench.rounds + 1) && !err; i++) {
		unsigned int which = i % ARRAY_SIZE(empties), round = i / ARRAY_SIZE(empties);
		u64 begin = ktime_get_ns();

		err = empties[which].fn();
		begin = ktime_get_ns() - begin;
		/* The first round is to warm up. */
		if (round)
			samples[which * bench.rounds + round - 1] = begin;
		if (bench_stopped())
			err = -EINTR;
		cond_resched();
	}
	if (err)
		pr_err("empty: %pe\n", ERR_PTR(err));
	for (k = 0; k < ARRAY_SIZE(empties) && !err; k++) {
		const struct bench_result result = {
			.workload = "empty", .peer = empties[k].peer, .n = empties[k].n,
			.cpus = bench.nr_cpus, .what = "total", .ops = BENCH_EMPTY,
		};

		err = bench_report(&result, samples + k * bench.rounds, bench.rounds);
	}
	kfree(samples);
	return err;
}

/* A loop over memory adds it up, a kibibyte being a number of the loop. */
#define MEMORY_UNIT	(SZ_1K / sizeof(u64))
#define MEMORY_MAX	SZ_64M

static u64 memory_sum(const u64 *data, unsigned long units)
{
	const u64 *end = data + units * MEMORY_UNIT;
	u64 sum = 0;

	while (data < end)
		sum += *data++;
	return sum;
}

static int memory_range(const struct scopex_range *range)
{
	const u64 *data = range->arg;

	*(u64 *)range->result += memory_sum(data + range->first * MEMORY_UNIT, range->count);
	return 0;
}

static void memory_join(void *total, const void *result, void *arg)
{
	*(u64 *)total += *(const u64 *)result;
}

struct memory_part {
	struct work_struct	work;
	const u64		*data;
	unsigned long		units;
	u64			sum;
};

static void memory_part_fn(struct work_struct *work)
{
	struct memory_part *part = container_of(work, struct memory_part, work);

	part->sum = memory_sum(part->data, part->units);
}

static struct workqueue_struct *memory_wq;
static struct memory_part *memory_parts;

static int memory_call(u64 *data, unsigned long units, u64 *sum)
{
	*sum = memory_sum(data, units);
	return 0;
}

static int memory_for(u64 *data, unsigned long units, u64 *sum)
{
	static const struct scopex_reduction reduction = {
		.size = sizeof(u64), .join = memory_join,
	};

	*sum = 0;
	return scopex_reduce(0, units, memory_range, &reduction, sum, .arg = data);
}

/* Divided by hand, an equal part for each CPU, the first one done by the caller. */
static int memory_workqueue(u64 *data, unsigned long units, u64 *sum)
{
	unsigned long first = 0;
	unsigned int i;

	for (i = 0; i < bench.nr_cpus; i++) {
		unsigned long end = units * (i + 1) / bench.nr_cpus;

		memory_parts[i].data = data + first * MEMORY_UNIT;
		memory_parts[i].units = end - first;
		first = end;
		if (i)
			queue_work_on(bench.cpu[i], memory_wq, &memory_parts[i].work);
	}
	memory_part_fn(&memory_parts[0].work);
	*sum = memory_parts[0].sum;
	for (i = 1; i < bench.nr_cpus; i++) {
		flush_work(&memory_parts[i].work);
		*sum += memory_parts[i].sum;
	}
	return 0;
}

static const struct {
	const char	*peer;
	int		(*fn)(u64 *data, unsigned long units, u64 *sum);
} memory_ways[] = {
	{ "call",	memory_call },
	{ "scopex_for",	memory_for },
	{ "wq_flush",	memory_workqueue },
};

/* One round of one way. Returns the time it took, if the sum is right. */
static int memory_round(unsigned int way, u64 *data, unsigned long units, unsigned long repeat,
			u64 *elapsed)
{
	/* The words are 0, 1, 2 and so on. */
	u64 sum, words = units * MEMORY_UNIT, expected = words * (words - 1) / 2;
	u64 begin = ktime_get_ns();
	int err;

	for (unsigned long i = 0; i < repeat; i++) {
		err = memory_ways[way].fn(data, units, &sum);
		if (!err && sum != expected)
			err = -EIO;
		if (err) {
			pr_err("memory, %lu KiB by %s: %pe\n", units, memory_ways[way].peer,
			       ERR_PTR(err));
			return err;
		}
	}
	*elapsed = ktime_get_ns() - begin;
	return 0;
}

static int memory_size(u64 *data, unsigned long units, u64 *samples)
{
	const unsigned int nr = ARRAY_SIZE(memory_ways);
	unsigned long repeat = clamp(SZ_1K / units, 1UL, 200UL);
	unsigned int rounds = min_t(unsigned int, bench.rounds, units < SZ_16K ? 11 : 3);
	u64 elapsed;
	int err;

	for (unsigned int i = 0; i < nr * (rounds + 1); i++) {
		/* Another way is the first in each round. */
		unsigned int round = i / nr, way = (i + round) % nr;

		err = memory_round(way, data, units, repeat, &elapsed);
		if (!err && bench_stopped())
			err = -EINTR;
		if (err)
			return err;
		if (round)
			samples[way * bench.rounds + round - 1] = elapsed;
		cond_resched();
	}
	for (unsigned int way = 0; way < nr; way++) {
		const struct bench_result result = {
			.workload = "memory", .peer = memory_ways[way].peer, .n = units,
			.cpus = bench.nr_cpus, .what = "total", .ops = units * repeat,
		};

		err = bench_report(&result, samples + way * bench.rounds, rounds);
		if (err)
			return err;
	}
	return 0;
}

/**
 * bench_memory() - add up 1 KiB to 64 MiB of memory; the figures are per KiB
 *
 * Return: 0 or a negative errno.
 */
int bench_memory(void)
{
	u64 *samples, *data;
	int err = -ENOMEM;

	samples = kcalloc(ARRAY_SIZE(memory_ways) * bench.rounds, sizeof(*samples), GFP_KERNEL);
	data = kvmalloc(MEMORY_MAX, GFP_KERNEL);
	memory_parts = kcalloc(bench.nr_cpus, sizeof(*memory_parts), GFP_KERNEL);
	memory_wq = alloc_workqueue("scopex_bench", SCOPEX_WQ_PERCPU, 0);
	if (!samples || !data || !memory_parts || !memory_wq)
		goto out;

	for (unsigned int i = 0; i < bench.nr_cpus; i++)
		INIT_WORK(&memory_parts[i].work, memory_part_fn);
	for (unsigned long i = 0; i < MEMORY_MAX / sizeof(*data); i++)
		data[i] = i;
	err = 0;
	for (unsigned long units = 1; units <= MEMORY_MAX / SZ_1K && !err; units *= 4)
		err = memory_size(data, units, samples);
out:
	if (memory_wq)
		destroy_workqueue(memory_wq);
	kfree(memory_parts);
	kvfree(data);
	kfree(samples);
	return err;
}

/* The end of many items */

struct counted_item {
	struct kref		ref;
	struct scopex_work	work;
};

struct scoped_item {
	struct scopex_work	work;
};

static int teardown_fn(struct scopex_work *work)
{
	return 0;
}

static void counted_release(struct kref *ref)
{
	kfree(container_of(ref, struct counted_item, ref));
}

static int counted_run(struct counted_item **items, unsigned long n)
{
	unsigned long i;
	int err = 0;

	for (i = 0; i < n; i++) {
		items[i] = kmalloc(sizeof(**items), GFP_KERNEL);
		if (!items[i])
			return -ENOMEM;
		kref_init(&items[i]->ref);
		scopex_work_init(&items[i]->work, teardown_fn);
	}
	scopex_scope(counted) {
		for (i = 0; i < n && !err; i++)
			err = scopex_submit_on(counted, SCOPEX_CPU_LOCAL, &items[i]->work);
		err = scopex_join(counted) ?: err;
	}
	return err;
}

/* Each item is an object of its own, which goes with the last reference to it. */
static int teardown_counted(unsigned long n, u64 *elapsed)
{
	struct counted_item **items = kvcalloc(n, sizeof(*items), GFP_KERNEL);
	u64 begin;
	int err;

	if (!items)
		return -ENOMEM;
	err = counted_run(items, n);
	begin = ktime_get_ns();
	for (unsigned long i = 0; i < n && items[i]; i++)
		kref_put(&items[i]->ref, counted_release);
	kvfree(items);
	*elapsed = ktime_get_ns() - begin;
	return err;
}

/* The items are an array, which goes as a whole when the scope has ended. */
static int teardown_scoped(unsigned long n, u64 *elapsed)
{
	struct scoped_item *items = kvmalloc_array(n, sizeof(*items), GFP_KERNEL);
	u64 begin;
	int err;

	if (!items)
		return -ENOMEM;
	for (unsigned long i = 0; i < n; i++)
		scopex_work_init(&items[i].work, teardown_fn);
	scopex_scope(scoped) {
		err = scopex_submit_array(scoped, SCOPEX_CPU_LOCAL, items, n, work);
		err = scopex_join(scoped) ?: err;
		begin = ktime_get_ns();
	}
	kvfree(items);
	*elapsed = ktime_get_ns() - begin;
	return err;
}

static const struct {
	const char	*peer;
	int		(*fn)(unsigned long n, u64 *elapsed);
} teardowns[] = {
	{ "refcounted",	teardown_counted },
	{ "scopex",	teardown_scoped },
};

#define TEARDOWN_ROUNDS	5

/**
 * bench_teardown() - what it costs to be rid of items that are done, memory included
 *
 * Return: 0 or a negative errno.
 */
int bench_teardown(void)
{
	u64 samples[ARRAY_SIZE(teardowns)][TEARDOWN_ROUNDS], elapsed;
	const unsigned int nr = ARRAY_SIZE(teardowns);
	unsigned long n = 0;
	int err = 0;

	for (unsigned int i = 0; i < bench.nr_n; i++)
		n = max(n, bench.n[i]);
	for (unsigned int i = 0; i < nr * (TEARDOWN_ROUNDS + 1) && !err; i++) {
		unsigned int round = i / nr, way = (i + round) % nr;

		err = teardowns[way].fn(n, &elapsed);
		if (!err && bench_stopped())
			err = -EINTR;
		if (err)
			pr_err("teardown, %lu items, %s: %pe\n", n, teardowns[way].peer,
			       ERR_PTR(err));
		if (round)
			samples[way][round - 1] = elapsed;
		cond_resched();
	}
	for (unsigned int way = 0; way < nr && !err; way++) {
		const struct bench_result result = {
			.workload = "teardown", .peer = teardowns[way].peer, .n = n,
			.cpus = bench.nr_cpus, .what = "total", .ops = n,
		};

		err = bench_report(&result, samples[way], TEARDOWN_ROUNDS);
	}
	return err;
}
