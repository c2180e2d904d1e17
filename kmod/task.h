/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state of a task, and all that changes it
 *
 * Theory of operation
 *
 *	NEW ------------------------> RUNNING	the worker calls the function
 *	QUEUED ---------------------> RUNNING	the same
 *	RUNNING, NOTIFIED ----------> RUNNING	the same, after SCOPEX_AGAIN, or as it was woken
 *	RUNNING --------------------> WAITING	the worker, after SCOPEX_PENDING
 *	WAITING --------------------> QUEUED	a waker, which then pushes the item
 *	RUNNING --------------------> NOTIFIED	a waker, which has nothing more to do
 *	RUNNING, NOTIFIED ----------> COMPLETED	the function has returned a result
 *
 * Ownership. From the submit to the completion the task belongs to the one worker
 * that runs it. While it is WAITING, nobody owns it. Of several wakers, the one that makes
 * QUEUED of WAITING owns it, until its push; the others have nothing to push. A worker touches
 * neither the task nor (without a reference of its own) its scope after the step to WAITING, as a
 * waker may have the task run, and completed, at once; see task-wait.litmus.
 *
 * Ordering. A waker first makes true what the task waits for, and then changes the state, also
 * where the state stays the same: each change is a step of one chain, and the call of the function
 * begins with a step of that chain. So the call sees what all wakers before it have written. A
 * waker that comes later makes NOTIFIED of RUNNING: then the step to WAITING fails, and the task is
 * called again. So no wake is lost; see task-wake.litmus, task-notified.litmus.
 *
 * The end. COMPLETED comes before the item is completed. A waker that finds it has used the task
 * too late, and says so. But the object may be gone by then: so each waker has to know that the
 * task is not completed, for example as it holds a lock that the task takes before that (see
 * struct scopex_await_ops).
 *
 * Each function that changes the state is in this file, with its memory order.
 */
#ifndef _SCOPEX_TASK_H
#define _SCOPEX_TASK_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/scopex_task.h>
#include <linux/spinlock.h>

/*
 * scopex_task.node says whether a canceller has to tell the task. Its link is NULL before the task
 * has waited for the first time; then the node is in the list of the scope, until a canceller has
 * told the task, or the task is completed. The node of a task that was told points to itself.
 *
 * The task's worker writes it before the task is in the list; then it belongs to the holder of the
 * list's lock.
 */
static inline bool scopex_task_is_listed_or_told(const struct scopex_task *task)
{
	return READ_ONCE(task->node.next);
}

int scopex_await_give_up(struct scopex_await *await);
void scopex_await_break(struct scopex_task *task);
raw_spinlock_t *scopex_task_lock(const struct scopex_scope *scope);

static inline bool scopex_is_task(const struct scopex_work *work)
{
	return work->fn == scopex_task_step;
}

static inline struct scopex_task *scopex_work_to_task(struct scopex_work *work)
{
	return container_of(work, struct scopex_task, work);
}

/*
 * Returns true if the function of a queued task was called since the task was submitted. Such a
 * task runs on when its scope is cancelled, as it may have something to give back.
 */
static inline bool scopex_task_has_begun(struct scopex_work *work)
{
	int state;

	if (!scopex_is_task(work))
		return false;
	state = atomic_read(&scopex_work_to_task(work)->state);
	return state != SCOPEX_TASK_NEW && state != SCOPEX_TASK_COMPLETED;
}

/* Begin a call. Returns true if it is the first one since the submit. */
static inline bool scopex_task_begin(struct scopex_task *task)
{
	/*
	 * Acquire: see what made the wakers wake; pairs with scopex_task_claim(); see
	 * task-wake.litmus.
	 */
	int before = atomic_xchg_acquire(&task->state, SCOPEX_TASK_RUNNING);

	return before == SCOPEX_TASK_NEW || before == SCOPEX_TASK_COMPLETED;
}

/*
 * Let a task wait. Returns false if it was woken since the call began: then the worker queues it
 * again. Else the worker must not touch it any more.
 */
static inline bool scopex_task_wait(struct scopex_task *task)
{
	int state = SCOPEX_TASK_RUNNING;

	/*
	 * Release: the waker sees where the task is at home, and the next call sees what this
	 * one has written; pairs with scopex_task_claim(); see task-wait.litmus.
	 */
	return atomic_try_cmpxchg_release(&task->state, &state, SCOPEX_TASK_WAITING);
}

/*
 * Wake a task, short of its push. Returns the state that the waker has found. If that is WAITING,
 * the waker pushes the task; else it must not touch the task any more.
 */
static inline int scopex_task_claim(struct scopex_task *task)
{
	int next, state = atomic_read(&task->state);

	do {
		switch (state) {
		case SCOPEX_TASK_WAITING:
			next = SCOPEX_TASK_QUEUED;
			break;
		case SCOPEX_TASK_RUNNING:
			next = SCOPEX_TASK_NOTIFIED;
			break;
		case SCOPEX_TASK_COMPLETED:
			if (!scopex_work_busy(&task->work))
				return state;
			/* It was submitted again, and was not called since: as good as new. */
			next = SCOPEX_TASK_NEW;
			break;
		default:
			next = state;
		}
		/*
		 * Release, also if the state stays: the next call sees why the task was woken;
		 * pairs with scopex_task_begin(); see task-wake.litmus.
		 *
		 * Acquire: see the task's home; pairs with scopex_task_wait(); see
		 * task-wait.litmus.
		 */
	} while (!atomic_try_cmpxchg(&task->state, &state, next));
	return state == SCOPEX_TASK_COMPLETED ? next : state;
}

/* The function has returned the result. The worker completes the item next. */
static inline void scopex_task_complete(struct scopex_task *task)
{
	atomic_set(&task->state, SCOPEX_TASK_COMPLETED);
}

#endif /* _SCOPEX_TASK_H */
