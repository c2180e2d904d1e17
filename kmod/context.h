/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state of a worker's thread, before and after an item
 *
 * Items of all users run one after the other on the same threads. So an item that
 * leaves its thread in another state than it found it in changes what the next items
 * do: they fail to reclaim memory, run on another CPU, or with other credentials. On
 * kernels that are for finding mistakes (SCOPEX_CHECK_ITEMS) the worker compares, names
 * the item, and restores what it can, as the items that follow are not to blame.
 */
#ifndef _SCOPEX_CONTEXT_H
#define _SCOPEX_CONTEXT_H

#include <linux/types.h>

struct cred;
struct scopex_site;
struct scopex_worker;

/**
 * struct scopex_context - the state of the current thread
 * @locks: how many locks it holds, as lockdep counts
 * @flags: PF_MEMALLOC and the like: see SCOPEX_CONTEXT_FLAGS
 * @nice: its nice level
 * @policy: its scheduling policy
 * @rt_priority: its priority, if the policy has one
 * @real_cred: its credentials, with a reference
 * @cred: those that it acts by
 * @mm: the address space that it uses
 * @memcg: the memory cgroup that it charges instead of its own
 * @plug: the block layer's list of requests to be submitted
 * @journal_info: a filesystem's
 */
struct scopex_context {
	int			locks;
	unsigned int		flags;
	int			nice;
	unsigned int		policy;
	unsigned int		rt_priority;
	const struct cred	*real_cred;
	const struct cred	*cred;
	void			*mm;
	void			*memcg;
	void			*plug;
	void			*journal_info;
};

void scopex_context_save(struct scopex_context *before);
void scopex_context_check(struct scopex_worker *w, const struct scopex_site *site, void *fn,
			  const struct scopex_context *before);

#endif /* _SCOPEX_CONTEXT_H */
