// SPDX-License-Identifier: GPL-2.0
/*
 * Profiles: how long items wait and run, and scopes last, for each call site
 *
 * Theory of operation
 *
 * Nothing of this is in the way of an item until it is switched on. Then functions of
 * this file become probes of scopex's own trace events, as a tracer's would, and so
 * cost what an event costs that is on; switched off, the events are what they were.
 *
 * A time needs two looks at the clock. The first one is kept where it goes away with
 * what it belongs to:
 *
 *	queue delay	scopex_work.queued, of an item that waits in a queue; in units of
 *			64 ns, as there are 32 bits
 *	run time	scopex_work.node.next and, as a pointer may have 32 bits only, .queued,
 *			which are nobody's while the item runs; the lowest two bits of the
 *			former are set, which those of no link are, nor of SCOPEX_PARKED
 *			scopex_range.since, of a part of a loop
 *	scope latency	scopex_scope.opened
 *
 * What began before the last switching-on has no such mark, or an older one. It is
 * counted, but no time of it is. (A queue delay is known modulo four and a half minutes
 * only: one that is longer is shown as a shorter one, and an older mark, of an item that
 * was submitted again while it was off, can be taken for a new one by chance.)
 *
 * A call site gets a number when it is first met, and keeps its profile until scopex
 * is unloaded, also if its module goes and comes back. It is known by its name and its
 * place in the code, so an inline function is one site, whatever modules it is in. There
 * is room for so many of them, made when it is switched on for the first time; what comes
 * later shares one.
 * Each CPU has its own figures. They are atomic, since an item may be moved or preempted
 * by another worker's, but nearly always in the cache of the CPU that adds to them.
 */

#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timekeeping.h>

#include <trace/events/scopex.h>

#include "cpu.h"
#include "item.h"
#include "place.h"
#include "profile.h"
#include "stamp.h"
#include "state.h"

/* A profile on a CPU: a struct scopex_profile in which everything is atomic. */
#define SCOPEX_PROFILE_WORDS	(sizeof(struct scopex_profile) / sizeof(u64))

struct scopex_profile_cpu {
	atomic64_t site[SCOPEX_PROFILE_SITES + 1][SCOPEX_PROFILE_WORDS];
};

static struct scopex_profile_cpu **scopex_profiles;
static struct scopex_place scopex_places[SCOPEX_PROFILE_SITES + 1] = {
	{ .name = "(others)", .func = "-", .file = "-" },
};

/* How many places are known; their slowest items; and what protects changes of both. */
static unsigned int scopex_nr_places = 1;
static struct scopex_slowest scopex_slowest[SCOPEX_PROFILE_SITES + 1];
static DEFINE_RAW_SPINLOCK(scopex_places_lock);

/* Since when it is on; 0 if it is off. */
static u64 scopex_profile_since;
static DEFINE_MUTEX(scopex_profile_mutex);

/* How many of the probes below are registered; protected by the mutex. */
static unsigned int scopex_probes;

/**
 * scopex_profile_clock() - the time that profiles are taken by
 *
 * Context: any.
 *
 * Return: ns.
 */
u64 scopex_profile_clock(void)
{
	return ktime_get_mono_fast_ns();
}

#define SCOPEX_WORD(_field)						\
	(offsetof(struct scopex_profile, _field) / sizeof(u64))

static bool scopex_is_place(const struct scopex_place *place,
			    const struct scopex_place *other)
{
	return place->line == other->line && !strcmp(place->name, other->name) &&
	       !strcmp(place->func, other->func) && !strcmp(place->file, other->file);
}

/* The number of a site that is met for the first time. */
static noinline unsigned int scopex_new_place(struct scopex_site *site)
{
	struct scopex_place place = { };
	unsigned long flags;
	unsigned int i;

	scopex_place_of(&place, site);
	raw_spin_lock_irqsave(&scopex_places_lock, flags);
	for (i = 1; i < scopex_nr_places; i++)
		if (scopex_is_place(&scopex_places[i], &place))
			break;
	if (i > SCOPEX_PROFILE_SITES) {
		i = 0;
	} else if (i == scopex_nr_places) {
		scopex_places[i] = place;
		/* Release: pairs with scopex_profile_sites(); see places-read.litmus. */
		smp_store_release(&scopex_nr_places, i + 1);
	}
	raw_spin_unlock_irqrestore(&scopex_places_lock, flags);
	/* One more than the number, as 0 is for none. */
	WRITE_ONCE(site->profile, i + 1);
	return i;
}

/* The profile of a scope's site on this CPU; for an item, on the CPU of its worker. */
static atomic64_t *scopex_profile_here(const struct scopex_scope *scope)
{
	struct scopex_worker *w = scopex_this_worker();
	unsigned int cpu = w ? w->sc->cpu : raw_smp_processor_id();
	unsigned int site = READ_ONCE(scope->site->profile);

	site = likely(site) ? site - 1 : scopex_new_place(scope->site);
	/* Pairs with scopex_profile_make(); see publish-read.litmus. */
	return READ_ONCE(scopex_profiles)[cpu]->site[site];
}

static void scopex_profile_add(atomic64_t *profile, enum scopex_profile_time which,
			       u64 ns)
{
	atomic64_t *max = &profile[SCOPEX_WORD(time[which].max)];
	u64 old = atomic64_read(max);

	atomic64_add(ns, &profile[SCOPEX_WORD(time[which].total)]);
	atomic64_inc(&profile[SCOPEX_WORD(time[which].bucket) +
			      min(fls64(ns), SCOPEX_PROFILE_BUCKETS - 1)]);
	while (ns > old && !atomic64_try_cmpxchg(max, (s64 *)&old, ns))
		;
}

/* Since when something took till @now, if that was measured. */
static bool scopex_profile_took(u64 start, u64 now, u64 *ns)
{
	*ns = now > start ? now - start : 0;
	return start >= READ_ONCE(scopex_profile_since);
}

/* An item took longer than all before; the longer it gets, the less often that is. */
static noinline void scopex_profile_is_slowest(struct scopex_slowest *slowest, u64 ns,
					       void *fn)
{
	char name[sizeof(slowest->fn)];
	unsigned long flags;

	/* Now, as its module may be gone when it is shown. */
	scopex_name_fn(name, sizeof(name), fn);
	raw_spin_lock_irqsave(&scopex_places_lock, flags);
	if (ns > slowest->ns) {
		WRITE_ONCE(slowest->ns, ns);
		strscpy(slowest->fn, name, sizeof(slowest->fn));
	}
	raw_spin_unlock_irqrestore(&scopex_places_lock, flags);
}

/* An item, or a part of a loop, has run. */
static void scopex_profile_ran(const struct scopex_scope *scope, atomic64_t *profile,
			       u64 start, void *fn)
{
	struct scopex_slowest *slowest =
		&scopex_slowest[READ_ONCE(scope->site->profile) - 1];
	u64 ns;

	if (unlikely(!scopex_profile_took(start, scopex_profile_clock(), &ns)))
		return;
	scopex_profile_add(profile, SCOPEX_PROFILE_RUN, ns);
	if (unlikely(ns > READ_ONCE(slowest->ns)))
		scopex_profile_is_slowest(slowest, ns, fn);
}

/* By so much the clocks of two CPUs may differ: a millisecond, in these units. */
#define SCOPEX_QUEUED_SLACK	16384

/* What tells a start from a link; and how much of it is above: all but that of one ns. */
#define SCOPEX_STARTED		3UL
#define SCOPEX_STARTED_BITS	31

/* An item that runs has 63 bits of its start, so that it may take as long as it likes. */
static void scopex_set_started(struct scopex_work *work, u64 now)
{
	work->node.next = (struct llist_node *)((u32)now << 1 | SCOPEX_STARTED);
	work->queued = now >> SCOPEX_STARTED_BITS;
}

/* When an item that runs was started; 0 if it was not measured then. */
static u64 scopex_started(const struct scopex_work *work)
{
	unsigned long next = (unsigned long)work->node.next;

	if ((next & SCOPEX_STARTED) != SCOPEX_STARTED)
		return 0;
	return (u64)work->queued << SCOPEX_STARTED_BITS | (u32)next >> 1;
}

static void scopex_probe_submit(void *unused, const struct scopex_scope *scope,
				struct scopex_work *work, unsigned int target)
{
	scopex_stamp_queued(work);
}

static void scopex_probe_run_start(void *unused, const struct scopex_scope *scope,
				   struct scopex_work *work, int ret)
{
	u64 now = scopex_profile_clock();
	u32 units = (u32)(now >> SCOPEX_QUEUED_SHIFT) - work->queued;
	struct scopex_worker *w = scopex_this_worker();
	u64 delay;

	if ((s32)units < 0 && (s32)units > -SCOPEX_QUEUED_SLACK)
		units = 0;
	delay = (u64)units << SCOPEX_QUEUED_SHIFT;
	/* The clock that it was queued by may be a little behind. */
	if (work->queued && delay <= now - READ_ONCE(scopex_profile_since) +
				     (SCOPEX_QUEUED_SLACK << SCOPEX_QUEUED_SHIFT))
		scopex_profile_add(scopex_profile_here(scope), SCOPEX_PROFILE_DELAY, delay);
	if (w)
		WRITE_ONCE(w->since, now);
	scopex_set_started(work, now);
}

static void scopex_probe_run_end(void *unused, const struct scopex_scope *scope,
				 struct scopex_work *work, int ret)
{
	atomic64_t *profile = scopex_profile_here(scope);
	u64 start = scopex_started(work);

	atomic64_inc(&profile[SCOPEX_WORD(count[SCOPEX_PROFILE_ITEMS])]);
	if (ret)
		atomic64_inc(&profile[SCOPEX_WORD(count[SCOPEX_PROFILE_ERRORS])]);
	if (start)
		scopex_profile_ran(scope, profile, start, __scopex_work_fn(scope, work));
	/* What is queued again while nobody measures that has no mark of today's. */
	work->queued = 0;
}

static void scopex_probe_cancelled(void *unused, const struct scopex_scope *scope,
				   struct scopex_work *work, int ret)
{
	atomic64_inc(&scopex_profile_here(scope)
		     [SCOPEX_WORD(count[SCOPEX_PROFILE_CANCELLED])]);
}

static void scopex_probe_chunk_start(void *unused, struct scopex_range *range,
				     scopex_range_fn_t fn)
{
	struct scopex_worker *w = scopex_this_worker();

	range->since = scopex_profile_clock();
	if (w)
		WRITE_ONCE(w->since, range->since);
}

static void scopex_probe_chunk_end(void *unused, struct scopex_range *range,
				   scopex_range_fn_t fn, int ret)
{
	atomic64_t *profile = scopex_profile_here(range->scope);

	atomic64_inc(&profile[SCOPEX_WORD(count[SCOPEX_PROFILE_CHUNKS])]);
	if (ret)
		atomic64_inc(&profile[SCOPEX_WORD(count[SCOPEX_PROFILE_CHUNK_ERRORS])]);
	scopex_profile_ran(range->scope, profile, range->since, (void *)fn);
}

static void scopex_probe_open(void *unused, struct scopex_scope *scope)
{
	scope->opened = scopex_profile_clock();
	if (unlikely(atomic64_read(&scope->state) & SCOPEX_SERIAL))
		atomic64_inc(&scopex_profile_here(scope)
			     [SCOPEX_WORD(count[SCOPEX_PROFILE_SERIAL])]);
}

static void scopex_probe_close(void *unused, struct scopex_scope *scope)
{
	atomic64_t *profile = scopex_profile_here(scope);
	u64 ns;

	atomic64_inc(&profile[SCOPEX_WORD(count[SCOPEX_PROFILE_SCOPES])]);
	if (likely(scopex_profile_took(scope->opened, scopex_profile_clock(), &ns)))
		scopex_profile_add(profile, SCOPEX_PROFILE_LATENCY, ns);
}

/* One more is registered, in their order, unless @err says why not. */
static int scopex_added(int err)
{
	if (!err)
		scopex_probes++;
	return err;
}

static void scopex_profile_stop(void)
{
	if (scopex_probes > 0)
		unregister_trace_scopex_open(scopex_probe_open, NULL);
	if (scopex_probes > 1)
		unregister_trace_scopex_close(scopex_probe_close, NULL);
	if (scopex_probes > 2)
		unregister_trace_scopex_submit(scopex_probe_submit, NULL);
	if (scopex_probes > 3)
		unregister_trace_scopex_run_start(scopex_probe_run_start, NULL);
	if (scopex_probes > 4)
		unregister_trace_scopex_run_end(scopex_probe_run_end, NULL);
	if (scopex_probes > 5)
		unregister_trace_scopex_item_cancelled(scopex_probe_cancelled, NULL);
	if (scopex_probes > 6)
		unregister_trace_scopex_chunk_start(scopex_probe_chunk_start, NULL);
	if (scopex_probes > 7)
		unregister_trace_scopex_chunk_end(scopex_probe_chunk_end, NULL);
	scopex_probes = 0;
	tracepoint_synchronize_unregister();
	WRITE_ONCE(scopex_profile_since, 0);
}

static int scopex_profile_start(void)
{
	int err;

	WRITE_ONCE(scopex_profile_since, scopex_profile_clock());
	err = scopex_added(register_trace_scopex_open(scopex_probe_open, NULL)) ?:
	      scopex_added(register_trace_scopex_close(scopex_probe_close, NULL)) ?:
	      scopex_added(register_trace_scopex_submit(scopex_probe_submit, NULL)) ?:
	      scopex_added(register_trace_scopex_run_start(scopex_probe_run_start, NULL)) ?:
	      scopex_added(register_trace_scopex_run_end(scopex_probe_run_end, NULL)) ?:
	      scopex_added(register_trace_scopex_item_cancelled(scopex_probe_cancelled, NULL)) ?:
	      scopex_added(register_trace_scopex_chunk_start(scopex_probe_chunk_start, NULL)) ?:
	      scopex_added(register_trace_scopex_chunk_end(scopex_probe_chunk_end, NULL));
	if (err)
		scopex_profile_stop();
	return err;
}

static void scopex_profile_free(struct scopex_profile_cpu **profiles)
{
	unsigned int cpu;

	if (!profiles)
		return;
	for_each_possible_cpu(cpu)
		kvfree(profiles[cpu]);
	kfree(profiles);
}

static int scopex_profile_make(void)
{
	struct scopex_profile_cpu **profiles;
	unsigned int cpu;

	if (scopex_profiles)
		return 0;
	profiles = kcalloc(nr_cpu_ids, sizeof(*profiles), GFP_KERNEL);
	if (!profiles)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		/* Who switches it on is told. */
		profiles[cpu] = kvzalloc_node(sizeof(**profiles), GFP_KERNEL | __GFP_NOWARN,
					      cpu_to_node(cpu));
		if (!profiles[cpu]) {
			scopex_profile_free(profiles);
			return -ENOMEM;
		}
	}
	/* Release: pairs with the address dependency of readers; see publish-read.litmus. */
	smp_store_release(&scopex_profiles, profiles);
	return 0;
}

/**
 * scopex_profile_switch() - measure, or don't
 * @on: which
 *
 * Context: process context; sleeps.
 *
 * Return: 0; -ENOMEM; -ENOSYS if this kernel has no tracepoints.
 */
int scopex_profile_switch(bool on)
{
	int err = 0;

	mutex_lock(&scopex_profile_mutex);
	if (on && !scopex_profile_since) {
		err = scopex_profile_make();
		if (!err)
			err = scopex_profile_start();
	} else if (!on && scopex_profile_since) {
		scopex_profile_stop();
	}
	mutex_unlock(&scopex_profile_mutex);
	return err;
}

/**
 * scopex_profile_is_on() - is it measured?
 *
 * Context: any.
 *
 * Return: whether it is.
 */
bool scopex_profile_is_on(void)
{
	return READ_ONCE(scopex_profile_since);
}

/**
 * scopex_profile_start_time() - since when it is measured
 *
 * Context: any.
 *
 * Return: by scopex_profile_clock(); in the future if it is not measured.
 */
u64 scopex_profile_start_time(void)
{
	return READ_ONCE(scopex_profile_since) ?: U64_MAX;
}

/**
 * scopex_profile_exit() - stop measuring, and forget
 *
 * Context: process context; sleeps.
 */
void scopex_profile_exit(void)
{
	scopex_profile_switch(false);
	scopex_profile_free(scopex_profiles);
}

/**
 * scopex_profile_reset() - begin anew
 *
 * What happens meanwhile may be in parts of a profile, and not in others.
 *
 * Context: process context; sleeps.
 */
void scopex_profile_reset(void)
{
	unsigned int cpu, site, i;

	mutex_lock(&scopex_profile_mutex);
	for_each_possible_cpu(cpu) {
		for (site = 0; scopex_profiles && site <= SCOPEX_PROFILE_SITES; site++)
			for (i = 0; i < SCOPEX_PROFILE_WORDS; i++)
				atomic64_set(&scopex_profiles[cpu]->site[site][i], 0);
		cond_resched();
	}
	raw_spin_lock_irq(&scopex_places_lock);
	for (site = 0; site <= SCOPEX_PROFILE_SITES; site++)
		WRITE_ONCE(scopex_slowest[site].ns, 0);
	raw_spin_unlock_irq(&scopex_places_lock);
	mutex_unlock(&scopex_profile_mutex);
}

/**
 * scopex_profile_sites() - how many call sites are known
 *
 * Return: one more than the greatest number of one; number 0 stands for all that there
 * was no room for. 0 if it was never switched on.
 */
unsigned int scopex_profile_sites(void)
{
	/* Acquire: pairs with scopex_new_place(); see places-read.litmus. */
	return READ_ONCE(scopex_profiles) ? smp_load_acquire(&scopex_nr_places) : 0;
}

/**
 * scopex_profile_place() - which call site it is
 * @site: its number
 *
 * Return: its place in the code.
 */
const struct scopex_place *scopex_profile_place(unsigned int site)
{
	return &scopex_places[site];
}

/**
 * scopex_profile_slowest() - which item of a call site took longest
 * @site: its number
 * @slowest: is set to that
 */
void scopex_profile_slowest(unsigned int site, struct scopex_slowest *slowest)
{
	raw_spin_lock_irq(&scopex_places_lock);
	*slowest = scopex_slowest[site];
	raw_spin_unlock_irq(&scopex_places_lock);
	if (!slowest->ns)
		strscpy(slowest->fn, "-", sizeof(slowest->fn));
}

static void scopex_profile_sum(unsigned int cpu, unsigned int site,
			       struct scopex_profile *sum)
{
	const atomic64_t *word = READ_ONCE(scopex_profiles)[cpu]->site[site];
	u64 *to = (u64 *)sum;
	unsigned int i, time;
	u64 max[SCOPEX_PROFILE_TIMES];

	for (time = 0; time < SCOPEX_PROFILE_TIMES; time++)
		max[time] = sum->time[time].max;
	for (i = 0; i < SCOPEX_PROFILE_WORDS; i++)
		to[i] += atomic64_read(&word[i]);
	for (time = 0; time < SCOPEX_PROFILE_TIMES; time++)
		sum->time[time].max = max(max[time], sum->time[time].max - max[time]);
}

/**
 * scopex_profile_of_site() - what was measured of a call site
 * @site: its number
 * @sum: is set to that
 */
void scopex_profile_of_site(unsigned int site, struct scopex_profile *sum)
{
	unsigned int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		scopex_profile_sum(cpu, site, sum);
		cond_resched();
	}
}

/**
 * scopex_profile_of_cpu() - what was measured on a CPU
 * @cpu: its number
 * @sum: is set to that
 */
void scopex_profile_of_cpu(unsigned int cpu, struct scopex_profile *sum)
{
	unsigned int site, nr = scopex_profile_sites();

	memset(sum, 0, sizeof(*sum));
	for (site = 0; site < nr; site++) {
		scopex_profile_sum(cpu, site, sum);
		cond_resched();
	}
}

/**
 * scopex_profile_measured() - how many times there are in a distribution
 * @timing: the distribution
 *
 * Return: their number.
 */
u64 scopex_profile_measured(const struct scopex_timing *timing)
{
	u64 nr = 0;
	int i;

	for (i = 0; i < SCOPEX_PROFILE_BUCKETS; i++)
		nr += timing->bucket[i];
	return nr;
}

/**
 * scopex_profile_percentile() - what so many percent of the times are below
 * @timing: the distribution
 * @percent: how many
 *
 * Return: the end of the bucket that has it, in ns, or the longest time if that is
 * less; 0 if nothing was measured.
 */
u64 scopex_profile_percentile(const struct scopex_timing *timing, unsigned int percent)
{
	u64 nr = 0, all = scopex_profile_measured(timing);
	int i;

	for (i = 0; i < SCOPEX_PROFILE_BUCKETS - 1; i++) {
		nr += timing->bucket[i];
		if (nr * 100 >= all * percent)
			return min(1ULL << i, timing->max);
	}
	return timing->max;
}
