// SPDX-License-Identifier: GPL-2.0
/*
 * Parallel loops: a range of numbers, in chunks, by the caller and by idle CPUs
 *
 * Theory of operation
 *
 * The caller begins alone. It runs chunks one after the other, and reads a cycle counter in
 * between. A loop that is short ends so, and has cost little more than a plain loop: a scope
 * that no list knows, and a few reads of the counter. A loop that has lasted for as long as a
 * wake-up takes, and of which enough is left, is shared with idle CPUs: see gain.c for when
 * that is, and share.c for how.
 *
 * Chunks while alone. The first chunk is a 64th of the loop, but no more than 256 numbers. The
 * next one is 16 times as long, or four times, or twice, if it then still ends before the loop
 * looks for help. The whole rest is one chunk if it would fit twice: a loop whose numbers take
 * longer and longer promises too little at its beginning. A loop that has found no help looks
 * again after as long as it has lasted, and at last after eight times as long as before its
 * first look. If the caller has given the size of a chunk, all have that size.
 *
 * The scope. A loop outside of items and without options opens its scope by itself, with a few
 * stores, and closes it in one step. A submit to it, or the first offer of the loop, makes the
 * scope known to others by listing it. A loop with a deadline, or in
 * an item, opens its scope as scopex_scope() does. So the timer and a cancellation from above
 * find a loop that is still alone, and a scope that is opened in a chunk has the loop as its
 * parent.
 *
 * A loop allocates no memory, however many CPUs there are. A chunk is not an item. But it
 * runs like a part of one, and may do all that an item may.
 */

#include <linux/bug.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/scopex_loop.h>
#include <linux/string.h>

#include <trace/events/scopex.h>

#include "current.h"
#include "gain.h"
#include "lockdep.h"
#include "ref.h"
#include "resched.h"
#include "scope.h"
#include "select.h"
#include "share.h"
#include "state.h"

/* The first chunk: a part of the loop, and at most so many numbers. */
#define SCOPEX_FIRST_SHIFT	6
#define SCOPEX_FIRST_MOST	256UL

/* The time until the next look grows with the first looks, this many. */
#define SCOPEX_LOOKS	4

/*
 * Returns the size of the next chunk, after one of @chunk numbers that took @took, when @left
 * numbers are left, and the next look for help is after @room.
 */
static __always_inline unsigned long scopex_next_chunk(unsigned long chunk, unsigned long left,
						       s64 took, s64 room)
{
	if (took << (SCOPEX_FIRST_SHIFT + 1) <= room && left >> SCOPEX_FIRST_SHIFT <= chunk)
		return left;
	if (took << 4 <= room)
		return left >> 4 < chunk ? left : chunk << 4;
	if (took << 2 <= room)
		return left >> 2 < chunk ? left : chunk << 2;
	if (took << 1 <= room)
		return left >> 1 < chunk ? left : chunk << 1;
	if (took > room && chunk > 1)
		chunk >>= 1;
	return min(chunk, left);
}

/* Returns the size of the first chunk of a loop: less than @count, unless that is 1. */
static __always_inline unsigned long scopex_first_chunk(unsigned long count)
{
	return min(count >> SCOPEX_FIRST_SHIFT, SCOPEX_FIRST_MOST - 1) + 1;
}

/**
 * struct scopex_alone - a loop that has lasted for long, and is still alone
 * @cursor: the CPU that was looked at last
 * @tick: the time of the last report to RCU-tasks, in jiffies
 * @looks: how often it has looked for help
 */
struct scopex_alone {
	struct scopex_cpu	*cursor;
	unsigned long		tick;
	unsigned int		looks;
};

/* Remember what a number takes, if that is longer than a loop is alone, for the next loop. */
static void scopex_learn_part(struct scopex_range *range,
			      const struct scopex_for_params *params, u64 took)
{
	struct scopex_site *site = range->scope->site;
	u64 part = 0;

	if (took >= this_cpu_read(scopex_gain.alone) &&
	    (range->count == 1 || range->count == params->grain))
		part = min_t(u64, scopex_scale(took, 1, range->count), U32_MAX);
	if (READ_ONCE(site->part) != part)
		WRITE_ONCE(site->part, part);
}

/*
 * Look for help before the first chunk, as the last loop of this place had long numbers. Returns
 * true if the loop was shared, and is over.
 */
static noinline bool scopex_look_at_once(struct scopex_range *range, unsigned long count,
					 scopex_range_fn_t fn,
					 const struct scopex_for_params *params)
{
	struct scopex_site *site = range->scope->site;
	u64 part = READ_ONCE(site->part), begin = scopex_ticks();
	struct scopex_cpu *cursor = NULL;

	range->count = 0;
	if (!scopex_share(range, count, fn, params, part, &cursor))
		return false;
	/* As if all CPUs had helped: then a number took no longer than this. */
	if (scopex_scale(scopex_ticks() - begin, scopex_count_open(), count) < part / 2)
		WRITE_ONCE(site->part, 0);
	return true;
}

/* Look for help. Returns 0 if the loop was shared, and is over; else when to look again. */
static noinline s64 scopex_look(struct scopex_alone *alone, struct scopex_range *range,
				unsigned long left, scopex_range_fn_t fn,
				const struct scopex_for_params *params, u64 took)
{
	if (!alone->looks) {
		alone->cursor = NULL;
		/* Report to RCU-tasks in each loop that lasts: the next one may follow at once. */
		alone->tick = jiffies - 1;
		scopex_learn_part(range, params, took);
	}
	if (scopex_share(range, left, fn, params, took, &alone->cursor))
		return 0;
	scopex_cond_resched(&alone->tick);
	if (alone->looks < SCOPEX_LOOKS)
		alone->looks++;
	/* It is 0 before the init, if scopex is built into the kernel. */
	return max(this_cpu_read(scopex_gain.alone), 1ULL) << (alone->looks - 1);
}

/*
 * Run a loop, alone until it is shared, from its first chunk on, which is in @range. @state is
 * the word of a scope that nobody has used. Returns how many numbers are left if the loop was
 * cancelled, and not yet shared; else 0.
 */
static __always_inline unsigned long
scopex_run_alone(struct scopex_scope *scope, u64 state, struct scopex_range *range,
		 unsigned long left, scopex_range_fn_t fn,
		 const struct scopex_for_params *params, bool killable)
{
	struct scopex_alone alone __scopex_uninitialized;
	u64 mark = scopex_ticks(), now;
	s64 room = this_cpu_read(scopex_gain.alone), took;
	unsigned long chunk = range->count;

	alone.looks = 0;
	for (;;) {
		scopex_do_chunk(range, fn);
		left -= chunk;
		if (!left)
			return 0;
		if (killable && unlikely(fatal_signal_pending(current)))
			scopex_cancel(scope, -EINTR);
		if (unlikely(atomic64_read(&scope->state) != state) && scopex_cancelled(scope))
			return left;
		now = scopex_ticks();
		took = now - mark;
		mark = now;
		room -= took;
		if (unlikely(room <= 0)) {
			room = scopex_look(&alone, range, left, fn, params, took);
			if (!room)
				return 0;
		} else if (unlikely(should_resched(0))) {
			cond_resched();
		}
		range->first += chunk;
		chunk = params->grain ? min(chunk, left) :
					scopex_next_chunk(chunk, left, took, room);
		range->count = chunk;
	}
}

/* Run the loop of a scope that is open, in the scope of its caller if that is an item. */
static void scopex_run_loop(struct scopex_range *range, unsigned long count,
			    scopex_range_fn_t fn, const struct scopex_for_params *params)
{
	const struct scopex_reduction *reduction = params->reduction;
	u64 result[SCOPEX_RESULT_MAX / sizeof(u64)] __scopex_uninitialized;
	struct scopex_worker *w = scopex_owner_worker(range->scope);
	struct scopex_current before;
	unsigned long left;

	if (unlikely(scopex_cancelled(range->scope))) {
		scopex_set_error(range->scope, -ECANCELED);
		return;
	}
	if (reduction) {
		range->result = memset(result, 0, sizeof(result));
		if (reduction->init)
			reduction->init(result, range->arg);
	}
	/* Scopes that a chunk opens are children of the loop. */
	if (w) {
		scopex_save_current(w, &before);
		scopex_set_current(w, range->scope);
		WRITE_ONCE(w->fn, (void *)fn);
	}
	if (READ_ONCE(range->scope->site->part) &&
	    scopex_look_at_once(range, count, fn, params)) {
		left = 0;
	} else {
		range->count = min(params->grain ?: scopex_first_chunk(count), count);
		left = scopex_run_alone(range->scope, 0, range, count, fn, params,
					range->scope->flags & SCOPEX_KILLABLE);
	}
	if (w)
		scopex_restore_current(w, &before);
	if (range->result)
		reduction->join(params->total, result, range->arg);
	/* Report an incomplete loop as cancelled. */
	if (left)
		scopex_set_error(range->scope, -ECANCELED);
}

/* Run a loop that has options, or is in an item: in a scope that is opened as others are. */
static noinline int scopex_for_custom(unsigned long first, unsigned long count,
				      scopex_range_fn_t fn,
				      const struct scopex_for_params *params,
				      struct scopex_site *site, unsigned long caller)
{
	struct scopex_custom_scope custom __scopex_uninitialized;
	struct scopex_range range = {
		.first = first, .scope = &custom.scope, .arg = params->arg,
	};

	if (WARN(params->reduction && (!params->total ||
				       params->reduction->size > SCOPEX_RESULT_MAX),
		 "scopex: %pS reduces to what is larger than %d bytes, or nowhere\n",
		 (void *)caller, SCOPEX_RESULT_MAX))
		return -EINVAL;

	scopex_open_timed(&custom, site, params->flags |
			  (params->run_all ? 0 : SCOPEX_FAIL_FAST),
			  params->timeout_us, params->deadline);
	if (likely(count) && likely(scopex_is_open(&custom.scope)))
		scopex_run_loop(&range, count, fn, params);
	__scopex_close(&custom.scope);
	return custom.scope.error;
}

/* Open the scope of a plain loop, and return its word. */
static __always_inline u64 scopex_open_plain(struct scopex_scope *scope,
					     struct scopex_site *site)
{
	scopex_fill_scope(scope, site, SCOPEX_FAIL_FAST);
	scopex_state_init(scope, SCOPEX_OPEN | SCOPEX_UNLISTED | SCOPEX_ONE);
	return scopex_encode(scope, SCOPEX_OPEN | SCOPEX_UNLISTED | SCOPEX_ONE);
}

/* Close it, in one step if nobody has used it. Returns its error. */
static __always_inline int scopex_close_plain(struct scopex_scope *scope, u64 state)
{
	/* Else the compiler keeps the address for this, in one more register. */
	OPTIMIZER_HIDE_VAR(state);
	/* As in __scopex_close(). */
	if (SCOPEX_CHECK_WAITS || trace_scopex_close_enabled() ||
	    !scopex_state_close_unused(scope, state))
		__scopex_close(scope);
	return scope->error;
}

/* Run a loop of several chunks, outside of items and without options. */
static noinline int scopex_for_plain(unsigned long first, unsigned long count,
				     scopex_range_fn_t fn,
				     const struct scopex_for_params *params,
				     struct scopex_site *site)
{
	struct scopex_scope scope __scopex_uninitialized;
	struct scopex_range range __scopex_uninitialized;
	u64 state = scopex_open_plain(&scope, site);

	range.first = first;
	range.scope = &scope;
	range.arg = params->arg;
	range.result = NULL;
	if (unlikely(READ_ONCE(site->part)) && scopex_look_at_once(&range, count, fn, params))
		return scopex_close_plain(&scope, state);
	range.count = params->grain ?: scopex_first_chunk(count);
	/* Report an incomplete loop as cancelled. */
	if (unlikely(scopex_run_alone(&scope, state, &range, count, fn, params, false)))
		scopex_set_error(&scope, -ECANCELED);
	return scopex_close_plain(&scope, state);
}

/* The same for a loop of one chunk, which the caller does alone. */
static noinline int scopex_for_one_chunk(unsigned long first, unsigned long count,
					 scopex_range_fn_t fn,
					 const struct scopex_for_params *params,
					 struct scopex_site *site)
{
	struct scopex_scope scope __scopex_uninitialized;
	struct scopex_range range __scopex_uninitialized;
	u64 state = scopex_open_plain(&scope, site);

	range.first = first;
	range.count = count;
	range.scope = &scope;
	range.arg = params->arg;
	range.result = NULL;
	scopex_do_chunk(&range, fn);
	return scopex_close_plain(&scope, state);
}

/* Returns true if a loop has no option that its caller pays for. */
static __always_inline bool scopex_is_plain(const struct scopex_for_params *params)
{
	/* In two steps: one would need a second register, and so a move of an argument. */
	return !(params->flags | params->run_all) &&
	       !(params->timeout_us | params->deadline | (unsigned long)params->reduction);
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
	/* A loop of one chunk is short, or its function lets others run by itself. */
	if (SCOPEX_CHECK_WAITS)
		might_sleep();
	/* Each of these functions has a frame of its own, so the choice costs none. */
	if (unlikely(!scopex_is_plain(params) || trace_scopex_open_enabled() || !in_task() ||
		     scopex_may_be_worker()))
		return scopex_for_custom(first, count, fn, params, site, _RET_IP_);
	if (count > 1 && count > params->grain)
		return scopex_for_plain(first, count, fn, params, site);
	if (likely(count))
		return scopex_for_one_chunk(first, count, fn, params, site);
	return 0;
}
EXPORT_SYMBOL_GPL(__scopex_for);
