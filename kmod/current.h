/* SPDX-License-Identifier: GPL-2.0 */
/* The scope that a worker serves at the moment, and whether the current task is a worker */
#ifndef _SCOPEX_CURRENT_H
#define _SCOPEX_CURRENT_H

#include <linux/compiler.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/scopex_types.h>
#include <linux/string.h>

#include "cpu.h"
#include "state.h"
#include "thread.h"

/*
 * From now on, @w runs items of @scope, or of no scope if it is NULL, and is shown at
 * @site.
 */
static inline void scopex_set_current_at(struct scopex_worker *w, struct scopex_scope *scope,
					 struct scopex_site *site)
{
	WRITE_ONCE(w->scope, scope);
	/* The module of the former item's function may be gone when @w is shown. */
	WRITE_ONCE(w->fn, NULL);
	WRITE_ONCE(w->since, 0);
	WRITE_ONCE(w->site, site);
}

/* From now on, @w runs items of @scope. */
static inline void scopex_set_current(struct scopex_worker *w,
				      struct scopex_scope *scope)
{
	scopex_set_current_at(w, scope, scope->site);
}

/**
 * struct scopex_current - what a worker was in, while it is in something else on its stack
 * @scope: scopex_worker.scope
 * @site: scopex_worker.site
 * @fn: scopex_worker.fn
 * @since: scopex_worker.since
 */
struct scopex_current {
	struct scopex_scope	*scope;
	struct scopex_site	*site;
	void			*fn;
	u64			since;
};

static inline void scopex_save_current(const struct scopex_worker *w,
				       struct scopex_current *before)
{
	*before = (struct scopex_current){ w->scope, w->site, w->fn, w->since };
}

static inline void scopex_restore_current(struct scopex_worker *w,
					  const struct scopex_current *before)
{
	scopex_set_current_at(w, before->scope, before->site);
	WRITE_ONCE(w->fn, before->fn);
	WRITE_ONCE(w->since, before->since);
}

/* @w runs nothing. The module of its site may be gone after an RCU grace period. */
static inline void scopex_clear_current(struct scopex_worker *w)
{
	WRITE_ONCE(w->site, NULL);
}

/*
 * Returns false if the current task is no worker, without a call. Only a task itself can change
 * its name. An item that has done that is taken for an ordinary task: if it waits for a scope,
 * its queue is handed over by relief.c only.
 */
static __always_inline bool scopex_may_be_worker(void)
{
	return current->flags & PF_KTHREAD &&
	       !memcmp(current->comm, SCOPEX_WORKER_NAME, strlen(SCOPEX_WORKER_NAME));
}

/* Return the worker whose thread is the current task, and so is in an item; else NULL. */
static inline struct scopex_worker *scopex_this_worker(void)
{
	if (likely(!scopex_may_be_worker()) || kthread_func(current) != scopex_worker_thread)
		return NULL;
	return kthread_data(current);
}

/* The same, without a call, but NULL also for a worker that has handed over. */
static inline struct scopex_worker *scopex_active_worker(void)
{
	struct scopex_worker *w = this_cpu_read(scopex_cpus.active);

	return w && w->task == current ? w : NULL;
}

/* The same as scopex_this_worker(), for the owner of @scope. */
static inline struct scopex_worker *scopex_owner_worker(const struct scopex_scope *scope)
{
	return scope->flags & __SCOPEX_ON_WORKER ? scopex_this_worker() : NULL;
}

/*
 * Returns true if the current task is in an item of @scope, or of a scope that is nested in
 * it. @scope may have ended: only its address is compared.
 */
static inline bool scopex_is_within(const struct scopex_scope *scope)
{
	struct scopex_worker *w = scopex_this_worker();
	const struct scopex_scope *outer = w ? w->scope : NULL;

	while (outer && outer != scope)
		outer = outer->parent;
	return outer;
}

#endif /* _SCOPEX_CURRENT_H */
