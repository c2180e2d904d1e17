// SPDX-License-Identifier: GPL-2.0
/*
 * Events: something happens, and all that wait for it go on
 *
 * Theory of operation
 *
 * An event is set until it is reset. A wait that begins while the event is set is over at once. A
 * wait that has begun before is over even if the event is reset before the task looks: an event
 * counts how often it was set, and the await keeps the count of its beginning. So to set an event
 * and to reset it at once lets all go on that wait, and none that comes later.
 *
 * Any number of tasks may wait, and the caller may be a hard interrupt. So each section under the
 * lock wakes a few tasks only, the ones that have waited longest. Each of these, when it looks, or
 * stops to wait, wakes the next ones that still wait for an earlier count. So as long as such tasks
 * are in the list, there is a woken one that has not looked; and it is the many that do the
 * work, on all CPUs, not the one that sets the event.
 *
 * Threads wait in a queue of the kernel's, in the same manner: one is woken, and wakes the next.
 *
 * The event may end when the waits are over: a task or a thread takes the lock once more before its
 * wait ends, and nobody touches the event after the section in which it has woken a task or a
 * thread. So the thread is woken under the lock.
 */

#include <linux/errno.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/scopex_sync.h>
#include <linux/spinlock.h>
#include <linux/swait.h>

#include "woken.h"

/* Was the event set since a wait began that has seen this count? */
static bool scopex_event_has_happened(const struct scopex_event *event, u32 sets)
{
	return READ_ONCE(event->sets) != sets;
}

/*
 * Wake tasks for which the event has happened. A task that has waited longer stands before the
 * others, so its count is not higher.
 */
static void scopex_event_serve(struct scopex_event *event, struct scopex_woken *woken)
{
	struct scopex_event_waiter *waiter;

	while (woken->room) {
		waiter = list_first_entry_or_null(&event->waiters, struct scopex_event_waiter,
						  node);
		if (!waiter || !scopex_event_has_happened(event, waiter->await.mark))
			break;
		list_del_init(&waiter->node);
		scopex_woken_add(woken, scopex_await_task(&waiter->await));
	}
}

/* A task looks: it leaves if the event has happened, or in any case. */
static bool scopex_event_look(struct scopex_await *await, bool leave)
{
	struct scopex_event_waiter *waiter =
		container_of(await, struct scopex_event_waiter, await);
	struct scopex_event *event = waiter->event;
	struct scopex_woken woken;
	unsigned long flags;
	bool happened;

	scopex_woken_init(&woken, SCOPEX_WOKEN_MAX);
	raw_spin_lock_irqsave(&event->lock, flags);
	happened = scopex_event_has_happened(event, await->mark);
	if (happened || leave) {
		list_del_init(&waiter->node);
		scopex_event_serve(event, &woken);
	}
	raw_spin_unlock_irqrestore(&event->lock, flags);
	scopex_woken_push(&woken);
	return happened;
}

static int scopex_event_ready(struct scopex_await *await)
{
	return scopex_event_look(await, false) ? 0 : SCOPEX_PENDING;
}

static void scopex_event_disarm(struct scopex_await *await)
{
	scopex_event_look(await, true);
}

static int scopex_event_arm(struct scopex_await *await)
{
	struct scopex_event_waiter *waiter =
		container_of(await, struct scopex_event_waiter, await);
	struct scopex_event *event = waiter->event;
	unsigned long flags;
	bool set;

	raw_spin_lock_irqsave(&event->lock, flags);
	set = READ_ONCE(event->set);
	if (!set) {
		await->mark = event->sets;
		list_add_tail(&waiter->node, &event->waiters);
	}
	raw_spin_unlock_irqrestore(&event->lock, flags);
	return set ? 0 : SCOPEX_PENDING;
}

static const struct scopex_await_ops scopex_event_ops = {
	.name = "event",
	.arm = scopex_event_arm,
	.ready = scopex_event_ready,
	.disarm = scopex_event_disarm,
};

/**
 * scopex_event_wait() - an await: wait until an event is set
 * @waiter: how the task waits, in the task's object
 * @event: the event
 *
 * The wait is over at once if the event is set, and else when it is set, even if it is reset at
 * once after that.
 *
 * Context: any.
 *
 * Return: the await, for scopex_await() or scopex_poll(), which return 0 then.
 */
struct scopex_await *scopex_event_wait(struct scopex_event_waiter *waiter,
				       struct scopex_event *event)
{
	waiter->await.ops = &scopex_event_ops;
	waiter->event = event;
	return &waiter->await;
}
EXPORT_SYMBOL_GPL(scopex_event_wait);

/**
 * scopex_event_init() - initialise an event, which is not set
 * @event: the event
 *
 * Context: any.
 */
void scopex_event_init(struct scopex_event *event)
{
	raw_spin_lock_init(&event->lock);
	event->set = false;
	event->sets = 0;
	event->nr_threads = 0;
	INIT_LIST_HEAD(&event->waiters);
	init_swait_queue_head(&event->threads);
}
EXPORT_SYMBOL_GPL(scopex_event_init);

/**
 * scopex_event_set() - set an event: all that wait for it go on
 * @event: the event, which is not touched any more when the last wait for it is over
 *
 * All that the caller has written before is visible to the tasks and threads that go on. The event
 * stays set until scopex_event_reset().
 *
 * Context: any but NMI, hard interrupts included, under any lock under which a task may be woken.
 * Does not sleep. Takes a time that does not depend on how many wait.
 */
void scopex_event_set(struct scopex_event *event)
{
	struct scopex_woken woken;
	unsigned long flags;

	scopex_woken_init(&woken, SCOPEX_WOKEN_MAX);
	raw_spin_lock_irqsave(&event->lock, flags);
	/*
	 * Release: a reset after this sees all that the caller has written; pairs with
	 * scopex_event_reset(); see event-reset.litmus.
	 */
	smp_store_release(&event->set, true);
	WRITE_ONCE(event->sets, event->sets + 1);
	scopex_event_serve(event, &woken);
	if (unlikely(event->nr_threads))
		swake_up_one(&event->threads);
	raw_spin_unlock_irqrestore(&event->lock, flags);
	scopex_woken_push(&woken);
}
EXPORT_SYMBOL_GPL(scopex_event_set);

/**
 * scopex_event_reset() - end the time in which an event is set
 * @event: the event
 *
 * What waited when the event was set goes on all the same. If the caller then looks for what the
 * event tells, nothing is missed: either it is there, or the event is set again.
 *
 * Context: any but NMI.
 */
void scopex_event_reset(struct scopex_event *event)
{
	/*
	 * Acquire: see what was written before the event was set; pairs with scopex_event_set().
	 * One step, and not a store, which could come after the next set, and the looks before;
	 * see event-reset.litmus.
	 */
	xchg_acquire(&event->set, false);
}
EXPORT_SYMBOL_GPL(scopex_event_reset);

/**
 * scopex_event_is_set() - ask whether an event is set
 * @event: the event
 *
 * Context: any but NMI.
 *
 * Return: true if it is. Then all is visible that was written before it was set.
 */
bool scopex_event_is_set(struct scopex_event *event)
{
	unsigned long flags;
	bool set;

	/* The lock: the caller may free the event if it is set. */
	raw_spin_lock_irqsave(&event->lock, flags);
	set = READ_ONCE(event->set);
	raw_spin_unlock_irqrestore(&event->lock, flags);
	return set;
}
EXPORT_SYMBOL_GPL(scopex_event_is_set);

/**
 * scopex_event_wait_thread() - a thread waits until an event is set
 * @event: the event
 * @timeout: for how long at most, in jiffies; MAX_SCHEDULE_TIMEOUT: without a limit
 *
 * The mirror of scopex_event_wait(), for code that is not in a task. If an item calls this, its
 * CPU goes on with other items, as after scopex_will_block(). Signals do not end the wait.
 *
 * Context: process context; sleeps.
 *
 * Return: 0; -ETIME if the event was not set in time.
 */
int scopex_event_wait_thread(struct scopex_event *event, long timeout)
{
	unsigned long flags;
	bool happened;
	u32 sets;

	might_sleep();
	raw_spin_lock_irqsave(&event->lock, flags);
	happened = READ_ONCE(event->set);
	sets = event->sets;
	if (!happened)
		event->nr_threads++;
	raw_spin_unlock_irqrestore(&event->lock, flags);
	if (happened)
		return 0;

	scopex_will_block();
	/*
	 * The thread looks without the event's lock. Both it and the one that sets the event take
	 * the lock of the queue in between, so no wake-up is lost.
	 */
	swait_event_idle_timeout_exclusive(event->threads,
					   scopex_event_has_happened(event, sets), timeout);
	raw_spin_lock_irqsave(&event->lock, flags);
	event->nr_threads--;
	happened = scopex_event_has_happened(event, sets);
	if (happened)
		swake_up_one(&event->threads);
	raw_spin_unlock_irqrestore(&event->lock, flags);
	return happened ? 0 : -ETIME;
}
EXPORT_SYMBOL_GPL(scopex_event_wait_thread);
