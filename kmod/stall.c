// SPDX-License-Identifier: GPL-2.0
/*
 * Stalls: items that hold up their CPU's queue for too long
 *
 * Theory of operation
 *
 * Nothing is measured when an item starts: that would cost each of them something.
 * Instead, the watchdog looks at all active workers from time to time, four
 * times per threshold or more. One that is in an item (it has a site), and has ended none
 * since an earlier look at it in an item that was a threshold ago, is stalled: running, or
 * asleep without having said scopex_will_block(). It is reported once, and counted. (A
 * worker that a look finds between two items may be taken for one in the second: that
 * is reported early then, if the worker does not get the CPU before it begins.)
 *
 * The scope of the item is not touched, as it may go at any time; its site belongs to
 * a module that can't go while the item runs, and not before an RCU grace period after.
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

/**
 * scopex_stall_threshold() - after what time an item is reported
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
 * scopex_look_for_stall() - look whether a worker is in the item that it was in before
 * @w: the worker
 *
 * Context: the watchdog.
 */
void scopex_look_for_stall(struct scopex_worker *w)
{
	unsigned long now = jiffies, ended = scopex_ended(w);
	bool busy = READ_ONCE(w->site);

	/* Who is in no item begins one after this look: to the next look, it is new. */
	if (!busy)
		ended--;
	if (!busy || ended != w->stall_ended) {
		WRITE_ONCE(w->stall_since, now);
		WRITE_ONCE(w->stall_told, false);
		/*
		 * First these, then which item; pairs with scopex_is_as_seen(); see
		 * stall-since.litmus.
		 */
		smp_wmb();
		WRITE_ONCE(w->stall_ended, ended);
		return;
	}
	/* One that is not active holds up nobody. */
	if (!READ_ONCE(w->active) || w->stall_told ||
	    now - w->stall_since < scopex_stall_threshold())
		return;
	/* Who sees it counted finds it in the log. */
	scopex_report_stall(w);
	WRITE_ONCE(w->stall_told, true);
	WRITE_ONCE(w->sc->stalls, w->sc->stalls + 1);
}

/* Is a worker in the item that it was in at the last look? */
static bool scopex_is_as_seen(struct scopex_worker *w)
{
	bool same = READ_ONCE(w->stall_ended) == scopex_ended(w);

	/* Pairs with scopex_look_for_stall(); see stall-since.litmus. */
	smp_rmb();
	return same;
}

/**
 * scopex_is_stalled() - was the item that a worker is in reported?
 * @w: the worker, which is in an item
 *
 * Context: any.
 *
 * Return: whether it was.
 */
bool scopex_is_stalled(struct scopex_worker *w)
{
	return scopex_is_as_seen(w) && READ_ONCE(w->stall_told);
}

/**
 * scopex_stall_age() - for how long a worker has been seen in its item
 * @w: the worker, which is in an item
 *
 * Context: any.
 *
 * Return: jiffies; 0 if it was not looked at since it has begun.
 */
unsigned long scopex_stall_age(struct scopex_worker *w)
{
	return scopex_is_as_seen(w) ? jiffies - READ_ONCE(w->stall_since) : 0;
}
