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
#include <linux/llist.h>
#include <linux/percpu.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/scopex.h>
#include <linux/spinlock.h>
#include <asm/local.h>

#include "inject.h"
#include "queue.h"

/**
 * struct scopex_cpu - the queue of a CPU and the worker that serves it
 * @queue: items pushed and not taken, newest first: see queue.h
 * @next: the next open CPU, in a ring; NULL if none is open
 * @open: whether submitters may choose this CPU
 * @cpu: its number
 * @worker: the thread; NULL until the CPU came online for the first time
 * @started: completed by @worker once it runs
 * @take_lock: held while the worker takes the queue, so that a reader who
 *	holds it may walk what is queued
 * @taken: items taken from the queue
 * @run: items whose function has returned
 * @cancelled: items that ended without having run
 * @errors: items that ran and failed
 * @batches: how often the queue was taken
 * @wakeups: how often a submit ended the worker's sleep
 * @sleeps: how often the worker gave up the CPU for want of items
 * @depth_max: the most items that were found queued at once
 * @refused: submits refused on this CPU, counted by the submitters
 * @scopes_lock: protects @scopes
 * @scopes: the open scopes whose first submit was made on this CPU
 *
 * Three groups, each on cache lines of its own: what submitters write, what the
 * worker writes, what the first submit and the end of a scope write. The
 * counters of the second group have one writer, the worker; they are local_t
 * because that is one plain instruction which a reader on another CPU never
 * sees half done.
 */
struct scopex_cpu {
	struct llist_node	*queue;
	struct scopex_cpu	*next;
	bool			open;
	unsigned int		cpu;
	struct task_struct	*worker;
	struct completion	started;

	spinlock_t		take_lock ____cacheline_aligned_in_smp;
	local_t			taken;
	local_t			run;
	local_t			cancelled;
	local_t			errors;
	local_t			batches;
	local_t			wakeups;
	local_t			sleeps;
	unsigned long		depth_max;

	raw_spinlock_t		scopes_lock ____cacheline_aligned_in_smp;
	struct list_head	scopes;
	unsigned long		refused;
};

DECLARE_PER_CPU_ALIGNED(struct scopex_cpu, scopex_cpus);
DECLARE_PER_CPU(struct scopex_cpu *, scopex_local);
extern struct cpumask scopex_open_cpus;

/* scope.c */
void scopex_put_items(struct scopex_scope *scope, unsigned int nr);
void scopex_set_error(struct scopex_scope *scope, int err);

/* worker.c */
int scopex_worker(void *data);
void scopex_drain(struct scopex_cpu *sc);

/* cpu.c */
struct scopex_cpu *scopex_choose_cpu(void);
int scopex_cpus_start(const struct cpumask *cpus, int nice);
void scopex_cpus_stop(void);

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

/*
 * Wake the worker of a CPU after a push that found the queue parked. P: the push
 * comes before the look at the worker's task state, since wake_up_process() has
 * a full barrier in between; pairs with set_current_state() in scopex_park(); see
 * park-wake.litmus.
 */
static inline void scopex_wake(struct scopex_cpu *sc)
{
	scopex_inject(SCOPEX_INJECT_WAKE);
	wake_up_process(sc->worker);
}

static inline struct scopex_work *scopex_node_to_work(struct llist_node *node)
{
	return container_of(node, struct scopex_work, node);
}

#endif /* _SCOPEX_INTERNAL_H */
