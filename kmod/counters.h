/* SPDX-License-Identifier: GPL-2.0 */
/* The file "counters" in debugfs */
#ifndef _SCOPEX_COUNTERS_H
#define _SCOPEX_COUNTERS_H

struct seq_file;

int scopex_counters_show(struct seq_file *m, void *unused);

#endif /* _SCOPEX_COUNTERS_H */
