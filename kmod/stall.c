// SPDX-License-Identifier: GPL-2.0
/*
 * Stalls: items that hold up their CPU's queue for too long
 *
 * Theory of operation
 *
 * Items pay nothing for this: no clock is read when an item starts. Instead, the watchdog
 * looks at all active workers from time to time, at least four times per threshold. A worker
 * is stalled if it is in an item (it has a site), and has completed none since a look a
 * threshold ago that also found it in an item. The item runs for too long, or sleeps without
 * having said scopex_will_block(). The watchdog reports and counts it once.
 *
 * A look may find a worker between two items of a batch, and then takes it for one in the
 * second item. If the worker does not get the CPU before it begins that item, the item is
 * reported early.
 *
 * The watchdog does not touch the item's scope, which may go at any time. It looks at the
 * site under RCU: the module of the site can't go while the item runs, nor until an RCU
 * grace period after.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/rcupdate.h>
#include <linux/sched/debug.h>

#include <trace/events/scopex.h>

#include "config.h"
#include "cpu.h"
#include "stall.h"
#include "text.h"
#include "thread.h"

/**
 * scopex_stall_threshold() - get the time after which an item is reported
 *
 * Return: jiffies.
 */
unsigned long scopex_stall_threshold(void)
{
	return max(msecs_to_jiffies(scopex_config.stall_ms), 4UL);
}

static void scopex_report_stall(struct scopex_worker *w)
{
	struct scopex_site *site;

	rcu_read_lock();
	site = READ_ONCE(w->site);
	if (site) {
		trace_scopex_stall(w->sc->cpu, w->task->pid, site, READ_ONCE(w->fn));
		pr_warn("item %ps of scope %s of %s() holds up CPU %u for more than %u ms, in task %s:%d\n",
			READ_ONCE(w->fn), scopex_name(site->name), scopex_name(site->func),
			w->sc->cpu, scopex_config.stall_ms, scopex_comm(w->task), w->task->pid);
	}
	rcu_read_unlock();
	sched_show_task(w->task);
}

static unsigned long scopex_ended(struct scopex_worker *w)
{
	return local_read(&w->count[SCOPEX_RUN]) +
	       local_read(&w->count[SCOPEX_CANCELLED_ITEMS]) +
	       local_read(&w->count[SCOPEX_CHUNKS]);
}

/**
 * scopex_look_for_stall() - look whether a worker is still in the item of the last look
 * @w: the worker
 *
 * Context: the watchdog.
 */
void scopex_look_for_stall(struct scopex_worker *w)
{
	unsigned long now = jiffies, ended = scopex_ended(w);
	bool busy = READ_ONCE(w->site);

	/* A worker in no item may begin one now: then it is new to the next look. */
	if (!busy)
		ended--;
	if (!busy || ended != w->stall_ended) {
		WRITE_ONCE(w->stall_since, now);
		WRITE_ONCE(w->stall_told, false);
		/*
		 * Write the time before the number that says which item it belongs to; pairs
		 * with scopex_is_as_seen(); see stall-since.litmus.
		 */
		smp_wmb();
		WRITE_ONCE(w->stall_ended, ended);
		return;
	}
	/* A worker that is not active holds up no other item. */
	if (!READ_ONCE(w->active) || w->stall_told ||
	    now - w->stall_since < scopex_stall_threshold())
		return;
	/* Report before the count: a reader of the count finds the report in the log. */
	scopex_report_stall(w);
	WRITE_ONCE(w->stall_told, true);
	WRITE_ONCE(w->sc->stalls, w->sc->stalls + 1);
}

/* Returns true if a worker is in the item that it was in at the last look. */
static bool scopex_is_as_seen(struct scopex_worker *w)
{
	bool same = READ_ONCE(w->stall_ended) == scopex_ended(w);

	/*
	 * Read which item, then its time; pairs with scopex_look_for_stall(); see
	 * stall-since.litmus.
	 */
	smp_rmb();
	return same;
}

/**
 * scopex_is_stalled() - was the worker's item reported as stalled?
 * @w: the worker, which is in an item
 *
 * Context: any.
 *
 * Return: true if it was.
 */
bool scopex_is_stalled(struct scopex_worker *w)
{
	return scopex_is_as_seen(w) && READ_ONCE(w->stall_told);
}

/**
 * scopex_stall_age() - get how long ago a look first found the worker in its item
 * @w: the worker, which is in an item
 *
 * Context: any.
 *
 * Return: jiffies; 0 if no look has found it in this item yet.
 */
unsigned long scopex_stall_age(struct scopex_worker *w)
{
	return scopex_is_as_seen(w) ? jiffies - READ_ONCE(w->stall_since) : 0;
}
