// SPDX-License-Identifier: GPL-2.0
/*
 * Workers: take the queue, run the batch, park
 *
 * Theory of operation
 *
 * One thread serves the queue of a CPU: the active worker. It takes all queued items at
 * once, reverses the chain, which comes newest first, and runs the items one by one. When
 * no item is left, it parks the queue (see queue.h) and sleeps. The submitter that finds
 * the queue parked wakes it.
 *
 * A batch is cut into runs: neighbours that belong to the same scope. The worker completes
 * each item by itself, but gives the references of a run back in one step, at the end of
 * the run. This makes an item cheap, and no owner waits longer for it: a scope can't drain
 * before the last item of the run anyway. The worker gives the references of one scope back
 * before it runs an item of the next one, so no owner waits for items that were queued
 * after its own.
 *
 * An item belongs to the worker from the take to the store of its result, or until the
 * worker queues it again. The worker reads all that it needs later (the next item, the
 * scope) before that. From then on the caller may reuse or free the item.
 *
 * With the parameter "spin_us", a worker without items looks at its queue for a while
 * before it parks, so a submitter need not wake it. It gives way to any other task that
 * wants the CPU. An owner spins in the same way: see scopex_spin_for_items().
 *
 * The worker counts an item before it gives the reference back. So a caller that has joined
 * a scope finds its items in the statistics.
 *
 * In each item the worker may lose its queue, with the rest of the batch: the item hands
 * over (see hand_over.c), or relief does it for the item (see relief.c). So the worker
 * reads its fields `active` and `rest` again after each item. A worker that has lost its
 * queue goes on standby, and takes the queue over if it is unserved; see leave-idle.litmus
 * and leave-undo.litmus. After a hand-over a submitter wakes the right worker; see
 * handover-wake.litmus.
 */

#include <linux/bug.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include <trace/events/scopex.h>

#include "cancel.h"
#include "config.h"
#include "context.h"
#include "cpu.h"
#include "current.h"
#include "hand_over.h"
#include "inject.h"
#include "item.h"
#include "lockdep.h"
#include "mark.h"
#include "misuse.h"
#include "option.h"
#include "queue.h"
#include "ref.h"
#include "resched.h"
#include "sleep.h"
#include "state.h"
#include "text.h"
#include "thread.h"
#include "wake.h"
#include "worker.h"

/*
 * Queue an item again, whose function has returned SCOPEX_AGAIN. It stays busy. The caller
 * gives a reference back, so it takes another one here. From the push on, another worker may
 * run the item and complete it: the caller must not touch it any more.
 */
static void scopex_run_again(struct scopex_worker *w, struct scopex_scope *scope,
			     struct scopex_work *work, u64 state)
{
	trace_scopex_submit(scope, work, w->sc->cpu);
	scopex_get(scope);
	scopex_keep_item(work, scope);
	if (state & scopex_hooks.again)
		scopex_option_again(scope, work, state);
	else
		scopex_push(w->sc, work, work);
	scopex_inject(SCOPEX_INJECT_AGAIN);
}

/*
 * The function of an item has returned @err, which is not 0: complete the item and tell its
 * scope, or queue it again. Returns false if it is queued again: then the caller must not
 * touch it any more.
 */
static noinline bool scopex_complete_failed(struct scopex_worker *w,
					    struct scopex_scope *scope,
					    struct scopex_work *work, int err)
{
	u64 state = atomic64_read(&scope->state);

	/* An item can't run again if its scope ends together with it. */
	if (err == SCOPEX_AGAIN && !(state & scopex_hooks.release)) {
		scopex_run_again(w, scope, work, state);
		return false;
	}
	if (!IS_ERR_VALUE((long)err)) {
		scopex_misuse("item %ps of scope %s returned %d, which is no errno",
			      __scopex_work_fn(scope, work),
			      scopex_name(scope->site->name), err);
		err = -EINVAL;
	} else if (scopex_means_no_result(err)) {
		scopex_misuse("item %ps of scope %s returned %d, which stands for an item without a result",
			      __scopex_work_fn(scope, work), scopex_name(scope->site->name), err);
		err = -EINVAL;
	}
	local_inc(&w->count[SCOPEX_ERRORS]);
	scopex_fail(scope, err);
	scopex_complete_item(work, err);
	return true;
}

/* Complete an item that is cancelled, without a call of its function. */
static void scopex_complete_cancelled(struct scopex_worker *w, struct scopex_scope *scope,
				      struct scopex_work *work)
{
	trace_scopex_item_cancelled(scope, work, -ECANCELED);
	local_inc(&w->count[SCOPEX_CANCELLED_ITEMS]);
	scopex_set_error(scope, -ECANCELED);
	scopex_complete_item(work, -ECANCELED);
}

/*
 * Out of line, so that the events cost little while they are off. The result goes through
 * scopex_trace_end(), so it needs no register of its own during the call.
 */
static noinline void scopex_trace_start(struct scopex_scope *scope,
					struct scopex_work *work)
{
	trace_scopex_run_start(scope, work, 0);
}

static noinline int scopex_trace_end(struct scopex_scope *scope,
				     struct scopex_work *work, int err)
{
	trace_scopex_run_end(scope, work, err == SCOPEX_AGAIN ? 0 : err);
	return err;
}

/* Call the function of an item. Return what it returned. */
static __always_inline int scopex_call(struct scopex_worker *w,
				       struct scopex_scope *scope,
				       struct scopex_work *work)
{
	scopex_fn_t fn = work->fn;
	struct scopex_context before;
	int err;

	WRITE_ONCE(w->fn, (void *)fn);
	if (trace_scopex_run_start_enabled())
		scopex_trace_start(scope, work);
	if (SCOPEX_CHECK_ITEMS)
		scopex_context_save(&before);
	scopex_lockdep_acquire(scope);
	err = fn(work);
	scopex_lockdep_release(scope);
	if (trace_scopex_run_end_enabled())
		err = scopex_trace_end(scope, work, err);
	local_inc(&w->count[SCOPEX_RUN]);
	if (SCOPEX_CHECK_ITEMS)
		scopex_context_check(w, scope->site, __scopex_work_fn(scope, work),
				     &before);
	return err;
}

/* Run an item and complete it. Returns false if it is queued again instead. */
static __always_inline bool scopex_run_item(struct scopex_worker *w, struct scopex_scope *scope,
					    struct scopex_work *work)
{
	int err = scopex_call(w, scope, work);

	if (unlikely(err))
		return scopex_complete_failed(w, scope, work, err);
	scopex_complete_item(work, 0);
	return true;
}

/* Complete an item that is cancelled, or whose scope has options, and tell the options. */
static void scopex_end_slow(struct scopex_worker *w, struct scopex_scope *scope,
			    struct scopex_work *work, u64 state)
{
	if (state & SCOPEX_CANCELLED)
		scopex_complete_cancelled(w, scope, work);
	else if (!scopex_run_item(w, scope, work))
		return;
	/* The worker still holds the item's reference, so the scope stays. */
	if (state & scopex_hooks.done)
		scopex_option_done(scope, work, state);
}

/*
 * Run an item that an option lets begin, and then the items that the option has kept and
 * lets begin after it. They count as run by this worker, which may have handed over. Return
 * how many items were completed.
 */
static unsigned int
scopex_run_begun(struct scopex_worker *w, struct scopex_scope *scope,
		 struct scopex_work *work, u64 state)
{
	unsigned long tick = jiffies;
	unsigned int nr = 0;

	if (!scopex_option_begin(w, scope, work, state))
		return 0;
	do {
		scopex_end_slow(w, scope, work, atomic64_read(&scope->state));
		nr++;
		scopex_cond_resched(&tick);
		work = scopex_option_next(w, scope, state);
	} while (work);
	return nr;
}

/*
 * Stands for the scope before the first item of a batch, and for the scope of an item that
 * was initialised again while it was queued. It sends such an item to the slow path.
 */
static struct scopex_scope scopex_no_scope = {
	.state = ATOMIC64_INIT(SCOPEX_CLOSED | SCOPEX_CANCELLED),
};

/*
 * Run an item that is cancelled, or whose scope has options. Return how many items were
 * completed, and so how many references the caller has to give back. If it is 0, the item
 * and the scope may be freed already.
 */
static noinline unsigned int
scopex_run_slow(struct scopex_worker *w, struct scopex_scope *scope,
		struct scopex_work *work)
{
	u64 state = atomic64_read(&scope->state);

	if (unlikely(scope == &scopex_no_scope))
		return 0;
	/* A cancelled item does not run, so no option has to let it begin. */
	if (state & scopex_hooks.begin && !(state & SCOPEX_CANCELLED))
		return scopex_run_begun(w, scope, work, state);

	scopex_end_slow(w, scope, work, state);
	if (!(state & scopex_hooks.release))
		return 1;
	scopex_option_release(w, scope, state);
	return 0;
}

static noinline struct scopex_scope *
scopex_skip_item(struct scopex_worker *w, struct scopex_work *work)
{
	scopex_misuse("item %ps was initialised again while it was queued on CPU %u: it is skipped, and its scope can't end",
		      work->fn, w->sc->cpu);
	return &scopex_no_scope;
}

/*
 * The next item is of another scope, or is the first one of the batch. Return its scope.
 * Show the new scope, then give the references of @done back, as the site may go with
 * @done.
 */
static noinline struct scopex_scope *
scopex_change_scope(struct scopex_worker *w, struct scopex_work *work,
		    struct scopex_scope *done, unsigned int nr)
{
	struct scopex_scope *scope = READ_ONCE(work->scope);

	if (unlikely(scopex_is_marked(scope))) {
		/* RCU-tasks waits for this thread, also if the batch is long. */
		cond_resched_tasks_rcu_qs();
		scope = scopex_unmarked(scope);
		WRITE_ONCE(work->scope, scope);
	}
	if (unlikely(!scope))
		scope = scopex_skip_item(w, work);
	scopex_set_current(w, scope);
	if (likely(nr))
		scopex_put_items(done, nr);
	return scope;
}

/*
 * Run the items of a batch, and step @rest on. If @rest is that of the worker, an item may
 * hand over: then the rest of the batch goes with the queue, and this worker stops after
 * that item. A batch of a serial scope is the owner's own (@own): it stays here, and relief
 * does not see it to mark an item, so the owner itself looks when to report to RCU-tasks.
 */
static __always_inline void scopex_run_batch(struct scopex_worker *w,
					     struct llist_node **rest, bool own)
{
	struct llist_node *node = READ_ONCE(*rest);
	struct scopex_scope *scope = &scopex_no_scope;
	unsigned long tick = own ? jiffies : 0;
	unsigned int nr = 0;

	do {
		struct scopex_work *work = scopex_node_to_work(node);

		/*
		 * Step on, then look at the scope: scopex_relieve() marks the item that
		 * @rest points to, and must not mark this one after the look.
		 */
		WRITE_ONCE(*rest, node->next);
		if (READ_ONCE(work->scope) != scope) {
			scope = scopex_change_scope(w, work, scope, nr);
			nr = 0;
		}
		if (likely(!scopex_is_slow(scope))) {
			scopex_run_item(w, scope, work);
			nr++;
		} else {
			unsigned int out = scopex_run_slow(w, scope, work);

			nr += out;
			if (!out) {
				/*
				 * The scope may be freed, with the module that has its
				 * site. Another scope may be at its place then, so do not
				 * compare with it.
				 */
				scopex_clear_current(w);
				scopex_inject(SCOPEX_INJECT_NOT_COMPLETED);
				if (nr)
					scopex_put_items(scope, nr);
				scope = &scopex_no_scope;
				nr = 0;
			}
		}
		if (own)
			scopex_cond_resched(&tick);
		else if (unlikely(scopex_need_resched()))
			cond_resched();
		node = READ_ONCE(*rest);
	} while (node);

	scopex_clear_current(w);
	if (likely(nr))
		scopex_put_items(scope, nr);
}

/**
 * scopex_run_own_batch() - run the items that the owner of a serial scope has taken
 * @w: the owner
 * @first: the first item's node; the chain ends in NULL
 *
 * Context: the owner, which waits for the scope or for an item of it; sleeps.
 */
void scopex_run_own_batch(struct scopex_worker *w, struct llist_node *first)
{
	scopex_run_batch(w, &first, true);
}

/* Take all that is queued, as the next batch. */
static void scopex_take_batch(struct scopex_worker *w)
{
	struct scopex_cpu *sc = w->sc;
	struct llist_node *newest;
	unsigned long nr = 0;

	spin_lock(&sc->take_lock);
	newest = scopex_queue_take(&sc->queue, NULL);
	WRITE_ONCE(sc->takes, sc->takes + 1);
	spin_unlock(&sc->take_lock);

	/* Not under the lock, as this takes time for each item. */
	WRITE_ONCE(w->rest, scopex_queue_reverse(newest, &nr));
	local_add(nr, &w->count[SCOPEX_TAKEN]);
	if (nr > READ_ONCE(sc->depth_max))
		WRITE_ONCE(sc->depth_max, nr);
	/*
	 * Release: a reader that finds @takes even sees the counts; pairs with
	 * scopex_wait_for_take(); see take-count.litmus.
	 */
	smp_store_release(&sc->takes, sc->takes + 1);
	local_inc(&w->count[SCOPEX_BATCHES]);
}

/**
 * scopex_serve() - run all items that are queued on a CPU
 * @w: its active worker
 *
 * Returns when the queue is empty, or was handed over.
 *
 * Context: the worker's thread, or any task after the end of that thread.
 */
void scopex_serve(struct scopex_worker *w)
{
	while (w->active && (w->rest || READ_ONCE(w->sc->queue))) {
		if (!w->rest)
			scopex_take_batch(w);
		scopex_run_batch(w, &w->rest, false);
		/* RCU-tasks waits for this thread, also if the queue is never empty. */
		cond_resched_tasks_rcu_qs();
	}
}

/* Spin until there is an item, or a loop to help with, or the time is up. */
static noinline void scopex_spin_for_work(struct scopex_cpu *sc)
{
	WRITE_ONCE(sc->spinning, true);
	scopex_spin_for(READ_ONCE(sc->queue) || READ_ONCE(sc->offer));
	/*
	 * From now on an offer wakes the worker, too. A full barrier, in scopex_park(), orders
	 * this before the last look at the offer; pairs with scopex_offer(); see
	 * offer-spin.litmus.
	 */
	WRITE_ONCE(sc->spinning, false);
}

/*
 * Returns true if a parked worker has to be awake: for an item, for a loop to help with, or
 * because the thread has to stop. The worker has set its task state before.
 */
static bool scopex_park_is_over(struct scopex_worker *w, bool *slept)
{
	struct scopex_cpu *sc = w->sc;

	if (READ_ONCE(sc->queue) != SCOPEX_PARKED) {
		if (*slept) {
			local_inc(&w->count[SCOPEX_WAKEUPS]);
			trace_scopex_wake(sc->cpu);
		}
		return true;
	}
	if (READ_ONCE(sc->offer) || kthread_should_stop()) {
		/* If a push was faster, the worker finds the item in the queue. */
		scopex_queue_unpark(&sc->queue);
		return true;
	}
	local_inc(&w->count[SCOPEX_SLEEPS]);
	trace_scopex_park(sc->cpu);
	*slept = true;
	return false;
}

/* Park the queue, and sleep. */
static void scopex_park(struct scopex_worker *w)
{
	bool slept = false;

	if (!scopex_queue_park(&w->sc->queue))
		return;
	scopex_inject(SCOPEX_INJECT_PARK);
	/*
	 * Set the task state, then look at the queue and the offer; pairs with
	 * wake_up_process() in scopex_wake(), see park-wake.litmus, and in scopex_offer(). The
	 * same barrier orders the end of the spin before that look; see offer-spin.litmus.
	 */
	scopex_sleep_until(set_current_state(TASK_IDLE), scopex_park_is_over(w, &slept));
}

/* Help with the loop that was offered to the CPU, unless its caller took it back. */
static noinline void scopex_take_offer(struct scopex_worker *w)
{
	/*
	 * Acquire: see the loop, and its reference; pairs with scopex_offer(); see
	 * offer-take.litmus.
	 */
	struct scopex_offer *offer = xchg_acquire(&w->sc->offer, NULL);

	if (offer)
		offer->help(w, offer);
}

/**
 * scopex_worker_main() - the main function of a worker
 * @w: the worker
 *
 * Context: the worker's thread. Returns when the thread has to stop, and nothing is left
 * to do.
 */
void scopex_worker_main(struct scopex_worker *w)
{
	do {
		/*
		 * Acquire: see the rest of the batch; pairs with scopex_appoint(), as in
		 * scopex_stand_by(); see handover-standby.litmus.
		 */
		if (!smp_load_acquire(&w->active))
			scopex_stand_by(w);
		scopex_serve(w);
		if (w->active && READ_ONCE(w->sc->offer))
			scopex_take_offer(w);
		if (w->active && scopex_config.spin_us)
			scopex_spin_for_work(w->sc);
		if (w->active)
			scopex_park(w);
		else if (!kthread_should_stop())
			scopex_worker_idle(w);
	} while (!kthread_should_stop() ||
		 (w->active && READ_ONCE(w->sc->queue)));
}
