// SPDX-License-Identifier: GPL-2.0
/*
 * Scopes: open, submit, cancel, drain
 *
 * Theory of operation
 *
 * A scope is an object on the stack of the task that opened it. What makes that
 * sound is a single rule: the function that owns the object does not return
 * before every item that was accepted is out, and whoever takes the last item
 * out does not touch the object afterwards. No error, signal or cancellation
 * shortens the wait; they can only ask that it become short.
 *
 * All of a scope's life is in one 64-bit word, scopex_scope.state:
 *
 *	kind (24 bits) | flags (8 bits) | references (31 bits) | waiting (1 bit)
 *
 * An item that is not out yet holds one reference, the owner holds one as long as
 * the scope is open. The word moves like this:
 *
 *	OPEN|FRESH, 1		opened
 *	OPEN, 1 + n		n items are not out, the owner does something else
 *	OPEN, 1 + n, waiting	the owner waits for them
 *	OPEN, 1, waiting	drained: whoever brought this about wakes the owner
 *	OPEN, 1			joined: open for another round
 *	CLOSED			poisoned, for those who come too late
 *
 * plus CANCELLED from scopex_cancel() to the end of the round, SERIAL for a scope
 * whose owner runs the items, and REFUSED for one that was never opened because
 * its object or its context was wrong.
 *
 * A scope is open until the owner, in a single step, replaces "one reference" by
 * CLOSED: a submit from elsewhere either comes before, and is waited for, or finds
 * the scope closed. A join closes nothing: submits from interrupts may go on, and
 * belong to this round or to the next.
 *
 * Submit. An item is first claimed (status becomes BUSY, which only one
 * submitter can bring about), then associated (one more reference, taken only
 * from a state that allows it, so that a late submitter never changes the word
 * of a scope that is closed), then pushed. Every step that fails undoes the
 * ones before, and the item is as it was.
 *
 * Items may submit to their own scope, even while the owner waits: they hold a
 * reference, so it can't be closed.
 *
 * The last reference. A worker drops the references of a run of items at once.
 * If the owner's is the only one left and the owner waits, it has to be woken.
 * From that very moment it can wake for any reason, see that the items are out,
 * return, and have its stack reused or freed. So the worker reads the owner
 * first, and an RCU read section keeps the owner's task_struct, not the scope,
 * alive until it is woken. If it was awake already, it gets one stray wake-up,
 * which every sleeper has to tolerate.
 *
 * Nesting. An item may open scopes. Such a scope knows its parent, the scope of
 * the item, which can't end before: the item holds a reference on it. To wait, the
 * item's worker hands its queue over (see worker.c), or the scope is serial.
 *
 * A cancellation goes down the tree: see cancel.c.
 *
 * What can cancel by itself: an item that fails (SCOPEX_FAIL_FAST), a fatal signal
 * for the owner (SCOPEX_KILLABLE), which it notices when it waits, and a timer. They
 * do no more than that: the scope is drained as ever. The timer is off before the
 * scope is closed, and needs no reference.
 *
 * Who may touch what:
 *
 *	state		anybody who holds a reference, or to whom the caller
 *			guarantees that the scope is open; WAITING and CLOSED are
 *			the owner's to write
 *	error		cmpxchg from 0 by holders of a reference; xchg to 0 by the
 *			owner
 *	owner, site,	written by the owner before the scope is open, then
 *	parent, flags	constant (but of a detached item, its worker writes the owner
 *			before the function is called, and adds __SCOPEX_LISTED)
 *	since		written by the submitter, or owner, that lists the scope
 *	node, children	the lock of a bucket: see registry.c
 *	outer		the owner, which is a worker
 *	own		pushed to by holders of a reference; taken by the owner
 *	exit		the owner, when it exits
 *	walk		the canceller that has set SCOPEX_WALK, then the timer: see cancel.c
 *	rounds		the owner
 *	rises, wait_*	the watchdog, from the listing on
 *	opened		written and read by probes of scopex_open and scopex_close, which
 *			run in the owner
 *
 * Ordering:
 *
 *   A	The release of a reference (scopex_put_items) pairs with the acquire of
 *	the state that shows it gone (scopex_drain_scope): what the items wrote is
 *	visible to the owner when it goes on; see put-drain.litmus.
 *   B	The owner sets its task state, then reads the count; the worker writes
 *	the count, then reads the task state (in wake_up_process(), which has a
 *	full barrier before): no wake-up is lost; see drain-wake.litmus. That the
 *	worker sees WAITING if the owner did not see the count that it left needs
 *	no barrier, as both are in one word.
 *   C	The claim of an item (acquire) pairs with the store-release that ended
 *	it (scopex_complete_item): its last user is through with it; see
 *	claim-reuse.litmus.
 *   K	The join takes CANCELLED away, then looks at what cancels for good (the
 *	deadline, the parent); a canceller for that reason says why (it notes that the time
 *	is over, or marks the parent) before it sets CANCELLED, or finds it set. A full
 *	barrier on both sides; see join-cancel.litmus, join-nested.litmus,
 *	join-skip.litmus.
 *   J	Who waits for one item says so, then looks at it; the worker ends the item,
 *	then looks for who waits. Full barriers in between; see join-item.litmus. So
 *	does who undoes the claim of an item; see join-refused.litmus.
 *
 * D and H are in worker.c, L and M in loop.c, N in debugfs.c, O and W in cpu.c, P in
 * internal.h, Q in queue.h, T in cancel.c. The litmus tests are in selftests/litmus/, and
 * "make check WHAT=model" runs them; each says which functions it models.
 *
 * Open scopes can be listed (debugfs). To keep an empty scope free of charge, a
 * scope is registered by its first submit: the FRESH flag sends that one to the
 * slow path, which clears the flag in the same step that takes the reference. (A scope
 * with a deadline, or a parent, or of a loop that is offered, has another hold on it
 * than items, and is listed then.)
 * Since the item holds it until it ran, registering is over before the owner
 * can close it, which takes it out of the list; see register-unregister.litmus.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/bug.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/kasan.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>

#include <trace/events/scopex.h>

#include "compat/hrtimer.h"
#include "cancel.h"
#include "cpu.h"
#include "lockdep.h"
#include "misuse.h"
#include "nested.h"
#include "owner.h"
#include "registry.h"
#include "scope.h"
#include "state.h"
#include "text.h"
#include "wait.h"

/* What ended the last round for good ends the next one, too. */
static void scopex_cancel_again(struct scopex_scope *scope)
{
	if (scope->flags & __SCOPEX_TIMED) {
		/*
		 * K: the mark was taken away before the look at what may have set it, and
		 * does not do so again; pairs with scopex_cancel_tree(); see
		 * join-cancel.litmus.
		 */
		smp_mb__after_atomic();
		if (READ_ONCE(scopex_custom(scope)->expired))
			scopex_cancel_tree(scope, -ETIME);
	}
	scopex_inherit_cancel(scope);
}

/**
 * scopex_join() - wait until every item is out
 * @scope: a scope that the current task opened
 *
 * What the items wrote is then visible to the caller, and the scope is open for
 * another round of items, without an error and not cancelled (unless its deadline
 * has passed, or a scope that it is nested in is cancelled). A second join is
 * harmless. Submits from elsewhere, an interrupt say, need not stop meanwhile:
 * there was a moment at which no item was left, later ones are of the next round.
 * A cancel from elsewhere at the very moment of the join may hit both rounds: this one
 * with its reason, and the next one without.
 *
 * It drains: it does not wait for the items that were there when it was called, but until
 * there is none. With a submitter that never stops, it may never return; the watchdog
 * names such a wait in the kernel log (see the module's parameter "stall_ms"). To wait for
 * the items of a generation, and not for later ones, give each a scope of its own::
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
 * A suspend of the system waits for this wait. It freezes the tasks of users first, and
 * one that waits here, as in any uninterruptible sleep, can be frozen after it only. The
 * workers are not frozen, so the items go on, and usually end in time; if they take longer
 * than /sys/power/pm_freeze_timeout (20 s), the suspend fails. The wait can't be
 * freezable: the owner would be frozen with what it holds, a mutex say, that another
 * task needs to get to where it can be frozen, or an item to end. A module with items
 * that take long cancels them from a notifier (register_pm_notifier(), at
 * PM_SUSPEND_PREPARE), which comes before anything is frozen.
 *
 * Context: process context of the owner; sleeps, uninterruptibly. The caller
 * must not hold a lock that an item needs.
 *
 * Return: the first error of an item since the scope was opened or joined, or the
 * reason why it was cancelled, whichever came first; -ECANCELED if an item was
 * cancelled before it ran and none failed earlier;
 * with a warning, -EPERM in another task than the owner, -EDEADLK in an item that runs on
 * the owner's stack (of a serial scope) or is detached, for its own scope, and -ESHUTDOWN
 * or -EINVAL if @scope is not open, or a copy; the reason why a scope was refused
 * when it was opened; else 0.
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
	/*
	 * An item of the next round may be there by now, and fail; see
	 * next-round.litmus.
	 */
	if (READ_ONCE(scope->error))
		err = xchg_relaxed(&scope->error, 0);
	if (state & (SCOPEX_CANCELLED | SCOPEX_WAITING)) {
		scopex_state_end_round(scope);
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
 * Open a scope outside of items. It is listed by its first submit, or now if there is
 * a timer which must not outlive it: forget.c finds only what is listed.
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

static noinline void scopex_open_in_kthread(struct scopex_scope *scope, u64 state)
{
	struct scopex_worker *w = scopex_this_worker();

	if (unlikely(w))
		scopex_open_nested(scope, w, state);
	else
		scopex_open_first(scope, state);
}

/* As object_is_on_stack(), in one comparison. */
static __always_inline bool scopex_is_on_this_stack(const struct scopex_scope *scope)
{
	return (unsigned long)kasan_reset_tag(scope) -
	       (unsigned long)task_stack_page(current) < THREAD_SIZE;
}

static __always_inline void scopex_open(struct scopex_scope *scope, struct scopex_site *site,
					unsigned int flags, u64 state)
{
	scope->error = 0;
	scope->flags = flags;
	scope->depth = 0;
	/* Not needed, but in one word with what is above. */
	scope->rounds = 0;
	scope->rises = 0;
	scope->owner = current;
	scope->site = site;
	scope->parent = NULL;
	INIT_HLIST_HEAD(&scope->children);
	scope->opened = 0;
	init_llist_head(&scope->own);

	if (unlikely(!in_task() || !scopex_is_on_this_stack(scope)))
		return scopex_open_nowhere(scope);
	if (current->flags & PF_KTHREAD)
		return scopex_open_in_kthread(scope, state);
	scopex_open_first(scope, state);
}

/**
 * scopex_open_parallel() - open a scope that is rather refused than serial
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

/* False if a submit was faster, which then is waited for. */
static bool scopex_close_drained(struct scopex_scope *scope, u64 state)
{
	if (!(state & SCOPEX_UNLISTED))
		return scopex_close_listed(scope, state);
	return scopex_state_close_unused(scope, state);
}

static void scopex_close_refused(struct scopex_scope *scope)
{
	if (scope->flags & __SCOPEX_TIMED)
		destroy_hrtimer_on_stack(&scopex_custom(scope)->timer);
	scopex_state_init(scope, SCOPEX_CLOSED);
}

/* What options do before the last wait. */
static noinline void scopex_close_options(struct scopex_scope *scope)
{
	if (scope->flags & SCOPEX_CANCEL_ON_EXIT &&
	    !scopex_is_drained(atomic64_read(&scope->state)))
		scopex_cancel_tree(scope, 0);
	/* The timer makes a wait short, but must not find a scope that is closed. */
	if (scope->flags & __SCOPEX_TIMED) {
		scopex_drain_scope(scope);
		hrtimer_cancel(&scopex_custom(scope)->timer);
		destroy_hrtimer_on_stack(&scopex_custom(scope)->timer);
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
	do
		state = scopex_drain_scope(scope);
	while (!scopex_close_drained(scope, state));
	trace_scopex_close(scope);
	if (scope->flags & __SCOPEX_ON_WORKER)
		scopex_close_nested(scopex_this_worker(), scope);
}

static __always_inline void scopex_close(struct scopex_scope *scope,
					 unsigned long caller)
{
	u64 state = scopex_encode(scope, SCOPEX_OPEN | SCOPEX_UNLISTED | SCOPEX_ONE);

	/*
	 * What is still FRESH has no parent, no timer, and no wait.
	 */
	if (SCOPEX_CHECK_WAITS || scope->owner != current ||
	    !scopex_state_close_unused(scope, state))
		return scopex_close_used(scope, caller);
	if (trace_scopex_close_enabled())
		scopex_trace_close(scope);
}

/**
 * __scopex_close() - drain and end a scope; for scopex_scope()
 * @scope: what __scopex_open() was given
 *
 * Context: process context of the owner; sleeps, uninterruptibly.
 */
void __scopex_close(struct scopex_scope *scope)
{
	scopex_close(scope, _RET_IP_);
}
EXPORT_SYMBOL_GPL(__scopex_close);

/**
 * scopex_abandon_scope() - leave a scope that has no items where it is
 * @scope: a listed scope of the current task, whose stack is lost
 *
 * Context: any but NMI.
 *
 * Return: false if the scope can't be taken out of its list.
 */
bool scopex_abandon_scope(struct scopex_scope *scope)
{
	if (!scopex_unregister_exiting(scope))
		return false;
	if (scope->flags & __SCOPEX_ON_WORKER)
		scopex_unlink_nested(scopex_this_worker(), scope);
	return true;
}

static enum hrtimer_restart scopex_deadline(struct hrtimer *timer)
{
	struct scopex_custom_scope *custom =
		container_of(timer, struct scopex_custom_scope, timer);

	WRITE_ONCE(custom->expired, true);
	scopex_cancel(&custom->scope, -ETIME);
	return HRTIMER_NORESTART;
}

#define SCOPEX_USER_FLAGS	(SCOPEX_FAIL_FAST | SCOPEX_KILLABLE | SCOPEX_JOINABLE |	\
				 SCOPEX_NOT_SERIAL | SCOPEX_CANCEL_ON_EXIT)

/* Tell of flags that are not @known, and do without them. */
static noinline unsigned int scopex_drop_flags(struct scopex_site *site,
					       unsigned int flags, unsigned int known)
{
	scopex_misuse("scope %s of %s() has unknown flags %#x",
		      scopex_name(site->name), scopex_name(site->func), flags & ~known);
	return flags & known;
}

/* When the time of a scope is over; sets @over if it is. One of the two is not 0. */
static ktime_t scopex_deadline_of(s64 timeout_us, ktime_t deadline, bool *over)
{
	ktime_t now = ktime_get(), end = deadline ?: KTIME_MAX;
	ktime_t timeout;

	if (timeout_us) {
		timeout = min_t(s64, timeout_us, div_s64(KTIME_MAX, NSEC_PER_USEC)) *
			  NSEC_PER_USEC;
		end = min(end, ktime_add_safe(now, timeout));
	}
	*over = timeout_us < 0 || end <= now;
	return *over ? now : end;
}

static noinline void scopex_start_timer(struct scopex_custom_scope *custom)
{
	struct scopex_scope *scope = &custom->scope;

	hrtimer_setup_on_stack(&custom->timer, scopex_deadline, CLOCK_MONOTONIC,
			       HRTIMER_MODE_ABS);
	if (!scopex_is_open(scope))
		return;
	if (unlikely(custom->expired))
		scopex_cancel_tree(scope, -ETIME);
	else
		hrtimer_start(&custom->timer, custom->deadline, HRTIMER_MODE_ABS);
}

static __always_inline void
scopex_open_with(struct scopex_custom_scope *custom, struct scopex_site *site,
		 unsigned int flags, u64 state, s64 timeout_us, ktime_t deadline)
{
	bool timed = timeout_us | deadline;

	custom->expired = false;
	if (timed) {
		flags |= __SCOPEX_TIMED;
		custom->deadline = scopex_deadline_of(timeout_us, deadline,
						      &custom->expired);
	}
	scopex_open(&custom->scope, site, flags, state);
	if (timed)
		scopex_start_timer(custom);
}

/**
 * scopex_open_timed() - open a scope with options that is no more than these
 * @custom: the object, on the current task's stack; then its scope is open or refused
 * @site: the place in the code
 * @flags: SCOPEX_FAIL_FAST, SCOPEX_KILLABLE
 * @timeout_us: as in &struct scopex_options
 * @deadline: likewise
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
	u64 state = SCOPEX_OPEN | SCOPEX_ONE;
	unsigned int flags = options->flags;

	if (options->name && site->name != options->name)
		WRITE_ONCE(site->name, options->name);
	if (unlikely(flags & ~SCOPEX_USER_FLAGS))
		flags = scopex_drop_flags(site, flags, SCOPEX_USER_FLAGS);
	if (flags & SCOPEX_JOINABLE) {
		state |= __SCOPEX_JOINABLE;
		custom->joined = NULL;
	}
	if (options->limit) {
		state |= SCOPEX_LIMITED;
		custom->limit = options->limit;
		custom->running = 0;
		custom->waiting = NULL;
		custom->last = &custom->waiting;
		raw_spin_lock_init(&custom->lock);
	}
	if (options->limit_per_cpu) {
		state |= SCOPEX_CPU_LIMITED;
		custom->limit_per_cpu = options->limit_per_cpu;
	}
	scopex_open_with(custom, site, flags, state, options->timeout_us,
			 options->deadline);
}

/**
 * __scopex_open() - open a scope; for scopex_scope()
 * @scope: the object, on the current task's stack; then either open or refused
 * @site: the place in the code
 * @options: what it does by itself, or NULL; with options, @scope is the one in a
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
 * __scopex_run() - open a scope, call a body, drain; for scopex_run()
 * @body: the body
 * @arg: its argument
 * @site: the place in the code
 * @options: what the scope does by itself, or NULL
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
