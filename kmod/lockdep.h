/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What scopex tells lockdep
 *
 * Each site has a lockdep map. A worker acquires it around each item, and each wait for a
 * scope acquires and releases it. So lockdep reports a task that waits for a scope under a
 * lock that an item takes, when both have happened once, whether or not they have met in a
 * deadlock.
 *
 * Scopes nest, and a scope may be nested in another one of the same site. That is no
 * deadlock, as workers hand over. So the depth of a scope is its lockdep subclass: a wait is
 * always for a deeper scope than that of the item that waits. Scopes that are deeper than
 * lockdep has subclasses are left out.
 */
#ifndef _SCOPEX_LOCKDEP_H
#define _SCOPEX_LOCKDEP_H

#include <linux/kconfig.h>
#include <linux/lockdep.h>
#include <linux/scopex.h>
#include <linux/sched.h>

/* Check the worker's thread after each item: on debugging kernels only, as it takes time. */
#define SCOPEX_CHECK_ITEMS	(IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP) ||	\
				 IS_ENABLED(CONFIG_SCOPEX_INJECT))

/* Check each close, also that of a scope which had no items: on debugging kernels only. */
#define SCOPEX_CHECK_WAITS	(IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP) ||	\
				 IS_ENABLED(CONFIG_LOCKDEP))

#ifdef CONFIG_LOCKDEP
static inline int scopex_locks_held(void)
{
	return lockdep_depth(current);
}

static inline void scopex_lockdep_acquire(struct scopex_scope *scope)
{
	if (scope->depth < MAX_LOCKDEP_SUBCLASSES)
		lock_acquire(&scope->site->map, scope->depth, 0, 2, 1, NULL,
			     _THIS_IP_);
}

static inline void scopex_lockdep_release(struct scopex_scope *scope)
{
	if (scope->depth < MAX_LOCKDEP_SUBCLASSES)
		lock_release(&scope->site->map, _THIS_IP_);
}

static inline void scopex_lockdep_flush(struct scopex_scope *scope)
{
	if (scope->depth < MAX_LOCKDEP_SUBCLASSES) {
		lock_acquire(&scope->site->map, scope->depth, 0, 0, 1, NULL,
			     _THIS_IP_);
		lock_release(&scope->site->map, _THIS_IP_);
	}
}

/*
 * An item may wait for another item of the same site, which it has detached. Both are of
 * depth 0, so lockdep would take that for a wait of the item for itself.
 */
static inline void scopex_lockdep_flush_detached(struct scopex_scope *scope)
{
	if (!lock_is_held(&scope->site->map))
		scopex_lockdep_flush(scope);
}
#else
static inline int scopex_locks_held(void)
{
	return 0;
}

static inline void scopex_lockdep_acquire(struct scopex_scope *scope) { }
static inline void scopex_lockdep_release(struct scopex_scope *scope) { }
static inline void scopex_lockdep_flush(struct scopex_scope *scope) { }
static inline void scopex_lockdep_flush_detached(struct scopex_scope *scope) { }
#endif

#endif /* _SCOPEX_LOCKDEP_H */
