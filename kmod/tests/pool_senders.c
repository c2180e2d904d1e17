// SPDX-License-Identifier: GPL-2.0
/*
 * Suites for selftests/pool.sh: many items that submit to a CPU by its number
 *
 * As in nest.c, a case that fails hangs, and the kernel's hung-task detector reports it.
 */

#include <linux/cpumask.h>
#include <linux/scopex_loop.h>
#include <linux/slab.h>

#include "pool.h"
#include "test.h"

#define SENDERS	40	/* items that open a scope at the same time */

/**
 * struct sender - an item that submits another one to a CPU
 * @work: the item
 * @inner: the other one
 * @to: the CPU
 * @ran: where the other one ran
 * @serial: the scope was
 * @calls: how often scopex_each_cpu() has called the function
 */
struct sender {
	struct scopex_work	work;
	struct scopex_work	inner;
	unsigned int		to;
	unsigned int		ran;
	bool			serial;
	atomic_t		calls;
};

static int sent_fn(struct scopex_work *work)
{
	container_of(work, struct sender, inner)->ran = raw_smp_processor_id();
	return 0;
}

static int sends_fn(struct scopex_work *work)
{
	struct sender *sender = container_of(work, struct sender, work);
	int err;

	scopex_scope(sends) {
		sender->serial = is_serial(sends);
		err = scopex_submit_on(sends, sender->to, &sender->inner);
		err = err ?: scopex_join(sends);
	}
	return err;
}

static int called_fn(unsigned int cpu, void *arg)
{
	struct sender *sender = arg;

	atomic_inc(&sender->calls);
	return cpu == raw_smp_processor_id() ? 0 : -EXDEV;
}

static int calls_each_fn(struct scopex_work *work)
{
	struct sender *sender = container_of(work, struct sender, work);

	return scopex_each_cpu(cpu_online_mask, called_fn, sender);
}

static struct sender *senders_on(struct scopex_test *test, scopex_fn_t fn,
				 unsigned int cpu, unsigned int to)
{
	struct sender *senders = kcalloc(SENDERS, sizeof(*senders), GFP_KERNEL);
	unsigned int i;

	if (!EXPECT(test, senders))
		return NULL;
	scopex_scope(s) {
		for (i = 0; i < SENDERS; i++) {
			senders[i].to = to;
			scopex_work_init(&senders[i].work, fn);
			scopex_work_init(&senders[i].inner, sent_fn);
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &senders[i].work), 0);
		}
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	return senders;
}

static void items_run_on_the_cpu_that_is_named(struct scopex_test *test)
{
	unsigned int cpu, i, to;
	struct sender *senders;

	for_each_online_cpu(cpu) {
		to = test_other_cpu(cpu);
		if (to >= nr_cpu_ids) {
			scopex_test_skip(test, "needs two CPUs");
			return;
		}
		senders = senders_on(test, sends_fn, cpu, to);
		for (i = 0; senders && i < SENDERS; i++) {
			EXPECT_EQ(test, senders[i].ran, to);
			EXPECT(test, !senders[i].serial);
		}
		kfree(senders);
	}
}

static void each_cpu_from_many_items(struct scopex_test *test)
{
	unsigned int cpu, i;
	struct sender *senders;

	for_each_online_cpu(cpu) {
		senders = senders_on(test, calls_each_fn, cpu, cpu);
		for (i = 0; senders && i < SENDERS; i++)
			EXPECT_EQ(test, atomic_read(&senders[i].calls), num_online_cpus());
		kfree(senders);
	}
}

static const struct scopex_case senders_cases[] = {
	SCOPEX_CASE(items_run_on_the_cpu_that_is_named),
	SCOPEX_CASE(each_cpu_from_many_items),
};

SCOPEX_SUITE(senders, senders_cases);

/* For a module with cpus=0: the error is that of a submit, which no join tells. */
static void each_cpu_tells_of_those_without_a_worker(struct scopex_test *test)
{
	struct sender sender = { .calls = ATOMIC_INIT(0) };

	if (num_online_cpus() < 2) {
		scopex_test_skip(test, "needs two CPUs");
		return;
	}
	EXPECT_EQ(test, scopex_each_cpu(cpu_online_mask, called_fn, &sender), -ENODEV);
	EXPECT_EQ(test, atomic_read(&sender.calls), 1);
	EXPECT_EQ(test, scopex_each_cpu(cpumask_of(0), called_fn, &sender), 0);
	EXPECT_EQ(test, atomic_read(&sender.calls), 2);
}

static const struct scopex_case partial_cases[] = {
	SCOPEX_CASE(each_cpu_tells_of_those_without_a_worker),
};

SCOPEX_SUITE(partial, partial_cases);
