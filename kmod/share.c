// SPDX-License-Identifier: GPL-2.0
/*
 * Loops that are shared: chunks, offers to idle CPUs, helpers
 *
 * Theory of operation
 *
 * A caller that has done a part of its loop alone, and finds that help with the rest is worth
 * its cost (gain.c), shares the rest. The rest is a counter on the caller's stack, from which
 * threads claim chunks one by one. The caller claims and runs chunks until none is left, so it
 * completes the loop whatever the other CPUs do. Workers of idle CPUs help. Nothing is queued
 * for a loop. Instead, a thread of the loop offers it to the worker of a CPU:
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
 * A worker that spins is not woken. It says that it no longer spins, and then looks at the
 * offer before it sleeps. The thread makes the offer, and then looks whether the worker spins.
 * Each side has a full barrier in between. So the worker finds the offer, or the thread wakes
 * it; see offer-spin.litmus.
 *
 * Helpers. A thread offers the loop only to a CPU whose worker sleeps or spins. It makes one
 * offer for each chunk that it claims, before it runs the chunk, as long as the rest is worth
 * that. CPUs are asked in the order of their ring, in which the CPUs of a NUMA node are
 * neighbours. The caller's CPU is left out: its worker would take the CPU from the caller. The
 * caller may sleep in a chunk, but scopex can't know for how long. A helper whose CPU gets
 * items leaves after its chunk. The other threads of the loop ask that CPU again when it is
 * idle.
 *
 * Chunks have no fixed places. Each one is a part of what is left, at most an equal part for
 * twice as many threads as there are CPUs, so the last ones are short, and the threads end
 * together. Each thread keeps its chunks between 2 us and 1 ms, as long as one number allows
 * that: a chunk that is shorter costs more to claim than it is worth, and a longer one holds
 * up the items of its CPU. If the caller has given the size of a chunk, all have that size.
 *
 * A loop is listed with the open scopes before its first offer, so exit.c finds it. The caller
 * waits here until all helpers have left, as the counter is in the frame of this file's
 * function.
 */

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timekeeping.h>

#include "cancel.h"
#include "context.h"
#include "cpu.h"
#include "current.h"
#include "gain.h"
#include "inject.h"
#include "lockdep.h"
#include "misuse.h"
#include "queue.h"
#include "ref.h"
#include "registry.h"
#include "resched.h"
#include "select.h"
#include "share.h"
#include "state.h"
#include "steal.h"
#include "text.h"
#include "thread.h"
#include "wait.h"

/* The number of CPUs that a thread looks at to find an idle one. */
#define SCOPEX_ASK	4

/* What is left of a loop is divided into so many chunks for each CPU. */
#define SCOPEX_CHUNKS_PER_CPU	2

/* The longest chunk takes so many times as long as the shortest one. */
#define SCOPEX_LONGEST	512UL

/*
 * Restrictions of the caller on allocations, for example because it holds locks of a
 * filesystem. They hold for its helpers, too, as the caller waits for them. PF_MEMALLOC is
 * left out: it opens the reserves of memory to one thread, which promises to free more soon.
 */
#define SCOPEX_MEMALLOC	(PF_MEMALLOC_NOFS | PF_MEMALLOC_NOIO | PF_MEMALLOC_PIN)

/* How often the caller looks whether the helpers have left, before it sleeps. */
#define SCOPEX_LOOP_SPINS	300

/**
 * struct scopex_loop - the rest of a loop, on the stack of its caller
 * @offer: the offer of the loop to a worker
 * @scope: its scope
 * @claimed: how many numbers were claimed
 * @first: the first number
 * @count: the number of numbers
 * @grain: the number of numbers in a chunk, or 0
 * @least: the same for the shortest chunk, for a thread that has done none yet
 * @worth: how many numbers have to be left for each thread to be worth another offer
 * @parts: how many chunks what is left is divided into
 * @cpu: the CPU of the caller when it last claimed a chunk
 * @memalloc: the PF_MEMALLOC flags of the caller that hold for its helpers, too
 * @fn: the function that does a chunk
 * @arg: its argument
 * @reduction: how results are joined; NULL if the loop has no result
 * @total: the caller's total
 * @asked: when the first offer was made, in ns
 * @came: the time from then until a worker came first, or 0; written by that worker
 * @lock: protects @total
 */
struct scopex_loop {
	struct scopex_offer		offer;
	struct scopex_scope		*scope;
	atomic_long_t			claimed ____cacheline_aligned_in_smp;
	unsigned long			first ____cacheline_aligned_in_smp;
	unsigned long			count;
	unsigned long			grain;
	unsigned long			least;
	unsigned long			worth;
	unsigned int			parts;
	unsigned int			cpu;
	unsigned int			memalloc;
	scopex_range_fn_t		fn;
	void				*arg;
	const struct scopex_reduction	*reduction;
	void				*total;
	u64				asked;
	u64				came;
	/* protects @total */
	spinlock_t			lock;
};

/* Call the function of a loop, with the events of the chunk. */
int scopex_call_traced(struct scopex_range *range, scopex_range_fn_t fn)
{
	int err;

	trace_scopex_chunk_start(range, fn);
	err = fn(range);
	trace_scopex_chunk_end(range, fn, err);
	return err;
}

/* Tell the scope of a loop the error of a chunk. */
void scopex_chunk_failed(struct scopex_scope *scope, int err)
{
	if (!IS_ERR_VALUE((long)err)) {
		scopex_misuse("%s, the function of a loop in %s(), returned %d, which is no errno",
			      scopex_name(scope->site->name), scopex_name(scope->site->func),
			      err);
		err = -EINVAL;
	}
	scopex_fail(scope, err);
}

/* Returns how many numbers are not claimed; 0 if the loop is cancelled. */
static unsigned long scopex_loop_left(const struct scopex_loop *loop)
{
	unsigned long claimed = atomic_long_read(&loop->claimed);

	return scopex_cancelled(loop->scope) ? 0 : loop->count - claimed;
}

/*
 * Claim a chunk of @least numbers or more, and store it in @range. Returns false if none is
 * left, or the loop is cancelled.
 */
static bool scopex_claim_chunk(struct scopex_loop *loop, unsigned long least,
			       struct scopex_range *range)
{
	long claimed = atomic_long_read(&loop->claimed);
	unsigned long left;

	do {
		left = loop->count - claimed;
		if (!left || scopex_cancelled(loop->scope))
			return false;
		range->count = min(left, loop->grain ?:
				   clamp(left / loop->parts, least, SCOPEX_LONGEST * least));
	} while (!atomic_long_try_cmpxchg_relaxed(&loop->claimed, &claimed,
						  claimed + range->count));
	range->first = loop->first + claimed;
	return true;
}

/* Take an offer back. Returns false if the worker took it first, or it was never there. */
static bool scopex_take_back(struct scopex_loop *loop, struct scopex_cpu *sc)
{
	/* Relaxed: no other thread has seen the reference of the offer. */
	if (READ_ONCE(sc->offer) != &loop->offer ||
	    cmpxchg_relaxed(&sc->offer, &loop->offer, NULL) != &loop->offer)
		return false;
	this_cpu_inc(scopex_cpus.withdrawn);
	scopex_put_not_last(loop->scope);
	return true;
}

/* Returns an idle CPU among the next few, but not this one and not @cpu; or NULL. */
static struct scopex_cpu *scopex_find_idle(struct scopex_cpu **cursor, unsigned int cpu)
{
	struct scopex_cpu *sc = *cursor;
	unsigned int i;

	for (i = 0; sc && i < SCOPEX_ASK; i++) {
		sc = READ_ONCE(sc->next);
		if (!sc)
			break;
		*cursor = sc;
		if (scopex_is_idle(sc) && !READ_ONCE(sc->offer) && sc->cpu != cpu &&
		    sc->cpu != raw_smp_processor_id())
			return sc;
	}
	return NULL;
}

/* Offer the loop to the worker of a CPU. Returns false if another loop was faster. */
static bool scopex_offer(struct scopex_loop *loop, struct scopex_cpu *sc)
{
	scopex_get(loop->scope);
	/*
	 * Release: the worker sees the loop and the reference; pairs with
	 * scopex_take_offer(); see offer-take.litmus.
	 */
	if (cmpxchg_release(&sc->offer, NULL, &loop->offer)) {
		scopex_put_not_last(loop->scope);
		return false;
	}
	this_cpu_inc(scopex_cpus.offers);
	scopex_inject(SCOPEX_INJECT_OFFER);
	/*
	 * A full barrier between the offer and the looks at the worker and the loop. The look
	 * whether the worker spins pairs with scopex_spin_for_work(), see offer-spin.litmus; the
	 * look at the loop with scopex_withdraw(), see offer-withdraw.litmus.
	 */
	smp_mb__after_atomic();
	/*
	 * wake_up_process() has a full barrier, too. It orders the offer before the look at the
	 * worker's task state; pairs with set_current_state() in scopex_park(), and without it
	 * a helper could be missing.
	 */
	if (!READ_ONCE(sc->spinning))
		wake_up_process(READ_ONCE(sc->active)->task);
	if (unlikely(!scopex_loop_left(loop)))
		scopex_take_back(loop, sc);
	return true;
}

/* Take the offers back that no worker has taken. */
static void scopex_withdraw(struct scopex_loop *loop)
{
	unsigned int cpu;

	/*
	 * A full barrier between the look that found the loop over and the looks for offers;
	 * pairs with scopex_offer(); see offer-withdraw.litmus.
	 */
	smp_mb();
	for_each_possible_cpu(cpu)
		scopex_take_back(loop, per_cpu_ptr(&scopex_cpus, cpu));
}

/* Ask one more CPU, if one of the next few is idle, and if enough is left for its helper. */
static void scopex_ask(struct scopex_loop *loop, struct scopex_cpu **cursor)
{
	u64 state = atomic64_read(&loop->scope->state);
	/* One reference for each thread, and for each offer. */
	unsigned int threads = (state & SCOPEX_COUNT_MASK) / SCOPEX_ONE;
	struct scopex_cpu *sc;

	if (scopex_loop_left(loop) / threads < loop->worth)
		return;
	sc = scopex_find_idle(cursor, READ_ONCE(loop->cpu));
	if (sc)
		scopex_offer(loop, sc);
}

/*
 * Returns the number of numbers in the shortest chunks of this thread, after a chunk of @nr
 * numbers that took @took ticks: a half or twice of what it was, if that is nearer.
 */
static unsigned long scopex_least(unsigned long least, unsigned long nr, u64 took)
{
	u64 span = this_cpu_read(scopex_gain.span), time = scopex_scale(took, least, nr);

	if (time > 2 * span && least > 1)
		return least / 2;
	if (2 * time < span && least < ULONG_MAX / (4 * SCOPEX_LONGEST))
		return least * 2;
	return least;
}

/*
 * Do chunks until none is left, or the loop is cancelled, or the CPU of @helper has items to
 * run. @helper is NULL in the caller, whose result may be that of earlier chunks. Returns true
 * if there was a chunk.
 */
static bool scopex_do_chunks(struct scopex_loop *loop, struct scopex_cpu *cursor,
			     struct scopex_worker *helper, void *result)
{
	struct scopex_range range = {
		.scope = loop->scope, .arg = loop->arg, .result = result,
	};
	/* Report to RCU-tasks in each loop: a worker may go from one loop to the next. */
	unsigned long least = loop->least, tick = jiffies - 1;
	bool done = false;
	u64 begin;

	while (scopex_claim_chunk(loop, least, &range)) {
		if (!helper && unlikely(loop->cpu != raw_smp_processor_id()))
			WRITE_ONCE(loop->cpu, raw_smp_processor_id());
		scopex_ask(loop, &cursor);
		begin = scopex_ticks();
		scopex_do_chunk(&range, loop->fn);
		least = scopex_least(least, range.count, scopex_ticks() - begin);
		done = true;
		/* One by one: this shows stall.c that the worker gets on. */
		if (helper)
			local_inc(&helper->count[SCOPEX_CHUNKS]);
		/* Only the caller has signals. It would notice this one at its end only. */
		if (unlikely(fatal_signal_pending(current)) &&
		    loop->scope->flags & SCOPEX_KILLABLE)
			scopex_cancel(loop->scope, -EINTR);
		scopex_cond_resched(&tick);
		if (helper && (!scopex_queue_end(READ_ONCE(helper->sc->queue)) ||
			       scopex_look_at(helper->sc) == SCOPEX_ITEMS))
			break;
	}
	return done;
}

static void scopex_join_result(struct scopex_loop *loop, const void *result)
{
	spin_lock(&loop->lock);
	loop->reduction->join(loop->total, result, loop->arg);
	spin_unlock(&loop->lock);
}

/* Do the chunks of a helper, with a result of its own. */
static void scopex_help_chunks(struct scopex_loop *loop, struct scopex_worker *w)
{
	const struct scopex_reduction *reduction = loop->reduction;
	u64 result[SCOPEX_RESULT_MAX / sizeof(u64)] __scopex_uninitialized;

	if (!reduction) {
		scopex_do_chunks(loop, w->sc, w, NULL);
		return;
	}
	memset(result, 0, sizeof(result));
	if (reduction->init)
		reduction->init(result, loop->arg);
	if (scopex_do_chunks(loop, w->sc, w, result))
		scopex_join_result(loop, result);
}

/* Help with a loop. The worker has taken the offer, and has no item to run. */
static void scopex_help(struct scopex_worker *w, struct scopex_offer *offer)
{
	struct scopex_loop *loop = container_of(offer, struct scopex_loop, offer);
	struct scopex_scope *scope = loop->scope;
	unsigned int flags = current->flags;
	struct scopex_context before;

	if (!READ_ONCE(loop->came))
		WRITE_ONCE(loop->came, max(ktime_get_mono_fast_ns() - loop->asked, 1ULL));
	scopex_set_current(w, scope);
	WRITE_ONCE(w->fn, (void *)loop->fn);
	current->flags |= loop->memalloc;
	if (SCOPEX_CHECK_ITEMS)
		scopex_context_save(&before);
	scopex_lockdep_acquire(scope);
	scopex_help_chunks(loop, w);
	scopex_lockdep_release(scope);
	if (SCOPEX_CHECK_ITEMS)
		scopex_context_check(w, scope->site, (void *)loop->fn, &before);
	current_restore_flags(flags, SCOPEX_MEMALLOC);
	local_inc(&w->count[SCOPEX_HELPS]);
	scopex_clear_current(w);
	/* The last access to the loop was before. This is the last one to the scope. */
	scopex_put_items(scope, 1);
}

/* Wait until the helpers have left the loop. */
static void scopex_end_share(struct scopex_loop *loop)
{
	struct scopex_scope *scope = loop->scope;

	if (!scopex_is_drained(atomic64_read(&scope->state))) {
		scopex_withdraw(loop);
		/* Helpers that are in their last chunk may leave before a sleep is worth it. */
		scopex_spin_until(need_resched() ||
				  scopex_is_drained(atomic64_read(&scope->state)),
				  SCOPEX_LOOP_SPINS);
	}
	scopex_lockdep_flush(scope);
	scopex_drain_scope(scope);
	/* Report an incomplete loop as cancelled. */
	if (unlikely(atomic_long_read(&loop->claimed) != loop->count))
		scopex_set_error(scope, -ECANCELED);
}

/*
 * Share @left numbers with the worker of @sc, and with others. Returns false, with nothing
 * done, if another loop has made that worker an offer.
 */
static noinline bool scopex_share_with(struct scopex_range *range, unsigned long left,
				       scopex_range_fn_t fn,
				       const struct scopex_for_params *params, u64 took,
				       struct scopex_cpu *sc)
{
	struct scopex_loop loop __scopex_uninitialized;
	bool spinning = READ_ONCE(sc->spinning);
	u64 offered, ended;

	/* Set each field by itself: most of the struct is room between cache lines. */
	loop.offer.help = scopex_help;
	loop.scope = range->scope;
	atomic_long_set(&loop.claimed, 0);
	loop.first = range->first + range->count;
	loop.count = left;
	loop.grain = params->grain;
	loop.least = clamp_t(u64, scopex_scale(this_cpu_read(scopex_gain.span), range->count, took),
			     1, ULONG_MAX / (4 * SCOPEX_LONGEST));
	loop.worth = max_t(u64, scopex_scale(this_cpu_read(scopex_gain.cost[spinning].worth),
					     range->count, took), 2);
	loop.parts = SCOPEX_CHUNKS_PER_CPU * scopex_count_open();
	loop.cpu = raw_smp_processor_id();
	loop.memalloc = current->flags & SCOPEX_MEMALLOC;
	loop.fn = fn;
	loop.arg = params->arg;
	loop.reduction = params->reduction;
	loop.total = params->total;
	loop.came = 0;
	spin_lock_init(&loop.lock);

	/* Other threads than this one hold the scope from its first offer on. */
	scopex_register_once(loop.scope);
	loop.asked = ktime_get_mono_fast_ns();
	if (!scopex_offer(&loop, sc))
		return false;
	offered = ktime_get_mono_fast_ns();
	scopex_learn_wake(spinning, offered - loop.asked);

	scopex_do_chunks(&loop, sc, NULL, range->result);
	if (range->result) {
		scopex_join_result(&loop, range->result);
		range->result = NULL;
	}
	ended = ktime_get_mono_fast_ns();
	scopex_end_share(&loop);
	/* The caller has also lost the time for which it waits for the helpers. */
	scopex_learn_latency(spinning, (loop.came ?: ended - offered) +
			     ktime_get_mono_fast_ns() - ended, loop.came);
	return true;
}

/**
 * scopex_share() - share the rest of a loop with idle CPUs, if that is worth its cost
 * @range: the chunk that the caller has done last
 * @left: how many numbers are left behind it
 * @fn: the function of the loop
 * @params: the parameters of the loop
 * @took: how long the chunk took, in ticks
 * @cursor: the CPU that was looked at last, or NULL
 *
 * Context: the caller of the loop, which has opened its scope; sleeps.
 *
 * Return: true if the loop is over: each number is done, or the loop was cancelled. The result
 * of the caller is joined to the total, and @range has none any more. False if nothing was done,
 * and the caller goes on alone.
 */
bool scopex_share(struct scopex_range *range, unsigned long left, scopex_range_fn_t fn,
		  const struct scopex_for_params *params, u64 took,
		  struct scopex_cpu **cursor)
{
	struct scopex_cpu *sc;

	/* A last chunk can't be shared. The chunks of a serial scope are its owner's. */
	if (left <= max(params->grain, 1UL) ||
	    atomic64_read(&range->scope->state) & SCOPEX_SERIAL)
		return false;
	/* Address dependency: as in __scopex_submit_local(). */
	if (!*cursor)
		*cursor = this_cpu_read(scopex_local);
	sc = scopex_find_idle(cursor, raw_smp_processor_id());
	if (!sc)
		return false;
	if (scopex_scale(took, left, range->count) <
	    this_cpu_read(scopex_gain.cost[READ_ONCE(sc->spinning)].worth)) {
		scopex_unlearn();
		return false;
	}
	return scopex_share_with(range, left, fn, params, took, sc);
}
