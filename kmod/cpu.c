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
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/isolation.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/swait.h>
#include <linux/topology.h>

#include "compat/workqueue.h"
#include "internal.h"

DEFINE_PER_CPU_ALIGNED(struct scopex_cpu, scopex_cpus);

/* Where scopex_submit() on a CPU goes to: the CPU itself, or the nearest. */
DEFINE_PER_CPU(struct scopex_cpu *, scopex_local);

/*
 * No CPU, and none comes after it. Built into the kernel, scopex may be asked for a CPU
 * before its init, or after one that has failed.
 */
static struct scopex_cpu scopex_nowhere;

/* The last choice of scopex_submit_any() on a CPU. */
static DEFINE_PER_CPU(struct scopex_cpu *, scopex_cursor) = &scopex_nowhere;

/* The CPUs that submitters may name. */
struct cpumask scopex_open_cpus;

/* Those of them that get what names no CPU: the ring. */
struct cpumask scopex_ring_cpus;

/* How many the ring has: to count them takes longer than an empty loop. */
unsigned int scopex_nr_open;

struct scopex_config scopex_config;

/* Those that have workers, or will have some when they come online. */
struct cpumask scopex_served_cpus;

static enum cpuhp_state scopex_hp_state;

/*
 * Make workers, and look after those of a CPU. The kernel's own, as they have to be
 * there when ours wait.
 */
struct workqueue_struct *scopex_maker;
static struct workqueue_struct *scopex_tender;

/* How long an item waits for a worker to be made: the maker may wait for the item. */
#define SCOPEX_GROW_TIME	(60 * HZ)

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
static bool scopex_choose_ring(void)
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
static void scopex_direct_submits(void)
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

/* Where the workers of a CPU run: there, or near it while it is offline. */
static unsigned int scopex_home(const struct scopex_cpu *sc)
{
	unsigned int near;

	if (cpu_online(sc->cpu))
		return sc->cpu;
	near = cpumask_any_and(cpumask_of_node(cpu_to_node(sc->cpu)), cpu_online_mask);
	return near < nr_cpu_ids ? near : cpumask_any(cpu_online_mask);
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
		scopex_direct_submits();
	cpus_read_unlock();
}

/* Make one more worker; the first one is the active one. */
static int scopex_make_worker(struct scopex_cpu *sc)
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

/* Those that items have taken with them leave room for others. */
static bool scopex_may_have_more(struct scopex_cpu *sc)
{
	return READ_ONCE(sc->nr_workers) - atomic_read(&sc->dead) <
	       scopex_config.workers;
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
static void scopex_make_workers(struct scopex_cpu *sc)
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
		if (scopex_make_worker(sc)) {
			WRITE_ONCE(sc->failures, sc->failures + 1);
			return;
		}
		scopex_enlist(sc->workers);
	}
}

static void scopex_more_workers(struct work_struct *work)
{
	struct scopex_cpu *sc = container_of(work, struct scopex_cpu, more);

	mutex_lock(&sc->make_lock);
	scopex_make_workers(sc);
	mutex_unlock(&sc->make_lock);
	swake_up_all(&sc->grown);
}

/**
 * scopex_want_standby() - have more workers made, soon
 * @sc: the CPU that has too few on standby
 *
 * Context: any but NMI; does not sleep.
 */
void scopex_want_standby(struct scopex_cpu *sc)
{
	if (scopex_may_have_more(sc) || READ_ONCE(sc->orphan))
		queue_work(scopex_maker, &sc->more);
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
		scopex_want_standby(sc);
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
	scopex_want_standby(sc);
	swait_event_timeout_exclusive(sc->grown, scopex_may_reserve(w) ||
				      READ_ONCE(sc->failures) != failures ||
				      !scopex_may_have_more(sc), SCOPEX_GROW_TIME);
	return scopex_may_reserve(w);
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

static void scopex_tend_here(struct work_struct *work)
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
		scopex_tend(sc);
	preempt_enable();
	cpus_read_unlock();
}

/**
 * scopex_ask_to_tend() - have the active worker of a CPU looked after, where it runs
 * @sc: the CPU
 *
 * Context: process context. If CPUs come or go just now, nothing may be done.
 */
void scopex_ask_to_tend(struct scopex_cpu *sc)
{
	queue_work_on(scopex_home(sc), scopex_tender, &sc->tend);
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

	mutex_lock(&sc->make_lock);
	if (sc->workers)
		err = scopex_bind_workers(sc);
	else
		err = scopex_make_worker(sc);
	/* Those on standby are no condition: without, scopes in items are serial. */
	if (!err)
		scopex_make_workers(sc);
	mutex_unlock(&sc->make_lock);
	if (err)
		return err;

	cpumask_set_cpu(cpu, &scopex_open_cpus);
	scopex_choose_ring();
	scopex_direct_submits();
	/* Release O: pairs with scopex_submit_on(); see open-submit.litmus. */
	smp_store_release(&sc->open, true);
	return 0;
}

static int scopex_cpu_offline(unsigned int cpu)
{
	WRITE_ONCE(per_cpu(scopex_cpus, cpu).open, false);
	cpumask_clear_cpu(cpu, &scopex_open_cpus);
	scopex_choose_ring();
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
	for_each_possible_cpu(cpu)
		cancel_work_sync(&per_cpu(scopex_cpus, cpu).more);
	destroy_workqueue(scopex_maker);
	destroy_workqueue(scopex_tender);

	for_each_possible_cpu(cpu) {
		sc = per_cpu_ptr(&scopex_cpus, cpu);
		per_cpu(scopex_cursor, cpu) = &scopex_nowhere;
		scopex_stop_workers(sc);
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
	scopex_tender = alloc_workqueue("scopex_tend", SCOPEX_WQ_PERCPU | WQ_HIGHPRI |
					WQ_MEM_RECLAIM, 0);
	if (!scopex_tender) {
		destroy_workqueue(scopex_maker);
		return -ENOMEM;
	}

	for_each_possible_cpu(cpu) {
		struct scopex_cpu *sc = per_cpu_ptr(&scopex_cpus, cpu);

		sc->cpu = cpu;
		INIT_WORK(&sc->more, scopex_more_workers);
		INIT_WORK(&sc->tend, scopex_tend_here);
		mutex_init(&sc->make_lock);
		init_swait_queue_head(&sc->grown);
		spin_lock_init(&sc->take_lock);
		mutex_init(&sc->turn_lock);
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
