// SPDX-License-Identifier: GPL-2.0
/*
 * The tasks that wait, as they are shown
 *
 * Theory of operation
 *
 * A reader visits all open scopes (see registry.c), and copies from each the tasks that have waited
 * for longest, under the lock of the scope's list: a task of the list can't be completed in the
 * meantime, so the await that it points to is there. The number of tasks that are copied under the
 * lock is fixed, as interrupts are off.
 */

#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "place.h"
#include "profile.h"
#include "registry.h"
#include "show.h"
#include "task.h"
#include "waiting.h"

/* The number of tasks that are shown of a scope. */
#define SCOPEX_SHOWN_TASKS	32

/**
 * struct scopex_shown_task - a task, as it is shown
 * @fn: its function
 * @at: the line where it goes on, if it is a coroutine, or 0
 * @state: see &enum scopex_task_state
 * @ms: the time since it began to wait
 * @cpu: where it will run
 * @kind: what it waits for
 */
struct scopex_shown_task {
	void		*fn;
	unsigned int	at;
	int		state;
	unsigned int	ms;
	unsigned int	cpu;
	char		kind[16];
};

/**
 * struct scopex_tasks - what a visit needs
 * @m: the file
 * @place: the place of the scope that is visited
 * @task: its tasks
 */
struct scopex_tasks {
	struct seq_file			*m;
	struct scopex_place		place;
	struct scopex_shown_task	task[SCOPEX_SHOWN_TASKS];
};

static void scopex_shown_task(struct scopex_shown_task *see, const struct scopex_task *task)
{
	const struct scopex_await *await;

	see->fn = (void *)task->fn;
	see->at = READ_ONCE(task->at);
	see->state = atomic_read(&task->state);
	see->ms = jiffies_to_msecs((u32)jiffies - READ_ONCE(task->since));
	see->cpu = READ_ONCE(task->work.cpu);
	await = see->state == SCOPEX_TASK_WAITING ? READ_ONCE(task->await) : NULL;
	strscpy(see->kind, await ? READ_ONCE(await->ops)->name : "-", sizeof(see->kind));
}

static const char *scopex_task_state_name(int state)
{
	switch (state) {
	case SCOPEX_TASK_WAITING:
		return "waiting";
	case SCOPEX_TASK_QUEUED:
		return "queued";
	case SCOPEX_TASK_NOTIFIED:
		return "notified";
	default:
		return "running";
	}
}

static void scopex_task_row(struct scopex_tasks *tasks, const struct scopex_shown_task *see)
{
	struct seq_file *m = tasks->m;
	bool waits = see->state == SCOPEX_TASK_WAITING;
	char fn[56];

	rcu_read_lock();
	scopex_name_fn(fn, sizeof(fn), see->fn);
	rcu_read_unlock();
	seq_printf(m, "%-9s ", scopex_task_state_name(see->state));
	if (waits)
		seq_printf(m, "%10u %5u %-16s ", see->ms, see->cpu, see->kind);
	else
		seq_printf(m, "%10s %5s %-16s ", "-", "-", "-");
	scopex_text(m, fn);
	if (see->at)
		seq_printf(m, ":%u", see->at);
	seq_putc(m, ' ');
	scopex_site_text(m, &tasks->place);
	seq_putc(m, '\n');
}

static bool scopex_visit_tasks(struct scopex_scope *scope, void *arg)
{
	raw_spinlock_t *lock = scopex_task_lock(scope);
	struct scopex_tasks *tasks = arg;
	const struct scopex_task *task;
	unsigned int i, nr = 0;
	unsigned long flags;
	bool more = false;

	if (!READ_ONCE(scope->tasks.next))
		return true;
	raw_spin_lock_irqsave(lock, flags);
	list_for_each_entry(task, &scope->tasks, node) {
		more = nr == SCOPEX_SHOWN_TASKS;
		if (more)
			break;
		scopex_shown_task(&tasks->task[nr++], task);
	}
	raw_spin_unlock_irqrestore(lock, flags);

	scopex_place_of(&tasks->place, scope->site);
	for (i = 0; i < nr; i++)
		scopex_task_row(tasks, &tasks->task[i]);
	if (more)
		seq_puts(tasks->m, "# and more\n");
	return true;
}

/**
 * scopex_show_tasks() - show the tasks that have waited, and are not completed
 * @m: the file
 * @unused: unused
 *
 * Context: process context; sleeps.
 *
 * Return: 0, or -ENOMEM.
 */
int scopex_show_tasks(struct seq_file *m, void *unused)
{
	struct scopex_tasks *tasks = kmalloc(sizeof(*tasks), GFP_KERNEL);

	if (!tasks)
		return -ENOMEM;
	tasks->m = m;
	seq_printf(m, "# tasks that have waited, the first %u of each scope; waits_ms: since when; home: the CPU where it goes on; for: what it waits for, \"-\" if that is known to its function only\n",
		   SCOPEX_SHOWN_TASKS);
	seq_printf(m, "%-9s %10s %5s %-16s %s\n", "state", "waits_ms", "home", "for",
		   "function:line, scope, opened in");
	scopex_visit_open(scopex_visit_tasks, tasks);
	kfree(tasks);
	return 0;
}
