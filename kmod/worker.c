// SPDX-License-Identifier: GPL-2.0
/*
 * Workers: take, run, park, hand over
 *
 * Theory of operation
 *
 * Each CPU's queue is served by one thread, its active worker. It takes all that
 * is queued at once, turns the chain round (it comes newest first) and runs it
 * item by item. When nothing is left it parks the queue (see queue.h) and sleeps;
 * the submitter that finds the queue parked wakes it.
 *
 * A batch is cut into runs: neighbours that belong to the same scope. Items of a
 * run are given back one by one, but their references on the scope are dropped
 * together at the end of the run, which is what makes an item cheap. Nobody
 * waits longer for it: the scope can't drain before the last item of the run
 * anyway. At a change of scope the old scope's references go first, so no scope
 * waits for an item of another one longer than its place in the queue tells.
 *
 * An item belongs to the worker from the take to the store-release of its
 * result. All that is needed later (the next item, the scope) is read before;
 * from then on the owner may reuse or free it.
 *
 * With the parameter "spin_us", a worker that has run out of items looks at its queue for
 * a while before it parks it, and is not woken for what comes meanwhile. It gives way
 * to whoever wants the CPU. An owner does likewise: see scopex_spin_for_items().
 *
 * The statistics of an item are written before its reference is dropped, so
 * whoever joined a scope finds its items in them.
 *
 * Blocking. An item may wait: for a scope that it opened, whose items may be
 * queued behind it on this very CPU, or for anything else. So a worker that is
 * about to block gives the queue, with the rest of its batch, to another worker of
 * the CPU that stands by for that. It goes on when it is woken, next to the new
 * active worker, ends its item, and stands by itself. No item ever runs on the
 * stack of another one that waits.
 *
 *	active		serves the queue; there is exactly one
 *	blocked		gave the queue away, has an item to end
 *	standby		in scopex_cpu.standby, has nothing
 *
 * Workers on standby are made ahead, in process context, by a work of the
 * kernel's: up to "standby" that are free, up to "workers" in all. More items than
 * that may block at about the same time. So a request to hand over is never lost: a
 * worker that finds none on standby leaves its queue behind as an orphan, with the
 * rest of the batch. The next worker that stands by takes it over: one that the pool
 * makes on demand, up to its bound, or one whose item ends. The kernel log names
 * who holds the workers when the bound keeps an orphan waiting.
 *
 * For a wait for a scope to be safe, a worker has to be there for sure: opening a
 * scope in an item reserves one (scopex_cpu.spare counts those that are not
 * reserved). If there is none, the opener waits for the pool to grow. Only at the
 * bound, if no worker can be made, or if the opener must not wait for memory, the
 * scope is serial: its items are not queued on any CPU but with the scope, and its
 * owner runs them when it waits for them. Then its wait depends on nothing but
 * itself. That takes stack: see scopex_open_nested().
 *
 * An item may sleep without having said so. The watchdog sees that, and hands its
 * queue over in its stead: see scopex_relieve(). That is done on the worker's own CPU,
 * where a worker that sleeps can't wake up meanwhile; so the worker itself needs no
 * atomic operation to know whether it still has the queue.
 *
 * Ordering:
 *
 *   H	The release in scopex_appoint() pairs with the acquire of the one that
 *	gets the queue (scopex_stand_by, scopex_worker_main): it sees the rest of
 *	the batch, and all that the former one did as the active worker. That the next
 *	one to wake a parked queue's worker wakes the right one takes another pair, in
 *	scopex_queue_park() and scopex_wake(); see handover-wake.litmus.
 *   D	A worker that leaves an orphan, as none is on standby, says so, then looks
 *	again; one that comes to stand by is counted, then looks for an orphan. Full
 *	barriers in between: one of the two finds the other; see leave-idle.litmus.
 *	A worker that took a count and gives it back looks again, too; see
 *	leave-undo.litmus.
 */

#include <linux/bug.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include <trace/events/scopex.h>

#include "cancel.h"
#include "config.h"
#include "context.h"
#include "cpu.h"
#include "hand_over.h"
#include "inject.h"
#include "item.h"
#include "lockdep.h"
#include "misuse.h"
#include "option.h"
#include "queue.h"
#include "ref.h"
#include "resched.h"
#include "text.h"
#include "worker.h"

/* An item failed. Return the error that it is to be known by. */
static noinline int scopex_item_failed(struct scopex_worker *w,
				       struct scopex_scope *scope,
				       struct scopex_work *work, int err)
{
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
	return err;
}

static noinline int scopex_item_cancelled(struct scopex_worker *w,
					  struct scopex_scope *scope,
					  struct scopex_work *work)
{
	trace_scopex_item_cancelled(scope, work, -ECANCELED);
	local_inc(&w->count[SCOPEX_CANCELLED_ITEMS]);
	scopex_set_error(scope, -ECANCELED);
	return -ECANCELED;
}

/*
 * Apart, so that the events cost little while they are off; the result goes through the
 * latter, so that it needs no register of its own meanwhile.
 */
static noinline void scopex_trace_start(struct scopex_scope *scope,
					struct scopex_work *work)
{
	trace_scopex_run_start(scope, work, 0);
}

static noinline int scopex_trace_end(struct scopex_scope *scope,
				     struct scopex_work *work, int err)
{
	trace_scopex_run_end(scope, work, err);
	return err;
}

/* Call the function of an item. Return its result. */
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
	if (unlikely(err))
		err = scopex_item_failed(w, scope, work, err);
	return err;
}

/* An item of a scope with options, or a cancelled one: it ends, and who cares is told. */
static void scopex_end_slow(struct scopex_worker *w, struct scopex_scope *scope,
			       struct scopex_work *work, u64 state)
{
	int err = state & SCOPEX_CANCELLED ? scopex_item_cancelled(w, scope, work) :
					     scopex_call(w, scope, work);

	scopex_complete_item(work, err);
	/* The scope is kept by the reference that is dropped later. */
	if (state & scopex_hooks.done)
		scopex_option_done(scope, work, state);
}

/*
 * An item that an option lets begin, and those that the option has kept and lets begin after
 * it. They count as run by this worker, which may have handed over.
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
 * The scope of no item: of a batch before its first one, and of an item that was
 * initialised again while it was queued. It sends such an item the slow way.
 */
static struct scopex_scope scopex_no_scope = {
	.state = ATOMIC64_INIT(SCOPEX_CLOSED | SCOPEX_CANCELLED),
};

/*
 * An item that is cancelled, or of a scope with options. Return how many
 * references on the scope are to be dropped, as so many items are out; if none, the item
 * and the scope may be gone.
 */
static noinline unsigned int
scopex_run_slow(struct scopex_worker *w, struct scopex_scope *scope,
		   struct scopex_work *work, u64 state)
{
	if (unlikely(scope == &scopex_no_scope))
		return 0;
	/* What does not run asks no option. */
	if (state & scopex_hooks.begin && !(state & SCOPEX_CANCELLED))
		return scopex_run_begun(w, scope, work, state);

	scopex_end_slow(w, scope, work, state);
	if (!(state & scopex_hooks.release))
		return 1;
	scopex_option_release(w, scope, state);
	return 0;
}

/**
 * scopex_run_item() - run one item
 * @w: the worker
 * @scope: the item's scope
 * @work: the item
 *
 * Context: the worker, which holds the item's reference on the scope.
 */
void scopex_run_item(struct scopex_worker *w, struct scopex_scope *scope,
		     struct scopex_work *work)
{
	u64 state = atomic64_read(&scope->state);

	if (likely(!(state & SCOPEX_SLOW)))
		scopex_complete_item(work, scopex_call(w, scope, work));
	else
		scopex_run_slow(w, scope, work, state);
}

static noinline struct scopex_scope *
scopex_skip_item(struct scopex_worker *w, struct scopex_work *work)
{
	scopex_misuse("item %ps was initialised again while it was queued on CPU %u: it is skipped, and its scope can't end",
		      work->fn, w->sc->cpu);
	return &scopex_no_scope;
}

/*
 * The items that follow are of another scope, or the first ones. Return it. In this
 * order: the site may go with the scope that is left.
 */
static noinline struct scopex_scope *
scopex_change_scope(struct scopex_worker *w, struct scopex_work *work,
		    struct scopex_scope *done, unsigned int nr)
{
	struct scopex_scope *scope = READ_ONCE(work->scope);

	if (unlikely(scopex_is_marked(scope))) {
		/* RCU-tasks waits for this, also where a batch is long. */
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
 * Run the batch. If an item hands the queue over, the rest of the batch goes with
 * it, and this worker's part ends with that item.
 */
static void scopex_run_batch(struct scopex_worker *w)
{
	struct llist_node *node = READ_ONCE(w->rest);
	struct scopex_scope *scope = &scopex_no_scope;
	unsigned int nr = 0;

	do {
		struct scopex_work *work = scopex_node_to_work(node);
		u64 state;

		/* In this order: scopex_relieve() marks the item that is the rest. */
		WRITE_ONCE(w->rest, node->next);
		if (READ_ONCE(work->scope) != scope) {
			scope = scopex_change_scope(w, work, scope, nr);
			nr = 0;
		}
		state = atomic64_read(&scope->state);
		if (likely(!(state & SCOPEX_SLOW))) {
			scopex_complete_item(work, scopex_call(w, scope, work));
			nr++;
		} else {
			unsigned int out = scopex_run_slow(w, scope, work, state);

			nr += out;
			if (!out) {
				/*
				 * It may be gone, with the module that has its site, and
				 * another scope may be where it was.
				 */
				scopex_clear_current(w);
				scopex_inject(SCOPEX_INJECT_NOT_COMPLETED);
				if (nr)
					scopex_put_items(scope, nr);
				scope = &scopex_no_scope;
				nr = 0;
			}
		}
		/* need_resched() would take a register for the task, cond_resched() a call. */
		if (unlikely(should_resched(0)))
			cond_resched();
		node = READ_ONCE(w->rest);
	} while (node);

	scopex_clear_current(w);
	if (likely(nr))
		scopex_put_items(scope, nr);
}

/* Take what is queued. */
static void scopex_take_batch(struct scopex_worker *w)
{
	struct scopex_cpu *sc = w->sc;
	struct llist_node *newest;
	unsigned long nr = 0;

	spin_lock(&sc->take_lock);
	newest = scopex_queue_take(&sc->queue);
	WRITE_ONCE(sc->takes, sc->takes + 1);
	spin_unlock(&sc->take_lock);

	/* Not under the lock: this takes a time for each item. */
	WRITE_ONCE(w->rest, scopex_queue_reverse(newest, &nr));
	local_add(nr, &w->count[SCOPEX_TAKEN]);
	if (nr > READ_ONCE(sc->depth_max))
		WRITE_ONCE(sc->depth_max, nr);
	/* Release N: pairs with scopex_wait_for_take(); see take-count.litmus. */
	smp_store_release(&sc->takes, sc->takes + 1);
	local_inc(&w->count[SCOPEX_BATCHES]);
}

/**
 * scopex_serve() - run all that is queued on a CPU
 * @w: its active worker
 *
 * Returns when the queue is empty, or given to another worker.
 *
 * Context: the worker's thread, or anyone once it is gone.
 */
void scopex_serve(struct scopex_worker *w)
{
	while (w->active && (w->rest || READ_ONCE(w->sc->queue))) {
		if (!w->rest)
			scopex_take_batch(w);
		scopex_run_batch(w);
		/* RCU-tasks waits for this, also where a queue is never empty. */
		cond_resched_tasks_rcu_qs();
	}
}

/* Look for work, or a loop to help with, before sleeping. */
static noinline void scopex_spin_for_work(struct scopex_cpu *sc)
{
	WRITE_ONCE(sc->spinning, true);
	scopex_spin_while(!READ_ONCE(sc->queue) && !READ_ONCE(sc->offer));
	WRITE_ONCE(sc->spinning, false);
}

/* Sleep until there is work, or a loop to help with, or the thread has to stop. */
static void scopex_park(struct scopex_worker *w)
{
	struct scopex_cpu *sc = w->sc;
	bool slept = false;

	if (!scopex_queue_park(&sc->queue))
		return;
	scopex_inject(SCOPEX_INJECT_PARK);

	for (;;) {
		/*
		 * P: pairs with wake_up_process() in scopex_wake(); see
		 * park-wake.litmus; and in scopex_ask().
		 */
		set_current_state(TASK_IDLE);
		if (READ_ONCE(sc->queue) != SCOPEX_PARKED) {
			if (slept) {
				local_inc(&w->count[SCOPEX_WAKEUPS]);
				trace_scopex_wake(sc->cpu);
			}
			break;
		}
		if (READ_ONCE(sc->offer) || kthread_should_stop()) {
			/* If a push was faster, it is found in the queue. */
			scopex_queue_unpark(&sc->queue);
			break;
		}
		local_inc(&w->count[SCOPEX_SLEEPS]);
		trace_scopex_park(sc->cpu);
		slept = true;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

/* Help with what the CPU was offered, if it was not taken back. */
static noinline void scopex_take_offer(struct scopex_worker *w)
{
	/* Acquire L: pairs with scopex_ask(); see offer-take.litmus. */
	struct scopex_offer *offer = xchg_acquire(&w->sc->offer, NULL);

	if (offer)
		offer->help(w, offer);
}

/**
 * scopex_worker_main() - what a worker does from its start to its end
 * @w: the worker
 *
 * Context: the worker's thread. Returns when the thread has to stop, and nothing is left
 * to do.
 */
void scopex_worker_main(struct scopex_worker *w)
{
	do {
		/* Acquire H: it may have become so since it was enlisted; as in scopex_stand_by(). */
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
