// SPDX-License-Identifier: GPL-2.0
/*
 * Detached items: they outlive their submitter
 *
 * Theory of operation
 *
 * A detached item is the opposite of a scoped one, on the same workers: an object of its own,
 * with a reference count. It is its own scope, with this one item. So the scopes that the item
 * opens are its children, and are cancelled with it; but the scope keeps no function from
 * returning. Its owner is the worker that runs the item.
 *
 *	holder		holds
 *	the creator	a reference on the object, from the initialisation on
 *	scopex		a reference on the object, and the module that has the functions, from
 *			the submit until the item is completed
 *	the scope	OPEN: one reference for itself, one for the item
 *
 * The end. An item that has opened a scope has its own scope in the list of open scopes. A
 * walk or a look that found it there, or a cancellation that was left to the timer, holds a
 * reference on it. It gives that reference back in any context, and the release function must
 * not be called in any context. So the worker that has run the item ends it: it takes the
 * scope out of the list, and waits, as any owner does, until the other references are given
 * back. The last holder wakes the worker, and does not touch the object afterwards; see
 * detached-end.litmus, detached-owner.litmus. The worker does not close the scope: no code can
 * submit to it any more, and it goes with its object.
 *
 * Then the worker leaves the scope, and gives its reference on the object back. In this order,
 * as the release function may free the object, which the scope is a part of. So a scope that
 * the release function opens is not a child of the item, and is not cancelled with it.
 *
 * The module. The worker releases the module last, after the release of the object. That module
 * needs scopex, so scopex stays loaded, too: no item is left to wait for when it is unloaded.
 *
 * A reference does not keep a module whose init function fails: the kernel frees it whatever
 * its count is. So scopex counts the items that are detached before the end of an init
 * function, in one of a few counters that the module's address chooses. Before the kernel
 * frees the module, it calls a notifier in the task that loads it. There the task waits until
 * the items are completed. It waits no longer if the module has no reference left: then the
 * counted items are those of another module with the same counter.
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
#include "current.h"
#include "detached.h"
#include "lockdep.h"
#include "misuse.h"
#include "option.h"
#include "options.h"
#include "registry.h"
#include "state.h"
#include "thread.h"
#include "wait.h"

#ifdef CONFIG_MODULES
#define SCOPEX_COMING_BITS	4

/* The items that are not completed, of modules whose init function had not ended. */
static atomic_t scopex_coming[BIT(SCOPEX_COMING_BITS)];

static atomic_t *scopex_coming_of(const struct module *owner)
{
	return &scopex_coming[hash_ptr(owner, SCOPEX_COMING_BITS)];
}

/* Keep the module of an item. Returns false if the module is about to be freed. */
static bool scopex_pin_owner(struct scopex_detached *detached)
{
	struct module *owner = detached->owner;
	bool pinned;

	/*
	 * The kernel waits for an RCU grace period before it calls the notifier. So the
	 * notifier finds this item counted.
	 */
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
	/* The kernel may free the module a grace period after its count is zero. */
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
 * scopex_detached_init_modules() - register the notifier for modules
 *
 * Return: 0 or a negative errno.
 */
int scopex_detached_init_modules(void)
{
	return register_module_notifier(&scopex_module_block);
}

/**
 * scopex_detached_exit_modules() - unregister the notifier for modules
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
		/* Show the caller's function as the running one. */
		WRITE_ONCE(w->fn, (void *)detached->fn);
		/* Before the item's scope can be in the list; see detached-owner.litmus. */
		detached->scope.owner = current;
	}
	return detached->fn(detached);
}

/**
 * __scopex_detached_init() - for scopex_detached_init()
 * @detached: the object
 * @fn: the function of the item
 * @release: frees the object
 * @owner: the module that has both functions
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
	/* Do not assign the whole struct: queued items may hang on the node of this one. */
	__scopex_work_set(&detached->work, scopex_detached_fn);
	detached->scope = (struct scopex_scope){
		.site = site,
		.flags = __SCOPEX_ON_WORKER | __SCOPEX_HIDDEN,
	};
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
 * @detached: the item, initialised and not submitted before
 *
 * The caller keeps its reference, and gives it back with scopex_detached_put(). It may do so
 * at once, if it does not need the item any more.
 *
 * The module of the item can't be unloaded before the item is completed, and its object is
 * released if no other reference is held. If the init function of the module detaches items
 * and then fails, the task that loads the module waits for them all before the kernel frees
 * it. So the init function has to cancel items that would run for long, and must fail only if
 * no item depends on anything that this task has to do. The items must not load or unload
 * modules, as that may wait for this task.
 *
 * Context: as for scopex_submit().
 *
 * Return: 0; or, with nothing changed, an error of scopex_submit(), and -ENODEV also if the
 * module of the item is being unloaded, or its init function has failed; -EBUSY also if the
 * item was submitted before.
 */
int scopex_detached_submit(struct scopex_detached *detached)
{
	int err;

	/* The item's status would not do: a completed item is not busy any more. */
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

	/* This is not the last reference: the caller holds one. */
	refcount_dec(&detached->refs);
	scopex_unpin_owner(detached->owner, detached->coming);
not_submitted:
	atomic_set(&detached->submitted, false);
	return err;
}
EXPORT_SYMBOL_GPL(scopex_detached_submit);

/*
 * Wait for the walks and looks that hold the scope of a completed item. No new ones come: the
 * scopes that the item opened are closed, and here its own scope leaves the list.
 */
static noinline void scopex_detached_drain(struct scopex_scope *scope)
{
	scopex_unregister(scope);
	/* The item's reference. This task is the owner, so no wake-up is needed. */
	scopex_put_not_last(scope);
	/* Pairs with scopex_put_items() of a walk or a look; see detached-end.litmus. */
	scopex_drain_scope(scope);
}

static void scopex_put_detached(struct scopex_detached *detached)
{
	if (refcount_dec_and_test(&detached->refs))
		detached->release(detached);
}

/*
 * Give the worker's reference on the object back. It is mostly the last one, and this calls the
 * release function. Check the state that the function leaves behind, as after an item.
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
 * End a detached item that is completed. Its worker does this, and not the holder of the last
 * reference on the scope: the release function may sleep.
 */
static void scopex_detached_end(struct scopex_worker *w, struct scopex_scope *scope)
{
	struct scopex_detached *detached =
		container_of(scope, struct scopex_detached, scope);
	struct module *owner = detached->owner;
	bool coming = detached->coming;
	/* This site stays as long as scopex; the item's site goes with its module. */
	struct scopex_site *site = __SCOPEX_SITE("release");

	scopex_set_current_at(w, NULL, site);
	WRITE_ONCE(w->fn, (void *)detached->release);
	/* A scope that was never listed was held by this item only. */
	if (unlikely(!(scope->flags & __SCOPEX_HIDDEN)))
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
 * Returns 0 if this is a detached item, and -EINVAL, with a warning, if it is not, or is a
 * copy. A waiter for a copy would never be woken, and the release function of a copy would
 * free another object.
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
 * Does nothing but warn if @detached is a copy, or not initialised.
 *
 * Context: any; the caller holds a reference.
 */
void scopex_detached_get(struct scopex_detached *detached)
{
	if (likely(!scopex_check_detached(detached, "takes a reference on", _RET_IP_)))
		refcount_inc(&detached->refs);
}
EXPORT_SYMBOL_GPL(scopex_detached_get);

/**
 * scopex_detached_put() - give a reference back
 * @detached: the item, which may be released by this
 *
 * Does nothing but warn if @detached is a copy, or not initialised.
 *
 * Context: any in which the release function may be called.
 */
void scopex_detached_put(struct scopex_detached *detached)
{
	if (likely(!scopex_check_detached(detached, "gives back a reference on", _RET_IP_)))
		scopex_put_detached(detached);
}
EXPORT_SYMBOL_GPL(scopex_detached_put);

/* Returns 0 if the current task may wait for the item, else a negative errno with a warning. */
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
	/* Each waiter wakes the next one: complete_all() would wake all with interrupts off. */
	complete(&detached->done);
	return scopex_detached_result(detached);
}

/**
 * scopex_detached_wait() - wait until the item is completed
 * @detached: the item
 *
 * Context: process context, with a reference; sleeps, uninterruptibly. The caller must not
 * hold a lock that the item needs. If the caller is an item, the other items of its CPU go on
 * during the wait, as after scopex_will_block().
 *
 * Return: the result of its function, or -ECANCELED if the item did not run; at once, -ENODATA
 * if it was never submitted; with a warning, -EDEADLK in the item itself, or in an item of a
 * scope that is nested in it, and -EINVAL if @detached is a copy, or not initialised.
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
 * scopex_detached_cancel() - cancel the item, and wait until it is completed
 * @detached: the item
 *
 * An item that has not started does not start. An item that runs can ask
 * scopex_detached_cancelled(). The scopes that it has opened are cancelled, too.
 *
 * Context: as for scopex_detached_wait().
 *
 * Return: as for scopex_detached_wait(). After -ENODATA, -EDEADLK and -EINVAL the item is not
 * cancelled; an item that was never submitted can be submitted afterwards.
 */
int scopex_detached_cancel(struct scopex_detached *detached)
{
	return scopex_check_waiter(detached, "cancels", _RET_IP_) ?:
	       scopex_cancel_submitted(detached) ?:
	       scopex_wait_until_completed(detached);
}
EXPORT_SYMBOL_GPL(scopex_detached_cancel);

/**
 * scopex_detached_cancel_nowait() - cancel the item without waiting
 * @detached: the item
 *
 * The same as scopex_detached_cancel(), but the item may still run afterwards. The item may
 * cancel itself in this way. scopex_detached_result() tells when it is completed.
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
