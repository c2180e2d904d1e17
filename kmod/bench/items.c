// SPDX-License-Identifier: GPL-2.0
/*
 * scopex_bench: n items by each competitor in turn
 *
 * Each round measures all competitors, so that changes over time affect all of them alike;
 * another one is the first in each round. After each round the benchmark checks all items:
 * each has to have run as often as asked.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "bench.h"

/* Rounds that are not measured, until caches and pools of workers are what they will be. */
#define BENCH_WARM_UP	2

/* So many items at least are measured at once. */
#define BENCH_ITEMS_MIN	200

/* From so many items on, a few rounds are enough. */
#define BENCH_ITEMS_MANY	100000
#define BENCH_ROUNDS_MANY	3

unsigned long bench_burning;

static const struct bench_peer * const peers[] = {
	&bench_call, &bench_wake, &bench_scopex, &bench_scopex_array, &bench_scopex_any,
	&bench_scopex_for, &bench_scopex_detached, &bench_wq_flush, &bench_wq_completion,
	&bench_wq_flushwq, &bench_wq_unbound, &bench_wq_bh, &bench_kthread_worker,
	&bench_async, &bench_kthread, &bench_smp_call,
};

/**
 * bench_is_peer() - is there a competitor of that name?
 * @name: the name
 *
 * Return: whether there is, be it in this kernel or not.
 */
bool bench_is_peer(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(peers); i++)
		if (!strcmp(name, peers[i]->name))
			return true;
	return false;
}

static const char * const place_name[] = {
	[BENCH_HERE] = "here", [BENCH_THERE] = "there", [BENCH_SPREAD] = "spread",
};

/**
 * struct bench_entry - a competitor of a comparison
 * @exec: what runs its items
 * @job: the items; several where there are several submitters
 * @nr_jobs: how many
 * @total: how long each round took
 * @submit: how long it took until all was submitted; 0 where that is not known
 */
struct bench_entry {
	struct bench_exec	exec;
	struct bench_job	*job;
	unsigned int		nr_jobs;
	u64			*total;
	u64			*submit;
};

/**
 * struct bench_comparison - what is compared
 * @workload: its name
 * @place: where items run
 * @n: how many, of each job
 * @work_ns: how long each works
 * @nr_jobs: how many submitters; 1 is the caller itself
 * @without: flags of those that don't take part
 * @rounds: how often
 * @repeat: how often in each measured round
 */
struct bench_comparison {
	const char		*workload;
	enum bench_place	place;
	unsigned long		n;
	unsigned long		work_ns;
	unsigned int		nr_jobs;
	unsigned int		without;
	unsigned int		rounds;
	unsigned long		repeat;
};

static bool bench_takes_part(const struct bench_comparison *c, const struct bench_peer *peer)
{
	if (c->without & peer->flags || peer->flags & BENCH_ABSENT)
		return false;
	if (c->n * c->nr_jobs > peer->max_n)
		return false;
	/* Where there is one CPU only, anywhere is here. */
	if (peer->flags & BENCH_ANYWHERE && c->place != BENCH_SPREAD && bench.nr_cpus > 1)
		return false;
	return bench_wanted(peer->name);
}

static int bench_job_init(struct bench_job *job, const struct bench_comparison *c,
			  const struct bench_peer *peer, struct bench_exec *exec)
{
	job->peer = peer;
	job->exec = exec;
	job->n = c->n;
	job->burn = bench_turns(c->work_ns);
	job->first = c->place == BENCH_THERE;
	job->nr_cpus = c->place == BENCH_SPREAD ? bench.nr_cpus : 1;
	job->want_submitted = c->repeat == 1 && c->nr_jobs == 1;
	init_completion(&job->done);
	job->items = kvcalloc(c->n, peer->item_size, GFP_KERNEL);
	if (!job->items)
		return -ENOMEM;
	if (peer->init)
		peer->init(job);
	return 0;
}

static int bench_entry_init(struct bench_entry *entry, const struct bench_comparison *c,
			    const struct bench_peer *peer)
{
	int err = 0;

	entry->total = kcalloc(c->rounds, sizeof(*entry->total), GFP_KERNEL);
	entry->submit = kcalloc(c->rounds, sizeof(*entry->submit), GFP_KERNEL);
	entry->job = kcalloc(c->nr_jobs, sizeof(*entry->job), GFP_KERNEL);
	if (!entry->total || !entry->submit || !entry->job)
		return -ENOMEM;
	entry->nr_jobs = c->nr_jobs;
	for (unsigned int i = 0; i < c->nr_jobs && !err; i++)
		err = bench_job_init(&entry->job[i], c, peer, &entry->exec);
	if (!err && peer->open)
		err = peer->open(&entry->exec);
	return err;
}

/* The executor goes before the items: it may not be quite through with the last ones. */
static void bench_entry_exit(struct bench_entry *entry, const struct bench_peer *peer)
{
	if (peer->close)
		peer->close(&entry->exec);
	for (unsigned int i = 0; i < entry->nr_jobs; i++)
		kvfree(entry->job[i].items);
	kfree(entry->job);
	kfree(entry->submit);
	kfree(entry->total);
}

/* Have all items of the job run as often as they have to? */
static int bench_job_check(struct bench_job *job, unsigned long repeat)
{
	const struct bench_peer *peer = job->peer;
	const char *runs = job->items + peer->runs;

	job->runs += repeat;
	for (unsigned long i = 0; i < job->n; i++, runs += peer->item_size) {
		if (*(const u32 *)runs == job->runs)
			continue;
		pr_err("%s: item %lu of %lu has run %u times, not %u\n", peer->name, i,
		       job->n, *(const u32 *)runs, job->runs);
		return -EIO;
	}
	return 0;
}

/**
 * struct bench_submitter - one of several that submit at the same time
 * @job: its items
 * @repeat: how often
 * @gate: of all of them
 * @task: the thread
 * @begin: when it was let go
 * @end: when its items were completed
 * @err: what went wrong
 */
struct bench_submitter {
	struct bench_job	*job;
	unsigned long		repeat;
	struct bench_gate	*gate;
	struct task_struct	*task;
	u64			begin;
	u64			end;
	int			err;
};

/**
 * struct bench_gate - lets submitters start together
 * @waiting: those that have not come to it
 * @running: those that are not through
 * @ready: all have come
 * @open: they may go
 * @done: all are through
 */
struct bench_gate {
	atomic_t		waiting;
	atomic_t		running;
	struct completion	ready;
	struct completion	open;
	struct completion	done;
};

static int bench_submitter_fn(void *data)
{
	struct bench_submitter *submitter = data;
	struct bench_gate *gate = submitter->gate;

	if (atomic_dec_and_test(&gate->waiting))
		complete(&gate->ready);
	wait_for_completion(&gate->open);
	submitter->begin = ktime_get_ns();
	for (unsigned long i = 0; i < submitter->repeat && !submitter->err; i++)
		submitter->err = submitter->job->peer->round(submitter->job);
	submitter->end = ktime_get_ns();
	if (atomic_dec_and_test(&gate->running))
		complete(&gate->done);
	return 0;
}

static int bench_submitter_start(struct bench_submitter *submitter, unsigned int cpu)
{
	struct task_struct *task = kthread_create(bench_submitter_fn, submitter,
						  "scopex_bench/%u", cpu);

	if (IS_ERR(task))
		return PTR_ERR(task);
	kthread_bind(task, cpu);
	get_task_struct(task);
	submitter->task = task;
	return 0;
}

/* The time from when the first one is let go until the last one is through. */
static int bench_submitters_round(struct bench_entry *entry, unsigned long repeat, u64 *total)
{
	unsigned int i, nr = entry->nr_jobs;
	struct bench_submitter *submitter;
	u64 begin = U64_MAX, end = 0;
	struct bench_gate gate;
	int err = -ENOMEM;

	submitter = kcalloc(nr, sizeof(*submitter), GFP_KERNEL);
	if (!submitter)
		return err;
	for (i = 0; i < nr; i++) {
		submitter[i].job = &entry->job[i];
		submitter[i].repeat = repeat;
		submitter[i].gate = &gate;
		err = bench_submitter_start(&submitter[i], bench.cpu[i % bench.nr_cpus]);
		if (err)
			break;
	}
	if (err)
		goto stop;

	atomic_set(&gate.waiting, nr);
	atomic_set(&gate.running, nr);
	init_completion(&gate.ready);
	init_completion(&gate.open);
	init_completion(&gate.done);
	for (i = 0; i < nr; i++)
		wake_up_process(submitter[i].task);
	wait_for_completion(&gate.ready);
	complete_all(&gate.open);
	wait_for_completion(&gate.done);
	for (i = 0; i < nr; i++) {
		begin = min(begin, submitter[i].begin);
		end = max(end, submitter[i].end);
		err = submitter[i].err ?: err;
	}
	*total = end - begin;
stop:
	/* Threads that were never woken are stopped before they begin. */
	for (i = 0; i < nr && submitter[i].task; i++) {
		kthread_stop(submitter[i].task);
		put_task_struct(submitter[i].task);
	}
	kfree(submitter);
	return err;
}

static int bench_own_round(struct bench_job *job, unsigned long repeat, u64 *total, u64 *submit)
{
	int (*round)(struct bench_job *job) = job->peer->round;
	u64 begin;
	int err = 0;

	job->submitted = 0;
	begin = ktime_get_ns();
	for (unsigned long i = 0; i < repeat && !err; i++)
		err = round(job);
	*total = ktime_get_ns() - begin;
	*submit = job->submitted ? job->submitted - begin : 0;
	return err;
}

static int bench_entry_round(struct bench_entry *entry, const struct bench_comparison *c,
			     u64 *total, u64 *submit)
{
	int err;

	bench_burning = entry->job->burn;
	if (c->nr_jobs > 1)
		err = bench_submitters_round(entry, c->repeat, total);
	else
		err = bench_own_round(entry->job, c->repeat, total, submit);
	for (unsigned int i = 0; i < entry->nr_jobs && !err; i++)
		err = bench_job_check(&entry->job[i], c->repeat);
	if (err)
		pr_err("%s %s, %lu items of %s: %pe\n", c->workload, place_name[c->place], c->n,
		       entry->job->peer->name, ERR_PTR(err));
	return err;
}

/*
 * Another competitor is the first in each round, and every other round goes the other way
 * round, so that none always has the same one before it.
 */
static int bench_round(struct bench_entry *entries, unsigned int nr,
		       const struct bench_comparison *c, unsigned int round)
{
	int measured = round - BENCH_WARM_UP, err = 0;
	u64 unused;

	for (unsigned int k = 0; k < nr && !err; k++) {
		unsigned int turn = round & 1 ? nr - 1 - k : k;
		struct bench_entry *entry = &entries[(turn + round / 2) % nr];

		if (bench_stopped())
			return -EINTR;
		if (measured < 0)
			err = bench_entry_round(entry, c, &unused, &unused);
		else
			err = bench_entry_round(entry, c, &entry->total[measured],
						&entry->submit[measured]);
		cond_resched();
	}
	return err;
}

static int bench_entry_report(struct bench_entry *entry, const struct bench_comparison *c)
{
	struct bench_result result = {
		.workload = c->workload, .peer = entry->job->peer->name,
		.place = place_name[c->place], .n = c->n, .work_ns = c->work_ns,
		.cpus = bench.nr_cpus, .ops = c->n * c->nr_jobs * c->repeat,
	};
	int err;

	if (entry->submit[0]) {
		result.what = "submit";
		err = bench_report(&result, entry->submit, c->rounds);
		if (err)
			return err;
	}
	result.what = "total";
	return bench_report(&result, entry->total, c->rounds);
}

static int bench_compare(struct bench_comparison *c)
{
	const struct bench_peer *peer[ARRAY_SIZE(peers)];
	struct bench_entry *entries;
	unsigned int i, nr = 0, ready = 0;
	int err = 0;

	if (!c->rounds)
		c->rounds = bench.rounds;
	if (!c->repeat)
		c->repeat = 1;
	for (i = 0; i < ARRAY_SIZE(peers); i++)
		if (bench_takes_part(c, peers[i]))
			peer[nr++] = peers[i];
	if (!nr)
		return 0;

	entries = kcalloc(nr, sizeof(*entries), GFP_KERNEL);
	if (!entries)
		return -ENOMEM;
	for (; ready < nr && !err; ready++)
		err = bench_entry_init(&entries[ready], c, peer[ready]);
	if (err)
		pr_err("%s, %lu items of %s: can't be set up: %pe\n", c->workload, c->n,
		       peer[ready - 1]->name, ERR_PTR(err));
	for (i = 0; i < BENCH_WARM_UP + c->rounds && !err; i++)
		err = bench_round(entries, nr, c, i);
	for (i = 0; i < nr && !err; i++)
		err = bench_entry_report(&entries[i], c);
	for (i = 0; i < ready; i++)
		bench_entry_exit(&entries[i], peer[i]);
	kfree(entries);
	return err;
}

/* The last place that there is: with one CPU, all of them are the same. */
static enum bench_place bench_last_place(void)
{
	return bench.nr_cpus > 1 ? BENCH_SPREAD : BENCH_HERE;
}

/**
 * bench_items() - items that do nothing, but count
 *
 * Return: 0 or a negative errno.
 */
int bench_items(void)
{
	int err = 0;

	for (unsigned int i = 0; i < bench.nr_n && !err; i++) {
		for (int place = BENCH_HERE; place <= bench_last_place() && !err; place++) {
			unsigned long n = bench.n[i];
			struct bench_comparison c = {
				.workload = "items", .place = place, .n = n, .nr_jobs = 1,
				.without = BENCH_LOOP, .repeat = BENCH_ITEMS_MIN / n,
			};

			if (n >= BENCH_ITEMS_MANY)
				c.rounds = min_t(unsigned int, bench.rounds, BENCH_ROUNDS_MANY);
			err = bench_compare(&c);
		}
	}
	return err;
}

/**
 * bench_work() - a hundred items that work for some time
 *
 * Return: 0 or a negative errno.
 */
int bench_work(void)
{
	static const unsigned long work_ns[] = { 100, 1000, 10000, 100000 };
	int err = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(work_ns) && !err; i++) {
		for (int place = BENCH_HERE; place <= bench_last_place() && !err; place++) {
			struct bench_comparison c = {
				.workload = "work", .place = place, .n = 100,
				.work_ns = work_ns[i], .nr_jobs = 1, .repeat = bench.repeat,
			};

			err = bench_compare(&c);
		}
	}
	return err;
}

/* Of all submitters together */
#define BENCH_CONTEND_ITEMS	16000

/**
 * bench_contend() - two submitters on each CPU, all to the same one
 *
 * Return: 0 or a negative errno.
 */
int bench_contend(void)
{
	unsigned int submitters = 2 * bench.nr_cpus;
	struct bench_comparison c = {
		.workload = "contend", .nr_jobs = submitters,
		.place = bench.nr_cpus > 1 ? BENCH_THERE : BENCH_HERE,
		.n = max(BENCH_CONTEND_ITEMS / submitters, 1U),
		.without = BENCH_LOOP | BENCH_FLOOR,
	};

	return bench_compare(&c);
}
