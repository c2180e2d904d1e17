/* SPDX-License-Identifier: GPL-2.0 */
/* Arrays of items */
#ifndef _SCOPEX_ARRAY_H
#define _SCOPEX_ARRAY_H

#include <linux/scopex.h>

#include <trace/events/scopex.h>

#include "cpu.h"
#include "queue.h"

static inline struct scopex_work *scopex_array_item(struct scopex_work *first,
						    unsigned int i, size_t stride)
{
	return (void *)first + i * stride;
}

/**
 * struct scopex_chain - items that are pushed together
 * @newest: what the word of the queue will be
 * @oldest: what gets the former value as its link
 */
struct scopex_chain {
	struct scopex_work	*newest;
	struct scopex_work	*oldest;
};

/*
 * Make a chain of items that lie in an array, and are linked in their order. The worker takes
 * the first one first. If they are few, or far from each other, the chain has each of them.
 */
static inline struct scopex_chain scopex_array_chain(struct scopex_work *first, unsigned int nr,
						     size_t stride)
{
	struct scopex_work *last = scopex_array_item(first, nr - 1, stride);
	struct llist_node *oldest = &first->node;
	unsigned long unused = 0;

	if (likely(nr >= SCOPEX_ARRAY_MIN && stride <= SCOPEX_STRIDE_MAX)) {
		oldest = scopex_queue_pack(&first->node, &last->node, stride);
		last = first;
	} else {
		last->node.next = NULL;
		scopex_queue_reverse(&first->node, &unused);
	}
	return (struct scopex_chain){ last, container_of(oldest, struct scopex_work, node) };
}

/* Trace the submit of an array before the push: after it the scope may be freed. */
static inline void scopex_trace_array(struct scopex_scope *scope, struct scopex_cpu *sc,
				      struct scopex_work *first, unsigned int nr,
				      size_t stride)
{
	unsigned int i;

	if (!trace_scopex_submit_enabled())
		return;
	for (i = 0; i < nr; i++)
		trace_scopex_submit(scope, scopex_array_item(first, i, stride),
				    sc->cpu);
}

#endif /* _SCOPEX_ARRAY_H */
