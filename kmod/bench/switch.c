// SPDX-License-Identifier: GPL-2.0
/* scopex_bench: two that wake each other in turn, and two that make way for each other */

#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/scopex_sync.h>
#include <linux/scopex_task.h>
#include <linux/slab.h>

#include "bench.h"

/* How often each of the two does it. */
#define SWITCH_TRIPS	1000

/**
 * struct player - a task that is woken by the other one, and wakes it
 * @task: the task
 * @wait: how it waits
 * @turn: is it its turn?
 * @other: the other one
 * @trips: how often it has been its turn
 */
struct player {
	struct scopex_task		task;
	struct scopex_event_waiter	wait;
	struct scopex_event		turn;
	struct player			*other;
	unsigned int			trips;
};

static int plays_fn(struct scopex_task *task)
{
	struct player *p = container_of(task, struct player, task);
	int err;

	scopex_coroutine(task) {
		for (p->trips = 0; p->trips < SWITCH_TRIPS; p->trips++) {
			scopex_await(task, err, scopex_event_wait(&p->wait, &p->turn));
			if (err)
				return err;
			scopex_event_reset(&p->turn);
			scopex_event_set(&p->other->turn);
		}
	}
	return 0;
}

static int yields_fn(struct scopex_task *task)
{
	struct player *p = container_of(task, struct player, task);

	scopex_coroutine(task) {
		for (p->trips = 0; p->trips < SWITCH_TRIPS; p->trips++)
			scopex_yield(task);
	}
	return 0;
}

static int switch_tasks(scopex_task_fn_t fn)
{
	struct player *p = kcalloc(2, sizeof(*p), GFP_KERNEL);
	unsigned int i;
	int err = 0;

	if (!p)
		return -ENOMEM;
	scopex_scope(s) {
		for (i = 0; i < 2 && !err; i++) {
			scopex_task_init(&p[i].task, fn);
			scopex_event_init(&p[i].turn);
			p[i].other = &p[!i];
			err = scopex_submit_on(s, bench.cpu[0], &p[i].task.work);
		}
		if (err)
			scopex_cancel(s, err);
		else
			scopex_event_set(&p[0].turn);
		err = scopex_join(s);
	}
	if (!err && p[0].trips + p[1].trips != 2 * SWITCH_TRIPS)
		err = -EIO;
	kfree(p);
	return err;
}

static int switch_by_events(void)
{
	return switch_tasks(plays_fn);
}

static int switch_by_yield(void)
{
	return switch_tasks(yields_fn);
}

/**
 * struct partner - a thread that is woken by the other one, and wakes it
 * @task: the thread
 * @turn: is it its turn?
 * @other: the other one
 * @trips: how often it has been its turn
 * @yields: it makes way instead
 * @done: completed at its end
 */
struct partner {
	struct task_struct	*task;
	bool			turn;
	struct partner		*other;
	unsigned int		trips;
	bool			yields;
	struct completion	done;
};

static int partner_fn(void *data)
{
	struct partner *p = data;

	for (p->trips = 0; p->trips < SWITCH_TRIPS; p->trips++) {
		if (p->yields) {
			yield();
			continue;
		}
		for (;;) {
			set_current_state(TASK_IDLE);
			if (READ_ONCE(p->turn))
				break;
			schedule();
		}
		__set_current_state(TASK_RUNNING);
		WRITE_ONCE(p->turn, false);
		WRITE_ONCE(p->other->turn, true);
		wake_up_process(p->other->task);
	}
	complete(&p->done);
	return 0;
}

static int switch_threads(bool yields)
{
	struct partner p[2] = { };
	unsigned int i;
	int err = 0;

	for (i = 0; i < 2; i++) {
		p[i].other = &p[!i];
		p[i].yields = yields;
		init_completion(&p[i].done);
		p[i].task = kthread_create_on_cpu(partner_fn, &p[i], bench.cpu[0],
						  "scopex_bench/%u");
		if (IS_ERR(p[i].task)) {
			err = PTR_ERR(p[i].task);
			break;
		}
		get_task_struct(p[i].task);
	}
	p[0].turn = true;
	for (i = 0; i < 2 && !err; i++)
		wake_up_process(p[i].task);
	for (i = 0; i < 2 && !IS_ERR_OR_NULL(p[i].task); i++) {
		if (!err)
			wait_for_completion(&p[i].done);
		/* Wait until the thread has left this module. */
		kthread_stop(p[i].task);
		put_task_struct(p[i].task);
	}
	return err;
}

static int switch_by_wakes(void)
{
	return switch_threads(false);
}

static int switch_by_sched_yield(void)
{
	return switch_threads(true);
}

static const struct {
	const char	*workload;
	const char	*peer;
	int		(*fn)(void);
	unsigned int	ops;
} switches[] = {
	{ "switch",	"scopex_task",	switch_by_events,	SWITCH_TRIPS },
	{ "switch",	"kthread",	switch_by_wakes,	SWITCH_TRIPS },
	{ "yield",	"scopex_task",	switch_by_yield,	2 * SWITCH_TRIPS },
	{ "yield",	"kthread",	switch_by_sched_yield,	2 * SWITCH_TRIPS },
};

static int switch_round(unsigned int way, u64 *elapsed)
{
	u64 begin = ktime_get_ns();
	int err = switches[way].fn();

	*elapsed = ktime_get_ns() - begin;
	return err;
}

/**
 * bench_switch() - there and back between two, and making way
 *
 * Return: 0 or a negative errno.
 */
int bench_switch(void)
{
	struct bench_result results[ARRAY_SIZE(switches)];

	for (unsigned int way = 0; way < ARRAY_SIZE(switches); way++)
		results[way] = (struct bench_result){
			.workload = switches[way].workload, .peer = switches[way].peer,
			.n = 2, .cpus = 1, .what = "total", .ops = switches[way].ops,
		};
	return bench_ways(results, ARRAY_SIZE(switches), switch_round);
}
