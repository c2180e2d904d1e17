// SPDX-License-Identifier: GPL-2.0
/* The queue of a CPU goes from one worker to another */

#include <linux/atomic.h>
#include <linux/export.h>
#include <linux/kthread.h>
#include <linux/llist.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include <trace/events/scopex.h>

#include "config.h"
#include "cpu.h"
#include "hand_over.h"
#include "inject.h"

/* Makes workers. The kernel's own, as it has to be there when ours wait. */
struct workqueue_struct *scopex_pool_wq;

/* Those that items have taken with them leave room for others. */
bool scopex_may_have_more(struct scopex_cpu *sc)
{
	return READ_ONCE(sc->nr_workers) - atomic_read(&sc->dead) <
	       scopex_config.workers;
}

/**
 * scopex_refill_pool() - have more workers made, soon
 * @sc: the CPU that has too few on standby
 *
 * Context: any but NMI; does not sleep.
 */
void scopex_refill_pool(struct scopex_cpu *sc)
{
	if (scopex_may_have_more(sc) || READ_ONCE(sc->orphan))
		queue_work(scopex_pool_wq, &sc->more);
}

/**
 * scopex_reserve() - make sure that there is a worker to hand over to
 * @w: the worker that may have to block
 *
 * What a wait for a scope relies on is that some worker of the CPU has no such wait before
 * it serves the queue again: the active one, or the one that it has reserved; or, if the
 * queue is an orphan, the one that has left it. So as long as it is one, no worker of the CPU
 * may open a scope that depends on the queue.
 *
 * Context: the worker's thread, or scopex_relieve() while it sleeps.
 *
 * Return: true if @w may wait: another worker serves the queue, or one is reserved.
 */
bool scopex_reserve(struct scopex_worker *w)
{
	struct scopex_cpu *sc = w->sc;

	if (!w->active)
		return !READ_ONCE(sc->orphan);
	if (w->reserved)
		return true;
	/* One less that is free: it is found in the list; see scopex_stand_by(). */
	w->reserved = atomic_dec_if_positive(&sc->spare) >= 0;
	if (atomic_read(&sc->spare) < scopex_config.standby)
		scopex_refill_pool(sc);
	return w->reserved;
}

/**
 * scopex_unreserve() - @w does not need another worker any more
 * @w: the current task's worker
 */
void scopex_unreserve(struct scopex_worker *w)
{
	if (!w->reserved)
		return;
	w->reserved = false;
	atomic_inc(&w->sc->spare);
}

/*
 * Make a worker that stands by the active one. @from was the active one before, and
 * @rest is what is left of its batch. Only one caller at a time takes from the list:
 * the active worker, or the one that has taken the orphan.
 */
static void scopex_appoint(struct scopex_cpu *sc, struct scopex_worker *from,
			   struct llist_node *rest)
{
	struct scopex_worker *heir = container_of(llist_del_first(&sc->standby),
						  struct scopex_worker, standby);

	heir->rest = rest;
	WRITE_ONCE(sc->active, heir->task);
	trace_scopex_hand_off(sc->cpu, from->task->pid, heir->task->pid);
	scopex_inject(SCOPEX_INJECT_HAND_OVER);
	/* Release H: pairs with scopex_stand_by(); see handover-wake.litmus. */
	smp_store_release(&heir->active, true);
	/*
	 * H: has a full barrier between the store and the look at the task state;
	 * pairs with set_current_state() in scopex_stand_by(); see
	 * handover-standby.litmus.
	 */
	wake_up_process(heir->task);
}

/* If a queue is an orphan, and a worker stands by: that one takes over. */
static void scopex_take_over(struct scopex_cpu *sc)
{
	struct scopex_worker *from;

	while (unlikely(READ_ONCE(sc->orphan)) &&
	       atomic_dec_if_positive(&sc->spare) >= 0) {
		scopex_inject(SCOPEX_INJECT_ADOPT);
		/*
		 * The one that takes the orphan is the only one that takes from the
		 * list. Acquire D: pairs with scopex_leave_queue(); see
		 * leave-take-over.litmus.
		 */
		from = xchg_acquire(&sc->orphan, NULL);
		if (from) {
			scopex_appoint(sc, from, sc->orphan_rest);
			return;
		}
		scopex_inject(SCOPEX_INJECT_ADOPT_NONE);
		atomic_inc(&sc->spare);
		/*
		 * D: the count is back before the second look for an orphan, whose
		 * worker may have found none; pairs with scopex_leave_queue(); see
		 * leave-undo.litmus.
		 */
		smp_mb__after_atomic();
	}
}

/*
 * Leave the queue, with the rest of the batch, to the next worker that stands by. From
 * the store on, @w does not touch the queue: it ends its item, and stands by. So it may be
 * the next one itself; see leave-own.litmus.
 */
static void scopex_leave_queue(struct scopex_worker *w)
{
	struct scopex_cpu *sc = w->sc;

	scopex_inject(SCOPEX_INJECT_UNHANDED);
	sc->orphan_rest = w->rest;
	WRITE_ONCE(w->rest, NULL);
	WRITE_ONCE(w->active, false);
	local_inc(&w->count[SCOPEX_UNHANDED]);
	/* There is one at a time. */
	WRITE_ONCE(sc->orphans, sc->orphans + 1);
	/*
	 * Release D: pairs with scopex_take_over(), which has to see the rest of the batch;
	 * see leave-take-over.litmus.
	 */
	smp_store_release(&sc->orphan, w);
	scopex_inject(SCOPEX_INJECT_ORPHAN);
	/*
	 * D: the orphan, then the look for a worker on standby; pairs with
	 * scopex_worker_idle(); see leave-idle.litmus.
	 */
	smp_mb();
	scopex_refill_pool(sc);
	scopex_take_over(sc);
}

/**
 * scopex_hand_over() - give the queue to another worker
 * @w: a worker that is going to block
 *
 * Another worker serves the queue at once, or as soon as one stands by. Does nothing
 * if that was done before. The item goes on until it ends.
 *
 * Context: the worker's thread, or scopex_relieve() while it sleeps. Does not sleep.
 */
void scopex_hand_over(struct scopex_worker *w)
{
	struct llist_node *rest = w->rest;

	if (!w->active)
		return;
	local_inc(&w->count[SCOPEX_HANDOFFS]);
	if (!scopex_reserve(w)) {
		scopex_leave_queue(w);
		return;
	}
	w->reserved = false;
	WRITE_ONCE(w->rest, NULL);
	WRITE_ONCE(w->active, false);
	scopex_appoint(w->sc, w, rest);
}

/**
 * scopex_will_block() - say that an item is going to wait for something
 *
 * From here to its end the item does not hold up the others of its CPU, however
 * long it sleeps: another worker runs them. An item that takes a contended mutex,
 * allocates with reclaim or does I/O should call this before. It is not needed before
 * waiting for a scope; the wait does it.
 *
 * If no worker stands by at the moment, one is made, and takes over as soon as it
 * runs (see the module's parameters "standby" and "workers"; the counter "unhanded"
 * tells how often). If all that are allowed are in items that wait, the queue waits for
 * one of these to end, and the kernel log names them. Outside of an item this call does
 * nothing.
 *
 * Context: process context; does not sleep itself. Costs two context switches, as
 * blocking does anyway; nothing when called again in the same item.
 */
void scopex_will_block(void)
{
	struct scopex_worker *w = scopex_this_worker();

	if (w)
		scopex_hand_over(w);
}
EXPORT_SYMBOL_GPL(scopex_will_block);

/**
 * scopex_worker_idle() - have a worker stand by
 * @w: one that has nothing to do
 *
 * Context: its thread, or the one that made it.
 */
void scopex_worker_idle(struct scopex_worker *w)
{
	struct scopex_cpu *sc = w->sc;

	/* First in the list, then counted: a worker that counts on it finds it. */
	llist_add(&w->standby, &sc->standby);
	atomic_inc(&sc->spare);
	/*
	 * D: it is counted before the look for an orphan; pairs with
	 * scopex_leave_queue(); see leave-idle.litmus.
	 */
	smp_mb__after_atomic();
	scopex_take_over(sc);
}

/**
 * scopex_worker_exits() - an item ends the thread of its worker
 * @w: the current task's worker
 *
 * What is queued goes to another one, as if the item slept for ever. One more worker
 * may be made than there were, and is, as the queue may be an orphan that waits for it.
 *
 * Context: process context, of a task that exits; does not sleep.
 */
void scopex_worker_exits(struct scopex_worker *w)
{
	atomic_inc(&w->sc->dead);
	scopex_refill_pool(w->sc);
	scopex_hand_over(w);
}

/* Wait until the queue is given to this worker, or the thread has to stop. */
void scopex_stand_by(struct scopex_worker *w)
{
	for (;;) {
		/*
		 * H: pairs with wake_up_process() in scopex_appoint(); see
		 * handover-standby.litmus.
		 */
		set_current_state(TASK_IDLE);
		/* Acquire H: pairs with scopex_appoint(); see handover-standby.litmus. */
		if (smp_load_acquire(&w->active) || kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}
