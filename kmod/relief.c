// SPDX-License-Identifier: GPL-2.0
/* What is done for a worker that sleeps, or does not get through its batch */

#include <linux/cpu.h>
#include <linux/kthread.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "compat/runnable.h"
#include "cpu.h"
#include "hand_over.h"
#include "item.h"
#include "pool.h"
#include "queue.h"
#include "relief.h"

/* Looks after the workers of a CPU, on that CPU. */
struct workqueue_struct *scopex_relief_wq;

/*
 * Does a worker sleep, so that it can't run before this CPU is let go? The caller has
 * disabled preemption and holds the hotplug lock. An item may have moved its worker to
 * another CPU, where it could wake up at any time. A worker that fell asleep elsewhere, and
 * was bound to this CPU since, wakes up here; but not where it is still on a run queue
 * there, see compat/runnable.h.
 */
static bool scopex_sleeps_here(const struct scopex_worker *w)
{
	const struct task_struct *task = w->task;
	unsigned int cpu = smp_processor_id();

	return task->nr_cpus_allowed == 1 && cpumask_test_cpu(cpu, task->cpus_ptr) &&
	       !scopex_task_is_runnable(task) &&
	       (task_cpu(task) == cpu || !READ_ONCE(task->on_rq));
}

/**
 * scopex_relieve() - do for the active worker of a CPU what it can't do itself
 * @sc: the CPU
 *
 * If it sleeps in an item, and something waits in its queue, another worker gets the
 * queue. If it is in the middle of a long batch, it is made to report a quiescent state
 * to RCU-tasks after its item: see scopex_change_scope().
 *
 * Why this is safe: a worker sleeps only in an item (then it has a site), just before or
 * after one, for a turn on the CPU (likewise), when it has nothing to run (then it has
 * none), or on a lock of PREEMPT_RT's (then either). In an item it touches neither @rest nor
 * the queue before the item's function has returned, nor does it when it wants a turn; it
 * finds then what it would have found after scopex_will_block().
 *
 * Context: process context on the CPU, or where its workers are while it is offline, with
 * preemption disabled and the hotplug lock held.
 */
static void scopex_relieve(struct scopex_cpu *sc)
{
	/* Not a look for it in the list, which is long if many items wait. */
	struct scopex_worker *w = kthread_data(READ_ONCE(sc->active));
	struct llist_node *rest;

	/* The one that has left an orphan, or is being appointed, has nothing to give. */
	if (!READ_ONCE(w->active) || !READ_ONCE(w->site))
		return;

	rest = READ_ONCE(w->rest);
	if (scopex_sleeps_here(w)) {
		if (rest || !scopex_queue_end(READ_ONCE(sc->queue))) {
			local_inc(&w->count[SCOPEX_RELIEVED]);
			scopex_hand_over(w);
		}
	} else if (rest && task_cpu(w->task) == smp_processor_id() &&
		   w->task->nr_cpus_allowed == 1) {
		scopex_mark_work(scopex_node_to_work(rest));
	}
}

/*
 * When a CPU goes offline, the scheduler lets its workers run on all others. The active one
 * is bound to where new ones would be, as it can be tended on one CPU only; but not if its
 * item has chosen other CPUs.
 */
static void scopex_bind_driven(struct scopex_cpu *sc, unsigned int home)
{
	struct task_struct *task = READ_ONCE(sc->active);

	if (home != sc->cpu && cpumask_test_cpu(sc->cpu, task->cpus_ptr))
		set_cpus_allowed_ptr(task, cpumask_of(home));
}

void scopex_relief_work(struct work_struct *work)
{
	struct scopex_cpu *sc = container_of(work, struct scopex_cpu, tend);
	unsigned int home;

	/* Whatever changes CPUs may wait for an item: the watchdog asks again. */
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
 * scopex_ask_for_relief() - have the active worker of a CPU looked after, where it runs
 * @sc: the CPU
 *
 * Context: process context. If CPUs come or go just now, nothing may be done.
 */
void scopex_ask_for_relief(struct scopex_cpu *sc)
{
	queue_work_on(scopex_home(sc), scopex_relief_wq, &sc->tend);
}
