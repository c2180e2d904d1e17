/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The status of an item, and all that changes it
 *
 * Theory of operation
 *
 *	FREE and BUSY, and a code	initialised or completed: the code is the result
 *	BUSY and a code			claimed by a submitter, queued, or running
 *	any other number		the initialiser of an object, or no item: nobody has
 *					looked yet whether there is a function
 *
 * A submitter claims the item: it clears FREE, and of several submitters only one finds it
 * set. That one bit says that the item has a function, and that it is not busy. A submitter
 * that does not find it looks closer. A claimed item belongs to scopex until the worker
 * completes it by the store of the result. That store is the worker's last access: the caller
 * may reuse or free the item as soon as it sees the result. A submitter whose submit is
 * refused sets FREE again: the code has stayed, so the item is as it was.
 *
 * Each function that changes the status is in this file, with its memory order. A claim is an
 * atomic step on a long, of which the status is a half; the other half does not change.
 */
#ifndef _SCOPEX_ITEM_H
#define _SCOPEX_ITEM_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/scopex_detached.h>
#include <linux/stddef.h>

#include "inject.h"
#include "state.h"
#include "task.h"
#include "track.h"

/*
 * Returns true if a scope in @state is that of a detached item: it takes this item only, and
 * ends with it. The bit is a constant, unlike scopex_hooks.release: the first submit to any
 * scope asks this.
 */
static inline bool scopex_has_one_item(u64 state)
{
	return state & SCOPEX_DETACHED;
}

/*
 * What people know an item by: its function, or the one that it calls if it is detached or a
 * task.
 */
static inline void *__scopex_work_fn(const struct scopex_scope *scope,
				     const struct scopex_work *work)
{
	if (scopex_has_one_item(atomic64_read(&scope->state)))
		return (void *)container_of(scope, struct scopex_detached, scope)->fn;
	if (scopex_is_task(work))
		return (void *)container_of(work, struct scopex_task, work)->fn;
	return (void *)work->fn;
}

/* Returns true if @work is the one item of @scope. */
static inline bool scopex_is_its_item(const struct scopex_scope *scope,
				      const struct scopex_work *work)
{
	return work == &container_of(scope, struct scopex_detached, scope)->work;
}

static inline struct scopex_work *scopex_node_to_work(struct llist_node *node)
{
	return container_of(node, struct scopex_work, node);
}

/* Does scopex_work_result() say this of an item that has no result? */
static inline bool scopex_means_no_result(int err)
{
	return err == -EINPROGRESS || err == -ENODATA;
}

/* The number of SCOPEX_WORK_FREE in the long that begins with the status. */
#ifdef __BIG_ENDIAN
#define SCOPEX_FREE_BIT	(BITS_PER_LONG - 32 + 12)
#else
#define SCOPEX_FREE_BIT	12
#endif
static_assert(offsetof(struct scopex_work, status) % sizeof(long) == 0);

/*
 * Claim an item. Returns false if it is busy, or if nobody has looked at it yet: then the
 * submitter tries scopex_claim_unseen().
 *
 * Acquire (and more): the last user is through with the item; pairs with
 * scopex_complete_item() and scopex_unclaim(); see claim-reuse.litmus and claim-undo.litmus.
 */
static __always_inline bool scopex_claim(struct scopex_work *work)
{
	return likely(test_and_clear_bit(SCOPEX_FREE_BIT, (unsigned long *)&work->status)) &&
	       likely(scopex_track(work));
}

/*
 * Claim an item that is not FREE, if it has a function and is not busy. Returns 0, or -EBUSY,
 * or -EINVAL if there is no function.
 *
 * Acquire: as in scopex_claim(); see claim-reuse.litmus. Several submitters may come here, and
 * one to scopex_claim().
 */
static inline int scopex_claim_unseen(struct scopex_work *work)
{
	u32 status = READ_ONCE(work->status);

	do {
		if (__scopex_is_busy(status))
			return -EBUSY;
		if (!work->fn)
			return -EINVAL;
	} while (!try_cmpxchg_acquire(&work->status, &status,
				      SCOPEX_WORK_BUSY | (status & SCOPEX_WORK_CODE)));
	return likely(scopex_track(work)) ? 0 : -EBUSY;
}

/* Take a claim back. */
static inline void scopex_unclaim(struct scopex_work *work)
{
	scopex_untrack(work);
	/* Release: pairs with scopex_claim() of another submitter; see claim-undo.litmus. */
	smp_store_release(&work->status, work->status | SCOPEX_WORK_FREE);
}

/* Complete an item: the worker's last access to it. */
static __always_inline void scopex_complete_item(struct scopex_work *work, int result)
{
	scopex_untrack(work);
	/*
	 * Release: a caller that sees the result sees what the item has written; pairs with
	 * scopex_claim(), see claim-reuse.litmus, and with scopex_work_busy() and
	 * scopex_work_result(), see item-completed.litmus.
	 */
	smp_store_release(&work->status, (SCOPEX_WORK_BUSY | SCOPEX_WORK_FREE) - result);
	scopex_inject(SCOPEX_INJECT_COMPLETED);
}

/*
 * Keep an item claimed that is about to be queued again, also if its function has
 * initialised it for its next run.
 */
static inline void scopex_keep_item(struct scopex_work *work, struct scopex_scope *scope)
{
	WRITE_ONCE(work->scope, scope);
	WRITE_ONCE(work->status, SCOPEX_WORK_BUSY);
}

/*
 * Returns true if an item is completed, and stores its result in *@result. One look for
 * both, as another submitter may claim the item again.
 */
static inline bool scopex_is_completed(const struct scopex_work *work, int *result)
{
	/*
	 * Acquire: pairs with scopex_complete_item(), as in scopex_work_busy(); see
	 * item-completed.litmus.
	 */
	u32 status = smp_load_acquire(&work->status);

	*result = -(int)(status & SCOPEX_WORK_CODE);
	return !__scopex_is_busy(status);
}

#endif /* _SCOPEX_ITEM_H */
