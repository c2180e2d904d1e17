// SPDX-License-Identifier: GPL-2.0
/* Scopes whose items run on the stack of their owner */

#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/llist.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "array.h"
#include "cpu.h"
#include "inject.h"
#include "item.h"
#include "option.h"
#include "options.h"
#include "queue.h"
#include "ref.h"
#include "resched.h"
#include "state.h"
#include "worker.h"

/* Leave items to the owner of a serial scope, who may run them at once. */
static void scopex_serial_push(struct scopex_scope *scope, struct scopex_work *newest,
			    struct scopex_work *oldest)
{
	struct task_struct *owner;

	/* For the owner's task_struct, as in scopex_put_items(). */
	rcu_read_lock();
	owner = scope->owner;
	/*
	 * Release Q: by llist_add_batch(); pairs with llist_del_all() in
	 * scopex_serial_run(); see push-take.litmus.
	 */
	if (llist_add_batch(&newest->node, &oldest->node, &scope->own))
		wake_up_process(owner);
	rcu_read_unlock();
}

/* The worker that owns a serial scope, and is about to wait for it, runs its items. */
static void scopex_serial_run(struct scopex_worker *w, struct scopex_scope *scope)
{
	struct scopex_scope *outer = w->scope;
	struct scopex_site *outer_site = w->site;
	struct llist_node *node, *next;
	void *outer_fn = w->fn;
	unsigned long tick = jiffies;
	unsigned long nr = 0;

	node = scopex_queue_reverse(llist_del_all(&scope->own), &nr);
	if (!node)
		return;

	/* They count as taken from the queue of this CPU. */
	local_add(nr, &w->count[SCOPEX_TAKEN]);

	scopex_set_current(w, scope);
	for (; node; node = next) {
		struct scopex_work *work = scopex_node_to_work(node);

		next = node->next;
		scopex_run_item(w, scope, work);
		scopex_cond_resched(&tick);
	}
	scopex_set_current_at(w, outer, outer_site);
	WRITE_ONCE(w->fn, outer_fn);
	scopex_put_items(scope, nr);
}

/* Items of a serial scope run on its owner's CPU, so a submit must not name another one. */
static int scopex_serial_enqueue(struct scopex_scope *scope, struct scopex_cpu *sc,
			      struct scopex_work *first, unsigned int nr, size_t stride,
			      enum scopex_where where)
{
	const struct scopex_worker *w = kthread_data(scope->owner);

	if (where == SCOPEX_NAMED && w->sc != sc)
		return -EUSERS;
	scopex_trace_array(scope, sc, first, nr, stride);
	scopex_serial_push(scope, scopex_array_item(first, nr - 1, stride), first);
	return 0;
}

/* The owner, which has just run the item, runs it again after those that wait. */
static void scopex_serial_again(struct scopex_scope *scope, struct scopex_work *work)
{
	scopex_serial_push(scope, work, work);
}

static void scopex_serial_poll(struct scopex_worker *w, struct scopex_scope *scope)
{
	scopex_serial_run(w, scope);
	scopex_inject(SCOPEX_INJECT_OWN_RUN);
	cond_resched_tasks_rcu_qs();
}

/* An item that came before the owner has set its state has woken nobody. */
static bool scopex_serial_idle(struct scopex_scope *scope)
{
	return llist_empty(&scope->own);
}

const struct scopex_option scopex_serial_option = {
	.flag = SCOPEX_SERIAL,
	.enqueue = scopex_serial_enqueue,
	.again = scopex_serial_again,
	.poll = scopex_serial_poll,
	.idle = scopex_serial_idle,
};
