// SPDX-License-Identifier: GPL-2.0
/*
 * Tasks that wait in wait queues of the kernel
 *
 * Theory of operation
 *
 * A task is in a wait queue by an entry with a function of ours, which the waker calls under the
 * lock of the queue. The function claims the task, takes the entry off the queue, and pushes the
 * task. To push takes no lock but those that wake a thread, as the kernel's own function does.
 * (On PREEMPT_RT the lock of a queue is one that sleeps, so a task never takes it under a raw
 * lock, and nothing here disables interrupts around it.)
 *
 * The last touch. The task may run for another reason while the waker is in that function: then
 * the claim gives the waker nothing to push, and the task may be completed as soon as its entry is
 * off the queue. So the waker claims before it takes the entry off, and does not touch the entry
 * afterwards; it touches the task only if the claim has made it the task's owner. The task finds
 * its entry off the queue without the lock, by list_empty_careful(), which sees the last of the
 * waker's stores; see wait-queue-off.litmus.
 *
 * A queue that goes first. A queue that may be freed while a file that uses it lives on sends
 * POLLFREE before, and is freed an RCU grace period later. The function takes the entry off, and
 * then says so by head = NULL, which is its last touch. It leaves the links of the entry as they
 * are, so that the task does not take it for one of the usual kind. The task reads head in an RCU
 * read section: either it finds NULL, or the queue is there until the section ends; see
 * wait-queue-gone.litmus. Only file.c has such queues: the key of another wake-up need not be a
 * set of events.
 *
 * Look again. A task that enters a queue looks at what it waits for after that. The waker makes
 * that true, and then looks at the queue, under its lock or after a full barrier (see
 * waitqueue_active()). So the task sees what it waits for, or the waker sees the task; see
 * wait-queue-enter.litmus. A waker takes the entry off, so a task that was woken for nothing
 * enters the queue anew, and looks once more.
 *
 * Exclusive waits. A wake-up that wakes one of several is used up by the task whose entry it takes
 * off. A second one finds the next entry. If the task then ends its wait without having taken
 * anything, or had taken it before the wake-up came, it wakes the next one, with the same key.
 */

#include <linux/list.h>
#include <linux/export.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

#include "inject.h"
#include "wait_queue.h"

/**
 * scopex_wait_is_off() - has a waker taken the entry of a task off its queue?
 * @wait: the entry
 *
 * Context: the task.
 *
 * Return: true if one has, and is through with it.
 */
bool scopex_wait_is_off(const struct scopex_wait_entry *wait)
{
	/*
	 * Acquire, twice: the waker is through with the entry; pairs with scopex_wait_wake(); see
	 * wait-queue-off.litmus, wait-queue-gone.litmus.
	 */
	return list_empty_careful(&wait->entry.entry) || !smp_load_acquire(&wait->head);
}

/*
 * Look at the entry of a task under the lock of its queue: so each waker that has claimed the task
 * before is through with the entry. Returns true if the entry was in the queue, where it stays
 * unless @leave.
 */
static bool scopex_wait_look(struct scopex_wait_entry *wait, bool leave)
{
	wait_queue_head_t *head;
	bool queued = false;
	unsigned long flags;

	rcu_read_lock();
	/*
	 * Both looks in the section: a queue that still has the entry is freed after its end; see
	 * wait-queue-freed.litmus.
	 *
	 * Acquire, twice: the waker is through with the entry; pairs with scopex_wait_wake(); see
	 * wait-queue-off.litmus, wait-queue-gone.litmus.
	 */
	head = list_empty_careful(&wait->entry.entry) ? NULL : smp_load_acquire(&wait->head);
	if (head) {
		spin_lock_irqsave(&head->lock, flags);
		queued = wait->head && !list_empty(&wait->entry.entry);
		if (queued && leave)
			list_del_init(&wait->entry.entry);
		spin_unlock_irqrestore(&head->lock, flags);
	}
	rcu_read_unlock();
	return queued;
}

/**
 * scopex_wait_leave() - make sure that the entry of a task is off its queue
 * @wait: the entry
 *
 * Context: the task. Afterwards no waker has the entry.
 *
 * Return: true if it was in the queue; false if a waker had taken it off, or it was in none.
 */
bool scopex_wait_leave(struct scopex_wait_entry *wait)
{
	return scopex_wait_look(wait, true);
}

/**
 * scopex_wait_is_off_now() - ask the same as scopex_wait_is_off(), after a waker that is about to
 *	take the entry off
 * @wait: the entry
 *
 * A waker claims the task before it takes the entry off. If the task was queued or ran then, this
 * call of it is all that comes of the claim: so the task must not wait for a wake-up of a queue
 * that it is about to leave. The waker has the lock of the queue for both steps.
 *
 * Context: the task, which has looked, and has not found what it waits for.
 *
 * Return: true if a waker has taken the entry off, and is through with it.
 */
bool scopex_wait_is_off_now(struct scopex_wait_entry *wait)
{
	return !scopex_wait_look(wait, false);
}

/**
 * scopex_wait_wake() - wake a task, and take its entry off the queue
 * @wait: the entry
 * @task: the task
 * @gone: the queue is about to be freed
 *
 * Context: the waker, under the lock of the queue.
 *
 * Return: what the function of an entry returns if it has used the wake-up.
 */
int scopex_wait_wake(struct scopex_wait_entry *wait, struct scopex_task *task, bool gone)
{
	bool push = scopex_wake_claim(task);

	scopex_inject(SCOPEX_INJECT_WAIT_WAKE);
	if (gone) {
		__list_del_entry(&wait->entry.entry);
		/*
		 * Release: the last touch of the entry; pairs with scopex_wait_look(); see
		 * wait-queue-gone.litmus.
		 */
		smp_store_release(&wait->head, NULL);
	} else {
		/*
		 * Release, in it: the last touch of the entry; pairs with scopex_wait_look(); see
		 * wait-queue-off.litmus.
		 */
		list_del_init_careful(&wait->entry.entry);
	}
	if (push)
		scopex_wake_push(task);
	return 1;
}

static int scopex_wait_queue_wake(wait_queue_entry_t *entry, unsigned int mode, int flags,
				  void *key)
{
	struct scopex_wait_queue_await *wait =
		container_of(entry, struct scopex_wait_queue_await, wait.entry);

	entry->private = key;
	return scopex_wait_wake(&wait->wait, scopex_await_task(&wait->await), false);
}

/*
 * The wait is over, or broken off. @used: the wake-up that has taken the entry off is used up, if
 * one has.
 */
static void scopex_wait_queue_end(struct scopex_wait_queue_await *wait, bool used)
{
	if (!scopex_wait_leave(&wait->wait) && wait->exclusive && !used)
		__wake_up(wait->wait.head, TASK_NORMAL, 1, wait->wait.entry.private);
}

/* Enter the queue, and look again. */
static int scopex_wait_queue_enter(struct scopex_wait_queue_await *wait)
{
	int ret;

	init_waitqueue_func_entry(&wait->wait.entry, scopex_wait_queue_wake);
	if (wait->exclusive)
		add_wait_queue_exclusive(wait->wait.head, &wait->wait.entry);
	else
		add_wait_queue(wait->wait.head, &wait->wait.entry);
	/*
	 * A full barrier: enter the queue, then look; pairs with wq_has_sleeper() of the waker; see
	 * wait-queue-enter.litmus.
	 */
	smp_mb();
	ret = wait->look(wait);
	/* A wake-up that has come since may be for something else than what was taken. */
	if (ret != SCOPEX_PENDING)
		scopex_wait_queue_end(wait, false);
	return ret;
}

static int scopex_wait_queue_arm(struct scopex_await *await)
{
	struct scopex_wait_queue_await *wait =
		container_of(await, struct scopex_wait_queue_await, await);
	int ret = wait->look(wait);

	return ret == SCOPEX_PENDING ? scopex_wait_queue_enter(wait) : ret;
}

static int scopex_wait_queue_ready(struct scopex_await *await)
{
	struct scopex_wait_queue_await *wait =
		container_of(await, struct scopex_wait_queue_await, await);
	bool woken = scopex_wait_is_off(&wait->wait);
	int ret = wait->look(wait);

	if (ret == SCOPEX_PENDING)
		return woken || scopex_wait_is_off_now(&wait->wait) ?
		       scopex_wait_queue_enter(wait) : ret;
	scopex_wait_queue_end(wait, woken && !ret);
	return ret;
}

static void scopex_wait_queue_disarm(struct scopex_await *await)
{
	scopex_wait_queue_end(container_of(await, struct scopex_wait_queue_await, await), false);
}

static const struct scopex_await_ops scopex_wait_queue_ops = {
	.name = "wait queue",
	.arm = scopex_wait_queue_arm,
	.ready = scopex_wait_queue_ready,
	.disarm = scopex_wait_queue_disarm,
};

/**
 * scopex_wait_queue() - wait in a wait queue, as wait_event() does
 * @wait: the await, a part of the task's object
 * @head: the queue, which must stay until the wait is over and its wakers are through with it
 * @look: looks whether what the task waits for is there, and takes it
 *
 * A wake-up of the queue has the task look. The task also looks when it begins to wait. So the
 * waker makes true what the task waits for, and then calls wake_up() or one of its kind, from
 * any context that may do so. @head must not be a queue that sends POLLFREE: scopex_file_poll()
 * knows how to wait in these.
 *
 * Context: the function of a task, in the argument of scopex_await() or of the first scopex_poll();
 * where a spinlock may be taken, also on PREEMPT_RT.
 *
 * Return: the await for scopex_poll(), which returns what @look does.
 */
struct scopex_await *scopex_wait_queue(struct scopex_wait_queue_await *wait,
				       wait_queue_head_t *head, scopex_wait_look_fn_t look)
{
	wait->await.ops = &scopex_wait_queue_ops;
	wait->wait.head = head;
	wait->look = look;
	wait->exclusive = false;
	return &wait->await;
}
EXPORT_SYMBOL_GPL(scopex_wait_queue);

/**
 * scopex_wait_queue_exclusive() - wait in a wait queue, as prepare_to_wait_exclusive() does
 * @wait: the await, a part of the task's object
 * @head: the queue, as for scopex_wait_queue()
 * @look: looks whether what the task waits for is there, and takes it
 *
 * Of all exclusive waiters, tasks and threads, wake_up() wakes the one that waits for the longest
 * time. A task that is chosen, and that does not take what is there, since its scope is cancelled
 * or @look returns an error, wakes the next one. A task takes what is there also when it begins to
 * wait, so it may overtake those that wait already.
 *
 * Context: as for scopex_wait_queue().
 *
 * Return: the await for scopex_poll(), which returns what @look does.
 */
struct scopex_await *scopex_wait_queue_exclusive(struct scopex_wait_queue_await *wait,
						 wait_queue_head_t *head,
						 scopex_wait_look_fn_t look)
{
	scopex_wait_queue(wait, head, look);
	wait->exclusive = true;
	return &wait->await;
}
EXPORT_SYMBOL_GPL(scopex_wait_queue_exclusive);
