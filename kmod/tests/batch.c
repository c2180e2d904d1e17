// SPDX-License-Identifier: GPL-2.0
/* Suite "task", in part: the items that a worker's own items add to its batch; see ../batch.h */

#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/scopex_loop.h>
#include <linux/scopex_sync.h>
#include <linux/scopex_task.h>
#include <linux/slab.h>

#include "../compat/hrtimer.h"
#include "../thread.h"
#include "task.h"
#include "test.h"

/* Nothing is added once a tick has passed, so one round proves nothing. */
#define ROUNDS	200

/* The number of the batch that the worker runs which calls this. */
static unsigned long this_batch(void)
{
	const struct scopex_worker *w = kthread_data(current);

	return local_read(&w->count[SCOPEX_BATCHES]);
}

/**
 * struct yielder - a task that makes way until it is called in a batch that it wants
 * @task: the task
 * @same: it wants the batch of the last call, else another one
 * @batch: the batch of the last call
 * @end: when it gives up, in jiffies
 * @found: it was called in such a batch
 */
struct yielder {
	struct scopex_task	task;
	bool			same;
	unsigned long		batch;
	unsigned long		end;
	bool			found;
};

static int yielder_fn(struct scopex_task *task)
{
	struct yielder *y = container_of(task, struct yielder, task);

	scopex_coroutine(task) {
		y->end = jiffies + 5 * HZ;
		while (!y->found && time_before(jiffies, y->end)) {
			y->batch = this_batch();
			scopex_yield(task);
			y->found = (this_batch() == y->batch) == y->same;
		}
	}
	return 0;
}

static void task_makes_way(struct scopex_test *test, bool same)
{
	struct yielder y = { .task = SCOPEX_TASK_INIT(yielder_fn), .same = same };

	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, test_this_cpu(), &y.task.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
		EXPECT(test, y.found);
	}
}

static void task_that_makes_way_stays_in_the_batch(struct scopex_test *test)
{
	task_makes_way(test, true);
}

/* RCU-tasks is told of the thread between two batches. */
static void batch_ends_with_the_tick(struct scopex_test *test)
{
	task_makes_way(test, false);
}

/**
 * struct ahead - a task that pushes an item, and then makes way, or wakes another task
 * @task: the task
 * @woken: the other one
 * @wait: how it waits
 * @event: what for
 * @scope: their scope
 * @cpu: where the item goes
 * @wakes: wake the other one
 * @item: the item
 * @turn: counts what runs
 * @order: the place of the task, or of the other one
 */
struct ahead {
	struct scopex_task		task;
	struct scopex_task		woken;
	struct scopex_event_waiter	wait;
	struct scopex_event		event;
	struct scopex_scope		*scope;
	unsigned int			cpu;
	bool				wakes;
	struct test_item		item;
	atomic_t			turn;
	int				order;
};

static int ahead_fn(struct scopex_task *task)
{
	struct ahead *a = container_of(task, struct ahead, task);
	int err;

	scopex_coroutine(task) {
		err = a->cpu == SCOPEX_CPU_ANY ? scopex_submit(a->scope, &a->item.work) :
						 scopex_submit_on(a->scope, a->cpu, &a->item.work);
		if (err)
			return err;
		if (a->wakes) {
			scopex_event_set(&a->event);
			return 0;
		}
		scopex_yield(task);
		a->order = atomic_inc_return(&a->turn);
	}
	return 0;
}

static int woken_fn(struct scopex_task *task)
{
	struct ahead *a = container_of(task, struct ahead, woken);
	int err;

	scopex_coroutine(task) {
		scopex_await(task, err, scopex_event_wait(&a->wait, &a->event));
		if (err)
			return err;
		a->order = atomic_inc_return(&a->turn);
	}
	return 0;
}

static void item_goes_ahead(struct scopex_test *test, bool wakes, bool stealable)
{
	unsigned int round, home = test_this_cpu();
	struct ahead a = { .wakes = wakes, .cpu = stealable ? SCOPEX_CPU_ANY : home };

	for (round = 0; round < ROUNDS && !scopex_test_failed(test); round++)
		scopex_scope(s) {
			a.scope = s;
			atomic_set(&a.turn, 0);
			test_item_init(&a.item);
			a.item.turn = &a.turn;
			scopex_task_init(&a.task, ahead_fn);
			scopex_task_init(&a.woken, woken_fn);
			scopex_event_init(&a.event);
			if (wakes)
				EXPECT_EQ(test, scopex_submit_on(s, home, &a.woken.work), 0);
			EXPECT_EQ(test, scopex_submit_on(s, home, &a.task.work), 0);
			EXPECT_EQ(test, scopex_join(s), 0);
			EXPECT_EQ(test, a.item.order, 1);
			EXPECT_EQ(test, a.order, 2);
		}
}

static void what_is_queued_goes_ahead(struct scopex_test *test)
{
	item_goes_ahead(test, false, false);
	item_goes_ahead(test, true, false);
}

/* On the only CPU: nobody takes the item. */
static void stealable_item_goes_ahead(struct scopex_test *test)
{
	item_goes_ahead(test, false, true);
}

/* The link of the last item is not known where the batch ends with an array. */
static void array_ends_the_batch(struct scopex_test *test)
{
	unsigned int i, nr = 5, cpu = test_this_cpu();
	struct test_item *items = test_items(nr);
	struct yielder y = { .task = SCOPEX_TASK_INIT(yielder_fn) };
	struct test_item gated;
	struct test_gate gate;

	if (!EXPECT(test, items))
		return;
	scopex_scope(s) {
		test_gate_shut(test, s, cpu, &gated, &gate);
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &y.task.work), 0);
		EXPECT_EQ(test, scopex_submit_array(s, cpu, items, nr, work), 0);
		complete(&gate.go);
		EXPECT_EQ(test, scopex_join(s), 0);
		for (i = 0; i < nr; i++)
			EXPECT_EQ(test, atomic_read(&items[i].runs), 1);
		EXPECT(test, y.found);
	}
	kvfree(items);
}

/**
 * struct interrupted - an item beside which its CPU does something else, which wakes a task
 * @work: the item
 * @task: the task
 * @wait: how it waits
 * @event: what for
 * @timer: an interrupt; or else a thread
 * @begun: completed by the item, for the thread
 * @over: completed by the other one
 * @item_batch: the batch of the item
 * @task_batch: that of the task
 * @task_cpu: where the task went on
 */
struct interrupted {
	struct scopex_work		work;
	struct scopex_task		task;
	struct scopex_event_waiter	wait;
	struct scopex_event		event;
	struct hrtimer			timer;
	struct completion		begun;
	struct completion		over;
	unsigned long			item_batch;
	unsigned long			task_batch;
	unsigned int			task_cpu;
};

static enum hrtimer_restart interrupted_timer(struct hrtimer *timer)
{
	struct interrupted *i = container_of(timer, struct interrupted, timer);

	scopex_event_set(&i->event);
	complete(&i->over);
	return HRTIMER_NORESTART;
}

static int interrupted_fn(struct scopex_work *work)
{
	struct interrupted *i = container_of(work, struct interrupted, work);

	hrtimer_start(&i->timer, ns_to_ktime(NSEC_PER_USEC), HRTIMER_MODE_REL_PINNED_HARD);
	while (!try_wait_for_completion(&i->over))
		cpu_relax();
	i->item_batch = this_batch();
	return 0;
}

/* The item sleeps without a word, so that the thread has the CPU. */
static int beside_thread_fn(struct scopex_work *work)
{
	struct interrupted *i = container_of(work, struct interrupted, work);

	complete(&i->begun);
	wait_for_completion(&i->over);
	i->item_batch = this_batch();
	return 0;
}

static int woken_by_other_fn(struct scopex_task *task)
{
	struct interrupted *i = container_of(task, struct interrupted, task);
	int err;

	scopex_coroutine(task) {
		scopex_await(task, err, scopex_event_wait(&i->wait, &i->event));
		if (err)
			return err;
		i->task_batch = this_batch();
		i->task_cpu = raw_smp_processor_id();
	}
	return 0;
}

/* One round. The scope is the caller's. */
static void interrupted_begin(struct scopex_test *test, struct scopex_scope *s,
			      struct interrupted *i, scopex_fn_t fn, unsigned int cpu)
{
	scopex_work_init(&i->work, fn);
	scopex_task_init(&i->task, woken_by_other_fn);
	scopex_event_init(&i->event);
	init_completion(&i->begun);
	init_completion(&i->over);
	EXPECT_EQ(test, scopex_submit_on(s, cpu, &i->task.work), 0);
	EXPECT_EQ(test, scopex_submit_on(s, cpu, &i->work), 0);
}

/* The worker may be in the middle of a change of its batch. */
static void interrupt_adds_nothing(struct scopex_test *test)
{
	unsigned int round, cpu = test_this_cpu();
	struct interrupted i = { };

	hrtimer_setup_on_stack(&i.timer, interrupted_timer, CLOCK_MONOTONIC,
			       HRTIMER_MODE_REL_PINNED_HARD);
	for (round = 0; round < ROUNDS && !scopex_test_failed(test); round++)
		scopex_scope(s) {
			interrupted_begin(test, s, &i, interrupted_fn, cpu);
			EXPECT_EQ(test, scopex_join(s), 0);
			EXPECT(test, i.item_batch != i.task_batch);
			hrtimer_cancel(&i.timer);
		}
	destroy_hrtimer_on_stack(&i.timer);
}

/**
 * struct thread_beside - a thread on the CPU of such an item
 * @test: the test
 * @cpu: the CPU
 */
struct thread_beside {
	struct scopex_test	*test;
	unsigned int		cpu;
};

static int thread_beside_fn(void *data)
{
	struct thread_beside *beside = data;
	struct scopex_test *test = beside->test;
	struct interrupted i = { };
	unsigned int round;

	for (round = 0; round < ROUNDS && !scopex_test_failed(test); round++)
		scopex_scope(s) {
			interrupted_begin(test, s, &i, beside_thread_fn, beside->cpu);
			wait_for_completion(&i.begun);
			scopex_event_set(&i.event);
			complete(&i.over);
			EXPECT_EQ(test, scopex_join(s), 0);
			EXPECT(test, i.item_batch != i.task_batch);
		}
	test_thread_until_stopped();
	return 0;
}

/* Only the worker's own thread knows its batch. */
static void other_thread_adds_nothing(struct scopex_test *test)
{
	struct thread_beside beside = { .test = test, .cpu = test_this_cpu() };

	test_thread_stop(test_thread(test, thread_beside_fn, &beside, beside.cpu));
}

static int wakes_there_fn(struct scopex_work *work)
{
	scopex_event_set(&container_of(work, struct interrupted, work)->event);
	return 0;
}

/* The worker has a batch of its own, and the task is at home on another CPU. */
static void task_of_another_cpu_is_not_added(struct scopex_test *test)
{
	unsigned int round, cpu = test_this_cpu(), home = test_other_cpu(cpu);
	struct interrupted i = { };

	if (home >= nr_cpu_ids) {
		scopex_test_skip(test, "needs two CPUs");
		return;
	}
	for (round = 0; round < ROUNDS && !scopex_test_failed(test); round++)
		scopex_scope(s) {
			scopex_work_init(&i.work, wakes_there_fn);
			scopex_task_init(&i.task, woken_by_other_fn);
			scopex_event_init(&i.event);
			EXPECT_EQ(test, scopex_submit_on(s, home, &i.task.work), 0);
			test_until_waiting(&i.task);
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &i.work), 0);
			EXPECT_EQ(test, scopex_join(s), 0);
			EXPECT_EQ(test, i.task_cpu, home);
		}
}

/**
 * struct left - an item that lets its worker hand over, and runs again
 * @work: the item
 * @runs: how often it has run
 * @beside: how often that was on a worker that had no queue
 */
struct left {
	struct scopex_work	work;
	unsigned int		runs;
	unsigned int		beside;
};

static int left_fn(struct scopex_work *work)
{
	const struct scopex_worker *w = kthread_data(current);
	struct left *left = container_of(work, struct left, work);

	left->beside += !READ_ONCE(w->active);
	scopex_will_block();
	return ++left->runs == ROUNDS ? 0 : SCOPEX_AGAIN;
}

/* It is run by the worker that has the queue. */
static void worker_that_has_handed_over_adds_nothing(struct scopex_test *test)
{
	struct left left = { .work = SCOPEX_WORK_INIT(left_fn) };

	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, test_this_cpu(), &left.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
		EXPECT_EQ(test, left.beside, 0);
	}
}

/**
 * struct listener - a task of a CPU, which is woken by that CPU's part of a loop
 * @task: the task
 * @wait: how it waits
 * @event: what for
 */
struct listener {
	struct scopex_task		task;
	struct scopex_event_waiter	wait;
	struct scopex_event		event;
};

static int listener_fn(struct scopex_task *task)
{
	struct listener *l = container_of(task, struct listener, task);
	int err;

	scopex_coroutine(task) {
		for (;;) {
			scopex_await(task, err, scopex_event_wait(&l->wait, &l->event));
			if (err)
				return err;
			scopex_event_reset(&l->event);
		}
	}
	return 0;
}

/**
 * struct loud_loop - a loop that wakes the tasks of the CPUs that help
 * @listener: a task for each CPU
 * @caller: the thread that began the loop
 * @helped: how many parts others did
 */
struct loud_loop {
	struct listener		*listener;
	struct task_struct	*caller;
	atomic_t		helped;
};

/* The first part lasts for so long that help is worth it. */
static int wakes_who_is_here(const struct scopex_range *range)
{
	struct loud_loop *loop = range->arg;

	if (current == loop->caller) {
		usleep_range(500, 1000);
		return 0;
	}
	scopex_event_set(&loop->listener[raw_smp_processor_id()].event);
	atomic_inc(&loop->helped);
	return 0;
}

static bool all_have_listened(const struct loud_loop *loop)
{
	unsigned long end = jiffies + 5 * HZ;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		while (scopex_event_is_set(&loop->listener[cpu].event)) {
			if (time_after(jiffies, end))
				return false;
			usleep_range(50, 100);
		}
	return true;
}

/* A helper runs no batch: it falls asleep after the loop, and looks at its queue before that. */
static void helper_adds_nothing(struct scopex_test *test)
{
	struct loud_loop loop = { .caller = current };
	unsigned int round, cpu;

	if (test_other_cpu(test_this_cpu()) >= nr_cpu_ids) {
		scopex_test_skip(test, "needs two CPUs");
		return;
	}
	loop.listener = kvcalloc(nr_cpu_ids, sizeof(*loop.listener), GFP_KERNEL);
	if (!EXPECT(test, loop.listener))
		return;
	scopex_scope(s) {
		for_each_possible_cpu(cpu) {
			struct listener *l = &loop.listener[cpu];

			scopex_event_init(&l->event);
			scopex_task_init(&l->task, listener_fn);
			if (test_served(cpu))
				EXPECT_EQ(test, scopex_submit_on(s, cpu, &l->task.work), 0);
		}
		for (round = 0; round < ROUNDS && !scopex_test_failed(test); round++) {
			EXPECT_EQ(test, scopex_for(0, 8, wakes_who_is_here, .arg = &loop,
						   .grain = 1), 0);
			EXPECT(test, all_have_listened(&loop));
		}
		scopex_cancel(s, -ECANCELED);
		EXPECT_EQ(test, scopex_join(s), -ECANCELED);
		EXPECT(test, atomic_read(&loop.helped) > 0);
	}
	kvfree(loop.listener);
}

static const struct scopex_case batch_cases[] = {
	SCOPEX_CASE(task_that_makes_way_stays_in_the_batch),
	SCOPEX_CASE(batch_ends_with_the_tick),
	SCOPEX_CASE(what_is_queued_goes_ahead),
	SCOPEX_CASE(array_ends_the_batch),
	SCOPEX_CASE(interrupt_adds_nothing),
	SCOPEX_CASE(other_thread_adds_nothing),
	SCOPEX_CASE(task_of_another_cpu_is_not_added),
	SCOPEX_CASE(worker_that_has_handed_over_adds_nothing),
	SCOPEX_CASE(helper_adds_nothing),
};

SCOPEX_SUITE_PART(task, batch, batch_cases);

static const struct scopex_case batch_alone_cases[] = {
	SCOPEX_CASE(stealable_item_goes_ahead),
};

SCOPEX_SUITE_PART(task_bound, batch_alone, batch_alone_cases);
