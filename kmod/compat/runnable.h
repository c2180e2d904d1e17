/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Does a task sleep? Since 6.12 one that does may stay on its run queue for a while, to
 * pay off what it owes.
 */
#ifndef _SCOPEX_COMPAT_RUNNABLE_H
#define _SCOPEX_COMPAT_RUNNABLE_H

#include <linux/sched.h>
#include <linux/version.h>

/* Runs, or would if it got a CPU. True where that can't be told. */
static inline bool scopex_task_is_runnable(const struct task_struct *task)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
	return READ_ONCE(task->on_rq);
#else
	return READ_ONCE(task->on_rq) && !READ_ONCE(task->se.sched_delayed);
#endif
}

#endif /* _SCOPEX_COMPAT_RUNNABLE_H */
