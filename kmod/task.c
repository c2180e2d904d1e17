// SPDX-License-Identifier: GPL-2.0
/*
 * Tasks: one call of a task's function, and the list of those that have waited
 *
 * Theory of operation
 *
 * A task is an item whose function is always scopex_task_step(), which calls the function of the
 * task. So the paths of other items have no look for tasks, and the worker knows a task by
 * that function, once it has returned something else than 0.
 *
 * The list. A canceller has to find the tasks of a scope that wait. A task enters the list of its
 * scope the first time that it is about to wait, and leaves it when it is completed, or when a
 * canceller has told it. So a task that waits a thousand times takes the lock twice. The locks
 * are a small table, chosen by the scope, so that a caller that has released a lock touches no
 * memory of the scope or of the task.
 *
 * A canceller claims a task under the lock. A task that is about to be completed, and that has
 * ever been in the list, takes the lock once more, also if it was told. So the canceller is through
 * with it by then; see task-told.litmus. Whether it has ever been in the list is known without the
 * lock, as only the worker puts it there.
 */

#include <linux/errno.h>
#include <linux/hash.h>
#include <linux/export.h>
#include <linux/list.h>
#include <linux/sched.h>

#include "current.h"
#include "misuse.h"
#include "option.h"
#include "task.h"
#include "text.h"

#define SCOPEX_TASK_LOCK_BITS	6

static struct {
	raw_spinlock_t	lock;
} ____cacheline_aligned_in_smp scopex_task_locks[BIT(SCOPEX_TASK_LOCK_BITS)] = {
	[0 ... BIT(SCOPEX_TASK_LOCK_BITS) - 1] = {
		.lock = __RAW_SPIN_LOCK_UNLOCKED(scopex_task_locks),
	},
};

/* The lock of the list of a scope's tasks that have waited. It is also that of other scopes. */
raw_spinlock_t *scopex_task_lock(const struct scopex_scope *scope)
{
	return &scopex_task_locks[hash_ptr(scope, SCOPEX_TASK_LOCK_BITS)].lock;
}

/**
 * scopex_await_give_up() - disarm an await, or ask whether it is over, if it can't be disarmed
 * @await: the await, which is armed, and whose result the task does not want any more
 *
 * Context: the function of the task.
 *
 * Return: as ->ready of the await's kind; -ECANCELED if it was disarmed.
 */
int scopex_await_give_up(struct scopex_await *await)
{
	const struct scopex_await_ops *ops = await->ops;

	if (!ops->disarm)
		return ops->give_up ? ops->give_up(await) : ops->ready(await);
	ops->disarm(await);
	return -ECANCELED;
}

/**
 * scopex_await_break() - make sure that nobody wakes a task because of what it waits for
 * @task: the task, which runs and waits for something
 *
 * The end of a scope of the task is left alone: the task is not completed before that.
 *
 * Context: the function of the task's item; sleeps, if the wait can't be broken off.
 */
void scopex_await_break(struct scopex_task *task)
{
	const struct scopex_task_scope *inner = (void *)task + task->scope;
	struct scopex_await *await = task->await;

	if (!task->scope || await != &inner->await)
		while (scopex_await_give_up(await) == SCOPEX_PENDING)
			schedule_timeout_uninterruptible(1);
	WRITE_ONCE(task->await, NULL);
}

/* A task has returned its result, and is still armed to be woken. Nobody must wake it any more. */
static noinline void scopex_task_disarm(struct scopex_task *task)
{
	scopex_misuse("task %ps is completed while it waits for a %s", task->fn,
		      scopex_name(task->await->ops->name));
	scopex_await_break(task);
}

/* A task has returned its result, and has left a scope open. The worker waits for it. */
static noinline void scopex_task_leave(struct scopex_task *task)
{
	struct scopex_task_scope *inner = (void *)task + task->scope;

	scopex_misuse("task %ps is completed, and scope %s of it is open: its worker waits",
		      task->fn, scopex_name(inner->scope.site->name));
	scopex_option_leave(&inner->scope, atomic64_read(&inner->scope.state));
}

static void scopex_task_unlist(struct scopex_task *task)
{
	raw_spinlock_t *lock = scopex_task_lock(task->work.scope);
	unsigned long flags;

	raw_spin_lock_irqsave(lock, flags);
	list_del(&task->node);
	raw_spin_unlock_irqrestore(lock, flags);
}

/**
 * scopex_task_step() - call the function of a task; the function of a task's item
 * @work: the item of the task
 *
 * Context: the item's function.
 *
 * Return: what the function of the task has returned.
 */
int scopex_task_step(struct scopex_work *work)
{
	struct scopex_task *task = scopex_work_to_task(work);
	struct scopex_worker *w = scopex_active_worker() ?: scopex_this_worker();
	struct scopex_task *before = NULL;
	int ret;

	if (scopex_task_begin(task)) {
		task->at = 0;
		task->await = NULL;
		task->node.next = NULL;
		task->scope = 0;
	}
	if (likely(w)) {
		/* Show the caller's function as the running one. */
		WRITE_ONCE(w->fn, (void *)task->fn);
		before = w->running;
		w->running = task;
	}
	ret = task->fn(task);
	if (likely(w))
		w->running = before;
	if (ret == SCOPEX_PENDING || ret == SCOPEX_AGAIN)
		return ret;

	if (unlikely(task->await))
		scopex_task_disarm(task);
	while (unlikely(task->scope))
		scopex_task_leave(task);
	if (scopex_task_is_listed_or_told(task))
		scopex_task_unlist(task);
	scopex_task_complete(task);
	return ret;
}
EXPORT_SYMBOL_GPL(scopex_task_step);

/**
 * scopex_task_init() - initialise a task
 * @task: the task; must not be busy
 * @fn: the function of the task
 *
 * To initialise a busy task is a bug of the caller. This call then warns, and leaves the task as
 * it is: see scopex_work_init(). Unlike an item, a task must not initialise itself either.
 *
 * Context: any but NMI.
 */
void scopex_task_init(struct scopex_task *task, scopex_task_fn_t fn)
{
	const struct scopex_worker *w = scopex_this_worker();

	if (!__scopex_may_init(&task->work))
		return;
	if (unlikely(w && w->running == task)) {
		scopex_misuse("task %ps initialises itself while it runs: refused", task->fn);
		return;
	}
	__scopex_work_set(&task->work, scopex_task_step);
	task->fn = fn;
	task->await = NULL;
	atomic_set(&task->state, SCOPEX_TASK_NEW);
}
EXPORT_SYMBOL_GPL(scopex_task_init);
