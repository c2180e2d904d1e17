// SPDX-License-Identifier: GPL-2.0
/* Which CPU gets an item */

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/rcupdate.h>
#include <linux/sched/isolation.h>
#include <linux/topology.h>

#include "compat/workqueue.h"
#include "config.h"
#include "cpu.h"
#include "select.h"

/* Where scopex_submit() on a CPU goes to: the CPU itself, or the nearest. */
DEFINE_PER_CPU(struct scopex_cpu *, scopex_local);

/*
 * No CPU, and none comes after it. Built into the kernel, scopex may be asked for a CPU
 * before its init, or after one that has failed.
 */
static struct scopex_cpu scopex_nowhere;

/* The last choice of scopex_submit() on a CPU. */
static DEFINE_PER_CPU(struct scopex_cpu *, scopex_cursor) = &scopex_nowhere;

/* The CPUs that submitters may name. */
struct cpumask scopex_open_cpus;

/* Those of them that get what names no CPU: the ring. */
struct cpumask scopex_ring_cpus;

/* How many the ring has: to count them takes longer than an empty loop. */
unsigned int scopex_nr_open;

/* How many CPUs scopex_choose_cpu() looks at before it takes a busy one. */
#define SCOPEX_CHOICES	4

/**
 * scopex_choose_cpu() - choose a CPU for an item that may run on any
 *
 * Round robin in the ring, from a cursor of this CPU's own, so that no line is shared; but
 * an idle worker among the next few goes first.
 *
 * Context: any.
 *
 * Return: the CPU, or NULL if there is none.
 */
struct scopex_cpu *scopex_choose_cpu(void)
{
	struct scopex_cpu *first, *sc;
	unsigned int i;

	/* O: pairs with scopex_update_cpu_map(), as below; see publish-read.litmus. */
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

/* The CPU that the local submits of @cpu go to: itself, or the nearest. */
static unsigned int scopex_nearest_cpu(unsigned int cpu)
{
	unsigned int near;

	if (cpumask_test_cpu(cpu, &scopex_open_cpus))
		return cpu;
	near = cpumask_any_and(cpumask_of_node(cpu_to_node(cpu)),
			       &scopex_ring_cpus);
	return near < nr_cpu_ids ? near : cpumask_any(&scopex_ring_cpus);
}

/* Does CPU @a come before @b where those of a NUMA node are neighbours? */
static bool scopex_before(unsigned int a, unsigned int b)
{
	int node_a = cpu_to_node(a), node_b = cpu_to_node(b);

	return node_a < node_b || (node_a == node_b && a < b);
}

/* The CPU that comes after @cpu in the ring. */
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

/* Is a CPU to be left alone by the scheduler, or by the tick? */
static bool scopex_is_isolated(unsigned int cpu)
{
	return cpu_is_isolated(cpu) || !housekeeping_test_cpu(cpu, HK_TYPE_TICK);
}

/* Which CPUs are in the ring. Return false if the same ones as before. */
bool scopex_choose_ring(void)
{
	static struct cpumask ring;
	unsigned int cpu;

	cpumask_copy(&ring, &scopex_open_cpus);
	/* The kernel's masks may be replaced. */
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

/* Tell each CPU where its submits go, after the set of open CPUs or the ring changed. */
void scopex_update_cpu_map(void)
{
	unsigned int cpu;

	WRITE_ONCE(scopex_nr_open, cpumask_weight(&scopex_ring_cpus));
	for_each_possible_cpu(cpu) {
		/*
		 * Release O: pairs with the address dependency of readers; see
		 * publish-read.litmus.
		 */
		smp_store_release(&per_cpu(scopex_local, cpu),
				  scopex_cpu_ptr(scopex_nearest_cpu(cpu)));

		/* Release O: likewise. */
		smp_store_release(&per_cpu(scopex_cpus, cpu).next,
				  scopex_cpu_ptr(scopex_next_cpu(cpu)));
	}
}

/**
 * scopex_look_at_isolation() - see whether other CPUs are isolated than before
 *
 * Context: process context, one task at a time. If a CPU comes or goes just now, that
 * is looked at by the hotplug callbacks.
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
 * scopex_select_init() - let the choices of a CPU begin at the CPU itself
 * @cpu: the CPU
 */
void scopex_select_init(unsigned int cpu)
{
	per_cpu(scopex_cursor, cpu) = per_cpu_ptr(&scopex_cpus, cpu);
}

/**
 * scopex_select_exit() - let the choices of a CPU find none
 * @cpu: the CPU
 */
void scopex_select_exit(unsigned int cpu)
{
	per_cpu(scopex_cursor, cpu) = &scopex_nowhere;
}
