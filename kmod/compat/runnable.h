/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Does a task sleep? Since 6.12 a task that sleeps may stay on its run queue for a while,
 * until it has made up for the CPU time that it had too much.
 */
#ifndef _SCOPEX_COMPAT_RUNNABLE_H
#define _SCOPEX_COMPAT_RUNNABLE_H

#include <linux/sched.h>
#include <linux/version.h>

/* Returns true if a task runs, or would if it got a CPU, or if a module can't tell. */
static inline bool scopex_task_is_runnable(const struct task_struct *task)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
	return READ_ONCE(task->on_rq);
#else
	return READ_ONCE(task->on_rq) && !READ_ONCE(task->se.sched_delayed);
#endif
}

#endif /* _SCOPEX_COMPAT_RUNNABLE_H */
