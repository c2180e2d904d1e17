// SPDX-License-Identifier: GPL-2.0
/*
 * What is counted on a CPU
 *
 * Nothing is counted for the sake of these figures that the worker does not know
 * anyway: "submitted" is what was taken plus what is queued, and the depth is
 * what is queued plus what of the last batch has not ended. A reader walks over a queue
 * in steps. It holds scopex_cpu.take_lock for each, so that the items stay there, and
 * begins again if the queue was taken between two steps, or before the counters were summed.
 *
 * A reset changes no counter, which are their worker's: what they were then is taken
 * off from then on.
 *
 * Ordering:
 *
 *   N	The worker makes scopex_cpu.takes odd when it takes the queue, under take_lock,
 *	adds what it took to its counter, and makes takes even (a release). A reader that
 *	finds it even (an acquire) finds all that was taken before in the counters. It looks
 *	at takes under the lock when it counts what is queued, and again after the sum: if
 *	that is the same, no item is in both; see take-count.litmus.
 */

#include <linux/delay.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/string.h>

#include "cpu.h"
#include "queue.h"
#include "stats.h"

const char * const scopex_stat_names[SCOPEX_STATS] = {
	"submitted", "run", "cancelled", "errors", "refused",
	"batches", "wakeups", "sleeps", "depth", "depth_max",
	"workers", "handoffs", "unhanded", "relieved", "serials", "helps", "chunks",
	"stalls",
};

/* What the counters were at the last reset. */
static DEFINE_PER_CPU(unsigned long [SCOPEX_STATS], scopex_base);
static DEFINE_MUTEX(scopex_base_mutex);

/* Those that are not counted, but are so now, or were so at most. */
static bool scopex_is_level(int stat)
{
	return stat == SCOPEX_STAT_DEPTH || stat == SCOPEX_STAT_DEPTH_MAX ||
	       stat == SCOPEX_STAT_WORKERS;
}

static void scopex_sum_workers(struct scopex_cpu *sc,
			       unsigned long count[SCOPEX_COUNTERS])
{
	struct scopex_worker *w;
	int i;

	memset(count, 0, SCOPEX_COUNTERS * sizeof(*count));
	/* W: pairs with scopex_create_worker(); the others are older. */
	for (w = READ_ONCE(sc->workers); w; w = w->next)
		for (i = 0; i < SCOPEX_COUNTERS; i++)
			count[i] += local_read(&w->count[i]);
}

/* How many items of a queue are counted without letting the worker take it. */
#define SCOPEX_COUNT_STEP	64

/* How often a count begins again, as the queue was taken, before it is left as it is. */
#define SCOPEX_COUNT_TRIES	100

/* Wait until what the worker has taken is counted, which takes a time for each item. */
static unsigned long scopex_wait_for_take(struct scopex_cpu *sc)
{
	unsigned long takes;

	/* Acquire N: pairs with scopex_take_batch(); see take-count.litmus. */
	while ((takes = smp_load_acquire(&sc->takes)) & 1)
		usleep_range(50, 100);
	return takes;
}

/*
 * Count some more items of a queue, from @node on. Returns false if the worker has taken
 * it since it was counted @takes; then @node may be gone.
 */
static bool scopex_count_some(struct scopex_cpu *sc, unsigned long takes,
			      struct llist_node **node, unsigned long *nr)
{
	unsigned int i;
	bool same;

	spin_lock(&sc->take_lock);
	same = READ_ONCE(sc->takes) == takes;
	if (same && !*node)
		/* Acquire Q: pairs with scopex_queue_push(); see walk-take.litmus. */
		*node = smp_load_acquire(&sc->queue);
	for (i = 0; same && i < SCOPEX_COUNT_STEP && !scopex_queue_end(*node); i++) {
		(*nr)++;
		*node = READ_ONCE((*node)->next);
	}
	spin_unlock(&sc->take_lock);
	return same;
}

/*
 * Has the worker taken something since it was counted @takes? N: the look is under the lock,
 * as the worker makes the count odd under it, and adds what it took after, without a barrier
 * in between; see take-count.litmus.
 */
static bool scopex_taken_since(struct scopex_cpu *sc, unsigned long takes)
{
	bool taken;

	spin_lock(&sc->take_lock);
	taken = READ_ONCE(sc->takes) != takes;
	spin_unlock(&sc->take_lock);
	return taken;
}

/* How many items are queued, and what the workers have counted by then. */
static unsigned long scopex_queued(struct scopex_cpu *sc, unsigned long *count)
{
	unsigned int tries = 0;
	unsigned long takes, nr;
	struct llist_node *node;
	bool same;

	do {
		takes = scopex_wait_for_take(sc);
		node = NULL;
		nr = 0;
		do
			same = scopex_count_some(sc, takes, &node, &nr);
		while (same && !scopex_queue_end(node));
		scopex_sum_workers(sc, count);
		/* What was counted may have been taken, and counted, since. */
	} while ((!same || scopex_taken_since(sc, takes)) && ++tries < SCOPEX_COUNT_TRIES);
	return nr;
}

static void scopex_read_raw(struct scopex_cpu *sc, unsigned long *stat)
{
	unsigned long queued, taken, ended, count[SCOPEX_COUNTERS];

	queued = scopex_queued(sc, count);
	taken = count[SCOPEX_TAKEN];
	stat[SCOPEX_STAT_DEPTH_MAX] = READ_ONCE(sc->depth_max);

	stat[SCOPEX_STAT_SUBMITTED] = taken + queued;
	stat[SCOPEX_STAT_RUN] = count[SCOPEX_RUN];
	stat[SCOPEX_STAT_CANCELLED] = count[SCOPEX_CANCELLED_ITEMS];
	/* What a serial scope takes and runs meanwhile may be counted in one of the two only. */
	ended = min(stat[SCOPEX_STAT_RUN] + stat[SCOPEX_STAT_CANCELLED], taken + queued);
	stat[SCOPEX_STAT_DEPTH] = taken + queued - ended;
	/* The worker looks when it takes, and not at what came since. */
	stat[SCOPEX_STAT_DEPTH_MAX] = max(stat[SCOPEX_STAT_DEPTH_MAX],
					  stat[SCOPEX_STAT_DEPTH]);
	stat[SCOPEX_STAT_ERRORS] = count[SCOPEX_ERRORS];
	stat[SCOPEX_STAT_REFUSED] = READ_ONCE(sc->refused);
	stat[SCOPEX_STAT_BATCHES] = count[SCOPEX_BATCHES];
	stat[SCOPEX_STAT_WAKEUPS] = count[SCOPEX_WAKEUPS];
	stat[SCOPEX_STAT_SLEEPS] = count[SCOPEX_SLEEPS];
	stat[SCOPEX_STAT_WORKERS] = READ_ONCE(sc->nr_workers);
	stat[SCOPEX_STAT_HANDOFFS] = count[SCOPEX_HANDOFFS];
	stat[SCOPEX_STAT_UNHANDED] = count[SCOPEX_UNHANDED];
	stat[SCOPEX_STAT_RELIEVED] = count[SCOPEX_RELIEVED];
	stat[SCOPEX_STAT_SERIALS] = count[SCOPEX_SERIALS];
	stat[SCOPEX_STAT_HELPS] = count[SCOPEX_HELPS];
	stat[SCOPEX_STAT_CHUNKS] = count[SCOPEX_CHUNKS];
	stat[SCOPEX_STAT_STALLS] = READ_ONCE(sc->stalls);
}

void scopex_read_stats(struct scopex_cpu *sc, unsigned long *stat)
{
	const unsigned long *base = per_cpu(scopex_base, sc->cpu);
	int i;

	mutex_lock(&scopex_base_mutex);
	scopex_read_raw(sc, stat);
	for (i = 0; i < SCOPEX_STATS; i++)
		if (!scopex_is_level(i))
			stat[i] -= base[i];
	mutex_unlock(&scopex_base_mutex);
}

void scopex_reset_stats(struct scopex_cpu *sc)
{
	unsigned long *base = per_cpu(scopex_base, sc->cpu);

	mutex_lock(&scopex_base_mutex);
	WRITE_ONCE(sc->depth_max, 0);
	scopex_read_raw(sc, base);
	/* What is queued or runs was submitted, and is going to be run. */
	base[SCOPEX_STAT_SUBMITTED] = base[SCOPEX_STAT_RUN] +
				      base[SCOPEX_STAT_CANCELLED];
	mutex_unlock(&scopex_base_mutex);
}

void scopex_add_stats(unsigned long *total, const unsigned long *stat)
{
	int i;

	for (i = 0; i < SCOPEX_STATS; i++) {
		if (i == SCOPEX_STAT_DEPTH_MAX)
			total[i] = max(total[i], stat[i]);
		else
			total[i] += stat[i];
	}
}

/* A CPU is shown if it has a worker, or if a submit was refused on it. */
bool scopex_shown(const struct scopex_cpu *sc)
{
	return READ_ONCE(sc->workers) || READ_ONCE(sc->refused);
}
