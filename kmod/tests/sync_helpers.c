// SPDX-License-Identifier: GPL-2.0
/* scopex_test: what the tests of events, semaphores and channels share */

#include <linux/cpumask.h>
#include <linux/irq_work.h>
#include <linux/minmax.h>
#include <linux/slab.h>

#include "sync.h"

struct scopex_await *test_for_event(struct test_waiter *waiter)
{
	return scopex_event_wait(&waiter->event, waiter->what);
}

struct scopex_await *test_for_permit(struct test_waiter *waiter)
{
	return scopex_semaphore_down(&waiter->down, waiter->what);
}

struct scopex_await *test_for_message(struct test_waiter *waiter)
{
	return scopex_channel_receive(&waiter->transfer, waiter->what, &waiter->message);
}

struct scopex_await *test_for_place(struct test_waiter *waiter)
{
	return scopex_channel_send(&waiter->transfer, waiter->what, &waiter->message);
}

static int test_waiter_fn(struct scopex_task *task)
{
	struct test_waiter *waiter = container_of(task, struct test_waiter, task);

	WRITE_ONCE(waiter->calls, waiter->calls + 1);
	scopex_coroutine(task) {
		scopex_await(task, waiter->err, waiter->prepare(waiter));
	}
	if (waiter->turn)
		waiter->order = atomic_inc_return(waiter->turn);
	WRITE_ONCE(waiter->done, true);
	return waiter->err;
}

/**
 * test_waiter_init() - initialise a task that waits once
 * @waiter: the task
 * @prepare: prepares what it waits for
 * @what: the event, the semaphore or the channel
 */
void test_waiter_init(struct test_waiter *waiter,
		      struct scopex_await *(*prepare)(struct test_waiter *waiter), void *what)
{
	*waiter = (struct test_waiter){
		.task = SCOPEX_TASK_INIT(test_waiter_fn),
		.prepare = prepare,
		.what = what,
		.err = -ENODATA,
	};
}

/**
 * test_waiters() - tasks that wait, on all CPUs
 * @test: the test
 * @scope: their scope
 * @prepare: prepares what they wait for
 * @what: the event, the semaphore or the channel
 * @nr: how many
 *
 * Return: the tasks, all of which wait, to be freed with kvfree(); or NULL.
 */
struct test_waiter *test_waiters(struct scopex_test *test, struct scopex_scope *scope,
				 struct scopex_await *(*prepare)(struct test_waiter *waiter),
				 void *what, unsigned int nr)
{
	struct test_waiter *waiters = kvmalloc_array(nr, sizeof(*waiters), GFP_KERNEL);
	unsigned int i = 0, cpu;

	if (!EXPECT(test, waiters))
		return NULL;
	while (i < nr)
		for_each_online_cpu(cpu) {
			if (i == nr)
				break;
			test_waiter_init(&waiters[i], prepare, what);
			/* A CPU may take no items. */
			if (scopex_submit_on(scope, cpu, &waiters[i].task.work))
				continue;
			waiters[i].message = i;
			i++;
		}
	for (i = 0; i < nr; i++)
		test_until_waiting(&waiters[i].task);
	return waiters;
}

/**
 * test_in_channel() - how many messages are in a channel?
 * @channel: the channel
 *
 * Return: their number.
 */
unsigned int test_in_channel(struct scopex_channel *channel)
{
	unsigned long flags;
	unsigned int count;

	raw_spin_lock_irqsave(&channel->lock, flags);
	count = channel->count;
	raw_spin_unlock_irqrestore(&channel->lock, flags);
	return count;
}

static void test_shot_fn(struct irq_work *work)
{
	struct test_shot *shot = container_of(work, struct test_shot, work);

	shot->elsewhere = !in_hardirq();
	shot->fn(shot->what);
}

/**
 * test_shoot() - do something in a hard interrupt
 * @test: the test
 * @fn: what to do
 * @what: its argument
 */
void test_shoot(struct scopex_test *test, void (*fn)(void *what), void *what)
{
	struct test_shot shot = {
		.work = IRQ_WORK_INIT_HARD(test_shot_fn),
		.fn = fn,
		.what = what,
	};

	irq_work_queue(&shot.work);
	irq_work_sync(&shot.work);
	EXPECT(test, !shot.elsewhere);
}

/**
 * test_next_order() - put actions into the next order
 * @actions: the actions, in ascending order the first time; some may be equal
 * @nr: how many
 *
 * Return: false if this was the last order.
 */
bool test_next_order(unsigned int *actions, unsigned int nr)
{
	unsigned int i, j;

	for (i = nr - 1; i && actions[i - 1] >= actions[i]; i--)
		;
	if (!i)
		return false;
	for (j = nr - 1; actions[j] <= actions[i - 1]; j--)
		;
	swap(actions[i - 1], actions[j]);
	for (j = nr - 1; i < j; i++, j--)
		swap(actions[i], actions[j]);
	return true;
}
