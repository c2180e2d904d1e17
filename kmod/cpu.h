/* SPDX-License-Identifier: GPL-2.0 */
/* What belongs to a CPU: its queue, its workers, their pool */
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
 * enum scopex_counter - the counters of a worker
 * @SCOPEX_TAKEN: items taken from the queue, or from a serial scope
 * @SCOPEX_RUN: items whose function has returned
 * @SCOPEX_CANCELLED_ITEMS: items completed without a call of their function
 * @SCOPEX_ERRORS: items that ran and failed
 * @SCOPEX_BATCHES: batches taken from the queue
 * @SCOPEX_WAKEUPS: sleeps that were ended by a submit
 * @SCOPEX_SLEEPS: sleeps for lack of items
 * @SCOPEX_HANDOFFS: times that its queue was handed over
 * @SCOPEX_UNHANDED: hand-overs that left the queue unserved, as no worker was on standby
 * @SCOPEX_RELIEVED: hand-overs that scopex_relieve() did for it, while it slept in an item
 * @SCOPEX_SERIALS: scopes that its items opened, and that had to be serial
 * @SCOPEX_HELPS: loops that it helped with
 * @SCOPEX_CHUNKS: chunks of loops that it ran
 * @SCOPEX_COUNTERS: the number of counters
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
 * struct scopex_worker - a thread that runs the items of one CPU
 * @rest: the rest of the batch that it runs, oldest item first
 * @scope: the scope whose items it runs, NULL while it releases a detached item. Only the
 *	worker's own thread may follow the pointer.
 * @site: the site of that scope, NULL while it runs nothing. The watchdog follows the
 *	pointer under RCU.
 * @fn: the function that it called last for that scope, or NULL; read as @site is
 * @active: true while it serves the queue
 * @reserved: true while a worker on standby is reserved for it
 * @nested: number of open scopes that its item has opened
 * @innermost: the one opened last; for the worker's own thread only
 * @exit: the task work that drains them if the thread exits
 * @turn: the scope with a limit for each CPU that its item belongs to, or NULL; protected
 *	by scopex_cpu.turn_lock, as are the next two
 * @deferred: the items of that scope that wait for a turn on this CPU, oldest first
 * @deferred_last: the last of them
 * @sc: its CPU
 * @task: the thread
 * @standby: link in scopex_cpu.standby
 * @next: the worker of this CPU that was created before it, or NULL
 * @started: completed by @task once it runs
 * @since: the time at which it began its item, or its part of a loop; 0 if that was not
 *	measured, or it is in none
 * @stall_ended: for the stall detector: how many items were completed at its last look; one
 *	less if the worker was in no item
 * @stall_since: the time of the look that found this number first, in jiffies
 * @stall_told: true if the item was reported
 * @join_scope: for the watchdog: the scope whose item it was in after its last look at joins
 * @join_batches: the number of its batches by then
 * @parted: link in the watchdog's table of workers that have ended that batch since; by
 *	@join_scope
 * @count: see &enum scopex_counter
 *
 * A hand-over writes @rest, @active and @standby of two workers. The watchdog writes the
 * fields that are for it. All others are written by the thread, or by scopex_relieve() on
 * the thread's CPU while the thread sleeps. A counter is a local_t: to count is one plain
 * instruction, and a reader on another CPU never sees half of the result.
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
 * @active: the thread of the active worker, or of the one that left the queue unserved; NULL
 *	until the CPU comes online for the first time
 * @open: true if submitters may name this CPU
 * @spinning: true while the worker spins, without an item
 * @cpu: its number
 * @take_lock: held while the worker takes the queue, so a reader that holds it may walk the
 *	queue
 * @takes: twice the number of takes; odd while the worker counts the items of a take
 * @depth_max: the highest number of items in one take
 * @refused: submits that were refused on this CPU, counted by the submitters
 * @stalls: items that were reported as stalled
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
 * @orphan: the worker that left the queue unserved, or NULL; see hand_over.c
 * @orphan_rest: the rest of its batch
 * @orphans: how often the queue was left unserved
 * @told: the value of @orphans at the last log line about the bound
 * @told_at: the time of that line, in jiffies
 * @tend: a work that looks after the active worker; see relief.c
 * @tend_batches: the number of the active worker's batches at the watchdog's last look
 * @dead: the number of workers whose thread was ended by an item
 * @turn_lock: protects the turns of its workers; a mutex, as its holder goes through all
 *	workers
 *
 * Four groups, each on cache lines of its own: the first one is written by submitters, the
 * second one by the active worker. Others count in the third one, and the fourth one is for
 * the pool and for hand-overs.
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
	/* held while workers are created or bound */
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
	/* protects the turns of the workers */
	struct mutex		turn_lock;
};

DECLARE_PER_CPU_ALIGNED(struct scopex_cpu, scopex_cpus);

int scopex_worker_thread(void *data);

/*
 * From now on, @w runs items of @scope, or of no scope if it is NULL, and is shown at
 * @site.
 */
static inline void scopex_set_current_at(struct scopex_worker *w, struct scopex_scope *scope,
					 struct scopex_site *site)
{
	WRITE_ONCE(w->scope, scope);
	/* The module of the former item's function may be gone when @w is shown. */
	WRITE_ONCE(w->fn, NULL);
	WRITE_ONCE(w->since, 0);
	WRITE_ONCE(w->site, site);
}

/* From now on, @w runs items of @scope. */
static inline void scopex_set_current(struct scopex_worker *w,
				      struct scopex_scope *scope)
{
	scopex_set_current_at(w, scope, scope->site);
}

/**
 * struct scopex_current - what a worker was in, while it is in something else on its stack
 * @scope: scopex_worker.scope
 * @site: scopex_worker.site
 * @fn: scopex_worker.fn
 * @since: scopex_worker.since
 */
struct scopex_current {
	struct scopex_scope	*scope;
	struct scopex_site	*site;
	void			*fn;
	u64			since;
};

static inline void scopex_save_current(const struct scopex_worker *w,
				       struct scopex_current *before)
{
	*before = (struct scopex_current){ w->scope, w->site, w->fn, w->since };
}

static inline void scopex_restore_current(struct scopex_worker *w,
					  const struct scopex_current *before)
{
	scopex_set_current_at(w, before->scope, before->site);
	WRITE_ONCE(w->fn, before->fn);
	WRITE_ONCE(w->since, before->since);
}

/* @w runs nothing. The module of its site may be gone after an RCU grace period. */
static inline void scopex_clear_current(struct scopex_worker *w)
{
	WRITE_ONCE(w->site, NULL);
}

/* Returns true if the worker has nothing to do. This is a hint, for the choice of a CPU. */
static inline bool scopex_is_idle(const struct scopex_cpu *sc)
{
	const struct llist_node *head = READ_ONCE(sc->queue);

	return scopex_queue_end(head) && (head || READ_ONCE(sc->spinning));
}

/* Count a submit that is refused, and return the reason. */
static inline int scopex_refuse(int err)
{
	this_cpu_inc(scopex_cpus.refused);
	return err;
}

/* Return the worker whose thread is the current task, and so is in an item; else NULL. */
static inline struct scopex_worker *scopex_this_worker(void)
{
	if (likely(!(current->flags & PF_KTHREAD)) ||
	    kthread_func(current) != scopex_worker_thread)
		return NULL;
	return kthread_data(current);
}

/* The same, for the owner of @scope. */
static inline struct scopex_worker *scopex_owner_worker(const struct scopex_scope *scope)
{
	return scope->flags & __SCOPEX_ON_WORKER ? scopex_this_worker() : NULL;
}

/*
 * Returns true if the current task is in an item of @scope, or of a scope that is nested in
 * it. @scope may have ended: only its address is compared.
 */
static inline bool scopex_is_within(const struct scopex_scope *scope)
{
	struct scopex_worker *w = scopex_this_worker();
	const struct scopex_scope *outer = w ? w->scope : NULL;

	while (outer && outer != scope)
		outer = outer->parent;
	return outer;
}

/*
 * Wake the worker of a CPU, after a push that found the queue parked.
 *
 * wake_up_process() has a full barrier between the push and its look at the worker's task
 * state, so no wake-up is lost; pairs with set_current_state() in scopex_park(); see
 * park-wake.litmus.
 */
static inline void scopex_wake(struct scopex_cpu *sc)
{
	scopex_inject(SCOPEX_INJECT_WAKE);
	/*
	 * Acquire: find the worker that parked the queue, or one that got the queue from
	 * it; pairs with scopex_queue_park(); see handover-wake.litmus.
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
