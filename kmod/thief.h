/* SPDX-License-Identifier: GPL-2.0 */
/* Which workers are idle and may steal, and which one is asked for help; see thief.c */
#ifndef _SCOPEX_THIEF_H
#define _SCOPEX_THIEF_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/cpumask.h>
#include <linux/scopex_types.h>

#include "cpu.h"
#include "shared.h"
#include "wake.h"

/* The numbers of the levels of scopex_near_cpus(), from near to far. */
#define SCOPEX_NEAR_LEVELS	4

/**
 * struct scopex_thieves - facts about the workers of all CPUs, in one cache line if these are few
 * @searching: how many workers were asked and still search
 * @asked_at: when the last one was asked, in jiffies
 * @idle: the CPUs whose worker sleeps, or is about to, and may be asked
 */
struct scopex_thieves {
	atomic_t	searching;
	unsigned long	asked_at;
	struct cpumask	idle;
};

extern struct scopex_thieves scopex_thieves;
extern struct scopex_cpu *scopex_homes;

const struct cpumask *scopex_near_cpus(unsigned int cpu, unsigned int level);
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

/**
 * scopex_begin_idle() - say that a CPU's worker is about to sleep, and may be asked
 * @cpu: the CPU
 *
 * The worker has to look for stealable items after this call.
 *
 * Context: the active worker.
 */
static inline void scopex_begin_idle(unsigned int cpu)
{
	set_bit(cpu, cpumask_bits(&scopex_thieves.idle));
	/*
	 * Full barrier: set the bit, then look for items; pairs with scopex_tell() and
	 * scopex_search(); see steal-park.litmus, steal-move.litmus and steal-sideways.litmus.
	 */
	smp_mb__after_atomic();
}

/**
 * scopex_is_asked() - look whether an idle worker was asked
 * @cpu: its CPU
 *
 * Context: the active worker, between scopex_begin_idle() and scopex_end_idle().
 *
 * Return: true if it was.
 */
static inline bool scopex_is_asked(unsigned int cpu)
{
	return !test_bit(cpu, cpumask_bits(&scopex_thieves.idle));
}

/**
 * scopex_end_idle() - say that a CPU's worker is awake
 * @cpu: the CPU
 *
 * Context: the active worker.
 *
 * Return: true if the worker was asked. Then it has to search, and to call
 * scopex_end_search().
 */
static inline bool scopex_end_idle(unsigned int cpu)
{
	return !test_and_clear_bit(cpu, cpumask_bits(&scopex_thieves.idle));
}

/* Queue items that any worker may take. */
static inline void scopex_push_any(struct scopex_cpu *sc, struct scopex_work *newest,
				   struct scopex_work *oldest)
{
	if (scopex_any_push(&sc->any, &newest->node, &oldest->node))
		scopex_tell(sc);
}

/* Queue items where any worker may take them, or else for the CPU's own worker. */
static inline void scopex_push_where(struct scopex_cpu *sc, struct scopex_work *newest,
				     struct scopex_work *oldest, bool stealable)
{
	if (stealable)
		scopex_push_any(sc, newest, oldest);
	else
		scopex_push(sc, newest, oldest);
}

#endif /* _SCOPEX_THIEF_H */
