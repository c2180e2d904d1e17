/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What lockdep is told, and what is looked at after each item
 *
 * Each place that opens scopes has a lockdep map. Who runs an item holds it, who waits
 * for a scope takes it for a moment. So a task that waits for a scope under a lock
 * which an item takes is reported when both have happened once, deadlock or not.
 *
 * Scopes nest, and of one place may be nested in another of the same, which is no
 * deadlock, as workers hand over. So the depth of a scope is lockdep's subclass:
 * a wait is always for a deeper scope than the one whose item waits. What is deeper
 * than lockdep has subclasses is left out.
 */
#ifndef _SCOPEX_LOCKDEP_H
#define _SCOPEX_LOCKDEP_H

#include <linux/kconfig.h>
#include <linux/lockdep.h>
#include <linux/scopex.h>
#include <linux/sched.h>

/* On kernels that are for finding mistakes; it would cost each item some more. */
#define SCOPEX_CHECK_ITEMS	(IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP) ||	\
				 IS_ENABLED(CONFIG_SCOPEX_INJECT))

/* Likewise: a wait is looked at even if there is nothing to be waited for. */
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
 * An item may wait for another one of the same place, which it has detached. Lockdep
 * would take that for a wait for itself, since both are of depth 0.
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
