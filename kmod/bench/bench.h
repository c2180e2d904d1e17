/* SPDX-License-Identifier: GPL-2.0 */
/* The benchmark of scopex: competitors, jobs, how results are reported */
#ifndef _SCOPEX_BENCH_H
#define _SCOPEX_BENCH_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/completion.h>
#include <linux/ktime.h>
#include <linux/stddef.h>
#include <linux/types.h>

struct kthread_worker;
struct task_struct;
struct workqueue_struct;

#define BENCH_ROUNDS_MAX	1000
#define BENCH_SIZES_MAX		16
#define BENCH_ITEMS_MAX		1000000UL

/**
 * struct bench_setup - what is measured; constant after the module's init
 * @rounds: how often each figure is taken
 * @repeat: how often work is done for each of these
 * @n: numbers of items
 * @nr_n: how many of these
 * @cpu: the CPUs; the first one is where the measuring thread is bound
 * @nr_cpus: how many
 */
struct bench_setup {
	unsigned int	rounds;
	unsigned int	repeat;
	unsigned long	n[BENCH_SIZES_MAX];
	unsigned int	nr_n;
	unsigned int	*cpu;
	unsigned int	nr_cpus;
};

extern struct bench_setup bench;

/* Where items are to run. */
enum bench_place {
	BENCH_HERE,	/* on the CPU of the submitter */
	BENCH_THERE,	/* on another one */
	BENCH_SPREAD,	/* on all, in turn */
	BENCH_PLACES,
};

/**
 * struct bench_waker - a thread that runs one item at a time
 * @item: the item, or NULL
 * @owner: the thread that waits for it
 * @task: the thread
 */
struct bench_waker {
	void			*item;
	struct task_struct	*owner;
	struct task_struct	*task;
};

/**
 * struct bench_exec - what runs items, shared by the jobs of one competitor
 * @wq: a workqueue of the competitor's own
 * @worker: a kthread_worker for each of bench.cpu
 * @waker: a thread for each of bench.cpu
 */
struct bench_exec {
	struct workqueue_struct	*wq;
	struct kthread_worker	**worker;
	struct bench_waker	*waker;
};

/**
 * struct bench_job - n items of one competitor
 * @peer: the competitor
 * @exec: what runs its items
 * @items: the objects, peer->item_size each
 * @n: how many
 * @burn: the value of bench_burning for its rounds
 * @first: the items go to bench.cpu[first] and the nr_cpus - 1 that follow
 * @nr_cpus: how many that are
 * @submitted: when the last item had been submitted, if @want_submitted
 * @want_submitted: the round has to store @submitted
 * @pending: items that are not done, where the competitor counts them
 * @done: completed when @pending is 0
 * @runs: how often each item has to have run by now
 */
struct bench_job {
	const struct bench_peer	*peer;
	struct bench_exec	*exec;
	void			*items;
	unsigned long		n;
	unsigned long		burn;
	unsigned int		first;
	unsigned int		nr_cpus;
	u64			submitted;
	bool			want_submitted;
	atomic_t		pending;
	struct completion	done;
	u32			runs;
};

/* What a competitor can't do, or is not meant for. */
#define BENCH_ANYWHERE	BIT(0)	/* has no say in which CPU an item runs on */
#define BENCH_FLOOR	BIT(1)	/* no competitor, but what all of them need */
#define BENCH_LOOP	BIT(2)	/* a loop: for work that is divided */
#define BENCH_ABSENT	BIT(3)	/* not in this kernel */

/**
 * struct bench_peer - a way to have n items run, and to wait for them
 * @name: for people and scripts
 * @flags: BENCH_ANYWHERE and the like
 * @max_n: with more items it takes too long, or does something else
 * @item_size: of an object
 * @runs: offset of the u32 in it that counts how often it ran
 * @open: makes what runs items; NULL if there is nothing to be made
 * @close: the reverse; after an @open that failed, too
 * @init: makes the items ready to be submitted, for the first time
 * @round: submits all, waits for all. Returns 0 or an errno, with no item left behind
 *	in either case.
 */
struct bench_peer {
	const char	*name;
	unsigned int	flags;
	unsigned long	max_n;
	size_t		item_size;
	size_t		runs;
	int		(*open)(struct bench_exec *exec);
	void		(*close)(struct bench_exec *exec);
	void		(*init)(struct bench_job *job);
	int		(*round)(struct bench_job *job);
};

extern const struct bench_peer bench_scopex, bench_scopex_array, bench_scopex_any;
extern const struct bench_peer bench_scopex_detached, bench_scopex_for;
extern const struct bench_peer bench_call, bench_wake;
extern const struct bench_peer bench_wq_flush, bench_wq_completion;
extern const struct bench_peer bench_wq_flushwq, bench_wq_unbound, bench_wq_bh;
extern const struct bench_peer bench_kthread_worker, bench_async, bench_kthread;
extern const struct bench_peer bench_smp_call;

/* The place in bench.cpu of the CPU that item @i goes to. */
static inline unsigned int bench_cpu_index(const struct bench_job *job, unsigned long i)
{
	return job->nr_cpus == 1 ? job->first : job->first + i % job->nr_cpus;
}

/* To be called by a round when all items are submitted. */
static inline void bench_submitted(struct bench_job *job)
{
	if (job->want_submitted)
		job->submitted = ktime_get_ns();
}

/* For a round that counts its items: the last one completes @job->done. */
static inline void bench_job_start(struct bench_job *job)
{
	atomic_set(&job->pending, job->n);
	reinit_completion(&job->done);
}

static inline void bench_job_item_done(struct bench_job *job)
{
	if (atomic_dec_and_test(&job->pending))
		complete(&job->done);
}

/* How many turns each item burns; set before a round, constant while it lasts. */
extern unsigned long bench_burning;

/* Work that touches no memory; see bench_turns(). */
static inline void bench_burn(void)
{
	for (unsigned long turns = bench_burning; turns; turns--)
		barrier();
}

unsigned long bench_turns(unsigned long ns);
bool bench_stopped(void);
bool bench_wanted(const char *name);
bool bench_is_peer(const char *name);

/**
 * struct bench_result - a figure, but for its samples
 * @workload: what was done
 * @peer: by what
 * @place: where, or NULL where that is no question
 * @n: how many items, or how much
 * @work_ns: how long each works, without what it costs to have it run
 * @cpus: how many CPUs took part
 * @what: what was measured of it
 * @ops: a sample is the time of so many operations
 * @unit: of the samples; NULL: ns
 */
struct bench_result {
	const char	*workload;
	const char	*peer;
	const char	*place;
	unsigned long	n;
	unsigned long	work_ns;
	unsigned int	cpus;
	const char	*what;
	unsigned long	ops;
	const char	*unit;
};

int bench_report(const struct bench_result *result, u64 *samples, unsigned int nr);
int bench_ways(const struct bench_result *results, unsigned int nr,
	       int (*measure)(unsigned int way, u64 *elapsed));

int bench_items(void);
int bench_work(void);
int bench_contend(void);
int bench_teardown(void);
int bench_empty(void);
int bench_memory(void);
int bench_sizes(void);
int bench_growth(void);
int bench_beside(void);
int bench_nest(void);
int bench_switch(void);
int bench_irq(void);
int bench_latency(void);

#endif /* _SCOPEX_BENCH_H */
