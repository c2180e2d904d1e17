/* SPDX-License-Identifier: GPL-2.0 */
/* The CPUs: the queue and the workers of each */
#ifndef _SCOPEX_CPU_H
#define _SCOPEX_CPU_H

#include <linux/cache.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/scopex.h>
#include <linux/spinlock.h>
#include <linux/swait.h>
#include <linux/workqueue.h>
#include <asm/local.h>

#include "inject.h"
#include "queue.h"
#include "state.h"

/**
 * enum scopex_counter - what a worker counts
 * @SCOPEX_TAKEN: items taken from the queue, or from a serial scope
 * @SCOPEX_RUN: items whose function has returned
 * @SCOPEX_CANCELLED_ITEMS: items that ended without having run
 * @SCOPEX_ERRORS: items that ran and failed
 * @SCOPEX_BATCHES: how often it took the queue
 * @SCOPEX_WAKEUPS: how often a submit ended its sleep
 * @SCOPEX_SLEEPS: how often it gave up the CPU for want of items
 * @SCOPEX_HANDOFFS: how often it gave the queue to another worker, to block
 * @SCOPEX_UNHANDED: how often its queue had to wait for another worker then
 * @SCOPEX_RELIEVED: how often that was done for it, as it slept in an item
 * @SCOPEX_SERIALS: scopes that had to run their items on their owner's stack
 * @SCOPEX_HELPS: loops that it helped with
 * @SCOPEX_CHUNKS: how many chunks of them it did
 * @SCOPEX_COUNTERS: how many there are
 */
enum scopex_counter {
	SCOPEX_TAKEN,
	SCOPEX_RUN,
	SCOPEX_CANCELLED_ITEMS,
	SCOPEX_ERRORS,
	SCOPEX_BATCHES,
	SCOPEX_WAKEUPS,
	SCOPEX_SLEEPS,
	SCOPEX_HANDOFFS,
	SCOPEX_UNHANDED,
	SCOPEX_RELIEVED,
	SCOPEX_SERIALS,
	SCOPEX_HELPS,
	SCOPEX_CHUNKS,
	SCOPEX_COUNTERS,
};

/**
 * struct scopex_worker - a thread of a CPU
 * @rest: what is left of the batch that it runs, oldest first
 * @scope: the scope whose items it runs, NULL while it releases a detached item; only
 *	the thread may look into it
 * @site: where that comes from; for the stall detector, which may look at it under
 *	RCU
 * @fn: the function that it called last of that scope's, or NULL; likewise
 * @active: whether it serves the queue
 * @reserved: whether a worker on standby is kept for it
 * @nested: how many scopes its item has open
 * @innermost: the one that was opened last; touched by the thread only
 * @exit: drains them if the thread exits
 * @turn: the scope with a limit for each CPU that its item is of, or NULL; this and the
 *	next two are protected by scopex_cpu.turn_lock
 * @deferred: the items of that scope that wait for a turn on this CPU, oldest first
 * @deferred_last: the last of them
 * @again: items to be queued again when it has ended its part, which it ran after it had
 *	handed the queue over; the newest first
 * @sc: its CPU
 * @task: the thread
 * @standby: link in scopex_cpu.standby
 * @next: the worker of this CPU that was made before, or NULL
 * @started: completed by @task once it runs
 * @since: when it has begun its item, or part of a loop, if that is measured; else 0
 * @stall_ended: the stall detector's: how many items had ended at its last look; one
 *	less if it was in none
 * @stall_since: since when that is so
 * @stall_told: whether it was reported
 * @join_scope: the watchdog's: the scope whose items it was in after the last looks at joins
 * @join_batches: and in which batch
 * @parted: link among those for which that batch is over, by @join_scope
 * @count: see &enum scopex_counter
 *
 * All but @rest, @active and @standby, which are given from one worker to the
 * other, are written by the thread only, or by scopex_relieve() on the thread's CPU while
 * the thread sleeps. The counters are local_t because that is one plain instruction which
 * a reader on another CPU never sees half done.
 */
struct scopex_worker {
	struct llist_node	*rest;
	struct scopex_scope	*scope;
	struct scopex_site	*site;
	void			*fn;
	bool			active;
	bool			reserved;
	unsigned int		nested;
	struct scopex_scope	*innermost;
	struct callback_head	exit;
	struct scopex_scope	*turn;
	struct llist_node	*deferred;
	struct llist_node	*deferred_last;
	struct llist_node	*again;
	struct scopex_cpu	*sc;
	struct task_struct	*task;
	struct llist_node	standby;
	struct scopex_worker	*next;
	struct completion	started;
	u64			since;
	unsigned long		stall_ended;
	unsigned long		stall_since;
	bool			stall_told;
	struct scopex_scope	*join_scope;
	unsigned long		join_batches;
	struct hlist_node	parted;
	local_t			count[SCOPEX_COUNTERS];
};

/**
 * struct scopex_offer - something that the worker of a CPU may help with, when it is idle
 * @help: called by the worker, which has taken the offer out of its CPU; from then on the
 *	offer is the callee's
 */
struct scopex_offer {
	void	(*help)(struct scopex_worker *w, struct scopex_offer *offer);
};

/**
 * struct scopex_cpu - the queue of a CPU and its workers
 * @queue: items pushed and not taken, newest first: see queue.h
 * @next: the next CPU of those that get what names none, in a ring; NULL if none is open
 * @offer: what the worker may help with; see loop.c
 * @active: the thread that serves the queue; NULL until the CPU came online for
 *	the first time
 * @open: whether submitters may name this CPU
 * @spinning: whether its worker looks for work, and has none
 * @cpu: its number
 * @take_lock: held while the worker takes the queue, so that a reader that
 *	holds it may walk what is queued
 * @takes: how often the queue was taken, twice; odd while what was taken is being counted
 * @depth_max: the most items that were found queued at once
 * @refused: submits refused on this CPU, counted by the submitters
 * @stalls: items that were reported as stalled
 * @main: what they do
 * @workers: all of its workers, the newest first; none goes before the module
 * @nr_workers: how many
 * @standby: those that wait for the queue to be given to them
 * @spare: how many of these are not reserved
 * @make_lock: held while workers are made, or bound
 * @more: makes more of them
 * @wanted: an item waits for one to be made
 * @failures: how often none could be made
 * @grown: those that wait for one
 * @orphan: the worker that has left the queue behind, without another one; or NULL
 * @orphan_rest: what was left of its batch
 * @orphans: how many there were
 * @told: the last one of which the log has told that it waits at the bound
 * @told_at: when, in jiffies
 * @tend: looks after the active worker: see scopex_relieve()
 * @tend_batches: how many batches the active worker had taken at the watchdog's last
 *	look
 * @dead: how many workers items have taken with them
 * @turn_lock: protects its workers' turns; a mutex, as who holds it goes through all of
 *	the workers
 *
 * Four groups, each on cache lines of its own: what submitters write, what the
 * worker writes, what is counted for it by others, and what a worker needs to block.
 */
struct scopex_cpu {
	struct llist_node	*queue;
	struct scopex_cpu	*next;
	struct scopex_offer	*offer;
	struct task_struct	*active;
	bool			open;
	bool			spinning;
	unsigned int		cpu;

	spinlock_t		take_lock ____cacheline_aligned_in_smp;
	unsigned long		takes;
	unsigned long		depth_max;

	unsigned long		refused ____cacheline_aligned_in_smp;
	unsigned long		stalls;

	struct scopex_worker	*workers ____cacheline_aligned_in_smp;
	void			(*main)(struct scopex_worker *w);
	unsigned int		nr_workers;
	struct llist_head	standby;
	atomic_t		spare;
	/* while workers are made, or bound */
	struct mutex		make_lock;
	struct work_struct	more;
	bool			wanted;
	unsigned int		failures;
	struct swait_queue_head	grown;
	struct scopex_worker	*orphan;
	struct llist_node	*orphan_rest;
	unsigned long		orphans;
	unsigned long		told;
	unsigned long		told_at;
	struct work_struct	tend;
	unsigned long		tend_batches;
	atomic_t		dead;
	/* for its workers' turns */
	struct mutex		turn_lock;
};

DECLARE_PER_CPU_ALIGNED(struct scopex_cpu, scopex_cpus);

int scopex_worker_thread(void *data);

/* What @w runs from now on belongs to @scope, or to none, and is shown as of @site. */
static inline void scopex_set_current_at(struct scopex_worker *w, struct scopex_scope *scope,
				   struct scopex_site *site)
{
	WRITE_ONCE(w->scope, scope);
	/* Those of another scope's item: its module may be gone when they are shown. */
	WRITE_ONCE(w->fn, NULL);
	WRITE_ONCE(w->since, 0);
	WRITE_ONCE(w->site, site);
}

/* What @w runs from now on belongs to @scope. */
static inline void scopex_set_current(struct scopex_worker *w,
				struct scopex_scope *scope)
{
	scopex_set_current_at(w, scope, scope->site);
}

/* It runs nothing; the module that has the site may go after an RCU grace period. */
static inline void scopex_clear_current(struct scopex_worker *w)
{
	WRITE_ONCE(w->site, NULL);
}

/* Has the worker of a CPU nothing to do? A hint, for who may choose a CPU. */
static inline bool scopex_is_idle(const struct scopex_cpu *sc)
{
	const struct llist_node *head = READ_ONCE(sc->queue);

	return scopex_queue_end(head) && (head || READ_ONCE(sc->spinning));
}

/* A submit is refused: count it, and return why. */
static inline int scopex_refuse(int err)
{
	this_cpu_inc(scopex_cpus.refused);
	return err;
}

/* The worker that the current task is, which is then in an item; or NULL. */
static inline struct scopex_worker *scopex_this_worker(void)
{
	if (likely(!(current->flags & PF_KTHREAD)) ||
	    kthread_func(current) != scopex_worker_thread)
		return NULL;
	return kthread_data(current);
}

/* The same for the owner of a scope. */
static inline struct scopex_worker *scopex_owner_worker(const struct scopex_scope *scope)
{
	return scope->flags & __SCOPEX_ON_WORKER ? scopex_this_worker() : NULL;
}

/* Is the current task in an item of a scope, which may be gone, or of one nested in it? */
static inline bool scopex_is_within(const struct scopex_scope *scope)
{
	struct scopex_worker *w = scopex_this_worker();
	const struct scopex_scope *outer = w ? w->scope : NULL;

	while (outer && outer != scope)
		outer = outer->parent;
	return outer;
}

/*
 * Wake the worker of a CPU after a push that found the queue parked. P: the push
 * comes before the look at the worker's task state, since wake_up_process() has
 * a full barrier in between; pairs with set_current_state() in scopex_park(); see
 * park-wake.litmus.
 */
static inline void scopex_wake(struct scopex_cpu *sc)
{
	scopex_inject(SCOPEX_INJECT_WAKE);
	/*
	 * Acquire H: whoever parked the queue is the one to wake, or one that it
	 * gave the queue to; pairs with scopex_queue_park(); see
	 * handover-wake.litmus.
	 */
	smp_acquire__after_ctrl_dep();
	wake_up_process(READ_ONCE(sc->active));
}

static inline void scopex_push(struct scopex_cpu *sc, struct scopex_work *newest,
			struct scopex_work *oldest)
{
	if (scopex_queue_push(&sc->queue, &newest->node, &oldest->node))
		scopex_wake(sc);
}

#endif /* _SCOPEX_CPU_H */
