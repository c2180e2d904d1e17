// SPDX-License-Identifier: GPL-2.0
/*
 * Scopes: open, join, close, run
 *
 * Theory of operation
 *
 * A scope is an object on the stack of the task that opened it, its owner. One rule makes
 * that sound: the owner does not return before every accepted item is completed, and a worker
 * that completes the last item does not touch the scope afterwards. No error, signal or
 * cancellation shortens the wait. They only ask the items to hurry.
 *
 * Open. The owner fills in the scope and stores its word last. An object that is not on the
 * owner's stack, or that is opened in an interrupt, is refused. A scope with a deadline is
 * listed now, and any other one by its first submit; for a scope opened in an item see
 * nested.c.
 *
 * Join. The owner drains the scope, takes the first error, and ends the round. The scope stays
 * open: submits from interrupts may go on, and belong to this round or to the next one.
 *
 * Close. The owner stops the timer and drains. Then it replaces "one reference" by CLOSED in
 * one step. So a submit from elsewhere comes before that step, and the owner waits for it; or
 * it finds the scope closed. The timer needs no reference, as it is off before the close.
 *
 * Other files have the rest: the word of a scope and its steps (state.h), references and the
 * wake-up of the owner (ref.c), the wait (wait.c), the lists of open scopes (registry.c),
 * scopes in items (nested.c), cancellations (cancel.c), the timer (deadline.c).
 *
 * Ordering. A join clears CANCELLED, and then looks at the causes that last: the deadline, and
 * the parent. A canceller with such a cause first stores the cause (the timer says that the
 * time is over, another canceller marks the parent), and then sets CANCELLED, or finds it set.
 * Each side has a full barrier between its two steps. So the next round is cancelled, too; see
 * join-cancel.litmus, join-nested.litmus, join-skip.litmus.
 *
 * Access to the fields of a scope:
 *
 *	state		a holder of a reference, or a caller that knows the scope to be open;
 *			only the owner writes WAITING and CLOSED
 *	error		a holder of a reference: from 0 to an error, by cmpxchg; the owner: to
 *			0, by xchg
 *	owner, site,	the owner writes them before the scope is open; then they are constant.
 *	parent, flags	Of a detached item, the worker writes the owner before it calls the
 *			function, and clears __SCOPEX_HIDDEN
 *	since		written by the submitter, or the owner, that lists the scope
 *	node, children	under the lock of a bucket; see registry.c
 *	outer		the owner, which is a worker
 *	own		holders of a reference push, the owner takes
 *	exit		the owner, when it exits
 *	walk		the canceller that has set SCOPEX_WALK, then the timer; see cancel.c
 *	rounds		the owner
 *	rises, wait_*	the watchdog, once the scope is listed
 *	opened		the probes of scopex_open and scopex_close, which run in the owner
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/bug.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/kasan.h>
#include <linux/kernel.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>

#include <trace/events/scopex.h>

#include "cancel.h"
#include "current.h"
#include "deadline.h"
#include "inject.h"
#include "lockdep.h"
#include "misuse.h"
#include "nested.h"
#include "option.h"
#include "owner.h"
#include "registry.h"
#include "scope.h"
#include "state.h"
#include "text.h"
#include "wait.h"

/* Cancel the next round as well if the cause lasts. */
static void scopex_cancel_again(struct scopex_scope *scope)
{
	if (scope->flags & __SCOPEX_TIMED) {
		/*
		 * A full barrier between the clearing of the mark and the look at the
		 * deadline. The timer cancels only once. If the mark of the timer is the one
		 * that was cleared, the look finds that the time is over; pairs with
		 * scopex_cancel_tree(); see join-cancel.litmus.
		 */
		smp_mb__after_atomic();
		if (READ_ONCE(scopex_custom(scope)->expired))
			scopex_cancel_tree(scope, -ETIME);
	}
	scopex_inherit_cancel(scope);
}

/**
 * scopex_join() - wait until every item is completed
 * @scope: a scope that the current task opened
 *
 * All that the items wrote is then visible to the caller. The scope is open for another round
 * of items. It has no error, and is not cancelled, unless its deadline has passed or a scope
 * that it is nested in is cancelled. A second join is harmless. Submits from elsewhere, for
 * example an interrupt, need not stop during the join: it returns after a moment at which no
 * item was left, and later items belong to the next round. A cancellation from elsewhere at the
 * moment of the join may hit both rounds: this one with its reason, the next one without.
 *
 * The join drains: it does not wait for the items that were there when it was called, but
 * until no item is left. With a submitter that never stops it may never return; the watchdog
 * names such a wait in the kernel log (see the module's parameter "stall_ms"). To wait for the
 * items of one generation only, give each generation a scope of its own::
 *
 *	static int refresh(struct entry *entries, unsigned int nr)
 *	{
 *		int err = 0;
 *
 *		scopex_scope(generation) {
 *			for (unsigned int i = 0; i < nr; i++)
 *				err = scopex_submit(generation, &entries[i].work) ?: err;
 *			return scopex_join(generation) ?: err;
 *		}
 *	}
 *
 * A suspend of the system waits for this wait. The kernel freezes user tasks first, and a task
 * that waits here, as in any uninterruptible sleep, is frozen only after the wait. The workers
 * are not frozen, so the items go on, and usually end in time. If they take longer than
 * /sys/power/pm_freeze_timeout (20 s), the suspend fails. The wait can't be freezable: the
 * owner would be frozen with all that it holds. Another task may need that, a mutex for
 * example, to get to where it can be frozen, and so may an item, to be completed. A module
 * with long items cancels them from a notifier (register_pm_notifier(), at
 * PM_SUSPEND_PREPARE), which the kernel calls before it freezes anything.
 *
 * Context: process context of the owner; sleeps, uninterruptibly. The caller must not hold a
 * lock that an item needs.
 *
 * Return: the first error of an item since the scope was opened or joined, or the reason of a
 * cancellation, whichever came first; -ECANCELED if an item was cancelled before it ran and
 * none failed earlier; the error with which the scope was refused when it was opened; with a
 * warning, -EPERM if the caller is not the owner, -EDEADLK if the caller is an item of @scope
 * and would wait for itself (an item on the owner's stack, in a serial scope, or a detached
 * item), -ESHUTDOWN if the scope is closed, -EINVAL if @scope is no scope or a copy of one;
 * else 0.
 */
int scopex_join(struct scopex_scope *scope)
{
	int err = scopex_check_owner(scope, "joins", _RET_IP_);
	u64 state;

	if (err)
		return err;
	might_sleep();
	scopex_lockdep_flush(scope);

	state = scopex_drain_scope(scope);
	/* An item of the next round may run now, and may fail; see next-round.litmus. */
	if (READ_ONCE(scope->error))
		err = xchg_relaxed(&scope->error, 0);
	if (state & (SCOPEX_CANCELLED | SCOPEX_WAITING)) {
		scopex_inject(SCOPEX_INJECT_END_ROUND);
		while (!scopex_state_end_round(scope, &state))
			state = scopex_drain_scope(scope);
		scopex_cancel_again(scope);
	}
	return err;
}
EXPORT_SYMBOL_GPL(scopex_join);

static noinline void scopex_trace_open(struct scopex_scope *scope)
{
	trace_scopex_open(scope);
}

/*
 * Open a scope outside of items. The first submit lists it. A scope with a timer is listed
 * now: the timer must not outlive the scope, and exit.c finds only listed scopes.
 */
static __always_inline void scopex_open_first(struct scopex_scope *scope, u64 state)
{
	if (likely(!(scope->flags & __SCOPEX_TIMED))) {
		scopex_state_init(scope, state | SCOPEX_UNLISTED);
	} else {
		scopex_state_init(scope, state);
		scopex_register(scope);
	}
	if (trace_scopex_open_enabled())
		scopex_trace_open(scope);
}

static noinline void scopex_open_nowhere(struct scopex_scope *scope)
{
	scope->error = -EINVAL;
	scopex_state_init(scope, SCOPEX_REFUSED);
	scopex_misuse("scope %s of %s() %s", scopex_name(scope->site->name),
		      scopex_name(scope->site->func),
		      in_task() ? "is not on the stack of the task that opens it" :
				  "is opened in an interrupt, which can't wait");
}

/* The current task may be a worker. Out of line, so that the usual case keeps its registers. */
static noinline void scopex_open_on_worker(struct scopex_scope *scope, u64 state)
{
	struct scopex_worker *w = scopex_this_worker();

	if (unlikely(w))
		scopex_open_nested(scope, w, state);
	else
		scopex_open_first(scope, state);
}

/* Returns the same as object_is_on_stack(), with one comparison. */
static __always_inline bool scopex_is_on_this_stack(const struct scopex_scope *scope)
{
	return (unsigned long)kasan_reset_tag(scope) -
	       (unsigned long)task_stack_page(current) < THREAD_SIZE;
}

static __always_inline void scopex_open(struct scopex_scope *scope, struct scopex_site *site,
					unsigned int flags, u64 state)
{
	scopex_fill_scope(scope, site, flags);
	if (unlikely(!in_task() || !scopex_is_on_this_stack(scope)))
		return scopex_open_nowhere(scope);
	if (unlikely(scopex_may_be_worker()))
		return scopex_open_on_worker(scope, state);
	scopex_open_first(scope, state);
}

/**
 * scopex_open_parallel() - open a scope that is refused where it would be serial
 * @scope: the object, on the current task's stack; then either open or refused
 * @site: the place in the code
 *
 * Context: process context.
 */
void scopex_open_parallel(struct scopex_scope *scope, struct scopex_site *site)
{
	scopex_open(scope, site, SCOPEX_NOT_SERIAL, SCOPEX_OPEN | SCOPEX_ONE);
}

static noinline void scopex_trace_close(struct scopex_scope *scope)
{
	trace_scopex_close(scope);
}

/* Returns false if a submit or a walk was faster: the owner drains again. */
static bool scopex_close_drained(struct scopex_scope *scope, u64 state)
{
	if (!(state & SCOPEX_UNLISTED))
		return scopex_close_listed(scope, state);
	return scopex_state_close(scope, state);
}

static void scopex_close_refused(struct scopex_scope *scope)
{
	if (scope->flags & __SCOPEX_TIMED)
		scopex_stop_deadline(scopex_custom(scope));
	scopex_state_init(scope, SCOPEX_CLOSED);
}

/* Do what the options of the scope ask for before the last wait. */
static noinline void scopex_close_options(struct scopex_scope *scope)
{
	if (scope->flags & SCOPEX_CANCEL_ON_EXIT &&
	    !scopex_is_drained(atomic64_read(&scope->state)))
		scopex_cancel_tree(scope, 0);
	/*
	 * Drain before the timer is stopped, as the timer may shorten the wait. Stop it
	 * before the close, as it must not find a closed scope.
	 */
	if (scope->flags & __SCOPEX_TIMED) {
		scopex_drain_scope(scope);
		scopex_stop_deadline(scopex_custom(scope));
	}
}

static noinline void scopex_close_used(struct scopex_scope *scope, unsigned long caller)
{
	int err = scopex_check_owner(scope, "closes", caller);
	u64 state;

	if (unlikely(err)) {
		if (scopex_kind(scope, atomic64_read(&scope->state)) == SCOPEX_REFUSED)
			scopex_close_refused(scope);
		return;
	}

	might_sleep();
	scopex_lockdep_flush(scope);
	if (unlikely(scope->flags & (__SCOPEX_TIMED | SCOPEX_CANCEL_ON_EXIT)))
		scopex_close_options(scope);
	do {
		state = scopex_drain_scope(scope);
		scopex_inject(SCOPEX_INJECT_CLOSE);
	} while (!scopex_close_drained(scope, state));
	trace_scopex_close(scope);
	if (scope->flags & __SCOPEX_ON_WORKER)
		scopex_close_nested(scopex_this_worker(), scope);
}

static __always_inline void scopex_close(struct scopex_scope *scope,
					 unsigned long caller)
{
	u64 state = scopex_encode(scope, SCOPEX_OPEN | SCOPEX_UNLISTED | SCOPEX_ONE);

	/* A scope that is UNLISTED has no parent, no timer, and nothing to wait for. */
	if (SCOPEX_CHECK_WAITS || scope->owner != current ||
	    !scopex_state_close_unused(scope, state))
		return scopex_close_used(scope, caller);
	if (trace_scopex_close_enabled())
		scopex_trace_close(scope);
}

/**
 * __scopex_close() - drain and end a scope; for scopex_scope()
 * @scope: the scope, as it was given to __scopex_open()
 *
 * Context: process context of the owner; sleeps, uninterruptibly.
 */
void __scopex_close(struct scopex_scope *scope)
{
	scopex_close(scope, _RET_IP_);
}
EXPORT_SYMBOL_GPL(__scopex_close);

/**
 * scopex_abandon_scope() - take a scope without items out of its list, without closing it
 * @scope: a listed scope of the current task, whose stack is lost
 *
 * Context: any but NMI.
 *
 * Return: true, or false if the scope can't be taken out of its list.
 */
bool scopex_abandon_scope(struct scopex_scope *scope)
{
	if (!scopex_unregister_exiting(scope))
		return false;
	if (scope->flags & __SCOPEX_ON_WORKER)
		scopex_unlink_nested(scopex_this_worker(), scope);
	return true;
}

#define SCOPEX_USER_FLAGS	(SCOPEX_FAIL_FAST | SCOPEX_KILLABLE | SCOPEX_JOINABLE |	\
				 SCOPEX_NOT_SERIAL | SCOPEX_CANCEL_ON_EXIT)

/* Warn of flags that are not @known. Returns the others. */
static noinline unsigned int scopex_drop_flags(struct scopex_site *site,
					       unsigned int flags, unsigned int known)
{
	scopex_misuse("scope %s of %s() has unknown flags %#x",
		      scopex_name(site->name), scopex_name(site->func), flags & ~known);
	return flags & known;
}

static __always_inline void
scopex_open_with(struct scopex_custom_scope *custom, struct scopex_site *site,
		 unsigned int flags, u64 state, s64 timeout_us, ktime_t deadline)
{
	bool timed = timeout_us | deadline;

	custom->expired = false;
	if (timed) {
		flags |= __SCOPEX_TIMED;
		scopex_set_deadline(custom, timeout_us, deadline);
	}
	scopex_open(&custom->scope, site, flags, state);
	if (timed)
		scopex_start_deadline(custom);
}

/**
 * scopex_open_timed() - open a scope with a deadline and flags, and no other option
 * @custom: the object, on the current task's stack; then its scope is open or refused
 * @site: the place in the code
 * @flags: SCOPEX_FAIL_FAST, SCOPEX_KILLABLE
 * @timeout_us: as in &struct scopex_options
 * @deadline: as in &struct scopex_options
 *
 * Context: process context.
 */
void scopex_open_timed(struct scopex_custom_scope *custom, struct scopex_site *site,
		       unsigned int flags, s64 timeout_us, ktime_t deadline)
{
	if (unlikely(flags & ~(SCOPEX_FAIL_FAST | SCOPEX_KILLABLE)))
		flags = scopex_drop_flags(site, flags, SCOPEX_FAIL_FAST | SCOPEX_KILLABLE);
	scopex_open_with(custom, site, flags, SCOPEX_OPEN | SCOPEX_ONE, timeout_us,
			 deadline);
}

static noinline void scopex_open_custom(struct scopex_custom_scope *custom,
					struct scopex_site *site,
					const struct scopex_options *options)
{
	unsigned int flags = options->flags;

	if (options->name && site->name != options->name)
		WRITE_ONCE(site->name, options->name);
	if (unlikely(flags & ~SCOPEX_USER_FLAGS))
		flags = scopex_drop_flags(site, flags, SCOPEX_USER_FLAGS);
	scopex_open_with(custom, site, flags,
			 SCOPEX_OPEN | SCOPEX_ONE | scopex_option_open(custom, options),
			 options->timeout_us, options->deadline);
}

/**
 * __scopex_open() - open a scope; for scopex_scope()
 * @scope: the object, on the current task's stack; then either open or refused
 * @site: the place in the code
 * @options: the options, or NULL; with options, @scope is the one in a
 *	&struct scopex_custom_scope
 *
 * Context: process context.
 */
void __scopex_open(struct scopex_scope *scope, struct scopex_site *site,
		   const struct scopex_options *options)
{
	if (options)
		return scopex_open_custom(scopex_custom(scope), site, options);
	scopex_open(scope, site, 0, SCOPEX_OPEN | SCOPEX_ONE);
}
EXPORT_SYMBOL_GPL(__scopex_open);

static void scopex_call_body(struct scopex_scope *scope, scopex_body_t body,
			     void *arg)
{
	int err;

	if (unlikely(!scopex_is_open(scope)))
		return;
	err = body(scope, arg);
	if (unlikely(err > 0)) {
		scopex_misuse("%ps, the body of a scope, returned %d, which is no errno",
			      body, err);
		err = -EINVAL;
	}
	if (err)
		scopex_fail(scope, err);
}

static noinline int scopex_run_custom(scopex_body_t body, void *arg,
				      struct scopex_site *site,
				      const struct scopex_options *options)
{
	struct scopex_custom_scope custom __scopex_uninitialized;

	scopex_open_custom(&custom, site, options);
	scopex_call_body(&custom.scope, body, arg);
	scopex_close(&custom.scope, _RET_IP_);
	return custom.scope.error;
}

/**
 * __scopex_run() - open a scope, call a body, close the scope; for scopex_run()
 * @body: the body
 * @arg: its argument
 * @site: the place in the code
 * @options: the options of the scope, or NULL
 *
 * Context: process context; sleeps, uninterruptibly.
 *
 * Return: as documented for scopex_run().
 */
int __scopex_run(scopex_body_t body, void *arg, struct scopex_site *site,
		 const struct scopex_options *options)
{
	struct scopex_scope scope __scopex_uninitialized;

	if (options)
		return scopex_run_custom(body, arg, site, options);
	scopex_open(&scope, site, 0, SCOPEX_OPEN | SCOPEX_ONE);
	scopex_call_body(&scope, body, arg);
	scopex_close(&scope, _RET_IP_);
	return scope.error;
}
EXPORT_SYMBOL_GPL(__scopex_run);
