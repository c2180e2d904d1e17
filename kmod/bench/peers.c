// SPDX-License-Identifier: GPL-2.0
/*
 * scopex_bench: the other ways to have items run and to wait for them
 *
 * Each is written as an expert of that mechanism would write it: a workqueue or a worker of
 * its own, items that are initialised once, and no more waiting than needed.
 */

#include <linux/async.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "../compat/kthread_worker.h"
#include "bench.h"

/* No executor: the submitter calls the function. The others are compared to this. */

struct call_item {
	void	(*fn)(struct call_item *item);
	u32	runs;
};

static void call_noop(struct call_item *item)
{
	item->runs++;
}

static void call_burn(struct call_item *item)
{
	bench_burn();
	call_noop(item);
}

static void call_init(struct bench_job *job)
{
	struct call_item *items = job->items;

	for (unsigned long i = 0; i < job->n; i++)
		items[i].fn = job->burn ? call_burn : call_noop;
}

static int call_round(struct bench_job *job)
{
	struct call_item *items = job->items;

	for (unsigned long i = 0; i < job->n; i++)
		items[i].fn(&items[i]);
	return 0;
}

const struct bench_peer bench_call = {
	.name		= "call",
	.flags		= BENCH_FLOOR,
	.max_n		= BENCH_ITEMS_MAX,
	.item_size	= sizeof(struct call_item),
	.runs		= offsetof(struct call_item, runs),
	.init		= call_init,
	.round		= call_round,
};

/*
 * A thread that is woken for one item, and wakes its caller: no queue, nothing else to wait
 * for. Not a competitor, but the part that the scheduler takes in all ways with threads.
 */

struct wake_item {
	u32	runs;
};

static void wake_run(struct bench_waker *waker, struct wake_item *item)
{
	struct task_struct *owner = waker->owner;

	item->runs++;
	/* Release: the effects of the item; pairs with wake_round(). */
	smp_store_release(&waker->item, NULL);
	/* The owner can't have exited: it has to stop this thread first. */
	wake_up_process(owner);
}

static int wake_thread(void *data)
{
	struct bench_waker *waker = data;
	struct wake_item *item;

	for (;;) {
		set_current_state(TASK_IDLE);
		/* Acquire: the owner; pairs with wake_round(). */
		item = smp_load_acquire(&waker->item);
		if (!item && kthread_should_stop())
			break;
		if (!item) {
			schedule();
			continue;
		}
		__set_current_state(TASK_RUNNING);
		wake_run(waker, item);
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

static void wake_close(struct bench_exec *exec)
{
	if (!exec->waker)
		return;
	for (unsigned int i = 0; i < bench.nr_cpus && exec->waker[i].task; i++)
		kthread_stop(exec->waker[i].task);
	kfree(exec->waker);
}

static int wake_open(struct bench_exec *exec)
{
	struct task_struct *task;

	exec->waker = kcalloc(bench.nr_cpus, sizeof(*exec->waker), GFP_KERNEL);
	if (!exec->waker)
		return -ENOMEM;
	for (unsigned int i = 0; i < bench.nr_cpus; i++) {
		task = kthread_create_on_node(wake_thread, &exec->waker[i],
					      cpu_to_node(bench.cpu[i]), "scopex_bench");
		if (IS_ERR(task))
			return PTR_ERR(task);
		kthread_bind(task, bench.cpu[i]);
		exec->waker[i].task = task;
		wake_up_process(task);
	}
	return 0;
}

static int wake_round(struct bench_job *job)
{
	struct bench_waker *waker = &job->exec->waker[job->first];

	waker->owner = current;
	/* Release: pairs with wake_thread(). */
	smp_store_release(&waker->item, job->items);
	wake_up_process(waker->task);
	bench_submitted(job);
	might_sleep();
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		/* Acquire: pairs with wake_run(). */
		if (!smp_load_acquire(&waker->item))
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

const struct bench_peer bench_wake = {
	.name		= "wake",
	.flags		= BENCH_FLOOR,
	.max_n		= 1,
	.item_size	= sizeof(struct wake_item),
	.runs		= offsetof(struct wake_item, runs),
	.open		= wake_open,
	.close		= wake_close,
	.round		= wake_round,
};

/* kthread_worker: one for each CPU */

static void kthread_worker_close(struct bench_exec *exec)
{
	if (!exec->worker)
		return;
	for (unsigned int i = 0; i < bench.nr_cpus && exec->worker[i]; i++)
		kthread_destroy_worker(exec->worker[i]);
	kfree(exec->worker);
}

static int kthread_worker_open(struct bench_exec *exec)
{
	struct kthread_worker *worker;

	exec->worker = kcalloc(bench.nr_cpus, sizeof(*exec->worker), GFP_KERNEL);
	if (!exec->worker)
		return -ENOMEM;
	for (unsigned int i = 0; i < bench.nr_cpus; i++) {
		worker = scopex_kthread_worker(bench.cpu[i]);
		if (IS_ERR(worker))
			return PTR_ERR(worker);
		exec->worker[i] = worker;
	}
	return 0;
}

struct kthread_worker_item {
	struct kthread_work	work;
	u32			runs;
};

static void kthread_worker_noop(struct kthread_work *work)
{
	container_of(work, struct kthread_worker_item, work)->runs++;
}

static void kthread_worker_burn(struct kthread_work *work)
{
	bench_burn();
	kthread_worker_noop(work);
}

static void kthread_worker_init(struct bench_job *job)
{
	struct kthread_worker_item *items = job->items;

	for (unsigned long i = 0; i < job->n; i++)
		kthread_init_work(&items[i].work,
				  job->burn ? kthread_worker_burn : kthread_worker_noop);
}

static int kthread_worker_round(struct bench_job *job)
{
	struct kthread_worker_item *items = job->items;
	struct kthread_worker **worker = job->exec->worker;
	unsigned long n = job->n;
	int err = 0;

	for (unsigned long i = 0; i < n; i++)
		if (!kthread_queue_work(worker[bench_cpu_index(job, i)], &items[i].work))
			err = -EBUSY;
	bench_submitted(job);
	/* With one item, to wait for that is less than to wait for the worker. */
	if (n == 1)
		kthread_flush_work(&items[0].work);
	else
		for (unsigned int i = 0; i < job->nr_cpus; i++)
			kthread_flush_worker(worker[job->first + i]);
	return err;
}

const struct bench_peer bench_kthread_worker = {
	.name		= "kthread_worker",
	.max_n		= BENCH_ITEMS_MAX,
	.item_size	= sizeof(struct kthread_worker_item),
	.runs		= offsetof(struct kthread_worker_item, runs),
	.open		= kthread_worker_open,
	.close		= kthread_worker_close,
	.init		= kthread_worker_init,
	.round		= kthread_worker_round,
};

/* An async domain on the stack. From 32768 items on it runs them in the submitter. */

struct async_item {
	u32	runs;
};

static void async_noop(void *data, async_cookie_t cookie)
{
	struct async_item *item = data;

	item->runs++;
}

static void async_burn(void *data, async_cookie_t cookie)
{
	bench_burn();
	async_noop(data, cookie);
}

static int async_round(struct bench_job *job)
{
	ASYNC_DOMAIN_EXCLUSIVE(domain);
	async_func_t fn = job->burn ? async_burn : async_noop;
	struct async_item *items = job->items;

	for (unsigned long i = 0; i < job->n; i++)
		async_schedule_domain(fn, &items[i], &domain);
	bench_submitted(job);
	async_synchronize_full_domain(&domain);
	return 0;
}

const struct bench_peer bench_async = {
	.name		= "async",
	.flags		= BENCH_ANYWHERE,
	.max_n		= 10000,
	.item_size	= sizeof(struct async_item),
	.runs		= offsetof(struct async_item, runs),
	.round		= async_round,
};

/* A thread for each item */

struct kthread_item {
	struct task_struct	*task;
	struct bench_job	*job;
	u32			runs;
};

static int kthread_noop(void *data)
{
	struct kthread_item *item = data;

	item->runs++;
	bench_job_item_done(item->job);
	return 0;
}

static int kthread_burn(void *data)
{
	bench_burn();
	return kthread_noop(data);
}

static void kthread_item_start(struct bench_job *job, unsigned long i)
{
	struct kthread_item *item = (struct kthread_item *)job->items + i;
	unsigned int cpu = bench.cpu[bench_cpu_index(job, i)];

	item->job = job;
	item->task = kthread_create_on_node(job->burn ? kthread_burn : kthread_noop, item,
					    cpu_to_node(cpu), "scopex_bench");
	if (IS_ERR(item->task)) {
		bench_job_item_done(job);
		return;
	}
	kthread_bind(item->task, cpu);
	/* Keep the task until the end of the wait, which is when it has left this module. */
	get_task_struct(item->task);
	wake_up_process(item->task);
}

static int kthread_round(struct bench_job *job)
{
	struct kthread_item *items = job->items;
	unsigned long i;
	int err = 0;

	bench_job_start(job);
	for (i = 0; i < job->n; i++)
		kthread_item_start(job, i);
	bench_submitted(job);
	/* A thread that is stopped before it has begun would not run. */
	wait_for_completion(&job->done);
	for (i = 0; i < job->n; i++) {
		if (IS_ERR(items[i].task)) {
			err = PTR_ERR(items[i].task);
			continue;
		}
		kthread_stop(items[i].task);
		put_task_struct(items[i].task);
	}
	return err;
}

const struct bench_peer bench_kthread = {
	.name		= "kthread",
	.max_n		= 1000,
	.item_size	= sizeof(struct kthread_item),
	.runs		= offsetof(struct kthread_item, runs),
	.round		= kthread_round,
};

/* One call after the other, each waited for */

struct smp_call_item {
	u32	runs;
};

static int smp_call_noop(void *data)
{
	struct smp_call_item *item = data;

	item->runs++;
	return 0;
}

static int smp_call_burn(void *data)
{
	bench_burn();
	return smp_call_noop(data);
}

static int smp_call_round(struct bench_job *job)
{
	struct smp_call_item *items = job->items;
	int err = 0, ret;

	for (unsigned long i = 0; i < job->n; i++) {
		ret = smp_call_on_cpu(bench.cpu[bench_cpu_index(job, i)],
				      job->burn ? smp_call_burn : smp_call_noop,
				      &items[i], false);
		err = ret ?: err;
	}
	return err;
}

const struct bench_peer bench_smp_call = {
	.name		= "smp_call_on_cpu",
	.max_n		= 1000,
	.item_size	= sizeof(struct smp_call_item),
	.runs		= offsetof(struct smp_call_item, runs),
	.round		= smp_call_round,
};
