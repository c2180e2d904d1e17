/* SPDX-License-Identifier: GPL-2.0 */
/* Scopes that scopex opens or ends in other ways than the API does */
#ifndef _SCOPEX_SCOPE_H
#define _SCOPEX_SCOPE_H

#include <linux/sched.h>
#include <linux/scopex.h>

/* Fill in a scope, but for its word: that is stored last. */
static __always_inline void scopex_fill_scope(struct scopex_scope *scope,
					      struct scopex_site *site, unsigned int flags)
{
	scope->error = 0;
	scope->flags = flags;
	scope->depth = 0;
	/* These are in one word with the fields above: a store of all is cheaper. */
	scope->rounds = 0;
	scope->rises = 0;
	scope->owner = current;
	scope->site = site;
	scope->parent = NULL;
	INIT_HLIST_HEAD(&scope->children);
	scope->tasks.next = NULL;
	scope->opened = 0;
}

void scopex_open_parallel(struct scopex_scope *scope, struct scopex_site *site);
void scopex_open_timed(struct scopex_custom_scope *custom, struct scopex_site *site,
		       unsigned int flags, s64 timeout_us, ktime_t deadline);
bool scopex_abandon_scope(struct scopex_scope *scope);

#endif /* _SCOPEX_SCOPE_H */
