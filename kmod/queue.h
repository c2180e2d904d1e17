/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The queue of a CPU: any number of pushers, one taker, one word
 *
 * An llist whose head word also says whether the taker sleeps:
 *
 *	NULL		empty, the worker is awake and will look again
 *	SCOPEX_PARKED	empty, the worker sleeps or is about to
 *	a node		the newest item; the chain ends in NULL or SCOPEX_PARKED,
 *			whichever the head held when the oldest one was pushed
 *
 * A push that replaces SCOPEX_PARKED, and no other, has to wake the worker. So
 * the question "does it sleep?" costs a submitter no load of its own, exactly
 * one of any number of pushers answers yes, and no window is left between
 * looking at the queue and going to sleep: parking is a cmpxchg from NULL, which
 * fails if anything was pushed.
 *
 * Who may call what, at the same time as what:
 *
 *			push	take	park	unpark
 *	push		yes	yes	yes	yes
 *	take, park,
 *	unpark		yes	no	no	no	(worker only, or after it)
 *
 * Ordering. The release of a push (Q) makes the item, and the reference on its
 * scope that was taken before, visible to the acquire of the take (Q). A node is
 * never read by anybody but its taker once taken; a reader who holds
 * scopex_cpu.take_lock keeps the worker from taking, and may walk the chain. See
 * push-take.litmus and walk-take.litmus in selftests/litmus/.
 *
 * There is no ABA: the only compare that a stale value could fool is the push,
 * and it does not look into the node that it finds.
 */
#ifndef _SCOPEX_QUEUE_H
#define _SCOPEX_QUEUE_H

#include <linux/atomic.h>
#include <linux/llist.h>

#define SCOPEX_PARKED	((struct llist_node *)1UL)

/* Both NULL and SCOPEX_PARKED end a chain. */
static inline bool scopex_queue_end(const struct llist_node *node)
{
	return (unsigned long)node <= (unsigned long)SCOPEX_PARKED;
}

/**
 * scopex_queue_push() - hang a chain of nodes on the queue
 * @queue: the queue's word
 * @newest: the first node of the chain, which is taken last
 * @oldest: the last node of the chain; may be the same
 *
 * Context: any but NMI.
 *
 * Return: true if the worker was parked, and the caller has to wake it.
 */
static inline bool scopex_queue_push(struct llist_node **queue,
				     struct llist_node *newest,
				     struct llist_node *oldest)
{
	struct llist_node *head = READ_ONCE(*queue);

	do {
		oldest->next = head;
		/*
		 * Release Q: pairs with scopex_queue_take(); see
		 * push-take.litmus.
		 */
	} while (!try_cmpxchg_release(queue, &head, newest));

	return head == SCOPEX_PARKED;
}

/**
 * scopex_queue_take() - take all that is queued
 * @queue: the queue's word; must not be parked
 *
 * Context: the worker.
 *
 * Return: the newest node of the chain, or an end of chain.
 */
static inline struct llist_node *scopex_queue_take(struct llist_node **queue)
{
	/* Acquire Q: pairs with scopex_queue_push(); see push-take.litmus. */
	return xchg_acquire(queue, NULL);
}

/**
 * scopex_queue_park() - announce that the worker is about to sleep
 * @queue: the queue's word
 *
 * Context: the worker.
 *
 * Return: false if something is queued; then the worker has to take it.
 */
static inline bool scopex_queue_park(struct llist_node **queue)
{
	struct llist_node *head = NULL;

	/*
	 * Fails if something was pushed; see park-wake.litmus. Release H: pairs
	 * with scopex_wake(), which has to know who parked; see
	 * handover-wake.litmus.
	 */
	return try_cmpxchg_release(queue, &head, SCOPEX_PARKED);
}

/**
 * scopex_queue_unpark() - take the announcement back
 * @queue: the queue's word
 *
 * Context: the worker, awake for a reason that is not in the queue.
 *
 * Return: false if a push was faster; then something is queued.
 */
static inline bool scopex_queue_unpark(struct llist_node **queue)
{
	struct llist_node *head = SCOPEX_PARKED;

	return try_cmpxchg_relaxed(queue, &head, NULL);
}

/*
 * Turn a chain round: oldest first, ending in NULL. Three at a time, as the three that
 * are looked at, the one before, this, and the next, then keep their registers: four
 * instructions for each instead of seven.
 */
static inline struct llist_node *scopex_queue_reverse(struct llist_node *a, unsigned long *nr)
{
	struct llist_node *b, *c = NULL;

	for (;;) {
		if (scopex_queue_end(a))
			return c;
		b = a->next;
		a->next = c;
		if (scopex_queue_end(b)) {
			*nr += 1;
			return a;
		}
		c = b->next;
		b->next = a;
		if (scopex_queue_end(c)) {
			*nr += 2;
			return b;
		}
		a = c->next;
		c->next = b;
		*nr += 3;
	}
}

#endif /* _SCOPEX_QUEUE_H */
