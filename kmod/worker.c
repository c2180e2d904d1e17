// SPDX-License-Identifier: GPL-2.0
/*
 * Workers: take the queue, run the batch
 *
 * Theory of operation
 *
 * One thread serves the queue of a CPU: the active worker. It takes all queued items at
 * once, reverses the chain, which comes newest first, and runs the items one by one. When
 * no item is left, it parks the queue and sleeps: see park.c.
 *
 * Between two batches the worker runs the stealable items of its CPU, one by one, so that
 * others may take the rest at any time (see shared.h and steal.c). When its CPU has no item, it
 * looks for those of other CPUs.
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
 * The worker counts an item before it gives the reference back. So a caller that has joined
 * a scope finds its items in the statistics. By what that counter has grown in a run, the worker
 * knows how many references to give back. What does not fit is set off in
 * scopex_worker.run_from: an item that was completed without having run, in the slow path; one that
 * is not completed though it has run, which keeps its reference; and the items that the owner of a
 * serial scope runs within an item.
 *
 * In each item the worker may lose its queue, with the rest of the batch: the item hands
 * over (see hand_over.c), or relief does it for the item (see relief.c). So the worker
 * reads its fields `active` and `rest` again after each item. A worker that has lost its
 * queue goes on standby, and takes the queue over if it is unserved; see leave-idle.litmus
 * and leave-undo.litmus. After a hand-over a submitter wakes the right worker; see
 * handover-wake.litmus.
 */

#include <linux/bug.h>
#include <linux/compiler.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include <trace/events/scopex.h>

#include "batch.h"
#include "context.h"
#include "cpu.h"
#include "current.h"
#include "end_item.h"
#include "hand_over.h"
#include "inject.h"
#include "item.h"
#include "lockdep.h"
#include "mark.h"
#include "misuse.h"
#include "option.h"
#include "park.h"
#include "queue.h"
#include "ref.h"
#include "resched.h"
#include "shared.h"
#include "state.h"
#include "steal.h"
#include "task.h"
#include "thief.h"
#include "thread.h"
#include "worker.h"

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
	trace_scopex_run_end(scope, work, err == SCOPEX_AGAIN || err == SCOPEX_PENDING ? 0 : err);
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
					    struct scopex_work *work, bool stealable)
{
	int err = scopex_call(w, scope, work);

	if (unlikely(err))
		return scopex_end_item(w, scope, work, err, stealable);
	scopex_complete_item(work, 0);
	return true;
}

/* Complete an item that is cancelled, or whose scope has options, and tell the options. */
static void scopex_end_slow(struct scopex_worker *w, struct scopex_scope *scope,
			    struct scopex_work *work, u64 state, bool stealable)
{
	if (state & SCOPEX_CANCELLED && !scopex_task_has_begun(work))
		scopex_complete_cancelled(w, scope, work);
	else if (!scopex_run_item(w, scope, work, stealable))
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
		scopex_end_slow(w, scope, work, atomic64_read(&scope->state), false);
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
static unsigned int
scopex_run_slow(struct scopex_worker *w, struct scopex_scope *scope,
		struct scopex_work *work, bool stealable)
{
	u64 state = atomic64_read(&scope->state);

	if (unlikely(scope == &scopex_no_scope))
		return 0;
	/* A cancelled item does not begin, so no option has to let it; but a task goes on. */
	if (state & scopex_hooks.begin &&
	    (!(state & SCOPEX_CANCELLED) || scopex_task_has_begun(work)))
		return scopex_run_begun(w, scope, work, state);

	scopex_end_slow(w, scope, work, state, stealable);
	if (state & scopex_hooks.put)
		scopex_option_put(scope, state);
	else if (state & scopex_hooks.release)
		scopex_option_release(w, scope, state);
	else
		return 1;
	return 0;
}

static noinline struct scopex_scope *
scopex_skip_item(struct scopex_worker *w, struct scopex_work *work)
{
	scopex_misuse("item %ps was initialised again while it was queued on CPU %u: it is skipped, and its scope can't end",
		      work->fn, w->sc->cpu);
	return &scopex_no_scope;
}

/* A run is over: give the references of its completed items back. */
static __always_inline void scopex_end_run(struct scopex_worker *w, struct scopex_scope *scope)
{
	unsigned long run = local_read(&w->count[SCOPEX_RUN]);
	unsigned int nr = run - w->run_from;

	w->run_from = run;
	if (likely(nr))
		scopex_put_items(scope, nr);
}

/*
 * The next item is of another scope, or is the first one of the batch. Return its scope.
 * Show the new scope, then give the references of @done back, as the site may go with
 * @done.
 */
static noinline struct scopex_scope *
scopex_change_scope(struct scopex_worker *w, struct scopex_work *work,
		    struct scopex_scope *done)
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
	scopex_end_run(w, done);
	return scope;
}

/*
 * Run such an item, and count the references of those that were completed. Return the scope of
 * the run, which is over if none was.
 */
static noinline struct scopex_scope *
scopex_run_counted(struct scopex_worker *w, struct scopex_scope *scope, struct scopex_work *work,
		   bool stealable)
{
	unsigned long before = local_read(&w->count[SCOPEX_RUN]) - w->run_from;
	unsigned int completed = scopex_run_slow(w, scope, work, stealable);

	w->run_from = local_read(&w->count[SCOPEX_RUN]) - before - completed;
	if (completed)
		return scope;
	/*
	 * The scope may be freed, with the module that has its site. Another scope may be at its
	 * place then, so do not compare with it.
	 */
	scopex_clear_current(w);
	scopex_inject(SCOPEX_INJECT_NOT_COMPLETED);
	scopex_end_run(w, scope);
	return &scopex_no_scope;
}

/* Out of line, so that the usual case keeps its registers. */
static noinline void scopex_put_back(struct scopex_worker *w, struct llist_node *node)
{
	scopex_shared_put_back(&w->sc->shared, node);
}

/*
 * enum scopex_source - where the items of a batch come from
 * @SCOPEX_BATCH: the queue of the CPU. An item may hand over: then the rest of the batch goes
 *	with the queue, and this worker stops after that item.
 * @SCOPEX_OWN: a serial scope. The batch stays with the owner. Relief does not see it to mark
 *	an item, so the owner itself looks when to report to RCU-tasks.
 * @SCOPEX_SHARED: the stealable items of the CPU. After a hand-over they are the next worker's.
 */
enum scopex_source {
	SCOPEX_BATCH,
	SCOPEX_OWN,
	SCOPEX_SHARED,
};

/* Returns true if an item is of another scope than the last one, or has a mark. */
static __always_inline bool scopex_is_of_another(const struct scopex_work *work,
						 const struct scopex_scope *scope)
{
	/* The mark is set on this CPU: so only the compiler has to keep the order. */
	barrier();
	/* A plain read is a part of the comparison, as in scopex_is_slow(). */
	return data_race(work->scope) != scope;
}

/* Run items. @rest is the rest of the batch, without @node, and unused for SCOPEX_SHARED. */
static __always_inline void scopex_run_batch(struct scopex_worker *w, struct llist_node *node,
					     struct llist_node **rest,
					     enum scopex_source source)
{
	struct scopex_scope *scope = &scopex_no_scope;
	unsigned long tick = source == SCOPEX_OWN ? jiffies : 0;
	struct scopex_cpu *sc = w->sc;

	do {
		struct scopex_work *work = scopex_node_to_work(node);

		/*
		 * Step on, then look at the scope: scopex_relieve() marks the item that
		 * @rest points to, and must not mark this one after the look.
		 */
		if (source != SCOPEX_SHARED)
			WRITE_ONCE(*rest, node->next);
		if (scopex_is_of_another(work, scope))
			scope = scopex_change_scope(w, work, scope);
		if (likely(!scopex_is_slow(scope)))
			scopex_run_item(w, scope, work, source == SCOPEX_SHARED);
		else
			scope = scopex_run_counted(w, scope, work, source == SCOPEX_SHARED);
		if (source == SCOPEX_OWN)
			scopex_cond_resched(&tick);
		else if (unlikely(scopex_need_resched()))
			cond_resched();
		if (source == SCOPEX_SHARED && unlikely(!w->active))
			break;
		node = source == SCOPEX_SHARED ? scopex_shared_pop(&sc->shared) : READ_ONCE(*rest);
		if (source == SCOPEX_SHARED && unlikely(!scopex_shared_is_chain(node))) {
			scopex_put_back(w, node);
			break;
		}
	} while (source == SCOPEX_SHARED || node);

	/* Nobody looks at @rest from now on. */
	if (source == SCOPEX_BATCH)
		scopex_batch_end(w);
	scopex_clear_current(w);
	scopex_end_run(w, scope);
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
	unsigned long run = local_read(&w->count[SCOPEX_RUN]), from = w->run_from;

	w->run_from = run;
	scopex_run_batch(w, first, &first, SCOPEX_OWN);
	/* The owner goes on with an item of a run to which these items do not belong. */
	w->run_from = from + local_read(&w->count[SCOPEX_RUN]) - run;
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
	scopex_batch_begin(w, scopex_queue_reverse(newest, &nr), newest);
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

/* Run a stealable item that the worker has taken, and then those of the CPU, until none is left. */
static void scopex_run_shared(struct scopex_worker *w, struct llist_node *first)
{
	local_inc(&w->count[SCOPEX_BATCHES]);
	scopex_run_batch(w, first, NULL, SCOPEX_SHARED);
	/* RCU-tasks waits for this thread, also if there are always items to steal. */
	scopex_cond_resched(&w->tick);
}

/* Run what is queued on the CPU and can't be stolen. */
static void scopex_run_queue(struct scopex_worker *w)
{
	struct scopex_cpu *sc = w->sc;

	if (!w->rest)
		scopex_take_batch(w);
	/* The stealable items wait for this batch, which may take long. */
	if (scopex_look_at(sc) != SCOPEX_NOTHING)
		scopex_tell(sc);
	scopex_run_batch(w, w->rest, &w->rest, SCOPEX_BATCH);
	/* RCU-tasks waits for this thread, also if the queue is never empty. */
	scopex_cond_resched(&w->tick);
}

/**
 * scopex_serve() - run all items that are queued on a CPU
 * @w: its active worker
 *
 * Returns when nothing is queued, or the queue was handed over.
 *
 * Context: the worker's thread, or any task after the end of that thread.
 */
void scopex_serve(struct scopex_worker *w)
{
	struct scopex_cpu *sc = w->sc;
	struct llist_node *node;

	while (w->active) {
		if (w->rest || READ_ONCE(sc->queue))
			scopex_run_queue(w);
		if (!w->active)
			break;
		if (scopex_look_at(sc) != SCOPEX_NOTHING) {
			node = scopex_refill(w);
			if (node)
				scopex_run_shared(w, node);
		} else if (!READ_ONCE(sc->queue)) {
			break;
		}
	}
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
	struct llist_node *node;

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
		node = w->active ? scopex_idle(w) : NULL;
		if (node)
			scopex_run_shared(w, node);
		if (!w->active && !kthread_should_stop())
			scopex_worker_idle(w);
	} while ((w->active && READ_ONCE(w->sc->queue)) || !kthread_should_stop() ||
		 (w->active && scopex_look_at(w->sc) != SCOPEX_NOTHING));
}
