// SPDX-License-Identifier: GPL-2.0
/*
 * The registry: which scopes are open, by owner, and below each other
 *
 * Theory of operation
 *
 * The lists. A scope that was opened outside of items is in one of the registry's buckets.
 * The owner's address chooses the bucket, so an exiting task finds its scopes without a look
 * at those of all other tasks. A scope that was opened in an item is among its parent's
 * children, and on its worker's own list (scopex_worker.innermost), which only the worker
 * touches. The parent's address chooses a bucket, too: the lock of that bucket protects the
 * children.
 *
 * Listing. An empty scope costs nothing here: its first submitter lists it. The flag
 * UNLISTED sends that submitter to the slow path, which clears the flag in the step that
 * takes the reference. The item keeps its reference until it is completed, so the owner
 * can't close the scope before it is listed. A scope that can be held without an item is
 * listed earlier: one with a deadline or a parent when it is opened, the scope of a loop
 * before it is first offered.
 *
 * Closing. The owner closes a scope and takes it out of its list in one section under the
 * lock. So a scope in a list is open, and a look under the lock may take a reference. With
 * that reference the scope stays open and in its list, and so do all scopes that it is
 * nested in. See walk-close.litmus, and register-unregister.litmus for a look that takes no
 * reference.
 *
 * Walks. A walk visits any number of scopes at any depth. It needs no memory: a reference on
 * the scope that it visits holds its place. It goes one scope a step, and holds no lock
 * between steps, so no section with interrupts off depends on how many scopes there are. If
 * the walk gives back the last reference but the owner's, it wakes the owner, as an item
 * would.
 *
 * A walk may visit or miss a scope that is opened or closed during the walk.
 */

#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

#include "inject.h"
#include "ref.h"
#include "registry.h"
#include "resched.h"
#include "state.h"

#define SCOPEX_BUCKETS_SHIFT	10
#define SCOPEX_BUCKETS		BIT(SCOPEX_BUCKETS_SHIFT)

/**
 * struct scopex_bucket - some of the open scopes, and a lock
 * @lock: protects @scopes, and the children of those scopes that choose this bucket
 * @scopes: the scopes
 */
struct scopex_bucket {
	raw_spinlock_t		lock;
	struct hlist_head	scopes;
};

/* Initialised by the compiler: built-in code may open a scope before the initcall of scopex. */
static struct scopex_bucket scopex_buckets[SCOPEX_BUCKETS] = {
	[0 ... SCOPEX_BUCKETS - 1] = {
		.lock = __RAW_SPIN_LOCK_UNLOCKED(scopex_buckets),
	},
};

static struct scopex_bucket *scopex_bucket(const void *key)
{
	return &scopex_buckets[hash_ptr(key, SCOPEX_BUCKETS_SHIFT)];
}

/* Returns the bucket whose lock protects the scope's list. */
static struct scopex_bucket *scopex_bucket_of(const struct scopex_scope *scope)
{
	return scopex_bucket(scope->parent ?: (const void *)scope->owner);
}

/**
 * scopex_register() - list a scope
 * @scope: the scope
 *
 * Walks find the scope in its list until it is closed.
 *
 * Context: its owner, or a submitter that holds a reference.
 */
void scopex_register(struct scopex_scope *scope)
{
	struct scopex_bucket *bucket = scopex_bucket_of(scope);
	struct hlist_head *list = scope->parent ? &scope->parent->children : &bucket->scopes;
	unsigned long flags;

	scope->since = (u32)jiffies;
	scope->wait_looks = 0;

	raw_spin_lock_irqsave(&bucket->lock, flags);
	scopex_inject(SCOPEX_INJECT_REGISTER);
	hlist_add_head(&scope->node, list);
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
}

/**
 * scopex_register_once() - list a scope before anything but a submit holds it
 * @scope: the scope
 *
 * Does nothing if the scope is listed.
 *
 * Context: its owner, before any other task or interrupt can submit to it.
 */
void scopex_register_once(struct scopex_scope *scope)
{
	if (likely(!(atomic64_read(&scope->state) & SCOPEX_UNLISTED)))
		return;
	scopex_state_listed(scope);
	scopex_register(scope);
}

/**
 * scopex_unregister() - take a scope out of its list, and leave it open
 * @scope: the scope
 *
 * A walk that is at the scope finds no next one in the list, and ends there. No other walk
 * finds the scope from now on; see detached-end.litmus.
 *
 * Context: the worker that ends a detached item.
 */
void scopex_unregister(struct scopex_scope *scope)
{
	struct scopex_bucket *bucket = scopex_bucket_of(scope);
	unsigned long flags;

	raw_spin_lock_irqsave(&bucket->lock, flags);
	hlist_del_init(&scope->node);
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
}

/*
 * An exiting task gives up after so many tries to get a lock: it may have oopsed while its
 * CPU held the lock.
 */
#define SCOPEX_LOCK_TRIES	1000000

/**
 * scopex_unregister_exiting() - the same, for an exiting task whose stack is lost
 * @scope: a scope of the current task
 *
 * Context: any but NMI.
 *
 * Return: true if the scope is out of its list. False if the lock could not be had, and
 * nothing was done: an oops on this CPU may have left the lock held.
 */
bool scopex_unregister_exiting(struct scopex_scope *scope)
{
	struct scopex_bucket *bucket = scopex_bucket_of(scope);
	unsigned long flags;

	if (!scopex_spin_until(raw_spin_trylock_irqsave(&bucket->lock, flags),
			       SCOPEX_LOCK_TRIES))
		return false;
	hlist_del_init(&scope->node);
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
	return true;
}

/**
 * scopex_close_listed() - close a drained scope, and take it out of its list
 * @scope: the scope
 * @state: the drained state that the caller has read
 *
 * Context: its owner.
 *
 * Return: true if the scope is closed. False if its state was not @state any more, and
 * nothing was done.
 */
bool scopex_close_listed(struct scopex_scope *scope, u64 state)
{
	struct scopex_bucket *bucket = scopex_bucket_of(scope);
	unsigned long flags;
	bool closed;

	raw_spin_lock_irqsave(&bucket->lock, flags);
	closed = scopex_state_close(scope, state);
	if (closed)
		hlist_del(&scope->node);
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
	return closed;
}

/**
 * scopex_scope_of() - find a scope that a task has opened outside of items
 * @task: the current task
 *
 * Context: any but NMI. Gives up in the same case as scopex_unregister_exiting().
 *
 * Return: the scope, or NULL if it finds none.
 */
struct scopex_scope *scopex_scope_of(struct task_struct *task)
{
	struct scopex_bucket *bucket = scopex_bucket(task);
	struct scopex_scope *scope = NULL;
	unsigned long flags;

	/* An empty list needs no lock: @task is the current task, and adds no scope now. */
	if (likely(!READ_ONCE(bucket->scopes.first)))
		return NULL;

	if (!scopex_spin_until(raw_spin_trylock_irqsave(&bucket->lock, flags),
			       SCOPEX_LOCK_TRIES))
		return NULL;
	hlist_for_each_entry(scope, &bucket->scopes, node)
		if (scope->owner == task)
			break;
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
	return scope;
}

/*
 * Take a reference on the scope after @scope in a list, or on the first one if @scope is
 * NULL, and return it. The lock of @bucket protects the list. The caller keeps @scope open.
 */
static struct scopex_scope *scopex_get_next(struct scopex_bucket *bucket,
					    struct hlist_head *list,
					    struct scopex_scope *scope)
{
	struct scopex_scope *next;
	struct hlist_node *node;
	unsigned long flags;

	raw_spin_lock_irqsave(&bucket->lock, flags);
	node = scope ? scope->node.next : list->first;
	next = hlist_entry_safe(node, struct scopex_scope, node);
	if (next)
		scopex_get(next);
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
	return next;
}

/**
 * scopex_walk_step() - go to the next scope, or back to a parent
 * @walk: the walk, which is not over; before the first step it is at its top
 *
 * Each step takes the same time.
 *
 * Context: any but NMI, while the top is open.
 *
 * Return: true if @walk->at is a scope that the walk has not visited before.
 */
bool scopex_walk_step(struct scopex_walk *walk)
{
	struct scopex_scope *at = walk->at, *next;

	if (!walk->up)
		next = scopex_get_next(scopex_bucket(at), &at->children, NULL);
	else
		next = scopex_get_next(scopex_bucket(at->parent), NULL, at);
	if (!next && !walk->up) {
		walk->up = true;
		return false;
	}

	walk->up = !next;
	if (!next) {
		/* The parent is open as long as @at is: it waits for the item that opened @at. */
		next = at->parent;
		if (next != walk->top)
			scopex_get(next);
	}
	walk->at = next;
	if (at != walk->top)
		scopex_put(at);
	return !walk->up;
}

/**
 * scopex_walk_end() - end a walk, also before it is over
 * @walk: the walk
 */
void scopex_walk_end(struct scopex_walk *walk)
{
	if (walk->at != walk->top)
		scopex_put(walk->at);
	walk->at = walk->top;
}

/**
 * scopex_visit_open() - visit all open scopes, each one before those that are nested in it
 * @visit: called with a scope, which stays open during the call, and @arg. Returns false to
 *	end the visit. Must not sleep for long, as the scope's owner may wait.
 * @arg: for @visit
 *
 * Context: process context; sleeps.
 */
void scopex_visit_open(scopex_visit_fn_t visit, void *arg)
{
	struct scopex_bucket *bucket = scopex_buckets;
	bool more = true;

	for (; more && bucket < scopex_buckets + SCOPEX_BUCKETS; bucket++) {
		struct scopex_scope *root, *next;

		if (!READ_ONCE(bucket->scopes.first))
			continue;
		root = scopex_get_next(bucket, &bucket->scopes, NULL);
		for (; root; root = next) {
			struct scopex_walk walk = { .top = root, .at = root };

			more = visit(root, arg);
			scopex_inject(SCOPEX_INJECT_VISIT);
			while (more && !scopex_walk_over(&walk)) {
				if (!scopex_walk_step(&walk))
					continue;
				more = visit(walk.at, arg);
				scopex_inject(SCOPEX_INJECT_VISIT);
			}
			scopex_walk_end(&walk);
			next = more ? scopex_get_next(bucket, NULL, root) : NULL;
			scopex_put(root);
		}
		cond_resched();
	}
}

/**
 * scopex_registry_init() - give the locks of all buckets one lockdep class
 */
void scopex_registry_init(void)
{
	unsigned int i;

	for (i = 0; i < SCOPEX_BUCKETS; i++)
		raw_spin_lock_init(&scopex_buckets[i].lock);
}
