// SPDX-License-Identifier: GPL-2.0
/* Suite "timer": timers that leave while the interrupt comes, and how often the hrtimer is set */

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/scopex_timer.h>
#include <linux/slab.h>

#include "../task.h"
#include "test.h"
#include "timer.h"

/**
 * struct stand_in - a timer that a thread sets, on behalf of a task that is never called
 * @task: the task
 * @timer: the timer
 * @us: how long it takes
 * @cpu: where the thread was
 * @armed: what the call of the kind has returned
 * @set: completed by the thread
 */
struct stand_in {
	struct scopex_task	task;
	struct scopex_timer	timer;
	s64			us;
	unsigned int		cpu;
	int			armed;
	struct completion	set;
};

static int stand_in_fn(struct scopex_task *task)
{
	return 0;
}

static int stand_in_thread(void *data)
{
	struct stand_in *in = data;
	struct scopex_await *await = scopex_sleep(&in->timer, in->us);

	await->from_task = (void *)await - (void *)&in->task;
	in->cpu = raw_smp_processor_id();
	in->armed = await->ops->arm(await);
	complete(&in->set);
	test_thread_until_stopped();
	return 0;
}

/* Set a timer on another CPU. Returns what arm has returned. */
static int stand_in_set(struct scopex_test *test, struct stand_in *in, s64 us, unsigned int cpu)
{
	struct task_struct *thread;

	memset(in, 0, sizeof(*in));
	scopex_task_init(&in->task, stand_in_fn);
	init_completion(&in->set);
	in->us = us;
	thread = test_thread(test, stand_in_thread, in, cpu);
	wait_for_completion(&in->set);
	test_thread_stop(thread);
	EXPECT_EQ(test, in->cpu, cpu);
	return in->armed;
}

/* The task does not wait any more, and is completed: a waker that comes now is reported. */
static void stand_in_end(struct stand_in *in)
{
	struct scopex_await *await = &in->timer.await;

	await->ops->disarm(await);
	atomic_set(&in->task.state, SCOPEX_TASK_COMPLETED);
}

/* A task may stop to wait on another CPU than that on which it has begun to wait. */
static void timers_leave_on_another_cpu(struct scopex_test *test)
{
	unsigned int i, cpu = test_other_cpu(raw_smp_processor_id());
	struct stand_in in;
	struct sleeper s;

	if (cpu >= nr_cpu_ids) {
		scopex_test_skip(test, "needs two CPUs");
		return;
	}
	for (i = 0; i < 20; i++) {
		if (stand_in_set(test, &in, 20 * USEC_PER_MSEC, cpu) != SCOPEX_PENDING)
			continue;
		stand_in_end(&in);
		/* The interrupt for the timer that is gone comes before this one is over. */
		sleeper_init(&s, 30 * USEC_PER_MSEC);
		scopex_scope(scope)
			EXPECT_EQ(test, scopex_submit_on(scope, cpu, &s.task.work), 0);
		expect_slept(test, &s, 0);
	}
}

/* The interrupt has taken the timer, and has not claimed the task yet. */
static void disarm_waits_for_the_claim(struct scopex_test *test)
{
	unsigned int i, n, cpu = test_other_cpu(raw_smp_processor_id());
	struct stand_in in;

	if (cpu >= nr_cpu_ids) {
		scopex_test_skip(test, "needs two CPUs");
		return;
	}
	for (i = 0; i < 20; i++) {
		scopex_inject_set(SCOPEX_INJECT_TIMER_POP, 5 * USEC_PER_MSEC);
		if (stand_in_set(test, &in, 10 * USEC_PER_MSEC, cpu) == SCOPEX_PENDING) {
			for (n = 0; n < 2000 && !scopex_inject_hits(SCOPEX_INJECT_TIMER_POP); n++)
				usleep_range(10, 20);
			stand_in_end(&in);
			/* Before the frame is used again. */
			mdelay(6);
		}
	}
	test_inject_end(test, SCOPEX_INJECT_TIMER_POP);
}

/* The same with tasks, whose scope is cancelled. */
static void cancel_meets_the_interrupt(struct scopex_test *test)
{
	struct sleeper *s = kmalloc_array(8, sizeof(*s), GFP_KERNEL);
	unsigned int i, round;
	int err;

	if (!EXPECT(test, s))
		return;
	scopex_inject_set(SCOPEX_INJECT_TIMER_POP, 200);
	for (round = 0; round < 50; round++) {
		scopex_scope(scope) {
			for (i = 0; i < 8; i++) {
				sleeper_init(&s[i], 1000 + 200 * i);
				EXPECT_EQ(test, scopex_submit(scope, &s[i].task.work), 0);
			}
			usleep_range(1000, 3000);
			scopex_cancel(scope, 0);
			err = scopex_join(scope);
			EXPECT(test, !err || err == -ECANCELED);
		}
		for (i = 0; i < 8; i++) {
			EXPECT(test, !scopex_work_busy(&s[i].task.work));
			EXPECT(test, atomic_read(&s[i].calls) <= 3);
		}
		memset(s, 0x5a, 8 * sizeof(*s));
	}
	test_inject_end(test, SCOPEX_INJECT_TIMER_POP);
	kfree(s);
}

#define RESETS	1000

/**
 * struct idler - a task with a deadline that is set anew again and again, and never over
 * @task: the task
 * @timer: the deadline
 * @pause: what it waits for in the end
 * @nr: how often it waits
 */
struct idler {
	struct scopex_task	task;
	struct scopex_timer	timer;
	struct scopex_timer	pause;
	unsigned int		nr;
};

static int idler_fn(struct scopex_task *task)
{
	struct idler *idler = container_of(task, struct idler, task);
	struct scopex_await *await;
	unsigned int i;
	int err;

	scopex_coroutine(task) {
		for (i = 0; i < RESETS; i++) {
			await = scopex_sleep(&idler->timer, TEST_NEVER_US / 2);
			await->from_task = (void *)await - (void *)task;
			if (await->ops->arm(await) != SCOPEX_PENDING)
				return -EINVAL;
			await->ops->disarm(await);
		}
		/* The hrtimer has to be set for these. */
		for (idler->nr = 0; idler->nr < 5; idler->nr++) {
			scopex_await(task, err, scopex_sleep(&idler->pause, 1000));
			if (err)
				return err;
		}
	}
	return 0;
}

/* To take the first timer out, and to put another one in, does not set the hrtimer each time. */
static void hrtimer_is_left_alone(struct scopex_test *test)
{
	struct idler idler = { .task = SCOPEX_TASK_INIT(idler_fn) };

	scopex_inject_set(SCOPEX_INJECT_TIMER_START, 1);
	scopex_scope(s)
		EXPECT_EQ(test, scopex_submit(s, &idler.task.work), 0);
	EXPECT_EQ(test, scopex_work_result(&idler.task.work), 0);
	EXPECT(test, scopex_inject_hits(SCOPEX_INJECT_TIMER_START) < RESETS / 10);
	test_inject_end(test, SCOPEX_INJECT_TIMER_START);
}

/* A timer interrupt wakes 32 tasks at most, so it takes so many of them. */
static void interrupt_wakes_a_few_at_a_time(struct scopex_test *test)
{
	struct sleeper *sleepers = NULL;
	unsigned int i, nr = 1000;

	scopex_scope(s) {
		sleepers = sleepers_begin(test, s, nr, 0, test_this_cpu(), NULL);
		scopex_inject_set(SCOPEX_INJECT_TIMER_START, 1);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT(test, !TEST_INJECT || scopex_inject_hits(SCOPEX_INJECT_TIMER_START) >= nr / 32);
	test_inject_end(test, SCOPEX_INJECT_TIMER_START);
	for (i = 0; sleepers && i < nr; i++)
		expect_slept(test, &sleepers[i], 0);
	kvfree(sleepers);
}

static const struct scopex_case timer_race_cases[] = {
	SCOPEX_CASE(timers_leave_on_another_cpu),
	SCOPEX_CASE(disarm_waits_for_the_claim),
	SCOPEX_CASE(cancel_meets_the_interrupt),
	SCOPEX_CASE(hrtimer_is_left_alone),
	SCOPEX_CASE(interrupt_wakes_a_few_at_a_time),
};

SCOPEX_SUITE_PART(timer, timer_race, timer_race_cases);

/* For a script that unloads the module: no task waits, and the hrtimer is still set. */
static void hrtimer_is_left_set(struct scopex_test *test)
{
	struct sleeper s;

	sleeper_init(&s, USEC_PER_SEC);
	scopex_scope(scope) {
		EXPECT_EQ(test, scopex_submit(scope, &s.task.work), 0);
		test_until_asleep(&s.task);
		scopex_cancel(scope, 0);
	}
	EXPECT_EQ(test, scopex_work_result(&s.task.work), -ECANCELED);
}

static const struct scopex_case set_cases[] = {
	SCOPEX_CASE(hrtimer_is_left_set),
};

SCOPEX_SUITE(set, set_cases);
