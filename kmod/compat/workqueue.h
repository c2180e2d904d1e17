/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flags of workqueues: WQ_BH (softirq context) is there since 6.9, and 0 before; WQ_PERCPU
 * has to be set since 6.17
 */
#ifndef _SCOPEX_COMPAT_WORKQUEUE_H
#define _SCOPEX_COMPAT_WORKQUEUE_H

#include <linux/version.h>
#include <linux/workqueue.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
#define SCOPEX_WQ_BH		0
#else
#define SCOPEX_WQ_BH		WQ_BH
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#define SCOPEX_WQ_PERCPU	0
#else
#define SCOPEX_WQ_PERCPU	WQ_PERCPU
#endif

#endif /* _SCOPEX_COMPAT_WORKQUEUE_H */
