// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "loop": many items in one submit, parallel loops, a function on each CPU
 *
 * What is checked is that each number was dealt with exactly once. Which thread did
 * is not known beforehand, except where a test brings it about.
 */

#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/scopex_loop.h>
#include <linux/slab.h>

#include "test.h"

static void array_to(struct scopex_test *test, int cpu, unsigned int nr)
{
	struct test_item *items = test_items(nr);
	unsigned int i, round;

	if (!EXPECT(test, items))
		return;
	scopex_scope(s) {
		for (round = 0; round < 3; round++) {
			EXPECT_EQ(test, scopex_submit_array(s, cpu, items, nr,
							    work), 0);
			EXPECT_EQ(test, scopex_join(s), 0);
		}
	}
	for (i = 0; i < nr; i++)
		if (!EXPECT_EQ(test, atomic_read(&items[i].runs), 3))
			break;
	kvfree(items);
}

static const unsigned int sizes[] = { 1, 2, 3, 7, 64, 1000, 20000 };

static void array_to_this_cpu(struct scopex_test *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		array_to(test, SCOPEX_CPU_LOCAL, sizes[i]);
}

static void array_to_a_cpu(struct scopex_test *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		array_to(test, test_this_cpu(), sizes[i]);
}

static void array_spread(struct scopex_test *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		array_to(test, SCOPEX_CPU_ANY, sizes[i]);
}

/* One push for each CPU, an equal part for each. */
static void array_spreads_evenly(struct scopex_test *test)
{
	unsigned int cpu, i, cpus = 0, nr, each = 16;
	struct test_item *items;
	unsigned int *got;

	for_each_online_cpu(cpu)
		cpus += test_served(cpu);
	nr = cpus * each;
	items = test_items(nr);
	got = kcalloc(nr_cpu_ids, sizeof(*got), GFP_KERNEL);
	if (EXPECT(test, items && got)) {
		scopex_scope(s)
			EXPECT_EQ(test, scopex_submit_array(s, SCOPEX_CPU_ANY,
							    items, nr, work), 0);
		for (i = 0; i < nr; i++)
			got[items[i].cpu]++;
		for_each_online_cpu(cpu)
			EXPECT(test, got[cpu] == each || !test_served(cpu));
	}
	kfree(got);
	kvfree(items);
}

static void array_in_order(struct scopex_test *test, unsigned int nr)
{
	struct test_item *items = test_items(nr);
	unsigned int i;
	atomic_t turn = ATOMIC_INIT(0);

	if (!EXPECT(test, items))
		return;
	for (i = 0; i < nr; i++)
		items[i].turn = &turn;
	scopex_scope(s)
		EXPECT_EQ(test, scopex_submit_array(s, test_this_cpu(), items, nr,
						    work), 0);
	for (i = 0; i < nr; i++)
		EXPECT_EQ(test, items[i].order, i + 1);
	kvfree(items);
}

/* A batch is turned round three items at a time. */
static void array_keeps_its_order(struct scopex_test *test)
{
	static const unsigned int sizes[] = { 1, 2, 3, 4, 5, 6, 7, 100 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		array_in_order(test, sizes[i]);
}

static void array_of_nothing(struct scopex_test *test)
{
	struct test_item item;

	test_item_init(&item);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_array(s, SCOPEX_CPU_ANY, &item, 0,
						    work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, atomic_read(&item.runs), 0);
}

/* All of them or none: those that were free are as they were. */
static void array_with_a_busy_item(struct scopex_test *test)
{
	unsigned int i, busy = 5, cpu = test_this_cpu();
	struct test_item items[8];
	struct test_gate gate;

	test_gate_init(&gate);
	for (i = 0; i < ARRAY_SIZE(items); i++)
		test_item_init(&items[i]);
	items[busy].gate = &gate;
	scopex_scope(s) {
		/* The first has a result from before. */
		items[0].ret = -EBADF;
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &items[0].work), 0);
		EXPECT_EQ(test, scopex_join(s), -EBADF);

		EXPECT_EQ(test, scopex_submit_on(s, cpu, &items[busy].work), 0);
		wait_for_completion(&gate.reached);
		EXPECT_EQ(test, scopex_submit_array(s, SCOPEX_CPU_ANY, items,
						    ARRAY_SIZE(items), work), -EBUSY);
		EXPECT_EQ(test, scopex_work_result(&items[0].work), -EBADF);
		EXPECT_EQ(test, scopex_work_result(&items[1].work), -ENODATA);
		EXPECT_EQ(test, scopex_work_result(&items[7].work), -ENODATA);
		complete(&gate.go);
		EXPECT_EQ(test, scopex_join(s), 0);
		items[0].ret = 0;
		items[busy].gate = NULL;
		EXPECT_EQ(test, scopex_submit_array(s, SCOPEX_CPU_ANY, items,
						    ARRAY_SIZE(items), work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, atomic_read(&items[0].runs), 2);
	EXPECT_EQ(test, atomic_read(&items[1].runs), 1);
	EXPECT_EQ(test, atomic_read(&items[busy].runs), 2);
}

static void array_to_a_cancelled_scope(struct scopex_test *test)
{
	struct test_item items[4];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(items); i++)
		test_item_init(&items[i]);
	scopex_scope(s) {
		scopex_cancel(s, 0);
		EXPECT_EQ(test, scopex_submit_array(s, SCOPEX_CPU_ANY, items,
						    ARRAY_SIZE(items), work),
			  -ECANCELED);
		EXPECT_EQ(test, scopex_submit_array(s, nr_cpu_ids, items,
						    ARRAY_SIZE(items), work), -EINVAL);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; i < ARRAY_SIZE(items); i++)
		EXPECT_EQ(test, scopex_work_result(&items[i].work), -ENODATA);
}

/**
 * struct numbers - what a loop does to numbers
 * @test: the test
 * @first: the first number
 * @count: how many there are
 * @seen: how often each was seen
 * @fails: whether there is a bad number
 * @bad: the number for which an error is returned
 * @calls: how often the function was called
 */
struct numbers {
	struct scopex_test	*test;
	unsigned long		first;
	unsigned long		count;
	u8			*seen;
	bool			fails;
	unsigned long		bad;
	atomic_t		calls;
};

static int see(const struct scopex_range *range)
{
	struct numbers *numbers = range->arg;
	unsigned long i;

	atomic_inc(&numbers->calls);
	for (i = range->first; i - range->first < range->count; i++) {
		if (numbers->fails && i == numbers->bad)
			return -EILSEQ;
		if (i - numbers->first < numbers->count)
			numbers->seen[i - numbers->first]++;
	}
	return 0;
}

static bool numbers_init(struct scopex_test *test, struct numbers *numbers,
			 unsigned long first, unsigned long count)
{
	*numbers = (struct numbers){ .test = test, .first = first,
				     .count = count };
	numbers->seen = kvcalloc(count ?: 1, 1, GFP_KERNEL);
	return EXPECT(test, numbers->seen);
}

static void numbers_check(struct numbers *numbers, unsigned int times)
{
	unsigned long i;

	for (i = 0; i < numbers->count; i++)
		if (!EXPECT_EQ(numbers->test, numbers->seen[i], times))
			break;
	kvfree(numbers->seen);
}

static void loop_over(struct scopex_test *test, unsigned long first,
		      unsigned long count, unsigned long grain)
{
	struct numbers numbers;

	if (!numbers_init(test, &numbers, first, count))
		return;
	EXPECT_EQ(test, scopex_for(first, count, see, .arg = &numbers,
				   .grain = grain), 0);
	if (grain)
		EXPECT_EQ(test, atomic_read(&numbers.calls),
			  count / grain + (count % grain != 0));
	numbers_check(&numbers, 1);
}

static void loop_sees_each_number_once(struct scopex_test *test)
{
	static const unsigned long counts[] = { 0, 1, 2, 63, 64, 65, 1000, 50000 };
	static const unsigned long grains[] = { 0, 1, 3, 64, 100000 };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(counts); i++)
		for (j = 0; j < ARRAY_SIZE(grains); j++)
			loop_over(test, 7, counts[i], grains[j]);
}

static void loop_at_the_ends_of_the_range(struct scopex_test *test)
{
	loop_over(test, ULONG_MAX - 99, 100, 7);
	loop_over(test, ULONG_MAX - 99, 100, ULONG_MAX);
	loop_over(test, 0, 100, 99);
}

/* A loop over all numbers there are: the first chunk ends it, or there is no end. */
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
	/* Each thread has one before it sees the error of another. */
	EXPECT(test, atomic_read(&calls) <= 2 * (num_possible_cpus() + 1));
}

/**
 * struct meeting - a loop whose two chunks wait for each other, for a while
 * @here: how many have come
 * @both: completed when both are there
 * @met: how many have met the other one
 */
struct meeting {
	atomic_t		here;
	struct completion	both;
	atomic_t		met;
};

static int meet(const struct scopex_range *range)
{
	struct meeting *meeting = range->arg;

	if (atomic_inc_return(&meeting->here) == 2)
		complete_all(&meeting->both);
	if (wait_for_completion_timeout(&meeting->both, msecs_to_jiffies(50)))
		atomic_inc(&meeting->met);
	return 0;
}

/*
 * Two threads are in the loop at once. Other CPUs may not be idle yet, so there are
 * many rounds; that nobody ever helps is the failure.
 */
static void idle_cpus_help(struct scopex_test *test)
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
		EXPECT_EQ(test, scopex_for(0, 2, meet, .arg = &meeting,
					   .grain = 1), 0);
		EXPECT_EQ(test, atomic_read(&meeting.here), 2);
		met += atomic_read(&meeting.met) == 2;
		usleep_range(1000, 2000);
	}
	EXPECT(test, met == 3);
}

/**
 * struct family - who does the chunks of a loop
 * @caller: who called it
 * @cpu: where that is
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
		/* So that its CPU's worker would come at once. */
		usleep_range(FAMILY_CHUNK_US, 2 * FAMILY_CHUNK_US);
		return 0;
	}
	atomic_inc(raw_smp_processor_id() == family->cpu ? &family->rivals :
							   &family->helped);
	udelay(FAMILY_CHUNK_US);
	return 0;
}

/* The caller's CPU has its caller: no helper asks its worker, too. */
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
 * @scope: the item's scope
 * @item: the item, for the helper's CPU
 * @caller: who called the loop
 * @helper: the first one who helps
 * @came: completed when the item is submitted
 * @late: how many chunks the helper began before the item had run
 */
struct guest {
	struct scopex_scope	*scope;
	struct test_item	item;
	struct task_struct	*caller;
	struct task_struct	*helper;
	struct completion	came;
	unsigned int		late;
};

/* The others leave chunks for the helper, until the item has run. */
static void wait_for_guest(struct guest *guest)
{
	unsigned long end = jiffies + HZ;

	while (READ_ONCE(guest->helper) && !atomic_read(&guest->item.runs) &&
	       time_before(jiffies, end))
		cond_resched();
}

static int receive(const struct scopex_range *range)
{
	struct guest *guest = range->arg;

	if (current == guest->caller) {
		if (!range->first)
			wait_for_completion_timeout(&guest->came,
						    msecs_to_jiffies(50));
		wait_for_guest(guest);
	} else if (!cmpxchg(&guest->helper, NULL, current)) {
		WARN_ON(scopex_submit_on(guest->scope, raw_smp_processor_id(),
					 &guest->item.work));
		complete(&guest->came);
	} else if (guest->helper == current) {
		guest->late += scopex_work_busy(&guest->item.work);
	} else {
		wait_for_guest(guest);
	}
	return 0;
}

/* Hazard 22: a helper has no time for chunks as long as there are items. */
static void items_go_before_chunks(struct scopex_test *test)
{
	struct guest guest = { .caller = current };
	unsigned int round;

	if (test_other_cpu(test_this_cpu()) >= nr_cpu_ids) {
		scopex_test_skip(test, "needs two CPUs");
		return;
	}
	test_item_init(&guest.item);
	for (round = 0; round < 100 && !guest.helper; round++) {
		init_completion(&guest.came);
		scopex_scope(s) {
			guest.scope = s;
			EXPECT_EQ(test, scopex_for(0, 200, receive, .arg = &guest,
						   .grain = 1), 0);
		}
		usleep_range(1000, 2000);
	}
	EXPECT(test, guest.helper);
	EXPECT_EQ(test, guest.late, 0);
	EXPECT_EQ(test, atomic_read(&guest.item.runs), 1);
}

/* All CPUs are taken: the caller does the loop alone, and waits for nobody. */
static void busy_cpus_are_not_waited_for(struct scopex_test *test)
{
	struct test_item *items = test_items(nr_cpu_ids);
	struct numbers numbers;
	struct test_gate gate;

	if (!EXPECT(test, items) || !numbers_init(test, &numbers, 0, 1000))
		goto out;
	scopex_scope(s) {
		EXPECT(test, test_hold_cpus(s, items, &gate));
		EXPECT_EQ(test, scopex_for(0, 1000, see, .arg = &numbers,
					   .grain = 10), 0);
		complete_all(&gate.go);
	}
	numbers_check(&numbers, 1);
out:
	kvfree(items);
}

#ifdef CONFIG_SCOPEX_INJECT
static int slowly(const struct scopex_range *range)
{
	usleep_range(100, 200);
	return see(range);
}

/*
 * A CPU is offered the loop, and is not woken before the loop is over: it must find
 * nothing, and the caller must not wait for it.
 */
static void offer_is_taken_back(struct scopex_test *test)
{
	struct numbers numbers;
	unsigned int round;

	if (num_online_cpus() < 2) {
		scopex_test_skip(test, "needs two CPUs");
		return;
	}
	scopex_inject_set(SCOPEX_INJECT_OFFER, 2000);
	for (round = 0; round < 20; round++) {
		usleep_range(2000, 3000);
		if (!numbers_init(test, &numbers, 0, 2))
			break;
		EXPECT_EQ(test, scopex_for(0, 2, slowly, .arg = &numbers,
					   .grain = 1), 0);
		numbers_check(&numbers, 1);
	}
	test_inject_end(test, SCOPEX_INJECT_OFFER);
}

/**
 * struct blocker - gives each CPU an item at a gate while a loop is being offered
 * @scope: the items' scope
 * @items: one for each CPU
 * @gate: where they wait
 */
struct blocker {
	struct scopex_scope	*scope;
	struct test_item	*items;
	struct test_gate	gate;
};

static int blocker_thread(void *data)
{
	struct blocker *blocker = data;
	unsigned int cpu;

	while (!scopex_inject_hits(SCOPEX_INJECT_OFFER) && !kthread_should_stop())
		usleep_range(50, 200);
	for_each_online_cpu(cpu) {
		blocker->items[cpu].gate = &blocker->gate;
		WARN_ON(scopex_submit_on(blocker->scope, cpu, &blocker->items[cpu].work));
	}
	scopex_inject_release(SCOPEX_INJECT_OFFER);
	test_thread_until_stopped();
	return 0;
}

/* The CPU that a loop is offered to gets an item before: that is not waited for. */
static void offer_that_nobody_takes(struct scopex_test *test)
{
	struct blocker blocker = { .items = test_items(nr_cpu_ids) };
	unsigned int round, hits = 0;
	struct task_struct *thread;
	struct numbers numbers;

	if (num_online_cpus() < 2) {
		scopex_test_skip(test, "needs two CPUs");
		goto out;
	}
	if (!EXPECT(test, blocker.items))
		return;
	for (round = 0; round < 20 && !hits; round++) {
		usleep_range(2000, 3000);
		if (!numbers_init(test, &numbers, 0, 2))
			break;
		test_gate_init(&blocker.gate);
		scopex_inject_set(SCOPEX_INJECT_OFFER, SCOPEX_INJECT_HOLD);
		scopex_scope(s) {
			blocker.scope = s;
			thread = test_thread(test, blocker_thread, &blocker,
					     nr_cpu_ids);
			EXPECT_EQ(test, scopex_for(0, 2, see, .arg = &numbers,
						   .grain = 1), 0);
			test_thread_stop(thread);
			complete_all(&blocker.gate.go);
		}
		hits = scopex_inject_hits(SCOPEX_INJECT_OFFER);
		numbers_check(&numbers, 1);
	}
	test_inject_end(test, SCOPEX_INJECT_OFFER);
out:
	kvfree(blocker.items);
}
#endif

static void loop_ends_with_the_first_error(struct scopex_test *test)
{
	struct numbers numbers;

	if (!numbers_init(test, &numbers, 0, 100000))
		return;
	numbers.fails = true;
	numbers.bad = 10;
	EXPECT_EQ(test, scopex_for(0, 100000, see, .arg = &numbers,
				   .grain = 1), -EILSEQ);
	EXPECT(test, atomic_read(&numbers.calls) < 100000);
	kvfree(numbers.seen);
}

static void loop_that_is_to_run_all(struct scopex_test *test)
{
	struct numbers numbers;

	if (!numbers_init(test, &numbers, 0, 1000))
		return;
	numbers.fails = true;
	numbers.bad = 10;
	EXPECT_EQ(test, scopex_for(0, 1000, see, .arg = &numbers, .grain = 1,
				   .run_all = true), -EILSEQ);
	EXPECT_EQ(test, atomic_read(&numbers.calls), 1000);
	kvfree(numbers.seen);
}

static int cancel_loop(const struct scopex_range *range)
{
	atomic_t *calls = range->arg;

	if (atomic_inc_return(calls) == 3)
		scopex_cancel(range->scope, 0);
	return 0;
}

static void loop_is_cancelled(struct scopex_test *test)
{
	atomic_t calls = ATOMIC_INIT(0);

	EXPECT_EQ(test, scopex_for(0, 1000000, cancel_loop, .arg = &calls,
				   .grain = 1), -ECANCELED);
	EXPECT(test, atomic_read(&calls) < 1000000);
}

static int nap(const struct scopex_range *range)
{
	usleep_range(100, 200);
	return 0;
}

static void loop_has_a_deadline(struct scopex_test *test)
{
	EXPECT_EQ(test, scopex_for(0, ULONG_MAX, nap, .grain = 1,
				   .timeout_us = 20 * USEC_PER_MSEC), -ETIME);
	EXPECT_EQ(test, scopex_for(0, 10, nap, .grain = 1,
				   .timeout_us = 100000 * USEC_PER_MSEC), 0);
}

/**
 * struct tracer - a loop that runs until a grace period of RCU-tasks has passed
 * @begun: whether the loop runs
 * @passed: whether it has
 * @give_up: when the loop ends without
 */
struct tracer {
	bool		begun;
	bool		passed;
	unsigned long	give_up;
};

static int tracer_thread(void *data)
{
	struct tracer *tracer = data;

	/* One that began before may find the loop's caller asleep. */
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

/* Who loads a tracer's program waits for all threads, those in a long loop as well. */
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

static int killed_loop_thread(void *data)
{
	int *err = data;

	allow_signal(SIGKILL);
	send_sig(SIGKILL, current, 1);
	*err = scopex_for(0, ULONG_MAX, nap, .grain = 1,
			  .flags = SCOPEX_KILLABLE);
	flush_signals(current);
	test_thread_until_stopped();
	return 0;
}

static void loop_is_killed(struct scopex_test *test)
{
	int err = 0;

	test_thread_stop(test_thread(test, killed_loop_thread, &err, nr_cpu_ids));
	EXPECT_EQ(test, err, -EINTR);
}

static int add(const struct scopex_range *range)
{
	u64 *sum = range->result;
	unsigned long i;

	for (i = 0; i < range->count; i++)
		*sum += range->first + i;
	return 0;
}

static void sum_join(void *total, const void *result, void *arg)
{
	*(u64 *)total += *(const u64 *)result;
}

static const struct scopex_reduction sum = {
	.size = sizeof(u64), .join = sum_join,
};

static void reduces_to_a_sum(struct scopex_test *test)
{
	unsigned long count;
	u64 total;

	for (count = 0; count <= 100000; count = count * 10 + 1) {
		total = 5;
		EXPECT_EQ(test, scopex_reduce(1, count, add, &sum, &total), 0);
		EXPECT_EQ(test, total, 5 + (u64)count * (count + 1) / 2);
	}
}

/**
 * struct slow_sum - a total that takes time to be added to
 * @sum: the sum
 * @inside: whether somebody adds
 * @overlaps: how often two did so at once
 */
struct slow_sum {
	u64		sum;
	atomic_t	inside;
	atomic_t	overlaps;
};

static int add_slowly(const struct scopex_range *range)
{
	usleep_range(100, 200);
	return add(range);
}

static void slow_sum_join(void *total, const void *result, void *arg)
{
	struct slow_sum *slow = total;

	if (atomic_xchg(&slow->inside, 1))
		atomic_inc(&slow->overlaps);
	slow->sum += *(const u64 *)result;
	mdelay(1);
	atomic_set(&slow->inside, 0);
}

static const struct scopex_reduction slow_sum = {
	.size = sizeof(u64), .join = slow_sum_join,
};

static void results_are_joined_one_by_one(struct scopex_test *test)
{
	struct slow_sum total = { };
	unsigned int round;

	for (round = 0; round < 50; round++)
		EXPECT_EQ(test, scopex_reduce(1, 40, add_slowly, &slow_sum, &total,
					      .grain = 1), 0);
	EXPECT_EQ(test, atomic_read(&total.overlaps), 0);
	EXPECT_EQ(test, total.sum, 50 * 820);
}

struct extremes {
	unsigned long	low;
	unsigned long	high;
};

static void extremes_init(void *result, void *arg)
{
	*(struct extremes *)result = (struct extremes){ .low = ULONG_MAX };
}

static int extremes_of(const struct scopex_range *range)
{
	struct extremes *e = range->result;
	unsigned long i, value;

	for (i = 0; i < range->count; i++) {
		value = (range->first + i) * 7919 % 10007;
		e->low = min(e->low, value);
		e->high = max(e->high, value);
	}
	return 0;
}

static void extremes_join(void *total, const void *result, void *arg)
{
	const struct extremes *e = result;
	struct extremes *t = total;

	t->low = min(t->low, e->low);
	t->high = max(t->high, e->high);
}

static const struct scopex_reduction extremes = {
	.size = sizeof(struct extremes),
	.init = extremes_init,
	.join = extremes_join,
};

static void reduces_to_more_than_a_sum(struct scopex_test *test)
{
	struct extremes total;

	extremes_init(&total, NULL);
	EXPECT_EQ(test, scopex_reduce(1, 10006, extremes_of, &extremes, &total,
				      .grain = 10), 0);
	EXPECT_EQ(test, total.low, 1);
	EXPECT_EQ(test, total.high, 10006);
}

/* Loops in loops, in items, from many tasks at once. */
static int inner_loop(const struct scopex_range *range)
{
	u64 *total = range->result;
	u64 inner = 0;
	int err;

	err = scopex_reduce(1, 100, add, &sum, &inner, .grain = 10);
	*total += range->count * inner;
	return err;
}

static void loops_nest(struct scopex_test *test)
{
	u64 total = 0;

	EXPECT_EQ(test, scopex_reduce(0, 200, inner_loop, &sum, &total,
				      .grain = 1), 0);
	EXPECT_EQ(test, total, 200 * 5050);
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
		EXPECT_EQ(test, scopex_for(0, 2, sees_flags, .grain = 1,
					   .arg = &forbidden), 0);
		current_restore_flags(saved, TEST_MEMALLOC);
	}
	EXPECT(test, forbidden.helped);
	EXPECT_EQ(test, atomic_read(&forbidden.wrong), 0);
}

/* And what held for one loop does not hold for the next one. */
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

struct looper {
	struct scopex_work	work;
	u64			total;
};

static int looper_fn(struct scopex_work *work)
{
	struct looper *looper = container_of(work, struct looper, work);

	return scopex_reduce(1, 1000, add, &sum, &looper->total, .grain = 10);
}

static void loops_in_items(struct scopex_test *test)
{
	struct looper loopers[16] = { };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(loopers); i++)
		scopex_work_init(&loopers[i].work, looper_fn);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_array(s, SCOPEX_CPU_ANY, loopers,
						    ARRAY_SIZE(loopers), work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; i < ARRAY_SIZE(loopers); i++)
		EXPECT_EQ(test, loopers[i].total, 500500);
}

static int note_cpu(unsigned int cpu, void *arg)
{
	atomic_t *calls = arg;

	/* The thread is bound, but for hotplug, which this test does without. */
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
 * The second caller holds what the function of the first one takes. That is no deadlock,
 * and lockdep must not report one: it has to know the two callers apart.
 */
static void each_cpu_has_a_class_per_caller(struct scopex_test *test)
{
	const struct cpumask *mask = cpumask_of(test_this_cpu());

	EXPECT_EQ(test, scopex_each_cpu(mask, lock_on_cpu, NULL), 0);
	mutex_lock(&each_cpu_mutex);
	EXPECT_EQ(test, scopex_each_cpu(mask, nothing_on_cpu, NULL), 0);
	mutex_unlock(&each_cpu_mutex);
}

static const struct scopex_case loop_cases[] = {
	SCOPEX_CASE(array_to_this_cpu),
	SCOPEX_CASE(array_to_a_cpu),
	SCOPEX_CASE(array_spread),
	SCOPEX_CASE(array_spreads_evenly),
	SCOPEX_CASE(array_keeps_its_order),
	SCOPEX_CASE(array_of_nothing),
	SCOPEX_CASE(array_with_a_busy_item),
	SCOPEX_CASE(array_to_a_cancelled_scope),
	SCOPEX_CASE(loop_sees_each_number_once),
	SCOPEX_CASE(loop_at_the_ends_of_the_range),
	SCOPEX_CASE(loop_over_everything),
	SCOPEX_CASE(idle_cpus_help),
	SCOPEX_CASE(callers_cpu_is_not_asked),
	SCOPEX_CASE(items_go_before_chunks),
	SCOPEX_CASE(busy_cpus_are_not_waited_for),
#ifdef CONFIG_SCOPEX_INJECT
	SCOPEX_CASE(offer_is_taken_back),
	SCOPEX_CASE(offer_that_nobody_takes),
#endif
	SCOPEX_CASE(loop_ends_with_the_first_error),
	SCOPEX_CASE(loop_that_is_to_run_all),
	SCOPEX_CASE(loop_is_cancelled),
	SCOPEX_CASE(loop_has_a_deadline),
	SCOPEX_CASE(tracers_get_on),
	SCOPEX_CASE(loop_is_killed),
	SCOPEX_CASE(reduces_to_a_sum),
	SCOPEX_CASE(results_are_joined_one_by_one),
	SCOPEX_CASE(reduces_to_more_than_a_sum),
	SCOPEX_CASE(loops_nest),
	SCOPEX_CASE(loops_in_items),
	SCOPEX_CASE(each_cpu_once),
	SCOPEX_CASE(each_cpu_tells_the_error),
	SCOPEX_CASE(each_cpu_has_a_class_per_caller),
	/* The last one: no item makes a worker leave the loop after that; see loop.sh. */
	SCOPEX_CASE(helpers_allocate_as_the_caller),
};

SCOPEX_SUITE(loop, loop_cases);
