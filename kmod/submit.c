// SPDX-License-Identifier: GPL-2.0
/*
 * Submits: claim an item, take a reference on its scope, push the item
 *
 * Theory of operation
 *
 * A submitter claims the item (item.h), takes one more reference on the scope (state.h), and
 * pushes the item on the queue of a CPU (queue.h), or, if it names no CPU, where any worker may
 * take it (shared.h). It takes the reference in the step that
 * sees that the scope is open, so a late submitter never changes the word of a closed scope.
 * Each step that fails undoes the steps before, and leaves the item as it was.
 *
 * The fast path is for a scope that is open and listed, has no option, and is not cancelled.
 * All other scopes take scopex_tryget_slow(): the first submit to a scope lists it, and the
 * options of a scope may keep or refuse an item (option.h).
 *
 * An item may submit to its own scope, also while the owner waits: its own reference keeps
 * the scope open.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/math.h>
#include <linux/printk.h>
#include <linux/scopex.h>

#include <trace/events/scopex.h>

#include "array.h"
#include "cpu.h"
#include "inject.h"
#include "item.h"
#include "misuse.h"
#include "option.h"
#include "queue.h"
#include "ref.h"
#include "registry.h"
#include "select.h"
#include "state.h"
#include "shared.h"
#include "text.h"
#include "thief.h"
#include "wake.h"

static noinline int scopex_not_its_item(const struct scopex_scope *scope,
					const struct scopex_work *work, unsigned long caller)
{
	scopex_misuse("%pS submits %ps to the scope of a detached item, %s",
		      (void *)caller, work->fn, scopex_name(scope->site->name));
	return -EINVAL;
}

/*
 * Take the references where scopex_tryget_fast() took none. Returns the same as
 * scopex_tryget().
 */
static noinline int scopex_tryget_slow(struct scopex_scope *scope,
				       struct scopex_work *work,
					  unsigned int nr, u64 state,
					  unsigned long caller)
{
	do {
		switch (scopex_kind(scope, state)) {
		case SCOPEX_OPEN:
			break;
		case SCOPEX_REFUSED:
			return scope->error;
		case SCOPEX_CLOSED:
			scopex_misuse("%pS submits %ps to a closed scope",
				      (void *)caller, work->fn);
			return -ESHUTDOWN;
		default:
			return scopex_not_open(scope, "submits an item to", caller);
		}

		/*
		 * A scope of one item may be cancelled as soon as that item is claimed. Accept
		 * the item: the worker completes it with -ECANCELED, and its waiters are woken
		 * as always.
		 */
		if (unlikely(state & SCOPEX_CANCELLED && !scopex_has_one_item(state)))
			return -ECANCELED;
		/* Such a scope may be freed as soon as its item is completed. */
		if (scopex_has_one_item(state) &&
		    (nr > 1 || !scopex_is_its_item(scope, work)))
			return scopex_not_its_item(scope, work, caller);
		if ((state & SCOPEX_COUNT_MASK) >= SCOPEX_COUNT_MAX * SCOPEX_ONE)
			return -EOVERFLOW;
	} while (!scopex_tryget_step(scope, nr, &state));

	if (state & SCOPEX_UNLISTED)
		scopex_register(scope);
	return !!(state & scopex_hooks.enqueue);
}

/*
 * Take a reference for each of @nr items, one of which is @work. Returns 0; or a negative
 * errno if the scope refuses them; or 1 if an option of the scope decides where they go.
 */
static int scopex_tryget(struct scopex_scope *scope, struct scopex_work *work,
			 unsigned int nr, unsigned long caller)
{
	u64 state;

	if (likely(scopex_tryget_fast(scope, nr, &state)))
		return 0;
	return scopex_tryget_slow(scope, work, nr, state, caller);
}

/*
 * Take back the claim of an item whose submit was refused. The owner may have joined the
 * item since it was claimed: it took the item for submitted, and waits. The undo function of
 * the option wakes it; see join-refused.litmus. The caller knows that the scope is open, if
 * it is a scope.
 */
static void scopex_unclaim_item(struct scopex_scope *scope, struct scopex_work *work)
{
	u64 state;

	scopex_unclaim(work);
	state = atomic64_read(&scope->state);
	if (unlikely(scopex_kind(scope, state) == SCOPEX_OPEN && state & scopex_hooks.undo))
		scopex_option_undo(scope, work, state);
}

/* Claim an item that scopex_claim() did not get. Returns 0 or an error. */
static noinline int scopex_claim_slow(struct scopex_work *work, unsigned long caller)
{
	int err = scopex_claim_unseen(work);

	if (err == -EINVAL)
		scopex_misuse("%pS submits an item without a function", (void *)caller);
	return err;
}

static noinline int scopex_submit_traced(struct scopex_scope *scope,
					 struct scopex_work *work,
					 struct scopex_cpu *sc, bool stealable)
{
	trace_scopex_submit(scope, work, sc->cpu);
	scopex_push_where(sc, work, work, stealable);
	return 0;
}

static noinline int scopex_submit_waking(struct scopex_cpu *sc)
{
	scopex_wake_worker(sc);
	return 0;
}

static noinline int scopex_submit_telling(struct scopex_cpu *sc)
{
	scopex_tell(sc);
	return 0;
}

/* Out of line, so that the usual case keeps its registers. */
static noinline int scopex_submit_racing(struct scopex_cpu *sc, struct scopex_work *work)
{
	scopex_push_any(sc, work, work);
	return 0;
}

/* Push an item that is claimed, and for which the caller holds a reference. */
static __always_inline int scopex_submit_push(struct scopex_scope *scope,
					      struct scopex_work *work,
					      struct scopex_cpu *sc, bool stealable)
{
	bool only;

	work->scope = scope;
	scopex_inject(SCOPEX_INJECT_PUSH);
	if (trace_scopex_submit_enabled())
		return scopex_submit_traced(scope, work, sc, stealable);
	if (stealable) {
		if (unlikely(!scopex_any_try_push(&sc->any, &work->node, &work->node, &only)))
			return scopex_submit_racing(sc, work);
		if (unlikely(only))
			return scopex_submit_telling(sc);
		return 0;
	}
	if (scopex_queue_push(&sc->queue, &work->node, &work->node))
		return scopex_submit_waking(sc);
	return 0;
}

/* Submit a claimed item to a scope that scopex_tryget_fast() has refused. */
static noinline int scopex_submit_slow(struct scopex_scope *scope,
				       struct scopex_work *work,
				       struct scopex_cpu *sc,
				       unsigned long caller, enum scopex_where where)
{
	int err = scopex_tryget(scope, work, 1, caller);
	bool stealable;

	if (err < 0) {
		scopex_unclaim_item(scope, work);
		return scopex_refuse(err);
	}
	stealable = scopex_is_stealable(atomic64_read(&scope->state), where);
	if (where >= SCOPEX_ANY && !stealable)
		sc = scopex_choose_cpu() ?: sc;
	if (!err)
		return scopex_submit_push(scope, work, sc, stealable);

	work->scope = scope;
	err = scopex_option_enqueue(scope, sc, work, 1, 0, where);
	if (!err)
		return 0;
	scopex_unclaim_item(scope, work);
	/* This may be the last reference, and wake the owner. */
	scopex_put_items(scope, 1);
	return scopex_refuse(err);
}

/* Submit an item that scopex_claim() did not get. */
static noinline int scopex_submit_unseen(struct scopex_scope *scope, struct scopex_work *work,
					 struct scopex_cpu *sc, unsigned long caller,
					 enum scopex_where where)
{
	int err = scopex_claim_slow(work, caller);

	if (err)
		return scopex_refuse(err);
	return scopex_submit_slow(scope, work, sc, caller, where);
}

/*
 * The path of nearly all items. It calls no function: it goes over to other functions with a
 * jump in the rare cases, so that the compiler need not save registers. Their parameters are
 * in the order of scopex_submit(), so that it need not move them either.
 */
static __always_inline int scopex_submit_to(struct scopex_scope *scope,
					    struct scopex_work *work,
					    struct scopex_cpu *sc,
					    enum scopex_where where)
{
	u64 state;

	if (unlikely(!scopex_claim(work)))
		return scopex_submit_unseen(scope, work, sc, _RET_IP_, where);

	if (unlikely(!scopex_tryget_fast(scope, 1, &state)))
		return scopex_submit_slow(scope, work, sc, _RET_IP_, where);

	return scopex_submit_push(scope, work, sc, where >= SCOPEX_ANY);
}

/* Returns the CPU that queues this CPU's items which name no CPU, or NULL. */
static __always_inline struct scopex_cpu *scopex_any_cpu(void)
{
	/* Address dependency: as in __scopex_submit_local(). */
	return this_cpu_read(scopex_any_here);
}

/**
 * scopex_submit() - submit an item that any CPU may run
 * @scope: an open scope
 * @work: an initialised item that is not busy
 *
 * The item is queued on this CPU, and starts as soon as this CPU's worker gets to it, or the
 * worker of an idle CPU, which takes it from there. It does not wait for the join, unless the
 * scope is serial: see scopex_scope(). Nor does it wait for the caller, which may go on
 * computing, if another CPU is idle. It has no order with items that name a CPU. Isolated CPUs
 * get no items, unless the module's parameter "cpus" names CPUs, or no other CPU is online. The
 * items of a scope with a limit for each CPU are queued on all CPUs in turn, and stay there.
 *
 * All that the caller wrote before is visible to the item. @work and all that the item
 * borrows must stay valid until the item is completed. An item can't be submitted while it
 * runs: its function returns SCOPEX_AGAIN instead.
 *
 * Context: process, softirq and hard-irq context, under any lock under which a task may be
 * woken (so under none of the scheduler's own); not NMI. Does not sleep, allocates no memory.
 * A caller that is neither the owner nor an item of the scope has to know that the scope is
 * open, and stays open until this call returns.
 *
 * Return: 0; or a negative errno, with nothing changed and the item as it was: -EBUSY if the
 * item is queued or running, or another caller is submitting it; -ECANCELED if the scope was
 * cancelled; -ENODEV if no CPU has a worker; -EOVERFLOW if the scope holds 2^30 references;
 * the error with which the scope was refused when it was opened; with a warning, -ESHUTDOWN
 * if the scope is closed, and -EINVAL if the item has no function, if @scope is no scope or a
 * copy of one, or if it is the scope of a detached item, which takes no other item.
 */
int scopex_submit(struct scopex_scope *scope, struct scopex_work *work)
{
	struct scopex_cpu *sc = scopex_any_cpu();

	if (unlikely(!sc))
		return scopex_refuse(-ENODEV);
	return scopex_submit_to(scope, work, sc, SCOPEX_ANY);
}
EXPORT_SYMBOL_GPL(scopex_submit);

/**
 * __scopex_submit_local() - submit an item to this CPU; for scopex_submit_on()
 * @scope: an open scope
 * @work: an initialised item that is not busy
 *
 * Context: as for scopex_submit().
 *
 * Return: as for scopex_submit_on().
 */
int __scopex_submit_local(struct scopex_scope *scope, struct scopex_work *work)
{
	/*
	 * An address dependency orders the read of the pointer before the use of the CPU; pairs
	 * with the release in scopex_update_cpu_map(); see publish-read.litmus.
	 */
	struct scopex_cpu *sc = this_cpu_read(scopex_local);

	if (unlikely(!sc))
		return scopex_refuse(-ENODEV);
	return scopex_submit_to(scope, work, sc, SCOPEX_LOCAL);
}
EXPORT_SYMBOL_GPL(__scopex_submit_local);

/* Submit to @cpu, which is not the number of a possible CPU. */
static noinline int scopex_submit_numberless(struct scopex_scope *scope, int cpu,
					     struct scopex_work *work)
{
	if (cpu == SCOPEX_CPU_LOCAL)
		return __scopex_submit_local(scope, work);
	return scopex_refuse(-EINVAL);
}

/**
 * __scopex_submit_on() - submit an item to a CPU; for scopex_submit_on()
 * @scope: an open scope
 * @cpu: the CPU's number, or SCOPEX_CPU_LOCAL
 * @work: an initialised item that is not busy
 *
 * Context: as for scopex_submit().
 *
 * Return: as for scopex_submit_on().
 */
int __scopex_submit_on(struct scopex_scope *scope, int cpu, struct scopex_work *work)
{
	struct scopex_cpu *sc;

	if (unlikely((unsigned int)cpu >= nr_cpu_ids || !cpu_possible(cpu)))
		return scopex_submit_numberless(scope, cpu, work);

	sc = per_cpu_ptr(&scopex_cpus, cpu);
	/*
	 * Acquire: an open CPU has a worker to wake; pairs with scopex_cpu_online(); see
	 * open-submit.litmus.
	 */
	if (unlikely(!smp_load_acquire(&sc->open)))
		return scopex_refuse(-ENODEV);
	return scopex_submit_to(scope, work, sc, SCOPEX_NAMED);
}
EXPORT_SYMBOL_GPL(__scopex_submit_on);

/**
 * scopex_try_submit() - submit an item unless it would have to wait for its turn
 * @scope: an open scope, with a limit; without a limit, and if the scope is serial, this is
 *	scopex_submit()
 * @work: an initialised item that is not busy
 *
 * Context: as for scopex_submit().
 *
 * Return: as for scopex_submit(); -EAGAIN if as many items of the scope are queued or run as
 * scopex_options.limit allows. The limit for each CPU does not count here: the worker asks
 * it later, when it is about to begin the item.
 */
int scopex_try_submit(struct scopex_scope *scope, struct scopex_work *work)
{
	struct scopex_cpu *sc = scopex_any_cpu();

	if (unlikely(!sc))
		return scopex_refuse(-ENODEV);
	return scopex_submit_to(scope, work, sc, SCOPEX_TRY);
}
EXPORT_SYMBOL_GPL(scopex_try_submit);

/* Take back the claims of an array's items. */
static noinline void scopex_unclaim_array(struct scopex_scope *scope, struct scopex_work *first,
					  unsigned int nr, size_t stride)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct scopex_work *work = scopex_array_item(first, i, stride);

		scopex_unclaim_item(scope, work);
	}
}

/*
 * Claim the items of an array, and link them in their order, in one pass. Returns 0; or an
 * error, with none of them claimed.
 */
static int scopex_claim_array(struct scopex_work *first, unsigned int nr, size_t stride,
			      struct scopex_scope *scope, unsigned long caller)
{
	struct scopex_work *work = first, *end = scopex_array_item(first, nr, stride);
	ptrdiff_t back = -stride;

	/* So that the compiler need not keep the address of the item before. */
	OPTIMIZER_HIDE_VAR(back);
	for (;;) {
		int err = likely(scopex_claim(work)) ? 0 : scopex_claim_slow(work, caller);

		if (unlikely(err)) {
			scopex_unclaim_array(scope, first,
					     ((void *)work - (void *)first) / stride, stride);
			return err;
		}
		work->scope = scope;
		work = (void *)work + stride;
		if (work == end)
			return 0;
		((struct scopex_work *)((void *)work + back))->node.next = &work->node;
	}
}

static void scopex_push_array(struct scopex_scope *scope, struct scopex_cpu *sc,
			      struct scopex_work *first, unsigned int nr,
			      size_t stride, bool stealable)
{
	struct scopex_chain chain = scopex_array_chain(first, nr, stride);

	scopex_trace_array(scope, sc, first, nr, stride);
	scopex_push_where(sc, chain.newest, chain.oldest, stealable);
}

/*
 * Push an equal part on each CPU, as none can be stolen. Neighbours may share cache lines, so
 * they stay together.
 */
static void scopex_spread(struct scopex_scope *scope, struct scopex_work *first, unsigned int nr,
			  size_t stride)
{
	struct scopex_cpu *sc = scopex_choose_cpu() ?: scopex_any_cpu();
	unsigned int cpus = scopex_count_open();
	unsigned int each = DIV_ROUND_UP(nr, cpus);

	while (nr) {
		unsigned int part = min(each, nr);
		struct scopex_cpu *next = READ_ONCE(sc->next);

		/*
		 * The items of this part may be completed and gone before the push returns. The
		 * references of the items that are left keep the scope.
		 */
		nr -= part;
		scopex_push_array(scope, sc, first, part, stride, false);
		first = scopex_array_item(first, part, stride);
		/* A CPU that went offline has no next one; its queue is served anyway. */
		sc = next ?: sc;
	}
}

/**
 * scopex_submit_strided() - submit many items at once that are a fixed distance apart
 * @scope: an open scope
 * @cpu: the number of the CPU that gets all items; SCOPEX_CPU_LOCAL; or SCOPEX_CPU_ANY
 *	for items that any CPU may run, as after scopex_submit()
 * @first: the first item
 * @nr: the number of items
 * @stride: the distance from one item to the next, in bytes
 *
 * For an array of objects with an item in each, scopex_submit_array() is simpler.
 *
 * Context: as for scopex_submit(). Takes time for each item.
 *
 * Return: as for scopex_submit() and scopex_submit_on(). Either all items are submitted, or
 * none, and all are as they were.
 */
int scopex_submit_strided(struct scopex_scope *scope, int cpu,
			  struct scopex_work *first, unsigned int nr,
			  size_t stride)
{
	unsigned long caller = _RET_IP_;
	struct scopex_cpu *sc;
	int err;

	if (unlikely(!nr))
		return 0;
	if (unlikely(nr > SCOPEX_COUNT_MAX))
		return scopex_refuse(-EOVERFLOW);
	if (unlikely(!stride)) {
		/* All of them are the same one. One alone may be as far away as it likes. */
		if (nr > 1)
			return scopex_refuse(-EBUSY);
		stride = sizeof(*first);
	}

	if (cpu == SCOPEX_CPU_ANY) {
		sc = scopex_any_cpu();
	} else if (cpu == SCOPEX_CPU_LOCAL) {
		/* As in __scopex_submit_local(). */
		sc = this_cpu_read(scopex_local);
	} else {
		if (unlikely((unsigned int)cpu >= nr_cpu_ids || !cpu_possible(cpu)))
			return scopex_refuse(-EINVAL);
		sc = per_cpu_ptr(&scopex_cpus, cpu);
		/* Acquire: as in __scopex_submit_on(). */
		if (unlikely(!smp_load_acquire(&sc->open)))
			sc = NULL;
	}
	if (unlikely(!sc))
		return scopex_refuse(-ENODEV);

	err = scopex_claim_array(first, nr, stride, scope, caller);
	if (unlikely(err))
		return scopex_refuse(err);
	err = scopex_tryget(scope, first, nr, caller);
	if (unlikely(err < 0)) {
		scopex_unclaim_array(scope, first, nr, stride);
		return scopex_refuse(err);
	}
	if (unlikely(err)) {
		err = scopex_option_enqueue(scope, sc, first, nr, stride,
					    cpu == SCOPEX_CPU_ANY ? SCOPEX_ANY :
					    cpu == SCOPEX_CPU_LOCAL ? SCOPEX_LOCAL :
								      SCOPEX_NAMED);
		if (!err)
			return 0;
		scopex_unclaim_array(scope, first, nr, stride);
		scopex_put_items(scope, nr);
		return scopex_refuse(err);
	}

	scopex_inject(SCOPEX_INJECT_PUSH);
	if (cpu != SCOPEX_CPU_ANY)
		scopex_push_array(scope, sc, first, nr, stride, false);
	else if (scopex_is_stealable(atomic64_read(&scope->state), SCOPEX_ANY))
		scopex_push_array(scope, sc, first, nr, stride, true);
	else
		scopex_spread(scope, first, nr, stride);
	return 0;
}
EXPORT_SYMBOL_GPL(scopex_submit_strided);
