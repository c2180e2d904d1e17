// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "spin": owners and workers that spin before they sleep
 *
 * For selftests/spin.sh, which loads scopex so that they do. The test runs one item after
 * the other on another CPU, with time to sleep between them; the counters say whether the
 * owner or the worker has slept.
 */

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/scopex_loop.h>

#include "test.h"

#define SPIN_ROUNDS	100

/* Long enough to fall asleep without the spinning, shorter than the spinning. */
#define SPIN_PAUSE_US	500
#define SPIN_WORK_US	200

static int works_fn(struct scopex_work *work)
{
	udelay(SPIN_WORK_US);
	return 0;
}

static void one_after_the_other(struct scopex_test *test)
{
	struct scopex_work work = SCOPEX_WORK_INIT(works_fn);
	unsigned int i, slept = 0, here, there;
	unsigned long before;

	here = test_this_cpu();
	there = test_other_cpu(here);
	if (there >= nr_cpu_ids) {
		scopex_test_skip(test, "needs two CPUs");
		return;
	}
	scopex_scope(s) {
		for (i = 0; i < SPIN_ROUNDS; i++) {
			EXPECT_EQ(test, scopex_submit_on(s, there, &work), 0);
			before = current->nvcsw;
			EXPECT_EQ(test, scopex_join(s), 0);
			slept += current->nvcsw != before;
			udelay(SPIN_PAUSE_US);
		}
	}
	scopex_test_note(test, "of %u waits, %u slept", SPIN_ROUNDS, slept);
}

static int real_time_thread(void *data)
{
	struct test_item *item = data;

	sched_set_fifo(current);
	scopex_scope(s) {
		WARN_ON(scopex_submit_on(s, SCOPEX_CPU_LOCAL, &item->work));
		scopex_join(s);
	}
	test_thread_until_stopped();
	return 0;
}

/* Hazard 24: the worker gets the CPU only when the owner sleeps; see selftests/spin.sh. */
static void real_time_owner(struct scopex_test *test)
{
	struct test_item item;

	test_item_init(&item);
	test_thread_stop(test_thread(test, real_time_thread, &item, test_this_cpu()));
	EXPECT_EQ(test, atomic_read(&item.runs), 1);
}

/**
 * struct visit - a loop whose last two parts wait for each other
 * @here: how many of them have begun
 * @met: how many have met the other one
 */
struct visit {
	atomic_t	here;
	atomic_t	met;
};

static int visits(const struct scopex_range *range)
{
	struct visit *visit = range->arg;
	unsigned long give_up = jiffies + HZ / 20;

	if (!range->first) {
		mdelay(1);
		return 0;
	}
	atomic_inc(&visit->here);
	while (atomic_read(&visit->here) < 2 && time_before(jiffies, give_up))
		usleep_range(50, 100);
	if (atomic_read(&visit->here) == 2)
		atomic_inc(&visit->met);
	return 0;
}

/* A worker that has spun in vain, and sleeps, is woken for a loop. */
static void sleeper_is_woken(struct scopex_test *test)
{
	unsigned int round, met = 0;

	if (test_other_cpu(test_this_cpu()) >= nr_cpu_ids) {
		scopex_test_skip(test, "needs two CPUs");
		return;
	}
	for (round = 0; round < 20 && met < 3; round++) {
		struct visit visit = { };

		/* The workers spin for 100 ms. */
		msleep(150);
		EXPECT_EQ(test, scopex_for(0, 3, visits, .arg = &visit, .grain = 1), 0);
		met += atomic_read(&visit.met) == 2;
	}
	EXPECT(test, met == 3);
}

static const struct scopex_case spin_cases[] = {
	SCOPEX_CASE(one_after_the_other),
	SCOPEX_CASE(real_time_owner),
	SCOPEX_CASE(sleeper_is_woken),
};

SCOPEX_SUITE(spin, spin_cases);
