// SPDX-License-Identifier: GPL-2.0
/*
 * Awaits: what a task waits for
 *
 * Theory of operation
 *
 * A task asks scopex_poll() for something, again in each call of its function until it has a
 * result. The first time the await is armed: wakers find it, and wake the task. With the result it
 * is disarmed: no waker has it any more. In between the task returns SCOPEX_PENDING.
 *
 * To wait takes nothing, to run takes: a waker gives nothing to a task, it only wakes it, and the
 * task takes what is there when it looks. So a task that stops waiting has nothing to give back; it
 * has to pass on the wake-up, if that was meant for one task only.
 *
 * A cancellation lasts until the end of the round. A task of a cancelled scope takes nothing more:
 * scopex_poll() returns -ECANCELED, before it arms and after. A canceller wakes the tasks that wait
 * by then; see waker.c.
 *
 * A task waits for one await at a time, which may stand for several. It must not be completed
 * before that is disarmed: see scopex_task_step().
 */

#include <linux/errno.h>
#include <linux/export.h>
#include <linux/instruction_pointer.h>

#include "await.h"
#include "misuse.h"
#include "task.h"
#include "text.h"

/* The task polls something else than what it waits for. It can wait for one await only. */
static noinline void scopex_await_drop(struct scopex_task *task, unsigned long caller)
{
	scopex_misuse("task %ps waits for a second await, in %pS, before a %s is over", task->fn,
		      (void *)caller, scopex_name(task->await->ops->name));
	scopex_await_break(task);
}

/**
 * scopex_await_arm() - let wakers find a task
 * @task: the task that is running
 * @await: what it waits for
 *
 * Context: the function of the task.
 *
 * Return: as the function of the await's kind does; -EINVAL with a warning.
 */
int scopex_await_arm(struct scopex_task *task, struct scopex_await *await)
{
	long from_task = (void *)await - (void *)task;

	await->from_task = from_task;
	if (unlikely(await->from_task != from_task)) {
		scopex_misuse("task %ps waits for a %s that is not in the task's object",
			      task->fn, scopex_name(await->ops->name));
		return -EINVAL;
	}
	return await->ops->arm(await);
}

/* Returns true if a cancellation ends the wait, or keeps it from beginning. */
static bool scopex_await_is_cancelled(const struct scopex_task *task,
				      const struct scopex_await *await)
{
	return scopex_cancelled(task->work.scope) && await->ops->disarm;
}

/**
 * scopex_poll() - take what a task waits for, or wait for it
 * @task: the task that is running
 * @await: what it waits for, prepared by a function of its kind, as a part of the task's object
 *
 * The task returns SCOPEX_PENDING if this does, and calls it again with the same await when its
 * function is called again.
 *
 * Context: the function of the task. Does not sleep, but for a kind that says so.
 *
 * Return: SCOPEX_PENDING if the task has to wait; else the await is over, and can be used again:
 * 0; an error of its kind; -ECANCELED if the scope of the task is cancelled, with nothing taken;
 * with a warning, -EINVAL if @await is no part of the task's object.
 */
int scopex_poll(struct scopex_task *task, struct scopex_await *await)
{
	int ret = SCOPEX_PENDING;
	bool cancelled;

	if (unlikely(!await)) {
		scopex_misuse("task %ps waits for nothing, in %pS", task->fn, (void *)_RET_IP_);
		return -EINVAL;
	}
	cancelled = scopex_await_is_cancelled(task, await);
	if (unlikely(task->await != await)) {
		if (unlikely(task->await))
			scopex_await_drop(task, _RET_IP_);
		if (cancelled)
			return -ECANCELED;
		ret = scopex_await_arm(task, await);
		if (ret != SCOPEX_PENDING)
			return ret;
		WRITE_ONCE(task->await, await);
		/* This spares a wait that a canceller would end at once; see waker.c. */
		cancelled = scopex_await_is_cancelled(task, await);
	} else if (!cancelled) {
		ret = await->ops->ready(await);
	}

	if (cancelled) {
		await->ops->disarm(await);
		ret = -ECANCELED;
	}
	if (ret != SCOPEX_PENDING)
		WRITE_ONCE(task->await, NULL);
	return ret;
}
EXPORT_SYMBOL_GPL(scopex_poll);
