// SPDX-License-Identifier: GPL-2.0
/* Suite "loop", in part: a function on each CPU */

#include <linux/cpumask.h>
#include <linux/mutex.h>
#include <linux/scopex_loop.h>
#include <linux/slab.h>

#include "test.h"

static int note_cpu(unsigned int cpu, void *arg)
{
	atomic_t *calls = arg;

	/* The thread is bound, as this test takes no CPU offline. */
	if (raw_smp_processor_id() != cpu)
		return -EIO;
	atomic_inc(&calls[cpu]);
	return 0;
}

static void each_cpu_once(struct scopex_test *test)
{
	atomic_t *calls = kcalloc(nr_cpu_ids, sizeof(*calls), GFP_KERNEL);
	struct cpumask *mask = kzalloc(sizeof(*mask), GFP_KERNEL);
	unsigned int cpu, round;

	if (!EXPECT(test, calls && mask))
		goto out;
	for_each_online_cpu(cpu)
		if (test_served(cpu))
			cpumask_set_cpu(cpu, mask);
	for (round = 0; round < 10; round++)
		EXPECT_EQ(test, scopex_each_cpu(mask, note_cpu, calls), 0);
	for_each_possible_cpu(cpu)
		EXPECT_EQ(test, atomic_read(&calls[cpu]),
			  cpumask_test_cpu(cpu, mask) ? 10 : 0);
	EXPECT_EQ(test, scopex_each_cpu(cpu_none_mask, note_cpu, calls), 0);
out:
	kfree(mask);
	kfree(calls);
}

static int fail_on_cpu(unsigned int cpu, void *arg)
{
	atomic_inc(arg);
	return cpu ? 0 : -EMLINK;
}

static void each_cpu_tells_the_error(struct scopex_test *test)
{
	atomic_t calls = ATOMIC_INIT(0);

	if (!test_served(0)) {
		scopex_test_skip(test, "needs CPU 0");
		return;
	}
	EXPECT_EQ(test, scopex_each_cpu(cpumask_of(0), fail_on_cpu, &calls),
		  -EMLINK);
	EXPECT_EQ(test, atomic_read(&calls), 1);
}

static DEFINE_MUTEX(each_cpu_mutex);

static int lock_on_cpu(unsigned int cpu, void *arg)
{
	mutex_lock(&each_cpu_mutex);
	mutex_unlock(&each_cpu_mutex);
	return 0;
}

static int nothing_on_cpu(unsigned int cpu, void *arg)
{
	return 0;
}

/*
 * The second caller holds a lock that the first caller's function takes. That is no
 * deadlock, and lockdep must not report one: each caller needs a class of its own.
 */
static void each_cpu_has_a_class_per_caller(struct scopex_test *test)
{
	const struct cpumask *mask = cpumask_of(test_this_cpu());

	EXPECT_EQ(test, scopex_each_cpu(mask, lock_on_cpu, NULL), 0);
	mutex_lock(&each_cpu_mutex);
	EXPECT_EQ(test, scopex_each_cpu(mask, nothing_on_cpu, NULL), 0);
	mutex_unlock(&each_cpu_mutex);
}

static const struct scopex_case each_cpu_cases[] = {
	SCOPEX_CASE(each_cpu_once),
	SCOPEX_CASE(each_cpu_tells_the_error),
	SCOPEX_CASE(each_cpu_has_a_class_per_caller),
};

SCOPEX_SUITE_PART(loop, each_cpu, each_cpu_cases);
