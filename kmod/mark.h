/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The mark on an item: its worker reports a quiescent state to RCU-tasks before it runs the
 * item. The mark is the lowest bit of the item's scope, so the worker finds it in the
 * comparison that looks for another scope, at no cost. It is set by scopex_relieve() on the
 * worker's CPU, on the next item of the batch.
 */
#ifndef _SCOPEX_MARK_H
#define _SCOPEX_MARK_H

#include <linux/compiler.h>
#include <linux/scopex_types.h>

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

#endif /* _SCOPEX_MARK_H */
