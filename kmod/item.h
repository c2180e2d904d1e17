/* SPDX-License-Identifier: GPL-2.0 */
/* The status of an item: claimed, given back; and its scope, with a mark */
#ifndef _SCOPEX_ITEM_H
#define _SCOPEX_ITEM_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/scopex.h>

#include "inject.h"
#include "track.h"

static inline struct scopex_work *scopex_node_to_work(struct llist_node *node)
{
	return container_of(node, struct scopex_work, node);
}

/* Is it what scopex_work_result() says of an item that has no result? */
static inline bool scopex_means_no_result(int err)
{
	return err == -EINPROGRESS || err == -ENODATA;
}

/*
 * The mark on an item that its worker is to report a quiescent state before it: the lowest
 * bit of the item's scope, so that the look for another scope finds it at no cost. Set by
 * scopex_tend() on the worker's CPU, on the next item of its batch.
 */
#define SCOPEX_MARK	1UL

static inline bool scopex_is_marked(const struct scopex_scope *scope)
{
	return (unsigned long)scope & SCOPEX_MARK;
}

static inline struct scopex_scope *scopex_unmarked(struct scopex_scope *scope)
{
	return (void *)((unsigned long)scope & ~SCOPEX_MARK);
}

static inline void scopex_mark_work(struct scopex_work *work)
{
	WRITE_ONCE(work->scope, (void *)((unsigned long)READ_ONCE(work->scope) | SCOPEX_MARK));
}

/*
 * Give an item back: the last access to it. What it wrote is visible to whoever
 * sees the result.
 */
static __always_inline void scopex_end_item(struct scopex_work *work, int status)
{
	scopex_untrack(work);
	/*
	 * Release C: pairs with the claim in scopex_submit_to(), see
	 * claim-reuse.litmus, and with scopex_work_busy() and
	 * scopex_work_result(), see item-out.litmus.
	 */
	smp_store_release(&work->status, status);
	scopex_inject(SCOPEX_INJECT_ITEM_OUT);
}

/* Is an item out, and how did it end? In one look, as others may submit it again. */
static inline bool scopex_is_out(const struct scopex_work *work, int *result)
{
	/* Acquire C: as in scopex_work_busy(). */
	*result = smp_load_acquire(&work->status);
	return *result != SCOPEX_WORK_BUSY;
}

#endif /* _SCOPEX_ITEM_H */
