// SPDX-License-Identifier: GPL-2.0
/*
 * Tasks begin to wait, and are woken
 *
 * Theory of operation
 *
 * To wake a task is to queue its item on the CPU where the task is at home: the one whose worker
 * has called it last. It is queued there as an item that names this CPU, or goes to the end of the
 * batch (see batch.h). A wake never calls the function, so a chain of wakes takes no stack, and a
 * task that is woken all the time goes behind all others each time. If the CPU has gone offline in
 * the meantime, its queue is served all the same (see hotplug.c), and the task gets another home
 * when it waits the next time.
 *
 * A task that waits keeps the reference on its scope, as any item does that is not completed. So
 * the scope stays while a waker queues the task.
 *
 * Cancellations. A canceller marks the scope, and then takes the tasks out of the scope's list,
 * some at a time, and wakes them. A task looks at the mark each time that it is about to wait
 * for something: see await.c. It looks too early if the mark comes after that, and before the task
 * is in the list. So a worker that has put a task into the list looks once more. Either it sees
 * the mark, or the canceller sees the task; see task-cancel.litmus. Each task is told once: after
 * that it may wait for what can't be broken off.
 */

#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/preempt.h>

#include <trace/events/scopex.h>

#include "batch.h"
#include "cpu.h"
#include "current.h"
#include "inject.h"
#include "misuse.h"
#include "option.h"
#include "task.h"
#include "wake.h"
#include "waker.h"
#include "woken.h"

/* Put a task into the list of its scope. Returns true if the scope was cancelled before. */
static bool scopex_task_list(struct scopex_scope *scope, struct scopex_task *task)
{
	raw_spinlock_t *lock = scopex_task_lock(scope);
	unsigned long flags;

	scopex_inject(SCOPEX_INJECT_TASK_LIST);
	raw_spin_lock_irqsave(lock, flags);
	if (!scope->tasks.next)
		INIT_LIST_HEAD(&scope->tasks);
	list_add_tail(&task->node, &scope->tasks);
	raw_spin_unlock_irqrestore(lock, flags);
	/*
	 * A full barrier: list the task, then look at the mark; pairs with scopex_cancel_tree();
	 * see task-cancel.litmus.
	 */
	smp_mb();
	return scopex_cancelled(scope);
}

/**
 * scopex_task_suspend() - let a task wait
 * @scope: its scope, on which the caller holds a reference beside that of the task
 * @task: the task, whose function has returned SCOPEX_PENDING
 * @home: the CPU where it will run when it is woken
 *
 * Context: the worker, which must not touch the task afterwards.
 *
 * Return: true if the task waits; false if the worker has to queue it again.
 */
bool scopex_task_suspend(struct scopex_scope *scope, struct scopex_task *task,
			 struct scopex_cpu *home)
{
	trace_scopex_task_wait(scope, task);
	task->work.cpu = home->cpu;
	WRITE_ONCE(task->since, (u32)jiffies);
	/* A canceller that finds the task in the list has it run again. */
	if (unlikely(!scopex_task_is_listed_or_told(task)) && scopex_task_list(scope, task))
		goto again;
	scopex_inject(SCOPEX_INJECT_TASK_WAIT);
	if (likely(scopex_task_wait(task)))
		return true;
again:
	/* Not the number of a CPU any more. */
	task->work.queued = 0;
	return false;
}

/**
 * scopex_wake_claim() - wake a task, short of queueing it
 * @task: the task, which must not be completed before this returns
 *
 * For a waker that holds a lock under which it knows that the task is not completed, and that
 * it wants to release before it queues the task. All that the caller wrote before is visible to
 * the task.
 *
 * Context: any but NMI.
 *
 * Return: true if the caller has to call scopex_wake_push(); else it must not touch the task any
 * more.
 */
bool scopex_wake_claim(struct scopex_task *task)
{
	int before;

	if (unlikely(in_nmi())) {
		scopex_misuse("%pS wakes task %ps in an NMI", (void *)_RET_IP_, task->fn);
		return false;
	}
	before = scopex_task_claim(task);
	if (unlikely(before == SCOPEX_TASK_COMPLETED))
		scopex_misuse("%pS wakes task %ps, which is completed", (void *)_RET_IP_,
			      task->fn);
	return before == SCOPEX_TASK_WAITING;
}
EXPORT_SYMBOL_GPL(scopex_wake_claim);

/**
 * scopex_wake_push() - queue a task that scopex_wake_claim() has claimed
 * @task: the task; the caller must not touch it afterwards
 *
 * Context: any but NMI, under any lock under which a task may be woken.
 */
void scopex_wake_push(struct scopex_task *task)
{
	struct scopex_work *work = &task->work;
	struct scopex_scope *scope = work->scope;
	struct scopex_cpu *home = per_cpu_ptr(&scopex_cpus, work->cpu);
	struct scopex_worker *w = scopex_active_worker();
	u64 state = atomic64_read(&scope->state);

	scopex_inject(SCOPEX_INJECT_TASK_PUSH);
	work->queued = 0;
	trace_scopex_submit(scope, work, home->cpu);
	if (unlikely(state & scopex_hooks.wake))
		scopex_option_wake(scope, work, state);
	else if (!w || w->sc != home || !in_task() || !scopex_batch_add(w, &work->node))
		scopex_push(home, work, work);
}
EXPORT_SYMBOL_GPL(scopex_wake_push);

/**
 * scopex_wake() - wake a task
 * @task: the task, which must not be completed before this returns
 *
 * The function of the task is called again. If the task runs, this happens after the call that
 * runs now; if it is queued, nothing more has to be done. To wake means "look again": a task may
 * be woken for many reasons, so it has to look whether what it waits for is there. All that the
 * caller wrote before is visible to the call.
 *
 * A task may complete for another reason, for example a cancellation. So the caller has to know
 * that it has not: mostly it holds a lock that the task takes before it is completed.
 *
 * Context: any but NMI, hard interrupts included, under any lock under which a task may be woken.
 * Does not sleep, allocates no memory. With a warning, nothing happens if the task is completed,
 * and in an NMI.
 */
void scopex_wake(struct scopex_task *task)
{
	if (scopex_wake_claim(task))
		scopex_wake_push(task);
}
EXPORT_SYMBOL_GPL(scopex_wake);

/**
 * scopex_tell_tasks() - wake tasks because their scope is cancelled
 * @scope: the scope, which is open
 * @nr: how many tasks at most
 *
 * Context: any but NMI.
 *
 * Return: true if tasks are left that were not told.
 */
bool scopex_tell_tasks(struct scopex_scope *scope, unsigned int nr)
{
	raw_spinlock_t *lock = scopex_task_lock(scope);
	struct scopex_woken woken;
	struct scopex_task *task;
	unsigned long flags;
	bool left;

	/* The mark of the canceller comes with a full barrier, before this look at the list. */
	if (!READ_ONCE(scope->tasks.next))
		return false;
	scopex_woken_init(&woken, nr);
	raw_spin_lock_irqsave(lock, flags);
	for (;;) {
		task = list_first_entry_or_null(&scope->tasks, struct scopex_task, node);
		/*
		 * The join that follows the cancellation may have cleared the mark by now. Then
		 * this task is of the next round, and was not cancelled.
		 */
		left = task && scopex_cancelled(scope);
		if (!left || !woken.room)
			break;
		list_del_init(&task->node);
		scopex_woken_add(&woken, task);
	}
	raw_spin_unlock_irqrestore(lock, flags);
	scopex_woken_push(&woken);
	return left;
}
