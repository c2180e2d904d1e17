/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state of a worker's thread, before and after an item
 *
 * Items of all users run one after the other on the same threads. If an item leaves its
 * thread in another state than before, the next items behave differently: they fail to
 * reclaim memory, or run on another CPU, or with other credentials. On debugging kernels
 * (SCOPEX_CHECK_ITEMS) the worker compares the state, names the item, and restores what it
 * can, as the next items are not to blame.
 */
#ifndef _SCOPEX_CONTEXT_H
#define _SCOPEX_CONTEXT_H

#include <linux/types.h>

struct cred;
struct scopex_site;
struct scopex_worker;

/**
 * struct scopex_context - the state of the current thread
 * @locks: the number of locks that it holds, as lockdep counts
 * @flags: PF_MEMALLOC and the like: see SCOPEX_CONTEXT_FLAGS
 * @nice: its nice level
 * @policy: its scheduling policy
 * @rt_priority: its priority, if the policy has one
 * @real_cred: its credentials, with a reference
 * @cred: the credentials that it acts by
 * @mm: the address space that it uses
 * @memcg: the memory cgroup that it charges instead of its own
 * @plug: the block layer's list of requests that are not submitted yet
 * @journal_info: a handle of a filesystem's journal
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
