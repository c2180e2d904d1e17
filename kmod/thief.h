/* SPDX-License-Identifier: GPL-2.0 */
/* Which workers are idle and may steal, and which one is asked for help; see thief.c */
#ifndef _SCOPEX_THIEF_H
#define _SCOPEX_THIEF_H

#include <linux/compiler.h>
#include <linux/cpumask.h>
#include <linux/scopex_types.h>

#include "cpu.h"
#include "shared.h"

/* The numbers of the levels of scopex_near_cpus(), from near to far. */
#define SCOPEX_NEAR_LEVELS	4

extern struct scopex_cpu *scopex_homes;

const struct cpumask *scopex_near_cpus(unsigned int cpu, unsigned int level);
void scopex_begin_idle(unsigned int cpu);
bool scopex_is_asked(unsigned int cpu);
bool scopex_end_idle(unsigned int cpu);
void scopex_end_search(void);
void scopex_ask_thief(unsigned int cpu);
void scopex_ask_again(unsigned int cpu);
void scopex_tell(struct scopex_cpu *sc);

/*
 * Go through the CPUs that may have stealable items, the newest one first. A CPU stays in this
 * list for good.
 *
 * Address dependency: pairs with scopex_add_home(); see publish-read.litmus.
 */
#define scopex_for_each_home(sc) \
	for ((sc) = READ_ONCE(scopex_homes); (sc); (sc) = (sc)->next_home)

/* Queue items that any worker may take. */
static inline void scopex_push_any(struct scopex_cpu *sc, struct scopex_work *newest,
				   struct scopex_work *oldest)
{
	if (scopex_any_push(&sc->any, &newest->node, &oldest->node))
		scopex_tell(sc);
}

#endif /* _SCOPEX_THIEF_H */
