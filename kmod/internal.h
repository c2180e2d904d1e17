/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of scopex.ko share. The theory is in scope.c, queue.h
 * and worker.c.
 */
#ifndef _SCOPEX_INTERNAL_H
#define _SCOPEX_INTERNAL_H

#include <linux/cache.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/stat.h>
#include <linux/scopex.h>
#include <linux/spinlock.h>
#include <linux/swait.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>
#include <asm/local.h>

#include "inject.h"
#include "lockdep.h"
#include "queue.h"
#include "text.h"

/**
 * struct scopex_config - the module's parameters, and what follows; constant once it runs
 * @nice: the nice level of the workers
 * @standby: how many workers a CPU has ready, besides the active one
 * @workers: the most workers that a CPU has
 * @stall_ms: after what time an item is reported; 0 for never
 * @spin_us: how long workers and owners look for what they wait for before they sleep
 * @spare_isolated: whether isolated CPUs get only what names them
 * @exits_seen: whether tasks that exit with an open scope are noticed
 */
struct scopex_config {
	int		nice;
	unsigned int	standby;
	unsigned int	workers;
	unsigned int	stall_ms;
	unsigned int	spin_us;
	bool		spare_isolated;
	bool		exits_seen;
};

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
 * other, are written by the thread only, or by scopex_tend() on the thread's CPU while
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
 * struct scopex_cpu - the queue of a CPU and its workers
 * @queue: items pushed and not taken, newest first: see queue.h
 * @next: the next CPU of those that get what names none, in a ring; NULL if none is open
 * @offer: a loop that the worker may help with; see loop.c
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
 * @tend: looks after the active worker: see scopex_tend()
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
	struct scopex_loop	*offer;
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
DECLARE_PER_CPU(struct scopex_cpu *, scopex_local);
extern struct cpumask scopex_open_cpus;
extern struct cpumask scopex_ring_cpus;
extern unsigned int scopex_nr_open;
extern struct cpumask scopex_served_cpus;
extern struct scopex_config scopex_config;

/* scope.c */
void scopex_put_items(struct scopex_scope *scope, unsigned int nr);
u64 scopex_drain_scope(struct scopex_scope *scope);
void scopex_set_error(struct scopex_scope *scope, int err);
void scopex_fail(struct scopex_scope *scope, int err);
void scopex_list(struct scopex_scope *scope);

/* registry.c */
void scopex_register(struct scopex_scope *scope);
void scopex_unregister(struct scopex_scope *scope);
bool scopex_unregister_exiting(struct scopex_scope *scope);
bool scopex_close_listed(struct scopex_scope *scope, u64 state);
struct scopex_scope *scopex_scope_of(struct task_struct *task);
void scopex_registry_init(void);

/**
 * struct scopex_walk - a walk through the scopes below one, each before its children
 * @top: where it began
 * @at: where it is; the walk holds a reference, unless that is @top
 * @up: the children of @at were visited
 */
struct scopex_walk {
	struct scopex_scope	*top;
	struct scopex_scope	*at;
	bool			up;
};

bool scopex_walk_step(struct scopex_walk *walk);
void scopex_walk_end(struct scopex_walk *walk);

/* What scopex_visit_open() calls; false ends it. */
typedef bool (*scopex_visit_fn_t)(struct scopex_scope *scope, void *arg);
void scopex_visit_open(scopex_visit_fn_t visit, void *arg);

static inline bool scopex_walk_over(const struct scopex_walk *walk)
{
	return walk->up && walk->at == walk->top;
}

/* cancel.c */
void scopex_do_cancel(struct scopex_scope *scope, int why);
void scopex_look_up(struct scopex_scope *scope);
void scopex_cancel_init(void);
void scopex_cancel_exit(void);

/* scope.c, for scopes with options */
struct scopex_scope *scopex_open_parallel(struct scopex_scope *scope,
					  struct scopex_site *site);
struct scopex_scope *scopex_open_timed(struct scopex_custom_scope *custom,
				       struct scopex_site *site, unsigned int flags,
				       ktime_t timeout);
void scopex_wake_joiner(struct scopex_scope *scope, struct scopex_work *work);
void scopex_let_start(struct scopex_scope *scope);
bool scopex_take_turn(struct scopex_worker *w, struct scopex_scope *scope,
		      struct scopex_work *work);
struct scopex_work *scopex_pass_turn(struct scopex_worker *w,
				     struct scopex_scope *scope);

/* What @w runs from now on belongs to @scope, or to none, and is shown as of @site. */
static inline void scopex_enter_at(struct scopex_worker *w, struct scopex_scope *scope,
				   struct scopex_site *site)
{
	WRITE_ONCE(w->scope, scope);
	/* Those of another scope's item: its module may be gone when they are shown. */
	WRITE_ONCE(w->fn, NULL);
	WRITE_ONCE(w->since, 0);
	WRITE_ONCE(w->site, site);
}

/* What @w runs from now on belongs to @scope. */
static inline void scopex_enter(struct scopex_worker *w,
				struct scopex_scope *scope)
{
	scopex_enter_at(w, scope, scope->site);
}

/* It runs nothing; the module that has the site may go after an RCU grace period. */
static inline void scopex_leave(struct scopex_worker *w)
{
	WRITE_ONCE(w->site, NULL);
}

extern struct workqueue_struct *scopex_maker;

/* How many CPUs get what names none, at the moment; 1 if there are none. */
static inline unsigned int scopex_count_open(void)
{
	return READ_ONCE(scopex_nr_open) ?: 1;
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

/* For who holds a reference on the scope, and goes on to do so. */
static inline void scopex_get(struct scopex_scope *scope)
{
	atomic64_add(SCOPEX_ONE, &scope->state);
}

static inline void scopex_unget(struct scopex_scope *scope)
{
	atomic64_sub(SCOPEX_ONE, &scope->state);
}

/**
 * scopex_spin_while() - spin for a while, if the parameter spin_us says so
 * @cond: as long as this is true
 *
 * Whoever else wants the CPU gets it, whether or not the scheduler would have let this
 * task go on. The clock is not looked at each time, as that takes longer than a look at a
 * word that nobody writes.
 */
#define scopex_spin_while(cond)						\
do {									\
	u64 __end = ktime_get_mono_fast_ns() +				\
		    (u64)scopex_config.spin_us * NSEC_PER_USEC;		\
									\
	for (unsigned int __i = 1; (cond) && single_task_running() &&	\
	     !need_resched(); __i++) {					\
		if (__i % 16 == 0 && ktime_get_mono_fast_ns() >= __end)	\
			break;						\
		cpu_relax();						\
	}								\
} while (0)

/* detach.c */
bool scopex_is_within(const struct scopex_scope *scope);
int scopex_detach_init(void);
void scopex_detach_exit(void);
void scopex_detached_end(struct scopex_worker *w, struct scopex_scope *scope);

/* forget.c */
void scopex_close_exiting(struct scopex_scope *scope);
bool scopex_forget_scope(struct scopex_scope *scope);
int scopex_forget_init(void);
void scopex_forget_exit(void);

/* stall.c */
unsigned long scopex_stall_threshold(void);
void scopex_look_for_stall(struct scopex_worker *w);
unsigned long scopex_stall_age(struct scopex_worker *w);
bool scopex_is_stalled(struct scopex_worker *w);

/* watchdog.c */
void scopex_watchdog_init(void);
void scopex_watchdog_exit(void);

/* loop.c */
void scopex_help(struct scopex_worker *w);

/**
 * scopex_breathe() - between two items or chunks that are not in a batch
 * @tick: when the last one was, in jiffies
 *
 * RCU-tasks waits for a quiescent state of each thread, and neither a preemption nor
 * cond_resched() is one: it has to be reported, also if nobody else wants the CPU, and
 * need_resched() is never seen. That is a look at several words and a call; once a tick
 * is often enough, and leaves a look at jiffies each time.
 */
static __always_inline void scopex_breathe(unsigned long *tick)
{
	if (unlikely(time_after(jiffies, *tick))) {
		*tick = jiffies;
		cond_resched_tasks_rcu_qs();
	} else if (unlikely(need_resched())) {
		cond_resched();
	}
}

/*
 * The mark on an item that its worker is to report a quiescent state before it: the lowest
 * bit of the item's scope, so that the look for another scope finds it at no cost. Set by
 * scopex_tend() on the worker's CPU, on the next item of its batch.
 */
#define SCOPEX_MARK	1UL

static inline bool scopex_is_marked(const struct scopex_scope *scope)
{
	return (unsigned long)scope & SCOPEX_MARK;
}

static inline struct scopex_scope *scopex_unmarked(struct scopex_scope *scope)
{
	return (void *)((unsigned long)scope & ~SCOPEX_MARK);
}

static inline void scopex_mark_work(struct scopex_work *work)
{
	WRITE_ONCE(work->scope, (void *)((unsigned long)READ_ONCE(work->scope) | SCOPEX_MARK));
}

/* worker.c */
int scopex_worker_thread(void *data);
void scopex_serve(struct scopex_worker *w);
void scopex_enlist(struct scopex_worker *w);
void scopex_bury(struct scopex_worker *w);
void scopex_run_own(struct scopex_worker *w, struct scopex_scope *scope);
bool scopex_reserve(struct scopex_worker *w);
void scopex_unreserve(struct scopex_worker *w);
void scopex_hand_over(struct scopex_worker *w);
void scopex_tend(struct scopex_cpu *sc);

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

/* What an object is: SCOPEX_OPEN and the like, or none of these. */
static inline u64 scopex_kind(const struct scopex_scope *scope, u64 state)
{
	return __scopex_decode(scope, state) & SCOPEX_KIND_MASK;
}

/* The state of a scope that is as @state says. */
static inline u64 scopex_encode(const struct scopex_scope *scope, u64 state)
{
	return state - __scopex_address(scope);
}

static inline bool scopex_is_open(const struct scopex_scope *scope)
{
	return scopex_kind(scope, atomic64_read(&scope->state)) == SCOPEX_OPEN;
}

/* cpu.c */
struct scopex_cpu *scopex_choose_cpu(void);
void scopex_want_standby(struct scopex_cpu *sc);
bool scopex_wait_for_pool(struct scopex_worker *w);
void scopex_ask_to_tend(struct scopex_cpu *sc);
void scopex_look_at_orphan(struct scopex_cpu *sc);
void scopex_look_at_isolation(void);
int scopex_cpus_start(const struct cpumask *cpus);
void scopex_cpus_stop(void);

/* profile.c */
void scopex_profile_queued(struct scopex_work *work);

/* debugfs.c */
#ifdef CONFIG_DEBUG_FS
void scopex_debugfs_init(void);
void scopex_debugfs_exit(void);
#else
static inline void scopex_debugfs_init(void) { }
static inline void scopex_debugfs_exit(void) { }
#endif

/**
 * scopex_misuse() - report a bug of a caller
 * @fmt: what it did, naming the culprit
 *
 * A warning with its stack, rate-limited because the culprit may be in a loop.
 */
#define scopex_misuse(fmt, ...)						\
	WARN_RATELIMIT(1, "scopex: " fmt "\n", ##__VA_ARGS__)

/* Is it what scopex_work_result() says of an item that has no result? */
static inline bool scopex_means_no_result(int err)
{
	return err == -EINPROGRESS || err == -ENODATA;
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

static inline struct scopex_work *scopex_node_to_work(struct llist_node *node)
{
	return container_of(node, struct scopex_work, node);
}

#endif /* _SCOPEX_INTERNAL_H */
