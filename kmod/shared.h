/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The stealable items of a CPU: items that name no CPU, in two words
 *
 * Theory of operation
 *
 * An item that names no CPU is queued on the CPU of its submitter, apart from those that name
 * it, and the worker of an idle CPU may take it. An item that names a CPU has no way into
 * these words, and never moves.
 *
 *	any	newest first: the items that were pushed and that no worker has taken yet; a
 *		chain that ends in NULL, or NULL
 *	shared	oldest first: the rest of what was taken from @any, still to be had; a chain
 *		that ends in NULL, or NULL, or one of two marks:
 *
 *	SCOPEX_POPPING	the CPU's own worker takes the first item
 *	SCOPEX_MOVING	a worker, or a reader, holds both words, and is about to give them back
 *
 * A mark is a lock of @shared. Only the task that has set the mark reads the link of the first
 * item, and stores the new value. So no link of an item that is gone is ever read, and there
 * is no ABA problem. No task waits for a mark:
 *
 *	pop	The active worker takes the first item, by an exchange with SCOPEX_POPPING and a
 *		store of the rest: one locked instruction for each item. If it finds NULL, its
 *		batch is over. If it finds SCOPEX_MOVING, it puts that mark back, unless the
 *		holder was faster, and its batch is over, too.
 *	hold	Any worker replaces NULL or a chain by SCOPEX_MOVING: its own, to refill
 *		@shared from @any, or for what it steals; or that of another CPU, to steal. So
 *		do readers of debugfs, to count @any, and relief, to mark an item. It fails if
 *		there is a mark. It is the right to take @any as well.
 *	give	The holder of SCOPEX_MOVING stores what is left.
 *
 *			push	pop	hold, take any, give
 *	push		yes	yes	yes
 *	pop		yes	no	one of both gets the word
 *	hold		yes		one of both gets the word
 *
 * The invariant: while a worker sleeps that may steal, each stealable item, of a batch that
 * was taken, too, is in front of a worker that was woken, or of one that will ask.
 *
 * A worker that is about to sleep says so, then looks at both words of all CPUs. A task that
 * makes stealable items visible looks for such workers afterwards, and asks one for help.
 * Each has a full barrier between its two steps, so one of the two finds the other. The
 * table says which tasks ask (scopex_tell(), in thief.c), and why no other one has to:
 *
 *	push on NULL		asks, and wakes the CPU's own worker if that sleeps; see
 *				steal-park.litmus
 *	push on a chain		asks nobody: the push on NULL before it has asked, or found
 *				nobody, and a worker that falls asleep later finds the chain
 *	give			looks at both words again, and asks if anything is left, or was
 *				pushed since. So a worker that finds SCOPEX_MOVING while it
 *				looks takes the words for empty, and may sleep: the holder
 *				will ask; see steal-move.litmus and steal-hold.litmus
 *	give, for what a	looks at all CPUs, after the last of the two stores, and asks if
 *	thief has moved		anything is left. So it does not matter in which order a worker
 *				looks at them; see steal-sideways.litmus
 *	pop			asks nobody. The rest was visible before, and is visible after
 *				it. A worker that finds SCOPEX_POPPING while it looks can't
 *				know whether anything is left, and no one will tell it: it may
 *				sleep for a short time only, and looks again
 *	a queue that is about	asks, as the stealable items of the CPU wait for that batch
 *	to be run
 *
 * At most one worker at a time was asked and is still searching, so the wake-ups come one
 * after the other, each from a worker that has found something. A task that would ask while a
 * worker searches leaves it to that worker, which counts itself off before it runs what it
 * has found, then looks at all CPUs once more, and asks the next one if anything is left; see
 * steal-search.litmus.
 *
 * Ordering of the data. A push releases the item, and its reference; the take acquires both.
 * The give releases the chain with the links, the pop or the hold acquires it; see
 * steal-take.litmus and steal-exclude.litmus.
 */
#ifndef _SCOPEX_SHARED_H
#define _SCOPEX_SHARED_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/llist.h>

#include "inject.h"

#define SCOPEX_POPPING	((struct llist_node *)1UL)
#define SCOPEX_MOVING	((struct llist_node *)2UL)

/* Returns true if a value of scopex_cpu.shared is a chain, and neither NULL nor a mark. */
static inline bool scopex_shared_is_chain(const struct llist_node *node)
{
	return (unsigned long)node > (unsigned long)SCOPEX_MOVING;
}

/**
 * scopex_any_try_push() - try once to push a chain of stealable nodes
 * @any: the word
 * @newest: the first node of the chain, whose item runs last
 * @oldest: the last node of the chain; may be the same
 * @only: set to true if there was no other node. Then the caller has to tell the workers.
 *
 * Context: any but NMI.
 *
 * Return: true if the chain is pushed; false if another task has changed the word.
 */
static __always_inline bool scopex_any_try_push(struct llist_node **any,
						struct llist_node *newest,
						struct llist_node *oldest, bool *only)
{
	struct llist_node *head = READ_ONCE(*any);

	oldest->next = head;
	*only = !head;
	/*
	 * Release: a worker that takes the item sees it, and its reference; pairs with
	 * scopex_any_take(); see steal-take.litmus.
	 */
	return try_cmpxchg_release(any, &head, newest);
}

/**
 * scopex_any_push() - push a chain of stealable nodes
 * @any: the word
 * @newest: the first node of the chain, whose item runs last
 * @oldest: the last node of the chain; may be the same
 *
 * Context: any but NMI.
 *
 * Return: true if there was no other node. Then the caller has to tell the workers.
 */
static inline bool scopex_any_push(struct llist_node **any, struct llist_node *newest,
				   struct llist_node *oldest)
{
	bool only;

	while (!scopex_any_try_push(any, newest, oldest, &only))
		;
	return only;
}

/**
 * scopex_any_take() - take all nodes that were pushed
 * @any: the word
 *
 * Context: the holder of SCOPEX_MOVING in the other word.
 *
 * Return: the newest node of the chain, or NULL.
 */
static inline struct llist_node *scopex_any_take(struct llist_node **any)
{
	/* Acquire: see the items; pairs with scopex_any_try_push(); see steal-take.litmus. */
	return xchg_acquire(any, NULL);
}

/**
 * scopex_shared_hold() - replace NULL or a chain by SCOPEX_MOVING
 * @shared: the word
 * @first: where the chain is stored, or NULL
 *
 * Context: any that can't be preempted by another holder of the same word for ever.
 *
 * Return: true if the caller holds the word, and has to give it back soon; the look for
 * idle workers comes after that. False if the word had a mark.
 */
static inline bool scopex_shared_hold(struct llist_node **shared, struct llist_node **first)
{
	struct llist_node *node = READ_ONCE(*shared);

	do {
		if (node && !scopex_shared_is_chain(node))
			return false;
		/*
		 * Acquire: see the links of the chain; pairs with scopex_shared_give(); see
		 * steal-exclude.litmus.
		 */
	} while (!try_cmpxchg_acquire(shared, &node, SCOPEX_MOVING));

	*first = node;
	return true;
}

/**
 * scopex_shared_give() - give the word back
 * @shared: the word, which the caller holds
 * @rest: the chain that is left, or NULL
 *
 * The caller then has to look at both words, and to tell the workers if anything is left, or was
 * pushed since: see scopex_give_back().
 */
static inline void scopex_shared_give(struct llist_node **shared, struct llist_node *rest)
{
	/*
	 * Release: the next one sees the items and the links; pairs with
	 * scopex_shared_hold() and scopex_shared_pop(); see steal-exclude.litmus.
	 */
	smp_store_release(shared, rest);
}

/**
 * scopex_shared_put_back() - undo a pop that has found no item
 * @shared: the word of the worker's own CPU
 * @node: what the pop has found: NULL, or the mark of the holder
 *
 * The holder may have given the word back since: then its value stays; see
 * steal-put-back.litmus.
 */
static inline void scopex_shared_put_back(struct llist_node **shared, struct llist_node *node)
{
	if (node)
		cmpxchg_relaxed(shared, SCOPEX_POPPING, SCOPEX_MOVING);
	else
		WRITE_ONCE(*shared, NULL);
}

/**
 * scopex_shared_pop() - take the first item
 * @shared: the word of the worker's own CPU
 *
 * Context: the active worker, which holds no mark.
 *
 * Return: the item's node. Or what is no chain, if there is no item, or another task holds the
 * word: then the caller has to call scopex_shared_put_back() at once.
 */
static __always_inline struct llist_node *scopex_shared_pop(struct llist_node **shared)
{
	/* Acquire: as in scopex_shared_hold(). */
	struct llist_node *node = xchg_acquire(shared, SCOPEX_POPPING);

	scopex_inject(SCOPEX_INJECT_POP);
	if (likely(scopex_shared_is_chain(node)))
		/* Release: as in scopex_shared_give(). */
		smp_store_release(shared, node->next);
	return node;
}

#endif /* _SCOPEX_SHARED_H */
