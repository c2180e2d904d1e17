/* SPDX-License-Identifier: GPL-2.0 */
/* Help for a worker that sleeps, or is long in its batch; see relief.c */
#ifndef _SCOPEX_RELIEF_H
#define _SCOPEX_RELIEF_H

struct scopex_cpu;
struct work_struct;
struct workqueue_struct;

void scopex_ask_for_relief(struct scopex_cpu *sc);
void scopex_relief_work(struct work_struct *work);
extern struct workqueue_struct *scopex_relief_wq;

#endif /* _SCOPEX_RELIEF_H */
