// SPDX-License-Identifier: GPL-2.0
/*
 * Stealing: a worker takes stealable items, of its own CPU or of another one
 *
 * Theory of operation
 *
 * shared.h has the rules. A worker runs the stealable items of its own CPU one by one, and
 * leaves the rest where others find it. When that is empty, it refills it: it takes all that was
 * pushed since, and reverses the chain. This takes time for each item, so it is done with
 * preemption enabled. Thieves pass by; the worker of the CPU sleeps if a thief does it.
 *
 * A worker that was asked, or that has found items of others when it was about to sleep, goes
 * round all CPUs, near ones first. From the first one that has items it takes some, and makes
 * them those of its own CPU: there others find them. It begins with one item, and takes twice as
 * many as the last time if it comes back soon: then the items are short, and a steal costs as
 * much as some of them. So long items go one by one to as many workers as there are.
 *
 * A thief finds the mark of a worker that takes an item. The worker needs two instructions
 * between the mark and the store of the rest. The thief looks a few times, then goes on to the
 * next CPU. On a kernel with preemption the worker may have lost its CPU between the two; so may
 * a virtual CPU. Then the rest can't be stolen until it goes on. The thief does not wait for it,
 * but it does not sleep for good either, as nobody would wake it: it looks again a tick later.
 */

#include <linux/cpumask.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/percpu.h>
#include <linux/timekeeping.h>

#include "cpu.h"
#include "inject.h"
#include "queue.h"
#include "resched.h"
#include "shared.h"
#include "steal.h"
#include "thief.h"
#include "thread.h"

/* A thief takes so many items at most. */
#define SCOPEX_STEAL_MAX	32

/* Items are short if a thief is back after this time, in nanoseconds. */
#define SCOPEX_STEAL_SOON	20000

/* How often a thief looks at the mark of a worker that takes an item. */
#define SCOPEX_STEAL_LOOKS	100

/**
 * scopex_look_at_all() - look for stealable items of all CPUs
 * @but: a CPU that is left out, or NULL
 *
 * Context: any.
 *
 * Return: the most that the looks at single CPUs have found.
 */
enum scopex_look scopex_look_at_all(const struct scopex_cpu *but)
{
	enum scopex_look found = SCOPEX_NOTHING;
	const struct scopex_cpu *sc;

	scopex_for_each_home(sc) {
		if (sc != but)
			found = max(found, scopex_look_at(sc));
		if (found == SCOPEX_ITEMS)
			break;
	}
	return found;
}

/**
 * scopex_give_back() - give the stealable items of a CPU back, and tell the workers if any is left
 * @sc: the CPU, whose word @shared the caller holds
 * @rest: the chain that is left, or NULL
 *
 * A worker that has found the mark of the caller may sleep, and relies on the look, whether or
 * not the caller has found an item: one may have been pushed since.
 *
 * Context: any but NMI.
 */
void scopex_give_back(struct scopex_cpu *sc, struct llist_node *rest)
{
	scopex_shared_give(&sc->shared, rest);
	/*
	 * Full barrier: give, then look at both words; pairs with scopex_tell() and
	 * scopex_begin_idle(); see steal-hold.litmus.
	 */
	smp_mb();
	if (scopex_look_at(sc) == SCOPEX_ITEMS)
		scopex_tell(sc);
}

/* Take all that was pushed. The caller holds the word @shared. Returns the oldest item. */
static struct llist_node *scopex_take_any(struct scopex_cpu *sc)
{
	struct llist_node *node;
	unsigned long nr = 0;

	node = scopex_queue_reverse(scopex_any_take(&sc->any), &nr);
	WRITE_ONCE(sc->any_taken, sc->any_taken + nr);
	if (nr > READ_ONCE(sc->depth_max))
		WRITE_ONCE(sc->depth_max, nr);
	return node;
}

/**
 * scopex_refill() - take the first stealable item of a worker's own CPU
 * @w: the active worker
 *
 * The rest can be stolen afterwards, and was told to the workers.
 *
 * Context: the worker's thread.
 *
 * Return: the item's node; NULL if there is no item, or another task holds them.
 */
struct llist_node *scopex_refill(struct scopex_worker *w)
{
	struct scopex_cpu *sc = w->sc;
	struct llist_node *node, *rest;

	if (!scopex_shared_hold(&sc->shared, &node))
		return NULL;
	if (!node)
		node = scopex_take_any(sc);
	rest = node ? node->next : NULL;
	scopex_inject(SCOPEX_INJECT_GIVE);
	scopex_give_back(sc, rest);
	return node;
}

/*
 * Take items of another CPU: @max at most. Returns the oldest one, with the others behind it, or
 * NULL.
 */
static struct llist_node *scopex_steal_from(struct scopex_worker *w, struct scopex_cpu *sc,
					    unsigned int max)
{
	struct llist_node *first, *last, *rest;
	unsigned int nr = 1;

	if (!scopex_spin_until(scopex_look_at(sc) != SCOPEX_UNKNOWN, SCOPEX_STEAL_LOOKS) ||
	    scopex_look_at(sc) != SCOPEX_ITEMS || !scopex_shared_hold(&sc->shared, &first))
		return NULL;
	if (!first)
		first = scopex_take_any(sc);
	if (!first) {
		scopex_give_back(sc, NULL);
		return NULL;
	}
	for (last = first; nr < max && last->next; nr++)
		last = last->next;
	rest = last->next;
	last->next = NULL;
	WRITE_ONCE(sc->stolen, sc->stolen + nr);
	local_add(nr, &w->count[SCOPEX_STEALS]);
	scopex_inject(SCOPEX_INJECT_GIVE);
	scopex_give_back(sc, rest);
	return first;
}

/*
 * Go round all CPUs, near ones first. Returns what was found at the first one: a single item if
 * @single.
 */
static struct llist_node *scopex_steal(struct scopex_worker *w, bool single)
{
	unsigned int level, near, cpu = w->sc->cpu;
	u64 now = ktime_get_mono_fast_ns();
	struct llist_node *node;

	w->sc->steal_nr = now - w->sc->stole_at < SCOPEX_STEAL_SOON ?
			  min(2 * w->sc->steal_nr, SCOPEX_STEAL_MAX) : 1;
	w->sc->stole_at = now;
	for (level = 0; level < SCOPEX_NEAR_LEVELS; level++)
		for_each_cpu(near, scopex_near_cpus(cpu, level)) {
			if (near == cpu)
				continue;
			node = scopex_steal_from(w, per_cpu_ptr(&scopex_cpus, near),
						 single ? 1 : w->sc->steal_nr);
			if (node)
				return node;
		}
	return NULL;
}

/**
 * scopex_search() - look for items of other CPUs, and take some
 * @w: the active worker of a CPU that has no items
 * @asked: true if the worker was asked
 *
 * What it does not return can be stolen from this CPU in turn.
 *
 * Context: the worker's thread.
 *
 * Return: the node of the item to be run first, or NULL.
 */
struct llist_node *scopex_search(struct scopex_worker *w, bool asked)
{
	struct llist_node *mine, *node = NULL;
	struct scopex_cpu *sc = w->sc;
	enum scopex_look found;

	/* Hold the own word first: it has to be empty, and nobody else refills it then. */
	if (!scopex_shared_hold(&sc->shared, &mine)) {
		/* Another task may hold it for long. There is no room for further items then. */
		node = scopex_steal(w, true);
	} else {
		if (!mine && !READ_ONCE(sc->any)) {
			node = scopex_steal(w, false);
			mine = node ? node->next : NULL;
		}
		scopex_shared_give(&sc->shared, mine);
	}
	scopex_inject(SCOPEX_INJECT_SEARCHED);
	if (asked) {
		local_inc(&w->count[SCOPEX_ASKED]);
		if (!node)
			local_inc(&w->count[SCOPEX_VAIN]);
		scopex_end_search();
	} else {
		/*
		 * Full barrier: move the items, then look for idle workers; pairs with
		 * scopex_begin_idle(); see steal-sideways.litmus.
		 */
		smp_mb();
	}
	/*
	 * What is left may wait long, for the item that this worker runs now, or for one that comes
	 * to this CPU. A worker that has found nothing takes the stealable items of its own CPU
	 * next, or tells others. It looks at a mark again itself, a tick later.
	 */
	found = scopex_look_at_all(node ? NULL : sc);
	if (found == SCOPEX_ITEMS || (node && found != SCOPEX_NOTHING))
		scopex_ask_thief(sc->cpu);
	return node;
}
