// SPDX-License-Identifier: GPL-2.0
/*
 * Relief: help for a worker that sleeps, or is long in its batch
 *
 * Theory of operation
 *
 * An item may sleep without having said so by scopex_will_block(). The watchdog sees, from
 * another CPU, that the active worker seems to sleep in an item while others are queued, or
 * that its batch takes long. This is a hint. The watchdog then asks for relief, and a work
 * on the worker's own CPU decides, with preemption disabled. A worker that sleeps can't
 * wake up on that CPU at the same time. So the worker itself needs no atomic operation to
 * know whether it still has the queue.
 *
 * If the worker sleeps, relief hands over for it, as if the item had called
 * scopex_will_block(). If the worker is in a long batch, relief marks the next item of the
 * batch (see mark.h), or the first one of the stealable items: at the mark the worker
 * reports a quiescent state to RCU-tasks, for which tracers wait.
 *
 * A hand-over for a worker that sleeps is safe wherever it sleeps:
 *
 *	in an item, or just before or after one		it has a site
 *	for a turn of its item (cpu_limit.c)		it has a site
 *	with nothing to run				it has no site: no relief
 *	for a lock, on PREEMPT_RT			either
 *
 * In an item the worker touches neither @rest nor the queue until the function has
 * returned, and so it is while the worker waits for a turn. Afterwards it finds what it
 * would have found after scopex_will_block().
 */

#include <linux/cpu.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "compat/runnable.h"
#include "cpu.h"
#include "hand_over.h"
#include "item.h"
#include "mark.h"
#include "pool.h"
#include "queue.h"
#include "relief.h"
#include "shared.h"
#include "steal.h"
#include "thread.h"

/* The works of relief run here, each on the CPU of its workers. */
struct workqueue_struct *scopex_relief_wq;

/*
 * Returns true if the worker sleeps, and can't run before the caller leaves this CPU. The
 * caller has disabled preemption, and holds the hotplug lock.
 *
 * An item may have moved its worker to another CPU, where the worker could wake up at any
 * time. A worker that fell asleep elsewhere, and was bound to this CPU since, wakes up
 * here, unless it is still on a run queue there: see compat/runnable.h.
 */
static bool scopex_sleeps_here(const struct scopex_worker *w)
{
	const struct task_struct *task = w->task;
	unsigned int cpu = smp_processor_id();

	return task->nr_cpus_allowed == 1 && cpumask_test_cpu(cpu, task->cpus_ptr) &&
	       !scopex_task_is_runnable(task) &&
	       (task_cpu(task) == cpu || !READ_ONCE(task->on_rq));
}

/*
 * Mark the first of the stealable items. Relief holds them, so no worker has the item yet. A
 * worker that lost the CPU while it took one holds them itself: the watchdog asks again.
 */
static void scopex_mark_shared(struct scopex_cpu *sc)
{
	struct llist_node *first;

	if (!scopex_shared_hold(&sc->shared, &first))
		return;
	if (first)
		scopex_mark_work(scopex_node_to_work(first));
	scopex_give_back(sc, first);
}

/**
 * scopex_relieve() - hand over for the active worker, or mark its batch
 * @sc: the CPU
 *
 * The head of this file says why this is safe.
 *
 * Context: process context on the CPU, or where its workers are while it is offline, with
 * preemption disabled and the hotplug lock held.
 */
static void scopex_relieve(struct scopex_cpu *sc)
{
	struct scopex_worker *w = READ_ONCE(sc->active);
	struct llist_node *rest;

	/*
	 * A worker that is not active has left the queue unserved, or is about to become
	 * active. One without a site runs nothing.
	 */
	if (!READ_ONCE(w->active) || !READ_ONCE(w->site))
		return;

	rest = READ_ONCE(w->rest);
	if (scopex_sleeps_here(w)) {
		if (rest || !scopex_queue_end(READ_ONCE(sc->queue)) ||
		    scopex_look_at(sc) != SCOPEX_NOTHING) {
			local_inc(&w->count[SCOPEX_RELIEVED]);
			scopex_hand_over(w);
		}
	} else if (task_cpu(w->task) == smp_processor_id() &&
		   w->task->nr_cpus_allowed == 1) {
		if (rest)
			scopex_mark_work(scopex_node_to_work(rest));
		else
			scopex_mark_shared(sc);
	}
}

/*
 * When a CPU goes offline, the scheduler lets its workers run on all others. Relief needs
 * one CPU, so bind the active worker to the CPU where new workers would run; but not if its
 * item has chosen other CPUs.
 */
static void scopex_bind_driven(struct scopex_cpu *sc, unsigned int home)
{
	struct task_struct *task = READ_ONCE(sc->active)->task;

	if (home != sc->cpu && cpumask_test_cpu(sc->cpu, task->cpus_ptr))
		set_cpus_allowed_ptr(task, cpumask_of(home));
}

void scopex_relief_work(struct work_struct *work)
{
	struct scopex_cpu *sc = container_of(work, struct scopex_cpu, tend);
	unsigned int home;

	/* A change of CPUs may wait for an item, so do not wait for the change. */
	if (!cpus_read_trylock())
		return;
	home = scopex_home(sc);
	scopex_bind_driven(sc, home);
	preempt_disable();
	if (smp_processor_id() == home)
		scopex_relieve(sc);
	preempt_enable();
	cpus_read_unlock();
}

/**
 * scopex_ask_for_relief() - ask for relief of a CPU's active worker
 * @sc: the CPU
 *
 * Relief comes later, on the CPU where the worker runs. During a change of CPUs it may not
 * come at all: the watchdog asks again.
 *
 * Context: process context.
 */
void scopex_ask_for_relief(struct scopex_cpu *sc)
{
	queue_work_on(scopex_home(sc), scopex_relief_wq, &sc->tend);
}
