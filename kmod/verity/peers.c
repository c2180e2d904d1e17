// SPDX-License-Identifier: GPL-2.0
/*
 * scopex_verity: the same tree without scopex, for comparison
 *
 * By a workqueue, kthread_worker and async, each as an expert of it would write it: the writer
 * is one of the lanes, so with one CPU nobody is woken; each other CPU has a helper, which is
 * made before the time is taken. All lanes claim parts from one counter until none is left, or
 * one has failed. The scheduler chooses the helpers' CPUs.
 *
 * Two ways are no competitors, but measures. In "plain" the writer does all parts in a loop.
 * In "apart" each lane has a share of the parts of its own, and its own clock: what independent
 * threads would reach. The result's time is that of the tree at the sum of their speeds, so
 * that no lane's luck with its CPU, and no wait for the last one, is in it.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/async.h>
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "../compat/kthread_worker.h"
#include "verity.h"

/* A speed is the number of parts in so many ns. */
#define PEER_TIME	BIT_ULL(40)

/**
 * struct peer_lane - a helper of the writer
 * @job: the build
 * @work: what a workqueue runs
 * @kwork: what the lane's kthread_worker runs
 * @worker: that worker
 * @first: apart: the first part of its share
 * @end: the part behind its share
 * @ns: how long its share took
 */
struct peer_lane {
	struct verity_job	*job;
	struct work_struct	work;
	struct kthread_work	kwork;
	struct kthread_worker	*worker;
	u64			first;
	u64			end;
	u64			ns;
};

/**
 * struct verity_team - the lanes of a build
 * @wq: the workqueue
 * @err: the first error
 * @nr: how many lanes there are besides the writer
 * @lane: those, and the writer's
 */
struct verity_team {
	struct workqueue_struct	*wq;
	int			err;
	unsigned int		nr;
	struct peer_lane	lane[];
};

/* Do a part, unless one has failed, or the writer is killed. */
static bool peer_part(struct verity_job *job, u64 part)
{
	int err = READ_ONCE(job->team->err);

	if (err)
		return false;
	/* Only the writer has signals. */
	err = fatal_signal_pending(current) ? -EINTR : verity_fill_here(job, part);
	if (err)
		cmpxchg(&job->team->err, 0, err);
	cond_resched();
	return !err;
}

/* Claim parts and do them, until none is left. */
static void peer_run(struct verity_job *job)
{
	u64 part;

	do {
		part = atomic64_fetch_inc(&job->next);
	} while (part < job->level->parts && peer_part(job, part));
}

static int peer_open(struct verity_job *job)
{
	unsigned int nr = num_online_cpus() - 1;

	job->team = kvzalloc(struct_size(job->team, lane, nr + 1), GFP_KERNEL);
	if (!job->team)
		return -ENOMEM;
	job->team->nr = nr;
	for (unsigned int i = 0; i <= nr; i++)
		job->team->lane[i].job = job;
	return 0;
}

static void peer_close(struct verity_job *job)
{
	kvfree(job->team);
}

/* A workqueue that is bound to no CPU */

static void workqueue_lane(struct work_struct *work)
{
	peer_run(container_of(work, struct peer_lane, work)->job);
}

static int workqueue_open(struct verity_job *job)
{
	int err = peer_open(job);

	if (err)
		return err;
	for (unsigned int i = 0; i < job->team->nr; i++)
		INIT_WORK(&job->team->lane[i].work, workqueue_lane);
	job->team->wq = alloc_workqueue("scopex_verity", WQ_UNBOUND, 0);
	return job->team->wq ? 0 : -ENOMEM;
}

static void workqueue_close(struct verity_job *job)
{
	if (job->team && job->team->wq)
		destroy_workqueue(job->team->wq);
	peer_close(job);
}

static int workqueue_level(struct verity_job *job)
{
	struct verity_team *team = job->team;

	for (unsigned int i = 0; i < team->nr; i++)
		queue_work(team->wq, &team->lane[i].work);
	peer_run(job);
	for (unsigned int i = 0; i < team->nr; i++)
		flush_work(&team->lane[i].work);
	return team->err;
}

/* A kthread_worker for each lane */

static void kthread_worker_lane(struct kthread_work *work)
{
	peer_run(container_of(work, struct peer_lane, kwork)->job);
}

static int kthread_worker_open_with(struct verity_job *job, kthread_work_func_t fn)
{
	struct kthread_worker *worker;
	int err = peer_open(job);

	for (unsigned int i = 0; !err && i < job->team->nr; i++) {
		worker = scopex_kthread_worker_anywhere("scopex_verity");
		if (IS_ERR(worker))
			return PTR_ERR(worker);
		job->team->lane[i].worker = worker;
		kthread_init_work(&job->team->lane[i].kwork, fn);
	}
	return err;
}

static int kthread_worker_open(struct verity_job *job)
{
	return kthread_worker_open_with(job, kthread_worker_lane);
}

static void kthread_worker_close(struct verity_job *job)
{
	struct verity_team *team = job->team;

	for (unsigned int i = 0; team && i < team->nr && team->lane[i].worker; i++)
		kthread_destroy_worker(team->lane[i].worker);
	peer_close(job);
}

/* Have the workers run their lanes; @run is the writer's. */
static void kthread_worker_run(struct verity_job *job, kthread_work_func_t run)
{
	struct verity_team *team = job->team;

	for (unsigned int i = 0; i < team->nr; i++)
		kthread_queue_work(team->lane[i].worker, &team->lane[i].kwork);
	run(&team->lane[team->nr].kwork);
	for (unsigned int i = 0; i < team->nr; i++)
		kthread_flush_work(&team->lane[i].kwork);
}

static int kthread_worker_level(struct verity_job *job)
{
	kthread_worker_run(job, kthread_worker_lane);
	return job->team->err;
}

/* Each lane with a share of its own, and its own clock */

static void apart_lane(struct kthread_work *work)
{
	struct peer_lane *lane = container_of(work, struct peer_lane, kwork);
	u64 part = lane->first, begin = ktime_get_ns();

	while (part < lane->end && peer_part(lane->job, part))
		part++;
	lane->ns = ktime_get_ns() - begin;
}

static int apart_open(struct verity_job *job)
{
	return kthread_worker_open_with(job, apart_lane);
}

static int apart_level(struct verity_job *job)
{
	struct verity_team *team = job->team;
	u64 parts = job->level->parts, first = 0, speed = 0;
	struct peer_lane *lane;

	for (unsigned int i = 0; i <= team->nr; i++) {
		lane = &team->lane[i];
		lane->first = first;
		first = div_u64(parts * (i + 1), team->nr + 1);
		lane->end = first;
	}
	kthread_worker_run(job, apart_lane);
	for (lane = team->lane; lane <= &team->lane[team->nr]; lane++)
		if (lane->end > lane->first)
			speed += div64_u64(PEER_TIME,
					   div64_u64(lane->ns, lane->end - lane->first) ?: 1);
	job->spent_ns += parts * div64_u64(PEER_TIME, max(speed, 1ULL));
	return team->err;
}

/* An async domain */

static void async_lane(void *data, async_cookie_t cookie)
{
	peer_run(data);
}

static int async_level(struct verity_job *job)
{
	ASYNC_DOMAIN_EXCLUSIVE(domain);

	for (unsigned int i = 0; i < job->team->nr; i++)
		async_schedule_domain(async_lane, job, &domain);
	peer_run(job);
	async_synchronize_full_domain(&domain);
	return job->team->err;
}

/* A plain loop of the writer's */
static int plain_level(struct verity_job *job)
{
	int err = 0;

	for (u64 part = 0; part < job->level->parts && !err; part++) {
		err = fatal_signal_pending(current) ? -EINTR : verity_fill_here(job, part);
		cond_resched();
	}
	return err;
}

static const struct verity_way peers[] = {
	{ .name = "plain", .level = plain_level },
	{ .name = "workqueue", .open = workqueue_open, .close = workqueue_close,
	  .level = workqueue_level },
	{ .name = "kthread_worker", .open = kthread_worker_open, .close = kthread_worker_close,
	  .level = kthread_worker_level },
	{ .name = "async", .open = peer_open, .close = peer_close, .level = async_level },
	{ .name = "apart", .open = apart_open, .close = kthread_worker_close,
	  .level = apart_level },
};

/**
 * verity_find_peer() - find a way to build a tree without scopex
 * @name: what a request calls it
 *
 * Return: the way, or NULL.
 */
const struct verity_way *verity_find_peer(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(peers); i++)
		if (!strcmp(name, peers[i].name))
			return &peers[i];
	return NULL;
}
