// SPDX-License-Identifier: GPL-2.0
/* Submits */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/math.h>
#include <linux/printk.h>
#include <linux/scopex_detached.h>

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
#include "text.h"

/* Is @work the item that @scope, of a detached one, is there for? */
static bool scopex_is_detached(struct scopex_scope *scope, struct scopex_work *work)
{
	return work == &container_of(scope, struct scopex_detached, scope)->work;
}

static noinline int scopex_not_its_item(const struct scopex_scope *scope,
					const struct scopex_work *work, unsigned long caller)
{
	scopex_misuse("%pS submits %ps to the scope of a detached item, %s",
		      (void *)caller, work->fn, scopex_name(scope->site->name));
	return -EINVAL;
}

/* Everything but the usual case of scopex_tryget(), which see. */
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
		 * A detached item can be cancelled as soon as it is claimed, and then
		 * ends as one that is queued: its waiters need not know of a refusal.
		 */
		if (unlikely(state & SCOPEX_CANCELLED && !(state & SCOPEX_DETACHED)))
			return -ECANCELED;
		/* It ends with its one item, and may be freed then. */
		if (state & SCOPEX_DETACHED &&
		    (nr > 1 || !scopex_is_detached(scope, work)))
			return scopex_not_its_item(scope, work, caller);
		if ((state & SCOPEX_COUNT_MASK) >= SCOPEX_COUNT_MAX * SCOPEX_ONE)
			return -EOVERFLOW;
	} while (!scopex_tryget_step(scope, nr, &state));

	if (state & SCOPEX_UNLISTED)
		scopex_register(scope);
	return !!(state & scopex_hooks.enqueue);
}

/*
 * The same for any scope, and @work is one of the items: 0, or why they are refused; or 1 if
 * an option of the scope decides what is done with them.
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
 * A claim is undone, of a submit that was refused. Who joined the item meanwhile took
 * it for submitted, and waits; see join-refused.litmus. The caller knows that the scope
 * is open, if it is one.
 */
static void scopex_unclaim_item(struct scopex_scope *scope,
				struct scopex_work *work, int status)
{
	u64 state;

	scopex_unclaim(work, status);
	state = atomic64_read(&scope->state);
	if (unlikely(scopex_kind(scope, state) == SCOPEX_OPEN && state & scopex_hooks.undo))
		scopex_option_undo(scope, work, state);
}

static noinline int scopex_submit_nothing(unsigned long caller)
{
	scopex_misuse("%pS submits an item without a function", (void *)caller);
	return scopex_refuse(-EINVAL);
}

static noinline int scopex_submit_traced(struct scopex_scope *scope,
					 struct scopex_cpu *sc,
					 struct scopex_work *work)
{
	trace_scopex_submit(scope, work, sc->cpu);
	scopex_push(sc, work, work);
	return 0;
}

static noinline int scopex_submit_waking(struct scopex_cpu *sc)
{
	scopex_wake(sc);
	return 0;
}

/* The end of a submit, with the item claimed and the reference taken. */
static __always_inline int scopex_submit_push(struct scopex_scope *scope,
					      struct scopex_cpu *sc,
					      struct scopex_work *work)
{
	work->scope = scope;
	scopex_inject(SCOPEX_INJECT_PUSH);
	if (trace_scopex_submit_enabled())
		return scopex_submit_traced(scope, sc, work);
	if (scopex_queue_push(&sc->queue, &work->node, &work->node))
		return scopex_submit_waking(sc);
	return 0;
}

/* The rest of a submit to a scope that is not as usual, with the item claimed. */
static noinline int scopex_submit_slow(struct scopex_scope *scope,
				       struct scopex_cpu *sc,
				       struct scopex_work *work, int status,
				       unsigned long caller, enum scopex_where where)
{
	int err = scopex_tryget(scope, work, 1, caller);

	if (!err)
		return scopex_submit_push(scope, sc, work);
	if (err < 0) {
		scopex_unclaim_item(scope, work, status);
		return scopex_refuse(err);
	}

	work->scope = scope;
	err = scopex_option_enqueue(scope, sc, work, 1, 0, where);
	if (!err)
		return 0;
	scopex_unclaim_item(scope, work, status);
	/* As the item's, which nobody has seen; the last may wake the owner. */
	scopex_put_items(scope, 1);
	return scopex_refuse(err);
}

/*
 * The way of nearly all items, and so as short as it can be: it calls nothing, but goes
 * over to other functions for what is rare, so that no register has to be saved for
 * their sake.
 */
static __always_inline int scopex_submit_to(struct scopex_scope *scope,
					    struct scopex_cpu *sc,
					    struct scopex_work *work,
					    enum scopex_where where)
{
	int status;
	u64 state;

	if (unlikely(!work->fn))
		return scopex_submit_nothing(_RET_IP_);

	if (unlikely(!scopex_claim(work, &status)))
		return scopex_refuse(-EBUSY);

	if (unlikely(!scopex_tryget_fast(scope, 1, &state)))
		return scopex_submit_slow(scope, sc, work, status, _RET_IP_, where);

	return scopex_submit_push(scope, sc, work);
}

/**
 * scopex_submit() - submit an item to a CPU that scopex chooses
 * @scope: an open scope
 * @work: an initialised item that is not busy
 *
 * The item starts at once, as soon as the CPU's worker gets to it; it does not
 * wait for the join (unless the scope is serial, see scopex_scope()). Submits go round the
 * CPUs, those with a sleeping worker first, so that a loop of submits spreads its items.
 * Isolated CPUs are left out unless the module's parameter "cpus" names CPUs, or there are
 * no others.
 *
 * All that the caller wrote before is visible to the item. @work and what it
 * borrows must stay valid until the item is out. An item that is to run again and again
 * returns SCOPEX_AGAIN, as it can't be submitted while it runs.
 *
 * Context: process, softirq and hard-irq context, any lock held that a task may be
 * woken under (so none of the scheduler's own); not NMI. Does not sleep, allocates
 * nothing. In another context than the scope's owner or one of its items, the
 * caller has to know that the scope is open and stays so until this returns.
 *
 * Return: 0, or with nothing changed and the item as it was: -EBUSY if the item
 * is queued or running, or just being submitted by another caller; -ECANCELED if
 * the scope was cancelled; -ENODEV if no CPU has a worker; -EUSERS if the scope is serial
 * (see scopex_scope()) and its owner is on another CPU than the one that was named;
 * -EOVERFLOW if the scope holds 2^30 references; with a warning, -ESHUTDOWN if the scope is
 * closed, -EINVAL if the item has no function or @scope is none, a copy, or that of a
 * detached item, which takes no other; and the reason why a scope was refused when it was
 * opened.
 */
int scopex_submit(struct scopex_scope *scope, struct scopex_work *work)
{
	struct scopex_cpu *sc = scopex_choose_cpu();

	if (unlikely(!sc))
		return scopex_refuse(-ENODEV);
	return scopex_submit_to(scope, sc, work, SCOPEX_ANY);
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
	/* O: pairs with scopex_update_cpu_map(); see publish-read.litmus. */
	struct scopex_cpu *sc = this_cpu_read(scopex_local);

	if (unlikely(!sc))
		return scopex_refuse(-ENODEV);
	return scopex_submit_to(scope, sc, work, SCOPEX_NAMED);
}
EXPORT_SYMBOL_GPL(__scopex_submit_local);

/* @cpu is not the number of a possible CPU. */
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
	/* Acquire O: pairs with scopex_cpu_online(); see open-submit.litmus. */
	if (unlikely(!smp_load_acquire(&sc->open)))
		return scopex_refuse(-ENODEV);
	return scopex_submit_to(scope, sc, work, SCOPEX_NAMED);
}
EXPORT_SYMBOL_GPL(__scopex_submit_on);

/**
 * scopex_try_submit() - submit an item unless it had to wait for its turn
 * @scope: an open scope, with a limit (without one it is scopex_submit())
 * @work: an initialised item that is not busy
 *
 * Context: as for scopex_submit().
 *
 * Return: as for scopex_submit(); -EAGAIN if as many items of the scope as its limit
 * allows are queued or run. The limit for each CPU is not asked: that is done when an
 * item is to begin.
 */
int scopex_try_submit(struct scopex_scope *scope, struct scopex_work *work)
{
	struct scopex_cpu *sc = scopex_choose_cpu();

	if (unlikely(!sc))
		return scopex_refuse(-ENODEV);
	return scopex_submit_to(scope, sc, work, SCOPEX_TRY);
}
EXPORT_SYMBOL_GPL(scopex_try_submit);

/* Until it is pushed, a claimed item of an array keeps what its status was in @cpu. */
static noinline void scopex_unclaim_array(struct scopex_scope *scope, struct scopex_work *first,
				    unsigned int nr, size_t stride)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct scopex_work *work = scopex_array_item(first, i, stride);

		scopex_unclaim_item(scope, work, (int)work->cpu);
	}
}

/*
 * Claim the items of an array, and link them, so that the first one is taken first, in
 * one pass. Return how many were claimed: fewer than @nr if the next one is busy, or has
 * no function.
 */
static unsigned int scopex_claim_array(struct scopex_work *first, unsigned int nr,
				 size_t stride, struct scopex_scope *scope)
{
	struct scopex_work *work = first;
	struct llist_node *prev = NULL;
	unsigned int i;

	for (i = 0; i < nr && likely(work->fn); i++) {
		int status;

		if (unlikely(!scopex_claim(work, &status)))
			break;
		/* Taken for a time (@queued), it is before the profile began, or short. */
		work->cpu = status;
		work->scope = scope;
		work->node.next = prev;
		prev = &work->node;
		work = (void *)work + stride;
	}
	return i;
}

static void scopex_push_array(struct scopex_scope *scope, struct scopex_cpu *sc,
			      struct scopex_work *first, unsigned int nr,
			      size_t stride)
{
	scopex_trace_array(scope, sc, first, nr, stride);
	scopex_push(sc, scopex_array_item(first, nr - 1, stride), first);
}

/* Neighbours stay together, as they may share cache lines. */
static void scopex_spread(struct scopex_scope *scope, struct scopex_cpu *sc,
			  struct scopex_work *first, unsigned int nr,
			  size_t stride)
{
	unsigned int cpus = scopex_count_open();
	unsigned int each = DIV_ROUND_UP(nr, cpus);

	while (nr) {
		unsigned int part = min(each, nr);
		struct scopex_cpu *next = READ_ONCE(sc->next);

		/*
		 * Its items may be gone before this returns; the scope is kept by
		 * those that are left.
		 */
		nr -= part;
		scopex_push_array(scope, sc, first, part, stride);
		first = scopex_array_item(first, part, stride);
		/* The last one may have gone offline; it is served all the same. */
		sc = next ?: sc;
	}
}

/**
 * scopex_submit_strided() - submit many items at once, which are not of an array of objects
 * @scope: an open scope
 * @cpu: the number of the CPU that gets all items; SCOPEX_CPU_LOCAL; or SCOPEX_CPU_ANY
 *	for an equal part to each CPU
 * @first: the first of the items
 * @nr: how many
 * @stride: how far they are from each other, in bytes
 *
 * See scopex_submit_array(), which takes an array of objects with an item in each.
 *
 * Context: as for scopex_submit(). Takes time for each item.
 *
 * Return: as for scopex_submit() and scopex_submit_on(); either all items are
 * submitted, or none, and all are as they were.
 */
int scopex_submit_strided(struct scopex_scope *scope, int cpu,
			  struct scopex_work *first, unsigned int nr,
			  size_t stride)
{
	unsigned long caller = _RET_IP_;
	struct scopex_cpu *sc;
	unsigned int claimed;
	int err;

	if (unlikely(!nr))
		return 0;
	if (unlikely(nr > SCOPEX_COUNT_MAX))
		return scopex_refuse(-EOVERFLOW);

	if (cpu == SCOPEX_CPU_ANY) {
		sc = scopex_choose_cpu();
	} else if (cpu == SCOPEX_CPU_LOCAL) {
		/* O: as in __scopex_submit_local(). */
		sc = this_cpu_read(scopex_local);
	} else {
		if (unlikely((unsigned int)cpu >= nr_cpu_ids || !cpu_possible(cpu)))
			return scopex_refuse(-EINVAL);
		sc = per_cpu_ptr(&scopex_cpus, cpu);
		/* Acquire O: as in __scopex_submit_on(). */
		if (unlikely(!smp_load_acquire(&sc->open)))
			sc = NULL;
	}
	if (unlikely(!sc))
		return scopex_refuse(-ENODEV);

	claimed = scopex_claim_array(first, nr, stride, scope);
	if (unlikely(claimed < nr)) {
		scopex_unclaim_array(scope, first, claimed, stride);
		if (!scopex_array_item(first, claimed, stride)->fn)
			return scopex_submit_nothing(caller);
		return scopex_refuse(-EBUSY);
	}
	err = scopex_tryget(scope, first, nr, caller);
	if (unlikely(err < 0)) {
		scopex_unclaim_array(scope, first, nr, stride);
		return scopex_refuse(err);
	}
	if (unlikely(err)) {
		err = scopex_option_enqueue(scope, sc, first, nr, stride,
					    cpu == SCOPEX_CPU_ANY ? SCOPEX_ANY : SCOPEX_NAMED);
		if (!err)
			return 0;
		scopex_unclaim_array(scope, first, nr, stride);
		scopex_put_items(scope, nr);
		return scopex_refuse(err);
	}

	scopex_inject(SCOPEX_INJECT_PUSH);
	if (cpu == SCOPEX_CPU_ANY)
		scopex_spread(scope, sc, first, nr, stride);
	else
		scopex_push_array(scope, sc, first, nr, stride);
	return 0;
}
EXPORT_SYMBOL_GPL(scopex_submit_strided);
