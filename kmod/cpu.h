/* SPDX-License-Identifier: GPL-2.0 */
/* What belongs to a CPU: its queue, the loop on offer, the pool of its workers */
#ifndef _SCOPEX_CPU_H
#define _SCOPEX_CPU_H

#include <linux/cache.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>
#include <linux/swait.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct scopex_worker;

/**
 * struct scopex_offer - a loop that the worker of an idle CPU may help with
 * @help: helps; called by the worker, which has taken the offer out of its CPU. From then on
 *	the offer belongs to this function.
 */
struct scopex_offer {
	void	(*help)(struct scopex_worker *w, struct scopex_offer *offer);
};

/**
 * struct scopex_cpu - the queue of a CPU, and its workers
 * @queue: the items that were pushed and not taken yet, newest first; see queue.h
 * @next: the next CPU in the ring, or NULL if no CPU is open; see select.c
 * @offer: the loop that the worker may help with, or NULL; see loop.c
 * @active: the active worker, or the one that left the queue unserved; NULL until the CPU comes
 *	online for the first time
 * @open: true if submitters may name this CPU
 * @spinning: true while the worker spins, without an item
 * @cpu: its number
 * @any: the stealable items that were pushed and not taken yet, newest first; see shared.h
 * @shared: the stealable items that were taken and can still be had, oldest first, or a mark
 * @any_taken: the number of items that were taken from @any; written by the holder of @shared,
 *	as is the next one
 * @stolen: the number of items that workers of other CPUs took from @shared
 * @steal_nr: how many items its worker took at most when it last looked for items to steal
 * @stole_at: the time of that, in nanoseconds
 * @next_home: the next CPU in the list of those that may have stealable items
 * @is_home: true if it is in that list
 * @thief: true if its worker may steal: the CPU is in the ring
 * @take_lock: held while the worker takes the queue, so a reader that holds it may walk the
 *	queue
 * @takes: twice the number of takes; odd while the worker counts the items of a take
 * @depth_max: the highest number of items in one take
 * @refused: submits that were refused on this CPU, counted by the submitters
 * @stalls: items that were reported as stalled
 * @offers: offers of loops that were made on this CPU, to others
 * @withdrawn: those of them that were taken back
 * @main: the main function of its workers
 * @workers: all of its workers, the newest first; freed when the module goes, not before
 * @nr_workers: their number
 * @standby: the workers on standby
 * @spare: the number of workers on standby that are not reserved
 * @make_lock: held while workers are created or bound
 * @more: the pool refill: a work that creates workers
 * @wanted: true if an item waits for a new worker
 * @failures: how often no worker could be created
 * @grown: the items that wait for a new worker
 * @left_by: the worker that left the queue unserved, or NULL; see hand_over.c
 * @left_rest: the rest of its batch
 * @times_left: how often the queue was left unserved
 * @told: the value of @times_left at the last log line about the bound
 * @told_at: the time of that line, in jiffies
 * @tend: a work that looks after the active worker; see relief.c
 * @tend_batches: the number of the active worker's batches at the watchdog's last look
 * @dead: the number of workers whose thread was ended by an item
 * @turn_lock: protects the turns of its workers; a mutex, as its holder goes through all
 *	workers
 *
 * Five groups, each on cache lines of its own: the first two are written by submitters, the
 * second one by thieves, too, and the third one by the active worker. Others count in the fourth
 * one, and the fifth one is for the pool and for hand-overs. All workers that fall asleep look
 * into the second one, and so it is apart from the first one.
 */
struct scopex_cpu {
	struct llist_node	*queue;
	struct scopex_cpu	*next;
	struct scopex_offer	*offer;
	struct scopex_worker	*active;
	bool			open;
	bool			spinning;
	unsigned int		cpu;

	struct llist_node	*any ____cacheline_aligned_in_smp;
	struct llist_node	*shared;
	unsigned long		any_taken;
	unsigned long		stolen;
	struct scopex_cpu	*next_home;
	u64			stole_at;
	unsigned int		steal_nr;
	bool			is_home;
	bool			thief;

	spinlock_t		take_lock ____cacheline_aligned_in_smp;
	unsigned long		takes;
	unsigned long		depth_max;

	unsigned long		refused ____cacheline_aligned_in_smp;
	unsigned long		stalls;
	unsigned long		offers;
	unsigned long		withdrawn;

	struct scopex_worker	*workers ____cacheline_aligned_in_smp;
	void			(*main)(struct scopex_worker *w);
	unsigned int		nr_workers;
	struct llist_head	standby;
	atomic_t		spare;
	/* held while workers are created or bound */
	struct mutex		make_lock;
	struct work_struct	more;
	bool			wanted;
	unsigned int		failures;
	struct swait_queue_head	grown;
	struct scopex_worker	*left_by;
	struct llist_node	*left_rest;
	unsigned long		times_left;
	unsigned long		told;
	unsigned long		told_at;
	struct work_struct	tend;
	unsigned long		tend_batches;
	atomic_t		dead;
	/* protects the turns of the workers */
	struct mutex		turn_lock;
};

DECLARE_PER_CPU_ALIGNED(struct scopex_cpu, scopex_cpus);

/* Count a submit that is refused, and return the reason. */
static inline int scopex_refuse(int err)
{
	this_cpu_inc(scopex_cpus.refused);
	return err;
}

#endif /* _SCOPEX_CPU_H */
