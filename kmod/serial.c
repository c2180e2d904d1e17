// SPDX-License-Identifier: GPL-2.0
/* Scopes whose items run on the stack of their owner */

#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/llist.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "cpu.h"
#include "inject.h"
#include "item.h"
#include "queue.h"
#include "ref.h"
#include "resched.h"
#include "serial.h"
#include "state.h"
#include "worker.h"

/* Leave items to the owner of a serial scope, who may run them at once. */
void scopex_push_own(struct scopex_scope *scope, struct scopex_work *newest,
		     struct scopex_work *oldest)
{
	struct task_struct *owner;

	/* For the owner's task_struct, as in scopex_put_items(). */
	rcu_read_lock();
	owner = scope->owner;
	/*
	 * Release Q: by llist_add_batch(); pairs with llist_del_all() in
	 * scopex_run_own(); see push-take.litmus.
	 */
	if (llist_add_batch(&newest->node, &oldest->node, &scope->own))
		wake_up_process(owner);
	rcu_read_unlock();
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

		next = node->next;
		scopex_run_item(w, scope, work);
		scopex_breathe(&tick);
	}
	scopex_enter_at(w, outer, outer_site);
	WRITE_ONCE(w->fn, outer_fn);
	scopex_put_items(scope, nr);
}

/* A serial scope: what is left to be waited for is who just submits an item. */
u64 scopex_drain_serial(struct scopex_scope *scope, struct scopex_worker *w)
{
	u64 state;

	/* For a walk, which may hold the last reference, and for submits that are refused. */
	atomic64_or(SCOPEX_WAITING, &scope->state);
	for (;;) {
		scopex_run_own(w, scope);
		scopex_inject(SCOPEX_INJECT_OWN_RUN);
		cond_resched_tasks_rcu_qs();
		set_current_state(TASK_UNINTERRUPTIBLE);
		/* Acquire A: as below, though the items were this task's. */
		state = atomic64_read_acquire(&scope->state);
		if (scopex_drained(state))
			break;
		/* One that came before the state was set has woken nobody. */
		if (llist_empty(&scope->own))
			schedule();
		__set_current_state(TASK_RUNNING);
	}
	__set_current_state(TASK_RUNNING);
	return state;
}
