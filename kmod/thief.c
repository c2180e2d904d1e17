// SPDX-License-Identifier: GPL-2.0
/*
 * Thieves: which workers are idle, and which one is asked to steal
 *
 * Theory of operation
 *
 * shared.h has the rules of stealing, and says why no item is left in front of workers that
 * sleep. For them, struct scopex_thieves says which workers are idle, and how many search.
 *
 * A worker sets its bit before it sleeps, and clears it when it is awake again. To ask a worker
 * is to clear its bit, and to wake it: so only one task asks it, and the worker learns that it
 * was asked. The nearest idle worker is asked: of the same core, else of the same package, whose
 * last cache it mostly shares, else of the same node, else any.
 *
 * Only the workers of the ring's CPUs (select.c) may be asked, and steal. So an isolated CPU runs
 * no items that do not name it, and a CPU that is not in the parameter "cpus" neither.
 *
 * Rationing. To wake a thread takes far longer than to run a short item. So nobody asks while a
 * worker searches: it will ask the next one itself, if anything is left. But a worker that was
 * asked may be kept off its CPU, by a thread of higher priority, for example. So another one is
 * asked if the last one was asked in an earlier tick. The watchdog does so without an event, as
 * long as there are stealable items and idle workers.
 *
 * The submitter's own CPU. If the worker there sleeps, the submitter wakes it, which is cheap,
 * and asks another one, too, if one is idle, whether or not a worker searches: the submitter may
 * go on computing for long, and keep its worker off the CPU.
 */

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/cache.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/topology.h>

#include "cpu.h"
#include "queue.h"
#include "thief.h"
#include "thread.h"
#include "wake.h"

struct scopex_thieves scopex_thieves ____cacheline_aligned_in_smp;

/* The CPUs that may have stealable items: those that are or were in the ring. */
struct scopex_cpu *scopex_homes;

/**
 * scopex_near_cpus() - get the CPUs that are near to another one
 * @cpu: that CPU
 * @level: how near, from 0 to SCOPEX_NEAR_LEVELS - 1; the last one has all CPUs
 *
 * Context: any.
 *
 * Return: a mask, in which there may be @cpu and CPUs of nearer levels.
 */
const struct cpumask *scopex_near_cpus(unsigned int cpu, unsigned int level)
{
	switch (level) {
	case 0:
		return topology_sibling_cpumask(cpu);
	case 1:
		return topology_core_cpumask(cpu);
	case 2:
		return cpumask_of_node(cpu_to_node(cpu));
	default:
		return cpu_possible_mask;
	}
}

/**
 * scopex_end_search() - count a worker off that was asked
 *
 * The worker has to look at all CPUs after this call, before it runs what it has found.
 *
 * Context: the worker.
 */
void scopex_end_search(void)
{
	atomic_dec(&scopex_thieves.searching);
	/*
	 * Full barrier: count off, then look again; pairs with scopex_tell(); see
	 * steal-search.litmus.
	 */
	smp_mb__after_atomic();
}

/* Ask the worker of a CPU. Returns false if it is not idle, or another task was faster. */
static bool scopex_ask_worker(unsigned int cpu)
{
	struct scopex_cpu *sc = per_cpu_ptr(&scopex_cpus, cpu);

	/* Between the two steps nobody else can ask the worker, so they are not far apart. */
	preempt_disable();
	if (!test_and_clear_bit(cpu, cpumask_bits(&scopex_thieves.idle))) {
		preempt_enable();
		return false;
	}
	atomic_inc(&scopex_thieves.searching);
	WRITE_ONCE(scopex_thieves.asked_at, jiffies);
	/*
	 * test_and_clear_bit() has a full barrier: find the worker that has set the bit. So has
	 * wake_up_process(): the cleared bit comes before the look at the task state; pairs with
	 * set_current_state() in scopex_park(); see park-wake.litmus.
	 */
	wake_up_process(READ_ONCE(sc->active)->task);
	preempt_enable();
	return true;
}

/* Returns true if the worker of a CPU other than @cpu is idle. This is faster than a search. */
static bool scopex_is_other_idle(unsigned int cpu)
{
	unsigned int i;

	for (i = 0; i < BITS_TO_LONGS(nr_cpu_ids); i++) {
		unsigned long idle = READ_ONCE(cpumask_bits(&scopex_thieves.idle)[i]);

		if (i == BIT_WORD(cpu))
			idle &= ~BIT_MASK(cpu);
		if (idle)
			return true;
	}
	return false;
}

/**
 * scopex_ask_again() - ask the nearest idle worker, also if another one searches
 * @cpu: the CPU whose worker is not asked: it is awake, or woken
 *
 * Context: any but NMI.
 */
void scopex_ask_again(unsigned int cpu)
{
	unsigned int level, near;

	for (level = 0; level < SCOPEX_NEAR_LEVELS; level++)
		for_each_cpu_and(near, &scopex_thieves.idle, scopex_near_cpus(cpu, level))
			if (near != cpu && scopex_ask_worker(near))
				return;
}

/**
 * scopex_ask_thief() - ask the nearest idle worker for help
 * @cpu: the CPU whose worker is not asked: it is awake, or woken
 *
 * Asks nobody while a worker searches that was asked in this tick.
 *
 * Context: any but NMI; after a full barrier behind what can be stolen.
 */
void scopex_ask_thief(unsigned int cpu)
{
	if (!scopex_is_other_idle(cpu))
		return;
	if (atomic_read(&scopex_thieves.searching) > 0 &&
	    !time_after(jiffies, READ_ONCE(scopex_thieves.asked_at)))
		return;
	scopex_ask_again(cpu);
}

/**
 * scopex_tell() - tell the workers that a CPU has stealable items
 * @sc: the CPU
 *
 * Wakes the CPU's own worker if it sleeps, and asks another one.
 *
 * Context: any but NMI; after the items became visible.
 */
void scopex_tell(struct scopex_cpu *sc)
{
	/*
	 * Full barrier: the items, then the idle workers; pairs with scopex_begin_idle(), with
	 * set_current_state() in scopex_park(), and with scopex_end_search(); see
	 * steal-park.litmus, steal-move.litmus and steal-search.litmus.
	 */
	smp_mb();
	if (READ_ONCE(sc->queue) != SCOPEX_PARKED) {
		scopex_ask_thief(sc->cpu);
		return;
	}
	scopex_wake_worker(sc);
	/* This CPU's own worker may be the one that searches, and be kept off by the caller. */
	if (scopex_is_other_idle(sc->cpu))
		scopex_ask_again(sc->cpu);
}
