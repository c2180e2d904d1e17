// SPDX-License-Identifier: GPL-2.0
/*
 * What is going on: the open scopes as a tree, and what each worker does
 *
 * A look copies what is to be shown, and so can be told about at leisure. A scope stays
 * while its CPU's scopes_lock is held; the time under the lock is bounded by the number
 * of scopes that are shown. A worker stays as long as the module; of its item, only the
 * site is looked into, which stays for an RCU grace period, and the scope is but a
 * number. CPUs are looked at one after the other: what is shown need not have been so
 * at one moment. So a parent may be missing that was opened after its CPU was looked
 * at; then its children are shown as if they had none.
 */

#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "internal.h"
#include "live.h"

/* How many scopes are shown, of one CPU's list and in all. */
#define SCOPEX_LIVE_PER_CPU	128
#define SCOPEX_LIVE_SCOPES	1024

static void scopex_live_scope(struct scopex_live_scope *see,
			      const struct scopex_scope *scope)
{
	u64 state = atomic64_read(&scope->state);
	unsigned long count = (u32)(state & SCOPEX_COUNT_MASK) / SCOPEX_ONE;
	const struct scopex_custom_scope *custom =
		container_of(scope, struct scopex_custom_scope, scope);

	scopex_place_of(&see->place, scope->site);
	/* The owner can't exit before it has unregistered its scope. */
	strscpy(see->comm, scope->owner->comm, sizeof(see->comm));
	see->pid = scope->owner->pid;
	/* One is the owner's, unless the scope was closed just now. */
	see->pending = count ? count - 1 : 0;
	see->age_ms = jiffies_to_msecs((u32)jiffies - scope->since);
	see->error = scopex_error(scope);
	see->timed = scope->flags & __SCOPEX_TIMED;
	if (see->timed)
		see->deadline_ms = ktime_ms_delta(custom->deadline, ktime_get());
	see->waiting = state & SCOPEX_WAITING;
	see->cancelled = state & SCOPEX_CANCELLED;
	see->serial = state & SCOPEX_SERIAL;
	see->id = scope;
	see->parent_id = scope->parent;
}

static void scopex_live_scopes_of(struct scopex_live *live, struct scopex_cpu *sc)
{
	unsigned int room = min(SCOPEX_LIVE_SCOPES - live->nr_scopes,
				(unsigned int)SCOPEX_LIVE_PER_CPU);
	struct scopex_scope *scope;
	unsigned long flags;

	raw_spin_lock_irqsave(&sc->scopes_lock, flags);
	list_for_each_entry(scope, &sc->scopes, node) {
		if (!room--) {
			live->scopes_left = true;
			break;
		}
		scopex_live_scope(&live->found[live->nr_scopes++], scope);
	}
	raw_spin_unlock_irqrestore(&sc->scopes_lock, flags);
}

/* Hang @see, and all that is nested in it, on the list that is shown. */
static void scopex_live_hang(struct scopex_live *live, struct scopex_live_scope *see,
			     unsigned int *nr)
{
	unsigned int first = *nr, i;

	live->scope[(*nr)++] = see;
	/* Depth first without a stack: those found go where the next one is looked for. */
	while (first < *nr) {
		struct scopex_live_scope *parent = live->scope[first++];
		unsigned int children = 0;

		for (i = 0; i < live->nr_scopes; i++)
			if (live->found[i].parent == parent)
				children++;
		cond_resched();
		if (!children)
			continue;
		memmove(&live->scope[first + children], &live->scope[first],
			(*nr - first) * sizeof(*live->scope));
		*nr += children;
		for (i = 0, children = 0; i < live->nr_scopes; i++) {
			if (live->found[i].parent != parent)
				continue;
			live->found[i].depth = parent->depth + 1;
			live->scope[first + children++] = &live->found[i];
		}
	}
}

/* A scope is younger than the one that it is nested in, so there are no rings. */
static void scopex_live_tree(struct scopex_live *live)
{
	unsigned int i, j, nr = 0;

	for (i = 0; i < live->nr_scopes; i++) {
		struct scopex_live_scope *see = &live->found[i];

		for (j = 0; see->parent_id && j < live->nr_scopes; j++)
			if (live->found[j].id == see->parent_id && i != j)
				see->parent = &live->found[j];
		cond_resched();
	}
	for (i = 0; i < live->nr_scopes; i++)
		if (!live->found[i].parent)
			scopex_live_hang(live, &live->found[i], &nr);
	/* Whoever was found twice, in two places of memory reused meanwhile, is left out. */
	live->nr_scopes = nr;
}

static void scopex_live_age(struct scopex_live_worker *see, struct scopex_worker *w)
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

static void scopex_live_worker(struct scopex_live_worker *see, struct scopex_worker *w)
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
		scopex_live_age(see, w);
}

/* No more than were counted before: there may be new ones by now. */
static void scopex_live_workers(struct scopex_live *live, unsigned int room)
{
	struct scopex_worker *w;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		/* W: pairs with scopex_make_worker(). */
		for (w = READ_ONCE(per_cpu(scopex_cpus, cpu).workers);
		     w && live->nr_workers < room; w = w->next)
			scopex_live_worker(&live->worker[live->nr_workers++], w);
}

/**
 * scopex_live_free() - forget what was seen
 * @live: what scopex_live_look() has returned, or NULL
 */
void scopex_live_free(struct scopex_live *live)
{
	if (!live)
		return;
	kvfree(live->worker);
	kvfree(live->scope);
	kvfree(live->found);
	kfree(live);
}

/**
 * scopex_live_look() - look at all scopes and workers
 *
 * Context: process context; sleeps.
 *
 * Return: what was seen, to be given to scopex_live_free(); NULL without memory.
 */
struct scopex_live *scopex_live_look(void)
{
	struct scopex_live *live = kzalloc(sizeof(*live), GFP_KERNEL);
	unsigned int cpu, room = 0;

	if (!live)
		return NULL;
	for_each_possible_cpu(cpu)
		room += READ_ONCE(per_cpu(scopex_cpus, cpu).nr_workers);
	live->worker = kvcalloc(max(room, 1U), sizeof(*live->worker), GFP_KERNEL);
	live->found = kvcalloc(SCOPEX_LIVE_SCOPES, sizeof(*live->found), GFP_KERNEL);
	live->scope = kvcalloc(SCOPEX_LIVE_SCOPES, sizeof(*live->scope), GFP_KERNEL);
	if (!live->worker || !live->found || !live->scope) {
		scopex_live_free(live);
		return NULL;
	}

	for_each_possible_cpu(cpu)
		scopex_live_scopes_of(live, per_cpu_ptr(&scopex_cpus, cpu));
	scopex_live_tree(live);
	scopex_live_workers(live, room);
	return live;
}
