// SPDX-License-Identifier: GPL-2.0
/*
 * The registry: which scopes are open, by owner, and below each other
 *
 * Theory of operation
 *
 * A scope that was opened outside of items is in one of the registry's buckets, which its
 * owner chooses: so a task that exits finds its scopes without a look at those of others.
 * A scope that was opened in an item is one of its parent's children, and on its worker's
 * own list (scopex_worker.innermost), which only the worker touches. The lock of a
 * bucket protects the bucket's list, or the children of a scope that chooses it.
 *
 * A scope in a list is open: its owner closes it, and takes it out, in one section under
 * the lock. So a look under the lock may take a reference, and with a reference the scope
 * stays open, in its list, and so do all scopes that it is nested in. See walk-close.litmus,
 * and register-unregister.litmus for a look that takes none.
 *
 * That is how a walk visits any number of scopes, in any depth, with no memory of its own
 * and one scope a step: the scope at which it is holds its place. No lock is held between
 * steps, so no section with interrupts off depends on how many scopes there are. A walk
 * that holds the last reference but the owner's wakes the owner when it goes on, as an
 * item would.
 *
 * A scope that is opened, or closed, during a walk may be visited or not.
 */

#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

#include "inject.h"
#include "ref.h"
#include "registry.h"
#include "state.h"

#define SCOPEX_BUCKETS_SHIFT	10
#define SCOPEX_BUCKETS		BIT(SCOPEX_BUCKETS_SHIFT)

/**
 * struct scopex_bucket - the open scopes of some tasks, and a lock for more than these
 * @lock: protects @scopes, and the children of scopes
 * @scopes: the scopes
 */
struct scopex_bucket {
	raw_spinlock_t		lock;
	struct hlist_head	scopes;
};

/* Set up for those who open a scope before the initcall, where scopex is built in. */
static struct scopex_bucket scopex_buckets[SCOPEX_BUCKETS] = {
	[0 ... SCOPEX_BUCKETS - 1] = {
		.lock = __RAW_SPIN_LOCK_UNLOCKED(scopex_buckets),
	},
};

static struct scopex_bucket *scopex_bucket(const void *key)
{
	return &scopex_buckets[hash_ptr(key, SCOPEX_BUCKETS_SHIFT)];
}

/* The bucket whose lock protects the list that a scope is in. */
static struct scopex_bucket *scopex_bucket_of(const struct scopex_scope *scope)
{
	return scopex_bucket(scope->parent ?: (const void *)scope->owner);
}

/**
 * scopex_register() - put a scope in the list where it is found while it is open
 * @scope: the scope
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
 * scopex_register_once() - list a scope that takes references in another way than by a submit
 * @scope: the scope
 *
 * Context: its owner, before anybody else can submit to it.
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
 * A look that holds it finds nothing after it in the list, and ends there. No other one
 * finds it from now on; see detached-end.litmus.
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

/* A task that exits may have oopsed in a section of the lock that it tries to get. */
static bool scopex_try_again(unsigned int *tries)
{
	cpu_relax();
	return ++*tries < 1000000;
}

/**
 * scopex_unregister_exiting() - the same, for a task whose stack is lost
 * @scope: a scope of the current task
 *
 * Context: any but NMI.
 *
 * Return: false if the lock can't be had for long, as it may be held by a section of this
 * CPU's that has oopsed; then nothing was done.
 */
bool scopex_unregister_exiting(struct scopex_scope *scope)
{
	struct scopex_bucket *bucket = scopex_bucket_of(scope);
	unsigned int tries = 0;
	unsigned long flags;

	while (!raw_spin_trylock_irqsave(&bucket->lock, flags))
		if (!scopex_try_again(&tries))
			return false;
	hlist_del_init(&scope->node);
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
	return true;
}

/**
 * scopex_close_listed() - close a scope that is drained, and take it out of its list
 * @scope: the scope
 * @state: its state when it was found to be drained
 *
 * Context: its owner.
 *
 * Return: false if it is not in that state any more; then nothing was done.
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
 * scopex_scope_of() - a scope of a task that was opened outside of items
 * @task: the current task
 *
 * Context: any but NMI. Gives up as scopex_unregister_exiting() does.
 *
 * Return: the scope, or NULL if none is listed.
 */
struct scopex_scope *scopex_scope_of(struct task_struct *task)
{
	struct scopex_bucket *bucket = scopex_bucket(task);
	struct scopex_scope *scope = NULL;
	unsigned int tries = 0;
	unsigned long flags;

	/* The task is the only one that could add one of its own. */
	if (likely(!READ_ONCE(bucket->scopes.first)))
		return NULL;

	while (!raw_spin_trylock_irqsave(&bucket->lock, flags))
		if (!scopex_try_again(&tries))
			return NULL;
	hlist_for_each_entry(scope, &bucket->scopes, node)
		if (scope->owner == task)
			break;
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
	return scope;
}

/*
 * The scope that comes after @scope in a list, or the first one, with a reference. The
 * caller holds @scope. The lock of the list is that of @bucket.
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
 * scopex_walk_step() - go on to the next scope, or back to a parent
 * @walk: the walk, which is not over; at the beginning at its top
 *
 * Context: any but NMI, as long as the top is open. Takes the same time for each step.
 *
 * Return: true if @walk->at is a scope that was not visited before.
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
		/* Open as long as @at is, whose item it waits for. */
		next = at->parent;
		if (next != walk->top)
			scopex_get(next);
	}
	walk->at = next;
	if (at != walk->top)
		scopex_put_items(at, 1);
	return !walk->up;
}

/**
 * scopex_walk_end() - end a walk, which may not be over
 * @walk: the walk
 */
void scopex_walk_end(struct scopex_walk *walk)
{
	if (walk->at != walk->top)
		scopex_put_items(walk->at, 1);
	walk->at = walk->top;
}

/**
 * scopex_visit_open() - visit all open scopes, each before those that are nested in it
 * @visit: called with a scope, which stays open meanwhile, and @arg; false ends it. Must
 *	not sleep for long, as the scope's owner may wait.
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
			scopex_put_items(root, 1);
		}
		cond_resched();
	}
}

/**
 * scopex_registry_init() - make the locks of one class, for lockdep
 */
void scopex_registry_init(void)
{
	unsigned int i;

	for (i = 0; i < SCOPEX_BUCKETS; i++)
		raw_spin_lock_init(&scopex_buckets[i].lock);
}
