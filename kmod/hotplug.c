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
 * Both run one CPU at a time, serialised by the hotplug lock, and so do the changes to
 * scopex_open_cpus, scopex_local and scopex_cpu.next. Submitters read the latter two, and
 * scopex_cpu.open, without a lock; a stale answer leads to a queue that is closed,
 * but served. Whoever sees one of the three has to see the worker too (O); and so has
 * whoever goes through a CPU's list of workers (W). See open-submit.litmus and
 * publish-read.litmus.
 *
 * The maker of workers does without the hotplug lock, since a change of CPUs may wait for
 * an item that needs a worker: the maker, and the callback that binds the workers, exclude
 * each other by a lock of the pool. A worker that is bound to a CPU which has just gone
 * offline runs elsewhere, as the others do.
 *
 * What names no CPU goes round a ring (scopex_cpu.next), in which isolated CPUs are left
 * out: who has isolated them (isolcpus=, nohz_full=, a partition of cpusets) wants to
 * have them for something else. They have workers all the same, for what is submitted
 * to them by number, or on them. Who gives the parameter "cpus" has chosen, and gets
 * these CPUs, isolated or not; and if no other CPU is open, isolated ones are better
 * than none. A partition may come and go without any CPU doing so: the watchdog looks
 * for that.
 *
 * A queue may need one more worker while its CPU is offline. That one is bound to a CPU
 * that is online, and to its own when that comes back.
 *
 * Life of a worker: made, bound, woken, and waited for until it runs, since
 * kthread_stop() of a thread that has never run would skip its function; stopped
 * only when no submitter can be left, and its queue drained by itself first.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/kthread.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "compat/workqueue.h"
#include "cpu.h"
#include "hand_over.h"
#include "hotplug.h"
#include "pool.h"
#include "relief.h"
#include "select.h"
#include "worker.h"

/* Those that have workers, or will have some when they come online. */
struct cpumask scopex_served_cpus;

static enum cpuhp_state scopex_hp_state;

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

	mutex_lock(&sc->make_lock);
	if (sc->workers)
		err = scopex_bind_workers(sc);
	else
		err = scopex_create_worker(sc);
	/* Those on standby are no condition: without, scopes in items are serial. */
	if (!err)
		scopex_fill_pool(sc);
	mutex_unlock(&sc->make_lock);
	if (err)
		return err;

	cpumask_set_cpu(cpu, &scopex_open_cpus);
	scopex_choose_ring();
	scopex_update_cpu_map();
	/* Release O: pairs with scopex_submit_on(); see open-submit.litmus. */
	smp_store_release(&sc->open, true);
	return 0;
}

static int scopex_cpu_offline(unsigned int cpu)
{
	WRITE_ONCE(per_cpu(scopex_cpus, cpu).open, false);
	cpumask_clear_cpu(cpu, &scopex_open_cpus);
	scopex_choose_ring();
	scopex_update_cpu_map();
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
 * scopex_stop_cpus() - close all queues, drain them, stop the workers
 *
 * Context: process context; sleeps. No scope is open, and none can be opened.
 */
void scopex_stop_cpus(void)
{
	struct scopex_cpu *sc;
	unsigned int cpu;

	if (scopex_hp_state > 0)
		cpuhp_remove_state(scopex_hp_state);
	for_each_possible_cpu(cpu)
		cancel_work_sync(&per_cpu(scopex_cpus, cpu).more);
	destroy_workqueue(scopex_pool_wq);
	destroy_workqueue(scopex_relief_wq);

	for_each_possible_cpu(cpu) {
		sc = per_cpu_ptr(&scopex_cpus, cpu);
		scopex_select_exit(cpu);
		scopex_stop_workers(sc);
	}
}

/**
 * scopex_start_cpus() - make the workers, now and when more CPUs come online
 * @cpus: the CPUs to serve
 *
 * Context: process context; sleeps.
 *
 * Return: 0 or a negative errno; then there are no workers.
 */
int scopex_start_cpus(const struct cpumask *cpus)
{
	unsigned int cpu;
	int err;

	cpumask_copy(&scopex_served_cpus, cpus);
	scopex_pool_wq = alloc_workqueue("scopex", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!scopex_pool_wq)
		return -ENOMEM;
	scopex_relief_wq = alloc_workqueue("scopex_relieve", SCOPEX_WQ_PERCPU | WQ_HIGHPRI |
					WQ_MEM_RECLAIM, 0);
	if (!scopex_relief_wq) {
		destroy_workqueue(scopex_pool_wq);
		return -ENOMEM;
	}

	for_each_possible_cpu(cpu) {
		struct scopex_cpu *sc = per_cpu_ptr(&scopex_cpus, cpu);

		sc->cpu = cpu;
		scopex_pool_init(sc, scopex_worker_main);
		INIT_WORK(&sc->tend, scopex_relief_work);
		spin_lock_init(&sc->take_lock);
		mutex_init(&sc->turn_lock);
		scopex_select_init(cpu);
	}

	err = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "scopex:online",
				scopex_cpu_online, scopex_cpu_offline);
	if (err < 0) {
		scopex_stop_cpus();
		return err;
	}
	scopex_hp_state = err;
	return 0;
}
