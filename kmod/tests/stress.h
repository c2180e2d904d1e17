/* SPDX-License-Identifier: GPL-2.0 */
/* Suite "stress": what its files share */
#ifndef _SCOPEX_TEST_STRESS_H
#define _SCOPEX_TEST_STRESS_H

#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/scopex_detached.h>

#include "test.h"

#define POISON		0xa5
#define MAX_DEPTH	3	/* of frames and loops in each other */
#define TOP_ITEMS	24	/* of a thread's frame */
#define NESTED_ITEMS	4	/* of a frame in an item */
#define SOURCE_ITEMS	2	/* that interrupts submit */
#define SOURCE_SHOTS	12	/* how often */
#define AGAINS_MAX	3	/* runs of an item in a round that ask for another one */
#define LOOP_MAX	200	/* numbers */
#define MIN_TURNS	9	/* of each thread, however slow it is */
#define BURST_ITEMS	80	/* of a burst that wait */
#define BURST_TURNS	3	/* of a thread, and one of them is of bursts */
#define BURSTS_IN_TURN	2
#define BURST_CPUS	16	/* that a burst names; the first ones */
#define BURST_LIMIT	(30 * HZ)	/* for what is promised to go on */

/* The first ones are as in the module's counters. */
enum count {
	SUBMITTED, RUN, CANCELLED, ERRORS, REFUSED,
	FRAMES, LOOPS, SHOTS, DETACHED, BURSTS, AGAINS, TASKS,
	/* There may be none of these. */
	KILLS, PROMISES, TIMEOUTS, SERIAL, DEADLOCKS,
	COUNTS,
};

/* Counted in interrupts, too. */
DECLARE_PER_CPU(unsigned long [COUNTS], stress_counts);

static inline void count(enum count what, long nr)
{
	this_cpu_add(stress_counts[what], nr);
}

extern struct scopex_test *stress_test;
extern unsigned int stress_workers;
extern atomic_t stress_detached;
extern struct rw_semaphore stress_turns;
extern bool stress_roomy;

/* Splitmix64: any seed will do, so each item can have one of its own. */
static inline u64 draw(u64 *rnd)
{
	u64 z = *rnd += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static inline unsigned int below(u64 *rnd, unsigned int limit)
{
	return ((draw(rnd) >> 32) * limit) >> 32;
}

static inline bool one_in(u64 *rnd, unsigned int n)
{
	return !below(rnd, n);
}

static inline ktime_t usecs(unsigned int n)
{
	return ns_to_ktime(n * NSEC_PER_USEC);
}

/**
 * struct stress_item - an item that does anything
 * @work: the item
 * @frame: where it belongs to
 * @cookie: that of the frame
 * @act: what it does
 * @cpu: the CPU that it was submitted to; nr_cpu_ids if that is not known
 * @rnd: what it draws from; used by the worker that runs it
 * @agains: how often it may still run again; used by the worker that runs it
 * @granted: submits that were accepted, or are under way, and runs that asked for another one
 * @ran: how often it ran
 * @inside: how many threads are in its function
 * @ret: the result that it returned last
 */
struct stress_item {
	struct scopex_work	work;
	struct stress_frame	*frame;
	u32			cookie;
	void			(*act)(struct stress_item *item);
	unsigned int		cpu;
	u64			rnd;
	unsigned int		agains;
	atomic_t		granted;
	atomic_t		ran;
	atomic_t		inside;
	int			ret;
};

/**
 * struct stress_frame - a scope, and what is used with it
 * @cookie: no two frames have the same; 0 when it is over
 * @scope: the scope
 * @owner: the thread
 * @parent: the frame that it was opened in; may be NULL
 * @outer: the scope that it was opened in; may be NULL
 * @burst: it gets one; else NULL
 * @items: the items, poisoned when they are not in use
 * @nr: how many
 * @depth: how many frames and loops it is in
 * @rnd: what the owner draws from
 * @flags: the scope's
 * @limit: the scope's
 * @limit_per_cpu: the scope's
 * @timeout_us: the scope's
 * @deadline: the scope's
 * @calm: no thread cancels it
 * @loose: interrupts submit at any time, so the accounts of a round are not exact
 * @called: the body was called
 * @err: what it returned
 * @in_use: the items are
 * @cancelled: a thread has cancelled it in this round
 * @budget: how many submits the items have left
 * @failed: items that failed in this round
 */
struct stress_frame {
	u32			cookie;
	struct scopex_scope	*scope;
	struct task_struct	*owner;
	struct stress_frame	*parent;
	struct scopex_scope	*outer;
	struct stress_burst	*burst;
	struct stress_item	*items;
	unsigned int		nr;
	unsigned int		depth;
	u64			rnd;
	unsigned int		flags;
	unsigned int		limit;
	unsigned int		limit_per_cpu;
	s64			timeout_us;
	ktime_t			deadline;
	bool			calm;
	bool			loose;
	bool			called;
	int			err;
	bool			in_use;
	bool			cancelled;
	atomic_t		budget;
	atomic_t		failed;
};

/* A way to submit: which function, and to where if it wants to know. */
struct stress_way {
	enum { HERE, ANY, TRY, ON, ARRAY } how;
	int	cpu;
};

/**
 * struct stress_detached - a detached item; the last reference does its accounts
 * @detached: the item
 * @accepted: it was submitted
 * @burst: the one that it waits in, or NULL
 * @nests: it opens scopes
 * @ran: how often it ran
 * @rnd: what it draws from
 */
struct stress_detached {
	struct scopex_detached	detached;
	bool			accepted;
	struct stress_burst	*burst;
	bool			nests;
	atomic_t		ran;
	u64			rnd;
};

/**
 * struct stress_burst - what the items of a burst share
 * @go: ends their waits
 * @behind: how many have to run before it is completed
 * @safe: a wait for it may be as long as it takes, as progress is promised
 * @alone: nothing else runs
 * @promised: scopex promises progress: there are more workers than items that wait
 * @detaches: some items wait for a detached one, which waits for @go
 * @detached: that one, or NULL
 * @begun: it runs
 */
struct stress_burst {
	struct completion	go;
	atomic_t		behind;
	bool			safe;
	bool			alone;
	bool			promised;
	bool			detaches;
	struct stress_detached	*detached;
	struct completion	begun;
};

/**
 * struct stress_driver - a thread that begins all this
 * @thread: the thread
 * @rnd: what it draws from
 * @items: for its frames
 */
struct stress_driver {
	struct task_struct	*thread;
	u64			rnd;
	struct stress_item	items[BURST_ITEMS + BURST_CPUS];
};

/* stress_item.c */
void stress_scorch(u64 *rnd);
void stress_dawdle(u64 *rnd);
int stress_submit_by(struct stress_frame *frame, struct stress_item *items,
		     unsigned int nr, bool inside, struct stress_way way);
int stress_submit(struct stress_frame *frame, struct stress_item *items, unsigned int nr,
		  bool inside, u64 *rnd);
void stress_submit_some(struct stress_frame *frame, u64 *rnd);
void stress_cancel(struct stress_frame *frame, u64 *rnd);
void stress_act(struct stress_item *item);
void stress_idle(struct stress_item *item);
void stress_check_cpu(unsigned int cpu);
void stress_items_init(struct stress_frame *frame, struct stress_item *items,
		       unsigned int nr, void (*act)(struct stress_item *item), u64 *rnd);
int stress_items_check(struct stress_item *items, unsigned int nr);

/* stress_frame.c */
bool stress_above_cancelled(const struct stress_frame *frame);
void stress_begin(struct stress_frame *frame);
void stress_end(struct stress_frame *frame, bool told, int err);
void stress_frame(struct stress_frame *frame);
void stress_nested(struct stress_frame *parent, struct scopex_scope *outer,
		   unsigned int depth, u64 *rnd);

/* stress_loop.c */
void stress_loop(struct stress_frame *parent, unsigned int depth, u64 *rnd);
void stress_each(bool in_item, u64 *rnd);

/* stress_detached.c */
struct stress_detached *stress_new_detached(struct stress_burst *burst, bool nests,
					    u64 *rnd);
void stress_detach(bool may_wait, bool nests, u64 *rnd);

/* stress_task.c */
void stress_tasks(u64 *rnd);

/* stress_burst.c */
void stress_begun_in_burst(struct stress_burst *burst);
void stress_wait_in_burst(struct stress_burst *burst, u64 *rnd);
void stress_burst_body(struct scopex_scope *s, struct stress_frame *frame);
void stress_burst_turn(struct stress_driver *driver);

#endif /* _SCOPEX_TEST_STRESS_H */
