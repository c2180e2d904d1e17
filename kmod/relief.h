/* SPDX-License-Identifier: GPL-2.0 */
/* What is done for a worker that sleeps, or does not get through its batch */
#ifndef _SCOPEX_RELIEF_H
#define _SCOPEX_RELIEF_H

#include "cpu.h"

void scopex_ask_to_tend(struct scopex_cpu *sc);
void scopex_tend_here(struct work_struct *work);
extern struct workqueue_struct *scopex_tender;

#endif /* _SCOPEX_RELIEF_H */
