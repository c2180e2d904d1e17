/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Detached items of scopex: they outlive their submitter
 *
 * A detached item is an object of its own, with a reference count, and is its own scope.
 */
#ifndef _LINUX_SCOPEX_DETACHED_H
#define _LINUX_SCOPEX_DETACHED_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/refcount.h>
#include <linux/scopex.h>
#include <linux/types.h>

struct module;

/**
 * struct scopex_detached - an item that outlives its submitter
 * @work: the item
 * @scope: its scope, which no caller joins
 * @refs: references on the object
 * @submitted: true if it was submitted
 * @coming: true if it was submitted while the init function of its module ran
 * @done: completed when the item is, and again by each waiter
 * @fn: the function of the item
 * @release: frees the object
 * @owner: the module that has both functions
 *
 * The caller embeds it in an object that it has allocated, and must not copy it after the
 * initialisation. All fields are private to scopex.
 */
struct scopex_detached {
	struct scopex_work	work;
	struct scopex_scope	scope;
	refcount_t		refs;
	atomic_t		submitted;
	bool			coming;
	struct completion	done;
	int			(*fn)(struct scopex_detached *detached);
	void			(*release)(struct scopex_detached *detached);
	struct module		*owner;
};

/**
 * scopex_detached_init() - initialise a detached item, with one reference
 * @detached: the object
 * @fn: the function of the item; called in process context, as that of any item
 * @release: frees the object; called by the caller that gives back the last reference, in its
 *	context
 *
 * If scopex gives back the last reference, its worker calls @release in process context. Then
 * @release may do all that an item may: open scopes, run loops, detach items and wait for
 * them. It is not a part of the item: a scope that it opens is not cancelled with the item,
 * and the scope of the item need not exist any more.
 *
 * Context: any.
 */
#define scopex_detached_init(detached, fn, release)			\
	__scopex_detached_init(detached, fn, release, THIS_MODULE,	\
			       __SCOPEX_SITE(#fn))

void __scopex_detached_init(struct scopex_detached *detached,
			    int (*fn)(struct scopex_detached *detached),
			    void (*release)(struct scopex_detached *detached),
			    struct module *owner, struct scopex_site *site);
int __must_check scopex_detached_submit(struct scopex_detached *detached);
void scopex_detached_get(struct scopex_detached *detached);
void scopex_detached_put(struct scopex_detached *detached);
int scopex_detached_wait(struct scopex_detached *detached);
int scopex_detached_cancel(struct scopex_detached *detached);
int scopex_detached_cancel_nowait(struct scopex_detached *detached);

/**
 * scopex_detached_result() - get the result of the item, without waiting for it
 * @detached: the item
 *
 * Context: any, with a reference.
 *
 * Return: -ENODATA if it was never submitted; -EINPROGRESS until it is completed; then the
 * value that its function returned, or -ECANCELED if the item did not run.
 */
static inline int scopex_detached_result(const struct scopex_detached *detached)
{
	return scopex_work_result(&detached->work);
}

/**
 * scopex_detached_cancelled() - ask whether the item was cancelled
 * @detached: the item
 *
 * Context: any, with a reference; so also the item's function.
 *
 * Return: true if scopex_detached_cancel() or scopex_detached_cancel_nowait() was called for
 * it after it was submitted.
 */
static inline bool
scopex_detached_cancelled(const struct scopex_detached *detached)
{
	return scopex_cancelled(&detached->scope);
}

#endif /* _LINUX_SCOPEX_DETACHED_H */
