// SPDX-License-Identifier: GPL-2.0
/* Suite "hotplug": tasks that sleep while their CPU comes and goes */

#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/scopex_timer.h>
#include <linux/slab.h>

#include "test.h"
#include "timer.h"

/* The kernel moves the hrtimer, which still has to find these tasks. */
static void sleepers_outlive_their_cpu(struct scopex_test *test)
{
	unsigned int i, round, nr = 100, cpu = test_hotplug_cpu(test);
	struct sleeper *sleepers;

	if (cpu >= nr_cpu_ids)
		return;
	for (round = 0; round < 4; round++) {
		sleepers = NULL;
		scopex_scope(s) {
			sleepers = sleepers_begin(test, s, nr, 1000, cpu, NULL);
			EXPECT_EQ(test, remove_cpu(cpu), 0);
			/* The tasks are at home on a CPU that is offline, or in that queue. */
			if (round % 2) {
				EXPECT_EQ(test, add_cpu(cpu), 0);
				EXPECT_EQ(test, scopex_join(s), 0);
			} else {
				EXPECT_EQ(test, scopex_join(s), 0);
				EXPECT_EQ(test, add_cpu(cpu), 0);
			}
		}
		for (i = 0; sleepers && i < nr; i++)
			expect_slept(test, &sleepers[i], 0);
		kvfree(sleepers);
	}
}

/* Those that never wake up by themselves leave the queue of a CPU that is offline. */
static void cancel_reaches_sleepers_of_a_cpu_that_is_offline(struct scopex_test *test)
{
	unsigned int i, nr = 100, cpu = test_hotplug_cpu(test);
	struct sleeper *sleepers;

	if (cpu >= nr_cpu_ids)
		return;
	sleepers = kvcalloc(nr, sizeof(*sleepers), GFP_KERNEL);
	if (!EXPECT(test, sleepers))
		return;
	scopex_scope(s) {
		for (i = 0; i < nr; i++) {
			sleeper_init(&sleepers[i], TEST_NEVER_US);
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &sleepers[i].task.work), 0);
		}
		for (i = 0; i < nr; i++)
			test_until_asleep(&sleepers[i].task);
		EXPECT_EQ(test, remove_cpu(cpu), 0);
		scopex_cancel(s, 0);
		EXPECT_EQ(test, scopex_join(s), -ECANCELED);
	}
	for (i = 0; i < nr; i++)
		expect_slept(test, &sleepers[i], -ECANCELED);
	kvfree(sleepers);
	EXPECT_EQ(test, add_cpu(cpu), 0);
}

#define NAPS	200

/**
 * struct napper - a task that sleeps again and again
 * @task: the task
 * @timer: its timer
 * @nr: how often it has slept
 * @begun: the time before the wait
 * @early: how often it was too short
 */
struct napper {
	struct scopex_task	task;
	struct scopex_timer	timer;
	unsigned int		nr;
	ktime_t			begun;
	unsigned int		early;
};

static int napper_fn(struct scopex_task *task)
{
	struct napper *n = container_of(task, struct napper, task);
	int err;

	scopex_coroutine(task) {
		for (n->nr = 0; n->nr < NAPS; n->nr++) {
			n->begun = ktime_get();
			scopex_await(task, err, scopex_sleep(&n->timer, 100 + n->nr * 10));
			if (err)
				return err;
			if (ktime_us_delta(ktime_get(), n->begun) < 100 + n->nr * 10)
				n->early++;
		}
	}
	return 0;
}

static void sleepers_on_cpus_that_come_and_go(struct scopex_test *test)
{
	unsigned int i, round, nr = 40, cpu = test_hotplug_cpu(test);
	struct napper *nappers;

	if (cpu >= nr_cpu_ids)
		return;
	nappers = kvcalloc(nr, sizeof(*nappers), GFP_KERNEL);
	if (!EXPECT(test, nappers))
		return;
	scopex_scope(s) {
		for (i = 0; i < nr; i++) {
			scopex_task_init(&nappers[i].task, napper_fn);
			EXPECT_EQ(test, scopex_submit_on(s, i % 2 ? cpu : test_this_cpu(),
							 &nappers[i].task.work), 0);
		}
		for (round = 0; round < 8; round++) {
			EXPECT_EQ(test, remove_cpu(cpu), 0);
			msleep(20);
			EXPECT_EQ(test, add_cpu(cpu), 0);
			msleep(20);
		}
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; i < nr; i++) {
		EXPECT_EQ(test, nappers[i].nr, NAPS);
		EXPECT_EQ(test, nappers[i].early, 0);
	}
	kvfree(nappers);
}

static const struct scopex_case timer_hotplug_cases[] = {
	SCOPEX_CASE(sleepers_outlive_their_cpu),
	SCOPEX_CASE(cancel_reaches_sleepers_of_a_cpu_that_is_offline),
	SCOPEX_CASE(sleepers_on_cpus_that_come_and_go),
};

SCOPEX_SUITE_PART(hotplug, timer_hotplug, timer_hotplug_cases);
