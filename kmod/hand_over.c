// SPDX-License-Identifier: GPL-2.0
/*
 * Hand-over: the queue of a CPU goes from one worker to another
 *
 * Theory of operation
 *
 * An item may sleep: for a scope that it opened, whose items may be queued behind it on the
 * same CPU, or for anything else. So a worker that is about to sleep in an item hands over:
 * it gives its queue, with the rest of its batch, to a worker on standby. The item goes on
 * when it is woken, beside the new active worker. Its worker completes it, and then goes on
 * standby. No item runs on the stack of another item that sleeps, except in a serial scope.
 *
 *	active		serves the queue; a CPU has one active worker at most
 *	blocked		has handed over, and has an item to complete
 *	standby		has nothing to do, and is in scopex_cpu.standby
 *
 * The unserved queue. The pool creates workers ahead (see pool.c), but more items than that
 * may block at about the same time. If a worker hands over while no worker is on standby,
 * it leaves the queue unserved, with the rest of the batch. The next worker that goes on
 * standby takes the queue over: a new one, or one that has completed its item. So no
 * hand-over is lost. The log names the items that hold the workers if the pool's bound
 * keeps the queue unserved. (In the code, scopex_cpu.left_by is the worker that left the
 * queue unserved, and NULL if the queue is served.)
 *
 * Reservations. A wait for a scope is safe only if a worker is sure to be there. So an item
 * that opens a scope reserves a worker on standby; scopex_cpu.spare counts the workers that
 * are not reserved. If no worker is left to reserve, the opener waits until the pool has
 * created one.
 *
 * The last resort. The scope is serial if all workers that are allowed are taken, if no
 * worker can be created, or if the opener must not wait for memory. The items of a serial
 * scope are queued with the scope, not on a CPU, and the owner runs them when it waits. So
 * the wait depends on nothing but itself. It needs stack: see scopex_open_nested().
 *
 * An item may sleep without having called scopex_will_block(). The watchdog notices it, and
 * scopex_relieve() hands over for the worker: see relief.c.
 *
 * Ordering. The new active worker sees the rest of the batch, and all that the former one
 * did as the active worker: scopex_appoint() releases `active`, and scopex_stand_by() and
 * scopex_worker_main() acquire it; see handover-standby.litmus. A submitter that finds the
 * queue parked has to wake the worker that parked it: for this, scopex_queue_park() is a
 * release, and scopex_wake_worker() has an acquire; see handover-wake.litmus.
 *
 * A worker leaves its queue unserved, then looks for a worker on standby. A worker goes on
 * standby, then looks for an unserved queue. Both have a full barrier in between, so one of
 * the two finds the other; see leave-idle.litmus. A worker that has decremented
 * scopex_cpu.spare in vain increments it, then looks again; see leave-undo.litmus.
 */

#include <linux/atomic.h>
#include <linux/export.h>
#include <linux/kthread.h>
#include <linux/llist.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include <trace/events/scopex.h>

#include "batch.h"
#include "config.h"
#include "cpu.h"
#include "current.h"
#include "hand_over.h"
#include "inject.h"
#include "sleep.h"
#include "thread.h"

/*
 * The pool refill runs here: a workqueue of the kernel's, as it must go on while all
 * workers of scopex wait.
 */
struct workqueue_struct *scopex_pool_wq;

/* Returns true if the bound allows one more worker. A worker that died does not count. */
bool scopex_may_have_more(struct scopex_cpu *sc)
{
	return READ_ONCE(sc->nr_workers) - atomic_read(&sc->dead) <
	       scopex_config.workers;
}

/**
 * scopex_refill_pool() - ask the pool to create workers soon
 * @sc: the CPU that has too few workers on standby
 *
 * Context: any but NMI; does not sleep.
 */
void scopex_refill_pool(struct scopex_cpu *sc)
{
	if (scopex_may_have_more(sc) || READ_ONCE(sc->left_by))
		queue_work(scopex_pool_wq, &sc->more);
}

/**
 * scopex_reserve() - make sure that there is a worker to hand over to
 * @w: the worker that may have to sleep
 *
 * A wait for a scope is safe if some worker of the CPU is going to serve the queue without
 * such a wait before. This is the active worker, or the worker that the active one has
 * reserved. If the queue is unserved, it is the worker that left the queue: it completes
 * its item, and then takes the queue over itself, unless another worker was faster. So as
 * long as a queue is unserved, no item of the CPU may open a scope that depends on the
 * queue.
 *
 * Context: the worker's thread, or scopex_relieve() while the thread sleeps.
 *
 * Return: true if @w may wait: another worker serves the queue, or one is reserved.
 */
bool scopex_reserve(struct scopex_worker *w)
{
	struct scopex_cpu *sc = w->sc;

	if (!w->active)
		return !READ_ONCE(sc->left_by);
	if (w->reserved)
		return true;
	/* The worker stays in the list, where scopex_appoint() finds it. */
	w->reserved = atomic_dec_if_positive(&sc->spare) >= 0;
	if (atomic_read(&sc->spare) < scopex_config.standby)
		scopex_refill_pool(sc);
	return w->reserved;
}

/**
 * scopex_unreserve() - give the reserved worker back
 * @w: the current task's worker, which does not need another worker any more
 */
void scopex_unreserve(struct scopex_worker *w)
{
	if (!w->reserved)
		return;
	w->reserved = false;
	atomic_inc(&w->sc->spare);
}

/*
 * Make a worker on standby the active one. @from was the active one before, and @rest is
 * the rest of its batch. Only one caller at a time takes from the list: the active worker,
 * or the task that has taken the unserved queue.
 */
static void scopex_appoint(struct scopex_cpu *sc, struct scopex_worker *from,
			   struct llist_node *rest)
{
	struct scopex_worker *next = container_of(llist_del_first(&sc->standby),
						  struct scopex_worker, standby);

	next->rest = rest;
	WRITE_ONCE(sc->active, next);
	trace_scopex_hand_off(sc->cpu, from->task->pid, next->task->pid);
	scopex_inject(SCOPEX_INJECT_HAND_OVER);
	/*
	 * Release: the new active worker sees @rest, and parks after the store to
	 * sc->active, so a submitter wakes the right worker; pairs with scopex_stand_by(); see
	 * handover-wake.litmus and handover-standby.litmus.
	 */
	smp_store_release(&next->active, true);
	/*
	 * Full barrier in wake_up_process(): the store comes before the look at the task
	 * state, so no wake-up is lost; pairs with set_current_state() in
	 * scopex_stand_by(); see handover-standby.litmus.
	 */
	wake_up_process(next->task);
}

/* If the queue is unserved, and a worker is on standby, let that worker take it over. */
static void scopex_take_over(struct scopex_cpu *sc)
{
	struct scopex_worker *from;

	while (unlikely(READ_ONCE(sc->left_by)) &&
	       atomic_dec_if_positive(&sc->spare) >= 0) {
		scopex_inject(SCOPEX_INJECT_TAKE_OVER);
		/*
		 * One task gets the unserved queue, and no other task takes from the list
		 * then.
		 *
		 * Acquire: see the rest of the batch; pairs with scopex_leave_queue(); see
		 * leave-take-over.litmus.
		 */
		from = xchg_acquire(&sc->left_by, NULL);
		if (from) {
			scopex_appoint(sc, from, sc->left_rest);
			return;
		}
		scopex_inject(SCOPEX_INJECT_TAKEN);
		atomic_inc(&sc->spare);
		/*
		 * Full barrier: increment the count, then look again for an unserved queue:
		 * its worker may have found a count of zero; pairs with
		 * scopex_leave_queue(); see leave-undo.litmus.
		 */
		smp_mb__after_atomic();
	}
}

/*
 * Leave the queue unserved, with the rest of the batch, for the next worker on standby.
 * After the store to @left_by, @w does not touch the queue: it completes its item, and goes
 * on standby. So the next worker may be @w itself; see leave-own.litmus.
 */
static void scopex_leave_queue(struct scopex_worker *w)
{
	struct scopex_cpu *sc = w->sc;

	scopex_inject(SCOPEX_INJECT_UNHANDED);
	sc->left_rest = scopex_batch_leave(w);
	WRITE_ONCE(w->active, false);
	local_inc(&w->count[SCOPEX_UNHANDED]);
	/* Only one worker at a time gets here, so the counter needs no atomic operation. */
	WRITE_ONCE(sc->times_left, sc->times_left + 1);
	/*
	 * Release: the next worker sees the rest of the batch; pairs with
	 * scopex_take_over(); see leave-take-over.litmus.
	 */
	smp_store_release(&sc->left_by, w);
	scopex_inject(SCOPEX_INJECT_LEFT);
	/*
	 * Full barrier: leave the queue, then look for a worker on standby; pairs with
	 * scopex_worker_idle(); see leave-idle.litmus.
	 */
	smp_mb();
	scopex_refill_pool(sc);
	scopex_take_over(sc);
}

/**
 * scopex_hand_over() - give the queue to another worker
 * @w: a worker that is about to sleep in its item
 *
 * Another worker serves the queue at once, or as soon as one is on standby. A second call
 * in the same item does nothing. @w goes on with its item.
 *
 * Context: the worker's thread, or scopex_relieve() while the thread sleeps. Does not
 * sleep.
 */
void scopex_hand_over(struct scopex_worker *w)
{
	struct llist_node *rest;

	if (!w->active)
		return;
	local_inc(&w->count[SCOPEX_HANDOFFS]);
	if (!scopex_reserve(w)) {
		scopex_leave_queue(w);
		return;
	}
	w->reserved = false;
	rest = scopex_batch_leave(w);
	WRITE_ONCE(w->active, false);
	scopex_appoint(w->sc, w, rest);
}

/**
 * scopex_will_block() - say that the current item is going to sleep
 *
 * An item calls this before it takes a contended mutex, allocates memory with reclaim or
 * does I/O. From then on, until it is completed, it does not hold up the other items of its
 * CPU, however long it sleeps: another worker runs them. A wait for a scope does this by
 * itself.
 *
 * If no worker is on standby, scopex creates one, which serves the queue as soon as it runs
 * (see the module's parameters "standby" and "workers"; the counter "unhanded" says how
 * often this happened). If all workers that are allowed are in items that wait, the queue
 * is not served until one of these items is completed, and the kernel log names them.
 * Outside of an item this call does nothing.
 *
 * Context: process context; does not sleep itself. The first call in an item costs two
 * context switches, as any sleep does. A further call costs nothing.
 */
void scopex_will_block(void)
{
	struct scopex_worker *w = scopex_this_worker();

	if (w)
		scopex_hand_over(w);
}
EXPORT_SYMBOL_GPL(scopex_will_block);

/**
 * scopex_worker_idle() - put a worker on standby
 * @w: a worker that has nothing to do
 *
 * Context: its thread, or the one that created it.
 */
void scopex_worker_idle(struct scopex_worker *w)
{
	struct scopex_cpu *sc = w->sc;

	/* List, then count: a task that decrements the count finds a worker in the list. */
	llist_add(&w->standby, &sc->standby);
	atomic_inc(&sc->spare);
	/*
	 * Full barrier: count the worker, then look for an unserved queue; pairs with
	 * scopex_leave_queue(); see leave-idle.litmus.
	 */
	smp_mb__after_atomic();
	scopex_take_over(sc);
}

/**
 * scopex_worker_exits() - replace a worker whose thread is ended by its item
 * @w: the current task's worker
 *
 * Another worker gets the queue, as if the item slept for ever. The bound allows one more
 * worker from then on. The pool is asked for it, as the queue may be unserved.
 *
 * Context: process context, of a task that exits; does not sleep.
 */
void scopex_worker_exits(struct scopex_worker *w)
{
	atomic_inc(&w->sc->dead);
	scopex_refill_pool(w->sc);
	scopex_hand_over(w);
}

static bool scopex_stand_by_is_over(const struct scopex_worker *w)
{
	/*
	 * Acquire: see the rest of the batch; pairs with scopex_appoint(); see
	 * handover-standby.litmus.
	 */
	return smp_load_acquire(&w->active) || kthread_should_stop();
}

/* Sleep until this worker is given the queue, or its thread has to stop. */
void scopex_stand_by(struct scopex_worker *w)
{
	/*
	 * Set the task state, then look at @active; pairs with wake_up_process() in
	 * scopex_appoint(); see handover-standby.litmus.
	 */
	scopex_sleep_until(set_current_state(TASK_IDLE), scopex_stand_by_is_over(w));
}
