// SPDX-License-Identifier: GPL-2.0
/*
 * A snapshot: the open scopes as a tree, and the state of each worker
 *
 * A snapshot copies everything that is to be shown, so a reader can take any time to print
 * it. A scope stays open while it is visited: see registry.c. A worker stays as long as the
 * module. Of a worker's item, only the site is looked into, which stays for an RCU grace
 * period; the scope is no more than a number. Scopes and workers are copied one after the
 * other, so a snapshot need not be the state of one moment.
 */

#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "config.h"
#include "cpu.h"
#include "place.h"
#include "profile.h"
#include "queue.h"
#include "registry.h"
#include "snapshot.h"
#include "stall.h"
#include "state.h"
#include "thread.h"

/* The number of scopes that a snapshot has room for. */
#define SCOPEX_SNAPSHOT_SCOPES	1024

static void scopex_shown_scope(struct scopex_shown_scope *see,
			       const struct scopex_scope *scope)
{
	u64 state = atomic64_read(&scope->state);
	unsigned long count = (u32)(state & SCOPEX_COUNT_MASK) / SCOPEX_ONE;
	const struct scopex_custom_scope *custom =
		container_of(scope, struct scopex_custom_scope, scope);

	scopex_place_of(&see->place, scope->site);
	/* The owner can't exit before it has closed its scope, and a worker is kept. */
	strscpy(see->comm, scope->owner->comm, sizeof(see->comm));
	see->pid = scope->owner->pid;
	/* One reference is the owner's, and one this visit's. */
	see->pending = count - 2;
	see->depth = scope->depth;
	see->age_ms = jiffies_to_msecs((u32)jiffies - scope->since);
	see->error = scopex_error(scope);
	see->timed = scope->flags & __SCOPEX_TIMED;
	if (see->timed)
		see->deadline_ms = ktime_ms_delta(custom->deadline, ktime_get());
	see->waiting = state & SCOPEX_WAITING;
	see->cancelled = state & SCOPEX_CANCELLED;
	see->serial = state & SCOPEX_SERIAL;
	see->id = scope;
}

static bool scopex_snapshot_visit(struct scopex_scope *scope, void *arg)
{
	struct scopex_snapshot *snapshot = arg;

	snapshot->scopes_left = snapshot->nr_scopes == SCOPEX_SNAPSHOT_SCOPES;
	if (snapshot->scopes_left)
		return false;
	scopex_shown_scope(&snapshot->scope[snapshot->nr_scopes++], scope);
	return true;
}

static void scopex_snapshot_age(struct scopex_shown_worker *see, struct scopex_worker *w)
{
	u64 since = READ_ONCE(w->since), now = scopex_profile_clock();

	see->ms = -1;
	if (since && since >= scopex_profile_start_time() && since <= now) {
		see->ms = div_u64(now - since, NSEC_PER_MSEC);
	} else if (scopex_config.stall_ms) {
		see->ms = jiffies_to_msecs(scopex_stall_age(w));
		see->or_more = true;
	}
}

static void scopex_shown_worker(struct scopex_shown_worker *see, struct scopex_worker *w)
{
	struct scopex_site *site;
	bool active = READ_ONCE(w->active);

	see->cpu = w->sc->cpu;
	strscpy(see->comm, w->task->comm, sizeof(see->comm));
	see->pid = w->task->pid;

	rcu_read_lock();
	site = READ_ONCE(w->site);
	if (site) {
		scopex_place_of(&see->place, site);
		see->busy = true;
		scopex_name_fn(see->fn, sizeof(see->fn), READ_ONCE(w->fn));
		see->scope_id = READ_ONCE(w->scope);
	}
	rcu_read_unlock();

	if (READ_ONCE(w->task->exit_state))
		see->state = "dead";
	else if (site)
		see->state = !active ? "blocked" :
			     scopex_is_stalled(w) ? "stalled" : "running";
	else if (!active)
		see->state = "standby";
	else
		see->state = READ_ONCE(w->sc->queue) == SCOPEX_PARKED ? "parked" : "idle";
	if (site)
		scopex_snapshot_age(see, w);
}

/* Copy the workers, but no more than there is room for: more may have been created since. */
static void scopex_snapshot_workers(struct scopex_snapshot *snapshot, unsigned int room)
{
	struct scopex_worker *w;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		scopex_for_each_worker(w, per_cpu_ptr(&scopex_cpus, cpu)) {
			if (snapshot->nr_workers == room)
				return;
			scopex_shown_worker(&snapshot->worker[snapshot->nr_workers++], w);
		}
}

/**
 * scopex_free_snapshot() - free a snapshot
 * @snapshot: the snapshot that scopex_take_snapshot() has returned, or NULL
 */
void scopex_free_snapshot(struct scopex_snapshot *snapshot)
{
	if (!snapshot)
		return;
	kvfree(snapshot->worker);
	kvfree(snapshot->scope);
	kfree(snapshot);
}

/**
 * scopex_take_snapshot() - copy the state of all scopes and workers
 *
 * Context: process context; sleeps.
 *
 * Return: the snapshot, for scopex_free_snapshot(); NULL if there is no memory.
 */
struct scopex_snapshot *scopex_take_snapshot(void)
{
	struct scopex_snapshot *snapshot = kzalloc(sizeof(*snapshot), GFP_KERNEL);
	unsigned int cpu, room = 0;

	if (!snapshot)
		return NULL;
	for_each_possible_cpu(cpu)
		room += READ_ONCE(per_cpu(scopex_cpus, cpu).nr_workers);
	snapshot->worker = kvcalloc(max(room, 1U), sizeof(*snapshot->worker), GFP_KERNEL);
	snapshot->scope = kvcalloc(SCOPEX_SNAPSHOT_SCOPES, sizeof(*snapshot->scope), GFP_KERNEL);
	if (!snapshot->worker || !snapshot->scope) {
		scopex_free_snapshot(snapshot);
		return NULL;
	}

	scopex_visit_open(scopex_snapshot_visit, snapshot);
	scopex_snapshot_workers(snapshot, room);
	return snapshot;
}
