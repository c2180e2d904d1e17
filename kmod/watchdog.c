// SPDX-License-Identifier: GPL-2.0
/*
 * The watchdog: a look at all workers, from time to time
 *
 * Theory of operation
 *
 * Items pay nothing to be watched. A delayed work looks at each CPU ten times a
 * second while a worker is in an item, and once a second otherwise; more often if the
 * parameter "stall_ms" is short. It does seven things:
 *
 *	stalls	reports items that take too long: see stall.c
 *	joins	reports an owner that waits for too long as items are still submitted to its
 *		scope: a join drains
 *	CPUs	sees whether other CPUs are isolated than before: see select.c
 *	relief	finds a worker that sleeps in an item while others wait in its queue, and has
 *		the queue handed over, as if the item had said scopex_will_block()
 *	steals	asks an idle worker again if there are stealable items: the one that was asked
 *		may be kept off its CPU
 *	unserved	asks again for a worker for a queue that has none: see pool.c
 *	RCU	finds a worker whose batch takes longer than the time between two looks, and
 *		makes it report a quiescent state to RCU-tasks, for which tracers wait
 *
 * The watchdog usually runs on another CPU than the worker, so its observations are hints.
 * Relief and the mark for RCU are decided on the worker's own CPU, where the worker can't
 * run at the same time: see relief.c. After a relief the next look comes soon, as items that
 * sleep often come in bursts.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/hashtable.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "config.h"
#include "cpu.h"
#include "hand_over.h"
#include "inject.h"
#include "pool.h"
#include "queue.h"
#include "registry.h"
#include "relief.h"
#include "select.h"
#include "stall.h"
#include "state.h"
#include "steal.h"
#include "text.h"
#include "thief.h"
#include "thread.h"
#include "wake.h"
#include "watchdog.h"

/* The time to the next look: with no worker in an item, with one in an item, after a relief. */
#define SCOPEX_LOOK_IDLE	HZ
#define SCOPEX_LOOK_BUSY	(HZ / 10)
#define SCOPEX_LOOK_SOON	(HZ / 100 ?: 1)

static void scopex_look(struct work_struct *work);
static DECLARE_DELAYED_WORK(scopex_look_work, scopex_look);

/* Returns true if the active worker of a CPU may need relief, or a mark for RCU-tasks. */
static bool scopex_needs_relief(struct scopex_cpu *sc, struct scopex_worker *w)
{
	unsigned long batches = local_read(&w->count[SCOPEX_BATCHES]);
	bool same = batches == sc->tend_batches;
	bool rest = READ_ONCE(w->rest) || scopex_look_at(sc) != SCOPEX_NOTHING;

	sc->tend_batches = batches;
	if (!task_is_running(w->task))
		return rest || !scopex_queue_end(READ_ONCE(sc->queue));
	return rest && same;
}

/* Look at a CPU's workers. Returns the time to the next look, in jiffies. */
static unsigned long scopex_look_at_cpu(struct scopex_cpu *sc)
{
	unsigned long next = SCOPEX_LOOK_IDLE;
	struct scopex_worker *w;

	scopex_for_each_worker(w, sc) {
		if (scopex_config.stall_ms)
			scopex_look_for_stall(w);
		if (!READ_ONCE(w->active) || !READ_ONCE(w->site))
			continue;
		next = min_t(unsigned long, next, SCOPEX_LOOK_BUSY);
		if (!scopex_needs_relief(sc, w))
			continue;
		if (!task_is_running(w->task))
			next = SCOPEX_LOOK_SOON;
		scopex_ask_for_relief(sc);
	}
	scopex_look_at_unserved(sc);
	if (scopex_look_at(sc) != SCOPEX_NOTHING) {
		if (READ_ONCE(sc->queue) == SCOPEX_PARKED)
			scopex_wake_worker(sc);
		scopex_ask_again(sc->cpu);
		next = min_t(unsigned long, next, SCOPEX_LOOK_BUSY);
	}
	return next;
}

/*
 * If the number of references rises during the wait, an item came after the wait began. The
 * same holds if the number has not fallen although a worker has given references back: items
 * that each submit the next one keep it as it is. A walk through the open scopes (for
 * debugfs, or a cancellation) takes a reference, too, so one rise is not enough.
 */
#define SCOPEX_RISES	3
#define SCOPEX_TOLD	U8_MAX

/* The workers that have given references back since the last looks at scopes, by the scope. */
static DEFINE_HASHTABLE(scopex_parted, 6);

static void scopex_each_worker(void (*fn)(struct scopex_worker *w))
{
	struct scopex_worker *w;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		scopex_for_each_worker(w, per_cpu_ptr(&scopex_cpus, cpu))
			fn(w);
}

/*
 * After the looks at scopes, note the scope whose item the worker has called in this batch.
 * A worker that has called none may have to defer its item, and then gives no reference
 * back.
 */
static void scopex_note_item(struct scopex_worker *w)
{
	w->join_scope = READ_ONCE(w->site) && READ_ONCE(w->fn) ? READ_ONCE(w->scope) : NULL;
	w->join_batches = local_read(&w->count[SCOPEX_BATCHES]);
}

/*
 * Before the next looks, find the workers whose noted batch is over: they are in no batch,
 * or in another one. A worker may be found just before it gives its references back, but not
 * three times by chance.
 */
static void scopex_find_parted(struct scopex_worker *w)
{
	if (w->join_scope && (!READ_ONCE(w->site) ||
			      local_read(&w->count[SCOPEX_BATCHES]) != w->join_batches))
		hash_add(scopex_parted, &w->parted, (unsigned long)w->join_scope);
}

static bool scopex_has_ended_items(const struct scopex_scope *scope)
{
	const struct scopex_worker *w;

	hash_for_each_possible(scopex_parted, w, parted, (unsigned long)scope)
		if (w->join_scope == scope)
			return true;
	return false;
}

/*
 * Returns true if an item has come since the first look at this wait. A number that was cut
 * off at U16_MAX does not tell.
 */
static bool scopex_has_newcomers(const struct scopex_scope *scope, u16 count)
{
	return count > scope->wait_low ||
	       (count == scope->wait_low && count < U16_MAX && scopex_has_ended_items(scope));
}

/* The number of looks at all open scopes in the time "stall_ms". */
#define SCOPEX_JOIN_LOOKS	4

static bool scopex_look_at_join(struct scopex_scope *scope, void *unused)
{
	u64 state = atomic64_read(&scope->state);
	u16 count = min_t(u64, (state & SCOPEX_COUNT_MASK) / SCOPEX_ONE, U16_MAX);
	u8 round = READ_ONCE(scope->rounds);

	if (!(state & SCOPEX_WAITING))
		return true;
	if (round != scope->wait_round || !scope->wait_looks) {
		scope->wait_round = round;
		scope->wait_looks = 1;
		scope->wait_low = count;
		scope->rises = 0;
		return true;
	}
	if (scope->wait_looks < U8_MAX)
		scope->wait_looks++;
	if (scope->rises < SCOPEX_RISES && scopex_has_newcomers(scope, count))
		scope->rises++;
	scope->wait_low = min(scope->wait_low, count);
	if (scope->rises == SCOPEX_RISES && scope->wait_looks > SCOPEX_JOIN_LOOKS) {
		scope->rises = SCOPEX_TOLD;
		pr_warn("%s:%d waits for scope %s of %s() for more than %u ms, as items are still submitted to it, or run again: a join drains\n",
			scopex_comm(scope->owner), scope->owner->pid,
			scopex_name(scope->site->name), scopex_name(scope->site->func),
			scopex_config.stall_ms);
	}
	return true;
}

/* Look at the waits of all open scopes; only so often, as it is a walk through all of them. */
static void scopex_look_at_joins(void)
{
	static unsigned long next = INITIAL_JIFFIES;

	if (!scopex_config.stall_ms || time_before(jiffies, next))
		return;
	next = jiffies + scopex_stall_threshold() / SCOPEX_JOIN_LOOKS;
	hash_init(scopex_parted);
	scopex_each_worker(scopex_find_parted);
	scopex_visit_open(scopex_look_at_join, NULL);
	scopex_each_worker(scopex_note_item);
}

static void scopex_look(struct work_struct *work)
{
	unsigned long next = SCOPEX_LOOK_IDLE;
	unsigned int cpu;

	scopex_inject(SCOPEX_INJECT_LOOK);
	/* Do not wait for CPUs that come or go: the next look does what needs the hotplug lock. */
	for_each_possible_cpu(cpu)
		next = min(next, scopex_look_at_cpu(per_cpu_ptr(&scopex_cpus, cpu)));
	scopex_look_at_joins();
	scopex_look_at_isolation();
	if (scopex_config.stall_ms)
		next = min(next, scopex_stall_threshold() / 4);
	queue_delayed_work(scopex_pool_wq, &scopex_look_work, next);
}

/**
 * scopex_watchdog_init() - begin to look
 */
void scopex_watchdog_init(void)
{
	queue_delayed_work(scopex_pool_wq, &scopex_look_work, SCOPEX_LOOK_BUSY);
}

/**
 * scopex_watchdog_exit() - stop looking
 *
 * Context: process context; sleeps.
 */
void scopex_watchdog_exit(void)
{
	cancel_delayed_work_sync(&scopex_look_work);
}
