/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The status of an item, and all that changes it
 *
 * Theory of operation
 *
 *	-ENODATA		never accepted by a scope
 *	SCOPEX_WORK_BUSY	claimed by a submitter, queued, or running
 *	0 or negative		completed: the result
 *
 * A submitter claims the item: of several ones only one finds it not busy. It belongs to
 * scopex from then on, until the worker completes it by the store of the result. That store
 * is the worker's last access: the caller may reuse or free the item as soon as it sees the
 * result. A submitter whose submit is refused takes its claim back, and the item is as it
 * was.
 *
 * Each function that changes the status is in this file, with its memory order.
 */
#ifndef _SCOPEX_ITEM_H
#define _SCOPEX_ITEM_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/scopex_detached.h>

#include "inject.h"
#include "state.h"
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

/* What people know an item by: its function, or the one that it calls if it is detached. */
static inline void *__scopex_work_fn(const struct scopex_scope *scope,
				     const struct scopex_work *work)
{
	if (scopex_has_one_item(atomic64_read(&scope->state)))
		return (void *)container_of(scope, struct scopex_detached, scope)->fn;
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

/*
 * Claim an item. Returns false if it is busy; else stores its status of before in *@status.
 *
 * Acquire: the last user is through with the item; pairs with scopex_complete_item() and
 * scopex_unclaim(); see claim-reuse.litmus and claim-undo.litmus.
 */
static __always_inline bool scopex_claim(struct scopex_work *work, int *status)
{
	*status = xchg_acquire(&work->status, SCOPEX_WORK_BUSY);
	return likely(*status != SCOPEX_WORK_BUSY) && likely(scopex_track(work));
}

/*
 * Take a claim back, with the status of before.
 */
static inline void scopex_unclaim(struct scopex_work *work, int status)
{
	scopex_untrack(work);
	/* Release: pairs with scopex_claim() of another submitter; see claim-undo.litmus. */
	smp_store_release(&work->status, status);
}

/* Complete an item: the worker's last access to it. */
static __always_inline void scopex_complete_item(struct scopex_work *work, int status)
{
	scopex_untrack(work);
	/*
	 * Release: a caller that sees the result sees what the item has written; pairs with
	 * scopex_claim(), see claim-reuse.litmus, and with scopex_work_busy() and
	 * scopex_work_result(), see item-completed.litmus.
	 */
	smp_store_release(&work->status, status);
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
	*result = smp_load_acquire(&work->status);
	return *result != SCOPEX_WORK_BUSY;
}

#endif /* _SCOPEX_ITEM_H */
