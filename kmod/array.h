/* SPDX-License-Identifier: GPL-2.0 */
/* Arrays of items */
#ifndef _SCOPEX_ARRAY_H
#define _SCOPEX_ARRAY_H

#include <linux/scopex.h>

#include <trace/events/scopex.h>

#include "cpu.h"

static inline struct scopex_work *scopex_array_item(struct scopex_work *first,
						    unsigned int i, size_t stride)
{
	return (void *)first + i * stride;
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
