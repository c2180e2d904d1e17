// SPDX-License-Identifier: GPL-2.0
/*
 * CPUs that come and go
 *
 * Theory of operation
 *
 * The first worker of a CPU is created when the CPU first comes online: see pool.c. The
 * workers are bound to the CPU, but they are no per-CPU threads for the scheduler, so the
 * kernel never parks them. A CPU that goes offline waits for no item, as an item may itself
 * wait for the hotplug lock.
 *
 *	offline	The queue is closed to submitters that name the CPU, and the local submits
 *		of the CPU go to another one: see select.c. The scheduler moves the workers
 *		off the dying CPU, and they go on elsewhere until the queue is empty. A
 *		submitter that looked before the queue was closed may still push an item,
 *		and they run it, too. So no item has to be moved.
 *	online	The workers are bound to the CPU again, then the queue is opened. Items that
 *		run at that time go on.
 *
 * The hotplug lock serialises both, one CPU at a time, and protects scopex_open_cpus. A
 * submitter that names a CPU reads scopex_cpu.open without a lock. A stale answer leads to
 * a queue that is closed, but served. A submitter that finds the CPU open sees its worker;
 * see open-submit.litmus. The readers of the ring and of a CPU's list of workers need the
 * same; see publish-read.litmus.
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
#include "steal.h"
#include "thread.h"
#include "worker.h"

/* The CPUs that have workers, or get them when they come online. */
struct cpumask scopex_served_cpus;

static enum cpuhp_state scopex_hp_state;

static int scopex_bind_workers(struct scopex_cpu *sc)
{
	struct scopex_worker *w;
	int err;

	scopex_for_each_worker(w, sc) {
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
	/*
	 * A failure to create workers on standby is no error: without them, the scopes that
	 * items open are serial.
	 */
	if (!err)
		scopex_fill_pool(sc);
	mutex_unlock(&sc->make_lock);
	if (err)
		return err;

	cpumask_set_cpu(cpu, &scopex_open_cpus);
	scopex_choose_ring();
	scopex_update_cpu_map();
	/*
	 * Release: a submitter that finds the CPU open sees its worker; pairs with
	 * __scopex_submit_on() and scopex_submit_strided(); see open-submit.litmus.
	 */
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
	struct scopex_worker *w;
	int err;

	scopex_for_each_worker(w, sc) {
		err = kthread_stop(w->task);
		put_task_struct(w->task);
		WARN(err, "scopex: a worker of CPU %u ended with %d\n", sc->cpu,
		     err);
	}
	while ((w = sc->workers)) {
		/* No submitter is left, so this is a bug; but never leave an item behind. */
		if (WARN(w->active && (sc->queue || scopex_look_at(sc) != SCOPEX_NOTHING),
			 "scopex: CPU %u has items left\n", sc->cpu))
			scopex_serve(w);
		sc->workers = w->next;
		kfree(w);
	}
}

/**
 * scopex_stop_cpus() - close all queues, drain them, and stop the workers
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
 * scopex_start_cpus() - create workers, now and whenever a CPU comes online
 * @cpus: the CPUs to serve
 *
 * Context: process context; sleeps.
 *
 * Return: 0, or a negative errno; then there are no workers.
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
