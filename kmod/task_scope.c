// SPDX-License-Identifier: GPL-2.0
/*
 * Scopes that a task opens, and whose end it awaits
 *
 * Theory of operation
 *
 * The scope is in the task's object, and its owner is the task. It is nested in the task's own
 * scope, so a cancellation reaches it, and the watchdog and debugfs show it. They show the thread
 * that ran the task when it opened the scope, as a task has no name.
 *
 * The last reference. The owner of another scope is a thread, and the kernel keeps the memory of
 * a thread for a while after its end. So a worker may wake it when the scope is gone already. A
 * task is gone with its scope. So here the step that gives a reference back, and the claim of
 * the task that follows if it was the last one, are under a lock. The task makes the step to
 * CLOSED, after which no new reference comes, and then takes that lock once: so all that gave one
 * back are through with the task, and what the items wrote is visible. It is a lock as that of the
 * task's list (see task.c), which is in neither of the two. The option's function "put" does
 * that, so that the put of all other scopes has no look for tasks.
 *
 * A walk may take a reference between the look of the task and its step to CLOSED. Then the step
 * fails, the task waits on, and the walk wakes it when it gives the reference back.
 *
 * In a serial scope the owner's thread waits for the task, and perhaps no other worker serves the
 * queue where the items of the task's scope would be. So there the scope is refused.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/kthread.h>
#include <linux/printk.h>

#include <trace/events/scopex.h>

#include "cancel.h"
#include "current.h"
#include "hand_over.h"
#include "misuse.h"
#include "option.h"
#include "options.h"
#include "registry.h"
#include "scope.h"
#include "state.h"
#include "task.h"
#include "text.h"

static struct scopex_task_scope *scopex_task_scope_of(struct scopex_scope *scope)
{
	return container_of(scope, struct scopex_task_scope, scope);
}

/* Give a reference back. If it is the last one, and the task waits for that, wake it. */
static void scopex_task_scope_put(struct scopex_scope *scope)
{
	struct scopex_task *task = scopex_await_task(&scopex_task_scope_of(scope)->await);
	raw_spinlock_t *lock = scopex_task_lock(scope);
	unsigned long flags;
	bool claimed = false;

	raw_spin_lock_irqsave(lock, flags);
	if ((u32)scopex_state_put_locked(scope) == (SCOPEX_ONE | SCOPEX_WAITING))
		claimed = scopex_wake_claim(task);
	raw_spin_unlock_irqrestore(lock, flags);
	/* The scope may be gone. A claimed task stays until it is pushed. */
	if (claimed)
		scopex_wake_push(task);
}

/* Close the scope if it is drained. Returns its error, or SCOPEX_PENDING. */
static int scopex_task_scope_ready(struct scopex_await *await)
{
	struct scopex_task_scope *inner = container_of(await, struct scopex_task_scope, await);
	struct scopex_task *task = scopex_await_task(await);
	struct scopex_scope *scope = &inner->scope;
	raw_spinlock_t *lock = scopex_task_lock(scope);
	unsigned long flags;
	u64 state;

	state = atomic64_read(&scope->state);
	if (!scopex_is_drained(state) || !scopex_close_listed(scope, state))
		return SCOPEX_PENDING;
	/*
	 * Nobody has a reference any more. Whatever gave the last one back is through with the
	 * task, and what the items wrote is visible; see task-scope.litmus.
	 */
	raw_spin_lock_irqsave(lock, flags);
	raw_spin_unlock_irqrestore(lock, flags);
	trace_scopex_close(scope);
	task->scope = inner->outer;
	return scope->error;
}

static int scopex_task_scope_arm(struct scopex_await *await)
{
	struct scopex_task_scope *inner = container_of(await, struct scopex_task_scope, await);
	struct scopex_task *task = scopex_await_task(await);

	if (unlikely(!scopex_is_open(&inner->scope)))
		return inner->scope.error ?: -EINVAL;
	if (unlikely((void *)task + task->scope != (void *)inner)) {
		scopex_misuse("task %ps closes scope %s before one that it has opened since",
			      task->fn, scopex_name(inner->scope.site->name));
		return -EINVAL;
	}
	scopex_state_wait(&inner->scope);
	return scopex_task_scope_ready(await);
}

/* The end of the scope has lost in a first-of: let it come soon. */
static int scopex_task_scope_give_up(struct scopex_await *await)
{
	struct scopex_task_scope *inner = container_of(await, struct scopex_task_scope, await);

	if (!scopex_cancelled(&inner->scope))
		scopex_cancel_tree(&inner->scope, 0);
	return scopex_task_scope_ready(await);
}

/* Without a way to disarm: the items may use the task's object, so it has to wait for them. */
static const struct scopex_await_ops scopex_task_scope_ops = {
	.name = "scope",
	.arm = scopex_task_scope_arm,
	.ready = scopex_task_scope_ready,
	.give_up = scopex_task_scope_give_up,
	.begun = true,
};

/* The task is about to be completed. Its worker waits in its stead. */
static void scopex_task_scope_leave(struct scopex_scope *scope)
{
	struct scopex_worker *w = scopex_this_worker();

	scopex_cancel_tree(scope, 0);
	if (w)
		scopex_hand_over(w);
	while (scopex_task_scope_ready(&scopex_task_scope_of(scope)->await) == SCOPEX_PENDING)
		usleep_range(1000, 2000);
}

const struct scopex_option scopex_task_scope_option = {
	.flag = SCOPEX_OF_TASK,
	.put = scopex_task_scope_put,
	.leave = scopex_task_scope_leave,
};

/**
 * __scopex_task_open() - open a scope in a task; for scopex_task_open()
 * @task: the task
 * @inner: the scope
 * @site: the place in the code
 * @flags: SCOPEX_FAIL_FAST or 0
 *
 * Context: the function of the task.
 */
void __scopex_task_open(struct scopex_task *task, struct scopex_task_scope *inner,
			struct scopex_site *site, unsigned int flags)
{
	struct scopex_scope *scope = &inner->scope, *parent = task->work.scope;
	long from_task = (void *)inner - (void *)task;

	scopex_fill_scope(scope, site, flags & SCOPEX_FAIL_FAST);
	inner->await.ops = &scopex_task_scope_ops;
	inner->await.from_task = (void *)&inner->await - (void *)task;
	if (unlikely(flags & ~SCOPEX_FAIL_FAST || from_task != (s32)from_task ||
		     (atomic_read(&task->state) != SCOPEX_TASK_RUNNING &&
		      atomic_read(&task->state) != SCOPEX_TASK_NOTIFIED))) {
		scope->error = -EINVAL;
		scopex_state_init(scope, SCOPEX_REFUSED);
		scopex_misuse("%pS opens scope %s (flags %#x) outside of task %ps or its object",
			      (void *)_RET_IP_, scopex_name(site->name), flags, task->fn);
		return;
	}
	if (unlikely(atomic64_read(&parent->state) & scopex_hooks.poll)) {
		scope->error = -EDEADLK;
		scopex_state_init(scope, SCOPEX_REFUSED);
		pr_warn_ratelimited("scope %s of %s() is refused: its task is in a serial scope\n",
				    scopex_name(site->name), scopex_name(site->func));
		return;
	}
	inner->outer = task->scope;
	task->scope = from_task;
	scope->parent = parent;
	scope->depth = min(parent->depth + 1, U8_MAX);
	scopex_state_init(scope, SCOPEX_OPEN | SCOPEX_OF_TASK | SCOPEX_ONE);
	trace_scopex_open(scope);
	scopex_register(scope);
	/* List the scope before the look at its parent; see scopex_inherit_cancel(). */
	scopex_inherit_cancel(scope);
}
EXPORT_SYMBOL_GPL(__scopex_task_open);

/**
 * scopex_task_close() - wait for the end of a scope that the task has opened
 * @inner: the scope
 *
 * For scopex_await() and scopex_poll(). The await is over when every item of the scope is
 * completed; then the scope is closed. A cancellation does not end the wait: it cancels the scope,
 * too. In scopex_first_of() with scopex_sleep_until() the scope has a deadline: it is cancelled if
 * it loses, and the wait goes on until all of its items are completed.
 *
 * Context: the function of the task.
 *
 * Return: the await. Its result is that of the scope, as scopex_join() returns it; -EDEADLK if the
 * scope was refused, as the task is in a serial scope (see scopex_scope()); with a warning,
 * -EINVAL if the task has opened another scope since, which is open.
 */
struct scopex_await *scopex_task_close(struct scopex_task_scope *inner)
{
	return &inner->await;
}
EXPORT_SYMBOL_GPL(scopex_task_close);
