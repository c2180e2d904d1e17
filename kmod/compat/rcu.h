/* SPDX-License-Identifier: GPL-2.0 */
/* Before 6.2, call_rcu() was never lazy, and there was no call_rcu_hurry() */
#ifndef _SCOPEX_COMPAT_RCU_H
#define _SCOPEX_COMPAT_RCU_H

#include <linux/rcupdate.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
static inline void call_rcu_hurry(struct rcu_head *head, rcu_callback_t func)
{
	call_rcu(head, func);
}
#endif

#endif /* _SCOPEX_COMPAT_RCU_H */
