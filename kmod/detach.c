// SPDX-License-Identifier: GPL-2.0
/*
 * Detached work: what really outlives its caller
 *
 * Theory of operation
 *
 * A detached item is the opposite of a scoped one, on the same executor: an object of
 * its own, with a reference count. It is its own scope, with this one item in it, so
 * that scopes which the item opens are its children, and are cancelled with it; but
 * nobody owns that scope, or can be kept from returning by it.
 *
 *	who		holds
 *	the creator	a reference, from the initialisation on
 *	the executor	a reference, and the module that has the functions, from the
 *			submit until the item is out
 *	the scope	OPEN: one reference for itself, one for the item
 *
 * When the item is out, the worker leaves its scope before it gives the reference back:
 * the release function may free the object, which the scope is a part of, and what the
 * function opens then is no child of it, nor cancelled with it.
 *
 * The module is let go after the last thing that needs it, the release of the object.
 * As that module needs scopex, scopex can't go either: nothing is left to be drained
 * when it does.
 */

#include <linux/bug.h>
#include <linux/export.h>
#include <linux/module.h>

#include "internal.h"

static int scopex_detached_fn(struct scopex_work *work)
{
	struct scopex_detached *detached =
		container_of(work, struct scopex_detached, work);
	struct scopex_worker *w = scopex_this_worker();

	/* That is what is shown as running. */
	if (w)
		WRITE_ONCE(w->fn, (void *)detached->fn);
	return detached->fn(detached);
}

/**
 * __scopex_detached_init() - for scopex_detached_init()
 * @detached: the object
 * @fn: what it does
 * @release: frees the object
 * @owner: the module that both are in
 * @site: the place in the code
 *
 * Context: any.
 */
void __scopex_detached_init(struct scopex_detached *detached,
			    int (*fn)(struct scopex_detached *detached),
			    void (*release)(struct scopex_detached *detached),
			    struct module *owner, struct scopex_site *site)
{
	*detached = (struct scopex_detached){
		.work = SCOPEX_WORK_INIT(scopex_detached_fn),
		.fn = fn,
		.release = release,
		.owner = owner,
		.scope = { .site = site, .self = &detached->scope },
	};
	refcount_set(&detached->refs, 1);
	init_completion(&detached->done);
	init_llist_head(&detached->scope.own);
	atomic64_set(&detached->scope.state,
		     SCOPEX_OPEN | SCOPEX_DETACHED | SCOPEX_ONE);
}
EXPORT_SYMBOL_GPL(__scopex_detached_init);

/**
 * scopex_detach() - submit a detached item, to any CPU
 * @detached: an initialised one, not submitted before
 *
 * The caller keeps its reference, to be given back by scopex_detached_put(): at once if
 * it does not want to hear of the item any more.
 *
 * Context: as for scopex_submit().
 *
 * Return: 0; or, with nothing changed, as scopex_submit_any(), and -ENODEV if the
 * item's module is being unloaded; -EBUSY if the item was submitted before.
 */
int scopex_detach(struct scopex_detached *detached)
{
	int err;

	/* The item's own claim is given back when it is out. */
	if (atomic_xchg(&detached->submitted, true))
		return scopex_refuse(-EBUSY);
	if (!try_module_get(detached->owner)) {
		err = scopex_refuse(-ENODEV);
		goto not_submitted;
	}
	refcount_inc(&detached->refs);
	err = scopex_submit_any(&detached->scope, &detached->work);
	if (!err)
		return 0;

	/* Not the last: the caller has one. */
	refcount_dec(&detached->refs);
	module_put(detached->owner);
not_submitted:
	atomic_set(&detached->submitted, false);
	return err;
}
EXPORT_SYMBOL_GPL(scopex_detach);

/**
 * scopex_detached_end() - a detached item is out
 * @w: the worker that has run it
 * @scope: its scope
 *
 * Context: the worker, which does not touch the item any more.
 */
void scopex_detached_end(struct scopex_worker *w, struct scopex_scope *scope)
{
	struct scopex_detached *detached =
		container_of(scope, struct scopex_detached, scope);
	struct module *owner = detached->owner;

	/* This site stays as long as scopex; the item's goes with its module. */
	scopex_enter_at(w, NULL, __SCOPEX_SITE("release"));
	WRITE_ONCE(w->fn, (void *)detached->release);
	scopex_unget(scope);
	complete_all(&detached->done);
	scopex_detached_put(detached);
	scopex_leave(w);
	module_put(owner);
}

/**
 * scopex_detached_get() - take a reference
 * @detached: the item
 *
 * Context: any, for who has a reference.
 */
void scopex_detached_get(struct scopex_detached *detached)
{
	refcount_inc(&detached->refs);
}
EXPORT_SYMBOL_GPL(scopex_detached_get);

/**
 * scopex_detached_put() - give a reference back
 * @detached: the item; may be released by this
 *
 * Context: any that its release function may be called in.
 */
void scopex_detached_put(struct scopex_detached *detached)
{
	if (refcount_dec_and_test(&detached->refs))
		detached->release(detached);
}
EXPORT_SYMBOL_GPL(scopex_detached_put);

/**
 * scopex_detached_wait() - wait until the item is out
 * @detached: the item, which was submitted
 *
 * Context: process context, with a reference; sleeps, uninterruptibly. In an item, the
 * other items of its CPU go on meanwhile as after scopex_will_block().
 *
 * Return: what its function returned, or -ECANCELED if it did not run.
 */
int scopex_detached_wait(struct scopex_detached *detached)
{
	scopex_will_block();
	wait_for_completion(&detached->done);
	return scopex_work_result(&detached->work);
}
EXPORT_SYMBOL_GPL(scopex_detached_wait);

/**
 * scopex_detached_cancel() - cancel the item, and wait until it is out
 * @detached: the item, which was submitted
 *
 * If it has not started, it won't; if it runs, it can ask scopex_detached_cancelled().
 * When this returns, it is out.
 *
 * Context: as for scopex_detached_wait().
 *
 * Return: as scopex_detached_wait().
 */
int scopex_detached_cancel(struct scopex_detached *detached)
{
	scopex_cancel(&detached->scope);
	return scopex_detached_wait(detached);
}
EXPORT_SYMBOL_GPL(scopex_detached_cancel);
