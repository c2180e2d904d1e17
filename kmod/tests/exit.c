// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "exit": scopes that are never closed, and what scopex does about them
 *
 * A task ends without having closed its scope, while items borrow from its stack: the
 * failure that scopex exists to prevent. Suites "undead" and "oops": scopes that never end.
 */

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/scopex_loop.h>
#include <linux/slab.h>

#include "test.h"

#define BORROWED	0x5c0be5c0

/**
 * struct forgetful - a task that forgets its scope
 * @cpu: where its item runs
 * @pid: the task
 * @gate: where its item waits
 * @seen: what the item has read in the task's frame
 * @written: whether it could write there
 */
struct forgetful {
	unsigned int		cpu;
	pid_t			pid;
	struct test_gate	gate;
	unsigned int		seen;
	bool			written;
};

/* In the frame of the forgetful task. */
struct borrower {
	struct scopex_work	work;
	struct forgetful	*forgetful;
	unsigned int		lent;
};

static int borrower_fn(struct scopex_work *work)
{
	struct borrower *borrower = container_of(work, struct borrower, work);
	struct forgetful *forgetful = borrower->forgetful;

	/* The task and the test wait for it. */
	complete_all(&forgetful->gate.reached);
	wait_for_completion(&forgetful->gate.go);
	forgetful->seen = borrower->lent;
	borrower->lent = ~BORROWED;
	forgetful->written = READ_ONCE(borrower->lent) == ~BORROWED;
	return 0;
}

static struct scopex_site guard_site = {
	.name = "forgotten", .func = "forgetful_thread", .file = __FILE__, .line = 1,
	__SCOPEX_SITE_MAP("forgotten", &guard_site)
};

/* Opens the scope as the block does, but without the cleanup that closes it. */
static int forgetful_thread(void *data)
{
	struct forgetful *forgetful = data;
	struct borrower borrower = { .forgetful = forgetful, .lent = BORROWED };
	struct scopex_scope scope;

	forgetful->pid = current->pid;
	scopex_work_init(&borrower.work, borrower_fn);
	__scopex_open(&scope, &guard_site, NULL);
	WARN_ON(scopex_submit_on(&scope, forgetful->cpu, &borrower.work));
	wait_for_completion(&forgetful->gate.reached);
	kthread_complete_and_exit(NULL, 0);
}

static bool alive(pid_t pid)
{
	bool found;

	rcu_read_lock();
	found = pid_task(find_vpid(pid), PIDTYPE_PID);
	rcu_read_unlock();
	return found;
}

static void run_forgetful(struct scopex_test *test, struct forgetful *forgetful)
{
	struct task_struct *thread;

	thread = kthread_run(forgetful_thread, forgetful, "scopex_forget");
	if (!EXPECT(test, !IS_ERR(thread)))
		return;
	wait_for_completion(&forgetful->gate.reached);
	/* The task is exiting, and has to stop on its way. */
	msleep(100);
	EXPECT(test, alive(forgetful->pid));
	complete(&forgetful->gate.go);
	while (alive(forgetful->pid))
		usleep_range(100, 500);
}

/* Hazard 11. The frame exists as long as the item needs it. */
static void guard_that_is_skipped(struct scopex_test *test)
{
	struct forgetful forgetful = { .cpu = test_this_cpu() };

	if (!IS_ENABLED(CONFIG_TRACEPOINTS)) {
		scopex_test_skip(test, "needs tracepoints");
		return;
	}
	test_gate_init(&forgetful.gate);
	EXPECT_WARNING("exits with the open scope forgotten of forgetful_thread()",
		       run_forgetful(test, &forgetful));
	EXPECT_EQ(test, forgetful.seen, BORROWED);
	EXPECT(test, forgetful.written);
}

/* Wait until the exiting task waits for its item, or is gone. */
static struct task_struct *start_forgetful(struct scopex_test *test,
					   struct forgetful *forgetful)
{
	struct task_struct *thread;

	thread = kthread_create(forgetful_thread, forgetful, "scopex_forget");
	if (!EXPECT(test, !IS_ERR(thread)))
		return NULL;
	get_task_struct(thread);
	wake_up_process(thread);
	wait_for_completion(&forgetful->gate.reached);
	while (!(READ_ONCE(thread->flags) & PF_EXITING &&
		 READ_ONCE(thread->__state) == TASK_UNINTERRUPTIBLE) &&
	       !READ_ONCE(thread->exit_state))
		usleep_range(100, 500);
	return thread;
}

/* Many tasks exit at the same time, and the scope of each is drained. */
#define FORGETFUL	18

/* The kernel prints at most 10 warnings of one place in 5 s. */
#define WARNINGS	9

static void many_guards_that_are_skipped(struct scopex_test *test)
{
	struct forgetful *all = kcalloc(FORGETFUL, sizeof(*all), GFP_KERNEL);
	struct task_struct *threads[FORGETFUL] = { };
	unsigned int i;

	if (!IS_ENABLED(CONFIG_TRACEPOINTS)) {
		scopex_test_skip(test, "needs tracepoints");
		goto out;
	}
	if (!EXPECT(test, all))
		return;
	for (i = 0; i < FORGETFUL; i++) {
		all[i].cpu = test_this_cpu();
		test_gate_init(&all[i].gate);
		if (i % WARNINGS == 0)
			msleep(5100);
		EXPECT_WARNING("exits with the open scope forgotten of forgetful_thread()",
			       threads[i] = start_forgetful(test, &all[i]));
	}
	for (i = 0; i < FORGETFUL; i++)
		EXPECT(test, threads[i] && !READ_ONCE(threads[i]->exit_state));
	for (i = 0; i < FORGETFUL && threads[i]; i++) {
		complete(&all[i].gate.go);
		while (!READ_ONCE(threads[i]->exit_state))
			usleep_range(100, 500);
		put_task_struct(threads[i]);
		EXPECT_EQ(test, all[i].seen, BORROWED);
		EXPECT(test, all[i].written);
	}
out:
	kfree(all);
}

/* A task that ends before the first submit leaves a timer in its frame. */
static int late_thread(void *data)
{
	const struct scopex_options options = { .timeout_us = 3600000 * USEC_PER_MSEC};
	struct scopex_custom_scope custom;
	pid_t *pid = data;

	__scopex_open(&custom.scope, &guard_site, &options);
	strscpy(current->comm, TEST_ODD, sizeof(current->comm));
	WRITE_ONCE(*pid, current->pid);
	kthread_complete_and_exit(NULL, 0);
}

static void until_gone(struct scopex_test *test, int (*fn)(void *data), void *data,
		       const pid_t *pid)
{
	struct task_struct *thread = kthread_run(fn, data, "scopex_forget");

	if (!EXPECT(test, !IS_ERR(thread)))
		return;
	while (!READ_ONCE(*pid) || alive(READ_ONCE(*pid)))
		usleep_range(100, 500);
}

static void deadline_without_an_item(struct scopex_test *test)
{
	pid_t pid = 0;

	if (!IS_ENABLED(CONFIG_TRACEPOINTS)) {
		scopex_test_skip(test, "needs tracepoints");
		return;
	}
	EXPECT_WARNING("task " TEST_ODD_SHOWN ":",
		       until_gone(test, late_thread, &pid, &pid));
}

/**
 * struct lost_loop - a loop whose caller ends in the middle of it
 * @caller: the task, while it has not ended
 * @pid: the task, once it ends
 * @helpers: how many helpers are in it
 * @gone: whether one of them has seen the caller go
 */
struct lost_loop {
	struct task_struct	*caller;
	pid_t			pid;
	atomic_t		helpers;
	bool			gone;
};

static int lost_chunk(const struct scopex_range *range)
{
	struct lost_loop *lost = range->arg;

	if (current == lost->caller) {
		if (!atomic_read(&lost->helpers)) {
			/* Ask again. */
			usleep_range(100, 500);
			return 0;
		}
		WRITE_ONCE(lost->pid, current->pid);
		kthread_complete_and_exit(NULL, 0);
	}
	atomic_inc(&lost->helpers);
	while (!READ_ONCE(lost->pid))
		usleep_range(100, 500);
	/* Long enough for the caller to exit, if it does not wait. */
	msleep(200);
	if (!alive(lost->pid))
		WRITE_ONCE(lost->gone, true);
	return 0;
}

static int lost_thread(void *data)
{
	struct lost_loop *lost = data;

	lost->caller = current;
	scopex_for(0, ULONG_MAX, lost_chunk, .grain = 1, .arg = lost);
	WRITE_ONCE(lost->pid, current->pid);
	return 0;
}

static void loop_without_its_caller(struct scopex_test *test)
{
	struct lost_loop lost = { };

	if (!IS_ENABLED(CONFIG_TRACEPOINTS)) {
		scopex_test_skip(test, "needs tracepoints");
		return;
	}
	EXPECT_WARNING("exits with the open scope lost_chunk of lost_thread()",
		       until_gone(test, lost_thread, &lost, &lost.pid));
	EXPECT(test, !READ_ONCE(lost.gone));
}

static int callback_body(struct scopex_scope *scope, void *arg)
{
	struct test_item *item = arg;

	/* As long as it returns, it can't skip the wait, whatever it does. */
	return scopex_submit(scope, &item->work);
}

static void callback_that_can_not_be_skipped(struct scopex_test *test)
{
	struct test_item item;

	test_item_init(&item);
	EXPECT_EQ(test, scopex_run(callback_body, &item), 0);
	EXPECT_EQ(test, atomic_read(&item.runs), 1);
}

static int lets_thread_exit_fn(struct scopex_work *work)
{
	kthread_complete_and_exit(NULL, 0);
}

/*
 * Hazard 20, on purpose: the item ends its thread. Its scope never drains, so this
 * function never returns; the items queued behind it run.
 */
static void item_ends_its_thread(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu();
	struct scopex_work dead;
	struct test_item after;

	test_item_init(&after);
	scopex_work_init(&dead, lets_thread_exit_fn);
	scopex_scope(s, .name = "undead") {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &dead), 0);
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &after.work), 0);
		while (scopex_work_busy(&after.work))
			usleep_range(100, 500);
		WARN(1, "scopex_test: the item behind it has run\n");
	}
}

static const struct scopex_case undead_cases[] = {
	SCOPEX_CASE(item_ends_its_thread),
};

SCOPEX_SUITE(undead, undead_cases);

/* Hazard 11 at its worst: on x86, the frame is lost before the task's exit begins. */
static int oops_thread(void *data)
{
	struct forgetful *forgetful = data;
	struct borrower borrower = { .forgetful = forgetful, .lent = BORROWED };

	scopex_work_init(&borrower.work, borrower_fn);
	scopex_scope(s, .name = "oopsed") {
		WARN_ON(scopex_submit_on(s, forgetful->cpu, &borrower.work));
		wait_for_completion(&forgetful->gate.reached);
		__builtin_trap();
	}
	return 0;
}

static void oops_in_a_scope(struct scopex_test *test)
{
	struct forgetful forgetful = { .cpu = test_this_cpu() };
	struct task_struct *thread;

	test_gate_init(&forgetful.gate);
	thread = kthread_run(oops_thread, &forgetful, "scopex_oops");
	if (EXPECT(test, !IS_ERR(thread)))
		msleep(60000);
}

static const struct scopex_case oops_cases[] = {
	SCOPEX_CASE(oops_in_a_scope),
};

SCOPEX_SUITE(oops, oops_cases);

static const struct scopex_case exit_cases[] = {
	SCOPEX_CASE(guard_that_is_skipped),
	SCOPEX_CASE(deadline_without_an_item),
	SCOPEX_CASE(loop_without_its_caller),
	SCOPEX_CASE(callback_that_can_not_be_skipped),
	/* After these warnings the kernel prints no more of them for a while. */
	SCOPEX_CASE(many_guards_that_are_skipped),
};

SCOPEX_SUITE(exit, exit_cases);
