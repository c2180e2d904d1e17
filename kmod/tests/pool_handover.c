// SPDX-License-Identifier: GPL-2.0
/*
 * Suites for selftests/pool.sh: an item that waits hands its CPU's queue over to another
 * worker ("crowd", "sleepers"), and one that does not keeps it ("awake")
 *
 * As in nest.c, a case that fails hangs, and the kernel's hung-task detector reports it.
 */

#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/scopex_detached.h>
#include <linux/scopex_loop.h>
#include <linux/slab.h>

#include "pool.h"
#include "test.h"

static struct crowd *crowd_of(struct scopex_work *work)
{
	return container_of(work, struct crowd_item, work)->crowd;
}

int says_so_fn(struct scopex_work *work)
{
	scopex_will_block();
	wait_for_completion(&crowd_of(work)->go);
	return 0;
}

static int sleeps_fn(struct scopex_work *work)
{
	wait_for_completion(&crowd_of(work)->go);
	return 0;
}

static int waits_for_detached_fn(struct scopex_work *work)
{
	return scopex_detached_wait(&crowd_of(work)->detached->item);
}

static int lets_go_fn(struct scopex_work *work)
{
	complete_all(&container_of(work, struct crowd, behind)->go);
	return 0;
}

static int waiter_fn(struct scopex_detached *item)
{
	scopex_will_block();
	wait_for_completion(container_of(item, struct waiter, item)->go);
	return 0;
}

static void waiter_release(struct scopex_detached *item)
{
	kfree(container_of(item, struct waiter, item));
}

void run_crowd(struct scopex_test *test, struct crowd *crowd, scopex_fn_t fn,
	       unsigned int nr, unsigned int cpu)
{
	unsigned int i;

	scopex_work_init(&crowd->behind, lets_go_fn);
	scopex_scope(s) {
		for (i = 0; i < nr; i++) {
			crowd->items[i].crowd = crowd;
			scopex_work_init(&crowd->items[i].work, fn);
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &crowd->items[i].work), 0);
		}
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &crowd->behind), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
}

/* As run_crowd(), with a detached item for which the items may wait. */
static void run_crowd_and_detached(struct scopex_test *test, struct crowd *crowd,
				   scopex_fn_t fn, unsigned int nr, unsigned int cpu)
{
	crowd->detached = kzalloc(sizeof(*crowd->detached), GFP_KERNEL);
	if (!EXPECT(test, crowd->detached))
		return;
	crowd->detached->go = &crowd->go;
	scopex_detached_init(&crowd->detached->item, waiter_fn, waiter_release);
	EXPECT_EQ(test, scopex_detached_submit(&crowd->detached->item), 0);
	run_crowd(test, crowd, fn, nr, cpu);
	scopex_detached_put(&crowd->detached->item);
}

/* More than are on standby, far fewer than the bound. */
static void crowds(struct scopex_test *test, scopex_fn_t fn,
		   void (*run)(struct scopex_test *test, struct crowd *crowd, scopex_fn_t fn,
			       unsigned int nr, unsigned int cpu))
{
	static const unsigned int sizes[] = { 6, 20, 40 };
	struct crowd crowd = { };
	unsigned int cpu, i;

	crowd.items = kcalloc(40, sizeof(*crowd.items), GFP_KERNEL);
	if (!EXPECT(test, crowd.items))
		return;
	for_each_online_cpu(cpu) {
		for (i = 0; i < ARRAY_SIZE(sizes) && test_served(cpu); i++) {
			init_completion(&crowd.go);
			run(test, &crowd, fn, sizes[i], cpu);
		}
	}
	kfree(crowd.items);
}

static void all_that_say_so_are_relieved(struct scopex_test *test)
{
	crowds(test, says_so_fn, run_crowd);
}

static void all_that_wait_for_a_detached_item_are_relieved(struct scopex_test *test)
{
	crowds(test, waits_for_detached_fn, run_crowd_and_detached);
}

static const struct scopex_case crowd_cases[] = {
	SCOPEX_CASE(all_that_say_so_are_relieved),
	SCOPEX_CASE(all_that_wait_for_a_detached_item_are_relieved),
};

SCOPEX_SUITE(crowd, crowd_cases);

/* The same without scopex_will_block(): pool.sh counts the items that were relieved. */
static void all_that_sleep_are_relieved(struct scopex_test *test)
{
	crowds(test, sleeps_fn, run_crowd);
}

/**
 * struct sleeper - sleeps in a part of a loop, or while it is released
 * @item: what is released
 * @scope: an open scope
 * @behind: what ends the sleep, queued on the CPU of the one that sleeps
 * @start: the item may end
 * @go: what it waits for
 * @done: it is through
 * @caller: of the loop
 * @slept: one has slept, or does
 */
struct sleeper {
	struct scopex_detached	item;
	struct scopex_scope	*scope;
	struct scopex_work	behind;
	struct completion	start;
	struct completion	go;
	struct completion	done;
	struct task_struct	*caller;
	atomic_t		slept;
};

static int wakes_fn(struct scopex_work *work)
{
	complete(&container_of(work, struct sleeper, behind)->go);
	return 0;
}

/* In a worker, so it stays on its CPU. */
static int sleep_here(struct sleeper *sleeper)
{
	int err = scopex_submit_on(sleeper->scope, raw_smp_processor_id(), &sleeper->behind);

	if (!err)
		wait_for_completion(&sleeper->go);
	return err;
}

static void sleeper_init(struct sleeper *sleeper)
{
	scopex_work_init(&sleeper->behind, wakes_fn);
	init_completion(&sleeper->start);
	init_completion(&sleeper->go);
	init_completion(&sleeper->done);
}

static int sleeps_in_chunk(const struct scopex_range *range)
{
	struct sleeper *sleeper = range->arg;
	int err;

	if (current == sleeper->caller || atomic_xchg(&sleeper->slept, true)) {
		usleep_range(100, 500);
		return 0;
	}
	err = sleep_here(sleeper);
	scopex_cancel(range->scope, 0);
	return err;
}

static void helper_that_sleeps_is_relieved(struct scopex_test *test)
{
	struct sleeper *sleeper;

	if (test_other_cpu(test_this_cpu()) >= nr_cpu_ids) {
		scopex_test_skip(test, "needs two CPUs");
		return;
	}
	sleeper = kzalloc(sizeof(*sleeper), GFP_KERNEL);
	if (!EXPECT(test, sleeper))
		return;
	sleeper_init(sleeper);
	sleeper->caller = current;
	scopex_scope(s) {
		sleeper->scope = s;
		EXPECT_EQ(test, scopex_for(0, ULONG_MAX, sleeps_in_chunk, .grain = 1,
					   .arg = sleeper), -ECANCELED);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	kfree(sleeper);
}

static int starts_fn(struct scopex_detached *item)
{
	wait_for_completion(&container_of(item, struct sleeper, item)->start);
	return 0;
}

static void sleeps_in_release(struct scopex_detached *item)
{
	struct sleeper *sleeper = container_of(item, struct sleeper, item);

	sleep_here(sleeper);
	complete(&sleeper->done);
}

static void release_that_sleeps_is_relieved(struct scopex_test *test)
{
	struct sleeper *sleeper = kzalloc(sizeof(*sleeper), GFP_KERNEL);

	if (!EXPECT(test, sleeper))
		return;
	sleeper_init(sleeper);
	scopex_detached_init(&sleeper->item, starts_fn, sleeps_in_release);
	scopex_scope(s) {
		sleeper->scope = s;
		EXPECT_EQ(test, scopex_detached_submit(&sleeper->item), 0);
		/* Drop this reference first, so that the worker has the last one. */
		scopex_detached_put(&sleeper->item);
		complete(&sleeper->start);
		wait_for_completion(&sleeper->done);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	kfree(sleeper);
}

/**
 * struct nomad - an item that is driven from its CPU before it sleeps
 * @work: the item
 * @behind: ends its sleep
 * @worker: its worker
 * @begun: it runs
 * @tell: it may sleep
 * @go: what it waits for
 */
struct nomad {
	struct scopex_work	work;
	struct scopex_work	behind;
	struct task_struct	*worker;
	struct completion	begun;
	struct completion	tell;
	struct completion	go;
};

static int sleeps_elsewhere_fn(struct scopex_work *work)
{
	struct nomad *nomad = container_of(work, struct nomad, work);

	nomad->worker = current;
	complete(&nomad->begun);
	until_told(&nomad->tell);
	wait_for_completion(&nomad->go);
	return 0;
}

static int ends_sleep_fn(struct scopex_work *work)
{
	complete_all(&container_of(work, struct nomad, behind)->go);
	return 0;
}

/* An item sleeps while its CPU is offline; what ends its sleep is behind it. */
static void driven_sleeper(struct scopex_test *test, bool back)
{
	struct nomad nomad = { .work = SCOPEX_WORK_INIT(sleeps_elsewhere_fn),
			       .behind = SCOPEX_WORK_INIT(ends_sleep_fn) };
	unsigned int cpu = test_hotplug_cpu(test);

	if (cpu >= nr_cpu_ids)
		return;
	init_completion(&nomad.begun);
	init_completion(&nomad.tell);
	init_completion(&nomad.go);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &nomad.work), 0);
		wait_for_completion(&nomad.begun);
		if (!back)
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &nomad.behind), 0);
		EXPECT_EQ(test, remove_cpu(cpu), 0);
		complete(&nomad.tell);
		while (task_is_running(nomad.worker))
			usleep_range(50, 200);
		if (back) {
			EXPECT_EQ(test, add_cpu(cpu), 0);
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &nomad.behind), 0);
		}
		if (!EXPECT(test, wait_for_completion_timeout(&nomad.go, 8 * HZ)))
			complete_all(&nomad.go);
		if (!back)
			EXPECT_EQ(test, add_cpu(cpu), 0);
	}
}

static void sleeper_is_relieved_while_its_cpu_is_offline(struct scopex_test *test)
{
	driven_sleeper(test, false);
}

/* The worker is bound again, but has not run on its CPU since. */
static void sleeper_is_relieved_when_its_cpu_is_back(struct scopex_test *test)
{
	driven_sleeper(test, true);
}

static const struct scopex_case sleepers_cases[] = {
	SCOPEX_CASE(all_that_sleep_are_relieved),
	SCOPEX_CASE(helper_that_sleeps_is_relieved),
	SCOPEX_CASE(release_that_sleeps_is_relieved),
	SCOPEX_CASE(sleeper_is_relieved_while_its_cpu_is_offline),
	SCOPEX_CASE(sleeper_is_relieved_when_its_cpu_is_back),
};

SCOPEX_SUITE(sleepers, sleepers_cases);

/**
 * struct awake - an item that takes its time, and one behind it in the same batch
 * @work: the two
 * @in: the first one runs
 * @together: the second one has run before the first has ended
 */
struct awake {
	struct scopex_work	work[2];
	bool			in;
	bool			together;
};

static int spins_fn(struct scopex_work *work)
{
	struct awake *awake = container_of(work, struct awake, work[0]);
	unsigned long end = jiffies + HZ;

	WRITE_ONCE(awake->in, true);
	/* Long enough for some looks of the watchdog; the case can't fail if they are late. */
	while (time_before(jiffies, end))
		cond_resched_tasks_rcu_qs();
	WRITE_ONCE(awake->in, false);
	return 0;
}

static int looks_fn(struct scopex_work *work)
{
	struct awake *awake = container_of(work, struct awake, work[1]);

	awake->together = READ_ONCE(awake->in);
	return 0;
}

static void item_that_is_awake_keeps_its_queue(struct scopex_test *test)
{
	struct awake awake = { .in = false };

	scopex_work_init(&awake.work[0], spins_fn);
	scopex_work_init(&awake.work[1], looks_fn);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_strided(s, CROWD_CPU, awake.work, 2,
						      sizeof(awake.work[0])), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT(test, !awake.together);
}

static int naps_fn(struct scopex_work *work)
{
	msleep(1000);
	return 0;
}

/* Nothing waits in its queue: pool.sh checks that the item was not relieved. */
static void item_that_holds_up_nobody_keeps_its_queue(struct scopex_test *test)
{
	struct scopex_work work = SCOPEX_WORK_INIT(naps_fn);

	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
}

/**
 * struct rover - an item that may run on other CPUs, and one behind it in the same batch
 * @awake: the two
 * @allowed: where the first one may run while it sleeps
 */
struct rover {
	struct awake	awake;
	struct cpumask	allowed;
};

static int roves_fn(struct scopex_work *work)
{
	struct rover *rover = container_of(work, struct rover, awake.work[0]);

	set_cpus_allowed_ptr(current, &rover->allowed);
	WRITE_ONCE(rover->awake.in, true);
	/* Some looks of the watchdog, as above. */
	msleep(1500);
	WRITE_ONCE(rover->awake.in, false);
	set_cpus_allowed_ptr(current, cpumask_of(CROWD_CPU));
	return 0;
}

/*
 * The item could wake up on the other CPU while the watchdog gives its queue away, and touch
 * fields that are no longer its own. pool.sh checks that it was not relieved either.
 */
static void item_of_other_cpus_keeps_its_queue(struct scopex_test *test)
{
	struct rover *rover = kzalloc(sizeof(*rover), GFP_KERNEL);
	unsigned int here, other = test_other_cpu(CROWD_CPU);

	if (!EXPECT(test, rover))
		return;
	if (other >= nr_cpu_ids) {
		scopex_test_skip(test, "needs two CPUs");
		kfree(rover);
		return;
	}
	for (here = 0; here <= 1; here++) {
		cpumask_copy(&rover->allowed, cpumask_of(other));
		if (here)
			cpumask_set_cpu(CROWD_CPU, &rover->allowed);
		scopex_work_init(&rover->awake.work[0], roves_fn);
		scopex_work_init(&rover->awake.work[1], looks_fn);
		scopex_scope(s) {
			EXPECT_EQ(test, scopex_submit_strided(s, CROWD_CPU, rover->awake.work, 2,
							      sizeof(rover->awake.work[0])), 0);
			EXPECT_EQ(test, scopex_join(s), 0);
		}
		EXPECT(test, !rover->awake.together);
	}
	kfree(rover);
}

static const struct scopex_case awake_cases[] = {
	SCOPEX_CASE(item_that_is_awake_keeps_its_queue),
	SCOPEX_CASE(item_that_holds_up_nobody_keeps_its_queue),
	SCOPEX_CASE(item_of_other_cpus_keeps_its_queue),
};

SCOPEX_SUITE(awake, awake_cases);
