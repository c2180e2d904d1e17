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
#include <linux/kernel.h>
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

/**
 * struct scopex_tasks - what a visit needs
 * @m: the file
 * @row: shows a task in it
 * @max: how many are shown at most
 * @nr: how many were shown
 * @more: there are more
 * @place: the place of the scope that is visited
 * @task: its tasks
 */
struct scopex_tasks {
	struct seq_file			*m;
	scopex_task_row_fn_t		*row;
	unsigned int			max;
	unsigned int			nr;
	bool				more;
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

static void scopex_name_task(struct scopex_shown_task *see)
{
	size_t end;

	see->name = scopex_task_state_name(see->state);
	rcu_read_lock();
	scopex_name_fn(see->item, sizeof(see->item), see->fn);
	rcu_read_unlock();
	if (!see->at)
		return;
	end = strlen(see->item);
	snprintf(see->item + end, sizeof(see->item) - end, ":%u", see->at);
}

static bool scopex_visit_tasks(struct scopex_scope *scope, void *arg)
{
	raw_spinlock_t *lock = scopex_task_lock(scope);
	struct scopex_tasks *tasks = arg;
	const struct scopex_task *task;
	unsigned int i, nr = 0;
	unsigned long flags;

	if (!READ_ONCE(scope->tasks.next))
		return true;
	raw_spin_lock_irqsave(lock, flags);
	list_for_each_entry(task, &scope->tasks, node) {
		if (nr == SCOPEX_SHOWN_TASKS) {
			tasks->more = true;
			break;
		}
		scopex_shown_task(&tasks->task[nr++], task);
	}
	raw_spin_unlock_irqrestore(lock, flags);

	scopex_place_of(&tasks->place, scope->site);
	for (i = 0; i < nr; i++) {
		if (tasks->nr == tasks->max) {
			tasks->more = true;
			return false;
		}
		scopex_name_task(&tasks->task[i]);
		tasks->row(tasks->m, tasks->nr++, &tasks->task[i], &tasks->place);
	}
	return true;
}

/**
 * scopex_task_rows() - show the tasks that have waited, and are not completed
 * @m: the file
 * @row: shows one of them there
 * @max: how many are shown at most; and not more than SCOPEX_SHOWN_TASKS of a scope
 *
 * Context: process context; sleeps.
 *
 * Return: 1 if there are more tasks than were shown, else 0; or -ENOMEM.
 */
int scopex_task_rows(struct seq_file *m, scopex_task_row_fn_t *row, unsigned int max)
{
	struct scopex_tasks *tasks = kmalloc(sizeof(*tasks), GFP_KERNEL);
	int more;

	if (!tasks)
		return -ENOMEM;
	tasks->m = m;
	tasks->row = row;
	tasks->max = max;
	tasks->nr = 0;
	tasks->more = false;
	scopex_visit_open(scopex_visit_tasks, tasks);
	more = tasks->more;
	kfree(tasks);
	return more;
}

static void scopex_task_row(struct seq_file *m, unsigned int i,
			    const struct scopex_shown_task *see, const struct scopex_place *place)
{
	seq_printf(m, "%-9s ", see->name);
	if (see->state == SCOPEX_TASK_WAITING)
		seq_printf(m, "%10u %5u %-16s ", see->ms, see->cpu, see->kind);
	else
		seq_printf(m, "%10s %5s %-16s ", "-", "-", "-");
	scopex_text(m, see->item);
	seq_putc(m, ' ');
	scopex_site_text(m, place);
	seq_putc(m, '\n');
}

/**
 * scopex_show_tasks() - the file "tasks" of debugfs
 * @m: the file
 * @unused: unused
 *
 * Context: process context; sleeps.
 *
 * Return: 0, or -ENOMEM.
 */
int scopex_show_tasks(struct seq_file *m, void *unused)
{
	int more;

	seq_printf(m, "# tasks that have waited, the first %u of each scope; waits_ms: since when; home: the CPU where it goes on; for: what it waits for, \"-\" if that is known to its function only\n",
		   SCOPEX_SHOWN_TASKS);
	seq_printf(m, "%-9s %10s %5s %-16s %s\n", "state", "waits_ms", "home", "for",
		   "function:line, scope, opened in");
	more = scopex_task_rows(m, scopex_task_row, UINT_MAX);
	if (more <= 0)
		return more;
	seq_puts(m, "# and more\n");
	return 0;
}
