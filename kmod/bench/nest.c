// SPDX-License-Identifier: GPL-2.0
/*
 * scopex_bench: items that fork and join items, as the Fibonacci numbers
 *
 * fib(n) has fib(n - 1) worked out by another item, does fib(n - 2) itself, and waits. A
 * kthread_worker can't do that: it would wait for an item that is queued behind it.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/async.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/scopex.h>
#include <linux/workqueue.h>

#include "bench.h"

/* Fewer forks than a workqueue lets run at a time: these could deadlock. */
#define NEST_N		12
#define NEST_RESULT	144
#define NEST_FORKS	232

static int fib_call(int n)
{
	return n < 2 ? n : fib_call(n - 1) + fib_call(n - 2);
}

struct fib_scopex {
	struct scopex_work	work;
	int			n;
	int			result;
};

static int fib_scopex(int n);

static int fib_scopex_fn(struct scopex_work *work)
{
	struct fib_scopex *fib = container_of(work, struct fib_scopex, work);

	fib->result = fib_scopex(fib->n);
	return min(fib->result, 0);
}

static int fib_scopex(int n)
{
	struct fib_scopex fork = { SCOPEX_WORK_INIT(fib_scopex_fn), .n = n - 1 };
	int own = 0, err = 0;

	if (n < 2)
		return n;
	scopex_scope(s) {
		err = scopex_submit_on(s, SCOPEX_CPU_LOCAL, &fork.work);
		if (!err)
			own = fib_scopex(n - 2);
		err = scopex_join(s) ?: err;
	}
	return err ?: own < 0 ? own : fork.result + own;
}

static struct workqueue_struct *fib_queue;

struct fib_wq {
	struct work_struct	work;
	struct completion	done;
	int			n;
	int			result;
};

static int fib_wq(int n);

static void fib_wq_fn(struct work_struct *work)
{
	struct fib_wq *fib = container_of(work, struct fib_wq, work);

	fib->result = fib_wq(fib->n);
	complete(&fib->done);
}

/* By a completion, as lockdep does not let a queue's item wait for another one. */
static int fib_wq(int n)
{
	struct fib_wq fork = { .n = n - 1 };
	int own;

	if (n < 2)
		return n;
	INIT_WORK_ONSTACK(&fork.work, fib_wq_fn);
	init_completion(&fork.done);
	queue_work(fib_queue, &fork.work);
	own = fib_wq(n - 2);
	wait_for_completion(&fork.done);
	destroy_work_on_stack(&fork.work);
	return own + fork.result;
}

struct fib_async {
	int	n;
	int	result;
};

static int fib_async(int n);

static void fib_async_fn(void *data, async_cookie_t cookie)
{
	struct fib_async *fib = data;

	fib->result = fib_async(fib->n);
}

static int fib_async(int n)
{
	ASYNC_DOMAIN_EXCLUSIVE(domain);
	struct fib_async fork = { .n = n - 1 };
	int own;

	if (n < 2)
		return n;
	async_schedule_domain(fib_async_fn, &fork, &domain);
	own = fib_async(n - 2);
	async_synchronize_full_domain(&domain);
	return own + fork.result;
}

struct fib_kthread {
	struct completion	done;
	int			n;
	int			result;
};

static int fib_kthread(int n);

static int fib_kthread_fn(void *data)
{
	struct fib_kthread *fib = data;

	fib->result = fib_kthread(fib->n);
	complete(&fib->done);
	return 0;
}

static int fib_kthread(int n)
{
	struct fib_kthread fork = { .n = n - 1 };
	struct task_struct *task;
	int own;

	if (n < 2)
		return n;
	init_completion(&fork.done);
	task = kthread_create(fib_kthread_fn, &fork, "scopex_bench");
	if (IS_ERR(task))
		return PTR_ERR(task);
	get_task_struct(task);
	wake_up_process(task);
	own = fib_kthread(n - 2);
	wait_for_completion(&fork.done);
	/* Wait until the thread has left this module. */
	kthread_stop(task);
	put_task_struct(task);
	return own < 0 ? own : fork.result < 0 ? fork.result : own + fork.result;
}

static const struct {
	const char	*peer;
	int		(*fn)(int n);
} nests[] = {
	{ "call",		fib_call },
	{ "scopex",		fib_scopex },
	{ "wq_unbound",		fib_wq },
	{ "async",		fib_async },
	{ "kthread",		fib_kthread },
};

static int nest_round(unsigned int way, u64 *elapsed)
{
	u64 begin = ktime_get_ns();
	int result = nests[way].fn(NEST_N);

	*elapsed = ktime_get_ns() - begin;
	if (result == NEST_RESULT)
		return 0;
	pr_err("nest: fib(%d) by %s is %d, not %d\n", NEST_N, nests[way].peer, result,
	       NEST_RESULT);
	return result < 0 ? result : -EIO;
}

/**
 * bench_nest() - forks and joins; the figures are for one of each
 *
 * Return: 0 or a negative errno.
 */
int bench_nest(void)
{
	struct bench_result results[ARRAY_SIZE(nests)];
	int err;

	fib_queue = alloc_workqueue("scopex_bench", WQ_UNBOUND, WQ_MAX_ACTIVE);
	if (!fib_queue)
		return -ENOMEM;
	for (unsigned int way = 0; way < ARRAY_SIZE(nests); way++)
		results[way] = (struct bench_result){
			.workload = "nest", .peer = nests[way].peer, .n = NEST_N,
			.cpus = bench.nr_cpus, .what = "total", .ops = NEST_FORKS,
		};
	err = bench_ways(results, ARRAY_SIZE(nests), nest_round);
	destroy_workqueue(fib_queue);
	return err;
}
