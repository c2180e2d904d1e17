// SPDX-License-Identifier: GPL-2.0
/*
 * hang.ko: scopes that never end, for qemu/check-postmortem.sh to find in a dump
 *
 * Loading it returns when everything hangs as it has to; it can't be unloaded. The result does
 * not depend on timing: see expected.txt, which has to be changed with this file.
 *
 *	CPU 0	Nothing is queued. Its items have given the queue away: one waits for a
 *		scope of its own, one that has its turn sleeps, a detached one sleeps. Two tasks
 *		wait for timers.
 *	CPU 1	Its item never returns, and never sleeps. The rest of the batch and what
 *		is queued stays behind it.
 */

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/scopex.h>
#include <linux/scopex_detached.h>
#include <linux/scopex_task.h>
#include <linux/scopex_timer.h>

/* Completed by a task that has come to the place where it hangs. */
static DECLARE_COMPLETION(hung);
static DECLARE_COMPLETION(queued);
/* Never completed. */
static DECLARE_COMPLETION(never);

/* Perhaps no other worker exists yet: then ask again. */
static void sleep_for_ever(void)
{
	unsigned int i;

	for (i = 0; i < 20; i++) {
		scopex_will_block();
		if (wait_for_completion_timeout(&never, msecs_to_jiffies(50)))
			return;
	}
	wait_for_completion(&never);
}

static int spins_fn(struct scopex_work *work)
{
	complete(&hung);
	for (;;)
		cond_resched();
	return 0;
}

static int rest_fn(struct scopex_work *work)
{
	return 0;
}

static int queued_fn(struct scopex_work *work)
{
	return 0;
}

/* In one push, so that the worker takes all three at once. */
static int nests_fn(struct scopex_work *work)
{
	struct {
		struct scopex_work work;
	} items[3] = {
		{ SCOPEX_WORK_INIT(spins_fn) },
		{ SCOPEX_WORK_INIT(rest_fn) },
		{ SCOPEX_WORK_INIT(rest_fn) },
	};

	scopex_scope(s, .name = "inner")
		WARN_ON(scopex_submit_array(s, 1, items, ARRAY_SIZE(items), work));
	return 0;
}

static int outer_thread(void *unused)
{
	struct scopex_work nests = SCOPEX_WORK_INIT(nests_fn);
	struct scopex_work behind[3] = {
		SCOPEX_WORK_INIT(queued_fn),
		SCOPEX_WORK_INIT(queued_fn),
		SCOPEX_WORK_INIT(queued_fn),
	};
	unsigned int i;

	scopex_scope(s, .name = "outer") {
		WARN_ON(scopex_submit_on(s, 0, &nests));
		wait_for_completion(&hung);
		for (i = 0; i < ARRAY_SIZE(behind); i++)
			WARN_ON(scopex_submit_on(s, 1, &behind[i]));
		complete(&queued);
	}
	return 0;
}

static int cancelled_thread(void *unused)
{
	struct scopex_work item = SCOPEX_WORK_INIT(queued_fn);

	scopex_scope(s, .name = "cancelled") {
		WARN_ON(scopex_submit_on(s, 1, &item));
		scopex_cancel(s, -EIO);
		complete(&queued);
	}
	return 0;
}

/* Two of the three wait for their turn. */
static int limited_thread(void *unused)
{
	struct scopex_work items[3] = {
		SCOPEX_WORK_INIT(queued_fn),
		SCOPEX_WORK_INIT(queued_fn),
		SCOPEX_WORK_INIT(queued_fn),
	};
	unsigned int i;

	scopex_scope(limited, .limit = 1, .timeout_us = (3600 * 1000) * USEC_PER_MSEC) {
		for (i = 0; i < ARRAY_SIZE(items); i++)
			WARN_ON(scopex_submit_on(limited, 1, &items[i]));
		complete(&queued);
	}
	return 0;
}

static int has_turn_fn(struct scopex_work *work)
{
	complete(&hung);
	sleep_for_ever();
	return 0;
}

/* It runs after the two items before have been put off, each by the worker that took it. */
static int says_when_fn(struct scopex_work *work)
{
	complete(&queued);
	return 0;
}

static int turns_thread(void *unused)
{
	struct scopex_work first = SCOPEX_WORK_INIT(has_turn_fn);
	struct scopex_work says_when = SCOPEX_WORK_INIT(says_when_fn);
	struct scopex_work others[2] = {
		SCOPEX_WORK_INIT(queued_fn),
		SCOPEX_WORK_INIT(queued_fn),
	};
	unsigned int i;

	scopex_scope(turns, .limit_per_cpu = 1) {
		WARN_ON(scopex_submit_on(turns, 0, &first));
		wait_for_completion(&hung);
		for (i = 0; i < ARRAY_SIZE(others); i++)
			WARN_ON(scopex_submit_on(turns, 0, &others[i]));
		scopex_scope(s)
			WARN_ON(scopex_submit_on(s, 0, &says_when));
	}
	return 0;
}

static int detached_fn(struct scopex_detached *detached)
{
	complete(&queued);
	sleep_for_ever();
	return 0;
}

static void detached_release(struct scopex_detached *detached)
{
}

static struct scopex_detached detached;

/**
 * struct sleeper - a task that sleeps until the end of time
 * @task: the task
 * @timer: how it sleeps
 */
struct sleeper {
	struct scopex_task	task;
	struct scopex_timer	timer;
};

static int sleeper_fn(struct scopex_task *task)
{
	struct sleeper *sleeper = container_of(task, struct sleeper, task);
	int err;

	scopex_coroutine(task) {
		scopex_await(task, err, scopex_sleep_until(&sleeper->timer, KTIME_MAX));
	}
	return err;
}

/* The item behind the sleepers runs when both wait. */
static int sleepers_thread(void *unused)
{
	struct scopex_work says_when = SCOPEX_WORK_INIT(says_when_fn);
	struct sleeper sleepers[2];
	unsigned int i;

	scopex_scope(sleep) {
		for (i = 0; i < ARRAY_SIZE(sleepers); i++) {
			scopex_task_init(&sleepers[i].task, sleeper_fn);
			WARN_ON(scopex_submit_on(sleep, 0, &sleepers[i].task.work));
		}
		WARN_ON(scopex_submit_on(sleep, 0, &says_when));
	}
	return 0;
}

/* Start one after the other, each when the one before hangs in its place. */
static int __init hang_init(void)
{
	int (* const threads[])(void *unused) = {
		outer_thread, cancelled_thread, limited_thread, turns_thread, sleepers_thread,
	};
	struct task_struct *task;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		task = kthread_run(threads[i], NULL, "hang/%u", i);
		if (IS_ERR(task))
			return PTR_ERR(task);
		wait_for_completion(&queued);
		/* So that no two have the same age. */
		msleep(20);
	}
	scopex_detached_init(&detached, detached_fn, detached_release);
	WARN_ON(scopex_detached_submit(&detached));
	wait_for_completion(&queued);
	return 0;
}

module_init(hang_init);
MODULE_DESCRIPTION("Hangs in scopes of all kinds");
MODULE_LICENSE("GPL");
