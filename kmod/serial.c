// SPDX-License-Identifier: GPL-2.0
/*
 * Serial scopes: the owner runs the items on its own stack
 *
 * Theory of operation
 *
 * When. Only a scope that is opened in an item can be serial. It is if no other worker can
 * be reserved to serve the queue while the owner waits: all workers that the bound allows
 * are taken, none can be created, or the opener must not wait for memory, which a new worker
 * needs. See nested.c.
 *
 * Why. The items of the scope could be queued behind the very item that waits for them, and
 * no other worker might ever run them. So a submitter pushes the items of a serial scope on
 * the queue of the scope ("own"), and not on that of a CPU. The owner runs them when it
 * waits for the scope. This wait depends on nothing but the owner.
 *
 * How. The items run one after the other, on the stack of the owner, which is a worker. A
 * submit that names the CPU of another worker is refused with -EUSERS, rather than
 * misplaced. Serial scopes in items of serial scopes take more and more stack, so nested.c
 * refuses a scope if little stack is left.
 *
 * The owner runs the queue empty, sets its task state, looks at the queue once more, and
 * sleeps only if the queue is still empty. A submitter that finds the queue empty wakes the
 * owner.
 */

#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/kthread.h>
#include <linux/llist.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "array.h"
#include "current.h"
#include "hand_over.h"
#include "inject.h"
#include "option.h"
#include "options.h"
#include "queue.h"
#include "state.h"
#include "thread.h"
#include "worker.h"

/* Push items on the queue of a serial scope. Its owner may run them at once. */
static void scopex_serial_push(struct scopex_scope *scope, struct scopex_work *newest,
			       struct scopex_work *oldest)
{
	/* The owner may have closed the scope after the push. It is a worker, which stays. */
	struct task_struct *owner = scope->owner;

	/*
	 * A full barrier, in wake_up_process(), orders the push before the look at the owner's
	 * task state; pairs with set_current_state() in scopex_set_waiting(); see
	 * park-wake.litmus.
	 */
	if (scopex_queue_push(&scope->own, &newest->node, &oldest->node))
		wake_up_process(owner);
}

/* The owner of a serial scope, before it sleeps, runs the items that are in the queue. */
static void scopex_serial_run(struct scopex_worker *w, struct scopex_scope *scope)
{
	struct scopex_current before;
	struct llist_node *first;
	unsigned long nr = 0;

	first = scopex_queue_reverse(scopex_queue_take(&scope->own, SCOPEX_PARKED), &nr);
	if (!first)
		return;

	/* The statistics count the items as a batch from the queue of this CPU. */
	local_add(nr, &w->count[SCOPEX_TAKEN]);
	local_inc(&w->count[SCOPEX_BATCHES]);
	scopex_save_current(w, &before);
	scopex_run_own_batch(w, first);
	scopex_restore_current(w, &before);
}

/* Queue items of a serial scope. Refuse them if they are meant for another CPU than the owner's. */
static int scopex_serial_enqueue(struct scopex_scope *scope, struct scopex_cpu *sc,
				 struct scopex_work *first, unsigned int nr, size_t stride,
				 enum scopex_where where)
{
	const struct scopex_worker *w = kthread_data(scope->owner);
	struct scopex_chain chain;

	/* The owner runs the items where it is, also if its own CPU is offline. */
	if (w->sc != sc && (where == SCOPEX_NAMED ||
			    (where == SCOPEX_LOCAL && current != scope->owner)))
		return -EUSERS;
	chain = scopex_array_chain(first, nr, stride);
	scopex_trace_array(scope, sc, first, nr, stride);
	scopex_serial_push(scope, chain.newest, chain.oldest);
	return 0;
}

/*
 * The owner runs an item that returned SCOPEX_AGAIN once more, after those in the queue. The
 * item may wait for an item in the queue of the CPU, where it would go behind that one in
 * another scope. So this is a wait: the owner hands the queue of the CPU over.
 */
static void scopex_serial_again(struct scopex_scope *scope, struct scopex_work *work)
{
	scopex_hand_over(kthread_data(scope->owner));
	scopex_serial_push(scope, work, work);
}

/* The owner waits for the task, so it runs it where it sleeps. */
static void scopex_serial_wake(struct scopex_scope *scope, struct scopex_work *work)
{
	scopex_serial_push(scope, work, work);
}

static void scopex_serial_poll(struct scopex_worker *w, struct scopex_scope *scope)
{
	scopex_serial_run(w, scope);
	scopex_inject(SCOPEX_INJECT_SERIAL_RUN);
	/* The owner does not sleep at all if these were the last items. */
	cond_resched_tasks_rcu_qs();
}

/*
 * Returns true if the owner may sleep. It has set its task state before: a submitter that
 * came earlier has woken a task that was awake.
 */
static bool scopex_serial_idle(struct scopex_scope *scope)
{
	return scopex_queue_end(READ_ONCE(scope->own));
}

const struct scopex_option scopex_serial_option = {
	.flag = SCOPEX_SERIAL,
	.enqueue = scopex_serial_enqueue,
	.again = scopex_serial_again,
	.wake = scopex_serial_wake,
	.poll = scopex_serial_poll,
	.idle = scopex_serial_idle,
};
