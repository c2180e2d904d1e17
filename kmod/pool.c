// SPDX-License-Identifier: GPL-2.0
/* The workers of a CPU: as many as are needed, up to a bound */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/swait.h>
#include <linux/topology.h>

#include "config.h"
#include "cpu.h"
#include "hand_over.h"
#include "inject.h"
#include "pool.h"
#include "text.h"

/* How long an item waits for a worker to be made: the maker may wait for the item. */
#define SCOPEX_GROW_TIME	(60 * HZ)

/* Where the workers of a CPU run: there, or near it while it is offline. */
unsigned int scopex_home(const struct scopex_cpu *sc)
{
	unsigned int near;

	if (cpu_online(sc->cpu))
		return sc->cpu;
	near = cpumask_any_and(cpumask_of_node(cpu_to_node(sc->cpu)), cpu_online_mask);
	return near < nr_cpu_ids ? near : cpumask_any(cpu_online_mask);
}

/* Make one more worker; the first one is the active one. */
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
		pr_err_ratelimited("no worker for CPU %u: %pe\n", sc->cpu, task);
		kfree(w);
		return PTR_ERR(task);
	}
	/* It may be ended by an oops in an item. */
	get_task_struct(task);
	kthread_bind(task, scopex_home(sc));
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

/* How many different items a line about the bound names. */
#define SCOPEX_HOLDERS	4

/* What some of a CPU's workers are in. */
struct scopex_holders {
	const struct scopex_site	*site;
	void				*fn;
	unsigned int			nr;
};

/* Of shortages that follow on each other only the first one is told. */
static unsigned long scopex_tell_pause(void)
{
	return msecs_to_jiffies(scopex_config.stall_ms ?: 10000);
}

/*
 * The bound keeps an orphan waiting: tell once who holds the workers. The sites stay for
 * an RCU grace period.
 */
static void scopex_tell_bound(struct scopex_cpu *sc)
{
	struct scopex_holders holders[SCOPEX_HOLDERS] = { }, *h;
	unsigned long orphans = READ_ONCE(sc->orphans);
	unsigned int others = 0;
	struct scopex_worker *w;
	char text[512];
	int len = 0;

	if (sc->told == orphans ||
	    (sc->told && time_before(jiffies, sc->told_at + scopex_tell_pause())))
		return;
	WRITE_ONCE(sc->told, orphans);
	sc->told_at = jiffies;
	rcu_read_lock();
	for (w = sc->workers; w; w = w->next) {
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
 * Have enough workers on standby, as far as the parameters let us; and one for an
 * orphan, or for an item that waits for one.
 */
void scopex_fill_pool(struct scopex_cpu *sc)
{
	/* Before the look: an item that comes after has this run again. */
	bool wanted = xchg(&sc->wanted, false);

	while (atomic_read(&sc->spare) < (int)scopex_config.standby ||
	       READ_ONCE(sc->orphan) || (wanted && atomic_read(&sc->spare) <= 0)) {
		if (!scopex_may_have_more(sc)) {
			if (READ_ONCE(sc->orphan))
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
 * scopex_look_at_orphan() - ask once more for a worker for a queue that has none
 * @sc: the CPU
 *
 * None could be made before; or it is the bound that keeps the queue waiting, and the log has
 * not told of it, as another time was told shortly before.
 *
 * Context: the watchdog.
 */
void scopex_look_at_orphan(struct scopex_cpu *sc)
{
	if (READ_ONCE(sc->orphan) && READ_ONCE(sc->orphans) != READ_ONCE(sc->told))
		scopex_refill_pool(sc);
}

/* Would scopex_reserve() say yes? The watchdog may hand over while @w waits for that. */
static bool scopex_may_reserve(const struct scopex_worker *w)
{
	if (READ_ONCE(w->active))
		return atomic_read(&w->sc->spare) > 0;
	return !READ_ONCE(w->sc->orphan);
}

/**
 * scopex_wait_for_pool() - wait until a worker stands by, if one can be made
 * @w: the current task's worker, which needs another one
 *
 * Context: process context of an item; sleeps.
 *
 * Return: false if all are taken that there may be, none could be made, or to wait could
 * deadlock: the maker needs memory, so an item that is part of freeing some must not wait.
 * True if it is worth another try.
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
 * @main: what a worker does from its start to its end
 */
void scopex_pool_init(struct scopex_cpu *sc, void (*main)(struct scopex_worker *w))
{
	sc->main = main;
	INIT_WORK(&sc->more, scopex_refill_work);
	mutex_init(&sc->make_lock);
	init_swait_queue_head(&sc->grown);
}
