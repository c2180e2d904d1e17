// SPDX-License-Identifier: GPL-2.0
/*
 * The option .limit: only so many items of a scope are queued or run at a time
 *
 * Theory of operation
 *
 * The scope counts its items that are queued or run, in "running", under a lock of its own.
 * A submitter below the limit counts its item and pushes it. A submitter at the limit
 * appends its item to the scope's list "waiting", and notes in the item the CPU, and whether
 * the item is stealable. The item
 * stays claimed and keeps its reference, so the owner waits for it as for any other item.
 * scopex_try_submit() returns -EAGAIN instead.
 *
 * The worker that has completed an item passes its place on: it takes the oldest waiting
 * item and queues it on the CPU that was noted. The number does not change
 * then. The worker counts down only if no item waits. So a place is free only while no item
 * waits, and the waiting items start in the order in which they were submitted.
 *
 * A serial scope has no limit: its items run one after the other.
 *
 * The lock is a raw spinlock with interrupts off, as interrupts submit, too.
 */

#include <linux/bits.h>
#include <linux/llist.h>
#include <linux/spinlock.h>

#include <trace/events/scopex.h>

#include "cpu.h"
#include "item.h"
#include "option.h"
#include "options.h"
#include "stamp.h"
#include "state.h"
#include "thief.h"

/* Among the bits of scopex_work.cpu: the item is stealable. */
#define SCOPEX_LIMIT_STEALABLE	BIT(31)

/*
 * Queue an item if fewer than the limit are queued or run. Else keep it until its turn
 * comes, or refuse it with -EAGAIN if @try.
 */
static int scopex_limit_start(struct scopex_scope *scope, struct scopex_cpu *sc,
			      struct scopex_work *work, bool stealable, bool try)
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
		work->cpu = sc->cpu | (stealable ? SCOPEX_LIMIT_STEALABLE : 0);
		work->node.next = NULL;
		*custom->last = &work->node;
		custom->last = &work->node.next;
	}
	raw_spin_unlock_irqrestore(&custom->lock, flags);

	if (start)
		scopex_push_where(sc, work, work, stealable);
	return start || !try ? 0 : -EAGAIN;
}

/* Queue the items that are below the limit, and keep the others in the scope. */
static int scopex_limit_enqueue(struct scopex_scope *scope, struct scopex_cpu *sc,
				struct scopex_work *first, unsigned int nr, size_t stride,
				enum scopex_where where)
{
	bool stealable = scopex_is_stealable(atomic64_read(&scope->state), where);
	struct scopex_work *work = first;
	int err = 0;

	/* The reference of the last item keeps the scope up to that item's push, not longer. */
	for (; nr; nr--) {
		struct scopex_cpu *next = READ_ONCE(sc->next);

		err = scopex_limit_start(scope, sc, work, stealable, where == SCOPEX_TRY);
		work = (void *)work + stride;
		if (where == SCOPEX_ANY && !stealable)
			sc = next ?: sc;
	}
	return err;
}

/* An item is completed: pass its place on, or count it off. */
static void scopex_limit_done(struct scopex_scope *scope, struct scopex_work *done)
{
	struct scopex_custom_scope *custom = scopex_custom(scope);
	struct llist_node *node;
	struct scopex_work *work;
	unsigned long flags;
	unsigned int cpu;

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
		cpu = work->cpu;
		scopex_stamp_again(work);
		scopex_push_where(per_cpu_ptr(&scopex_cpus, cpu & ~SCOPEX_LIMIT_STEALABLE), work,
				  work, cpu & SCOPEX_LIMIT_STEALABLE);
	}
}

static bool scopex_limit_open(struct scopex_custom_scope *custom,
			      const struct scopex_options *options)
{
	custom->limit = options->limit;
	custom->running = 0;
	custom->waiting = NULL;
	custom->last = &custom->waiting;
	raw_spin_lock_init(&custom->lock);
	return options->limit;
}

const struct scopex_option scopex_limit_option = {
	.flag = SCOPEX_LIMITED,
	.open = scopex_limit_open,
	.enqueue = scopex_limit_enqueue,
	.done = scopex_limit_done,
};
