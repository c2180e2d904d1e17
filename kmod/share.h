/* SPDX-License-Identifier: GPL-2.0 */
/* Loops that are shared with helpers: see share.c */
#ifndef _SCOPEX_SHARE_H
#define _SCOPEX_SHARE_H

#include <linux/compiler.h>
#include <linux/scopex_loop.h>

#include <trace/events/scopex.h>

struct scopex_cpu;

void scopex_chunk_failed(struct scopex_scope *scope, int err);
int scopex_call_traced(struct scopex_range *range, scopex_range_fn_t fn);
bool scopex_share(struct scopex_range *range, unsigned long left, scopex_range_fn_t fn,
		  const struct scopex_for_params *params, u64 took,
		  struct scopex_cpu **cursor);

/* Do a chunk. */
static __always_inline void scopex_do_chunk(struct scopex_range *range, scopex_range_fn_t fn)
{
	int err;

	if (trace_scopex_chunk_start_enabled() || trace_scopex_chunk_end_enabled())
		err = scopex_call_traced(range, fn);
	else
		err = fn(range);
	if (unlikely(err))
		scopex_chunk_failed(range->scope, err);
}

#endif /* _SCOPEX_SHARE_H */
