/* SPDX-License-Identifier: GPL-2.0 */
/* Before 6.10, __assign_str() of trace events took the source string, too */
#ifndef _SCOPEX_COMPAT_ASSIGN_STR_H
#define _SCOPEX_COMPAT_ASSIGN_STR_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
#define scopex_assign_str(field, string)	__assign_str(field, string)
#else
#define scopex_assign_str(field, string)	__assign_str(field)
#endif

#endif /* _SCOPEX_COMPAT_ASSIGN_STR_H */
