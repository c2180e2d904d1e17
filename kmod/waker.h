/* SPDX-License-Identifier: GPL-2.0 */
/* Tasks begin to wait, and are woken; see waker.c */
#ifndef _SCOPEX_WAKER_H
#define _SCOPEX_WAKER_H

#include <linux/compiler.h>
#include <linux/list.h>
#include <linux/scopex_task.h>

struct scopex_cpu;

/* Returns true if tasks are in the list of a scope. A hint, as they come and go. */
static inline bool scopex_has_tasks(const struct scopex_scope *scope)
{
	return READ_ONCE(scope->tasks.next) && !list_empty(&scope->tasks);
}

bool scopex_task_suspend(struct scopex_scope *scope, struct scopex_task *task,
			 struct scopex_cpu *home);
bool scopex_tell_tasks(struct scopex_scope *scope, unsigned int nr);

#endif /* _SCOPEX_WAKER_H */
