// SPDX-License-Identifier: GPL-2.0
/*
 * scopex_bench: items that name no CPU, beside a long one
 *
 * An item that does not end keeps the caller's CPU busy. Then the caller submits short items
 * that any CPU may run, and waits for them. If they waited for the long item, they would wait for
 * good; so each other CPU has to take its part of them.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/err.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/scopex.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "bench.h"

#define BESIDE_ITEMS	40
#define BESIDE_NS	2000000UL

static struct beside {
	struct scopex_work	longest;
	struct completion	begun;
	bool			end;
	struct scopex_work	items[BESIDE_ITEMS];
	struct work_struct	works[BESIDE_ITEMS];
	struct workqueue_struct	*wq;
} beside;

static int beside_longest(struct scopex_work *work)
{
	complete(&beside.begun);
	while (!READ_ONCE(beside.end))
		cond_resched();
	return 0;
}

static int beside_item(struct scopex_work *work)
{
	bench_burn();
	return 0;
}

static void beside_work(struct work_struct *work)
{
	bench_burn();
}

/* All of them on one CPU, with nothing beside: the time that the others have to share. */
static int by_call(void)
{
	for (unsigned int i = 0; i < BESIDE_ITEMS; i++) {
		bench_burn();
		cond_resched();
	}
	return 0;
}

static int by_scopex(void)
{
	int err = 0;

	scopex_scope(s)
		for (unsigned int i = 0; i < BESIDE_ITEMS && !err; i++)
			err = scopex_submit(s, &beside.items[i]);
	return err;
}

static int by_workqueue(void)
{
	for (unsigned int i = 0; i < BESIDE_ITEMS; i++)
		queue_work(beside.wq, &beside.works[i]);
	flush_workqueue(beside.wq);
	return 0;
}

static const struct {
	const char	*peer;
	int		(*fn)(void);
} ways[] = {
	{ "call",	by_call },
	{ "scopex_any",	by_scopex },
	{ "wq_unbound",	by_workqueue },
};

static int beside_sample(unsigned int way, u64 *elapsed)
{
	int err = 0;
	u64 begin;

	WRITE_ONCE(beside.end, false);
	reinit_completion(&beside.begun);
	scopex_scope(long_one) {
		if (ways[way].fn != by_call) {
			err = scopex_submit_on(long_one, bench.cpu[0], &beside.longest);
			if (!err)
				wait_for_completion(&beside.begun);
		}
		begin = ktime_get_ns();
		err = err ?: ways[way].fn();
		*elapsed = ktime_get_ns() - begin;
		WRITE_ONCE(beside.end, true);
	}
	return err;
}

static int beside_rounds(u64 *samples)
{
	const unsigned int nr = ARRAY_SIZE(ways);
	int err = 0;

	/* The first round is to warm up. */
	for (unsigned int i = 0; i < nr * (bench.rounds + 1) && !err; i++) {
		u64 elapsed;

		err = beside_sample(i % nr, &elapsed);
		if (!err && bench_stopped())
			err = -EINTR;
		if (i >= nr)
			samples[i % nr * bench.rounds + i / nr - 1] = elapsed;
		cond_resched();
	}
	if (err)
		pr_err("items beside a long one: %pe\n", ERR_PTR(err));
	for (unsigned int way = 0; way < nr && !err; way++) {
		const struct bench_result result = {
			.workload = "beside", .peer = ways[way].peer, .n = BESIDE_ITEMS,
			.work_ns = BESIDE_NS, .cpus = bench.nr_cpus, .what = "total",
			.ops = BESIDE_ITEMS,
		};

		err = bench_report(&result, samples + way * bench.rounds, bench.rounds);
	}
	return err;
}

/**
 * bench_beside() - items that any CPU may run, while this CPU is busy
 *
 * Return: 0 or a negative errno.
 */
int bench_beside(void)
{
	u64 *samples;
	int err;

	if (bench.nr_cpus < 2)
		return 0;
	samples = kcalloc(ARRAY_SIZE(ways) * bench.rounds, sizeof(*samples), GFP_KERNEL);
	beside.wq = alloc_workqueue("scopex_beside", WQ_UNBOUND, 0);
	err = samples && beside.wq ? 0 : -ENOMEM;
	if (!err) {
		scopex_work_init(&beside.longest, beside_longest);
		init_completion(&beside.begun);
		for (unsigned int i = 0; i < BESIDE_ITEMS; i++) {
			scopex_work_init(&beside.items[i], beside_item);
			INIT_WORK(&beside.works[i], beside_work);
		}
		bench_burning = bench_turns(BESIDE_NS);
		err = beside_rounds(samples);
		bench_burning = 0;
	}
	if (beside.wq)
		destroy_workqueue(beside.wq);
	kfree(samples);
	return err;
}
