// SPDX-License-Identifier: GPL-2.0
/* An item whose function has not returned 0: it has failed, runs again, or waits */

#include <linux/bug.h>
#include <linux/err.h>

#include <trace/events/scopex.h>

#include "batch.h"
#include "cancel.h"
#include "cpu.h"
#include "end_item.h"
#include "hand_over.h"
#include "inject.h"
#include "item.h"
#include "misuse.h"
#include "option.h"
#include "select.h"
#include "shared.h"
#include "state.h"
#include "task.h"
#include "text.h"
#include "thief.h"
#include "thread.h"
#include "wake.h"
#include "waker.h"

/* The CPU where a task will go on: this one, or another one while this one is offline. */
static struct scopex_cpu *scopex_home(struct scopex_worker *w)
{
	struct scopex_cpu *sc = w->sc;

	return likely(READ_ONCE(sc->open)) ? sc : scopex_choose_cpu() ?: sc;
}

/*
 * An item was run, and keeps its reference, as it is not completed: so the end of the run has to
 * give one less back. But the worker may still need the scope: so it takes another reference, if
 * nothing else of the run holds one.
 *
 * In the slow path, scopex_run_counted() gives a reference back for it in any case.
 */
static void scopex_keep_reference(struct scopex_worker *w, struct scopex_scope *scope, u64 state)
{
	if (state & (SCOPEX_CANCELLED | SCOPEX_OPTIONS) ||
	    local_read(&w->count[SCOPEX_RUN]) - w->run_from == 1)
		scopex_get(scope);
	else
		w->run_from++;
}

/*
 * The function of an item has returned SCOPEX_AGAIN, and no option has a say. Returns true if the
 * worker has added the item to its batch. The item keeps its reference there, and so the scope.
 */
static __always_inline bool scopex_add_again(struct scopex_worker *w, struct scopex_scope *scope,
					     struct scopex_work *work, bool stealable)
{
	if (!scopex_is_task(work)) {
		if (stealable)
			return false;
		scopex_keep_item(work, scope);
	}
	if (!scopex_batch_add(w, &work->node))
		return false;
	w->run_from++;
	if (trace_scopex_submit_enabled())
		trace_scopex_submit(scope, work, w->sc->cpu);
	return true;
}

/*
 * The function of a task has returned SCOPEX_PENDING. Returns false if the task was woken since:
 * then it has to be queued. Else the caller must not touch it any more.
 */
static bool scopex_let_wait(struct scopex_worker *w, struct scopex_scope *scope,
			    struct scopex_work *work, u64 state)
{
	scopex_keep_reference(w, scope, state);
	if (!scopex_task_suspend(scope, scopex_work_to_task(work), scopex_home(w)))
		return false;
	/*
	 * The owner of a serial scope is going to wait for the task, and the task perhaps for an
	 * item in the queue of the CPU.
	 */
	if (unlikely(state & scopex_hooks.wake))
		scopex_hand_over(w);
	scopex_inject(SCOPEX_INJECT_AGAIN);
	return true;
}

/*
 * The function of an item has returned @err: SCOPEX_PENDING, if it is a task, which waits then; or
 * SCOPEX_AGAIN, and the item is queued again. It stays busy. From the push on, and once the
 * task waits, another worker may run the item and complete it: the caller must not touch it any
 * more.
 */
static void scopex_run_again(struct scopex_worker *w, struct scopex_scope *scope,
			     struct scopex_work *work, int err, u64 state, bool stealable)
{
	if (!scopex_is_task(work))
		scopex_keep_item(work, scope);
	else
		/* A task that has begun stays where it is. */
		stealable = false;
	if (err == SCOPEX_PENDING && scopex_let_wait(w, scope, work, state))
		return;

	if (err == SCOPEX_AGAIN)
		scopex_keep_reference(w, scope, state);
	trace_scopex_submit(scope, work, w->sc->cpu);
	if (state & scopex_hooks.again)
		scopex_option_again(scope, work, state);
	else if (!stealable)
		scopex_push(w->sc, work, work);
	/* If the worker has nothing else to run, it takes the item next, or tells others. */
	else if (scopex_any_push(&w->sc->any, &work->node, &work->node) &&
		 (!w->active || READ_ONCE(w->sc->shared)))
		scopex_tell(w->sc);
	scopex_inject(SCOPEX_INJECT_AGAIN);
}

/* The function of an item has returned an error: complete the item, and tell its scope. */
static noinline void scopex_complete_failed(struct scopex_worker *w,
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
	scopex_complete_item(work, err);
}

/**
 * scopex_end_item() - a function of an item has returned something else than 0
 * @w: the worker that has called it
 * @scope: the scope of the item
 * @work: the item
 * @err: what its function has returned
 * @stealable: the item was taken from the stealable ones
 *
 * Context: the worker's thread.
 *
 * Return: true if the item is completed; false if it waits, or is queued again: then the caller
 * must not touch it any more.
 */
bool scopex_end_item(struct scopex_worker *w, struct scopex_scope *scope,
		     struct scopex_work *work, int err, bool stealable)
{
	u64 state;

	if (err == SCOPEX_AGAIN && likely(!scopex_is_slow(scope)) &&
	    likely(scopex_add_again(w, scope, work, stealable)))
		return false;

	state = atomic64_read(&scope->state);
	/* An item can't run again if its scope ends together with it. */
	if ((err == SCOPEX_AGAIN || (err == SCOPEX_PENDING && scopex_is_task(work))) &&
	    !(state & scopex_hooks.release)) {
		scopex_run_again(w, scope, work, err, state, stealable);
		return false;
	}
	scopex_complete_failed(w, scope, work, err);
	return true;
}
