/* SPDX-License-Identifier: GPL-2.0 */
/* The arguments of a probe of the tracepoint sched_process_exit: one more since 6.16 */
#ifndef _SCOPEX_COMPAT_EXIT_PROBE_H
#define _SCOPEX_COMPAT_EXIT_PROBE_H

#include <linux/sched.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
#define SCOPEX_EXIT_PROBE(name) \
	void name(void *data, struct task_struct *task)
#else
#define SCOPEX_EXIT_PROBE(name) \
	void name(void *data, struct task_struct *task, bool group_dead)
#endif

#endif /* _SCOPEX_COMPAT_EXIT_PROBE_H */
