/* SPDX-License-Identifier: GPL-2.0 */
/* The tasks that wait, as they are shown; see waiting.c */
#ifndef _SCOPEX_WAITING_H
#define _SCOPEX_WAITING_H

struct seq_file;

int scopex_show_tasks(struct seq_file *m, void *unused);

#endif /* _SCOPEX_WAITING_H */
