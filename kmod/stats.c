// SPDX-License-Identifier: GPL-2.0
/*
 * The statistics of a CPU
 *
 * Theory of operation
 *
 * The worker counts nothing for these numbers that it does not know anyway. "submitted" is
 * the number of items taken plus those that are queued. "depth" is the number of items
 * queued plus those that were taken and are not completed; it follows the items that workers
 * have stolen.
 *
 * A reader walks through a queue in steps. It holds scopex_cpu.take_lock in each step, so
 * that the items stay there. It begins again if the worker took the queue between two steps,
 * or before the reader has summed the counters.
 *
 * No item is counted twice. Under take_lock the worker takes the queue and makes
 * scopex_cpu.takes odd. Then it adds the number of items to its counter, and makes takes
 * even with a release. A reader that finds takes even, with an acquire, finds all that was
 * taken before in the counters. It looks at takes under the lock when it counts the queue,
 * and again after the sum. If takes has not changed, no item is in both numbers; see
 * take-count.litmus.
 *
 * The stealable items that were pushed are counted in the same way. Instead of the lock the
 * reader holds scopex_cpu.shared in each step, so nobody takes them (see shared.h). A worker that
 * takes them counts them before it gives that word back, in scopex_cpu.any_taken. Items that
 * were taken and can still be stolen are in that number.
 *
 * Counters belong to the workers and are never written here. A reset records their values as
 * a baseline, which later reads subtract.
 */

#include <linux/delay.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/string.h>

#include "cpu.h"
#include "queue.h"
#include "shared.h"
#include "stats.h"
#include "steal.h"
#include "thread.h"

const char * const scopex_stat_names[SCOPEX_STATS] = {
	"submitted", "run", "cancelled", "errors", "refused",
	"batches", "wakeups", "sleeps", "depth", "depth_max",
	"workers", "handoffs", "unhanded", "relieved", "serials",
	"steals", "stolen", "asked", "vain",
	"offers", "withdrawn", "helps", "chunks", "stalls",
};

/* The values of the counters at the last reset. */
static DEFINE_PER_CPU(unsigned long [SCOPEX_STATS], scopex_base);
static DEFINE_MUTEX(scopex_base_mutex);

/* Returns true for gauges: current or peak values, not counters. */
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
	/* What was run before what was taken: so no more has run than was taken. */
	static_assert(SCOPEX_TAKEN < SCOPEX_RUN);
	scopex_for_each_worker(w, sc)
		for (i = SCOPEX_COUNTERS - 1; i >= 0; i--)
			count[i] += local_read(&w->count[i]);
}

/* The number of items of a queue that are counted in one step, while the worker can't take it. */
#define SCOPEX_COUNT_STEP	64

/* The number of times that a count begins again before its result is accepted as it is. */
#define SCOPEX_COUNT_TRIES	100

/* Wait until the worker has counted the items that it took, which takes a time for each item. */
static unsigned long scopex_wait_for_take(struct scopex_cpu *sc)
{
	unsigned long takes;

	/*
	 * Acquire: the counters have all items that were taken; pairs with
	 * scopex_take_batch(); see take-count.litmus.
	 */
	while ((takes = smp_load_acquire(&sc->takes)) & 1)
		usleep_range(50, 100);
	return takes;
}

/*
 * Count some more items of a queue, from @node on. Returns false if the worker has taken the
 * queue since @takes was read; then @node may be gone.
 */
static bool scopex_count_some(struct scopex_cpu *sc, unsigned long takes,
			      struct llist_node **node, unsigned long *nr)
{
	unsigned int i;
	bool same;

	spin_lock(&sc->take_lock);
	same = READ_ONCE(sc->takes) == takes;
	if (same && !*node)
		/*
		 * Acquire: the items are linked; pairs with scopex_queue_push(); see
		 * walk-take.litmus.
		 */
		*node = smp_load_acquire(&sc->queue);
	for (i = 0; same && i < SCOPEX_COUNT_STEP && !scopex_queue_end(*node); i++)
		*node = scopex_queue_older(*node, nr);
	spin_unlock(&sc->take_lock);
	return same;
}

/* The same for the stealable items, of which @taken were taken so far. */
static bool scopex_count_some_any(struct scopex_cpu *sc, unsigned long taken,
				  struct llist_node **node, unsigned long *nr)
{
	struct llist_node *shared;
	unsigned int i;
	bool same;

	/* While this task holds the word, nobody has the items. So it does not lose its CPU. */
	preempt_disable();
	while (!scopex_shared_hold(&sc->shared, &shared)) {
		preempt_enable();
		usleep_range(50, 100);
		preempt_disable();
	}
	same = READ_ONCE(sc->any_taken) == taken;
	if (same && !*node)
		/*
		 * Acquire: the items are linked; pairs with scopex_any_try_push(); see
		 * steal-take.litmus.
		 */
		*node = smp_load_acquire(&sc->any);
	for (i = 0; same && i < SCOPEX_COUNT_STEP && *node; i++)
		*node = scopex_queue_older(*node, nr);
	scopex_give_back(sc, shared);
	preempt_enable();
	return same;
}

/*
 * Returns true if the worker has taken the queue since @takes was read. Look under the lock:
 * the worker makes takes odd under it, and adds to its counter afterwards, without a barrier
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

/*
 * Returns the number of queued items, and sums the workers' counters for the same moment, and
 * the items that were taken.
 */
static unsigned long scopex_queued(struct scopex_cpu *sc, unsigned long *count)
{
	unsigned int tries = 0;
	unsigned long takes, taken, nr;
	struct llist_node *node;
	bool same;

	do {
		takes = scopex_wait_for_take(sc);
		taken = READ_ONCE(sc->any_taken);
		node = NULL;
		nr = 0;
		do
			same = scopex_count_some(sc, takes, &node, &nr);
		while (same && !scopex_queue_end(node));
		node = NULL;
		if (same)
			do
				same = scopex_count_some_any(sc, taken, &node, &nr);
			while (same && node);
		scopex_sum_workers(sc, count);
		/* The worker may have taken and counted these items since. */
	} while ((!same || scopex_taken_since(sc, takes) ||
		  READ_ONCE(sc->any_taken) != taken) && ++tries < SCOPEX_COUNT_TRIES);
	count[SCOPEX_TAKEN] += taken;
	return nr;
}

static void scopex_read_raw(struct scopex_cpu *sc, unsigned long *stat)
{
	unsigned long queued, taken, stolen, here, ended, count[SCOPEX_COUNTERS];

	queued = scopex_queued(sc, count);
	taken = count[SCOPEX_TAKEN];
	/* Others may steal during the sum, and be counted in one place only. */
	stolen = min(READ_ONCE(sc->stolen), taken + queued + count[SCOPEX_STEALS]);
	here = taken + queued + count[SCOPEX_STEALS] - stolen;
	stat[SCOPEX_STAT_DEPTH_MAX] = READ_ONCE(sc->depth_max);

	stat[SCOPEX_STAT_SUBMITTED] = taken + queued;
	stat[SCOPEX_STAT_RUN] = count[SCOPEX_RUN];
	stat[SCOPEX_STAT_CANCELLED] = count[SCOPEX_CANCELLED_ITEMS];
	/* A serial scope may take and run items during the sum, and be counted in one of both. */
	ended = min(stat[SCOPEX_STAT_RUN] + stat[SCOPEX_STAT_CANCELLED], here);
	stat[SCOPEX_STAT_DEPTH] = here - ended;
	/* The worker updates depth_max only when it takes the queue. */
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
	stat[SCOPEX_STAT_STEALS] = count[SCOPEX_STEALS];
	stat[SCOPEX_STAT_STOLEN] = stolen;
	stat[SCOPEX_STAT_ASKED] = count[SCOPEX_ASKED];
	stat[SCOPEX_STAT_VAIN] = count[SCOPEX_VAIN];
	stat[SCOPEX_STAT_OFFERS] = READ_ONCE(sc->offers);
	stat[SCOPEX_STAT_WITHDRAWN] = READ_ONCE(sc->withdrawn);
	stat[SCOPEX_STAT_HELPS] = count[SCOPEX_HELPS];
	stat[SCOPEX_STAT_CHUNKS] = count[SCOPEX_CHUNKS];
	stat[SCOPEX_STAT_STALLS] = READ_ONCE(sc->stalls);
}

static void scopex_read_stats(struct scopex_cpu *sc, unsigned long *stat)
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
	/* The items that are queued or run now count as submitted after the reset. */
	base[SCOPEX_STAT_SUBMITTED] -= base[SCOPEX_STAT_DEPTH];
	mutex_unlock(&scopex_base_mutex);
}

static void scopex_add_stats(unsigned long *total, const unsigned long *stat)
{
	int i;

	for (i = 0; i < SCOPEX_STATS; i++) {
		if (i == SCOPEX_STAT_DEPTH_MAX)
			total[i] = max(total[i], stat[i]);
		else
			total[i] += stat[i];
	}
}

/*
 * Read the statistics of a CPU, and add them to @total. Returns false if the CPU is not shown,
 * as it has no worker, and no submit was refused on it.
 */
bool scopex_sum_stats(struct scopex_cpu *sc, unsigned long *stat, unsigned long *total)
{
	if (!READ_ONCE(sc->workers) && !READ_ONCE(sc->refused))
		return false;
	scopex_read_stats(sc, stat);
	scopex_add_stats(total, stat);
	return true;
}
