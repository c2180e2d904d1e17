// SPDX-License-Identifier: GPL-2.0
/* scopex_bench: the ways to do it with scopex */

#include <linux/scopex.h>
#include <linux/scopex_detached.h>
#include <linux/scopex_loop.h>
#include <linux/slab.h>

#include "bench.h"

struct scopex_item {
	struct scopex_work	work;
	u32			runs;
};

static int scopex_noop(struct scopex_work *work)
{
	container_of(work, struct scopex_item, work)->runs++;
	return 0;
}

static int scopex_burn(struct scopex_work *work)
{
	bench_burn();
	return scopex_noop(work);
}

static void scopex_items_init(struct bench_job *job)
{
	struct scopex_item *items = job->items;

	for (unsigned long i = 0; i < job->n; i++)
		scopex_work_init(&items[i].work, job->burn ? scopex_burn : scopex_noop);
}

static int scopex_round(struct bench_job *job)
{
	struct scopex_item *item, *items = job->items, *end = items + job->n;
	int err = 0;

	scopex_scope(s) {
		if (job->first == 0 && job->nr_cpus == 1) {
			for (item = items; item != end && !err; item++)
				err = scopex_submit_on(s, SCOPEX_CPU_LOCAL, &item->work);
		} else {
			for (item = items; item != end && !err; item++)
				err = scopex_submit_on(s, bench.cpu[bench_cpu_index(job,
										    item - items)],
						       &item->work);
		}
		bench_submitted(job);
		err = scopex_join(s) ?: err;
	}
	return err;
}

const struct bench_peer bench_scopex = {
	.name		= "scopex",
	.max_n		= BENCH_ITEMS_MAX,
	.item_size	= sizeof(struct scopex_item),
	.runs		= offsetof(struct scopex_item, runs),
	.init		= scopex_items_init,
	.round		= scopex_round,
};

/* SCOPEX_CPU_ANY spreads over all CPUs, so it is only for jobs that use all of them. */
static int scopex_array_round(struct bench_job *job)
{
	struct scopex_item *items = job->items;
	int cpu = job->nr_cpus > 1 ? SCOPEX_CPU_ANY :
		  job->first ? (int)bench.cpu[job->first] : SCOPEX_CPU_LOCAL;
	int err = 0;

	scopex_scope(s) {
		err = scopex_submit_array(s, cpu, items, job->n, work);
		bench_submitted(job);
		err = scopex_join(s) ?: err;
	}
	return err;
}

const struct bench_peer bench_scopex_array = {
	.name		= "scopex_array",
	.max_n		= BENCH_ITEMS_MAX,
	.item_size	= sizeof(struct scopex_item),
	.runs		= offsetof(struct scopex_item, runs),
	.init		= scopex_items_init,
	.round		= scopex_array_round,
};

static int scopex_any_round(struct bench_job *job)
{
	struct scopex_item *items = job->items;
	int err = 0;

	scopex_scope(s) {
		for (unsigned long i = 0; i < job->n && !err; i++)
			err = scopex_submit(s, &items[i].work);
		bench_submitted(job);
		err = scopex_join(s) ?: err;
	}
	return err;
}

const struct bench_peer bench_scopex_any = {
	.name		= "scopex_any",
	.flags		= BENCH_ANYWHERE,
	.max_n		= BENCH_ITEMS_MAX,
	.item_size	= sizeof(struct scopex_item),
	.runs		= offsetof(struct scopex_item, runs),
	.init		= scopex_items_init,
	.round		= scopex_any_round,
};

struct detached_item {
	struct scopex_detached	*object;
	u32			runs;
};

static int detached_noop(struct scopex_detached *detached)
{
	return 0;
}

static int detached_burn(struct scopex_detached *detached)
{
	bench_burn();
	return 0;
}

static void detached_free(struct scopex_detached *detached)
{
	kfree(detached);
}

static struct scopex_detached *detached_start(bool burn, int *err)
{
	struct scopex_detached *object = kmalloc(sizeof(*object), GFP_KERNEL);

	*err = -ENOMEM;
	if (!object)
		return NULL;
	if (burn)
		scopex_detached_init(object, detached_burn, detached_free);
	else
		scopex_detached_init(object, detached_noop, detached_free);
	*err = scopex_detached_submit(object);
	if (!*err)
		return object;
	scopex_detached_put(object);
	return NULL;
}

/* The objects are allocated and freed, as users of detached items do. */
static int detached_round(struct bench_job *job)
{
	struct detached_item *items = job->items;
	unsigned long i, started;
	int err = 0, ret;

	for (started = 0; started < job->n; started++) {
		items[started].object = detached_start(job->burn, &err);
		if (err)
			break;
	}
	bench_submitted(job);
	for (i = 0; i < started; i++) {
		ret = scopex_detached_wait(items[i].object);
		if (ret)
			err = ret;
		else
			items[i].runs++;
		scopex_detached_put(items[i].object);
	}
	return err;
}

const struct bench_peer bench_scopex_detached = {
	.name		= "scopex_detached",
	.flags		= BENCH_ANYWHERE,
	.max_n		= 100000,
	.item_size	= sizeof(struct detached_item),
	.runs		= offsetof(struct detached_item, runs),
	.round		= detached_round,
};

struct for_item {
	u32	runs;
};

static int for_noop(const struct scopex_range *range)
{
	struct for_item *items = range->arg;

	for (unsigned long i = range->first; i < range->first + range->count; i++)
		items[i].runs++;
	return 0;
}

static int for_burn(const struct scopex_range *range)
{
	for (unsigned long i = 0; i < range->count; i++)
		bench_burn();
	return for_noop(range);
}

static int for_round(struct bench_job *job)
{
	if (job->burn)
		return scopex_for(0, job->n, for_burn, .arg = job->items);
	return scopex_for(0, job->n, for_noop, .arg = job->items);
}

const struct bench_peer bench_scopex_for = {
	.name		= "scopex_for",
	.flags		= BENCH_ANYWHERE | BENCH_LOOP,
	.max_n		= BENCH_ITEMS_MAX,
	.item_size	= sizeof(struct for_item),
	.runs		= offsetof(struct for_item, runs),
	.round		= for_round,
};
