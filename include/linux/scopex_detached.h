/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Detached items of scopex: what really outlives its submitter
 *
 * A detached item is an object of its own, with a reference count, and its own scope.
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
 * struct scopex_detached - an item that outlives who submits it
 * @work: the item
 * @scope: its scope, with nobody who waits for it
 * @refs: who uses the object
 * @submitted: whether it was submitted
 * @coming: whether that was while the init function of its module ran
 * @done: completed when the item is out, and again by each that has waited for it
 * @fn: the function
 * @release: frees the object
 * @owner: the module that both are in
 *
 * To be embedded in an object that was allocated, and not to be copied once it is
 * initialised. All fields are private to scopex.
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
 * @fn: what it does, in process context, as an item
 * @release: called with the last reference gone, in the context of who gives it back;
 *	frees the object
 *
 * If the last reference is the one of scopex itself, @release is called by the worker,
 * in process context. It may then do what an item may: open scopes, run loops, detach
 * items and wait for them. It is no part of the item: what it opens is not cancelled
 * with the item, and the scope of the item need not exist any more.
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
 * scopex_detached_result() - how the item ended, without waiting for it
 * @detached: the item
 *
 * Context: any, with a reference.
 *
 * Return: -ENODATA if it was never submitted; -EINPROGRESS until it is out; then what
 * its function returned, or -ECANCELED if it did not run.
 */
static inline int scopex_detached_result(const struct scopex_detached *detached)
{
	return scopex_work_result(&detached->work);
}

/**
 * scopex_detached_cancelled() - was the item cancelled?
 * @detached: the item
 *
 * Context: any, with a reference; so the item's function.
 *
 * Return: true after scopex_detached_cancel() or scopex_detached_cancel_nowait() was
 * called for it, once it was submitted.
 */
static inline bool
scopex_detached_cancelled(const struct scopex_detached *detached)
{
	return scopex_cancelled(&detached->scope);
}

#endif /* _LINUX_SCOPEX_DETACHED_H */
