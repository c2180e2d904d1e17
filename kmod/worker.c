// SPDX-License-Identifier: GPL-2.0
/*
 * Workers: take, run, park
 *
 * Theory of operation
 *
 * Each CPU's queue is served by one thread. It takes all that is queued at once,
 * turns the chain round (it comes newest first) and runs it item by item. When
 * nothing is left it parks the queue (see queue.h) and sleeps; the submitter
 * that finds the queue parked wakes it.
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
 * The statistics of an item are written before its reference is dropped, so
 * whoever joined a scope finds its items in them.
 */

#include <linux/bug.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "internal.h"

/*
 * Give an item back: the last access to it. What it wrote is visible to whoever
 * sees the result.
 */
static __always_inline void scopex_end_item(struct scopex_work *work, int status)
{
	/*
	 * Release C: pairs with the claim in scopex_submit_to(), see
	 * claim-reuse.litmus, and with scopex_work_busy() and
	 * scopex_work_result(), see item-out.litmus.
	 */
	smp_store_release(&work->status, status);
	scopex_inject(SCOPEX_INJECT_ITEM_OUT);
}

/* An item failed. Return the error that it is to be known by. */
static noinline int scopex_item_failed(struct scopex_cpu *sc,
				       struct scopex_scope *scope,
				       scopex_fn_t fn, int err)
{
	if (!IS_ERR_VALUE((long)err)) {
		scopex_misuse("item %ps of scope %s returned %d, which is no errno",
			      fn, scope->site->name, err);
		err = -EINVAL;
	}
	local_inc(&sc->errors);
	scopex_set_error(scope, err);
	return err;
}

static noinline int scopex_item_cancelled(struct scopex_cpu *sc,
					  struct scopex_scope *scope)
{
	local_inc(&sc->cancelled);
	scopex_set_error(scope, -ECANCELED);
	return -ECANCELED;
}

static __always_inline void scopex_run_item(struct scopex_cpu *sc,
					    struct scopex_scope *scope,
					    struct scopex_work *work)
{
	scopex_fn_t fn = work->fn;
	int err;

	if (unlikely(scopex_cancelled(scope))) {
		err = scopex_item_cancelled(sc, scope);
	} else {
		err = fn(work);
		local_inc(&sc->run);
		if (unlikely(err))
			err = scopex_item_failed(sc, scope, fn, err);
	}
	scopex_end_item(work, err);
}

/* Run a chain of at least one item, oldest first, that ends in NULL. */
static void scopex_run_batch(struct scopex_cpu *sc, struct llist_node *node)
{
	struct scopex_scope *scope = scopex_node_to_work(node)->scope;
	unsigned int nr = 0;

	do {
		struct scopex_work *work = scopex_node_to_work(node);

		node = node->next;
		if (work->scope != scope) {
			scopex_put_items(scope, nr);
			scope = work->scope;
			nr = 0;
		}
		scopex_run_item(sc, scope, work);
		nr++;
		/* Cheaper than an unconditional cond_resched() for each item. */
		if (unlikely(need_resched()))
			cond_resched();
	} while (node);

	scopex_put_items(scope, nr);
}

/* Take what is queued: a chain, oldest first, that ends in NULL. */
static struct llist_node *scopex_take(struct scopex_cpu *sc)
{
	struct llist_node *node, *next, *prev = NULL;
	unsigned long nr = 0;

	spin_lock(&sc->take_lock);
	for (node = scopex_queue_take(&sc->queue); !scopex_queue_end(node);
	     node = next) {
		next = node->next;
		node->next = prev;
		prev = node;
		nr++;
	}
	local_add(nr, &sc->taken);
	if (nr > sc->depth_max)
		sc->depth_max = nr;
	spin_unlock(&sc->take_lock);
	return prev;
}

/**
 * scopex_drain() - run all that is queued on a CPU
 * @sc: the CPU
 *
 * Context: the CPU's worker, or anyone once there is no worker any more.
 */
void scopex_drain(struct scopex_cpu *sc)
{
	while (READ_ONCE(sc->queue)) {
		local_inc(&sc->batches);
		scopex_run_batch(sc, scopex_take(sc));
		/* Tracers wait for this, also where a queue is never empty. */
		cond_resched_tasks_rcu_qs();
	}
}

/* Sleep until there is work or the thread has to stop. */
static void scopex_park(struct scopex_cpu *sc)
{
	bool slept = false;

	if (!scopex_queue_park(&sc->queue))
		return;
	scopex_inject(SCOPEX_INJECT_PARK);

	for (;;) {
		/*
		 * P: pairs with wake_up_process() in scopex_wake(); see
		 * park-wake.litmus.
		 */
		set_current_state(TASK_IDLE);
		if (READ_ONCE(sc->queue) != SCOPEX_PARKED) {
			if (slept)
				local_inc(&sc->wakeups);
			break;
		}
		if (kthread_should_stop()) {
			/* If a push was faster, it is found in the queue. */
			scopex_queue_unpark(&sc->queue);
			break;
		}
		local_inc(&sc->sleeps);
		slept = true;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

/**
 * scopex_worker() - the thread that serves the queue of a CPU
 * @data: the CPU, a &struct scopex_cpu
 *
 * Return: 0, when it was stopped and the queue is empty.
 */
int scopex_worker(void *data)
{
	struct scopex_cpu *sc = data;

	complete(&sc->started);
	do {
		scopex_drain(sc);
		scopex_park(sc);
	} while (!kthread_should_stop() || READ_ONCE(sc->queue));

	return 0;
}
