// SPDX-License-Identifier: GPL-2.0
/*
 * A task that exits with an open scope
 *
 * Theory of operation
 *
 * Whoever uses scopex_scope() and scopex_run() can't leave a scope open, but a task
 * can be ended inside of one: by an oops, or by a call that does not return. Its stack
 * would be freed, while items borrow from it. So each exiting task is looked at by a
 * probe of the tracepoint sched_process_exit, the only hook that a module can have
 * there: if one of the open scopes is the task's, this is reported, and the task is
 * given some work to do on its way out, which is to drain and close its scopes. That
 * is the task itself, in process context, with its stack still in place.
 *
 * Not so after an oops on x86: there the task begins its exit on a stack that is empty,
 * and would overwrite the scope, and what its items borrow, before it came here. So an
 * oops is looked at while it is reported: if items of the task's scopes are not out, or
 * a timer is in one, there is no way on but to panic, by the scope's name. A scope that
 * has nothing left is taken out of the list.
 *
 * The same for a worker that exits in the middle of an item: another one takes its
 * queue over, as if the item slept for ever.
 *
 * The usual exit costs a look at the registry's bucket for the task, which mostly is empty.
 * A scope that nobody has a hold on was never listed, and does no harm.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kdebug.h>
#include <linux/kernel.h>
#include <linux/panic.h>
#include <linux/sched.h>
#include <linux/task_work.h>
#include <linux/tracepoint.h>

#include "compat/exit_probe.h"
#include "cpu.h"
#include "exit.h"
#include "hand_over.h"
#include "misuse.h"
#include "registry.h"
#include "scope.h"
#include "state.h"
#include "text.h"

#ifdef CONFIG_TRACEPOINTS

static struct tracepoint *scopex_exit_point;

/* A scope that a task has open, the innermost one if it is a worker. */
static struct scopex_scope *scopex_find_left_open(struct task_struct *task)
{
	struct scopex_worker *w = scopex_this_worker();

	return w ? w->innermost : scopex_scope_of(task);
}

/*
 * An item that takes its thread with it, by an oops or on purpose, is never out, and
 * its scope waits for it for good. But the others of its CPU go on.
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
	struct scopex_scope *scope;

	while ((scope = scopex_find_left_open(current))) {
		scopex_cancel(scope, 0);
		__scopex_close(scope);
	}
}

/*
 * Give the current task, which exits, the work of draining its scopes. A worker has room for
 * that; the scope of another task has no use for what the room is shared with.
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

/* Does a task that oopses lose its frames at once? */
#define SCOPEX_OOPS_REWINDS	IS_ENABLED(CONFIG_X86)

/* Has a scope no item? A walk that holds it for a moment goes on to another one. */
static bool scopex_is_unused(const struct scopex_scope *scope)
{
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		if ((atomic64_read(&scope->state) & SCOPEX_COUNT_MASK) == SCOPEX_ONE)
			return true;
		cpu_relax();
	}
	return false;
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
 * scopex_exit_init() - look at each task that exits
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
 * scopex_exit_stop() - stop looking
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
