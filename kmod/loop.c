// SPDX-License-Identifier: GPL-2.0
/*
 * Parallel loops: a range of numbers, in chunks, by the caller and by idle CPUs
 *
 * Theory of operation
 *
 * A loop is on the caller's stack: a scope, and a counter from which threads claim chunks one
 * by one. The caller claims and runs chunks until none is left, so it completes the loop
 * whatever the other CPUs do. Workers of idle CPUs help. Nothing is queued for a loop.
 * Instead, a thread of the loop offers it to the worker of a CPU:
 *
 *	scopex_cpu.offer	NULL, or the loop that the worker may help with
 *
 * Offers. The thread takes a reference on the loop's scope for the worker, and then stores the
 * offer (cmpxchg from NULL). The worker takes the offer out (xchg to NULL), helps, and gives
 * the reference back when no chunk is left to claim. Or the caller, when it has no chunk left,
 * takes the offer back (cmpxchg to NULL) and gives the reference back. So the caller never
 * waits for a CPU that has not begun. Exactly one of the two gets the offer.
 *
 * The helper sees the loop and its reference: a release of the offer, and an acquire by the
 * worker; see offer-take.litmus. A thread makes an offer, and then looks whether the loop is
 * over; the caller sees that the loop is over, and then looks for offers. Each side has a full
 * barrier in between. So one of the two takes the offer back; see offer-withdraw.litmus. The
 * caller sees the results of a helper as those of an item: see put-drain.litmus.
 *
 * Helpers. A thread offers the loop only to a CPU whose worker sleeps. It makes one offer for
 * each chunk that it claims, before it runs the chunk, if more chunks are left. So helpers
 * come as fast as they can be woken, and each brings others. CPUs are asked in the order of
 * their ring, in which the CPUs of a NUMA node are neighbours. The caller's CPU is left out:
 * its worker would take the CPU from the caller. The caller may sleep in a chunk, but scopex
 * can't know for how long. A helper whose CPU gets items leaves after its chunk. The other
 * threads of the loop ask that CPU again when it is idle.
 *
 * A loop is listed with the open scopes before its first offer, so exit.c finds it.
 *
 * A loop allocates no memory, however many CPUs there are. A chunk is not an item. But it
 * runs like a part of one, and may do all that an item may.
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
#include "current.h"
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
#include "thread.h"

/* The number of CPUs that a thread looks at to find an idle one. */
#define SCOPEX_ASK	4

/* The number of chunks for each CPU, if the caller does not give their size. */
#define SCOPEX_CHUNKS_PER_CPU	8

/*
 * Restrictions of the caller on allocations, for example because it holds locks of a
 * filesystem. They hold for its helpers, too, as the caller waits for them. PF_MEMALLOC is
 * left out: it opens the reserves of memory to one thread, which promises to free more soon.
 */
#define SCOPEX_MEMALLOC	(PF_MEMALLOC_NOFS | PF_MEMALLOC_NOIO | PF_MEMALLOC_PIN)

/* How often the caller looks whether the helpers have left, before it sleeps. */
#define SCOPEX_LOOP_SPINS	300

/**
 * struct scopex_loop - a parallel loop, on the stack of its caller
 * @offer: the offer of the loop to a worker
 * @scope: its scope
 * @claimed: the number of chunks that were claimed
 * @chunks: the number of chunks
 * @first: the first number
 * @count: the number of numbers
 * @grain: the number of numbers in a chunk
 * @cpu: the CPU of the caller when it last claimed a chunk
 * @memalloc: the PF_MEMALLOC flags of the caller that hold for its helpers, too
 * @fn: the function that does a chunk
 * @arg: its argument
 * @reduction: how results are joined; NULL if the loop has no result
 * @total: the caller's total
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
	/* protects @total */
	spinlock_t			lock;
};

/* Returns true if no chunk is left to claim. */
static bool scopex_loop_over(const struct scopex_loop *loop)
{
	return (u64)atomic64_read(&loop->claimed) >= loop->chunks ||
	       scopex_cancelled(loop->scope);
}

static bool scopex_claim_chunk(struct scopex_loop *loop, u64 *chunk)
{
	/* Read first: so the counter is not written in vain, and never wraps. */
	if (scopex_loop_over(loop))
		return false;
	*chunk = atomic64_fetch_inc_relaxed(&loop->claimed);
	return *chunk < loop->chunks;
}

/* Take an offer back. Returns false if the worker took it first, or it was never there. */
static bool scopex_take_back(struct scopex_loop *loop, struct scopex_cpu *sc)
{
	/* Relaxed: no other thread has seen the reference of the offer. */
	if (READ_ONCE(sc->offer) != &loop->offer ||
	    cmpxchg_relaxed(&sc->offer, &loop->offer, NULL) != &loop->offer)
		return false;
	scopex_put_not_last(loop->scope);
	return true;
}

/* Offer the loop to one more CPU, if one of the next few is idle. */
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

	/* The caller does this: it makes the first offer. */
	scopex_register_once(loop->scope);
	scopex_get(loop->scope);
	/*
	 * Release: the worker sees the loop and the reference; pairs with
	 * scopex_take_offer(); see offer-take.litmus.
	 */
	if (cmpxchg_release(&sc->offer, NULL, &loop->offer)) {
		scopex_put_not_last(loop->scope);
		return;
	}
	scopex_inject(SCOPEX_INJECT_OFFER);
	/*
	 * wake_up_process() has a full barrier. It orders the offer before the look at the
	 * worker's task state; pairs with set_current_state() in scopex_park(), and without it
	 * a helper could be missing. It also orders the offer before the look at the loop;
	 * pairs with scopex_withdraw(); see offer-withdraw.litmus.
	 */
	wake_up_process(READ_ONCE(sc->active));
	if (unlikely(scopex_loop_over(loop)))
		scopex_take_back(loop, sc);
}

/* Take the offers back that no worker has taken. */
static void scopex_withdraw(struct scopex_loop *loop)
{
	unsigned int cpu;

	/*
	 * A full barrier between the look that found the loop over and the looks for offers;
	 * pairs with scopex_ask(); see offer-withdraw.litmus.
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
 * Do chunks until none is left, or the loop is cancelled, or the CPU of @helper has items to
 * run. @helper is NULL in the caller.
 */
static void scopex_do_chunks(struct scopex_loop *loop, struct scopex_cpu *cursor,
			     struct scopex_worker *helper)
{
	const struct scopex_reduction *reduction = loop->reduction;
	bool serial = atomic64_read(&loop->scope->state) & SCOPEX_SERIAL;
	u64 result[SCOPEX_RESULT_MAX / sizeof(u64)] __scopex_uninitialized;
	/* Report to RCU-tasks in each loop: a worker may go from one loop to the next. */
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
		/* One by one: this shows stall.c that the worker gets on. */
		if (helper)
			local_inc(&helper->count[SCOPEX_CHUNKS]);
		/* Only the caller has signals. It would notice this one at its end only. */
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

/* Help with a loop. The worker has taken the offer, and has no item to run. */
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
	/* The last access to the loop was before. This is the last one to the scope. */
	scopex_put_items(scope, 1);
}

/* Run a loop over one number or more. */
static void scopex_run_loop(struct scopex_loop *loop)
{
	struct scopex_scope *scope = loop->scope;
	struct scopex_worker *w = scopex_owner_worker(scope);
	struct scopex_current before;
	unsigned long grain = loop->grain;

	if (!grain)
		grain = loop->count / (SCOPEX_CHUNKS_PER_CPU * scopex_count_open());
	loop->grain = clamp(grain, 1UL, loop->count);
	loop->chunks = loop->count / loop->grain +
		       (loop->count % loop->grain != 0);
	atomic64_set(&loop->claimed, 0);
	spin_lock_init(&loop->lock);

	/* Scopes that a chunk opens are children of the loop. */
	if (w) {
		scopex_save_current(w, &before);
		scopex_set_current(w, scope);
		WRITE_ONCE(w->fn, (void *)loop->fn);
	}
	/* As in __scopex_submit_local(). */
	scopex_do_chunks(loop, this_cpu_read(scopex_local), NULL);
	if (w)
		scopex_restore_current(w, &before);

	if ((atomic64_read(&scope->state) & SCOPEX_COUNT_MASK) != SCOPEX_ONE) {
		scopex_withdraw(loop);
		/* Helpers that are in their last chunk may leave before a sleep is worth it. */
		scopex_spin_until(need_resched() ||
				  scopex_is_drained(atomic64_read(&scope->state)),
				  SCOPEX_LOOP_SPINS);
	}
	/* Report an incomplete loop as cancelled. */
	if (unlikely((u64)atomic64_read(&loop->claimed) < loop->chunks))
		scopex_set_error(scope, -ECANCELED);
}

/**
 * __scopex_for() - for scopex_for() and scopex_reduce()
 * @first: the first number
 * @count: the number of numbers
 * @fn: the function that does a part of them
 * @params: the other parameters
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
	/* Set each field by itself: most of the struct is room between cache lines. */
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
