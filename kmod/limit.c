// SPDX-License-Identifier: GPL-2.0
/* Scopes with a limit of items that are queued or run */

#include <linux/llist.h>
#include <linux/spinlock.h>

#include <trace/events/scopex.h>

#include "cpu.h"
#include "item.h"
#include "limit.h"
#include "profile.h"
#include "state.h"

/*
 * Queue an item if fewer than the limit are queued or run; else let it wait for its
 * turn, or say no.
 */
int scopex_start(struct scopex_scope *scope, struct scopex_cpu *sc,
		 struct scopex_work *work, bool try)
{
	struct scopex_custom_scope *custom = scopex_custom(scope);
	unsigned long flags;
	bool start;

	raw_spin_lock_irqsave(&custom->lock, flags);
	start = custom->running < custom->limit;
	if (start || !try)
		trace_scopex_submit(scope, work, sc->cpu);
	if (start) {
		custom->running++;
	} else if (!try) {
		work->cpu = sc->cpu;
		work->node.next = NULL;
		*custom->last = &work->node;
		custom->last = &work->node.next;
	}
	raw_spin_unlock_irqrestore(&custom->lock, flags);

	if (start)
		scopex_push(sc, work, work);
	return start || !try ? 0 : -EAGAIN;
}

/**
 * scopex_let_start() - an item of a scope with a limit is out: let another one start
 * @scope: the scope
 *
 * Context: the worker, which holds the item's reference on the scope.
 */
void scopex_let_start(struct scopex_scope *scope)
{
	struct scopex_custom_scope *custom = scopex_custom(scope);
	struct llist_node *node;
	struct scopex_work *work;
	struct scopex_cpu *sc;
	unsigned long flags;

	raw_spin_lock_irqsave(&custom->lock, flags);
	node = custom->waiting;
	if (node) {
		custom->waiting = node->next;
		if (!custom->waiting)
			custom->last = &custom->waiting;
	} else {
		custom->running--;
	}
	raw_spin_unlock_irqrestore(&custom->lock, flags);

	if (node) {
		work = scopex_node_to_work(node);
		sc = per_cpu_ptr(&scopex_cpus, work->cpu);
		scopex_profile_queued(work);
		scopex_push(sc, work, work);
	}
}
