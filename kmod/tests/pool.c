// SPDX-License-Identifier: GPL-2.0
/*
 * Suites for selftests/pool.sh: the workers of a CPU, when many items need one at once, or
 * none can be had
 *
 * As in nest.c, what would not work does not end: the kernel's hung-task detector sees it.
 */

#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/scopex_detached.h>
#include <linux/scopex_loop.h>
#include <linux/slab.h>

#include "../state.h"
#include "test.h"

#define CROWD_CPU	0	/* where the suites for one CPU are run */

/* An item waits for the test: awake, or the watchdog would have its queue served. */
static void until_told(struct completion *tell)
{
	while (!try_wait_for_completion(tell))
		cond_resched_tasks_rcu_qs();
}

/**
 * struct crowd - items of one CPU that wait until one behind them has run
 * @go: what they wait for
 * @behind: the one
 * @detached: what they wait for instead, if that is not NULL; it waits for @go
 * @items: the others
 */
struct crowd {
	struct completion	go;
	struct scopex_work	behind;
	struct waiter		*detached;
	struct crowd_item	*items;
};

struct crowd_item {
	struct scopex_work	work;
	struct crowd		*crowd;
};

struct waiter {
	struct scopex_detached	item;
	struct completion	*go;
};

static struct crowd *crowd_of(struct scopex_work *work)
{
	return container_of(work, struct crowd_item, work)->crowd;
}

static int says_so_fn(struct scopex_work *work)
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

static void run_crowd(struct scopex_test *test, struct crowd *crowd, scopex_fn_t fn,
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

static const unsigned int crowd_sizes[] = { 6, 20, 40 };

static void crowds(struct scopex_test *test, scopex_fn_t fn)
{
	struct crowd crowd = { };
	unsigned int cpu, i;

	crowd.items = kcalloc(40, sizeof(*crowd.items), GFP_KERNEL);
	if (!EXPECT(test, crowd.items))
		return;
	for_each_online_cpu(cpu) {
		for (i = 0; i < ARRAY_SIZE(crowd_sizes) && test_served(cpu); i++) {
			init_completion(&crowd.go);
			run_crowd(test, &crowd, fn, crowd_sizes[i], cpu);
		}
	}
	kfree(crowd.items);
}

/* More than stand by, far fewer than there may be. */
static void all_that_say_so_are_relieved(struct scopex_test *test)
{
	crowds(test, says_so_fn);
}

static void all_that_wait_for_a_detached_item_are_relieved(struct scopex_test *test)
{
	struct crowd crowd = { };
	unsigned int cpu, i;

	crowd.items = kcalloc(40, sizeof(*crowd.items), GFP_KERNEL);
	if (!EXPECT(test, crowd.items))
		return;
	for_each_online_cpu(cpu) {
		for (i = 0; i < ARRAY_SIZE(crowd_sizes) && test_served(cpu); i++) {
			crowd.detached = kzalloc(sizeof(*crowd.detached), GFP_KERNEL);
			if (!EXPECT(test, crowd.detached))
				break;
			init_completion(&crowd.go);
			crowd.detached->go = &crowd.go;
			scopex_detached_init(&crowd.detached->item, waiter_fn,
					     waiter_release);
			EXPECT_EQ(test, scopex_detached_submit(&crowd.detached->item), 0);
			run_crowd(test, &crowd, waits_for_detached_fn, crowd_sizes[i], cpu);
			scopex_detached_put(&crowd.detached->item);
		}
	}
	kfree(crowd.items);
}

static const struct scopex_case crowd_cases[] = {
	SCOPEX_CASE(all_that_say_so_are_relieved),
	SCOPEX_CASE(all_that_wait_for_a_detached_item_are_relieved),
};

SCOPEX_SUITE(crowd, crowd_cases);

/* The same without a word of it: pool.sh counts how many were relieved. */
static void all_that_sleep_are_relieved(struct scopex_test *test)
{
	crowds(test, sleeps_fn);
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
		/* So that the last reference is the worker's. */
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

/* It is bound again, but has not run on its CPU since. */
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
 * @together: the second one has run meanwhile
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
	/* Some looks of the watchdog: were they late, nothing would be wrong. */
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

/* Nobody waits for its queue: pool.sh sees that it keeps it. */
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
 * It could be woken on the other CPU while its queue is given away, and touch what is no
 * longer its own. pool.sh sees that it was not relieved, either.
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

static bool is_serial(const struct scopex_scope *scope)
{
	return atomic64_read(&scope->state) & SCOPEX_SERIAL;
}

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

#define FULL_WORKERS	4	/* what pool.sh loads scopex with */
#define FULL_ITEMS	6

/**
 * holds_worker_fn() - the function of a holder
 * @work: its item
 *
 * Return: 0.
 */
int holds_worker_fn(struct scopex_work *work)
{
	struct holder *holder = container_of(work, struct holder, work);

	WRITE_ONCE(holder->in, true);
	complete(holder->begun);
	scopex_will_block();
	wait_for_completion(&holder->go);
	return 0;
}

/**
 * holder_init() - initialise an item that holds a worker
 * @holder: the item
 * @begun: completed when it runs
 */
void holder_init(struct holder *holder, struct completion *begun)
{
	*holder = (struct holder){ .begun = begun };
	scopex_work_init(&holder->work, holds_worker_fn);
	init_completion(&holder->go);
}

/* All workers that there may be are in items that wait. pool.sh looks at the log. */
static void queue_waits_for_a_worker(struct scopex_test *test)
{
	struct holder holders[FULL_ITEMS];
	struct completion begun;
	unsigned int i;

	init_completion(&begun);
	for (i = 0; i < FULL_ITEMS; i++)
		holder_init(&holders[i], &begun);
	scopex_scope(full) {
		for (i = 0; i < FULL_ITEMS; i++)
			EXPECT_EQ(test, scopex_submit_on(full, CROWD_CPU, &holders[i].work), 0);
		for (i = 0; i < FULL_WORKERS; i++)
			wait_for_completion(&begun);
		scopex_test_until_released();
		EXPECT(test, !READ_ONCE(holders[FULL_WORKERS].in));
		/* The next one begins as soon as one ends. */
		complete(&holders[1].go);
		wait_for_completion(&begun);
		EXPECT(test, READ_ONCE(holders[FULL_WORKERS].in));
		EXPECT(test, !READ_ONCE(holders[FULL_WORKERS + 1].in));
		for (i = 0; i < FULL_ITEMS; i++)
			complete_all(&holders[i].go);
		EXPECT_EQ(test, scopex_join(full), 0);
	}
}

static const struct scopex_case full_cases[] = {
	SCOPEX_CASE(queue_waits_for_a_worker),
};

SCOPEX_SUITE(full, full_cases);

#define TIGHT_WORKERS	8

/**
 * struct tight - items that wait for one that opens a scope
 * @opens: the one
 * @waits: the others
 * @begun: completed by these
 */
struct tight {
	struct scopex_work	opens;
	struct holder		waits[TIGHT_WORKERS - 1];
	struct completion	begun;
};

static int opens_tight_fn(struct scopex_work *work)
{
	struct tight *tight = container_of(work, struct tight, opens);
	struct test_item item;
	unsigned int i;

	test_item_init(&item);
	scopex_will_block();
	scopex_scope(inner) {
		for (i = 0; i < ARRAY_SIZE(tight->waits); i++)
			complete_all(&tight->waits[i].go);
		WARN_ON(scopex_submit_on(inner, SCOPEX_CPU_LOCAL, &item.work));
	}
	return 0;
}

/*
 * For a module with TIGHT_WORKERS, and none on standby. A scope is opened while the pool
 * grows to its bound, for the others of the CPU: it is serial as soon as that is reached.
 */
static void scope_is_opened_as_the_bound_is_reached(struct scopex_test *test)
{
	unsigned int i, round;
	struct tight tight;

	for (round = 0; round < 10; round++) {
		init_completion(&tight.begun);
		scopex_work_init(&tight.opens, opens_tight_fn);
		for (i = 0; i < ARRAY_SIZE(tight.waits); i++)
			holder_init(&tight.waits[i], &tight.begun);
		scopex_scope(burst) {
			EXPECT_EQ(test, scopex_submit_on(burst, CROWD_CPU, &tight.opens), 0);
			for (i = 0; i < ARRAY_SIZE(tight.waits); i++)
				EXPECT_EQ(test, scopex_submit_on(burst, CROWD_CPU,
								 &tight.waits[i].work), 0);
			EXPECT_EQ(test, scopex_join(burst), 0);
		}
	}
}

static const struct scopex_case tight_cases[] = {
	SCOPEX_CASE(scope_is_opened_as_the_bound_is_reached),
};

SCOPEX_SUITE(tight, tight_cases);

/**
 * struct bound - an item of an item, and so on, until a scope is serial
 * @work: the item
 * @test: the test
 * @cpu: where all of them are
 * @other: another CPU
 * @depth: how many more there may be before that
 * @check: is called then
 * @checked: it was
 */
struct bound {
	struct scopex_work	work;
	struct scopex_test	*test;
	unsigned int		cpu;
	unsigned int		other;
	unsigned int		depth;
	void			(*check)(struct bound *bound, struct scopex_scope *s);
	bool			*checked;
};

#define BOUND_DEPTH	8	/* more than the workers that pool.sh loads scopex with */

static int bound_fn(struct scopex_work *work)
{
	struct bound *bound = container_of(work, struct bound, work);
	struct bound inner = *bound;
	int err = 0;

	scopex_work_init(&inner.work, bound_fn);
	scopex_scope(at_the_bound) {
		if (is_serial(at_the_bound)) {
			bound->check(bound, at_the_bound);
			*bound->checked = true;
		} else if (inner.depth--) {
			err = scopex_submit_on(at_the_bound, bound->cpu, &inner.work);
			err = err ?: scopex_join(at_the_bound);
		}
	}
	return err;
}

static void at_the_bound(struct scopex_test *test,
			 void (*check)(struct bound *bound, struct scopex_scope *s))
{
	bool checked = false;
	struct bound bound = {
		.work = SCOPEX_WORK_INIT(bound_fn), .test = test, .cpu = test_this_cpu(),
		.depth = BOUND_DEPTH, .check = check, .checked = &checked,
	};

	bound.other = test_other_cpu(bound.cpu);
	if (bound.other >= nr_cpu_ids) {
		scopex_test_skip(test, "needs two CPUs");
		return;
	}
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, bound.cpu, &bound.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT(test, checked);
}

static void expect_untouched(struct scopex_test *test, struct test_item *items,
			     unsigned int nr, int result)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		EXPECT(test, !scopex_work_busy(&items[i].work));
		EXPECT_EQ(test, scopex_work_result(&items[i].work), result);
	}
}

static void expect_refused(struct bound *bound, struct scopex_scope *s,
			   struct test_item *items, unsigned int nr, int result)
{
	struct scopex_test *test = bound->test;

	EXPECT_EQ(test, scopex_submit_on(s, bound->other, &items[0].work), -EUSERS);
	expect_untouched(test, items, nr, result);
	EXPECT_EQ(test, scopex_submit_strided(s, bound->other, &items[0].work, nr,
					      sizeof(*items)), -EUSERS);
	expect_untouched(test, items, nr, result);
}

static void another_cpu(struct bound *bound, struct scopex_scope *s)
{
	struct scopex_test *test = bound->test;
	struct test_item items[3];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(items); i++)
		test_item_init(&items[i]);
	expect_refused(bound, s, items, ARRAY_SIZE(items), -ENODATA);

	/* To the owner's own CPU, to this one, which is the same, and to any. */
	for (i = 0; i < ARRAY_SIZE(items); i++)
		items[i].ret = -EBADMSG;
	EXPECT_EQ(test, scopex_submit_on(s, bound->cpu, &items[0].work), 0);
	EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &items[1].work), 0);
	EXPECT_EQ(test, scopex_submit(s, &items[2].work), 0);
	EXPECT_EQ(test, scopex_join(s), -EBADMSG);
	expect_refused(bound, s, items, ARRAY_SIZE(items), -EBADMSG);

	for (i = 0; i < ARRAY_SIZE(items); i++)
		items[i].ret = 0;
	EXPECT_EQ(test, scopex_submit_strided(s, bound->cpu, &items[0].work,
					      ARRAY_SIZE(items), sizeof(items[0])), 0);
	EXPECT_EQ(test, scopex_join(s), 0);
	EXPECT_EQ(test, scopex_submit_strided(s, SCOPEX_CPU_ANY, &items[0].work,
					      ARRAY_SIZE(items), sizeof(items[0])), 0);
	EXPECT_EQ(test, scopex_join(s), 0);
	for (i = 0; i < ARRAY_SIZE(items); i++) {
		EXPECT_EQ(test, atomic_read(&items[i].runs), 3);
		EXPECT_EQ(test, items[i].cpu, bound->cpu);
	}
}

static void another_cpu_is_refused(struct scopex_test *test)
{
	at_the_bound(test, another_cpu);
}

static int not_called_fn(unsigned int cpu, void *arg)
{
	return -EIO;
}

static void rather_fails(struct bound *bound, struct scopex_scope *s)
{
	struct scopex_test *test = bound->test;
	struct test_item item;

	test_item_init(&item);
	scopex_scope(never_serial, .flags = SCOPEX_NOT_SERIAL) {
		EXPECT_EQ(test, scopex_error(never_serial), -EDEADLK);
		EXPECT_EQ(test, scopex_submit_on(never_serial, SCOPEX_CPU_LOCAL, &item.work),
			  -EDEADLK);
		EXPECT_EQ(test, scopex_join(never_serial), -EDEADLK);
	}
	expect_untouched(test, &item, 1, -ENODATA);
	EXPECT_EQ(test, scopex_each_cpu(cpumask_of(bound->cpu), not_called_fn, NULL),
		  -EDEADLK);
}

static void rather_fails_than_be_serial(struct scopex_test *test)
{
	at_the_bound(test, rather_fails);
}

/**
 * struct joins - an item, or a part of a loop in it, joins a scope that it is in
 * @work: the item
 * @scope: the scope
 * @how: does it
 * @err: what it is told
 */
struct joins {
	struct scopex_work	work;
	struct scopex_scope	*scope;
	void			(*how)(struct joins *joins);
	int			err;
};

static int joins_fn(struct scopex_work *work)
{
	struct joins *joins = container_of(work, struct joins, work);

	joins->how(joins);
	return 0;
}

static void joins_directly(struct joins *joins)
{
	joins->err = scopex_join(joins->scope);
}

static void joins_from_below(struct joins *joins)
{
	struct joins inner = {
		.work = SCOPEX_WORK_INIT(joins_fn), .scope = joins->scope,
		.how = joins_directly,
	};

	scopex_scope(below) {
		joins->err = scopex_submit_on(below, SCOPEX_CPU_LOCAL, &inner.work);
		joins->err = joins->err ?: scopex_join(below);
	}
	joins->err = joins->err ?: inner.err;
}

static int joins_in_chunk(const struct scopex_range *range)
{
	joins_directly(range->arg);
	return 0;
}

static void joins_from_a_loop(struct joins *joins)
{
	scopex_for(0, 1, joins_in_chunk, .arg = joins);
}

static int joins_loop_in_chunk(const struct scopex_range *range)
{
	struct joins *joins = range->arg;

	joins->scope = range->scope;
	joins_directly(joins);
	return 0;
}

static void joins_its_loop(struct joins *joins)
{
	scopex_for(0, 1, joins_loop_in_chunk, .arg = joins);
}

static void join_is_refused(struct bound *bound, struct scopex_scope *s,
			    void (*how)(struct joins *joins))
{
	struct joins joins = {
		.work = SCOPEX_WORK_INIT(joins_fn), .scope = s, .how = how,
	};

	EXPECT_EQ(bound->test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &joins.work), 0);
	EXPECT_EQ(bound->test, scopex_join(s), 0);
	EXPECT_EQ(bound->test, joins.err, -EDEADLK);
}

static void joins_itself(struct bound *bound, struct scopex_scope *s)
{
	EXPECT_WARNING("in an item of that scope, which would wait for itself",
		       join_is_refused(bound, s, joins_directly));
	EXPECT_WARNING("in an item of that scope, which would wait for itself",
		       join_is_refused(bound, s, joins_from_below));
	EXPECT_WARNING("in an item of that scope, which would wait for itself",
		       join_is_refused(bound, s, joins_from_a_loop));
	EXPECT_WARNING("in an item of that scope, which would wait for itself",
		       join_is_refused(bound, s, joins_its_loop));
}

static void join_of_itself_is_refused(struct scopex_test *test)
{
	at_the_bound(test, joins_itself);
}

static const struct scopex_case serial_cases[] = {
	SCOPEX_CASE(another_cpu_is_refused),
	SCOPEX_CASE(rather_fails_than_be_serial),
	SCOPEX_CASE(join_of_itself_is_refused),
};

SCOPEX_SUITE(serial, serial_cases);

/* Whether a scope is serial that is opened with none on standby. */
struct opener {
	struct scopex_work	work;
	bool			nofs;
	bool			noio;
	bool			reclaim;
	bool			usual;
};

static int opens_in_reclaim_fn(struct scopex_work *work)
{
	struct opener *opener = container_of(work, struct opener, work);
	unsigned int flags;

	flags = memalloc_nofs_save();
	scopex_scope(nofs)
		opener->nofs = is_serial(nofs);
	memalloc_nofs_restore(flags);

	flags = memalloc_noio_save();
	scopex_scope(noio)
		opener->noio = is_serial(noio);
	memalloc_noio_restore(flags);

	flags = memalloc_noreclaim_save();
	scopex_scope(reclaim)
		opener->reclaim = is_serial(reclaim);
	memalloc_noreclaim_restore(flags);

	/* This one may wait for a worker. */
	scopex_scope(usual)
		opener->usual = is_serial(usual);
	return 0;
}

/* For a module with standby=0 that was just loaded. */
static void reclaim_does_not_wait_for_a_worker(struct scopex_test *test)
{
	struct opener opener = { .work = SCOPEX_WORK_INIT(opens_in_reclaim_fn) };

	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &opener.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT(test, opener.nofs);
	EXPECT(test, opener.noio);
	EXPECT(test, opener.reclaim);
	EXPECT(test, !opener.usual);
}

static const struct scopex_case reclaim_cases[] = {
	SCOPEX_CASE(reclaim_does_not_wait_for_a_worker),
};

SCOPEX_SUITE(reclaim, reclaim_cases);

static int opens_fn(struct scopex_work *work)
{
	struct opener *opener = container_of(work, struct opener, work);

	scopex_scope(usual)
		opener->usual = is_serial(usual);
	return 0;
}

/* As above, and none can be made. */
static void scope_is_serial_if_no_worker_can_be_made(struct scopex_test *test)
{
	struct opener opener = { .work = SCOPEX_WORK_INIT(opens_fn) };

	if (!TEST_INJECT) {
		scopex_test_skip(test, "needs injected failures");
		return;
	}
	scopex_inject_no_workers(INT_MAX);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &opener.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	scopex_inject_no_workers(0);
	EXPECT(test, opener.usual);
}

/* An orphan is not forgotten, however often that fails. */
static void worker_is_tried_again(struct scopex_test *test)
{
	struct crowd crowd = { };

	if (!TEST_INJECT) {
		scopex_test_skip(test, "needs injected failures");
		return;
	}
	crowd.items = kcalloc(2, sizeof(*crowd.items), GFP_KERNEL);
	if (!EXPECT(test, crowd.items))
		return;
	init_completion(&crowd.go);
	scopex_inject_no_workers(5);
	run_crowd(test, &crowd, says_so_fn, 2, CROWD_CPU);
	kfree(crowd.items);
}

static const struct scopex_case unmade_cases[] = {
	SCOPEX_CASE(scope_is_serial_if_no_worker_can_be_made),
	SCOPEX_CASE(worker_is_tried_again),
};

SCOPEX_SUITE(unmade, unmade_cases);

/*
 * The races about an orphan, with three workers, so that no new one comes to its rescue.
 * Two items hold a worker each. The others, in their order:
 *
 *	third	says that it waits, and does, when the test tells it
 *	fourth	likewise
 *	fifth	ends both waits
 *
 * Once the third one runs, all workers are known to be in an item, whatever the case before
 * has left behind. No point of the protocol is held before that.
 */
struct race {
	struct holder		holders[2];
	struct scopex_work	third;
	struct scopex_work	fourth;
	struct scopex_work	fifth;
	struct completion	begun;
	struct completion	tell_third;
	struct completion	tell_fourth;
	struct completion	go;
	struct task_struct	*worker[4];
};

/* Hold a worker, awake at first; then hand the queue over, and wait. */
static int hold_worker(struct race *race, unsigned int nr, struct completion *tell)
{
	race->worker[nr] = current;
	complete(&race->begun);
	until_told(tell);
	scopex_will_block();
	wait_for_completion(&race->go);
	return 0;
}

static int third_fn(struct scopex_work *work)
{
	struct race *race = container_of(work, struct race, third);

	return hold_worker(race, 2, &race->tell_third);
}

static int fourth_fn(struct scopex_work *work)
{
	struct race *race = container_of(work, struct race, fourth);

	return hold_worker(race, 3, &race->tell_fourth);
}

static int fifth_fn(struct scopex_work *work)
{
	complete_all(&container_of(work, struct race, fifth)->go);
	return 0;
}

static int notes_worker_fn(struct scopex_work *work)
{
	struct holder *holder = container_of(work, struct holder, work);
	struct race *race = container_of(holder->begun, struct race, begun);

	race->worker[holder - race->holders] = current;
	return holds_worker_fn(work);
}

/* Two workers are held, and the last one is in the item that will say that it waits. */
static void race_begin(struct scopex_test *test, struct race *race, struct scopex_scope *s)
{
	unsigned int i;

	init_completion(&race->begun);
	init_completion(&race->tell_third);
	init_completion(&race->tell_fourth);
	init_completion(&race->go);
	scopex_work_init(&race->third, third_fn);
	scopex_work_init(&race->fourth, fourth_fn);
	scopex_work_init(&race->fifth, fifth_fn);
	for (i = 0; i < ARRAY_SIZE(race->holders); i++) {
		holder_init(&race->holders[i], &race->begun);
		scopex_work_init(&race->holders[i].work, notes_worker_fn);
		EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &race->holders[i].work), 0);
	}
	EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &race->third), 0);
	for (i = 0; i < ARRAY_SIZE(race->holders) + 1; i++)
		wait_for_completion(&race->begun);
}

static void until_hit(enum scopex_inject_point point, unsigned int hits)
{
	while (scopex_inject_hits(point) < hits)
		usleep_range(50, 200);
}

/* In an item, it waits; else it stands by. */
static void until_asleep(struct task_struct *worker)
{
	while (task_is_running(worker))
		usleep_range(50, 200);
}

static void race_end(struct scopex_test *test, struct race *race, struct scopex_scope *s)
{
	complete_all(&race->holders[0].go);
	complete_all(&race->holders[1].go);
	EXPECT_EQ(test, scopex_join(s), 0);
}

/* A worker comes to stand by just before the orphan is there, and finds none. */
static void worker_that_was_too_early(struct scopex_test *test)
{
	struct race race;

	scopex_scope(s) {
		race_begin(test, &race, s);
		scopex_inject_set(SCOPEX_INJECT_UNHANDED, SCOPEX_INJECT_HOLD_ONE);
		complete(&race.tell_third);
		until_hit(SCOPEX_INJECT_UNHANDED, 1);
		complete(&race.holders[0].go);
		while (scopex_work_busy(&race.holders[0].work))
			usleep_range(50, 200);
		until_asleep(race.worker[0]);
		EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &race.fifth), 0);
		scopex_inject_release(SCOPEX_INJECT_UNHANDED);
		wait_for_completion(&race.go);
		race_end(test, &race, s);
	}
	test_inject_end(test, SCOPEX_INJECT_UNHANDED);
}

/*
 * A worker is counted off for the orphan, and another one takes it: the first is of use
 * again. If @late, not before the queue has become an orphan again.
 */
static void taken_by_another(struct scopex_test *test, bool late)
{
	struct race race;

	scopex_scope(s) {
		race_begin(test, &race, s);
		scopex_inject_set(SCOPEX_INJECT_ORPHAN, 1);
		scopex_inject_set(SCOPEX_INJECT_ADOPT, SCOPEX_INJECT_HOLD_ONE);
		if (late)
			scopex_inject_set(SCOPEX_INJECT_ADOPT_NONE, SCOPEX_INJECT_HOLD_ONE);
		complete(&race.tell_third);
		until_hit(SCOPEX_INJECT_ORPHAN, 1);
		until_asleep(race.worker[2]);
		EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &race.fourth), 0);
		complete(&race.holders[0].go);
		until_hit(SCOPEX_INJECT_ADOPT, 1);
		complete(&race.holders[1].go);
		wait_for_completion(&race.begun);
		/* The one that came last is the one that serves now. */
		EXPECT(test, race.worker[3] == race.worker[1]);

		scopex_inject_release(SCOPEX_INJECT_ADOPT);
		if (late)
			until_hit(SCOPEX_INJECT_ADOPT_NONE, 1);
		else
			until_asleep(race.worker[0]);
		EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &race.fifth), 0);
		complete(&race.tell_fourth);
		if (late) {
			until_hit(SCOPEX_INJECT_ORPHAN, 2);
			until_asleep(race.worker[3]);
			scopex_inject_release(SCOPEX_INJECT_ADOPT_NONE);
		}
		wait_for_completion(&race.go);
		race_end(test, &race, s);
	}
	test_inject_end(test, SCOPEX_INJECT_ORPHAN);
	scopex_inject_set(SCOPEX_INJECT_ADOPT, 0);
	scopex_inject_set(SCOPEX_INJECT_ADOPT_NONE, 0);
}

static void count_is_given_back(struct scopex_test *test)
{
	taken_by_another(test, false);
}

static void orphan_that_came_meanwhile(struct scopex_test *test)
{
	taken_by_another(test, true);
}

static const struct scopex_case orphan_cases[] = {
	SCOPEX_CASE(worker_that_was_too_early),
	SCOPEX_CASE(count_is_given_back),
	SCOPEX_CASE(orphan_that_came_meanwhile),
};

SCOPEX_SUITE(orphan, orphan_cases);

/**
 * struct beside - two items that wait, at a bound of two workers
 * @opens: opens a scope when the queue is an orphan
 * @leaves: leaves it behind, and waits until that scope has ended
 * @left: it is about to do so
 * @ended: the scope has ended
 */
struct beside {
	struct scopex_work	opens;
	struct scopex_work	leaves;
	struct completion	left;
	struct completion	ended;
};

static int opens_beside_fn(struct scopex_work *work)
{
	struct beside *beside = container_of(work, struct beside, opens);
	struct test_item item;
	int err;

	test_item_init(&item);
	scopex_will_block();
	wait_for_completion(&beside->left);
	/* The orphan is there by now; if not, nothing is wrong. */
	msleep(100);
	scopex_scope(inside) {
		err = scopex_submit_on(inside, SCOPEX_CPU_LOCAL, &item.work);
		err = err ?: scopex_join(inside);
	}
	complete(&beside->ended);
	return err;
}

static int leaves_orphan_fn(struct scopex_work *work)
{
	struct beside *beside = container_of(work, struct beside, leaves);

	complete(&beside->left);
	scopex_will_block();
	wait_for_completion(&beside->ended);
	return 0;
}

/*
 * For a module with cpus=0 workers=2 standby=1. Nobody is left to serve the queue but the
 * item that waits for the scope: so that one must not depend on the queue.
 */
static void scope_opened_beside_an_orphan(struct scopex_test *test)
{
	struct beside beside = { .opens = SCOPEX_WORK_INIT(opens_beside_fn),
				 .leaves = SCOPEX_WORK_INIT(leaves_orphan_fn) };

	init_completion(&beside.left);
	init_completion(&beside.ended);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &beside.opens), 0);
		EXPECT_EQ(test, scopex_submit(s, &beside.leaves), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
}

static const struct scopex_case beside_cases[] = {
	SCOPEX_CASE(scope_opened_beside_an_orphan),
};

SCOPEX_SUITE(beside, beside_cases);

/* Somebody else submits to a serial scope, when its owner has run all of its items. */
struct latecomer {
	struct scopex_scope	*scope;
	struct test_item	item;
};

static int latecomer_thread(void *data)
{
	struct latecomer *late = data;
	int err;

	until_hit(SCOPEX_INJECT_OWN_RUN, 1);
	err = scopex_submit(late->scope, &late->item.work);
	scopex_inject_release(SCOPEX_INJECT_OWN_RUN);
	test_thread_until_stopped();
	return err;
}

static void comes_late(struct bound *bound, struct scopex_scope *s)
{
	struct scopex_test *test = bound->test;
	struct latecomer late = { .scope = s };
	struct task_struct *thread;
	struct test_item first;

	test_item_init(&first);
	test_item_init(&late.item);
	EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &first.work), 0);
	scopex_inject_set(SCOPEX_INJECT_OWN_RUN, SCOPEX_INJECT_HOLD_ONE);
	thread = test_thread(test, latecomer_thread, &late, nr_cpu_ids);
	EXPECT_EQ(test, scopex_join(s), 0);
	EXPECT_EQ(test, test_thread_stop(thread), 0);
	test_inject_end(test, SCOPEX_INJECT_OWN_RUN);
	EXPECT_EQ(test, atomic_read(&first.runs), 1);
	EXPECT_EQ(test, atomic_read(&late.item.runs), 1);
}

static void item_that_comes_late_is_run(struct scopex_test *test)
{
	if (TEST_INJECT)
		at_the_bound(test, comes_late);
	else
		scopex_test_skip(test, "needs injected delays");
}

static const struct scopex_case late_cases[] = {
	SCOPEX_CASE(item_that_comes_late_is_run),
};

SCOPEX_SUITE(late, late_cases);

/**
 * struct mortal - an item that ends its thread, and one behind it
 * @work: the first
 * @behind: the second
 * @go: ends it
 * @begun: completed by the first
 * @dead: completed when its thread ends
 * @served: completed by the second
 */
struct mortal {
	struct scopex_work	work;
	struct scopex_work	behind;
	struct completion	go;
	struct completion	begun;
	struct completion	dead;
	struct completion	served;
};

static int dies_fn(struct scopex_work *work)
{
	struct mortal *mortal = container_of(work, struct mortal, work);

	complete(&mortal->begun);
	until_told(&mortal->go);
	kthread_complete_and_exit(&mortal->dead, 0);
}

static int is_served_fn(struct scopex_work *work)
{
	complete(&container_of(work, struct mortal, behind)->served);
	return 0;
}

/* It stays where it is, as it is never out. */
static struct mortal *dead_man;

/* End the dead one's item in its stead, so that its scope can end, too. */
static void lay_to_rest(struct scopex_scope *scope, struct scopex_work *work)
{
	/* Release C: as scopex_complete_item() does. */
	smp_store_release(&work->status, 0);
	atomic64_sub(SCOPEX_ONE, &scope->state);
}

static struct mortal *mortal_new(scopex_fn_t fn)
{
	struct mortal *mortal = kzalloc(sizeof(*mortal), GFP_KERNEL);

	if (!mortal)
		return NULL;
	dead_man = mortal;
	scopex_work_init(&mortal->work, fn);
	scopex_work_init(&mortal->behind, is_served_fn);
	init_completion(&mortal->go);
	init_completion(&mortal->begun);
	init_completion(&mortal->dead);
	init_completion(&mortal->served);
	return mortal;
}

static void dies_on(struct scopex_test *test, unsigned int cpu, bool offline)
{
	struct mortal *mortal = mortal_new(dies_fn);

	if (!EXPECT(test, mortal))
		return;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &mortal->work), 0);
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &mortal->behind), 0);
		wait_for_completion(&mortal->begun);
		if (offline)
			EXPECT_EQ(test, remove_cpu(cpu), 0);
		complete(&mortal->go);
		wait_for_completion(&mortal->dead);
		wait_for_completion(&mortal->served);
		lay_to_rest(s, &mortal->work);
		if (offline)
			EXPECT_EQ(test, add_cpu(cpu), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
}

static int dies_asleep_fn(struct scopex_work *work)
{
	struct mortal *mortal = container_of(work, struct mortal, work);

	complete(&mortal->begun);
	scopex_will_block();
	wait_for_completion(&mortal->go);
	kthread_complete_and_exit(&mortal->dead, 0);
}

/* An item ends its worker, which is not the active one, while the queue waits at the bound. */
static void dies_at_the_bound(struct scopex_test *test)
{
	struct mortal *mortal = mortal_new(dies_asleep_fn);
	struct holder holder;

	if (!EXPECT(test, mortal))
		return;
	holder_init(&holder, &mortal->begun);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &mortal->work), 0);
		EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &holder.work), 0);
		EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &mortal->behind), 0);
		wait_for_completion(&mortal->begun);
		wait_for_completion(&mortal->begun);
		complete(&mortal->go);
		wait_for_completion(&mortal->dead);
		wait_for_completion(&mortal->served);
		complete(&holder.go);
		lay_to_rest(s, &mortal->work);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
}

static bool can_die(struct scopex_test *test)
{
	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		scopex_test_skip(test, "needs tracepoints");
	else if (IS_ENABLED(CONFIG_LOCKDEP) || IS_ENABLED(CONFIG_DEBUG_OBJECTS))
		/* They take note of what a task has, and of an item that is not out. */
		scopex_test_skip(test, "not where all that is left behind is told");
	else
		return true;
	return false;
}

/* For a module with workers=1 standby=0. Another one is made: the dead do not count. */
static void queue_of_a_dead_worker_is_served(struct scopex_test *test)
{
	unsigned int cpu;

	if (!can_die(test))
		return;
	for_each_online_cpu(cpu)
		EXPECT_WARNING("item dies_fn [scopex_test] of scope s of dies_on() ends the thread",
			       dies_on(test, cpu, false));
}

/* The same, while its CPU is offline. */
static void dead_worker_of_an_offline_cpu(struct scopex_test *test)
{
	unsigned int cpu = test_hotplug_cpu(test);

	if (cpu >= nr_cpu_ids)
		return;
	if (!can_die(test))
		return;
	EXPECT_WARNING("item dies_fn [scopex_test] of scope s of dies_on() ends the thread",
		       dies_on(test, cpu, true));
}

static const struct scopex_case mortal_cases[] = {
	SCOPEX_CASE(queue_of_a_dead_worker_is_served),
	SCOPEX_CASE(dead_worker_of_an_offline_cpu),
};

SCOPEX_SUITE(mortal, mortal_cases);

/* For a module with workers=2 standby=1. */
static void dead_worker_leaves_room_at_the_bound(struct scopex_test *test)
{
	if (can_die(test))
		EXPECT_WARNING("item dies_asleep_fn [scopex_test] of scope s",
			       dies_at_the_bound(test));
}

static const struct scopex_case mourned_cases[] = {
	SCOPEX_CASE(dead_worker_leaves_room_at_the_bound),
};

SCOPEX_SUITE(mourned, mourned_cases);

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
