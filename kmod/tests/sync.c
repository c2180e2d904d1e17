// SPDX-License-Identifier: GPL-2.0
/* Suite "sync": events and semaphores */

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "sync.h"

#define MANY	1000
#define LINE	64

/* Each waits for a timer interrupt, for which some kernels need three ticks. */
#define SHOTS	100

static void set_event(void *event)
{
	scopex_event_set(event);
}

static void up(void *semaphore)
{
	scopex_semaphore_up(semaphore);
}

/* Each is called once more, and none is left in the list. Here a hard interrupt sets the event. */
static void event_lets_all_go_on(struct scopex_test *test)
{
	struct test_waiter *waiters = NULL, late;
	struct scopex_event event;
	unsigned int i;

	scopex_event_init(&event);
	EXPECT(test, !scopex_event_is_set(&event));
	scopex_scope(s) {
		waiters = test_waiters(test, s, test_for_event, &event, MANY);
		test_shoot(test, set_event, &event);
		EXPECT_EQ(test, scopex_join(s), 0);
		EXPECT(test, scopex_event_is_set(&event));
		EXPECT(test, list_empty(&event.waiters));

		test_waiter_init(&late, test_for_event, &event);
		EXPECT_EQ(test, scopex_submit(s, &late.task.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
		EXPECT_EQ(test, late.err, 0);
		EXPECT_EQ(test, late.calls, 1);

		scopex_event_reset(&event);
		EXPECT(test, !scopex_event_is_set(&event));
		test_waiter_init(&late, test_for_event, &event);
		EXPECT_EQ(test, scopex_submit(s, &late.task.work), 0);
		test_until_waiting(&late.task);
		scopex_event_set(&event);
	}
	EXPECT_EQ(test, late.err, 0);
	for (i = 0; waiters && i < MANY; i++) {
		EXPECT_EQ(test, waiters[i].err, 0);
		EXPECT_EQ(test, waiters[i].calls, 2);
	}
	kvfree(waiters);
}

/* All that wait go on, though the event is reset before most of them are woken. */
static void event_that_is_reset_at_once(struct scopex_test *test)
{
	struct test_waiter *waiters = NULL, late;
	struct scopex_event event;
	unsigned int i;

	scopex_event_init(&event);
	scopex_scope(s) {
		waiters = test_waiters(test, s, test_for_event, &event, LINE * 2);
		scopex_event_set(&event);
		scopex_event_reset(&event);
		scopex_scope(inner) {
			test_waiter_init(&late, test_for_event, &event);
			EXPECT_EQ(test, scopex_submit(inner, &late.task.work), 0);
			test_until_waiting(&late.task);
			EXPECT_EQ(test, scopex_join(s), 0);
			EXPECT_EQ(test, late.calls, 1);
			scopex_cancel(inner, 0);
			EXPECT_EQ(test, scopex_join(inner), -ECANCELED);
		}
		EXPECT(test, list_empty(&event.waiters));
	}
	EXPECT_EQ(test, late.err, -ECANCELED);
	for (i = 0; waiters && i < LINE * 2; i++) {
		EXPECT_EQ(test, waiters[i].err, 0);
		EXPECT_EQ(test, waiters[i].calls, 2);
	}
	kvfree(waiters);
}

/* Those that are woken first are cancelled before they run: they wake the others all the same. */
static void event_goes_past_cancelled_tasks(struct scopex_test *test)
{
	struct test_waiter *first = NULL, *others = NULL;
	unsigned int i, cpu = test_this_cpu();
	struct scopex_event event;
	struct test_item gated;
	struct test_gate gate;

	scopex_event_init(&event);
	first = kvmalloc_array(LINE, sizeof(*first), GFP_KERNEL);
	if (!EXPECT(test, first))
		return;
	scopex_scope(theirs) {
		scopex_scope(s) {
			for (i = 0; i < LINE; i++) {
				test_waiter_init(&first[i], test_for_event, &event);
				EXPECT_EQ(test, scopex_submit_on(s, cpu, &first[i].task.work), 0);
			}
			for (i = 0; i < LINE; i++)
				test_until_waiting(&first[i].task);
			others = test_waiters(test, theirs, test_for_event, &event, LINE);
			scopex_scope(holds) {
				test_gate_shut(test, holds, cpu, &gated, &gate);
				scopex_event_set(&event);
				scopex_event_reset(&event);
				scopex_cancel(s, 0);
				complete(&gate.go);
			}
			EXPECT_EQ(test, scopex_join(s), -ECANCELED);
		}
		EXPECT_EQ(test, scopex_join(theirs), 0);
	}
	for (i = 0; i < LINE; i++)
		EXPECT_EQ(test, first[i].err, -ECANCELED);
	for (i = 0; others && i < LINE; i++)
		EXPECT_EQ(test, others[i].err, 0);
	kvfree(first);
	kvfree(others);
}

/* As many as are woken in one section, on one CPU: they run in the order of their waits. */
static void event_wakes_in_order(struct scopex_test *test)
{
	unsigned int i, nr = LINE / 2, cpu = test_this_cpu();
	atomic_t turn = ATOMIC_INIT(0);
	struct test_waiter *waiters;
	struct scopex_event event;
	struct test_item gated;
	struct test_gate gate;

	waiters = kvmalloc_array(nr, sizeof(*waiters), GFP_KERNEL);
	if (!EXPECT(test, waiters))
		return;
	scopex_event_init(&event);
	scopex_scope(s) {
		for (i = 0; i < nr; i++) {
			test_waiter_init(&waiters[i], test_for_event, &event);
			waiters[i].turn = &turn;
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &waiters[i].task.work), 0);
			test_until_waiting(&waiters[i].task);
		}
		test_gate_shut(test, s, cpu, &gated, &gate);
		scopex_event_set(&event);
		complete(&gate.go);
	}
	for (i = 0; i < nr; i++)
		EXPECT_EQ(test, waiters[i].order, i + 1);
	kvfree(waiters);
}

/* A thread that waits for an event. */
struct event_thread {
	struct scopex_event	*event;
	struct completion	done;
	struct task_struct	*thread;
	int			err;
};

static int event_thread_fn(void *data)
{
	struct event_thread *t = data;

	t->err = scopex_event_wait_thread(t->event, MAX_SCHEDULE_TIMEOUT);
	complete(&t->done);
	test_thread_until_stopped();
	return 0;
}

static unsigned int threads_in_queue(struct scopex_event *event)
{
	struct list_head *at;
	unsigned long flags;
	unsigned int nr = 0;

	raw_spin_lock_irqsave(&event->threads.lock, flags);
	list_for_each(at, &event->threads.task_list)
		nr++;
	raw_spin_unlock_irqrestore(&event->threads.lock, flags);
	return nr;
}

static void threads_wait_for_an_event(struct scopex_test *test)
{
	struct event_thread threads[5];
	struct scopex_event event;
	unsigned int i, round;

	scopex_event_init(&event);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < ARRAY_SIZE(threads); i++) {
			threads[i].event = &event;
			threads[i].err = -ENODATA;
			init_completion(&threads[i].done);
			threads[i].thread = test_thread(test, event_thread_fn, &threads[i],
							nr_cpu_ids);
		}
		while (threads_in_queue(&event) < ARRAY_SIZE(threads))
			usleep_range(50, 100);
		test_shoot(test, set_event, &event);
		if (round)
			scopex_event_reset(&event);
		for (i = 0; i < ARRAY_SIZE(threads); i++) {
			wait_for_completion(&threads[i].done);
			EXPECT_EQ(test, threads[i].err, 0);
			test_thread_stop(threads[i].thread);
		}
		if (!round)
			EXPECT_EQ(test, scopex_event_wait_thread(&event, 1), 0);
		scopex_event_reset(&event);
		EXPECT_EQ(test, scopex_event_wait_thread(&event, 1), -ETIME);
	}
}

/* Two items of one CPU: the first one waits for the second one, as a thread does. */
struct event_item {
	struct scopex_work	work;
	struct scopex_event	*event;
	int			err;
	bool			waits;
};

static int event_item_fn(struct scopex_work *work)
{
	struct event_item *item = container_of(work, struct event_item, work);

	if (item->waits)
		item->err = scopex_event_wait_thread(item->event, MAX_SCHEDULE_TIMEOUT);
	else
		scopex_event_set(item->event);
	return 0;
}

static void item_that_waits_hands_over(struct scopex_test *test)
{
	unsigned int i, round, cpu = test_this_cpu();
	struct event_item items[2];
	struct scopex_event event;

	for (round = 0; round < 30; round++) {
		scopex_event_init(&event);
		scopex_scope(s) {
			for (i = 0; i < 2; i++) {
				items[i] = (struct event_item){
					.work = SCOPEX_WORK_INIT(event_item_fn),
					.event = &event,
					.waits = !i,
				};
				EXPECT_EQ(test, scopex_submit_on(s, cpu, &items[i].work), 0);
			}
		}
		EXPECT_EQ(test, items[0].err, 0);
	}
}

/**
 * struct short_event - an event that ends as soon as the wait for it is over
 * @event: the event, which is on the stack of the thread that waits
 * @round: which one it is
 * @stop: there will be no more
 */
struct short_event {
	struct scopex_event	*event;
	unsigned int		round;
	bool			stop;
};

static int short_event_fn(void *data)
{
	struct short_event *shared = data;
	struct scopex_event *event;

	while (!READ_ONCE(shared->stop)) {
		/* One set for each. */
		event = xchg(&shared->event, NULL);
		if (event)
			scopex_event_set(event);
		cpu_relax();
		cond_resched();
	}
	test_thread_until_stopped();
	return 0;
}

static void event_ends_with_the_wait(struct scopex_test *test)
{
	unsigned int i, cpu = test_other_cpu(test_this_cpu());
	struct scopex_event *event, *end;
	struct short_event shared = {};
	struct task_struct *thread;
	struct test_waiter waiter;

	event = kmalloc_array(512, sizeof(*event), GFP_KERNEL);
	if (!EXPECT(test, event))
		return;
	thread = test_thread(test, short_event_fn, &shared, cpu);
	for (end = event; end < event + 512; end++) {
		scopex_event_init(end);
		if ((end - event) & 1) {
			WRITE_ONCE(shared.event, end);
			while (scopex_event_wait_thread(end, 1))
				;
		} else {
			scopex_scope(s) {
				test_waiter_init(&waiter, test_for_event, end);
				EXPECT_EQ(test, scopex_submit(s, &waiter.task.work), 0);
				if ((end - event) & 2)
					test_until_waiting(&waiter.task);
				WRITE_ONCE(shared.event, end);
			}
			EXPECT_EQ(test, waiter.err, 0);
		}
		memset(end, 0x5a, sizeof(*end));
	}
	WRITE_ONCE(shared.stop, true);
	test_thread_stop(thread);
	for (i = 0; i < 512; i++)
		EXPECT(test, !memchr_inv(&event[i], 0x5a, sizeof(*event)));
	kfree(event);
}

static void expect_permits(struct scopex_test *test, struct scopex_semaphore *semaphore,
			   unsigned int permits)
{
	EXPECT_EQ(test, semaphore->permits, permits);
	EXPECT_EQ(test, semaphore->line.told, 0);
	EXPECT(test, list_empty(&semaphore->line.waiters));
}

static void permits_are_taken_and_given(struct scopex_test *test)
{
	struct scopex_semaphore semaphore;
	struct test_waiter *waiters = NULL, first[3];
	unsigned int i;

	scopex_semaphore_init(&semaphore, 3);
	scopex_scope(s) {
		for (i = 0; i < 3; i++) {
			test_waiter_init(&first[i], test_for_permit, &semaphore);
			EXPECT_EQ(test, scopex_submit(s, &first[i].task.work), 0);
		}
		EXPECT_EQ(test, scopex_join(s), 0);
		for (i = 0; i < 3; i++)
			EXPECT_EQ(test, first[i].calls, 1);
		expect_permits(test, &semaphore, 0);
		EXPECT(test, !scopex_semaphore_try_down(&semaphore));
		scopex_semaphore_up(&semaphore);
		EXPECT(test, scopex_semaphore_try_down(&semaphore));
		EXPECT(test, !scopex_semaphore_try_down(&semaphore));

		waiters = test_waiters(test, s, test_for_permit, &semaphore, SHOTS);
		for (i = 0; i < SHOTS; i++)
			test_shoot(test, up, &semaphore);
		EXPECT_EQ(test, scopex_join(s), 0);
		expect_permits(test, &semaphore, 0);
	}
	for (i = 0; waiters && i < SHOTS; i++) {
		EXPECT_EQ(test, waiters[i].err, 0);
		EXPECT_EQ(test, waiters[i].calls, 2);
	}
	kvfree(waiters);
}

/* One permit after the other, and each wakes one task, the one that has waited longest. */
static void permits_are_given_in_order(struct scopex_test *test)
{
	struct test_waiter *waiters = NULL;
	struct scopex_semaphore semaphore;
	atomic_t turn = ATOMIC_INIT(0);
	unsigned int i, j, cpu = test_this_cpu();

	waiters = kvmalloc_array(LINE, sizeof(*waiters), GFP_KERNEL);
	if (!EXPECT(test, waiters))
		return;
	scopex_semaphore_init(&semaphore, 0);
	scopex_scope(s) {
		for (i = 0; i < LINE; i++) {
			test_waiter_init(&waiters[i], test_for_permit, &semaphore);
			waiters[i].turn = &turn;
			EXPECT_EQ(test, scopex_submit_on(s, i % 2 ? cpu : test_other_cpu(cpu),
							 &waiters[i].task.work), 0);
			test_until_waiting(&waiters[i].task);
		}
		for (i = 0; i < LINE; i++) {
			scopex_semaphore_up(&semaphore);
			while (atomic_read(&turn) <= i)
				usleep_range(50, 100);
			for (j = 0; j < LINE; j++)
				EXPECT_EQ(test, READ_ONCE(waiters[j].calls), j <= i ? 2 : 1);
		}
	}
	for (i = 0; i < LINE; i++)
		EXPECT_EQ(test, waiters[i].order, i + 1);
	expect_permits(test, &semaphore, 0);
	kvfree(waiters);
}

/* A permit was promised to a task that has not run yet. It is not for those that come later. */
static void newcomers_do_not_overtake(struct scopex_test *test)
{
	unsigned int i, cpu = test_this_cpu(), other = test_other_cpu(cpu);
	struct test_waiter *waiters = kvcalloc(3, sizeof(*waiters), GFP_KERNEL), late;
	struct scopex_semaphore semaphore;
	struct test_item gated;
	struct test_gate gate;

	if (!EXPECT(test, waiters))
		return;
	scopex_semaphore_init(&semaphore, 0);
	scopex_scope(s) {
		for (i = 0; i < 3; i++) {
			test_waiter_init(&waiters[i], test_for_permit, &semaphore);
			EXPECT_EQ(test, scopex_submit_on(s, i == 1 ? other : cpu,
							 &waiters[i].task.work), 0);
			test_until_waiting(&waiters[i].task);
		}
		test_gate_shut(test, s, cpu, &gated, &gate);
		scopex_semaphore_up(&semaphore);
		EXPECT(test, !scopex_semaphore_try_down(&semaphore));
		test_waiter_init(&late, test_for_permit, &semaphore);
		EXPECT_EQ(test, scopex_submit_on(s, other, &late.task.work), 0);
		test_until_waiting(&late.task);
		/* A look for another reason takes nothing, either. */
		scopex_wake(&waiters[1].task);
		while (READ_ONCE(waiters[1].calls) < 2)
			usleep_range(50, 100);
		test_until_waiting(&waiters[1].task);
		EXPECT_EQ(test, semaphore.permits, 1);

		/* The second one does not have to wait until the first one has run. */
		scopex_semaphore_up(&semaphore);
		while (!READ_ONCE(waiters[1].done))
			usleep_range(50, 100);
		EXPECT_EQ(test, waiters[0].calls, 1);
		EXPECT_EQ(test, late.calls, 1);
		complete(&gate.go);
		scopex_semaphore_up(&semaphore);
		while (!READ_ONCE(waiters[2].done))
			usleep_range(50, 100);
		EXPECT_EQ(test, late.calls, 1);
		scopex_semaphore_up(&semaphore);
	}
	EXPECT_EQ(test, waiters[0].err, 0);
	EXPECT_EQ(test, late.err, 0);
	expect_permits(test, &semaphore, 0);
	kvfree(waiters);
}

/**
 * struct orders - three tasks in scopes of their own, and what is done to them
 * @semaphore: what they wait for
 * @waiters: the tasks
 * @scopes: their scopes
 */
struct orders {
	struct scopex_semaphore	semaphore;
	struct test_waiter	waiters[3];
	struct scopex_scope	*scopes[3];
};

/* In one order; the last task is never cancelled. The tasks run at the end only, or at any time. */
static void one_order(struct scopex_test *test, struct orders *orders,
		      const unsigned int *actions, unsigned int nr, bool gated)
{
	unsigned int i, cpu = test_this_cpu(), taken = 0;
	struct scopex_semaphore *semaphore = &orders->semaphore;
	struct test_item item;
	struct test_gate gate;

	scopex_semaphore_init(semaphore, 0);
	for (i = 0; i < 3; i++) {
		test_waiter_init(&orders->waiters[i], test_for_permit, semaphore);
		EXPECT_EQ(test, scopex_submit_on(orders->scopes[i], cpu,
						 &orders->waiters[i].task.work), 0);
		test_until_waiting(&orders->waiters[i].task);
	}
	scopex_scope(s) {
		if (gated)
			test_gate_shut(test, s, cpu, &item, &gate);
		for (i = 0; i < nr; i++)
			if (actions[i] < 2)
				scopex_cancel(orders->scopes[actions[i]], 0);
			else
				scopex_semaphore_up(semaphore);
		if (gated)
			complete(&gate.go);
	}
	for (i = 0; i < 2; i++) {
		scopex_join(orders->scopes[i]);
		taken += !orders->waiters[i].err;
		EXPECT(test, !orders->waiters[i].err || orders->waiters[i].err == -ECANCELED);
	}
	/* If the permits of the orders went to the others, the last task gets another one. */
	if (taken == 2)
		scopex_semaphore_up(semaphore);
	EXPECT(test, !gated || !taken);
	EXPECT_EQ(test, scopex_join(orders->scopes[2]), 0);
	EXPECT_EQ(test, orders->waiters[2].err, 0);
	expect_permits(test, semaphore, taken == 2 ? 0 : 1 - taken);
}

/* Two permits, and two of three tasks are cancelled, in all orders. */
static void permit_goes_to_the_next_task(struct scopex_test *test)
{
	struct orders *orders = kmalloc(sizeof(*orders), GFP_KERNEL);
	unsigned int gated;

	if (!EXPECT(test, orders))
		return;
	scopex_scope(a) {
		scopex_scope(b) {
			scopex_scope(c) {
				orders->scopes[0] = a;
				orders->scopes[1] = b;
				orders->scopes[2] = c;
				for (gated = 0; gated < 2; gated++) {
					unsigned int actions[] = { 0, 1, 2, 2 };

					do {
						one_order(test, orders, actions,
							  ARRAY_SIZE(actions), gated);
					} while (test_next_order(actions, ARRAY_SIZE(actions)));
				}
			}
		}
	}
	kfree(orders);
}

static const struct scopex_case sync_cases[] = {
	SCOPEX_CASE(event_lets_all_go_on),
	SCOPEX_CASE(event_that_is_reset_at_once),
	SCOPEX_CASE(event_goes_past_cancelled_tasks),
	SCOPEX_CASE(event_wakes_in_order),
	SCOPEX_CASE(threads_wait_for_an_event),
	SCOPEX_CASE(item_that_waits_hands_over),
	SCOPEX_CASE(event_ends_with_the_wait),
	SCOPEX_CASE(permits_are_taken_and_given),
	SCOPEX_CASE(permits_are_given_in_order),
	SCOPEX_CASE(newcomers_do_not_overtake),
	SCOPEX_CASE(permit_goes_to_the_next_task),
};

SCOPEX_SUITE(sync, sync_cases);
