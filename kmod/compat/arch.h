/* SPDX-License-Identifier: GPL-2.0 */
/* How architectures differ, where scopex can't ask the kernel */
#ifndef _SCOPEX_COMPAT_ARCH_H
#define _SCOPEX_COMPAT_ARCH_H

#include <linux/kconfig.h>

/*
 * True if a task that oopses loses its frames at once: the kernel goes back to the top of the
 * task's stack, and what runs there before the task has exited overwrites them.
 */
#define SCOPEX_OOPS_REWINDS	IS_ENABLED(CONFIG_X86)

#endif /* _SCOPEX_COMPAT_ARCH_H */
