/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The batch of a worker, and the items that its own items add to it
 *
 * Theory of operation
 *
 * A worker takes all that is queued on its CPU, and runs it: that is a batch. A task that makes
 * way, or is woken by an item of its own CPU, would go through the queue: a step for which all CPUs
 * may compete, and then a take, for one item. If nothing is queued, the end of the batch is the
 * same place in the order. So the worker adds the item there, by plain stores, as nobody else
 * changes its batch while it runs.
 *
 * An item that was pushed before is in front: it is in the queue, and then nothing is added; or it
 * was taken, and is in the batch. One that is pushed from then on is in front of all that is added
 * later, for the same reason. So nothing starves: each batch ends if others push. Stealable items
 * count as queued.
 *
 * A batch takes no more items when a tick has passed. So the worker reports to RCU-tasks between
 * two batches as often as without this, and the watchdog sees batches end.
 *
 * The link of the last item is needed for that. The worker knows it while it runs a batch that it
 * has taken, unless the batch ends with an array, whose last item only its links tell. A worker
 * that gets the rest of a batch by a hand-over does not know it.
 */
#ifndef _SCOPEX_BATCH_H
#define _SCOPEX_BATCH_H

#include <linux/compiler.h>
#include <linux/llist.h>

#include "cpu.h"
#include "resched.h"
#include "thread.h"

/* The worker begins a batch, which it has taken and reversed; @newest came first in the queue. */
static inline void scopex_batch_begin(struct scopex_worker *w, struct llist_node *rest,
				      struct llist_node *newest)
{
	WRITE_ONCE(w->rest, rest);
	w->last = newest->next ? NULL : newest;
}

/* The worker has run its batch. */
static inline void scopex_batch_end(struct scopex_worker *w)
{
	w->last = NULL;
}

/* The worker gives its queue away. Return the rest of the batch, which goes with it. */
static inline struct llist_node *scopex_batch_leave(struct scopex_worker *w)
{
	struct llist_node *rest = w->rest;

	w->last = NULL;
	WRITE_ONCE(w->rest, NULL);
	return rest;
}

/* Is anything queued on the CPU of the active worker, beside its batch? One branch for all. */
static inline bool scopex_has_more(const struct scopex_cpu *sc)
{
	return (unsigned long)READ_ONCE(sc->queue) | (unsigned long)READ_ONCE(sc->any) |
	       (unsigned long)READ_ONCE(sc->shared);
}

/**
 * scopex_batch_add() - add an item to the batch that a worker runs
 * @w: the worker
 * @node: the item's node
 *
 * Context: the worker's thread, in task context.
 *
 * Return: true if the item is in the batch; false if the caller has to push it.
 */
static inline bool scopex_batch_add(struct scopex_worker *w, struct llist_node *node)
{
	struct scopex_cpu *sc = w->sc;

	if (!w->last || scopex_has_more(sc) || scopex_tick_is_over(w->tick))
		return false;
	node->next = NULL;
	if (w->rest)
		WRITE_ONCE(w->last->next, node);
	else
		WRITE_ONCE(w->rest, node);
	w->last = node;
	local_inc(&w->count[SCOPEX_TAKEN]);
	return true;
}

#endif /* _SCOPEX_BATCH_H */
