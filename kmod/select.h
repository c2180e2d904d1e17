/* SPDX-License-Identifier: GPL-2.0 */
/* The choice of a CPU for an item; see select.c */
#ifndef _SCOPEX_SELECT_H
#define _SCOPEX_SELECT_H

#include <linux/compiler.h>
#include <linux/cpumask.h>
#include <linux/percpu.h>

#include "cpu.h"
#include "queue.h"

DECLARE_PER_CPU(struct scopex_cpu *, scopex_local);
DECLARE_PER_CPU(struct scopex_cpu *, scopex_any_here);
extern struct cpumask scopex_open_cpus;
extern struct cpumask scopex_ring_cpus;
extern unsigned int scopex_nr_open;

struct scopex_cpu *scopex_choose_cpu(void);
void scopex_look_at_isolation(void);
bool scopex_choose_ring(void);
void scopex_update_cpu_map(void);
void scopex_select_init(unsigned int cpu);
void scopex_select_exit(unsigned int cpu);

/* Return the number of CPUs in the ring at the moment, or 1 if the ring is empty. */
static inline unsigned int scopex_count_open(void)
{
	return READ_ONCE(scopex_nr_open) ?: 1;
}

/* Returns true if the worker has nothing to do. This is a hint, for the choice of a CPU. */
static inline bool scopex_is_idle(const struct scopex_cpu *sc)
{
	const struct llist_node *head = READ_ONCE(sc->queue);

	return scopex_queue_end(head) && (head || READ_ONCE(sc->spinning));
}

#endif /* _SCOPEX_SELECT_H */
