/* SPDX-License-Identifier: GPL-2.0 */
/* A worker: one of the threads of a CPU, with its counters */
#ifndef _SCOPEX_THREAD_H
#define _SCOPEX_THREAD_H

#include <linux/compiler.h>
#include <linux/completion.h>
#include <linux/llist.h>
#include <linux/types.h>
#include <asm/local.h>

struct scopex_cpu;
struct scopex_scope;
struct scopex_site;
struct task_struct;

/* How the names of all workers begin. */
#define SCOPEX_WORKER_NAME	"scopex/"

/**
 * enum scopex_counter - the counters of a worker
 * @SCOPEX_TAKEN: items taken from the queue, or from a serial scope
 * @SCOPEX_RUN: items whose function has returned
 * @SCOPEX_CANCELLED_ITEMS: items completed without a call of their function
 * @SCOPEX_ERRORS: items that ran and failed
 * @SCOPEX_BATCHES: batches taken from the queue, or from a serial scope
 * @SCOPEX_WAKEUPS: sleeps that were ended by a submit
 * @SCOPEX_SLEEPS: sleeps for lack of items
 * @SCOPEX_HANDOFFS: times that its queue was handed over
 * @SCOPEX_UNHANDED: hand-overs that left the queue unserved, as no worker was on standby
 * @SCOPEX_RELIEVED: hand-overs that scopex_relieve() did for it, while it slept in an item
 * @SCOPEX_SERIALS: scopes that its items opened, and that had to be serial
 * @SCOPEX_STEALS: items that it took from other CPUs
 * @SCOPEX_ASKED: times that it was idle and was asked to steal
 * @SCOPEX_VAIN: times that it was asked, and found nothing to steal
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
	SCOPEX_STEALS,
	SCOPEX_ASKED,
	SCOPEX_VAIN,
	SCOPEX_HELPS,
	SCOPEX_CHUNKS,
	SCOPEX_COUNTERS,
};

/**
 * struct scopex_worker - a thread that runs the items of one CPU
 * @rest: the rest of the batch that it runs, oldest item first
 * @last: the last item of that batch, which may be @rest's, or have begun; NULL: unknown; for the
 *	worker's own thread only; see batch.h
 * @scope: the scope whose items it runs, NULL while it releases a detached item. Only the
 *	worker's own thread may follow the pointer.
 * @site: the site of that scope, NULL while it runs nothing. The watchdog follows the
 *	pointer under RCU.
 * @fn: the function that it called last for that scope, or NULL; read as @site is
 * @running: the task whose function it calls, or NULL
 * @run_from: the counter SCOPEX_RUN when it began its run, less the items of the run that were
 *	completed without having run, and those added that ran and are not completed: so the
 *	difference is the number of references to give back
 * @tick: the time at which it last reported to RCU-tasks after a batch, in jiffies
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
 * A hand-over writes @rest, @last, @active and @standby of two workers. The watchdog writes the
 * fields that are for it. All others are written by the thread, or by scopex_relieve() on
 * the thread's CPU while the thread sleeps. A counter is a local_t: to count is one plain
 * instruction, and a reader on another CPU never sees half of the result.
 */
struct scopex_worker {
	struct llist_node	*rest;
	struct scopex_scope	*scope;
	struct scopex_site	*site;
	void			*fn;
	struct scopex_task	*running;
	struct llist_node	*last;
	unsigned long		run_from;
	unsigned long		tick;
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
 * scopex_for_each_worker() - go through all workers of a CPU, the newest first
 * @w: the variable for the worker; NULL after the last one
 * @sc: the CPU
 *
 * Workers may be created at the same time. None is freed before the module goes.
 *
 * Address dependency: each worker in the list is complete; pairs with
 * scopex_create_worker(); see publish-read.litmus.
 */
#define scopex_for_each_worker(w, sc) \
	for ((w) = READ_ONCE((sc)->workers); (w); (w) = (w)->next)

int scopex_worker_thread(void *data);

#endif /* _SCOPEX_THREAD_H */
