// SPDX-License-Identifier: GPL-2.0
/*
 * The choice of a CPU for an item
 *
 * Theory of operation
 *
 * An item that names no CPU is queued on its submitter's CPU if that is in the ring, else on
 * the nearest CPU of the ring (scopex_any_here). There it is stealable: the worker of any CPU of
 * the ring may take it, see shared.h. An item that names its submitter's CPU goes there, or to
 * the nearest CPU of the ring if that CPU is not open (scopex_local).
 *
 * The ring is a cycle of CPUs (scopex_cpu.next), in which CPUs of one NUMA node are neighbours.
 * Items that name no CPU, and are not stealable, go round it (see option.h). Each CPU has a
 * cursor of its own for the items submitted on it, so the submitters share no cache line.
 *
 * The ring leaves isolated CPUs out (isolcpus=, nohz_full=, a partition of cpusets), as
 * they are meant for something else. They have workers all the same, for items that name
 * them by number, or are submitted on them. If the parameter "cpus" is given, it is the
 * user's choice, and the ring has these CPUs, isolated or not. If all open CPUs are
 * isolated, the ring has them, as they are better than no CPU. A partition may come or go
 * without a change of CPUs, so the watchdog looks for it.
 *
 * The hotplug lock serialises the changes of the ring and of the two pointers. Submitters read
 * them without a lock. A stale answer leads to a queue that is closed, but served: see
 * hotplug.c. A submitter that reads a CPU sees its worker; see publish-read.litmus.
 */

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/isolation.h>
#include <linux/topology.h>

#include "config.h"
#include "cpu.h"
#include "select.h"
#include "thief.h"
#include "thread.h"

/* Where the local submits of a CPU go: to the CPU itself, or to the nearest one. */
DEFINE_PER_CPU(struct scopex_cpu *, scopex_local);

/* Where the items go that name no CPU: to the CPU itself, or to the nearest one of the ring. */
DEFINE_PER_CPU(struct scopex_cpu *, scopex_any_here);

/*
 * No CPU, with no next one. If scopex is built into the kernel, a submitter may ask for a
 * CPU before the init of scopex, or after an init that failed.
 */
static struct scopex_cpu scopex_nowhere;

/* The last choice of scopex_choose_cpu() on a CPU. */
static DEFINE_PER_CPU(struct scopex_cpu *, scopex_cursor) = &scopex_nowhere;

/* The CPUs that submitters may name. */
struct cpumask scopex_open_cpus;

/* The CPUs of the ring: items that name no CPU go there. */
struct cpumask scopex_ring_cpus;

/* The number of CPUs in the ring. To count them takes longer than an empty loop. */
unsigned int scopex_nr_open;

/* How many CPUs scopex_choose_cpu() looks at before it takes a busy one. */
#define SCOPEX_CHOICES	4

/**
 * scopex_choose_cpu() - choose a CPU for an item that may run on any, and can't be stolen
 *
 * Go round the ring, from this CPU's own cursor. An idle CPU among the next few comes
 * first.
 *
 * Context: any.
 *
 * Return: the CPU, or NULL if the ring is empty.
 */
struct scopex_cpu *scopex_choose_cpu(void)
{
	struct scopex_cpu *first, *sc;
	unsigned int i;

	/*
	 * Address dependency, here and below: see the worker of the CPU; pairs with
	 * scopex_update_cpu_map(); see publish-read.litmus.
	 */
	first = READ_ONCE(this_cpu_read(scopex_cursor)->next);
	for (sc = first, i = 0; sc && i < SCOPEX_CHOICES; i++) {
		if (scopex_is_idle(sc))
			goto found;
		sc = READ_ONCE(sc->next);
	}
	sc = first;
	if (unlikely(!sc))
		return NULL;
found:
	this_cpu_write(scopex_cursor, sc);
	return sc;
}

static struct scopex_cpu *scopex_cpu_ptr(unsigned int cpu)
{
	return cpu < nr_cpu_ids ? per_cpu_ptr(&scopex_cpus, cpu) : NULL;
}

/* Return @cpu if it is in @mask, else the nearest CPU of the ring. */
static unsigned int scopex_nearest_cpu(unsigned int cpu, const struct cpumask *mask)
{
	unsigned int near;

	if (cpumask_test_cpu(cpu, mask))
		return cpu;
	near = cpumask_any_and(cpumask_of_node(cpu_to_node(cpu)),
			       &scopex_ring_cpus);
	return near < nr_cpu_ids ? near : cpumask_any(&scopex_ring_cpus);
}

/* Returns true if CPU @a comes before @b in an order with NUMA nodes kept together. */
static bool scopex_before(unsigned int a, unsigned int b)
{
	int node_a = cpu_to_node(a), node_b = cpu_to_node(b);

	return node_a < node_b || (node_a == node_b && a < b);
}

/* Return the CPU that comes after @cpu in the ring. */
static unsigned int scopex_next_cpu(unsigned int cpu)
{
	unsigned int other, first = nr_cpu_ids, next = nr_cpu_ids;

	for_each_cpu(other, &scopex_ring_cpus) {
		if (first >= nr_cpu_ids || scopex_before(other, first))
			first = other;
		if (scopex_before(cpu, other) &&
		    (next >= nr_cpu_ids || scopex_before(other, next)))
			next = other;
	}
	return next < nr_cpu_ids ? next : first;
}

/* Returns true if the scheduler, or the tick, is to leave a CPU alone. */
static bool scopex_is_isolated(unsigned int cpu)
{
	return cpu_is_isolated(cpu) || !housekeeping_test_cpu(cpu, HK_TYPE_TICK);
}

/* Choose the CPUs of the ring. Returns true if the ring has changed. */
bool scopex_choose_ring(void)
{
	static struct cpumask ring;
	unsigned int cpu;

	cpumask_copy(&ring, &scopex_open_cpus);
	/* The kernel may replace its masks. */
	rcu_read_lock();
	for_each_cpu(cpu, &scopex_open_cpus)
		if (scopex_config.spare_isolated && scopex_is_isolated(cpu))
			cpumask_clear_cpu(cpu, &ring);
	rcu_read_unlock();
	if (cpumask_empty(&ring))
		cpumask_copy(&ring, &scopex_open_cpus);
	if (cpumask_equal(&ring, &scopex_ring_cpus))
		return false;
	cpumask_copy(&scopex_ring_cpus, &ring);
	return true;
}

/* Before any submit goes to a new CPU of the ring: thieves look at these CPUs. */
static void scopex_add_home(struct scopex_cpu *sc)
{
	if (sc->is_home)
		return;
	sc->is_home = true;
	sc->next_home = scopex_homes;
	/*
	 * Release: the next one is set; pairs with scopex_for_each_home(); see
	 * publish-read.litmus.
	 */
	smp_store_release(&scopex_homes, sc);
}

/* The worker of a CPU may steal from now on, or may not. If it sleeps, it has to know. */
static void scopex_let_steal(struct scopex_cpu *sc, bool steal)
{
	if (sc->thief == steal)
		return;
	/*
	 * Full barriers, here and in wake_up_process(): the store comes before the look for the
	 * worker, and before that at its state. Both pair with set_current_state() in
	 * scopex_park(), of the worker that is woken, or of one that scopex_appoint() has put in
	 * its place; see ring-change.litmus and park-wake.litmus.
	 */
	smp_store_mb(sc->thief, steal);
	wake_up_process(READ_ONCE(sc->active)->task);
}

/* After a change of the open CPUs or the ring: store for each CPU where its submits go. */
void scopex_update_cpu_map(void)
{
	unsigned int cpu;

	WRITE_ONCE(scopex_nr_open, cpumask_weight(&scopex_ring_cpus));
	for_each_cpu(cpu, &scopex_ring_cpus)
		scopex_add_home(per_cpu_ptr(&scopex_cpus, cpu));
	for_each_possible_cpu(cpu) {
		/*
		 * Release: a reader of the pointer sees the worker; pairs with the address
		 * dependency of the readers; see publish-read.litmus.
		 */
		smp_store_release(&per_cpu(scopex_local, cpu),
				  scopex_cpu_ptr(scopex_nearest_cpu(cpu, &scopex_open_cpus)));

		/* Release: as for scopex_local. */
		smp_store_release(&per_cpu(scopex_any_here, cpu),
				  scopex_cpu_ptr(scopex_nearest_cpu(cpu, &scopex_ring_cpus)));
		/* Release: as for scopex_local. */
		smp_store_release(&per_cpu(scopex_cpus, cpu).next,
				  scopex_cpu_ptr(scopex_next_cpu(cpu)));
		scopex_let_steal(per_cpu_ptr(&scopex_cpus, cpu),
				 cpumask_test_cpu(cpu, &scopex_ring_cpus));
	}
}

/**
 * scopex_look_at_isolation() - update the ring if other CPUs are isolated than before
 *
 * Context: process context, one task at a time. Does nothing during a change of CPUs, as
 * the hotplug callbacks look at the isolation themselves.
 */
void scopex_look_at_isolation(void)
{
	if (!cpus_read_trylock())
		return;
	if (scopex_choose_ring())
		scopex_update_cpu_map();
	cpus_read_unlock();
}

/**
 * scopex_select_init() - let the choices on a CPU begin at the CPU itself
 * @cpu: the CPU
 */
void scopex_select_init(unsigned int cpu)
{
	per_cpu(scopex_cursor, cpu) = per_cpu_ptr(&scopex_cpus, cpu);
}

/**
 * scopex_select_exit() - let the choices on a CPU find no CPU
 * @cpu: the CPU
 */
void scopex_select_exit(unsigned int cpu)
{
	per_cpu(scopex_cursor, cpu) = &scopex_nowhere;
}
