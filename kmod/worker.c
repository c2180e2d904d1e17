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
 * queue over in its stead: see scopex_tend(). That is done on the worker's own CPU,
 * where a worker that sleeps can't wake up meanwhile; so the worker itself needs no
 * atomic operation to know whether it still has the queue.
 *
 * Ordering:
 *
 *   H	The release in scopex_appoint() pairs with the acquire of the one that
 *	gets the queue (scopex_stand_by, scopex_worker_thread): it sees the rest of
 *	the batch, and all that the former one did as the active worker. That the next
 *	one to wake a parked queue's worker wakes the right one takes another pair, in
 *	scopex_queue_park() and scopex_wake(); see handover-wake.litmus.
 *   D	A worker that leaves an orphan, as none is on standby, says so, then looks
 *	again; one that comes to stand by is counted, then looks for an orphan. Full
 *	barriers in between: one of the two finds the other; see orphan-enlist.litmus.
 *	A worker that took a count and gives it back looks again, too; see
 *	orphan-undo.litmus.
 */

#include <linux/bug.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include <trace/events/scopex.h>

#include "compat/runnable.h"
#include "context.h"
#include "internal.h"
#include "track.h"

/*
 * Give an item back: the last access to it. What it wrote is visible to whoever
 * sees the result.
 */
static __always_inline void scopex_end_item(struct scopex_work *work, int status)
{
	scopex_untrack(work);
	/*
	 * Release C: pairs with the claim in scopex_submit_to(), see
	 * claim-reuse.litmus, and with scopex_work_busy() and
	 * scopex_work_result(), see item-out.litmus.
	 */
	smp_store_release(&work->status, status);
	scopex_inject(SCOPEX_INJECT_ITEM_OUT);
}

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
	scopex_dep_run(scope);
	err = fn(work);
	scopex_dep_ran(scope);
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
static void scopex_end_special(struct scopex_worker *w, struct scopex_scope *scope,
			       struct scopex_work *work, u64 state)
{
	int err = state & SCOPEX_CANCELLED ? scopex_item_cancelled(w, scope, work) :
					     scopex_call(w, scope, work);

	scopex_end_item(work, err);
	/* The scope is kept by the reference that is dropped later. */
	if (state & __SCOPEX_JOINABLE)
		scopex_wake_joiner(scope, work);
	if ((state & (SCOPEX_LIMITED | SCOPEX_SERIAL)) == SCOPEX_LIMITED)
		scopex_let_start(scope);
}

/*
 * An item of a scope with a limit for each CPU, and those that have waited for its
 * turn. They count as run by this worker, which may have handed over.
 */
static unsigned int
scopex_run_turns(struct scopex_worker *w, struct scopex_scope *scope,
		 struct scopex_work *work, u64 state)
{
	unsigned long tick = jiffies;
	unsigned int nr = 0;

	/* What does not run needs no turn. */
	if (state & SCOPEX_CANCELLED) {
		scopex_end_special(w, scope, work, state);
		return 1;
	}
	if (!scopex_take_turn(w, scope, work))
		return 0;
	do {
		scopex_end_special(w, scope, work, atomic64_read(&scope->state));
		nr++;
		scopex_breathe(&tick);
		work = scopex_pass_turn(w, scope);
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
 * An item that is cancelled, or of a scope with options, or detached. Return how many
 * references on the scope are to be dropped, as so many items are out; if none, the item
 * and the scope may be gone.
 */
static noinline unsigned int
scopex_run_special(struct scopex_worker *w, struct scopex_scope *scope,
		   struct scopex_work *work, u64 state)
{
	if (unlikely(scope == &scopex_no_scope))
		return 0;
	if ((state & (SCOPEX_CPU_LIMITED | SCOPEX_SERIAL)) == SCOPEX_CPU_LIMITED)
		return scopex_run_turns(w, scope, work, state);

	scopex_end_special(w, scope, work, state);
	if (!(state & SCOPEX_DETACHED))
		return 1;
	/* It is its own scope, and may be freed by this. */
	scopex_detached_end(w, scope);
	return 0;
}

#define SCOPEX_SPECIAL	(SCOPEX_CANCELLED | __SCOPEX_JOINABLE | SCOPEX_LIMITED |	\
			 SCOPEX_CPU_LIMITED | SCOPEX_DETACHED)

static noinline struct scopex_scope *
scopex_lost_item(struct scopex_worker *w, struct scopex_work *work)
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
		scope = scopex_lost_item(w, work);
	scopex_enter(w, scope);
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

		/* In this order: scopex_tend() marks the item that is the rest. */
		WRITE_ONCE(w->rest, node->next);
		if (READ_ONCE(work->scope) != scope) {
			scope = scopex_change_scope(w, work, scope, nr);
			nr = 0;
		}
		state = atomic64_read(&scope->state);
		if (likely(!(state & SCOPEX_SPECIAL))) {
			scopex_end_item(work, scopex_call(w, scope, work));
			nr++;
		} else {
			unsigned int out = scopex_run_special(w, scope, work, state);

			nr += out;
			if (!out) {
				/*
				 * It may be gone, with the module that has its site, and
				 * another scope may be where it was.
				 */
				scopex_leave(w);
				scopex_inject(SCOPEX_INJECT_NOT_OUT);
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

	scopex_leave(w);
	if (likely(nr))
		scopex_put_items(scope, nr);
}

/*
 * Turn a chain round: oldest first, ending in NULL. Three at a time, as the three that
 * are looked at, the one before, this, and the next, then keep their registers: four
 * instructions for each instead of seven.
 */
static struct llist_node *scopex_turn(struct llist_node *a, unsigned long *nr)
{
	struct llist_node *b, *c = NULL;

	for (;;) {
		if (scopex_queue_end(a))
			return c;
		b = a->next;
		a->next = c;
		if (scopex_queue_end(b)) {
			*nr += 1;
			return a;
		}
		c = b->next;
		b->next = a;
		if (scopex_queue_end(c)) {
			*nr += 2;
			return b;
		}
		a = c->next;
		c->next = b;
		*nr += 3;
	}
}

/* Take what is queued. */
static void scopex_take(struct scopex_worker *w)
{
	struct scopex_cpu *sc = w->sc;
	struct llist_node *newest;
	unsigned long nr = 0;

	spin_lock(&sc->take_lock);
	newest = scopex_queue_take(&sc->queue);
	WRITE_ONCE(sc->takes, sc->takes + 1);
	spin_unlock(&sc->take_lock);

	/* Not under the lock: this takes a time for each item. */
	WRITE_ONCE(w->rest, scopex_turn(newest, &nr));
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
			scopex_take(w);
		scopex_run_batch(w);
		/* RCU-tasks waits for this, also where a queue is never empty. */
		cond_resched_tasks_rcu_qs();
	}
}

/**
 * scopex_run_own() - run the items of a serial scope
 * @w: the worker that owns the scope, in an item
 * @scope: the scope
 *
 * Context: the worker's thread, about to wait for the scope.
 */
void scopex_run_own(struct scopex_worker *w, struct scopex_scope *scope)
{
	struct scopex_scope *outer = w->scope;
	struct scopex_site *outer_site = w->site;
	struct llist_node *node, *next;
	void *outer_fn = w->fn;
	unsigned long tick = jiffies;
	unsigned long nr = 0;

	node = scopex_turn(llist_del_all(&scope->own), &nr);
	if (!node)
		return;

	/* They count as taken from the queue of this CPU. */
	local_add(nr, &w->count[SCOPEX_TAKEN]);

	scopex_enter(w, scope);
	for (; node; node = next) {
		struct scopex_work *work = scopex_node_to_work(node);
		u64 state = atomic64_read(&scope->state);

		next = node->next;
		if (likely(!(state & SCOPEX_SPECIAL)))
			scopex_end_item(work, scopex_call(w, scope, work));
		else
			scopex_run_special(w, scope, work, state);
		scopex_breathe(&tick);
	}
	scopex_enter_at(w, outer, outer_site);
	WRITE_ONCE(w->fn, outer_fn);
	scopex_put_items(scope, nr);
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
 * Context: the worker's thread, or scopex_tend() while it sleeps.
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
		scopex_want_standby(sc);
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
static void scopex_adopt(struct scopex_cpu *sc)
{
	struct scopex_worker *from;

	while (unlikely(READ_ONCE(sc->orphan)) &&
	       atomic_dec_if_positive(&sc->spare) >= 0) {
		scopex_inject(SCOPEX_INJECT_ADOPT);
		/*
		 * The one that takes the orphan is the only one that takes from the
		 * list. Acquire D: pairs with scopex_leave_orphan(); see
		 * orphan-adopt.litmus.
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
		 * worker may have found none; pairs with scopex_leave_orphan(); see
		 * orphan-undo.litmus.
		 */
		smp_mb__after_atomic();
	}
}

/*
 * Leave the queue, with the rest of the batch, to the next worker that stands by. From
 * the store on, @w does not touch the queue: it ends its item, and stands by. So it may be
 * the next one itself; see orphan-own.litmus.
 */
static void scopex_leave_orphan(struct scopex_worker *w)
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
	 * Release D: pairs with scopex_adopt(), which has to see the rest of the batch;
	 * see orphan-adopt.litmus.
	 */
	smp_store_release(&sc->orphan, w);
	scopex_inject(SCOPEX_INJECT_ORPHAN);
	/*
	 * D: the orphan, then the look for a worker on standby; pairs with
	 * scopex_enlist(); see orphan-enlist.litmus.
	 */
	smp_mb();
	scopex_want_standby(sc);
	scopex_adopt(sc);
}

/**
 * scopex_hand_over() - give the queue to another worker
 * @w: a worker that is going to block
 *
 * Another worker serves the queue at once, or as soon as one stands by. Does nothing
 * if that was done before. The item goes on until it ends.
 *
 * Context: the worker's thread, or scopex_tend() while it sleeps. Does not sleep.
 */
void scopex_hand_over(struct scopex_worker *w)
{
	struct llist_node *rest = w->rest;

	if (!w->active)
		return;
	local_inc(&w->count[SCOPEX_HANDOFFS]);
	if (!scopex_reserve(w)) {
		scopex_leave_orphan(w);
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

/**
 * scopex_enlist() - have a worker stand by
 * @w: one that has nothing to do
 *
 * Context: its thread, or the one that made it.
 */
void scopex_enlist(struct scopex_worker *w)
{
	struct scopex_cpu *sc = w->sc;

	/* First in the list, then counted: a worker that counts on it finds it. */
	llist_add(&w->standby, &sc->standby);
	atomic_inc(&sc->spare);
	/*
	 * D: it is counted before the look for an orphan; pairs with
	 * scopex_leave_orphan(); see orphan-enlist.litmus.
	 */
	smp_mb__after_atomic();
	scopex_adopt(sc);
}

/**
 * scopex_bury() - an item ends the thread of its worker
 * @w: the current task's worker
 *
 * What is queued goes to another one, as if the item slept for ever. One more worker
 * may be made than there were, and is, as the queue may be an orphan that waits for it.
 *
 * Context: process context, of a task that exits; does not sleep.
 */
void scopex_bury(struct scopex_worker *w)
{
	atomic_inc(&w->sc->dead);
	scopex_want_standby(w->sc);
	scopex_hand_over(w);
}

/*
 * Does a worker sleep, so that it can't run before this CPU is let go? The caller has
 * disabled preemption and holds the hotplug lock. An item may have moved its worker to
 * another CPU, where it could wake up at any time. A worker that fell asleep elsewhere, and
 * was bound to this CPU since, wakes up here; but not where it is still on a run queue
 * there, see compat/runnable.h.
 */
static bool scopex_sleeps_here(const struct scopex_worker *w)
{
	const struct task_struct *task = w->task;
	unsigned int cpu = smp_processor_id();

	return task->nr_cpus_allowed == 1 && cpumask_test_cpu(cpu, task->cpus_ptr) &&
	       !scopex_task_is_runnable(task) &&
	       (task_cpu(task) == cpu || !READ_ONCE(task->on_rq));
}

/**
 * scopex_tend() - do for the active worker of a CPU what it can't do itself
 * @sc: the CPU
 *
 * If it sleeps in an item, and something waits in its queue, another worker gets the
 * queue. If it is in the middle of a long batch, it is made to report a quiescent state
 * to RCU-tasks after its item: see scopex_change_scope().
 *
 * Why this is safe: a worker sleeps only in an item (then it has a site), just before or
 * after one, for a turn on the CPU (likewise), when it has nothing to run (then it has
 * none), or on a lock of PREEMPT_RT's (then either). In an item it touches neither @rest nor
 * the queue before the item's function has returned, nor does it when it wants a turn; it
 * finds then what it would have found after scopex_will_block().
 *
 * Context: process context on the CPU, or where its workers are while it is offline, with
 * preemption disabled and the hotplug lock held.
 */
void scopex_tend(struct scopex_cpu *sc)
{
	/* Not a look for it in the list, which is long if many items wait. */
	struct scopex_worker *w = kthread_data(READ_ONCE(sc->active));
	struct llist_node *rest;

	/* The one that has left an orphan, or is being appointed, has nothing to give. */
	if (!READ_ONCE(w->active) || !READ_ONCE(w->site))
		return;

	rest = READ_ONCE(w->rest);
	if (scopex_sleeps_here(w)) {
		if (rest || !scopex_queue_end(READ_ONCE(sc->queue))) {
			local_inc(&w->count[SCOPEX_RELIEVED]);
			scopex_hand_over(w);
		}
	} else if (rest && task_cpu(w->task) == smp_processor_id() &&
		   w->task->nr_cpus_allowed == 1) {
		scopex_mark_work(scopex_node_to_work(rest));
	}
}

/* Wait until the queue is given to this worker, or the thread has to stop. */
static void scopex_stand_by(struct scopex_worker *w)
{
	for (;;) {
		/*
		 * H: pairs with wake_up_process() in scopex_appoint(); see
		 * handover-standby.litmus.
		 */
		set_current_state(TASK_IDLE);
		/* Acquire H: pairs with scopex_appoint(). */
		if (smp_load_acquire(&w->active) || kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

/**
 * scopex_worker_thread() - a thread that serves the queue of a CPU, or stands by
 * @data: the &struct scopex_worker
 *
 * Return: 0, when it was stopped and has nothing left to do.
 */
int scopex_worker_thread(void *data)
{
	struct scopex_worker *w = data;

	complete(&w->started);
	do {
		/* Acquire H: it may have become so since it was enlisted. */
		if (!smp_load_acquire(&w->active))
			scopex_stand_by(w);
		scopex_serve(w);
		if (w->active)
			scopex_help(w);
		if (w->active && scopex_config.spin_us)
			scopex_spin_for_work(w->sc);
		if (w->active)
			scopex_park(w);
		else if (!kthread_should_stop())
			scopex_enlist(w);
	} while (!kthread_should_stop() ||
		 (w->active && READ_ONCE(w->sc->queue)));

	return 0;
}
