// SPDX-License-Identifier: GPL-2.0
/*
 * Profiles: how long items wait and run, and scopes last, for each call site
 *
 * Theory of operation
 *
 * While the profile is off, it costs an item nothing. Switched on, functions of this file
 * are probes of scopex's own trace events, and cost as much as an event that is on.
 *
 * A time needs two looks at the clock. The first one is stored in the object that is
 * measured, and goes away with it:
 *
 *	queue delay	scopex_work.queued, while the item is queued; in units of 64 ns, as there
 *			are 32 bits
 *	run time	scopex_worker.since, for an item. A serial scope or a loop that the item
 *			runs keeps the value of the item: see scopex_save_current()
 *			scopex_range.since, for a chunk of a loop, which any thread may run
 *	scope latency	scopex_scope.opened
 *
 * An item or a scope that began before the profile was switched on has no such mark, or an
 * older one. It is counted, but not measured. A queue delay is known modulo four and a half
 * minutes only: so a longer delay is shown as a shorter one. An item that was submitted
 * again while the profile was off has an old mark, which may look like a new one.
 *
 * A call site gets a number when an event first names it. It keeps its profile until scopex
 * is unloaded, also if its module is unloaded and loaded again. A site is known by its name
 * and its place in the code, so an inline function is one site, in however many modules it
 * is. The memory for a fixed number of sites is allocated when the profile is first switched
 * on. Later sites share one profile.
 *
 * Each CPU has its own numbers. They are atomic, since an item may be moved, or preempted by
 * another worker's item. They are nearly always in the cache of the CPU that adds to them.
 */

#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timekeeping.h>

#include <trace/events/scopex.h>

#include "cpu.h"
#include "current.h"
#include "item.h"
#include "place.h"
#include "profile.h"
#include "stamp.h"
#include "state.h"
#include "thread.h"

/* A profile on a CPU: a struct scopex_profile in which everything is atomic. */
#define SCOPEX_PROFILE_WORDS	(sizeof(struct scopex_profile) / sizeof(u64))

struct scopex_profile_cpu {
	atomic64_t site[SCOPEX_PROFILE_SITES + 1][SCOPEX_PROFILE_WORDS];
};

static struct scopex_profile_cpu **scopex_profiles;
static struct scopex_place scopex_places[SCOPEX_PROFILE_SITES + 1] = {
	{ .name = "(others)", .func = "-", .file = "-" },
};

/* The number of known sites, their slowest items, and the lock for changes of both. */
static unsigned int scopex_nr_places = 1;
static struct scopex_slowest scopex_slowest[SCOPEX_PROFILE_SITES + 1];
static DEFINE_RAW_SPINLOCK(scopex_places_lock);

/* The time when the profile was switched on; 0 if it is off. */
static u64 scopex_profile_since;
static DEFINE_MUTEX(scopex_profile_mutex);

/* The number of probes below that are registered; protected by the mutex. */
static unsigned int scopex_probes;

/**
 * scopex_profile_clock() - read the clock of the profile
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

/* Find, or give, the number of a site that has none yet. */
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
		/*
		 * Release: the row is complete before it is counted; pairs with
		 * scopex_profile_sites(); see places-read.litmus.
		 */
		smp_store_release(&scopex_nr_places, i + 1);
	}
	raw_spin_unlock_irqrestore(&scopex_places_lock, flags);
	/* One more than the number, as 0 stands for no number. */
	WRITE_ONCE(site->profile, i + 1);
	return i;
}

/* Returns the profile of a scope's site on this CPU; for an item, on the CPU of its worker. */
static atomic64_t *scopex_profile_here(const struct scopex_scope *scope)
{
	struct scopex_worker *w = scopex_this_worker();
	unsigned int cpu = w ? w->sc->cpu : raw_smp_processor_id();
	unsigned int site = READ_ONCE(scope->site->profile);

	site = likely(site) ? site - 1 : scopex_new_place(scope->site);
	/*
	 * The address dependency makes the arrays complete; pairs with
	 * scopex_profile_make(); see publish-read.litmus.
	 */
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

/* Get the time from @start to @now. Returns false if @start was not measured. */
static bool scopex_profile_took(u64 start, u64 now, u64 *ns)
{
	*ns = now > start ? now - start : 0;
	return start >= READ_ONCE(scopex_profile_since);
}

/* An item took longer than all before. The longer the longest time is, the rarer this is. */
static noinline void scopex_profile_is_slowest(struct scopex_slowest *slowest, u64 ns,
					       void *fn)
{
	char name[sizeof(slowest->fn)];
	unsigned long flags;

	/* Copy the name now: the module may be gone when it is shown. */
	scopex_name_fn(name, sizeof(name), fn);
	raw_spin_lock_irqsave(&scopex_places_lock, flags);
	if (ns > slowest->ns) {
		WRITE_ONCE(slowest->ns, ns);
		strscpy(slowest->fn, name, sizeof(slowest->fn));
	}
	raw_spin_unlock_irqrestore(&scopex_places_lock, flags);
}

/* Add the run time of an item, or of a chunk of a loop. */
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

/* The clocks of two CPUs may differ by this much: a millisecond, in units of 64 ns. */
#define SCOPEX_QUEUED_SLACK	16384

static void scopex_probe_submit(void *unused, const struct scopex_scope *scope,
				struct scopex_work *work, unsigned int target)
{
	scopex_stamp_queued(work);
}

static void scopex_probe_run_start(void *unused, const struct scopex_scope *scope,
				   struct scopex_work *work, int ret)
{
	u64 now = scopex_profile_clock();
	u32 queued = work->queued;
	u32 units = (u32)(now >> SCOPEX_QUEUED_SHIFT) - queued;
	struct scopex_worker *w = scopex_this_worker();
	u64 delay;

	if ((s32)units < 0 && (s32)units > -SCOPEX_QUEUED_SLACK)
		units = 0;
	delay = (u64)units << SCOPEX_QUEUED_SHIFT;
	/* The clock of the submitter's CPU may be a little behind. */
	if (queued && delay <= now - READ_ONCE(scopex_profile_since) +
			       (SCOPEX_QUEUED_SLACK << SCOPEX_QUEUED_SHIFT))
		scopex_profile_add(scopex_profile_here(scope), SCOPEX_PROFILE_DELAY, delay);
	if (w)
		WRITE_ONCE(w->since, now);
	/* Leave no mark for a time when the item is queued again while the profile is off. */
	work->queued = 0;
}

static void scopex_probe_run_end(void *unused, const struct scopex_scope *scope,
				 struct scopex_work *work, int ret)
{
	atomic64_t *profile = scopex_profile_here(scope);
	struct scopex_worker *w = scopex_this_worker();

	atomic64_inc(&profile[SCOPEX_WORD(count[SCOPEX_PROFILE_ITEMS])]);
	if (ret)
		atomic64_inc(&profile[SCOPEX_WORD(count[SCOPEX_PROFILE_ERRORS])]);
	if (!w)
		return;
	scopex_profile_ran(scope, profile, w->since, __scopex_work_fn(scope, work));
	/* Leave no start for an item that is started while the probes are taken off. */
	WRITE_ONCE(w->since, 0);
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

/* Count a probe that was registered, in their order, unless @err says that it was not. */
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
		/* No warning: the write that switches the profile on returns the error. */
		profiles[cpu] = kvzalloc_node(sizeof(**profiles), GFP_KERNEL | __GFP_NOWARN,
					      cpu_to_node(cpu));
		if (!profiles[cpu]) {
			scopex_profile_free(profiles);
			return -ENOMEM;
		}
	}
	/*
	 * Release: the arrays are complete; pairs with the address dependency of readers;
	 * see publish-read.litmus.
	 */
	smp_store_release(&scopex_profiles, profiles);
	return 0;
}

/**
 * scopex_profile_switch() - switch the profile on or off
 * @on: true for on
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
 * scopex_profile_is_on() - is the profile on?
 *
 * Context: any.
 *
 * Return: true if it is.
 */
bool scopex_profile_is_on(void)
{
	return READ_ONCE(scopex_profile_since);
}

/**
 * scopex_profile_start_time() - get the time when the profile was switched on
 *
 * Context: any.
 *
 * Return: the time, of scopex_profile_clock(); a time in the future if the profile is off.
 */
u64 scopex_profile_start_time(void)
{
	return READ_ONCE(scopex_profile_since) ?: U64_MAX;
}

/**
 * scopex_profile_exit() - switch the profile off, and free its memory
 *
 * Context: process context; sleeps.
 */
void scopex_profile_exit(void)
{
	scopex_profile_switch(false);
	scopex_profile_free(scopex_profiles);
}

/**
 * scopex_profile_reset() - set all profiles to zero
 *
 * An item that ends during the reset may be in some parts of a profile, and not in others.
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
 * scopex_profile_sites() - get the number of call sites
 *
 * Return: one more than the greatest number of a site. Number 0 stands for all sites that
 * there was no room for. 0 if the profile was never switched on.
 */
unsigned int scopex_profile_sites(void)
{
	/* Acquire: the rows are complete; pairs with scopex_new_place(); see places-read.litmus. */
	return READ_ONCE(scopex_profiles) ? smp_load_acquire(&scopex_nr_places) : 0;
}

/**
 * scopex_profile_place() - get the place in the code of a call site
 * @site: its number
 *
 * Return: its place.
 */
const struct scopex_place *scopex_profile_place(unsigned int site)
{
	return &scopex_places[site];
}

/**
 * scopex_profile_slowest() - get the item of a call site that took longest
 * @site: its number
 * @slowest: stores the item
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
 * scopex_profile_of_site() - get the profile of a call site
 * @site: its number
 * @sum: stores the profile
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
 * scopex_profile_of_cpu() - get the profile of a CPU
 * @cpu: its number
 * @sum: stores the profile
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
 * scopex_profile_measured() - get the number of times in a distribution
 * @timing: the distribution
 *
 * Return: the number.
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
 * scopex_profile_percentile() - get a percentile of a distribution
 * @timing: the distribution
 * @percent: the percentage of times that are below the percentile
 *
 * Return: the upper end of the bucket that has it, in ns, or the longest time if that is
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
