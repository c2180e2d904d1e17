// SPDX-License-Identifier: GPL-2.0
/*
 * The pool: creates the workers of a CPU, as many as are needed, up to a bound
 *
 * Theory of operation
 *
 * The hotplug callback creates the first worker of a CPU when the CPU first comes online.
 * That worker is the active one. The pool refill, which is a work of the kernel's, creates
 * the others: up to "standby" of them that are free, up to "workers" in all. It is asked
 * for more when a worker on standby gets the queue or is reserved, and when a queue is
 * unserved (see hand_over.c). An item that opens a scope may wait for it.
 *
 * Life of a worker. The pool creates a worker, binds it to its CPU, wakes it, and waits
 * until it runs, as kthread_stop() of a thread that has never run would skip its function.
 * The worker is listed last, so a reader of the list sees it complete; see
 * publish-read.litmus. It lives as long as the module. It is stopped when no submitter is
 * left, and drains its queue before it ends. A thread that is ended by an item, as by an
 * oops, stays in the list, but does not count for the bound.
 *
 * The pool does not take the CPU hotplug lock, as a change of CPUs may wait for an item
 * that needs a worker. Instead, the refill and the hotplug callback that binds the workers
 * exclude each other by scopex_cpu.make_lock. If the refill binds a worker to a CPU that
 * has just become offline, the scheduler lets that worker run elsewhere, as it does with
 * the other workers of the CPU. A worker that is created while its CPU is offline is bound
 * to one that is online, and to its own when that comes back.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/scopex_types.h>
#include <linux/slab.h>
#include <linux/swait.h>
#include <linux/topology.h>

#include "config.h"
#include "cpu.h"
#include "hand_over.h"
#include "inject.h"
#include "pool.h"
#include "text.h"
#include "thread.h"

/*
 * For how long an item waits for a new worker. The wait has a limit, as the pool refill may
 * itself wait for the item.
 */
#define SCOPEX_GROW_TIME	(60 * HZ)

/* Return the CPU where the workers run: their own, or one near it while it is offline. */
unsigned int scopex_home(const struct scopex_cpu *sc)
{
	unsigned int near;

	if (cpu_online(sc->cpu))
		return sc->cpu;
	near = cpumask_any_and(cpumask_of_node(cpu_to_node(sc->cpu)), cpu_online_mask);
	return near < nr_cpu_ids ? near : cpumask_any(cpu_online_mask);
}

/* Create one more worker. The first one is the active one. The caller holds make_lock. */
int scopex_create_worker(struct scopex_cpu *sc)
{
	int node = cpu_to_node(sc->cpu);
	struct task_struct *task;
	struct scopex_worker *w;

	w = scopex_inject_no_worker() ? NULL : kzalloc_node(sizeof(*w), GFP_KERNEL, node);
	if (!w)
		return -ENOMEM;
	w->sc = sc;
	init_completion(&w->started);
	/* The stall detector takes its first item for a new one. */
	w->stall_ended = -1UL;

	if (sc->nr_workers)
		task = kthread_create_on_node(scopex_worker_thread, w, node,
					      SCOPEX_WORKER_NAME "%u:%u", sc->cpu,
					      sc->nr_workers);
	else
		task = kthread_create_on_node(scopex_worker_thread, w, node,
					      SCOPEX_WORKER_NAME "%u", sc->cpu);
	if (IS_ERR(task)) {
		pr_err_ratelimited("no worker for CPU %u: %pe\n", sc->cpu, task);
		kfree(w);
		return PTR_ERR(task);
	}
	/* The thread may be ended by an oops in an item, before it is stopped. */
	get_task_struct(task);
	kthread_bind(task, scopex_home(sc));
	set_user_nice(task, scopex_config.nice);
	w->task = task;
	w->next = sc->workers;
	if (!sc->nr_workers) {
		w->active = true;
		sc->active = w;
	}
	WRITE_ONCE(sc->nr_workers, sc->nr_workers + 1);

	/* The thread has to run before a submit may wake it, and before it is stopped. */
	wake_up_process(task);
	wait_for_completion(&w->started);
	/*
	 * Release: a reader of the list sees the worker complete; pairs with the address
	 * dependency of the readers; see publish-read.litmus.
	 */
	smp_store_release(&sc->workers, w);
	return 0;
}

/* How many different items a log line about the bound names. */
#define SCOPEX_HOLDERS	4

/* Some of the workers of a CPU, and the item that they are in. */
struct scopex_holders {
	const struct scopex_site	*site;
	void				*fn;
	unsigned int			nr;
};

/* For this time after a log line about a shortage, further ones are not logged. */
static unsigned long scopex_tell_pause(void)
{
	return msecs_to_jiffies(scopex_config.stall_ms ?: 10000);
}

/*
 * The bound keeps the queue unserved: log once which items hold the workers. The sites stay
 * for an RCU grace period.
 */
static void scopex_tell_bound(struct scopex_cpu *sc)
{
	struct scopex_holders holders[SCOPEX_HOLDERS] = { }, *h;
	unsigned long times = READ_ONCE(sc->times_left);
	unsigned int others = 0;
	struct scopex_worker *w;
	char text[512];
	int len = 0;

	if (sc->told == times ||
	    (sc->told && time_before(jiffies, sc->told_at + scopex_tell_pause())))
		return;
	WRITE_ONCE(sc->told, times);
	sc->told_at = jiffies;
	rcu_read_lock();
	scopex_for_each_worker(w, sc) {
		const struct scopex_site *site = READ_ONCE(w->site);
		void *fn = READ_ONCE(w->fn);

		if (!site)
			continue;
		for (h = holders; h < holders + SCOPEX_HOLDERS && h->nr; h++)
			if (h->site == site && h->fn == fn)
				break;
		if (h == holders + SCOPEX_HOLDERS) {
			others++;
			continue;
		}
		h->site = site;
		h->fn = fn;
		h->nr++;
	}
	for (h = holders; h < holders + SCOPEX_HOLDERS && h->nr; h++)
		len += scnprintf(text + len, sizeof(text) - len,
				 "%s%u in %ps of scope %s of %s()", len ? ", " : "",
				 h->nr, h->fn, scopex_name(h->site->name),
				 scopex_name(h->site->func));
	rcu_read_unlock();
	if (others)
		scnprintf(text + len, sizeof(text) - len, ", %u in others", others);
	pr_warn("the queue of CPU %u waits, as its workers=%u are all in items that wait: %s\n",
		sc->cpu, scopex_config.workers, text);
}

/*
 * Create workers: until enough are on standby, and for an unserved queue, and for an item
 * that waits for one. The parameters set the bounds. The caller holds make_lock.
 */
void scopex_fill_pool(struct scopex_cpu *sc)
{
	/* Clear the flag, then look: an item that sets it later starts another refill. */
	bool wanted = xchg(&sc->wanted, false);

	while (atomic_read(&sc->spare) < (int)scopex_config.standby ||
	       READ_ONCE(sc->left_by) || (wanted && atomic_read(&sc->spare) <= 0)) {
		if (!scopex_may_have_more(sc)) {
			if (READ_ONCE(sc->left_by))
				scopex_tell_bound(sc);
			return;
		}
		if (scopex_create_worker(sc)) {
			WRITE_ONCE(sc->failures, sc->failures + 1);
			return;
		}
		scopex_worker_idle(sc->workers);
	}
}

static void scopex_refill_work(struct work_struct *work)
{
	struct scopex_cpu *sc = container_of(work, struct scopex_cpu, more);

	mutex_lock(&sc->make_lock);
	scopex_fill_pool(sc);
	mutex_unlock(&sc->make_lock);
	swake_up_all(&sc->grown);
}

/**
 * scopex_look_at_unserved() - ask again for a worker if the queue is unserved
 * @sc: the CPU
 *
 * The pool may have failed to create one. Or the bound keeps the queue unserved, and the
 * log has not told it, as it told another shortage shortly before.
 *
 * Context: the watchdog.
 */
void scopex_look_at_unserved(struct scopex_cpu *sc)
{
	if (READ_ONCE(sc->left_by) && READ_ONCE(sc->times_left) != READ_ONCE(sc->told))
		scopex_refill_pool(sc);
}

/*
 * Returns true if scopex_reserve() would succeed. Look at both cases: the watchdog may hand
 * over for @w while @w waits.
 */
static bool scopex_may_reserve(const struct scopex_worker *w)
{
	if (READ_ONCE(w->active))
		return atomic_read(&w->sc->spare) > 0;
	return !READ_ONCE(w->sc->left_by);
}

/**
 * scopex_wait_for_pool() - wait until a worker is on standby, if one can be created
 * @w: the current task's worker, which needs another worker
 *
 * Context: process context of an item; sleeps.
 *
 * Return: true if the caller should try again. False if all workers that are allowed are
 * taken, if none could be created, or if a wait could deadlock: the pool needs memory, so
 * an item that is part of freeing memory must not wait for it.
 */
bool scopex_wait_for_pool(struct scopex_worker *w)
{
	struct scopex_cpu *sc = w->sc;
	unsigned int failures = READ_ONCE(sc->failures);

	if (current->flags & (PF_MEMALLOC | PF_MEMALLOC_NOFS | PF_MEMALLOC_NOIO))
		return false;
	if (!scopex_may_have_more(sc))
		return false;
	WRITE_ONCE(sc->wanted, true);
	scopex_refill_pool(sc);
	swait_event_timeout_exclusive(sc->grown, scopex_may_reserve(w) ||
				      READ_ONCE(sc->failures) != failures ||
				      !scopex_may_have_more(sc), SCOPEX_GROW_TIME);
	return scopex_may_reserve(w);
}

/**
 * scopex_pool_init() - prepare a CPU for workers
 * @sc: the CPU
 * @main: the main function of its workers
 */
void scopex_pool_init(struct scopex_cpu *sc, void (*main)(struct scopex_worker *w))
{
	sc->main = main;
	INIT_WORK(&sc->more, scopex_refill_work);
	mutex_init(&sc->make_lock);
	init_swait_queue_head(&sc->grown);
}
