/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kthread_run_worker() and kthread_run_worker_on_cpu() for kernels before 6.14, where
 * kthread_create_worker() and kthread_create_worker_on_cpu() also started the worker
 */
#ifndef _SCOPEX_COMPAT_KTHREAD_WORKER_H
#define _SCOPEX_COMPAT_KTHREAD_WORKER_H

#include <linux/kthread.h>
#include <linux/version.h>

static inline struct kthread_worker *scopex_kthread_worker(unsigned int cpu)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
	return kthread_create_worker_on_cpu(cpu, 0, "scopex_bench/%u", cpu);
#else
	return kthread_run_worker_on_cpu(cpu, 0, "scopex_bench/%u");
#endif
}

/* On no CPU in particular */
static inline struct kthread_worker *scopex_kthread_worker_anywhere(const char *name)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
	return kthread_create_worker(0, "%s", name);
#else
	return kthread_run_worker(0, "%s", name);
#endif
}

#endif /* _SCOPEX_COMPAT_KTHREAD_WORKER_H */
