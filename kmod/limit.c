// SPDX-License-Identifier: GPL-2.0
/* Scopes with a limit of items that are queued or run */

#include <linux/llist.h>
#include <linux/spinlock.h>

#include <trace/events/scopex.h>

#include "cpu.h"
#include "item.h"
#include "option.h"
#include "options.h"
#include "stamp.h"
#include "state.h"

/*
 * Queue an item if fewer than the limit are queued or run; else let it wait for its
 * turn, or say no.
 */
static int scopex_limit_start(struct scopex_scope *scope, struct scopex_cpu *sc,
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

/* Items that do not get a turn at once wait in the scope. */
static int scopex_limit_enqueue(struct scopex_scope *scope, struct scopex_cpu *sc,
			      struct scopex_work *first, unsigned int nr, size_t stride,
			      enum scopex_where where)
{
	struct scopex_work *work = first;
	int err = 0;

	/* The reference of the last one keeps the scope; it may be gone after. */
	for (; nr; nr--) {
		struct scopex_cpu *next = READ_ONCE(sc->next);

		err = scopex_limit_start(scope, sc, work, where == SCOPEX_TRY);
		work = (void *)work + stride;
		if (where == SCOPEX_ANY)
			sc = next ?: sc;
	}
	return err;
}

/*
 * An item is out: let another one start. Those of a serial scope have not been queued, and
 * do not count.
 */
static void scopex_limit_done(struct scopex_scope *scope, struct scopex_work *done)
{
	struct scopex_custom_scope *custom = scopex_custom(scope);
	struct llist_node *node;
	struct scopex_work *work;
	struct scopex_cpu *sc;
	unsigned long flags;

	if (unlikely(atomic64_read(&scope->state) & SCOPEX_SERIAL))
		return;
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
		scopex_stamp_again(work);
		scopex_push(sc, work, work);
	}
}

const struct scopex_option scopex_limit_option = {
	.flag = SCOPEX_LIMITED,
	.enqueue = scopex_limit_enqueue,
	.done = scopex_limit_done,
};
