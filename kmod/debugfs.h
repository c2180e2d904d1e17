/* SPDX-License-Identifier: GPL-2.0 */
/* The files in debugfs */
#ifndef _SCOPEX_DEBUGFS_H
#define _SCOPEX_DEBUGFS_H

#ifdef CONFIG_DEBUG_FS
void scopex_debugfs_init(void);
void scopex_debugfs_exit(void);
#else
static inline void scopex_debugfs_init(void) { }
static inline void scopex_debugfs_exit(void) { }
#endif

#endif /* _SCOPEX_DEBUGFS_H */
