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
 * An array of items is pushed as one node, its first item: so neither the submitter nor the
 * worker turns each of its links round. The submitter links its items the way they will run,
 * and then lets the first links say what is only known to an array:
 *
 *	the first item	the distance from one item to the next, which is less than any address
 *	the second one	the node that was pushed before
 *	the third one	the last item
 *
 * The worker puts these links right when it reverses the chain, which takes the same time for
 * any number of items. After that they are items like others: an item may hand the rest over,
 * and thieves may take some of them. Fewer than three items, and those of objects of 4 KiB or
 * more, are pushed as so many nodes. The stealable items of a CPU (see shared.h) come in such
 * chains, too.
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
#include <linux/compiler.h>
#include <linux/llist.h>

#define SCOPEX_PARKED	((struct llist_node *)1UL)

/* Returns true if @node ends a chain, which both NULL and SCOPEX_PARKED do. */
static inline bool scopex_queue_end(const struct llist_node *node)
{
	return (unsigned long)node <= (unsigned long)SCOPEX_PARKED;
}

/* The links of an array are at most so far from each other. No item is in the first page. */
#define SCOPEX_STRIDE_MAX	4095UL

/* An array has at least so many items, as three links say what it is. */
#define SCOPEX_ARRAY_MIN	3

/* Returns true if a link is one to a node, and neither an end nor that of an array. */
static inline bool scopex_queue_is_link(const struct llist_node *next)
{
	return (unsigned long)next > SCOPEX_STRIDE_MAX;
}

static inline struct llist_node *scopex_queue_step(struct llist_node *node, unsigned long stride)
{
	return (void *)node + stride;
}

/**
 * scopex_queue_pack() - make one node of an array
 * @first: the first node of the array; the other ones are linked behind it
 * @last: the last node
 * @stride: the distance from one node to the next, in bytes
 *
 * Context: the submitter, before the push.
 *
 * Return: the node whose link leads on in the chain: the array is pushed from @first to this.
 */
static inline struct llist_node *scopex_queue_pack(struct llist_node *first,
						   struct llist_node *last, unsigned long stride)
{
	struct llist_node *second = scopex_queue_step(first, stride);

	first->next = (void *)stride;
	scopex_queue_step(second, stride)->next = last;
	return second;
}

/*
 * The first node of an array was found in a chain. Return the node that was pushed before, and
 * store the last one of the array in *@last.
 */
static inline struct llist_node *scopex_queue_skip(struct llist_node *first, unsigned long stride,
						   struct llist_node **last)
{
	struct llist_node *second = scopex_queue_step(first, stride);
	struct llist_node *third = scopex_queue_step(second, stride);

	/* A user may have overwritten an item. Then others are lost, and nothing else is harmed. */
	*last = READ_ONCE(third->next) ?: third;
	return READ_ONCE(second->next);
}

static inline unsigned long scopex_queue_length(struct llist_node *first, struct llist_node *last,
						unsigned long stride)
{
	return ((void *)last - (void *)first) / stride + 1;
}

/**
 * scopex_queue_older() - go to the node that was pushed before another one
 * @node: that one
 * @nr: the number of items that are passed on the way is added to this
 *
 * Context: any that keeps the nodes in the queue.
 *
 * Return: that node, or the end of the chain.
 */
static inline struct llist_node *scopex_queue_older(struct llist_node *node, unsigned long *nr)
{
	struct llist_node *next = READ_ONCE(node->next), *last;
	unsigned long stride = (unsigned long)next;

	if (likely(scopex_queue_is_link(next) || scopex_queue_end(next))) {
		*nr += 1;
		return next;
	}
	next = scopex_queue_skip(node, stride, &last);
	*nr += scopex_queue_length(node, last, stride);
	return next;
}

/**
 * scopex_queue_push() - push a chain of nodes
 * @queue: the queue's word
 * @newest: the first node of the chain, whose item runs last; or of an array
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
 * The first node of an array, @first, has come to the front of a chain that was reversed so
 * far. Put the links of the array right, so that all of it is in front. Return the node that was
 * pushed before.
 */
static __always_inline struct llist_node *
scopex_queue_unpack(struct llist_node *first, unsigned long stride, unsigned long *nr)
{
	struct llist_node *second = scopex_queue_step(first, stride);
	struct llist_node *third = scopex_queue_step(second, stride);
	struct llist_node *last, *older = scopex_queue_skip(first, stride, &last);

	*nr += scopex_queue_length(first, last, stride) - 1;
	third->next = scopex_queue_step(third, stride);
	second->next = third;
	last->next = first->next;
	first->next = second;
	return older;
}

/* What ends a chain, or the distance of an array's items. */
static __always_inline unsigned long scopex_queue_left(const struct llist_node *next)
{
	unsigned long left = (unsigned long)next;

	/* Else the compiler makes a copy of each link, as it may be this one. */
	OPTIMIZER_HIDE_VAR(left);
	return left;
}

/*
 * Reverse a chain: the result has the oldest node first, and ends in NULL. Add the number
 * of items to *@nr.
 *
 * Each pass turns three nodes round, as the pointers to three neighbours then keep their
 * registers: this takes four instructions for each node instead of seven. At @out, @a is the
 * first node of what is reversed so far.
 */
static inline struct llist_node *scopex_queue_reverse(struct llist_node *a, unsigned long *nr)
{
	struct llist_node *b, *c = NULL;
	unsigned long left;

	for (;;) {
		if (!scopex_queue_is_link(a)) {
			left = scopex_queue_left(a);
			a = c;
			goto out;
		}
		b = a->next;
		a->next = c;
		if (!scopex_queue_is_link(b)) {
			left = scopex_queue_left(b);
			*nr += 1;
			goto out;
		}
		c = b->next;
		b->next = a;
		if (!scopex_queue_is_link(c)) {
			left = scopex_queue_left(c);
			a = b;
			*nr += 2;
			goto out;
		}
		a = c->next;
		c->next = b;
		*nr += 3;
		continue;
out:
		if (likely(left <= (unsigned long)SCOPEX_PARKED))
			return a;
		c = a;
		a = scopex_queue_unpack(c, left, nr);
	}
}

#endif /* _SCOPEX_QUEUE_H */
