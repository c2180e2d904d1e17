// SPDX-License-Identifier: GPL-2.0
/* scopex_test: scopes of tasks are cancelled, have limits, or are serial */

#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/scopex_task.h>
#include <linux/slab.h>

#include "pool.h"
#include "task.h"
#include "test.h"

#define MANY	1000

/* The bell never rings. */
static void cancel_wakes_each_task_once(struct scopex_test *test)
{
	struct test_task *tasks = NULL;
	struct test_bell bell;
	unsigned int i;

	test_bell_init(&bell);
	scopex_scope(s) {
		tasks = test_tasks(test, s, &bell, MANY);
		scopex_cancel(s, -EPIPE);
		EXPECT_EQ(test, scopex_join(s), -EPIPE);
		EXPECT(test, list_empty(&bell.waiters));
	}
	for (i = 0; tasks && i < MANY; i++) {
		test_expect_task(test, &tasks[i], -ECANCELED, 2);
		EXPECT_EQ(test, tasks[i].err, -ECANCELED);
	}
	kvfree(tasks);
}

static void deadline_wakes_the_tasks(struct scopex_test *test)
{
	struct test_task *tasks;
	struct test_bell bell;
	unsigned int i, nr;
	int err = 0;

	tasks = kvmalloc_array(MANY, sizeof(*tasks), GFP_KERNEL);
	if (!EXPECT(test, tasks))
		return;
	test_bell_init(&bell);
	scopex_scope(s, .timeout_us = 300 * USEC_PER_MSEC) {
		/* On a slow machine the time is over before all of them are there. */
		for (nr = 0; nr < MANY && !err; nr++) {
			test_task_init(&tasks[nr], &bell);
			err = scopex_submit(s, &tasks[nr].task.work);
		}
		EXPECT_EQ(test, scopex_join(s), -ETIME);
	}
	for (i = 0; i < nr - !!err; i++) {
		EXPECT_EQ(test, scopex_work_result(&tasks[i].task.work), -ECANCELED);
		EXPECT(test, atomic_read(&tasks[i].calls) <= 2);
	}
	kvfree(tasks);
}

/* A task that was not called yet does not run, and one that waits ends its wait. */
static void task_that_has_not_begun_is_not_called(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu();
	struct test_task waits, queued;
	struct test_item gated;
	struct test_gate gate;
	struct test_bell bell;

	test_bell_init(&bell);
	test_task_init(&waits, &bell);
	test_task_init(&queued, &bell);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &waits.task.work), 0);
		test_until_waiting(&waits.task);
		test_gate_shut(test, s, cpu, &gated, &gate);
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &queued.task.work), 0);
		scopex_cancel(s, 0);
		complete(&gate.go);
		EXPECT_EQ(test, scopex_join(s), -ECANCELED);
	}
	test_expect_task(test, &waits, -ECANCELED, 2);
	test_expect_task(test, &queued, -ECANCELED, 0);
}

/*
 * The scope is cancelled after the task has looked, and before a canceller can find it; where there
 * are no injected delays, after that.
 */
static void cancel_before_the_wait_is_not_lost(struct scopex_test *test)
{
	struct test_bell bell;
	struct test_task t;

	test_bell_init(&bell);
	test_task_init(&t, &bell);
	scopex_inject_set(SCOPEX_INJECT_TASK_LIST, SCOPEX_INJECT_HOLD);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &t.task.work), 0);
		while (TEST_INJECT && !scopex_inject_hits(SCOPEX_INJECT_TASK_LIST))
			usleep_range(50, 100);
		if (!TEST_INJECT)
			test_until_waiting(&t.task);
		scopex_cancel(s, 0);
		scopex_inject_release(SCOPEX_INJECT_TASK_LIST);
		EXPECT_EQ(test, scopex_join(s), -ECANCELED);
	}
	test_inject_end(test, SCOPEX_INJECT_TASK_LIST);
	test_expect_task(test, &t, -ECANCELED, 2);
}

/* After a join the scope takes tasks again, and a second cancellation finds them. */
static void next_round_is_cancelled_too(struct scopex_test *test)
{
	struct test_bell bell;
	struct test_task t;
	unsigned int i;

	test_bell_init(&bell);
	scopex_scope(s) {
		for (i = 0; i < 3; i++) {
			test_task_init(&t, &bell);
			EXPECT_EQ(test, scopex_submit(s, &t.task.work), 0);
			test_until_waiting(&t.task);
			scopex_cancel(s, 0);
			EXPECT_EQ(test, scopex_join(s), -ECANCELED);
			test_expect_task(test, &t, -ECANCELED, 2);
		}
	}
}

/* An item opens a scope with a task; the outer scope is cancelled. */
struct nesting {
	struct scopex_work	work;
	struct test_task	t;
};

static int nesting_fn(struct scopex_work *work)
{
	struct nesting *nesting = container_of(work, struct nesting, work);
	int err = 0;

	scopex_scope(s) {
		err = scopex_submit(s, &nesting->t.task.work);
		err = err ?: scopex_join(s);
	}
	return err;
}

static void cancel_reaches_tasks_below(struct scopex_test *test)
{
	struct nesting nesting = { .work = SCOPEX_WORK_INIT(nesting_fn) };
	struct test_bell bell;

	test_bell_init(&bell);
	test_task_init(&nesting.t, &bell);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &nesting.work), 0);
		test_until_waiting(&nesting.t.task);
		scopex_cancel(s, -ETIME);
		EXPECT_EQ(test, scopex_join(s), -ETIME);
	}
	test_expect_task(test, &nesting.t, -ECANCELED, 2);
	EXPECT_EQ(test, scopex_work_result(&nesting.work), -ECANCELED);
}

/**
 * struct joiner - the owner of a scope, which joins it while it gets a task
 * @scope: the scope
 * @opened: completed when it is open
 * @gated: its first item
 * @gate: where that one waits
 * @err: what the join has returned
 */
struct joiner {
	struct scopex_scope	*scope;
	struct completion	opened;
	struct test_item	gated;
	struct test_gate	gate;
	int			err;
};

static int joiner_fn(void *data)
{
	struct joiner *joiner = data;

	scopex_scope(s) {
		joiner->scope = s;
		joiner->err = scopex_submit(s, &joiner->gated.work);
		complete(&joiner->opened);
		joiner->err = joiner->err ?: scopex_join(s);
	}
	test_thread_until_stopped();
	return 0;
}

/*
 * A join has drained its scope, and not yet ended the round. A task comes, waits, and is told of a
 * cancellation, but has not looked before the join goes on. The mark has to stay until it has.
 */
static void __maybe_unused join_keeps_the_mark_for_a_task(struct scopex_test *test)
{
	unsigned int i, cpu = test_this_cpu(), other = test_other_cpu(cpu);
	struct task_struct *thread;
	struct joiner joiner;
	struct test_bell bell;
	struct test_gate gate;
	struct test_item gated;
	struct test_task t;

	test_bell_init(&bell);
	test_task_init(&t, &bell);
	init_completion(&joiner.opened);
	test_gated_item_init(&joiner.gated, &joiner.gate);
	scopex_inject_set(SCOPEX_INJECT_END_ROUND, SCOPEX_INJECT_HOLD);
	thread = test_thread(test, joiner_fn, &joiner, other);
	if (!thread)
		return;
	wait_for_completion(&joiner.opened);
	/* An owner that does not wait has no round to end. */
	while (!(atomic64_read(&joiner.scope->state) & SCOPEX_WAITING))
		usleep_range(50, 100);
	complete(&joiner.gate.go);
	until_hit(SCOPEX_INJECT_END_ROUND, 1);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(joiner.scope, cpu, &t.task.work), 0);
		test_until_waiting(&t.task);
		test_gate_shut(test, s, cpu, &gated, &gate);
		scopex_cancel(joiner.scope, -EPIPE);
		scopex_inject_release(SCOPEX_INJECT_END_ROUND);
		msleep(20);
		complete(&gate.go);
	}
	for (i = 0; i < 1000 && scopex_work_busy(&t.task.work); i++)
		usleep_range(1000, 1100);
	/* Else the owner would wait for ever. */
	test_bell_ring(&bell);
	EXPECT_EQ(test, test_thread_stop(thread), 0);
	test_inject_end(test, SCOPEX_INJECT_END_ROUND);
	test_expect_task(test, &t, -ECANCELED, 2);
	EXPECT_EQ(test, joiner.err, 0);
}

static int sure_fn(struct scopex_task *task)
{
	struct test_task *t = container_of(task, struct test_task, task);

	atomic_inc(&t->calls);
	scopex_coroutine(task) {
		scopex_await(task, t->err, test_hear_for_sure(&t->hearing, t->bell));
		if (t->err)
			return t->err;
		scopex_await(task, t->ret, test_hear(&t->hearing, t->bell));
	}
	return t->ret;
}

/* A cancellation does not break that wait off; the next one does not begin. */
static void wait_that_lasts_is_told_once(struct scopex_test *test)
{
	struct test_bell bell;
	struct test_task t;

	test_bell_init(&bell);
	test_task_init(&t, &bell);
	t.task.fn = sure_fn;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &t.task.work), 0);
		test_until_waiting(&t.task);
		scopex_cancel(s, -EPIPE);
		while (atomic_read(&t.calls) < 2)
			usleep_range(50, 100);
		test_until_waiting(&t.task);
		/* Nobody else tells it. */
		scopex_cancel(s, 0);
		msleep(20);
		EXPECT_EQ(test, atomic_read(&t.calls), 2);
		test_bell_ring(&bell);
		EXPECT_EQ(test, scopex_join(s), -EPIPE);
	}
	EXPECT_EQ(test, t.err, 0);
	test_expect_task(test, &t, -ECANCELED, 3);
}

/*
 * A task gives its turn back while it waits, and needs one again when it goes on, also if its
 * scope is cancelled.
 */
static void cancelled_task_waits_for_its_turn(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu();
	struct completion begun;
	struct test_item probe;
	struct test_bell bell;
	struct holder holder;
	struct test_task t;

	test_bell_init(&bell);
	test_task_init(&t, &bell);
	test_item_init(&probe);
	init_completion(&begun);
	holder_init(&holder, &begun);
	scopex_scope(s, .limit_per_cpu = 1) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &t.task.work), 0);
		test_until_waiting(&t.task);
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &holder.work), 0);
		wait_for_completion(&begun);
		scopex_cancel(s, -EPIPE);
		/* Queued behind the task. */
		scopex_scope(other)
			EXPECT_EQ(test, scopex_submit_on(other, cpu, &probe.work), 0);
		EXPECT_EQ(test, atomic_read(&t.calls), 1);
		complete(&holder.go);
		EXPECT_EQ(test, scopex_join(s), -EPIPE);
	}
	test_expect_task(test, &t, -ECANCELED, 2);
}

static void limits_count_tasks_that_wait(struct scopex_test *test)
{
	struct test_task *t = kcalloc(3, sizeof(*t), GFP_KERNEL);
	atomic_t turn = ATOMIC_INIT(0);
	struct test_bell bell;
	unsigned int i, cpu = test_this_cpu();

	if (!EXPECT(test, t))
		return;
	test_bell_init(&bell);
	for (i = 0; i < 3; i++) {
		test_task_init(&t[i], &bell);
		t[i].turn = &turn;
	}
	scopex_scope(s, .limit = 2, .limit_per_cpu = 1, .flags = SCOPEX_JOINABLE) {
		for (i = 0; i < 3; i++)
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &t[i].task.work), 0);
		/* Under the limit for each CPU, the one makes way for the other while it waits. */
		test_until_waiting(&t[0].task);
		test_until_waiting(&t[1].task);
		EXPECT_EQ(test, atomic_read(&t[2].calls), 0);
		test_bell_ring(&bell);
		EXPECT_EQ(test, scopex_join_item(&t[2].task.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; i < 3; i++)
		test_expect_task(test, &t[i], 0, i < 2 ? 2 : 1);
	EXPECT_EQ(test, t[2].order, 3);
	kfree(t);
}

static const struct scopex_case task_cancel_cases[] = {
	SCOPEX_CASE(cancel_wakes_each_task_once),
	SCOPEX_CASE(deadline_wakes_the_tasks),
	SCOPEX_CASE(task_that_has_not_begun_is_not_called),
	SCOPEX_CASE(cancel_before_the_wait_is_not_lost),
	SCOPEX_CASE(next_round_is_cancelled_too),
	SCOPEX_CASE(cancel_reaches_tasks_below),
#ifdef CONFIG_SCOPEX_INJECT
	SCOPEX_CASE(join_keeps_the_mark_for_a_task),
#endif
	SCOPEX_CASE(wait_that_lasts_is_told_once),
	SCOPEX_CASE(limits_count_tasks_that_wait),
	SCOPEX_CASE(cancelled_task_waits_for_its_turn),
};

SCOPEX_SUITE_PART(task, task_cancel, task_cancel_cases);

/**
 * struct serial_tasks - an item with tasks in a serial scope
 * @work: the item
 * @t: the tasks
 * @bell: what they wait for
 * @ringer: an item of the outer scope that rings it, queued behind @work; may have no function
 * @test: the test
 * @begun: completed when the tasks are submitted
 */
struct serial_tasks {
	struct scopex_work	work;
	struct test_task	t[3];
	struct test_bell	bell;
	struct scopex_work	ringer;
	struct scopex_test	*test;
	struct completion	begun;
};

static int rings_fn(struct scopex_work *work)
{
	struct serial_tasks *serial = container_of(work, struct serial_tasks, ringer);

	test_bell_ring(&serial->bell);
	return 0;
}

static int serial_tasks_fn(struct scopex_work *work)
{
	struct serial_tasks *serial = container_of(work, struct serial_tasks, work);
	struct scopex_test *test = serial->test;
	unsigned int i;

	scopex_scope(s, .limit = 1, .limit_per_cpu = 1) {
		EXPECT(test, is_serial(s));
		if (serial->ringer.fn)
			EXPECT_EQ(test, scopex_submit_on(scopex_work_scope(work), CROWD_CPU,
							 &serial->ringer), 0);
		for (i = 0; i < ARRAY_SIZE(serial->t); i++)
			EXPECT_EQ(test, scopex_submit(s, &serial->t[i].task.work), 0);
		complete(&serial->begun);
		EXPECT_EQ(test, scopex_join(s), 0);
		/* With a ringer, only the first one is sure to wait. */
		for (i = 0; i < (serial->ringer.fn ? 1 : ARRAY_SIZE(serial->t)); i++)
			test_expect_task(test, &serial->t[i], 0, 2);

		/* The next round is cancelled by the owner, before it runs the tasks. */
		serial->bell.rung = false;
		EXPECT_EQ(test, scopex_submit(s, &serial->t[0].task.work), 0);
		scopex_cancel(s, -EPIPE);
		EXPECT_EQ(test, scopex_join(s), -EPIPE);
		test_expect_task(test, &serial->t[0], -ECANCELED, 2);
	}
	return 0;
}

static void serial_tasks_init(struct scopex_test *test, struct serial_tasks *serial)
{
	unsigned int i;

	*serial = (struct serial_tasks){
		.work = SCOPEX_WORK_INIT(serial_tasks_fn), .test = test,
	};
	test_bell_init(&serial->bell);
	init_completion(&serial->begun);
	for (i = 0; i < ARRAY_SIZE(serial->t); i++)
		test_task_init(&serial->t[i], &serial->bell);
}

/* The owner sleeps, and the tasks are woken from outside. */
static void owner_of_a_serial_scope_runs_its_tasks(struct scopex_test *test)
{
	struct serial_tasks *serial = kzalloc(sizeof(*serial), GFP_KERNEL);
	unsigned int i;

	if (!EXPECT(test, serial))
		return;
	serial_tasks_init(test, serial);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &serial->work), 0);
		wait_for_completion(&serial->begun);
		for (i = 0; i < ARRAY_SIZE(serial->t); i++)
			test_until_waiting(&serial->t[i].task);
		for (i = 0; i < ARRAY_SIZE(serial->t); i++)
			scopex_wake(&serial->t[i].task);
		for (i = 0; i < ARRAY_SIZE(serial->t); i++)
			test_until_waiting(&serial->t[i].task);
		for (i = 0; i < ARRAY_SIZE(serial->t); i++)
			atomic_set(&serial->t[i].calls, 1);
		test_bell_ring(&serial->bell);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	kfree(serial);
}

static const struct scopex_case task_serial_cases[] = {
	SCOPEX_CASE(owner_of_a_serial_scope_runs_its_tasks),
};

SCOPEX_SUITE(task_serial, task_serial_cases);

/*
 * The tasks wait for an item that is queued on the CPU behind the owner. Two workers are allowed,
 * and both have an item when the scope is opened. The other one is free soon, and gets the queue.
 */
static void serial_scope_of_tasks_lets_the_queue_go(struct scopex_test *test)
{
	struct serial_tasks *serial = kzalloc(sizeof(*serial), GFP_KERNEL);
	struct completion begun;
	struct holder holder;

	if (!EXPECT(test, serial))
		return;
	serial_tasks_init(test, serial);
	scopex_work_init(&serial->ringer, rings_fn);
	init_completion(&begun);
	holder_init(&holder, &begun);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &holder.work), 0);
		wait_for_completion(&begun);
		EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &serial->work), 0);
		wait_for_completion(&serial->begun);
		complete(&holder.go);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, scopex_work_result(&serial->ringer), 0);
	kfree(serial);
}

static const struct scopex_case task_bound_cases[] = {
	SCOPEX_CASE(serial_scope_of_tasks_lets_the_queue_go),
};

SCOPEX_SUITE(task_bound, task_bound_cases);
