// SPDX-License-Identifier: GPL-2.0
/*
 * What may keep interrupts or preemption off for long: n items, scopes or levels
 *
 * The VM has one CPU. All that a case does is measured, including the making of so many
 * objects and their end.
 */

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/scopex.h>
#include <linux/scopex_detached.h>
#include <linux/scopex_loop.h>
#include <linux/umh.h>
#include <linux/vmalloc.h>

#include "latency.h"

struct thing {
	struct scopex_work work;
};

/* The items of a case, and how many of them have run */
static struct thing *things;
static unsigned int nr_things;
static unsigned int nr_ran;

static int runs(struct scopex_work *work)
{
	nr_ran++;
	return 0;
}

static int make_things(unsigned int n)
{
	unsigned int i;

	things = vmalloc(array_size(n, sizeof(*things)));
	if (!things)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		scopex_work_init(&things[i].work, runs);
	nr_things = n;
	nr_ran = 0;
	return 0;
}

/* Have as many run as was expected, if nothing else was wrong? */
static int free_things(int err, unsigned int expected)
{
	vfree(things);
	return err ?: nr_ran == expected ? 0 : -EIO;
}

/* Make a process read a file. */
static int reads(const char *file)
{
	char command[80];
	char *argv[] = { "/bin/sh", "-c", command, NULL };
	char *envp[] = { "PATH=/bin", NULL };

	snprintf(command, sizeof(command),
		 "exec cat /sys/kernel/debug/scopex/%s >/dev/null", file);
	return call_usermodehelper(argv[0], argv, envp, UMH_WAIT_PROC) ? -EIO : 0;
}

static int reads_queues(void)
{
	return reads("stats") ?: reads("counters") ?: reads("workers");
}

/*
 * One CPU's queue. An item has the queue of its CPU to itself: the items that it submits
 * there stay queued until it ends.
 */

static int queues_array(struct scopex_work *work)
{
	return scopex_submit_array(scopex_work_scope(work), 0, things, nr_things, work);
}

static int queues_each(struct scopex_work *work)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < nr_things && !err; i++)
		err = scopex_submit_on(scopex_work_scope(work), 0, &things[i].work);
	return err;
}

static int queues_and_reads(struct scopex_work *work)
{
	return queues_array(work) ?: reads_queues();
}

static int queues_and_cancels(struct scopex_work *work)
{
	int err = queues_array(work);

	scopex_cancel(scopex_work_scope(work), 0);
	return err;
}

/* An item queues them, in a scope with a limit, if that is not 0. */
static int in_item(unsigned int n, scopex_fn_t fn, unsigned int limit)
{
	struct scopex_work first = SCOPEX_WORK_INIT(fn);
	int err = make_things(n);

	if (err)
		return err;
	scopex_scope(queued, .limit = limit) {
		WARN_ON(scopex_submit_on(queued, 0, &first));
		err = scopex_join(queued);
	}
	if (fn == queues_and_cancels)
		return free_things(err == -ECANCELED ? 0 : -EIO, 0);
	return free_things(err, n);
}

static int case_take(unsigned int n)
{
	return in_item(n, queues_array, 0) ?: in_item(n, queues_each, 0);
}

static int case_stats(unsigned int n)
{
	return in_item(n, queues_and_reads, 0);
}

static int case_cancel_items(unsigned int n)
{
	return in_item(n, queues_and_cancels, 0);
}

static int case_array(unsigned int n)
{
	static const int cpus[] = { 0, SCOPEX_CPU_LOCAL, SCOPEX_CPU_ANY };
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(cpus) && !err; i++) {
		err = make_things(n);
		if (err)
			break;
		scopex_scope(array) {
			err = scopex_submit_array(array, cpus[i], things, n, work);
			err = err ?: scopex_join(array);
		}
		err = free_things(err, n);
	}
	return err;
}

/* Limits */

static int case_limit(unsigned int n)
{
	return in_item(n, queues_array, 1) ?: in_item(n, queues_and_cancels, 1);
}

/* When the inner item has run, the items queued before it have not got a turn. */
static int keeps_turn(struct scopex_work *work)
{
	struct scopex_work behind = SCOPEX_WORK_INIT(runs);
	int err = queues_array(work);

	scopex_scope(after)
		WARN_ON(scopex_submit_on(after, 0, &behind));
	nr_ran--;
	return err;
}

static int case_limit_per_cpu(unsigned int n)
{
	struct scopex_work first = SCOPEX_WORK_INIT(keeps_turn);
	int err = make_things(n);

	if (err)
		return err;
	scopex_scope(limited, .limit_per_cpu = 1) {
		WARN_ON(scopex_submit_on(limited, 0, &first));
		err = scopex_join(limited);
	}
	return free_things(err, n);
}

/* Loops */

static int adds(const struct scopex_range *range)
{
	unsigned long *sum = range->result ?: range->arg;

	*sum += range->count;
	return 0;
}

static void joins(void *total, const void *result, void *arg)
{
	*(unsigned long *)total += *(const unsigned long *)result;
}

static int case_loop(unsigned int n)
{
	static const struct scopex_reduction how = {
		.size = sizeof(unsigned long), .join = joins,
	};
	unsigned long first = 0, second = 0;
	int err;

	err = scopex_for(0, n, adds, .arg = &first, .grain = 1) ?:
	      scopex_reduce(0, n, adds, &how, &second, .grain = 1);
	return err ?: first == n && second == n ? 0 : -EIO;
}

/*
 * Many open scopes, so many on each stack, one in the other. The item in the innermost
 * scope waits.
 */

#define SCOPES_PER_STACK	40

static DECLARE_COMPLETION(all_wait);
static DECLARE_COMPLETION(end);
static atomic_t nr_not_there;

static void is_there(void)
{
	if (atomic_dec_and_test(&nr_not_there))
		complete(&all_wait);
}

static void expect(unsigned int n)
{
	reinit_completion(&all_wait);
	reinit_completion(&end);
	atomic_set(&nr_not_there, n);
}

/* Each task wakes the next one: waking all at once would be a section of its own. */
static void waits(void)
{
	is_there();
	scopex_will_block();
	wait_for_completion(&end);
	complete(&end);
}

static noinline void opens(unsigned int nr)
{
	struct scopex_work work = SCOPEX_WORK_INIT(runs);

	if (!nr) {
		waits();
		return;
	}
	scopex_scope(held) {
		/* The first item lists the scope. */
		WARN_ON(scopex_submit_on(held, 0, &work));
		opens(nr - 1);
	}
}

/* No look from time to time, as there are thousands of these tasks. */
static void waits_for_stop(void)
{
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

static int holds(void *nr)
{
	opens((unsigned long)nr);
	waits_for_stop();
	return 0;
}

/* Call a function while @n scopes are open. */
static int beside_scopes(unsigned int n, int (*fn)(void))
{
	unsigned int nr_tasks = DIV_ROUND_UP(n, SCOPES_PER_STACK), i;
	struct task_struct **tasks;
	int err = 0;

	tasks = vzalloc(array_size(nr_tasks, sizeof(*tasks)));
	if (!tasks)
		return -ENOMEM;
	expect(nr_tasks);
	for (i = 0; i < nr_tasks && !err; i++) {
		unsigned long nr = min_t(unsigned int, n, SCOPES_PER_STACK);

		tasks[i] = kthread_run(holds, (void *)nr, "holds/%u", i);
		err = PTR_ERR_OR_ZERO(tasks[i]);
		n -= nr;
	}
	if (!err) {
		wait_for_completion(&all_wait);
		err = fn();
	}
	complete(&end);
	while (i--)
		if (!IS_ERR(tasks[i]))
			kthread_stop(tasks[i]);
	vfree(tasks);
	return err;
}

static int reads_scopes(void)
{
	return reads("scopes") ?: reads("counters");
}

static int exits_at_once(void *unused)
{
	complete(&all_wait);
	return 0;
}

/* Then it is gone. */
static int has_one_exit(void)
{
	struct task_struct *task;

	reinit_completion(&all_wait);
	task = kthread_run(exits_at_once, NULL, "exits");
	if (IS_ERR(task))
		return PTR_ERR(task);
	wait_for_completion(&all_wait);
	msleep(20);
	return 0;
}

/* A walk looks for children only in a scope that has had any. */
static int opens_child(struct scopex_work *work)
{
	scopex_scope(child) {
	}
	return 0;
}

static int cancels_one(void)
{
	struct scopex_work work = SCOPEX_WORK_INIT(opens_child);

	scopex_scope(other) {
		WARN_ON(scopex_submit_on(other, 0, &work));
		scopex_join(other);
		scopex_cancel(other, 0);
	}
	return 0;
}

/* Does a deadline cancel a scope, in an interrupt? */
static int waits_for_deadline(struct scopex_scope *scope)
{
	unsigned int i;

	for (i = 0; i < 2000 && !scopex_cancelled(scope); i++)
		msleep(20);
	return scopex_cancelled(scope) ? 0 : -ETIMEDOUT;
}

static int has_deadline(void)
{
	struct scopex_work work = SCOPEX_WORK_INIT(opens_child);
	int err = 0;

	scopex_scope(timed, .timeout_us = 20 * USEC_PER_MSEC) {
		err = scopex_submit_on(timed, 0, &work) ?: waits_for_deadline(timed);
	}
	return err;
}

/* Many tasks wait for one item. */

static struct scopex_detached item;

static int is_awaited(struct scopex_detached *detached)
{
	scopex_will_block();
	wait_for_completion(&end);
	return 0;
}

static void is_released(struct scopex_detached *detached) { }

static int waits_for_item(void *unused)
{
	is_there();
	scopex_detached_wait(&item);
	waits_for_stop();
	return 0;
}

static int case_waiters(unsigned int n)
{
	struct task_struct **tasks = vzalloc(array_size(n, sizeof(*tasks)));
	unsigned int i;
	int err;

	if (!tasks)
		return -ENOMEM;
	scopex_detached_init(&item, is_awaited, is_released);
	expect(n);
	err = scopex_detached_submit(&item);
	for (i = 0; i < n && !err; i++) {
		tasks[i] = kthread_run(waits_for_item, NULL, "waits/%u", i);
		err = PTR_ERR_OR_ZERO(tasks[i]);
	}
	if (!err)
		wait_for_completion(&all_wait);
	/* The last one has still to begin to wait. */
	msleep(20);
	complete(&end);
	while (i--)
		if (!IS_ERR(tasks[i]))
			kthread_stop(tasks[i]);
	scopex_detached_wait(&item);
	scopex_detached_put(&item);
	vfree(tasks);
	return err;
}

static int case_scopes(unsigned int n)
{
	return beside_scopes(n, reads_scopes);
}

static int case_exit(unsigned int n)
{
	return beside_scopes(n, has_one_exit);
}

static int case_cancel(unsigned int n)
{
	return beside_scopes(n, cancels_one);
}

static int case_deadline(unsigned int n)
{
	return beside_scopes(n, has_deadline);
}

/* A chain: an item that opens a scope, for an item that opens a scope, and so on. */

static unsigned int levels;

static int nests(struct scopex_work *work)
{
	struct scopex_work inner = SCOPEX_WORK_INIT(nests);

	if (!--levels) {
		waits();
		return 0;
	}
	scopex_scope(chain)
		WARN_ON(scopex_submit_on(chain, 0, &inner));
	return 0;
}

/* A star: items that all have scopes open. */
static int opens_some(struct scopex_work *work)
{
	opens(SCOPES_PER_STACK);
	return 0;
}

static int make_star(unsigned int n)
{
	unsigned int i;
	int err = make_things(n);

	for (i = 0; i < n && !err; i++)
		scopex_work_init(&things[i].work, opens_some);
	return err;
}

/* Build scopes with @nr items, and call a function beside or with the topmost scope. */
static int with_nested(struct scopex_work *work, unsigned int nr, int (*beside)(void),
		       int (*top)(struct scopex_scope *scope), s64 timeout_us)
{
	int err = 0;

	scopex_scope(tree, .timeout_us = timeout_us) {
		for (unsigned int i = 0; i < nr && !err; i++)
			err = scopex_submit_on(tree, 0, work + i);
		if (!err && !wait_for_completion_timeout(&all_wait, 60 * HZ))
			err = -ETIMEDOUT;
		if (!err)
			err = beside ? beside() : top(tree);
		complete(&end);
	}
	return err;
}

static int with_chain(unsigned int n, int (*beside)(void),
		      int (*top)(struct scopex_scope *scope), s64 timeout_us)
{
	struct scopex_work first = SCOPEX_WORK_INIT(nests);

	levels = n;
	expect(1);
	return with_nested(&first, 1, beside, top, timeout_us);
}

static int with_star(unsigned int n, int (*top)(struct scopex_scope *scope),
		     s64 timeout_us)
{
	unsigned int nr = DIV_ROUND_UP(n, SCOPES_PER_STACK);
	int err = make_star(nr);

	if (err)
		return err;
	expect(nr);
	BUILD_BUG_ON(sizeof(*things) != sizeof(struct scopex_work));
	err = with_nested(&things->work, nr, NULL, top, timeout_us);
	vfree(things);
	return err;
}

static int cancels(struct scopex_scope *scope)
{
	scopex_cancel(scope, 0);
	return 0;
}

/* Long enough for all scopes to be open before. */
#define LATER	(30 * USEC_PER_SEC)

/* An item that needs a turn makes its worker look at all workers of the CPU. */
static int takes_turns(void)
{
	struct scopex_work work[3];
	int err = 0;

	scopex_scope(limited, .limit_per_cpu = 1) {
		for (unsigned int i = 0; i < ARRAY_SIZE(work); i++) {
			scopex_work_init(&work[i], runs);
			WARN_ON(scopex_submit_on(limited, 0, &work[i]));
		}
		err = scopex_join(limited);
	}
	return err;
}

static DECLARE_COMPLETION(relief);

static int sleeps(struct scopex_work *work)
{
	wait_for_completion(&relief);
	return 0;
}

static int wakes(struct scopex_work *work)
{
	complete(&relief);
	return 0;
}

/* The first item does not say that it will block: the watchdog relieves it. */
static int is_relieved(void)
{
	struct scopex_work first = SCOPEX_WORK_INIT(sleeps);
	struct scopex_work second = SCOPEX_WORK_INIT(wakes);
	int err = 0;

	scopex_scope(queued) {
		WARN_ON(scopex_submit_on(queued, 0, &first));
		WARN_ON(scopex_submit_on(queued, 0, &second));
		err = scopex_join(queued);
	}
	return err;
}

static int does_all(void)
{
	return cancels_one() ?: has_deadline() ?: takes_turns() ?: is_relieved();
}

static int case_chain_beside(unsigned int n)
{
	return with_chain(n, does_all, NULL, 0);
}

static int case_chain_cancel(unsigned int n)
{
	return with_chain(n, NULL, cancels, 0);
}

static int case_chain_deadline(unsigned int n)
{
	return with_chain(n, NULL, waits_for_deadline, LATER);
}

static int case_chain_files(unsigned int n)
{
	return with_chain(n, reads_queues, NULL, 0) ?:
	       with_chain(n, reads_scopes, NULL, 0);
}

static int case_star_cancel(unsigned int n)
{
	return with_star(n, cancels, 0);
}

static int case_star_deadline(unsigned int n)
{
	return with_star(n, waits_for_deadline, LATER);
}

const struct latency_case latency_cases[] = {
	{ "take", case_take },
	{ "stats", case_stats },
	{ "cancel_items", case_cancel_items },
	{ "array", case_array },
	{ "limit", case_limit },
	{ "limit_per_cpu", case_limit_per_cpu },
	{ "loop", case_loop },
	{ "waiters", case_waiters },
	{ "scopes", case_scopes },
	{ "exit", case_exit },
	{ "cancel", case_cancel },
	{ "deadline", case_deadline },
	{ "chain_beside", case_chain_beside },
	{ "chain_cancel", case_chain_cancel },
	{ "chain_deadline", case_chain_deadline },
	{ "chain_files", case_chain_files },
	{ "star_cancel", case_star_cancel },
	{ "star_deadline", case_star_deadline },
	{ }
};
