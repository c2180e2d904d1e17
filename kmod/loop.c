// SPDX-License-Identifier: GPL-2.0
/*
 * Parallel loops: a range of numbers, in chunks, by the caller and idle CPUs
 *
 * Theory of operation
 *
 * A loop is on the caller's stack: a scope, and a counter from which chunks are
 * claimed one by one. The caller claims and runs chunks until there are none, so a
 * loop gets done whatever the other CPUs do. They help if they are idle: nothing is
 * queued for a loop. Instead, a loop is offered to the worker of a CPU:
 *
 *	scopex_cpu.offer	NULL, or the loop that the worker may help with
 *
 * Who puts a loop there (cmpxchg from NULL) has taken a reference on its scope for
 * the worker before. Either the worker takes the loop out (xchg to NULL), helps, and
 * drops the reference when there is no chunk left to claim. Or the caller, when it
 * has none left, takes the loop back (cmpxchg to NULL) and drops the reference: so
 * it never waits for a CPU that has not begun. Exactly one of the two gets it. Who
 * made an offer when the caller was already looking for them takes it back itself
 * (M).
 *
 * Only a CPU whose worker sleeps is asked, and who claims a chunk asks one more CPU
 * before, if there are chunks left. So helpers come in as fast as they can be woken,
 * each brings others, and none of them is too many for long. CPUs are asked in the
 * order of their ring, in which those of a NUMA node are neighbours. The caller's own is
 * left out, as its worker would only take it from the caller (who may sleep in a chunk,
 * but who knows for how long). A helper whose CPU is given items leaves after its chunk:
 * whoever is still in the loop asks again when it is idle.
 *
 * A loop that is offered is listed with the open scopes, so that forget.c finds it.
 *
 * Nothing is allocated, however many CPUs there are. A chunk is no item: it is run
 * like a part of one, and may do what an item may.
 *
 * Ordering:
 *
 *   L	The release of an offer pairs with the acquire that takes it out: the helper
 *	sees the loop, and its reference on the scope; see offer-take.litmus.
 *   M	An offer is made, then it is looked whether the loop is over; the caller
 *	sees that the loop is over, then looks for offers. With full barriers in
 *	between, one of the two takes it back; see offer-withdraw.litmus.
 *   P	The offer comes before the look at the worker's task state (a full barrier
 *	in wake_up_process()), and the worker sets its state before it looks for an
 *	offer. Without, a helper would be missing, and no more.
 *
 * What a chunk has written is visible to the caller by way of the helper's last
 * reference (A, in scope.c).
 */

#include <linux/bug.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/math.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/scopex_loop.h>
#include <linux/string.h>

#include <trace/events/scopex.h>

#include "cancel.h"
#include "context.h"
#include "cpu.h"
#include "inject.h"
#include "lockdep.h"
#include "misuse.h"
#include "queue.h"
#include "ref.h"
#include "registry.h"
#include "resched.h"
#include "scope.h"
#include "select.h"
#include "state.h"

/* How many CPUs are looked at for one that is idle. */
#define SCOPEX_ASK	4

/* So many chunks for each CPU, if the caller does not say how large they are. */
#define SCOPEX_CHUNKS_PER_CPU	8

/*
 * What a caller may not do in an allocation, as it holds locks of a filesystem say, its
 * helpers may not do either: the caller waits for them. PF_MEMALLOC itself is left out.
 * It opens the reserves of memory to one thread, which promises to free more soon.
 */
#define SCOPEX_MEMALLOC	(PF_MEMALLOC_NOFS | PF_MEMALLOC_NOIO | PF_MEMALLOC_PIN)

/* How often the caller looks whether the helpers are out before it sleeps. */
#define SCOPEX_LOOP_SPINS	300

/**
 * struct scopex_loop - a parallel loop, on the stack of its caller
 * @offer: how it is offered
 * @scope: its scope
 * @claimed: how many chunks have been claimed
 * @chunks: how many there are
 * @first: the first number
 * @count: how many numbers there are
 * @grain: how many numbers are a chunk
 * @cpu: where the caller was when it last claimed a chunk
 * @memalloc: the PF_MEMALLOC flags of the caller that its helpers need, too
 * @fn: does a chunk
 * @arg: its argument
 * @reduction: how results are joined; NULL if there are none
 * @total: where to
 * @lock: protects @total
 */
struct scopex_loop {
	struct scopex_offer		offer;
	struct scopex_scope		*scope;
	atomic64_t			claimed ____cacheline_aligned_in_smp;
	u64				chunks ____cacheline_aligned_in_smp;
	unsigned long			first;
	unsigned long			count;
	unsigned long			grain;
	unsigned int			cpu;
	unsigned int			memalloc;
	scopex_range_fn_t		fn;
	void				*arg;
	const struct scopex_reduction	*reduction;
	void				*total;
	/* for @total */
	spinlock_t			lock;
};

/* Is there nothing left to claim? */
static bool scopex_loop_over(const struct scopex_loop *loop)
{
	return (u64)atomic64_read(&loop->claimed) >= loop->chunks ||
	       scopex_cancelled(loop->scope);
}

static bool scopex_claim_chunk(struct scopex_loop *loop, u64 *chunk)
{
	/* The counter is not written for nothing, and never wraps. */
	if (scopex_loop_over(loop))
		return false;
	*chunk = atomic64_fetch_inc_relaxed(&loop->claimed);
	return *chunk < loop->chunks;
}

/* Take an offer back. False if it is not there: the worker has it, or had it. */
static bool scopex_take_back(struct scopex_loop *loop, struct scopex_cpu *sc)
{
	/* Relaxed: the reference is one that nobody else has seen. */
	if (READ_ONCE(sc->offer) != &loop->offer ||
	    cmpxchg_relaxed(&sc->offer, &loop->offer, NULL) != &loop->offer)
		return false;
	scopex_put_not_last(loop->scope);
	return true;
}

/* Ask one more CPU to help, if one that is near is idle. */
static void scopex_ask(struct scopex_loop *loop, struct scopex_cpu **cursor)
{
	struct scopex_cpu *sc = *cursor;
	unsigned int i;

	for (i = 0; i < SCOPEX_ASK; i++) {
		sc = READ_ONCE(sc->next);
		if (!sc)
			return;
		*cursor = sc;
		if (scopex_is_idle(sc) && !READ_ONCE(sc->offer) &&
		    sc->cpu != READ_ONCE(loop->cpu) && sc->cpu != raw_smp_processor_id())
			break;
	}
	if (i == SCOPEX_ASK)
		return;

	/* By the caller, who is the first to ask. */
	scopex_register_once(loop->scope);
	scopex_get(loop->scope);
	/* Release L: pairs with scopex_help(); see offer-take.litmus. */
	if (cmpxchg_release(&sc->offer, NULL, &loop->offer)) {
		scopex_put_not_last(loop->scope);
		return;
	}
	scopex_inject(SCOPEX_INJECT_OFFER);
	/*
	 * P: has a full barrier; pairs with set_current_state() in scopex_park(). M:
	 * it is one between the offer and the look at the loop, too; pairs with
	 * scopex_withdraw(); see offer-withdraw.litmus.
	 */
	wake_up_process(READ_ONCE(sc->active));
	if (unlikely(scopex_loop_over(loop)))
		scopex_take_back(loop, sc);
}

/* Take back what nobody has taken up. */
static void scopex_withdraw(struct scopex_loop *loop)
{
	unsigned int cpu;

	/*
	 * M: between the look that found the loop over and those for offers; pairs
	 * with scopex_ask(); see offer-withdraw.litmus.
	 */
	smp_mb();
	for_each_possible_cpu(cpu)
		scopex_take_back(loop, per_cpu_ptr(&scopex_cpus, cpu));
}

static void scopex_do_chunk(struct scopex_loop *loop, u64 chunk, void *result)
{
	struct scopex_range range = {
		.first = loop->first + chunk * loop->grain,
		.count = min(loop->grain, loop->count -
					  (unsigned long)chunk * loop->grain),
		.scope = loop->scope,
		.arg = loop->arg,
		.result = result,
	};
	int err;

	trace_scopex_chunk_start(&range, loop->fn);
	err = loop->fn(&range);
	trace_scopex_chunk_end(&range, loop->fn, err);
	if (likely(!err))
		return;
	if (!IS_ERR_VALUE((long)err)) {
		scopex_misuse("%ps, the function of a loop, returned %d, which is no errno",
			      loop->fn, err);
		err = -EINVAL;
	}
	scopex_fail(loop->scope, err);
}

/*
 * Do chunks until there are none, or the loop is cancelled, or the CPU of @helper, if
 * there is one, has items to run.
 */
static void scopex_do_chunks(struct scopex_loop *loop, struct scopex_cpu *cursor,
			     struct scopex_worker *helper)
{
	const struct scopex_reduction *reduction = loop->reduction;
	bool serial = atomic64_read(&loop->scope->state) & SCOPEX_SERIAL;
	u64 result[SCOPEX_RESULT_MAX / sizeof(u64)] __scopex_uninitialized;
	/* So that it is reported in each loop: a worker may go from one to the next. */
	unsigned long tick = jiffies - 1;
	bool done = false;
	u64 chunk;

	if (reduction)
		memset(result, 0, sizeof(result));
	if (reduction && reduction->init)
		reduction->init(result, loop->arg);

	while (scopex_claim_chunk(loop, &chunk)) {
		if (!helper && unlikely(loop->cpu != raw_smp_processor_id()))
			WRITE_ONCE(loop->cpu, raw_smp_processor_id());
		if (chunk + 1 < loop->chunks && cursor && !serial)
			scopex_ask(loop, &cursor);
		scopex_do_chunk(loop, chunk, reduction ? result : NULL);
		done = true;
		/* One by one: it is how stall.c sees that the worker gets on. */
		if (helper)
			local_inc(&helper->count[SCOPEX_CHUNKS]);
		/* A worker has no signals; the caller would notice it at its end. */
		if (unlikely(fatal_signal_pending(current)) &&
		    loop->scope->flags & SCOPEX_KILLABLE)
			scopex_cancel(loop->scope, -EINTR);
		scopex_cond_resched(&tick);
		if (helper && !scopex_queue_end(READ_ONCE(helper->sc->queue)))
			break;
	}

	if (reduction && done) {
		spin_lock(&loop->lock);
		reduction->join(loop->total, result, loop->arg);
		spin_unlock(&loop->lock);
	}
}

/* Help with a loop. The worker has taken the offer out of its CPU, and has nothing to do. */
static void scopex_help(struct scopex_worker *w, struct scopex_offer *offer)
{
	struct scopex_loop *loop = container_of(offer, struct scopex_loop, offer);
	struct scopex_scope *scope = loop->scope;
	unsigned int flags = current->flags;
	struct scopex_cpu *sc = w->sc;
	struct scopex_context before;

	scopex_set_current(w, scope);
	WRITE_ONCE(w->fn, (void *)loop->fn);
	current->flags |= loop->memalloc;
	if (SCOPEX_CHECK_ITEMS)
		scopex_context_save(&before);
	scopex_lockdep_acquire(scope);
	scopex_do_chunks(loop, sc, w);
	scopex_lockdep_release(scope);
	if (SCOPEX_CHECK_ITEMS)
		scopex_context_check(w, scope->site, (void *)loop->fn, &before);
	current_restore_flags(flags, SCOPEX_MEMALLOC);
	local_inc(&w->count[SCOPEX_HELPS]);
	scopex_clear_current(w);
	/* The last touch of the loop was before, of the scope is this. */
	scopex_put_items(scope, 1);
}

/* Wait a little for helpers that are in their last chunk; it may be enough. */
static void scopex_spin(struct scopex_scope *scope)
{
	unsigned int i;

	for (i = 0; i < SCOPEX_LOOP_SPINS && !need_resched() &&
	     (atomic64_read(&scope->state) & SCOPEX_COUNT_MASK) != SCOPEX_ONE; i++)
		cpu_relax();
}

/* Run a loop that is over one number or more. */
static void scopex_run_loop(struct scopex_loop *loop)
{
	struct scopex_scope *scope = loop->scope;
	struct scopex_worker *w = scopex_owner_worker(scope);
	struct scopex_scope *outer = NULL;
	struct scopex_site *outer_site = NULL;
	void *outer_fn = NULL;
	unsigned long grain = loop->grain;

	if (!grain)
		grain = loop->count / (SCOPEX_CHUNKS_PER_CPU * scopex_count_open());
	loop->grain = clamp(grain, 1UL, loop->count);
	loop->chunks = loop->count / loop->grain +
		       (loop->count % loop->grain != 0);
	atomic64_set(&loop->claimed, 0);
	spin_lock_init(&loop->lock);

	/* What a chunk opens belongs to the loop. */
	if (w) {
		outer = w->scope;
		outer_site = w->site;
		outer_fn = w->fn;
		scopex_set_current(w, scope);
		WRITE_ONCE(w->fn, (void *)loop->fn);
	}
	/* O: as in __scopex_submit_local(). */
	scopex_do_chunks(loop, this_cpu_read(scopex_local), NULL);
	if (w) {
		scopex_set_current_at(w, outer, outer_site);
		WRITE_ONCE(w->fn, outer_fn);
	}

	if ((atomic64_read(&scope->state) & SCOPEX_COUNT_MASK) != SCOPEX_ONE) {
		scopex_withdraw(loop);
		scopex_spin(scope);
	}
	/* A loop that was not done to its end is none. */
	if (unlikely((u64)atomic64_read(&loop->claimed) < loop->chunks))
		scopex_set_error(scope, -ECANCELED);
}

/**
 * __scopex_for() - for scopex_for() and scopex_reduce()
 * @first: the first number
 * @count: how many numbers
 * @fn: does a part of them
 * @params: the rest
 * @site: the place in the code
 *
 * Context: process context; sleeps.
 *
 * Return: as documented for scopex_for().
 */
int __scopex_for(unsigned long first, unsigned long count, scopex_range_fn_t fn,
		 const struct scopex_for_params *params,
		 struct scopex_site *site)
{
	struct scopex_loop loop __scopex_uninitialized;
	struct scopex_custom_scope custom __scopex_uninitialized;

	might_sleep();
	/* One by one, as most of it is room between cache lines. */
	loop.offer.help = scopex_help;
	loop.first = first;
	loop.count = count;
	loop.grain = params->grain;
	loop.cpu = raw_smp_processor_id();
	loop.memalloc = current->flags & SCOPEX_MEMALLOC;
	loop.fn = fn;
	loop.arg = params->arg;
	loop.reduction = params->reduction;
	loop.total = params->total;
	if (WARN(loop.reduction && (!loop.total ||
				    loop.reduction->size > SCOPEX_RESULT_MAX),
		 "scopex: %pS reduces to what is larger than %d bytes, or nowhere\n",
		 (void *)_RET_IP_, SCOPEX_RESULT_MAX))
		return -EINVAL;

	loop.scope = &custom.scope;
	scopex_open_timed(&custom, site, params->flags |
			  (params->run_all ? 0 : SCOPEX_FAIL_FAST),
			  params->timeout_us, params->deadline);
	if (likely(count) &&
	    likely(scopex_is_open(loop.scope)))
		scopex_run_loop(&loop);
	__scopex_close(&custom.scope);
	return custom.scope.error;
}
EXPORT_SYMBOL_GPL(__scopex_for);
