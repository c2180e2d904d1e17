// SPDX-License-Identifier: GPL-2.0
/*
 * Detached work: what really outlives its caller
 *
 * Theory of operation
 *
 * A detached item is the opposite of a scoped one, on the same executor: an object of
 * its own, with a reference count. It is its own scope, with this one item in it, so
 * that scopes which the item opens are its children, and are cancelled with it; but
 * no function is kept from returning by it. Its owner is the worker that runs the item.
 *
 *	who		holds
 *	the creator	a reference, from the initialisation on
 *	the executor	a reference, and the module that has the functions, from the
 *			submit until the item is out
 *	the scope	OPEN: one reference for itself, one for the item
 *
 * An item that has opened a scope has its own in the list of those that are open. A walk
 * or a look that found it there, or a cancellation that was left to the timer, holds it by a
 * reference, and gives that back in any context, where the release function must not be
 * called. So the worker that has run the item ends it: it takes the scope out of the
 * list, and waits as any owner does until the others' references are gone. Whoever gives
 * the last one back wakes the worker, and does not touch the object any more; see
 * detached-end.litmus, detached-owner.litmus. The scope is not closed: nobody can submit
 * to it, and it is gone with its object.
 *
 * Then the worker leaves the scope before it gives its reference on the object back: the
 * release function may free the object, which the scope is a part of, and what the
 * function opens then is no child of it, nor cancelled with it.
 *
 * The module is let go after the last thing that needs it, the release of the object.
 * As that module needs scopex, scopex can't go either: nothing is left to be drained
 * when it does.
 *
 * There is one module that a reference does not keep: one whose init function fails is
 * freed by the kernel, whatever its count. So the items that were detached before the
 * end of an init function are counted, in one of a few counters that the module's
 * address chooses. The kernel tells that the module is going before it frees it, in the
 * task that loads it, and that task is kept until the items are out. (It waits no longer
 * if the module has no reference left: then those that are counted are another's, of
 * the same counter.)
 */

#include <linux/bug.h>
#include <linux/export.h>
#include <linux/hash.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/rcupdate.h>
#include <linux/scopex_detached.h>
#include <linux/wait_bit.h>

#include "cancel.h"
#include "context.h"
#include "cpu.h"
#include "detached.h"
#include "lockdep.h"
#include "misuse.h"
#include "option.h"
#include "options.h"
#include "registry.h"
#include "state.h"
#include "wait.h"

#ifdef CONFIG_MODULES
#define SCOPEX_COMING_BITS	4

/* Items that are not out, of modules whose init function had not ended. */
static atomic_t scopex_coming[BIT(SCOPEX_COMING_BITS)];

static atomic_t *scopex_coming_of(const struct module *owner)
{
	return &scopex_coming[hash_ptr(owner, SCOPEX_COMING_BITS)];
}

/* Keep the module of an item. Return false if it is going. */
static bool scopex_pin_owner(struct scopex_detached *detached)
{
	struct module *owner = detached->owner;
	bool pinned;

	/* The kernel waits for a grace period before it tells that a module is going. */
	rcu_read_lock();
	pinned = try_module_get(owner);
	detached->coming = pinned && owner &&
			   READ_ONCE(owner->state) != MODULE_STATE_LIVE;
	if (unlikely(detached->coming))
		atomic_inc(scopex_coming_of(owner));
	rcu_read_unlock();
	return pinned;
}

static void scopex_unpin_owner(struct module *owner, bool coming)
{
	atomic_t *items = scopex_coming_of(owner);

	if (likely(!coming)) {
		module_put(owner);
		return;
	}
	/* The module may be freed a grace period after its count is zero. */
	rcu_read_lock();
	module_put(owner);
	rcu_read_unlock();
	atomic_dec(items);
	/* Between the counter and the look for waiters; pairs with wait_var_event(). */
	smp_mb__after_atomic();
	wake_up_var(items);
}

static bool scopex_is_pinned(struct module *module)
{
#ifdef CONFIG_MODULE_UNLOAD
	return module_refcount(module) > 0;
#else
	return true;
#endif
}

static int scopex_module_event(struct notifier_block *block, unsigned long state,
			       void *module)
{
	atomic_t *items = scopex_coming_of(module);

	if (state == MODULE_STATE_GOING)
		wait_var_event(items, !atomic_read(items) || !scopex_is_pinned(module));
	return NOTIFY_DONE;
}

static struct notifier_block scopex_module_block = { .notifier_call = scopex_module_event };

/**
 * scopex_detached_init_modules() - hear of modules that are going
 *
 * Return: 0 or a negative errno.
 */
int scopex_detached_init_modules(void)
{
	return register_module_notifier(&scopex_module_block);
}

/**
 * scopex_detached_exit_modules() - hear of them no more
 */
void scopex_detached_exit_modules(void)
{
	unregister_module_notifier(&scopex_module_block);
}
#else
static bool scopex_pin_owner(struct scopex_detached *detached)
{
	return true;
}

static void scopex_unpin_owner(struct module *owner, bool coming) { }

int scopex_detached_init_modules(void)
{
	return 0;
}

void scopex_detached_exit_modules(void) { }
#endif

static int scopex_detached_fn(struct scopex_work *work)
{
	struct scopex_detached *detached =
		container_of(work, struct scopex_detached, work);
	struct scopex_worker *w = scopex_this_worker();

	if (w) {
		/* That is what is shown as running. */
		WRITE_ONCE(w->fn, (void *)detached->fn);
		/* Before the item's scope can be in the list; see detached-owner.litmus. */
		detached->scope.owner = current;
	}
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
	if (!__scopex_may_init(&detached->work))
		return;
	/* Not an assignment of all: as there, items that are queued may hang on this one. */
	scopex_work_init(&detached->work, scopex_detached_fn);
	detached->scope = (struct scopex_scope){ .site = site, .flags = __SCOPEX_ON_WORKER };
	detached->fn = fn;
	detached->release = release;
	detached->owner = owner;
	detached->coming = false;
	atomic_set(&detached->submitted, false);
	refcount_set(&detached->refs, 1);
	init_completion(&detached->done);
	scopex_state_init(&detached->scope, SCOPEX_OPEN | SCOPEX_DETACHED | SCOPEX_ONE);
}
EXPORT_SYMBOL_GPL(__scopex_detached_init);

/**
 * scopex_detached_submit() - submit a detached item, to any CPU
 * @detached: an initialised one, not submitted before
 *
 * The caller keeps its reference, to be given back by scopex_detached_put(): at once if
 * it does not want to hear of the item any more.
 *
 * The item's module can't be unloaded before the item is out, and its object released
 * if nobody else has a reference. If the module's init function detaches items and then
 * fails, the task that loads it waits for them all before the module is freed. So init
 * cancels what would last long, and fails only if the items do not depend on anything
 * that this task has to do; and the items must not load or unload modules, which may
 * wait for that task.
 *
 * Context: as for scopex_submit().
 *
 * Return: 0; or, with nothing changed, as scopex_submit(), and -ENODEV if the
 * item's module is being unloaded, or its init has failed; -EBUSY if the item was
 * submitted before.
 */
int scopex_detached_submit(struct scopex_detached *detached)
{
	int err;

	/* The item's own claim is given back when it is out. */
	if (atomic_xchg(&detached->submitted, true))
		return scopex_refuse(-EBUSY);
	if (!scopex_pin_owner(detached)) {
		err = scopex_refuse(-ENODEV);
		goto not_submitted;
	}
	refcount_inc(&detached->refs);
	err = scopex_submit(&detached->scope, &detached->work);
	if (!err)
		return 0;

	/* Not the last: the caller has one. */
	refcount_dec(&detached->refs);
	scopex_unpin_owner(detached->owner, detached->coming);
not_submitted:
	atomic_set(&detached->submitted, false);
	return err;
}
EXPORT_SYMBOL_GPL(scopex_detached_submit);

/*
 * An item that has opened a scope is out: wait for the walks and looks that hold its scope.
 * No new ones come: the scopes that it has opened are closed, and here its own leaves the list.
 */
static noinline void scopex_detached_drain(struct scopex_scope *scope)
{
	scopex_unregister(scope);
	/* The item's reference. Nobody has to be woken, should it be the last but one. */
	scopex_put_not_last(scope);
	/* A and B: pairs with scopex_put_items(); see detached-end.litmus. */
	scopex_drain_scope(scope);
}

static void scopex_put_detached(struct scopex_detached *detached)
{
	if (refcount_dec_and_test(&detached->refs))
		detached->release(detached);
}

/*
 * Give back the worker's reference. It is mostly the last one: then the release function is
 * called, which is looked at for what it leaves behind as an item is.
 */
static void scopex_put_by_worker(struct scopex_worker *w, struct scopex_detached *detached,
				 struct scopex_site *site)
{
	void *release = (void *)detached->release;
	struct scopex_context before;

	if (SCOPEX_CHECK_ITEMS)
		scopex_context_save(&before);
	scopex_put_detached(detached);
	if (SCOPEX_CHECK_ITEMS)
		scopex_context_check(w, site, release, &before);
}

/*
 * A detached item is out. The worker ends it, and not whoever gives back the last reference,
 * as the release function may sleep.
 */
static void scopex_detached_end(struct scopex_worker *w, struct scopex_scope *scope)
{
	struct scopex_detached *detached =
		container_of(scope, struct scopex_detached, scope);
	struct module *owner = detached->owner;
	bool coming = detached->coming;
	/* This site stays as long as scopex; the item's goes with its module. */
	struct scopex_site *site = __SCOPEX_SITE("release");

	scopex_set_current_at(w, NULL, site);
	WRITE_ONCE(w->fn, (void *)detached->release);
	/* Nobody else has ever had a reference on a scope that was not listed. */
	if (unlikely(scope->flags & __SCOPEX_LISTED))
		scopex_detached_drain(scope);
	complete(&detached->done);
	scopex_put_by_worker(w, detached, site);
	scopex_unpin_owner(owner, coming);
	scopex_clear_current(w);
}

const struct scopex_option scopex_detached_option = {
	.flag = SCOPEX_DETACHED,
	.release = scopex_detached_end,
};

/*
 * Is this a detached item, and not a copy of one? 0, or -EINVAL. What waits for a copy is
 * never woken, and the release function of a copy would free what is not its own.
 */
static int scopex_check_detached(const struct scopex_detached *detached, const char *what,
				 unsigned long caller)
{
	if (likely(scopex_is_open(&detached->scope)))
		return 0;
	scopex_misuse("%pS %s what is no detached item, or a copy of one", (void *)caller,
		      what);
	return -EINVAL;
}

/**
 * scopex_detached_get() - take a reference
 * @detached: the item
 *
 * With a warning, nothing is done if @detached is a copy, or not initialised.
 *
 * Context: any, for who has a reference.
 */
void scopex_detached_get(struct scopex_detached *detached)
{
	if (likely(!scopex_check_detached(detached, "takes a reference on", _RET_IP_)))
		refcount_inc(&detached->refs);
}
EXPORT_SYMBOL_GPL(scopex_detached_get);

/**
 * scopex_detached_put() - give a reference back
 * @detached: the item; may be released by this
 *
 * With a warning, nothing is done if @detached is a copy, or not initialised.
 *
 * Context: any that its release function may be called in.
 */
void scopex_detached_put(struct scopex_detached *detached)
{
	if (likely(!scopex_check_detached(detached, "gives back a reference on", _RET_IP_)))
		scopex_put_detached(detached);
}
EXPORT_SYMBOL_GPL(scopex_detached_put);

/* May the current task wait for the item? 0, or why not. */
static int scopex_check_waiter(struct scopex_detached *detached, const char *what,
			       unsigned long caller)
{
	int err = scopex_check_detached(detached, what, caller);

	might_sleep();
	if (unlikely(err))
		return err;
	if (likely(!scopex_is_within(&detached->scope)))
		return 0;
	scopex_misuse("detached item %ps waits for itself, in %pS",
		      (void *)detached->fn, (void *)caller);
	return -EDEADLK;
}

static int scopex_wait_until_completed(struct scopex_detached *detached)
{
	scopex_lockdep_flush_detached(&detached->scope);
	if (!scopex_work_busy(&detached->work))
		return scopex_detached_result(detached);
	scopex_will_block();
	wait_for_completion(&detached->done);
	/* Who waits wakes the next one: complete_all() would do it with interrupts off. */
	complete(&detached->done);
	return scopex_detached_result(detached);
}

/**
 * scopex_detached_wait() - wait until the item is out
 * @detached: the item
 *
 * Context: process context, with a reference; sleeps, uninterruptibly. The caller must
 * not hold a lock that the item needs. In an item, the other items of its CPU go on
 * meanwhile as after scopex_will_block().
 *
 * Return: what its function returned, or -ECANCELED if it did not run; at once,
 * -ENODATA if it was never submitted; with a warning, -EDEADLK in the item itself, or
 * in an item of a scope that is nested in it, and -EINVAL if @detached is a copy, or not
 * initialised.
 */
int scopex_detached_wait(struct scopex_detached *detached)
{
	return scopex_check_waiter(detached, "waits for", _RET_IP_) ?:
	       scopex_wait_until_completed(detached);
}
EXPORT_SYMBOL_GPL(scopex_detached_wait);

static int scopex_cancel_submitted(struct scopex_detached *detached)
{
	if (scopex_detached_result(detached) == -ENODATA)
		return -ENODATA;
	scopex_cancel_tree(&detached->scope, 0);
	return 0;
}

/**
 * scopex_detached_cancel() - cancel the item, and wait until it is out
 * @detached: the item
 *
 * If it has not started, it won't; if it runs, it can ask scopex_detached_cancelled().
 * The scopes that it has opened are cancelled, too. When this returns, it is out.
 *
 * Context: as for scopex_detached_wait().
 *
 * Return: as scopex_detached_wait(). After -ENODATA, -EDEADLK and -EINVAL the item is not
 * cancelled; so it can be submitted afterwards.
 */
int scopex_detached_cancel(struct scopex_detached *detached)
{
	return scopex_check_waiter(detached, "cancels", _RET_IP_) ?:
	       scopex_cancel_submitted(detached) ?:
	       scopex_wait_until_completed(detached);
}
EXPORT_SYMBOL_GPL(scopex_detached_cancel);

/**
 * scopex_detached_cancel_nowait() - cancel the item, and do not wait
 * @detached: the item
 *
 * As scopex_detached_cancel(), but the item may be running still. It may cancel itself
 * in this way. scopex_detached_result() tells when it is out.
 *
 * Context: any but NMI, with a reference; takes time as scopex_cancel() does.
 *
 * Return: 0; or, with nothing changed, -ENODATA if the item was never submitted; with a
 * warning, -EINVAL if @detached is a copy, or not initialised.
 */
int scopex_detached_cancel_nowait(struct scopex_detached *detached)
{
	return scopex_check_detached(detached, "cancels", _RET_IP_) ?:
	       scopex_cancel_submitted(detached);
}
EXPORT_SYMBOL_GPL(scopex_detached_cancel_nowait);
