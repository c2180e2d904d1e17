// SPDX-License-Identifier: GPL-2.0
/*
 * A task that exits with an open scope
 *
 * Theory of operation
 *
 * A user of scopex_scope() and scopex_run() can't leave a scope open, but a task can be ended
 * inside of one: by an oops, or by a call that does not return. The kernel would free its
 * stack while items borrow from it. So scopex looks at each exiting task, in a probe of the
 * tracepoint sched_process_exit, the only hook that a module can have there. If the task owns
 * an open scope, the probe reports it, and gives the task some work to do on its way out: to
 * drain and close its scopes. The task does this itself, in process context, with its stack
 * still in place.
 *
 * An oops on x86. The task begins its exit on an empty stack there, and would overwrite the
 * scope, and all that its items borrow, before it reaches the probe. So scopex looks at an
 * oops while the kernel reports it. If a scope of the task has items that are not completed,
 * or has a timer, scopex panics, and names the scope. If a scope has no items left, scopex
 * takes it out of its list.
 *
 * A worker that exits inside of an item. Another worker takes over its queue, as if the item
 * slept for ever.
 *
 * The cost. The usual exit costs a look at the registry's bucket for the task, which is mostly
 * empty. A scope that has never had an item or a timer was not listed, and does no harm.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kdebug.h>
#include <linux/kernel.h>
#include <linux/panic.h>
#include <linux/sched.h>
#include <linux/task_work.h>
#include <linux/tracepoint.h>

#include "compat/arch.h"
#include "compat/exit_probe.h"
#include "cpu.h"
#include "current.h"
#include "exit.h"
#include "hand_over.h"
#include "misuse.h"
#include "registry.h"
#include "resched.h"
#include "scope.h"
#include "state.h"
#include "text.h"
#include "thread.h"

#ifdef CONFIG_TRACEPOINTS

static struct tracepoint *scopex_exit_point;

/* Returns an open scope of the task, the innermost one if the task is a worker; or NULL. */
static struct scopex_scope *scopex_find_left_open(struct task_struct *task)
{
	struct scopex_worker *w = scopex_this_worker();

	return w ? w->innermost : scopex_scope_of(task);
}

/*
 * An item may end its thread, by an oops or on purpose. It is never completed, and its scope
 * waits for it for ever. But the other items of its CPU go on.
 */
static noinline void scopex_check_worker(struct scopex_worker *w)
{
	struct scopex_site *site = w ? w->site : NULL;

	if (likely(!site))
		return;
	scopex_misuse("item %ps of scope %s of %s() ends the thread that runs it on CPU %u: its scope will never drain",
		      w->fn, scopex_name(site->name), scopex_name(site->func), w->sc->cpu);
	scopex_worker_exits(w);
}

static void scopex_close_left_open(struct callback_head *head)
{
	struct scopex_worker *w = scopex_this_worker();
	struct scopex_scope *scope;

	/* The item is gone. An item of a serial scope would keep its own scope from closing. */
	if (w)
		WRITE_ONCE(w->scope, NULL);
	while ((scope = scopex_find_left_open(current))) {
		scopex_cancel(scope, 0);
		__scopex_close(scope);
	}
}

/*
 * Give the current task, which exits, the work to drain its scopes. Returns false if it does
 * not get it. A worker has a field for that. Another task uses fields of the scope that only
 * scopes on workers need.
 */
static bool scopex_drain_at_exit(struct task_struct *task, struct scopex_scope *scope)
{
	struct scopex_worker *w = scopex_this_worker();
	struct callback_head *head = w ? &w->exit : &scope->exit;

	init_task_work(head, scopex_close_left_open);
	return !task_work_add(task, head, TWA_NONE);
}

static SCOPEX_EXIT_PROBE(scopex_exit_probe)
{
	struct scopex_scope *scope = scopex_find_left_open(task);

	scopex_check_worker(scopex_this_worker());
	if (likely(!scope))
		return;
	scopex_misuse("task %s:%d exits with the open scope %s of %s() (%s:%u)",
		      scopex_comm(task), task->pid, scopex_name(scope->site->name),
		      scopex_name(scope->site->func), scopex_name(scope->site->file),
		      scope->site->line);
	if (!scopex_drain_at_exit(task, scope))
		pr_err("%s:%d can't drain its scope: its items are on a dead stack\n",
		       scopex_comm(task), task->pid);
}

/*
 * Returns true if a scope has no item. A walk may hold the scope for a moment: wait until it
 * goes on.
 */
static bool scopex_is_unused(const struct scopex_scope *scope)
{
	return scopex_spin_until(scopex_is_drained(atomic64_read(&scope->state)), 1000);
}

static int scopex_oops(struct notifier_block *nb, unsigned long what, void *data)
{
	struct scopex_scope *scope;

	if (what != DIE_OOPS || !in_task())
		return NOTIFY_DONE;
	while ((scope = scopex_find_left_open(current))) {
		if (!scopex_is_unused(scope) || scope->flags & __SCOPEX_TIMED ||
		    !scopex_abandon_scope(scope))
			panic("scopex: task %s:%d oopses in the open scope %s of %s() (%s:%u), and its items are on a stack that is used again",
			      scopex_comm(current), current->pid,
			      scopex_name(scope->site->name),
			      scopex_name(scope->site->func),
			      scopex_name(scope->site->file), scope->site->line);
	}
	return NOTIFY_DONE;
}

static struct notifier_block scopex_oops_block = {
	.notifier_call = scopex_oops,
};

static void scopex_find_exit_point(struct tracepoint *point, void *unused)
{
	if (!strcmp(point->name, "sched_process_exit"))
		scopex_exit_point = point;
}

/**
 * scopex_exit_init() - begin to look at each exiting task
 *
 * Context: process context; sleeps.
 *
 * Return: 0 or a negative errno.
 */
int scopex_exit_init(void)
{
	int err;

	for_each_kernel_tracepoint(scopex_find_exit_point, NULL);
	if (!scopex_exit_point)
		return -ENOENT;
	err = tracepoint_probe_register(scopex_exit_point, scopex_exit_probe, NULL);
	if (!err && SCOPEX_OOPS_REWINDS)
		register_die_notifier(&scopex_oops_block);
	return err;
}

/**
 * scopex_exit_stop() - end the look at exiting tasks
 *
 * Context: process context; sleeps.
 */
void scopex_exit_stop(void)
{
	tracepoint_probe_unregister(scopex_exit_point, scopex_exit_probe, NULL);
	tracepoint_synchronize_unregister();
	if (SCOPEX_OOPS_REWINDS)
		unregister_die_notifier(&scopex_oops_block);
}
#else
int scopex_exit_init(void)
{
	return -EOPNOTSUPP;
}

void scopex_exit_stop(void)
{
}
#endif
