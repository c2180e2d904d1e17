/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Freeze a file system, for the kernel: since 6.6, its functions want to be told for whom, and
 * since 6.16 for which owner
 */
#ifndef _SCOPEX_COMPAT_FREEZE_H
#define _SCOPEX_COMPAT_FREEZE_H

#include <linux/fs.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define scopex_freeze_super(sb)		freeze_super(sb)
#define scopex_thaw_super(sb)		thaw_super(sb)
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
#define scopex_freeze_super(sb)		freeze_super(sb, FREEZE_HOLDER_KERNEL)
#define scopex_thaw_super(sb)		thaw_super(sb, FREEZE_HOLDER_KERNEL)
#else
#define scopex_freeze_super(sb)		freeze_super(sb, FREEZE_HOLDER_KERNEL, NULL)
#define scopex_thaw_super(sb)		thaw_super(sb, FREEZE_HOLDER_KERNEL, NULL)
#endif

#endif /* _SCOPEX_COMPAT_FREEZE_H */
