// SPDX-License-Identifier: GPL-2.0
/* scopex_bench: workqueues, the other way that most code has; see peers.c */

#include <linux/bottom_half.h>
#include <linux/workqueue.h>

#include "../compat/workqueue.h"
#include "bench.h"

/* Workqueues */

static int wq_open_with(struct bench_exec *exec, unsigned int flags, int max_active)
{
	exec->wq = alloc_workqueue("scopex_bench", flags, max_active);
	return exec->wq ? 0 : -ENOMEM;
}

/* The largest max_active, so that the workqueue delays no item. */
static int wq_open(struct bench_exec *exec)
{
	return wq_open_with(exec, SCOPEX_WQ_PERCPU, WQ_MAX_ACTIVE);
}

static void wq_close(struct bench_exec *exec)
{
	if (exec->wq)
		destroy_workqueue(exec->wq);
}

struct wq_item {
	struct work_struct	work;
	u32			runs;
};

static void wq_noop(struct work_struct *work)
{
	container_of(work, struct wq_item, work)->runs++;
}

static void wq_burn(struct work_struct *work)
{
	bench_burn();
	wq_noop(work);
}

static void wq_init(struct bench_job *job)
{
	struct wq_item *items = job->items;

	for (unsigned long i = 0; i < job->n; i++)
		INIT_WORK(&items[i].work, job->burn ? wq_burn : wq_noop);
}

/* An item that is still queued would be left over from the last round. */
static int wq_queue(struct bench_job *job, unsigned long i, struct work_struct *work)
{
	unsigned int cpu = bench.cpu[bench_cpu_index(job, i)];

	return queue_work_on(cpu, job->exec->wq, work) ? 0 : -EBUSY;
}

static int wq_flush_round(struct bench_job *job)
{
	struct wq_item *items = job->items;
	unsigned long i, n = job->n;
	int err = 0;

	for (i = 0; i < n; i++)
		err = wq_queue(job, i, &items[i].work) ?: err;
	bench_submitted(job);
	for (i = 0; i < n; i++)
		flush_work(&items[i].work);
	return err;
}

const struct bench_peer bench_wq_flush = {
	.name		= "wq_flush",
	.max_n		= BENCH_ITEMS_MAX,
	.item_size	= sizeof(struct wq_item),
	.runs		= offsetof(struct wq_item, runs),
	.open		= wq_open,
	.close		= wq_close,
	.init		= wq_init,
	.round		= wq_flush_round,
};

/* Both ways are compiled apart, so that no item pays for the choice. */
static __always_inline int wq_flush_all(struct bench_job *job, bool anywhere)
{
	struct wq_item *items = job->items;
	unsigned long n = job->n;
	int err = 0;

	for (unsigned long i = 0; i < n; i++) {
		struct work_struct *work = &items[i].work;

		if (anywhere)
			err = (queue_work(job->exec->wq, work) ? 0 : -EBUSY) ?: err;
		else
			err = wq_queue(job, i, work) ?: err;
	}
	bench_submitted(job);
	flush_workqueue(job->exec->wq);
	return err;
}

static int wq_flushwq_round(struct bench_job *job)
{
	return wq_flush_all(job, false);
}

const struct bench_peer bench_wq_flushwq = {
	.name		= "wq_flushwq",
	.max_n		= BENCH_ITEMS_MAX,
	.item_size	= sizeof(struct wq_item),
	.runs		= offsetof(struct wq_item, runs),
	.open		= wq_open,
	.close		= wq_close,
	.init		= wq_init,
	.round		= wq_flushwq_round,
};

static int wq_unbound_open(struct bench_exec *exec)
{
	return wq_open_with(exec, WQ_UNBOUND, WQ_MAX_ACTIVE);
}

static int wq_unbound_round(struct bench_job *job)
{
	return wq_flush_all(job, true);
}

const struct bench_peer bench_wq_unbound = {
	.name		= "wq_unbound",
	.flags		= BENCH_ANYWHERE,
	.max_n		= BENCH_ITEMS_MAX,
	.item_size	= sizeof(struct wq_item),
	.runs		= offsetof(struct wq_item, runs),
	.open		= wq_unbound_open,
	.close		= wq_close,
	.init		= wq_init,
	.round		= wq_unbound_round,
};

static int wq_bh_open(struct bench_exec *exec)
{
	return wq_open_with(exec, SCOPEX_WQ_BH | SCOPEX_WQ_PERCPU, 0);
}

/* Items of their own, as lockdep must not see the other ones run in softirqs. */
static void wq_bh_init(struct bench_job *job)
{
	struct wq_item *items = job->items;

	for (unsigned long i = 0; i < job->n; i++)
		INIT_WORK(&items[i].work, job->burn ? wq_burn : wq_noop);
}

/* With softirqs off, so that they are run when these are on again, not by ksoftirqd. */
static int wq_bh_round(struct bench_job *job)
{
	struct wq_item *items = job->items;
	unsigned long n = job->n;
	int err = 0;

	local_bh_disable();
	for (unsigned long i = 0; i < n; i++)
		err = wq_queue(job, i, &items[i].work) ?: err;
	bench_submitted(job);
	local_bh_enable();
	flush_workqueue(job->exec->wq);
	return err;
}

const struct bench_peer bench_wq_bh = {
	.name		= "wq_bh",
	.flags		= SCOPEX_WQ_BH ? 0 : BENCH_ABSENT,
	.max_n		= 20000,
	.item_size	= sizeof(struct wq_item),
	.runs		= offsetof(struct wq_item, runs),
	.open		= wq_bh_open,
	.close		= wq_close,
	.init		= wq_bh_init,
	.round		= wq_bh_round,
};

/* One completion for all items */

struct completion_item {
	struct work_struct	work;
	struct bench_job	*job;
	u32			runs;
};

static void completion_noop(struct work_struct *work)
{
	struct completion_item *item = container_of(work, struct completion_item, work);

	item->runs++;
	bench_job_item_done(item->job);
}

static void completion_burn(struct work_struct *work)
{
	bench_burn();
	completion_noop(work);
}

static void completion_init(struct bench_job *job)
{
	struct completion_item *items = job->items;

	for (unsigned long i = 0; i < job->n; i++) {
		INIT_WORK(&items[i].work, job->burn ? completion_burn : completion_noop);
		items[i].job = job;
	}
}

/*
 * The worker of a completed item may still be on its way out, but touches the item no more;
 * so the item can be queued again.
 */
static int completion_round(struct bench_job *job)
{
	struct completion_item *items = job->items;
	unsigned long n = job->n;
	int err = 0;

	bench_job_start(job);
	for (unsigned long i = 0; i < n; i++) {
		if (wq_queue(job, i, &items[i].work)) {
			err = -EBUSY;
			bench_job_item_done(job);
		}
	}
	bench_submitted(job);
	wait_for_completion(&job->done);
	return err;
}

const struct bench_peer bench_wq_completion = {
	.name		= "wq_completion",
	.max_n		= BENCH_ITEMS_MAX,
	.item_size	= sizeof(struct completion_item),
	.runs		= offsetof(struct completion_item, runs),
	.open		= wq_open,
	.close		= wq_close,
	.init		= completion_init,
	.round		= completion_round,
};
