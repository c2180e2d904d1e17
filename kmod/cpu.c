// SPDX-License-Identifier: GPL-2.0
/*
 * CPUs: which ones have a worker, hotplug, and the choice of one
 *
 * Theory of operation
 *
 * The first workers of a CPU are made when it first comes online, and more when
 * too few of them stand by; they live until the module goes. They are bound to the
 * CPU but are no per-CPU threads in the scheduler's sense, so nobody ever parks
 * them: going offline does not wait for an item, which may itself be waiting for
 * the hotplug lock.
 *
 *	offline	The queue is closed to submitters that name the CPU, and those
 *		on it are directed elsewhere. The workers are left alone: the
 *		scheduler moves them off the dying CPU, and there they run all
 *		that was queued, including what a submitter who had looked before
 *		the queue was closed still pushes. So nothing has to be re-homed.
 *	online	The workers are bound again, then the queue is opened. What they
 *		run meanwhile simply goes on.
 *
 * Both run one CPU at a time, serialised by the hotplug lock, which who makes
 * more workers holds as well, and so do the changes to scopex_open_cpus,
 * scopex_local and scopex_cpu.next. Submitters read the latter two, and
 * scopex_cpu.open, without a lock; a stale answer leads to a queue that is closed,
 * but served. Whoever sees one of the three has to see the worker too (O).
 *
 * Life of a worker: made, bound, woken, and waited for until it runs, since
 * kthread_stop() of a thread that has never run would skip its function; stopped
 * only when no submitter can be left, and its queue drained by itself first.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/topology.h>

#include "internal.h"

/* Scopes may be opened before any CPU has come online: see scopex_register(). */
DEFINE_PER_CPU_ALIGNED(struct scopex_cpu, scopex_cpus) = {
	.scopes_lock = __RAW_SPIN_LOCK_UNLOCKED(scopex_cpus.scopes_lock),
};

/* Where scopex_submit() on a CPU goes to: the CPU itself, or the nearest. */
DEFINE_PER_CPU(struct scopex_cpu *, scopex_local);

/*
 * No CPU, and none comes after it. Built into the kernel, scopex may be asked for a CPU
 * before its init, or after one that has failed.
 */
static struct scopex_cpu scopex_nowhere;

/* The last choice of scopex_submit_any() on a CPU. */
static DEFINE_PER_CPU(struct scopex_cpu *, scopex_cursor) = &scopex_nowhere;

/* The CPUs that submitters may choose. */
struct cpumask scopex_open_cpus;

/* How many these are: to count them takes longer than an empty loop. */
unsigned int scopex_nr_open;

struct scopex_config scopex_config;

/* Those that have workers, or will have some when they come online. */
struct cpumask scopex_served_cpus;

static enum cpuhp_state scopex_hp_state;

/* Makes workers; the kernel's own, as it has to be there when ours wait. */
static struct workqueue_struct *scopex_maker;

/* How many CPUs scopex_choose_cpu() looks at before it takes a busy one. */
#define SCOPEX_CHOICES	4

/**
 * scopex_choose_cpu() - choose a CPU for an item that may run on any
 *
 * Round robin, from a cursor of this CPU's own, so that no line is shared; but
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

	/* O: pairs with scopex_direct_submits(), as below; see publish-read.litmus. */
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
			       &scopex_open_cpus);
	return near < nr_cpu_ids ? near : cpumask_any(&scopex_open_cpus);
}

/* Does CPU @a come before @b where those of a NUMA node are neighbours? */
static bool scopex_before(unsigned int a, unsigned int b)
{
	int node_a = cpu_to_node(a), node_b = cpu_to_node(b);

	return node_a < node_b || (node_a == node_b && a < b);
}

/* The open CPU that comes after @cpu in the ring. */
static unsigned int scopex_next_cpu(unsigned int cpu)
{
	unsigned int other, first = nr_cpu_ids, next = nr_cpu_ids;

	for_each_cpu(other, &scopex_open_cpus) {
		if (first >= nr_cpu_ids || scopex_before(other, first))
			first = other;
		if (scopex_before(cpu, other) &&
		    (next >= nr_cpu_ids || scopex_before(other, next)))
			next = other;
	}
	return next < nr_cpu_ids ? next : first;
}

/* Tell each CPU where its submits go, after the set of open CPUs changed. */
static void scopex_direct_submits(void)
{
	unsigned int cpu;

	WRITE_ONCE(scopex_nr_open, cpumask_weight(&scopex_open_cpus));
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

/* Make one more worker; the first one is the active one. */
static int scopex_make_worker(struct scopex_cpu *sc)
{
	int node = cpu_to_node(sc->cpu);
	struct task_struct *task;
	struct scopex_worker *w;

	w = kzalloc_node(sizeof(*w), GFP_KERNEL, node);
	if (!w)
		return -ENOMEM;
	w->sc = sc;
	init_completion(&w->started);
	/* Whatever it is in is new at the first look. */
	w->stall_ended = -1UL;

	if (sc->nr_workers)
		task = kthread_create_on_node(scopex_worker_thread, w, node,
					      "scopex/%u:%u", sc->cpu,
					      sc->nr_workers);
	else
		task = kthread_create_on_node(scopex_worker_thread, w, node,
					      "scopex/%u", sc->cpu);
	if (IS_ERR(task)) {
		pr_err("no worker for CPU %u: %pe\n", sc->cpu, task);
		kfree(w);
		return PTR_ERR(task);
	}
	/* It may be ended by an oops in an item. */
	get_task_struct(task);
	kthread_bind(task, sc->cpu);
	set_user_nice(task, scopex_config.nice);
	w->task = task;
	w->next = sc->workers;
	if (!sc->nr_workers) {
		w->active = true;
		sc->active = task;
	}
	WRITE_ONCE(sc->nr_workers, sc->nr_workers + 1);

	/* Before anybody may submit to it, and before anybody may stop it. */
	wake_up_process(task);
	wait_for_completion(&w->started);
	/*
	 * Release W: pairs with the address dependency of those who list them; see
	 * publish-read.litmus.
	 */
	smp_store_release(&sc->workers, w);
	return 0;
}

/* Those that items have taken with them leave room for others. */
static bool scopex_may_have_more(struct scopex_cpu *sc)
{
	return READ_ONCE(sc->nr_workers) - atomic_read(&sc->dead) <
	       scopex_config.workers;
}

/*
 * Have enough workers on standby, as far as the parameters let us; and one for an
 * orphan, which gets it when it is enlisted.
 */
static void scopex_make_workers(struct scopex_cpu *sc)
{
	int err = 0;

	while (!err && scopex_may_have_more(sc) &&
	       (atomic_read(&sc->spare) < scopex_config.standby ||
		READ_ONCE(sc->orphan))) {
		err = scopex_make_worker(sc);
		if (!err)
			scopex_enlist(sc->workers);
	}
}

static void scopex_more_workers(struct work_struct *work)
{
	struct scopex_cpu *sc = container_of(work, struct scopex_cpu, more);

	cpus_read_lock();
	if (cpu_online(sc->cpu))
		scopex_make_workers(sc);
	cpus_read_unlock();
}

/**
 * scopex_want_standby() - have more workers made, soon
 * @sc: the CPU that has too few on standby
 *
 * Context: process context; does not sleep.
 */
void scopex_want_standby(struct scopex_cpu *sc)
{
	if (scopex_may_have_more(sc))
		queue_work(scopex_maker, &sc->more);
}

static int scopex_bind_workers(struct scopex_cpu *sc)
{
	struct scopex_worker *w;
	int err;

	for (w = sc->workers; w; w = w->next) {
		err = set_cpus_allowed_ptr(w->task, cpumask_of(sc->cpu));
		if (err)
			return err;
	}
	return 0;
}

static int scopex_cpu_online(unsigned int cpu)
{
	struct scopex_cpu *sc = per_cpu_ptr(&scopex_cpus, cpu);
	int err;

	if (!cpumask_test_cpu(cpu, &scopex_served_cpus))
		return 0;

	if (sc->workers)
		err = scopex_bind_workers(sc);
	else
		err = scopex_make_worker(sc);
	if (err)
		return err;
	/* Those on standby are no condition: without, scopes in items are serial. */
	scopex_make_workers(sc);

	cpumask_set_cpu(cpu, &scopex_open_cpus);
	scopex_direct_submits();
	/* Release O: pairs with scopex_submit_on(); see open-submit.litmus. */
	smp_store_release(&sc->open, true);
	return 0;
}

static int scopex_cpu_offline(unsigned int cpu)
{
	WRITE_ONCE(per_cpu(scopex_cpus, cpu).open, false);
	cpumask_clear_cpu(cpu, &scopex_open_cpus);
	scopex_direct_submits();
	return 0;
}

static void scopex_stop_workers(struct scopex_cpu *sc)
{
	struct scopex_worker *w, *next;
	int err;

	for (w = sc->workers; w; w = w->next) {
		err = kthread_stop(w->task);
		put_task_struct(w->task);
		WARN(err, "scopex: a worker of CPU %u ended with %d\n", sc->cpu,
		     err);
	}
	for (w = sc->workers; w; w = next) {
		next = w->next;
		/* Nobody can submit now; but never leave an item behind. */
		if (WARN(w->active && sc->queue,
			 "scopex: CPU %u has items left\n", sc->cpu))
			scopex_serve(w);
		kfree(w);
	}
	sc->workers = NULL;
}

/**
 * scopex_cpus_stop() - close all queues, drain them, stop the workers
 *
 * Context: process context; sleeps. No scope is open, and none can be opened.
 */
void scopex_cpus_stop(void)
{
	struct scopex_cpu *sc;
	unsigned int cpu;

	if (scopex_hp_state > 0)
		cpuhp_remove_state(scopex_hp_state);
	destroy_workqueue(scopex_maker);

	for_each_possible_cpu(cpu) {
		sc = per_cpu_ptr(&scopex_cpus, cpu);
		per_cpu(scopex_cursor, cpu) = &scopex_nowhere;
		scopex_stop_workers(sc);
		WARN(!list_empty(&sc->scopes),
		     "scopex: a scope is still open on CPU %u\n", cpu);
	}
}

/**
 * scopex_cpus_start() - make the workers, now and when more CPUs come online
 * @cpus: the CPUs to serve
 *
 * Context: process context; sleeps.
 *
 * Return: 0 or a negative errno; then there are no workers.
 */
int scopex_cpus_start(const struct cpumask *cpus)
{
	unsigned int cpu;
	int err;

	cpumask_copy(&scopex_served_cpus, cpus);
	scopex_maker = alloc_workqueue("scopex", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!scopex_maker)
		return -ENOMEM;

	for_each_possible_cpu(cpu) {
		struct scopex_cpu *sc = per_cpu_ptr(&scopex_cpus, cpu);

		sc->cpu = cpu;
		INIT_WORK(&sc->more, scopex_more_workers);
		spin_lock_init(&sc->take_lock);
		spin_lock_init(&sc->turn_lock);
		/* Locked, as a scope may be opened at this moment. */
		raw_spin_lock_irq(&sc->scopes_lock);
		INIT_LIST_HEAD(&sc->scopes);
		raw_spin_unlock_irq(&sc->scopes_lock);
		per_cpu(scopex_cursor, cpu) = sc;
	}

	err = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "scopex:online",
				scopex_cpu_online, scopex_cpu_offline);
	if (err < 0) {
		scopex_cpus_stop();
		return err;
	}
	scopex_hp_state = err;
	return 0;
}
