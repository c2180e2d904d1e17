/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A queue of items: any number of submitters push, one consumer takes, one word
 *
 * Theory of operation
 *
 * The queue is a chain of nodes, as an llist is. Its word also says whether the worker
 * sleeps:
 *
 *	NULL		empty; the worker is awake, and will look again
 *	SCOPEX_PARKED	empty; the worker sleeps, or is about to
 *	a node		the newest item; the chain ends in NULL or SCOPEX_PARKED, as the
 *			word was when the oldest item was pushed
 *
 * A push that replaces SCOPEX_PARKED, and no other push, has to wake the worker. So a
 * submitter needs no further load to know whether the worker sleeps, and exactly one of
 * several submitters wakes it. The worker parks the queue by a compare-and-exchange from
 * NULL, which fails if an item was pushed. So the worker can't miss an item between its
 * last look at the queue and its sleep.
 *
 * The consumer is the active worker of a CPU. A serial scope has a queue of its own, whose
 * consumer is the owner. That queue is parked whenever it is empty, so each first push wakes
 * the owner, which says nowhere else that it is about to sleep: see serial.c.
 *
 * Which operations may run at the same time:
 *
 *			push	take	park	unpark
 *	push		yes	yes	yes	yes
 *	take, park,
 *	unpark		yes	no	no	no	(only the worker, or after its end)
 *
 * Ordering. A submitter takes a reference on the scope, then pushes the item by a release.
 * The worker takes the item by an acquire, and so sees both; see push-take.litmus. Once a
 * node is taken, only the worker reads it. A reader that holds scopex_cpu.take_lock keeps
 * the worker from taking, and may walk the chain; see walk-take.litmus.
 *
 * There is no ABA problem. A stale value could only deceive the compare-and-exchange of a
 * push, and a push does not look into the node that it finds.
 */
#ifndef _SCOPEX_QUEUE_H
#define _SCOPEX_QUEUE_H

#include <linux/atomic.h>
#include <linux/llist.h>

#define SCOPEX_PARKED	((struct llist_node *)1UL)

/* Returns true if @node ends a chain, which both NULL and SCOPEX_PARKED do. */
static inline bool scopex_queue_end(const struct llist_node *node)
{
	return (unsigned long)node <= (unsigned long)SCOPEX_PARKED;
}

/**
 * scopex_queue_push() - push a chain of nodes
 * @queue: the queue's word
 * @newest: the first node of the chain, whose item runs last
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

	/*
	 * Look at the head before the step: so it need not be kept for after it.
	 *
	 * Release: the worker sees the item, and its reference; pairs with scopex_queue_take();
	 * see push-take.litmus.
	 */
	for (;;) {
		oldest->next = head;
		if (unlikely(head == SCOPEX_PARKED)) {
			if (try_cmpxchg_release(queue, &head, newest))
				return true;
		} else if (likely(try_cmpxchg_release(queue, &head, newest))) {
			return false;
		}
	}
}

/**
 * scopex_queue_take() - take all nodes
 * @queue: the queue's word; must not be parked if @left is NULL
 * @left: what the word is afterwards: NULL; or SCOPEX_PARKED, so that the next push wakes
 *	the consumer, though it is awake
 *
 * Context: the worker; the owner of a serial scope.
 *
 * Return: the newest node of the chain, or the end of a chain if the queue is empty.
 */
static inline struct llist_node *scopex_queue_take(struct llist_node **queue,
						   struct llist_node *left)
{
	/*
	 * Acquire: see the items and their references; pairs with scopex_queue_push(); see
	 * push-take.litmus.
	 */
	return xchg_acquire(queue, left);
}

/**
 * scopex_queue_park() - say that the worker is about to sleep
 * @queue: the queue's word
 *
 * Context: the worker.
 *
 * Return: true if the queue is parked; false if an item is queued, which the worker has to
 * take first.
 */
static inline bool scopex_queue_park(struct llist_node **queue)
{
	struct llist_node *head = NULL;

	/*
	 * Fails if an item was pushed; see park-wake.litmus.
	 *
	 * Release: a submitter that finds the queue parked sees which worker parked it;
	 * pairs with scopex_wake_worker(); see handover-wake.litmus.
	 */
	return try_cmpxchg_release(queue, &head, SCOPEX_PARKED);
}

/**
 * scopex_queue_unpark() - say that the worker is awake again
 * @queue: the queue's word
 *
 * Context: the worker, which was woken without a push.
 *
 * Return: true if the queue is not parked any more; false if a push was faster, and an item
 * is queued.
 */
static inline bool scopex_queue_unpark(struct llist_node **queue)
{
	struct llist_node *head = SCOPEX_PARKED;

	return try_cmpxchg_relaxed(queue, &head, NULL);
}

/*
 * Reverse a chain: the result has the oldest node first, and ends in NULL. Add the number
 * of nodes to *@nr.
 *
 * Each pass turns three nodes round, as the pointers to three neighbours then keep their
 * registers: this takes four instructions for each node instead of seven.
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
