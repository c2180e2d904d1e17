// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "tracers": a task that waits for all threads gets on, however many items are queued
 *
 * synchronize_rcu_tasks() (of ftrace, kprobes, BPF) waits for a quiescent state of each
 * thread. Each case queues a number of items at once, which spin until the call has
 * returned. If the call returns while items are left, these end at once. If it had to wait
 * for all of them, the case fails. See loop_helpers.c for loops. Where the kernel has no
 * RCU-tasks, the call waits for no items, and the cases test nothing.
 */

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/rcupdate.h>
#include <linux/rcupdate_wait.h>
#include <linux/slab.h>

#include "../state.h"
#include "test.h"

/* So many, of so many ticks each, take much longer than a grace period. */
#define SPINS		4000
#define SPIN_TICKS	(HZ / 100 ?: 1)

/**
 * struct traced - items that run until a grace period of RCU-tasks has passed
 * @begun: whether one runs
 * @passed: whether it has passed
 * @left: how many items have not ended
 * @cpu: where they run
 * @spins: the items
 */
struct traced {
	bool		begun;
	bool		passed;
	atomic_t	left;
	unsigned int	cpu;
	struct spin	*spins;
};

struct spin {
	struct scopex_work	work;
	struct traced		*traced;
};

static int spin_fn(struct scopex_work *work)
{
	struct traced *traced = container_of(work, struct spin, work)->traced;
	unsigned long end = jiffies + SPIN_TICKS;

	WRITE_ONCE(traced->begun, true);
	while (!READ_ONCE(traced->passed) && time_before(jiffies, end))
		udelay(5);
	atomic_dec(&traced->left);
	return 0;
}

static bool traced_init(struct scopex_test *test, struct traced *traced)
{
	unsigned int i;

	*traced = (struct traced){ .left = ATOMIC_INIT(SPINS), .cpu = test_this_cpu() };
	traced->spins = kvcalloc(SPINS, sizeof(*traced->spins), GFP_KERNEL);
	if (!EXPECT(test, traced->spins))
		return false;
	for (i = 0; i < SPINS; i++)
		traced->spins[i] = (struct spin){ .work = SCOPEX_WORK_INIT(spin_fn),
						  .traced = traced };
	return true;
}

static int traced_thread(void *data)
{
	struct traced *traced = data;

	/* A grace period that began earlier may have found the worker asleep. */
	while (!READ_ONCE(traced->begun) && !kthread_should_stop())
		usleep_range(50, 200);
	synchronize_rcu_tasks();
	WRITE_ONCE(traced->passed, true);
	test_thread_until_stopped();
	return 0;
}

/* After all items are queued, or will be: items were left when it had passed. */
static void traced_end(struct scopex_test *test, struct traced *traced)
{
	struct task_struct *thread = test_thread(test, traced_thread, traced, nr_cpu_ids);

	while (!READ_ONCE(traced->passed) && atomic_read(&traced->left))
		usleep_range(1000, 2000);
	EXPECT(test, READ_ONCE(traced->passed));
	test_thread_stop(thread);
}

static void tracers_get_on_beside_a_batch(struct scopex_test *test)
{
	struct traced traced;

	if (!traced_init(test, &traced))
		return;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_array(s, traced.cpu, traced.spins, SPINS, work), 0);
		traced_end(test, &traced);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	kvfree(traced.spins);
}

/* One submits the next one, so that the queue is never empty, and no batch is long. */
static int relay_fn(struct scopex_work *work)
{
	struct spin *spin = container_of(work, struct spin, work);
	struct traced *traced = spin->traced;

	if (spin + 1 < traced->spins + SPINS)
		WARN_ON(scopex_submit_on(scopex_work_scope(work), traced->cpu, &spin[1].work));
	return spin_fn(work);
}

static void tracers_get_on_beside_a_queue(struct scopex_test *test)
{
	struct traced traced;
	unsigned int i;

	if (!traced_init(test, &traced))
		return;
	for (i = 0; i < SPINS; i++)
		traced.spins[i].work.fn = relay_fn;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, traced.cpu, &traced.spins[0].work), 0);
		traced_end(test, &traced);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	kvfree(traced.spins);
}

/* An item that has its turn on a CPU, until all others are known to wait for theirs. */
struct first {
	struct scopex_work	work;
	struct test_gate	gate;
};

static int first_fn(struct scopex_work *work)
{
	struct first *first = container_of(work, struct first, work);

	complete(&first->gate.reached);
	scopex_will_block();
	wait_for_completion(&first->gate.go);
	return 0;
}

static void tracers_get_on_beside_turns(struct scopex_test *test)
{
	struct first first = { .work = SCOPEX_WORK_INIT(first_fn) };
	struct test_item last;
	struct traced traced;

	if (!traced_init(test, &traced))
		return;
	test_gate_init(&first.gate);
	test_item_init(&last);
	scopex_scope(s, .limit_per_cpu = 1) {
		EXPECT_EQ(test, scopex_submit_on(s, traced.cpu, &first.work), 0);
		wait_for_completion(&first.gate.reached);
		EXPECT_EQ(test, scopex_submit_array(s, traced.cpu, traced.spins, SPINS, work), 0);
		scopex_scope(t)
			EXPECT_EQ(test, scopex_submit_on(t, traced.cpu, &last.work), 0);
		complete(&first.gate.go);
		traced_end(test, &traced);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	kvfree(traced.spins);
}

static const struct scopex_case tracers_cases[] = {
	SCOPEX_CASE(tracers_get_on_beside_a_batch),
	SCOPEX_CASE(tracers_get_on_beside_a_queue),
	SCOPEX_CASE(tracers_get_on_beside_turns),
};

SCOPEX_SUITE(tracers, tracers_cases);

/* With one worker only, a scope that is opened in an item is serial. */
struct serial {
	struct scopex_work	work;
	struct scopex_test	*test;
	struct traced		*traced;
};

static int serial_fn(struct scopex_work *work)
{
	struct serial *serial = container_of(work, struct serial, work);

	scopex_scope(s) {
		EXPECT(serial->test, atomic64_read(&s->state) & SCOPEX_SERIAL);
		EXPECT_EQ(serial->test, scopex_submit_array(s, SCOPEX_CPU_ANY,
							    serial->traced->spins,
							    SPINS, work), 0);
	}
	return 0;
}

static void tracers_get_on_beside_a_serial_scope(struct scopex_test *test)
{
	struct serial serial = { .work = SCOPEX_WORK_INIT(serial_fn), .test = test };
	struct traced traced;

	if (!traced_init(test, &traced))
		return;
	serial.traced = &traced;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, traced.cpu, &serial.work), 0);
		traced_end(test, &traced);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	kvfree(traced.spins);
}

/* One item that runs again and again, each time as a batch of its own. */
#define RUNS		4000000

struct runner {
	struct scopex_work	work;
	struct scopex_work	inner;
	struct scopex_test	*test;
	struct traced		*traced;
	unsigned int		runs;
};

static int runner_fn(struct scopex_work *work)
{
	struct runner *runner = container_of(work, struct runner, inner);
	struct traced *traced = runner->traced;

	WRITE_ONCE(traced->begun, true);
	if (!READ_ONCE(traced->passed) && ++runner->runs < RUNS) {
		udelay(5);
		return SCOPEX_AGAIN;
	}
	atomic_set(&traced->left, 0);
	return 0;
}

static int serial_runner_fn(struct scopex_work *work)
{
	struct runner *runner = container_of(work, struct runner, work);

	scopex_scope(s) {
		EXPECT(runner->test, atomic64_read(&s->state) & SCOPEX_SERIAL);
		EXPECT_EQ(runner->test, scopex_submit(s, &runner->inner), 0);
	}
	return 0;
}

static void tracers_get_on_beside_an_item_that_runs_again(struct scopex_test *test)
{
	struct traced traced = { .left = ATOMIC_INIT(1) };
	struct runner runner = {
		.work = SCOPEX_WORK_INIT(serial_runner_fn),
		.inner = SCOPEX_WORK_INIT(runner_fn),
		.test = test, .traced = &traced,
	};

	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &runner.work), 0);
		traced_end(test, &traced);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
}

static const struct scopex_case serial_tracers_cases[] = {
	SCOPEX_CASE(tracers_get_on_beside_a_serial_scope),
	SCOPEX_CASE(tracers_get_on_beside_an_item_that_runs_again),
};

SCOPEX_SUITE(serial_tracers, serial_tracers_cases);
