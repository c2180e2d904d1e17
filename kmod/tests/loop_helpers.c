// SPDX-License-Identifier: GPL-2.0
/* Suite "loop", in part: the workers that help with a loop */

#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/rcupdate.h>
#include <linux/scopex_loop.h>
#include <linux/slab.h>

#include "test.h"

/* A loop over all numbers there are: it ends with the first chunk, or never. */
static int give_up(const struct scopex_range *range)
{
	if (atomic_inc_return(range->arg) > 10000)
		scopex_cancel(range->scope, 0);
	return -E2BIG;
}

static void loop_over_everything(struct scopex_test *test)
{
	atomic_t calls = ATOMIC_INIT(0);

	EXPECT_EQ(test, scopex_for(0, ULONG_MAX, give_up, .arg = &calls,
				   .grain = 1), -E2BIG);
	EXPECT_EQ(test, scopex_for(0, ULONG_MAX, give_up, .arg = &calls), -E2BIG);
	/* Each thread has a chunk before it sees another one's error. */
	EXPECT(test, atomic_read(&calls) <= 2 * (num_possible_cpus() + 1));
}

/* The caller does the first chunk alone. If it takes so long, help with the others is worth it. */
#define HELP_AFTER_US	1000

/**
 * struct meeting - a loop of which two chunks wait for each other, for a while
 * @here: how many have come
 * @both: completed when both are there
 * @met: how many have met the other one
 */
struct meeting {
	atomic_t		here;
	struct completion	both;
	atomic_t		met;
};

static int meet_at_once(const struct scopex_range *range)
{
	struct meeting *meeting = range->arg;

	if (atomic_inc_return(&meeting->here) == 2)
		complete_all(&meeting->both);
	if (wait_for_completion_timeout(&meeting->both, msecs_to_jiffies(50)))
		atomic_inc(&meeting->met);
	return 0;
}

static int meet(const struct scopex_range *range)
{
	if (range->first)
		return meet_at_once(range);
	usleep_range(HELP_AFTER_US, 2 * HELP_AFTER_US);
	return 0;
}

/*
 * Two threads are in the loop at once. Other CPUs may not be idle yet, so there are
 * many rounds; the case fails if no helper ever comes.
 */
static void threads_meet(struct scopex_test *test, unsigned int parts, scopex_range_fn_t fn)
{
	unsigned int round, met = 0, rounds = 100;
	struct meeting meeting;

	if (test_other_cpu(test_this_cpu()) >= nr_cpu_ids) {
		scopex_test_skip(test, "needs two CPUs");
		return;
	}
	for (round = 0; round < rounds && met < 3; round++) {
		atomic_set(&meeting.here, 0);
		atomic_set(&meeting.met, 0);
		init_completion(&meeting.both);
		EXPECT_EQ(test, scopex_for(0, parts, fn, .arg = &meeting, .grain = 1), 0);
		EXPECT_EQ(test, atomic_read(&meeting.here), 2);
		met += atomic_read(&meeting.met) == 2;
		usleep_range(1000, 2000);
	}
	EXPECT(test, met == 3);
}

static void idle_cpus_help(struct scopex_test *test)
{
	threads_meet(test, 3, meet);
}

/* The first one is helped only because the place has learned that its parts are long. */
static void long_parts_begin_together(struct scopex_test *test)
{
	threads_meet(test, 2, meet_at_once);
}

/**
 * struct family - which threads do the chunks of a loop
 * @caller: the thread that called it
 * @cpu: where the caller is
 * @helped: how many chunks helpers did on other CPUs
 * @rivals: how many on the caller's
 */
struct family {
	struct task_struct	*caller;
	unsigned int		cpu;
	atomic_t		helped;
	atomic_t		rivals;
};

#define FAMILY_CHUNK_US	100

static int tell_who(const struct scopex_range *range)
{
	struct family *family = range->arg;

	if (current == family->caller) {
		/* Sleep, so that a worker of this CPU would come at once. */
		usleep_range(FAMILY_CHUNK_US, 2 * FAMILY_CHUNK_US);
		return 0;
	}
	atomic_inc(raw_smp_processor_id() == family->cpu ? &family->rivals :
							   &family->helped);
	udelay(FAMILY_CHUNK_US);
	return 0;
}

/* The caller works on its own CPU: no helper asks the worker of that CPU. */
static void callers_cpu_is_not_asked(struct scopex_test *test)
{
	struct family family = { .caller = current };
	unsigned long give_up = jiffies + 10 * HZ;

	if (test_other_cpu(test_this_cpu()) >= nr_cpu_ids) {
		scopex_test_skip(test, "needs two CPUs");
		return;
	}
	migrate_disable();
	family.cpu = raw_smp_processor_id();
	while (atomic_read(&family.helped) < 1000 && time_before(jiffies, give_up)) {
		EXPECT_EQ(test, scopex_for(0, 300, tell_who, .arg = &family, .grain = 1), 0);
		usleep_range(1000, 2000);
	}
	migrate_enable();
	EXPECT(test, atomic_read(&family.helped) > 0);
	EXPECT_EQ(test, atomic_read(&family.rivals), 0);
}

/**
 * struct guest - a loop whose helper is given an item
 * @item: the item, for the helper's CPU
 * @stealable: the item names no CPU
 * @caller: the thread that called the loop
 * @helper: the first thread that helps
 * @came: completed when the item is submitted
 * @late: how many chunks the helper began before the item had run
 */
struct guest {
	struct test_item	item;
	bool			stealable;
	struct task_struct	*caller;
	struct task_struct	*helper;
	struct completion	came;
	unsigned int		late;
};

struct visit {
	struct guest		*guest;
	struct scopex_scope	*scope;
};

/* The other threads leave chunks for the helper, until the item has run. */
static void wait_for_guest(struct guest *guest)
{
	unsigned long end = jiffies + HZ;

	while (READ_ONCE(guest->helper) && !atomic_read(&guest->item.runs) &&
	       time_before(jiffies, end))
		cond_resched();
}

static int receive(const struct scopex_range *range)
{
	const struct visit *visit = range->arg;
	struct guest *guest = visit->guest;

	if (current == guest->caller) {
		if (!range->first)
			wait_for_completion_timeout(&guest->came,
						    msecs_to_jiffies(50));
		wait_for_guest(guest);
	} else if (!cmpxchg(&guest->helper, NULL, current)) {
		WARN_ON(guest->stealable ?
			scopex_submit(visit->scope, &guest->item.work) :
			scopex_submit_on(visit->scope, SCOPEX_CPU_LOCAL, &guest->item.work));
		complete(&guest->came);
	} else if (guest->helper == current) {
		guest->late += scopex_work_busy(&guest->item.work);
	} else {
		wait_for_guest(guest);
	}
	return 0;
}

static void guest_comes(struct scopex_test *test, struct guest *guest)
{
	struct visit visit = { .guest = guest };

	init_completion(&guest->came);
	scopex_scope(s) {
		visit.scope = s;
		EXPECT_EQ(test, scopex_for(0, 200, receive, .arg = &visit, .grain = 1), 0);
	}
	usleep_range(1000, 2000);
}

static void expect_guest_was_served(struct scopex_test *test, struct guest *guest)
{
	EXPECT(test, guest->helper);
	EXPECT_EQ(test, guest->late, 0);
	EXPECT_EQ(test, atomic_read(&guest->item.runs), 1);
}

/* Hazard 22: a helper takes no chunk as long as its CPU has items. */
static void items_go_before_chunks(struct scopex_test *test)
{
	struct guest guest = { .caller = current };
	unsigned int round;

	if (test_other_cpu(test_this_cpu()) >= nr_cpu_ids) {
		scopex_test_skip(test, "needs two CPUs");
		return;
	}
	test_item_init(&guest.item);
	for (round = 0; round < 100 && !guest.helper; round++)
		guest_comes(test, &guest);
	expect_guest_was_served(test, &guest);
}

/* The same for an item that names no CPU, while no other CPU can take it. */
static void stealable_items_go_before_chunks(struct scopex_test *test)
{
	struct test_item *holder = kcalloc(nr_cpu_ids, sizeof(*holder), GFP_KERNEL);
	struct test_gate *gate = kcalloc(nr_cpu_ids, sizeof(*gate), GFP_KERNEL);
	struct guest guest = { .caller = current, .stealable = true };
	unsigned int cpu, round, target;

	test_item_init(&guest.item);
	/* The worker of the caller's CPU is not asked. */
	migrate_disable();
	target = test_other_cpu(raw_smp_processor_id());
	if (target >= nr_cpu_ids) {
		scopex_test_skip(test, "needs two CPUs");
	} else if (EXPECT(test, holder && gate)) {
		scopex_scope(long_ones) {
			for_each_online_cpu(cpu) {
				test_gated_item_init(&holder[cpu], &gate[cpu]);
				if (cpu == target || !test_served(cpu))
					continue;
				EXPECT_EQ(test, scopex_submit_on(long_ones, cpu,
								 &holder[cpu].work), 0);
				wait_for_completion(&gate[cpu].reached);
			}
			for (round = 0; round < 100 && !guest.helper; round++)
				guest_comes(test, &guest);
			expect_guest_was_served(test, &guest);
			for_each_online_cpu(cpu)
				complete(&gate[cpu].go);
		}
	}
	migrate_enable();
	kfree(gate);
	kfree(holder);
}

/**
 * struct tracer - a loop that runs until a grace period of RCU-tasks has passed
 * @begun: whether the loop runs
 * @passed: whether the grace period has passed
 * @give_up: when the loop ends all the same
 */
struct tracer {
	bool		begun;
	bool		passed;
	unsigned long	give_up;
};

static int tracer_thread(void *data)
{
	struct tracer *tracer = data;

	/* A grace period that began earlier may have found the loop's caller asleep. */
	while (!READ_ONCE(tracer->begun) && !kthread_should_stop())
		usleep_range(50, 200);
	synchronize_rcu_tasks();
	WRITE_ONCE(tracer->passed, true);
	test_thread_until_stopped();
	return 0;
}

static int until_traced(const struct scopex_range *range)
{
	struct tracer *tracer = range->arg;

	WRITE_ONCE(tracer->begun, true);
	udelay(5);
	if (READ_ONCE(tracer->passed) || time_after(jiffies, tracer->give_up))
		scopex_cancel(range->scope, 0);
	return 0;
}

/* A task that loads a tracer's program waits for all threads, also those in a long loop. */
static void tracers_get_on(struct scopex_test *test)
{
	struct tracer tracer = { .give_up = jiffies + 60 * HZ };
	struct task_struct *thread;

	thread = test_thread(test, tracer_thread, &tracer, nr_cpu_ids);
	if (!thread)
		return;
	EXPECT_EQ(test, scopex_for(0, ULONG_MAX, until_traced, .arg = &tracer,
				   .grain = 1), -ECANCELED);
	EXPECT(test, READ_ONCE(tracer.passed));
	test_thread_stop(thread);
}

/**
 * struct forbidden - a loop whose caller may not reclaim memory by way of filesystems
 * @here: how many threads have come
 * @both: completed when the caller and a helper are there
 * @caller: the caller
 * @flags: its flags
 * @helped: a helper had a part
 * @wrong: how many parts saw other flags
 */
struct forbidden {
	atomic_t		here;
	struct completion	both;
	struct task_struct	*caller;
	unsigned int		flags;
	bool			helped;
	atomic_t		wrong;
};

#define TEST_MEMALLOC	(PF_MEMALLOC_NOFS | PF_MEMALLOC_NOIO)

static int sees_flags(const struct scopex_range *range)
{
	struct forbidden *forbidden = range->arg;

	if ((current->flags & TEST_MEMALLOC) != forbidden->flags)
		atomic_inc(&forbidden->wrong);
	if (current != forbidden->caller)
		WRITE_ONCE(forbidden->helped, true);
	if (!range->first) {
		usleep_range(HELP_AFTER_US, 2 * HELP_AFTER_US);
		return 0;
	}
	if (atomic_inc_return(&forbidden->here) == 2)
		complete_all(&forbidden->both);
	wait_for_completion_timeout(&forbidden->both, msecs_to_jiffies(50));
	return 0;
}

/* Again and again until a helper has had a part. */
static void loop_with_flags(struct scopex_test *test, unsigned int flags)
{
	struct forbidden forbidden = { .caller = current, .flags = flags };
	unsigned int round, saved = current->flags;

	for (round = 0; round < 100 && !READ_ONCE(forbidden.helped); round++) {
		atomic_set(&forbidden.here, 0);
		init_completion(&forbidden.both);
		current->flags |= flags;
		EXPECT_EQ(test, scopex_for(0, 3, sees_flags, .grain = 1,
					   .arg = &forbidden), 0);
		current_restore_flags(saved, TEST_MEMALLOC);
	}
	EXPECT(test, forbidden.helped);
	EXPECT_EQ(test, atomic_read(&forbidden.wrong), 0);
}

/* The flags of one loop do not hold for the next one. */
static void helpers_allocate_as_the_caller(struct scopex_test *test)
{
	if (test_other_cpu(test_this_cpu()) >= nr_cpu_ids) {
		scopex_test_skip(test, "needs two CPUs");
		return;
	}
	loop_with_flags(test, PF_MEMALLOC_NOFS);
	loop_with_flags(test, PF_MEMALLOC_NOIO);
	loop_with_flags(test, PF_MEMALLOC_NOFS | PF_MEMALLOC_NOIO);
	loop_with_flags(test, 0);
}

static const struct scopex_case loop_helpers_cases[] = {
	SCOPEX_CASE(loop_over_everything),
	SCOPEX_CASE(idle_cpus_help),
	SCOPEX_CASE(long_parts_begin_together),
	SCOPEX_CASE(callers_cpu_is_not_asked),
	SCOPEX_CASE(items_go_before_chunks),
	SCOPEX_CASE(stealable_items_go_before_chunks),
	SCOPEX_CASE(tracers_get_on),
	/* The last one: no item makes a worker leave the loop after that; see loop.sh. */
	SCOPEX_CASE(helpers_allocate_as_the_caller),
};

SCOPEX_SUITE_PART(loop, loop_helpers, loop_helpers_cases);
