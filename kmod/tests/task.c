// SPDX-License-Identifier: GPL-2.0
/* scopex_test: tasks wait, are woken, and are completed */

#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/scopex_task.h>
#include <linux/slab.h>

#include "../task.h"
#include "task.h"
#include "test.h"

#define MANY	1000

static int test_hearing_ready(struct scopex_await *await)
{
	struct test_hearing *hearing = container_of(await, struct test_hearing, await);
	struct test_bell *bell = hearing->bell;
	unsigned long flags;
	bool rung;

	raw_spin_lock_irqsave(&bell->lock, flags);
	rung = bell->rung;
	if (rung)
		list_del_init(&hearing->node);
	raw_spin_unlock_irqrestore(&bell->lock, flags);
	return rung ? 0 : SCOPEX_PENDING;
}

static int test_hearing_arm(struct scopex_await *await)
{
	struct test_hearing *hearing = container_of(await, struct test_hearing, await);
	struct test_bell *bell = hearing->bell;
	unsigned long flags;

	raw_spin_lock_irqsave(&bell->lock, flags);
	list_add_tail(&hearing->node, &bell->waiters);
	raw_spin_unlock_irqrestore(&bell->lock, flags);
	return test_hearing_ready(await);
}

static void test_hearing_disarm(struct scopex_await *await)
{
	struct test_hearing *hearing = container_of(await, struct test_hearing, await);
	struct test_bell *bell = hearing->bell;
	unsigned long flags;

	raw_spin_lock_irqsave(&bell->lock, flags);
	list_del_init(&hearing->node);
	raw_spin_unlock_irqrestore(&bell->lock, flags);
}

static const struct scopex_await_ops test_hearing_ops = {
	.name = "bell",
	.arm = test_hearing_arm,
	.ready = test_hearing_ready,
	.disarm = test_hearing_disarm,
};

void test_bell_init(struct test_bell *bell)
{
	raw_spin_lock_init(&bell->lock);
	INIT_LIST_HEAD(&bell->waiters);
	bell->rung = false;
}

/* The tasks that are woken can't be completed before the lock is released. */
void test_bell_ring(struct test_bell *bell)
{
	struct test_hearing *hearing;
	unsigned long flags;

	raw_spin_lock_irqsave(&bell->lock, flags);
	bell->rung = true;
	list_for_each_entry(hearing, &bell->waiters, node)
		scopex_wake(scopex_await_task(&hearing->await));
	raw_spin_unlock_irqrestore(&bell->lock, flags);
}

struct scopex_await *test_hear(struct test_hearing *hearing, struct test_bell *bell)
{
	hearing->await.ops = &test_hearing_ops;
	hearing->bell = bell;
	return &hearing->await;
}

/* The same, as a wait that can't be broken off. */
struct scopex_await *test_hear_for_sure(struct test_hearing *hearing, struct test_bell *bell)
{
	static const struct scopex_await_ops ops = {
		.name = "sure bell",
		.arm = test_hearing_arm,
		.ready = test_hearing_ready,
	};

	hearing->await.ops = &ops;
	hearing->bell = bell;
	return &hearing->await;
}

int test_task_fn(struct scopex_task *task)
{
	struct test_task *t = container_of(task, struct test_task, task);

	atomic_inc(&t->calls);
	t->cpu = raw_smp_processor_id();
	scopex_coroutine(task) {
		scopex_await(task, t->err, test_hear(&t->hearing, t->bell));
	}
	if (t->turn)
		t->order = atomic_inc_return(t->turn);
	return t->ret ?: t->err;
}

void test_until_waiting(struct scopex_task *task)
{
	while (atomic_read(&task->state) != SCOPEX_TASK_WAITING)
		usleep_range(50, 100);
}

void test_expect_task(struct scopex_test *test, struct test_task *t, int result,
		      unsigned int calls)
{
	EXPECT(test, !scopex_work_busy(&t->task.work));
	EXPECT_EQ(test, scopex_work_result(&t->task.work), result);
	EXPECT_EQ(test, atomic_read(&t->calls), calls);
}

static void task_waits_without_a_worker(struct scopex_test *test)
{
	unsigned int i, cpu = test_this_cpu();
	struct test_item others[8];
	struct test_bell bell;
	struct test_task t;

	test_bell_init(&bell);
	test_task_init(&t, &bell);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &t.task.work), 0);
		test_until_waiting(&t.task);
		EXPECT_EQ(test, scopex_work_result(&t.task.work), -EINPROGRESS);
		EXPECT_EQ(test, scopex_submit(s, &t.task.work), -EBUSY);
		scopex_scope(inner) {
			for (i = 0; i < ARRAY_SIZE(others); i++) {
				test_item_init(&others[i]);
				EXPECT_EQ(test, scopex_submit_on(inner, cpu, &others[i].work), 0);
			}
			EXPECT_EQ(test, scopex_join(inner), 0);
		}
		EXPECT_EQ(test, atomic_read(&t.calls), 1);
		test_bell_ring(&bell);
		EXPECT_EQ(test, scopex_join(s), 0);
		test_expect_task(test, &t, 0, 2);
		EXPECT_EQ(test, t.cpu, cpu);

		/* The same object once more, with an error. */
		atomic_set(&t.calls, 0);
		t.ret = -EXDEV;
		bell.rung = false;
		EXPECT_EQ(test, scopex_submit(s, &t.task.work), 0);
		test_until_waiting(&t.task);
		test_bell_ring(&bell);
		EXPECT_EQ(test, scopex_join(s), -EXDEV);
		test_expect_task(test, &t, -EXDEV, 2);

		/* What it waits for is there already. */
		atomic_set(&t.calls, 0);
		t.ret = 0;
		EXPECT_EQ(test, scopex_submit(s, &t.task.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
		test_expect_task(test, &t, 0, 1);
	}
}

/* A wake-up that means nothing to the task: it looks, and waits on. */
static void stray_wakes_do_no_harm(struct scopex_test *test)
{
	struct test_bell bell;
	struct test_task t;
	unsigned int i;

	test_bell_init(&bell);
	test_task_init(&t, &bell);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &t.task.work), 0);
		for (i = 1; i <= 100; i++) {
			test_until_waiting(&t.task);
			EXPECT_EQ(test, atomic_read(&t.calls), i);
			scopex_wake(&t.task);
		}
		test_until_waiting(&t.task);
		test_bell_ring(&bell);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	test_expect_task(test, &t, 0, 102);
}

/**
 * struct raw_task - a task that is woken by hand
 * @task: the task
 * @gate: where each of its calls stops
 * @calls: how often it was called
 * @last: it is completed in this call
 */
struct raw_task {
	struct scopex_task	task;
	struct test_gate	gate;
	unsigned int		calls;
	unsigned int		last;
};

static int raw_task_fn(struct scopex_task *task)
{
	struct raw_task *raw = container_of(task, struct raw_task, task);

	complete(&raw->gate.reached);
	until_told(&raw->gate.go);
	return ++raw->calls == raw->last ? 0 : SCOPEX_PENDING;
}

/* Wakes that come while the function runs, or is queued, are one more call in all. */
static void wake_while_it_runs_is_one_more_call(struct scopex_test *test)
{
	struct raw_task raw = { .task = SCOPEX_TASK_INIT(raw_task_fn), .last = 3 };
	struct test_item gated;
	struct test_gate gate;
	unsigned int i, cpu = test_this_cpu();

	test_gate_init(&raw.gate);
	scopex_scope(s) {
		test_gate_shut(test, s, cpu, &gated, &gate);
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &raw.task.work), 0);
		/* Before the first call there is nothing to look for again. */
		for (i = 0; i < 5; i++)
			scopex_wake(&raw.task);
		complete(&gate.go);
		wait_for_completion(&raw.gate.reached);
		for (i = 0; i < 5; i++)
			scopex_wake(&raw.task);
		EXPECT_EQ(test, atomic_read(&raw.task.state), SCOPEX_TASK_NOTIFIED);
		complete(&raw.gate.go);
		wait_for_completion(&raw.gate.reached);
		complete(&raw.gate.go);
		test_until_waiting(&raw.task);
		EXPECT_EQ(test, raw.calls, 2);
		scopex_wake(&raw.task);
		wait_for_completion(&raw.gate.reached);
		complete(&raw.gate.go);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, raw.calls, 3);
}

/* Those that come while it is queued leave it where it is. */
static void queued_task_is_not_queued_again(struct scopex_test *test)
{
	unsigned int i, cpu = test_this_cpu();
	struct test_item gated, behind;
	struct test_bell bell;
	struct test_gate gate;
	struct test_task t;

	test_bell_init(&bell);
	test_task_init(&t, &bell);
	test_item_init(&behind);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &t.task.work), 0);
		test_until_waiting(&t.task);
		test_gate_shut(test, s, cpu, &gated, &gate);
		EXPECT(test, scopex_wake_claim(&t.task));
		for (i = 0; i < 5; i++)
			EXPECT(test, !scopex_wake_claim(&t.task));
		scopex_wake_push(&t.task);
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &behind.work), 0);
		for (i = 0; i < 5; i++)
			EXPECT(test, !scopex_wake_claim(&t.task));
		EXPECT_EQ(test, atomic_read(&t.task.state), SCOPEX_TASK_QUEUED);
		complete(&gate.go);
		test_until_waiting(&t.task);
		EXPECT_EQ(test, atomic_read(&t.calls), 2);
		test_bell_ring(&bell);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, atomic_read(&behind.runs), 1);
	test_expect_task(test, &t, 0, 3);
}

static int leaves_its_worker_fn(struct scopex_task *task)
{
	scopex_will_block();
	return test_task_fn(task);
}

/* One worker lets the task wait, and is held up there, while another one runs it to its end. */
static void task_is_left_alone_once_it_waits(struct scopex_test *test)
{
	struct test_bell bell;
	struct test_task t = {
		.task = SCOPEX_TASK_INIT(leaves_its_worker_fn), .bell = &bell,
	};

	test_bell_init(&bell);
	scopex_inject_set(SCOPEX_INJECT_AGAIN, SCOPEX_INJECT_HOLD_ONE);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, test_this_cpu(), &t.task.work), 0);
		test_until_waiting(&t.task);
		test_bell_ring(&bell);
		while (scopex_work_busy(&t.task.work))
			usleep_range(50, 100);
		scopex_inject_release(SCOPEX_INJECT_AGAIN);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	test_inject_end(test, SCOPEX_INJECT_AGAIN);
	test_expect_task(test, &t, 0, 2);
}

/* A task is about to wait, and is woken before its state says so. */
static void wake_before_the_wait_is_not_lost(struct scopex_test *test)
{
	struct raw_task raw = { .task = SCOPEX_TASK_INIT(raw_task_fn), .last = 2 };

	test_gate_init(&raw.gate);
	complete(&raw.gate.go);
	complete(&raw.gate.go);
	scopex_inject_set(SCOPEX_INJECT_TASK_WAIT, SCOPEX_INJECT_HOLD);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &raw.task.work), 0);
		wait_for_completion(&raw.gate.reached);
		while (TEST_INJECT && !scopex_inject_hits(SCOPEX_INJECT_TASK_WAIT))
			usleep_range(50, 100);
		scopex_wake(&raw.task);
		scopex_inject_release(SCOPEX_INJECT_TASK_WAIT);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	test_inject_end(test, SCOPEX_INJECT_TASK_WAIT);
	EXPECT_EQ(test, raw.calls, 2);
}

static void task_stays_on_its_cpu(struct scopex_test *test)
{
	unsigned int cpu = test_other_cpu(test_this_cpu());
	struct test_bell bell;
	struct test_task t;
	unsigned int i;

	test_bell_init(&bell);
	scopex_scope(s) {
		for (i = 0; i < 20; i++) {
			test_task_init(&t, &bell);
			bell.rung = false;
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &t.task.work), 0);
			test_until_waiting(&t.task);
			test_bell_ring(&bell);
			EXPECT_EQ(test, scopex_join(s), 0);
			EXPECT_EQ(test, t.cpu, cpu);
			test_expect_task(test, &t, 0, 2);
		}
	}
}

struct test_task *test_tasks(struct scopex_test *test, struct scopex_scope *s,
			     struct test_bell *bell, unsigned int nr)
{
	struct test_task *tasks = kvmalloc_array(nr, sizeof(*tasks), GFP_KERNEL);
	unsigned int i;

	if (!EXPECT(test, tasks))
		return NULL;
	for (i = 0; i < nr; i++) {
		test_task_init(&tasks[i], bell);
		EXPECT_EQ(test, scopex_submit(s, &tasks[i].task.work), 0);
	}
	for (i = 0; i < nr; i++)
		test_until_waiting(&tasks[i].task);
	return tasks;
}

static void each_task_is_woken_once(struct scopex_test *test)
{
	struct test_task *tasks = NULL;
	struct test_bell bell;
	unsigned int i;

	test_bell_init(&bell);
	scopex_scope(s) {
		tasks = test_tasks(test, s, &bell, MANY);
		test_bell_ring(&bell);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; tasks && i < MANY; i++)
		test_expect_task(test, &tasks[i], 0, 2);
	kvfree(tasks);
}

/**
 * struct chain_link - a task that wakes the next one of a chain
 * @task: the task
 * @hearing: how it waits
 * @bell: what it waits for
 * @next: what it rings
 * @depth: how much of the stack is left when it rings
 */
struct chain_link {
	struct scopex_task	task;
	struct test_hearing	hearing;
	struct test_bell	bell;
	struct test_bell	*next;
	unsigned long		depth;
};

static int chain_link_fn(struct scopex_task *task)
{
	struct chain_link *link = container_of(task, struct chain_link, task);
	int err;

	link->depth = (unsigned long)__builtin_frame_address(0) % THREAD_SIZE;
	scopex_coroutine(task) {
		scopex_await(task, err, test_hear(&link->hearing, &link->bell));
		if (err)
			return err;
		if (link->next)
			test_bell_ring(link->next);
	}
	return 0;
}

/* A wake queues, and never calls: the stack is as deep in the last one as in the first one. */
static void chain_of_wakes_takes_no_stack(struct scopex_test *test)
{
	struct chain_link *chain = kvcalloc(MANY, sizeof(*chain), GFP_KERNEL);
	unsigned int i, cpu = test_this_cpu();

	if (!EXPECT(test, chain))
		return;
	scopex_scope(s) {
		for (i = 0; i < MANY; i++) {
			scopex_task_init(&chain[i].task, chain_link_fn);
			test_bell_init(&chain[i].bell);
			chain[i].next = i + 1 < MANY ? &chain[i + 1].bell : NULL;
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &chain[i].task.work), 0);
		}
		for (i = 0; i < MANY; i++)
			test_until_waiting(&chain[i].task);
		test_bell_ring(&chain[0].bell);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; i < MANY; i++) {
		EXPECT_EQ(test, scopex_work_result(&chain[i].task.work), 0);
		EXPECT_EQ(test, chain[i].depth, chain[0].depth);
	}
	kvfree(chain);
}

/**
 * struct spinner - a task that makes way, or wakes itself, again and again
 * @task: the task
 * @rounds: how often
 * @done: how often it has
 * @wakes: it wakes itself, and waits
 */
struct spinner {
	struct scopex_task	task;
	unsigned int		rounds;
	unsigned int		done;
	bool			wakes;
};

static int spinner_fn(struct scopex_task *task)
{
	struct spinner *spinner = container_of(task, struct spinner, task);

	if (spinner->wakes) {
		scopex_wake(task);
		return ++spinner->done == spinner->rounds ? 0 : SCOPEX_PENDING;
	}
	scopex_coroutine(task) {
		while (++spinner->done < spinner->rounds)
			scopex_yield(task);
	}
	return 0;
}

/**
 * struct behind - an item that is queued behind tasks which go on and on
 * @work: the item
 * @spinner: the tasks
 * @most: how often one of them had gone on when the item ran
 */
struct behind {
	struct scopex_work	work;
	struct spinner		spinner[4];
	unsigned int		most;
};

static int behind_fn(struct scopex_work *work)
{
	struct behind *behind = container_of(work, struct behind, work);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(behind->spinner); i++)
		behind->most = max(behind->most, behind->spinner[i].done);
	return 0;
}

/* Each runs once in a round, so the item behind them waits for one round, and not for all. */
static void tasks_that_go_on_let_others_run(struct scopex_test *test)
{
	struct behind behind = { .work = SCOPEX_WORK_INIT(behind_fn) };
	struct spinner *spinner = behind.spinner;
	unsigned int cpu = test_this_cpu();
	struct test_item gated;
	struct test_gate gate;
	unsigned int i;

	scopex_scope(s) {
		test_gate_shut(test, s, cpu, &gated, &gate);
		for (i = 0; i < ARRAY_SIZE(behind.spinner); i++) {
			spinner[i] = (struct spinner){
				.task = SCOPEX_TASK_INIT(spinner_fn),
				.rounds = MANY * 100,
				.wakes = i % 2,
			};
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &spinner[i].task.work), 0);
		}
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &behind.work), 0);
		complete(&gate.go);
		EXPECT_EQ(test, scopex_join(s), 0);
		for (i = 0; i < ARRAY_SIZE(behind.spinner); i++)
			EXPECT_EQ(test, spinner[i].done, MANY * 100);
		EXPECT_EQ(test, behind.most, 1);
	}
}

static const struct scopex_case task_cases[] = {
	SCOPEX_CASE(task_waits_without_a_worker),
	SCOPEX_CASE(stray_wakes_do_no_harm),
	SCOPEX_CASE(wake_while_it_runs_is_one_more_call),
	SCOPEX_CASE(queued_task_is_not_queued_again),
	SCOPEX_CASE(task_is_left_alone_once_it_waits),
	SCOPEX_CASE(wake_before_the_wait_is_not_lost),
	SCOPEX_CASE(task_stays_on_its_cpu),
	SCOPEX_CASE(each_task_is_woken_once),
	SCOPEX_CASE(chain_of_wakes_takes_no_stack),
	SCOPEX_CASE(tasks_that_go_on_let_others_run),
};

SCOPEX_SUITE(task, task_cases);

/* For task.sh: so many tasks wait until the test is released. */
static void tasks_are_asleep(struct scopex_test *test)
{
	struct test_task *tasks = NULL;
	struct test_bell bell;

	test_bell_init(&bell);
	scopex_scope(sleepers) {
		tasks = test_tasks(test, sleepers, &bell, 40);
		scopex_test_until_released();
		test_bell_ring(&bell);
		EXPECT_EQ(test, scopex_join(sleepers), 0);
	}
	kvfree(tasks);
}

static const struct scopex_case asleep_cases[] = {
	SCOPEX_CASE(tasks_are_asleep),
};

SCOPEX_SUITE(asleep, asleep_cases);
