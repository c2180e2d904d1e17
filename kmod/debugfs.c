// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/scopex: what the executor did and does
 *
 * Nothing is counted for the sake of these files that the worker does not know
 * anyway: "submitted" is what was taken plus what is queued, and the depth is
 * what is queued plus what of the last batch has not ended. A reader walks over a queue
 * in steps. It holds scopex_cpu.take_lock for each, so that the items stay there, and
 * begins again if the queue was taken between two steps, or before the counters were summed.
 * What live.c has seen, and profile.c has measured, is shown here, too. No file shows
 * a kernel address, nor a text of somebody else's as it is: see text.h.
 *
 * A reset changes no counter, which are their worker's: what they were then is taken
 * off from then on.
 *
 * Ordering:
 *
 *   N	The worker makes scopex_cpu.takes odd when it takes the queue, under take_lock,
 *	adds what it took to its counter, and makes takes even (a release). A reader that
 *	finds it even (an acquire) finds all that was taken before in the counters. It looks
 *	at takes under the lock when it counts what is queued, and again after the sum: if
 *	that is the same, no item is in both; see take-count.litmus.
 */

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "config.h"
#include "cpu.h"
#include "debugfs.h"
#include "hotplug.h"
#include "lockdep.h"
#include "profile.h"
#include "queue.h"
#include "select.h"
#include "snapshot.h"
#include "text.h"
#include "select.h"
#include "text.h"
#include "snapshot.h"
#include "profile.h"

static struct dentry *scopex_dir;

enum scopex_stat {
	SCOPEX_STAT_SUBMITTED,
	SCOPEX_STAT_RUN,
	SCOPEX_STAT_CANCELLED,
	SCOPEX_STAT_ERRORS,
	SCOPEX_STAT_REFUSED,
	SCOPEX_STAT_BATCHES,
	SCOPEX_STAT_WAKEUPS,
	SCOPEX_STAT_SLEEPS,
	SCOPEX_STAT_DEPTH,
	SCOPEX_STAT_DEPTH_MAX,
	SCOPEX_STAT_WORKERS,
	SCOPEX_STAT_HANDOFFS,
	SCOPEX_STAT_UNHANDED,
	SCOPEX_STAT_RELIEVED,
	SCOPEX_STAT_SERIALS,
	SCOPEX_STAT_HELPS,
	SCOPEX_STAT_CHUNKS,
	SCOPEX_STAT_STALLS,
	SCOPEX_STATS,
};

static const char * const scopex_stat_names[SCOPEX_STATS] = {
	"submitted", "run", "cancelled", "errors", "refused",
	"batches", "wakeups", "sleeps", "depth", "depth_max",
	"workers", "handoffs", "unhanded", "relieved", "serials", "helps", "chunks",
	"stalls",
};

/* What the counters were at the last reset. */
static DEFINE_PER_CPU(unsigned long [SCOPEX_STATS], scopex_base);
static DEFINE_MUTEX(scopex_base_mutex);

/* Those that are not counted, but are so now, or were so at most. */
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
	/* W: pairs with scopex_make_worker(); the others are older. */
	for (w = READ_ONCE(sc->workers); w; w = w->next)
		for (i = 0; i < SCOPEX_COUNTERS; i++)
			count[i] += local_read(&w->count[i]);
}

/* How many items of a queue are counted without letting the worker take it. */
#define SCOPEX_COUNT_STEP	64

/* How often a count begins again, as the queue was taken, before it is left as it is. */
#define SCOPEX_COUNT_TRIES	100

/* Wait until what the worker has taken is counted, which takes a time for each item. */
static unsigned long scopex_wait_for_take(struct scopex_cpu *sc)
{
	unsigned long takes;

	/* Acquire N: pairs with scopex_take(); see take-count.litmus. */
	while ((takes = smp_load_acquire(&sc->takes)) & 1)
		usleep_range(50, 100);
	return takes;
}

/*
 * Count some more items of a queue, from @node on. Returns false if the worker has taken
 * it since it was counted @takes; then @node may be gone.
 */
static bool scopex_count_some(struct scopex_cpu *sc, unsigned long takes,
			      struct llist_node **node, unsigned long *nr)
{
	unsigned int i;
	bool same;

	spin_lock(&sc->take_lock);
	same = READ_ONCE(sc->takes) == takes;
	if (same && !*node)
		/* Acquire Q: pairs with scopex_queue_push(); see walk-take.litmus. */
		*node = smp_load_acquire(&sc->queue);
	for (i = 0; same && i < SCOPEX_COUNT_STEP && !scopex_queue_end(*node); i++) {
		(*nr)++;
		*node = READ_ONCE((*node)->next);
	}
	spin_unlock(&sc->take_lock);
	return same;
}

/*
 * Has the worker taken something since it was counted @takes? N: the look is under the lock,
 * as the worker makes the count odd under it, and adds what it took after, without a barrier
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

/* How many items are queued, and what the workers have counted by then. */
static unsigned long scopex_queued(struct scopex_cpu *sc, unsigned long *count)
{
	unsigned int tries = 0;
	unsigned long takes, nr;
	struct llist_node *node;
	bool same;

	do {
		takes = scopex_wait_for_take(sc);
		node = NULL;
		nr = 0;
		do
			same = scopex_count_some(sc, takes, &node, &nr);
		while (same && !scopex_queue_end(node));
		scopex_sum_workers(sc, count);
		/* What was counted may have been taken, and counted, since. */
	} while ((!same || scopex_taken_since(sc, takes)) && ++tries < SCOPEX_COUNT_TRIES);
	return nr;
}

static void scopex_read_raw(struct scopex_cpu *sc, unsigned long *stat)
{
	unsigned long queued, taken, ended, count[SCOPEX_COUNTERS];

	queued = scopex_queued(sc, count);
	taken = count[SCOPEX_TAKEN];
	stat[SCOPEX_STAT_DEPTH_MAX] = READ_ONCE(sc->depth_max);

	stat[SCOPEX_STAT_SUBMITTED] = taken + queued;
	stat[SCOPEX_STAT_RUN] = count[SCOPEX_RUN];
	stat[SCOPEX_STAT_CANCELLED] = count[SCOPEX_CANCELLED_ITEMS];
	/* What a serial scope takes and runs meanwhile may be counted in one of the two only. */
	ended = min(stat[SCOPEX_STAT_RUN] + stat[SCOPEX_STAT_CANCELLED], taken + queued);
	stat[SCOPEX_STAT_DEPTH] = taken + queued - ended;
	/* The worker looks when it takes, and not at what came since. */
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

static void scopex_reset_stats(struct scopex_cpu *sc)
{
	unsigned long *base = per_cpu(scopex_base, sc->cpu);

	mutex_lock(&scopex_base_mutex);
	WRITE_ONCE(sc->depth_max, 0);
	scopex_read_raw(sc, base);
	/* What is queued or runs was submitted, and is going to be run. */
	base[SCOPEX_STAT_SUBMITTED] = base[SCOPEX_STAT_RUN] +
				      base[SCOPEX_STAT_CANCELLED];
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

/* A CPU is shown if it has a worker, or if a submit was refused on it. */
static bool scopex_shown(const struct scopex_cpu *sc)
{
	return READ_ONCE(sc->workers) || READ_ONCE(sc->refused);
}

static void scopex_stats_row(struct seq_file *m, const unsigned long *stat)
{
	int i;

	for (i = 0; i < SCOPEX_STATS; i++)
		seq_printf(m, " %10lu", stat[i]);
	seq_putc(m, '\n');
}

static int stats_show(struct seq_file *m, void *unused)
{
	unsigned long stat[SCOPEX_STATS], total[SCOPEX_STATS] = { };
	unsigned int cpu;
	int i;

	seq_puts(m, "# items and workers since the last reset; depth: items now queued or in the batch that runs\n");
	seq_puts(m, "  cpu  queue");
	for (i = 0; i < SCOPEX_STATS; i++)
		seq_printf(m, " %10s", scopex_stat_names[i]);
	seq_putc(m, '\n');

	for_each_possible_cpu(cpu) {
		struct scopex_cpu *sc = per_cpu_ptr(&scopex_cpus, cpu);

		if (!scopex_shown(sc))
			continue;
		scopex_read_stats(sc, stat);
		scopex_add_stats(total, stat);
		seq_printf(m, "%5u %6s", cpu,
			   READ_ONCE(sc->open) ? "open" : "closed");
		scopex_stats_row(m, stat);
	}
	seq_puts(m, "total       ");
	scopex_stats_row(m, total);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

/*
 * A column with a text of somebody else's: what would end it, or make the line a remark,
 * is escaped as well. It is never empty.
 */
static void scopex_column(struct seq_file *m, const char *text)
{
	seq_escape_str(m, *text ? text : "-", SCOPEX_ESCAPE, " \\#");
}

static void scopex_place_text(struct seq_file *m, const struct scopex_place *place)
{
	scopex_column(m, place->func);
	seq_puts(m, "() ");
	scopex_column(m, place->file);
	seq_printf(m, ":%u", place->line);
}

static void scopex_site_text(struct seq_file *m, const struct scopex_place *place)
{
	scopex_column(m, place->name);
	seq_putc(m, ' ');
	scopex_place_text(m, place);
}

/* A text that goes on to the end of the line, or has blanks of its own. */
static void scopex_text(struct seq_file *m, const char *text)
{
	seq_escape_str(m, *text ? text : "-", SCOPEX_ESCAPE, "\\");
}

static const char *scopex_scope_state(const struct scopex_live_scope *scope)
{
	return scope->cancelled ? "cancelled" : scope->waiting ? "waiting" : "open";
}

/* The CPUs whose workers are in an item of the scope, or "-". */
static void scopex_running_on(struct seq_file *m, const struct scopex_live *live,
			      const struct scopex_live_scope *scope, int width)
{
	char cpus[128] = "-";
	cpumask_var_t mask;
	unsigned int i;

	if (!zalloc_cpumask_var(&mask, GFP_KERNEL))
		return;
	for (i = 0; i < live->nr_workers; i++)
		if (live->worker[i].scope_id == scope->id)
			cpumask_set_cpu(live->worker[i].cpu, mask);
	if (!cpumask_empty(mask) &&
	    snprintf(cpus, sizeof(cpus), "%*pbl", cpumask_pr_args(mask)) >= sizeof(cpus))
		strscpy(cpus + sizeof(cpus) - 4, "...", 4);
	seq_printf(m, "%-*s", width, cpus);
	free_cpumask_var(mask);
}

static void scopex_scope_row(struct seq_file *m, const struct scopex_live *live,
			     const struct scopex_live_scope *scope)
{
	int indent = 2 * min(scope->depth, 20U);

	seq_setwidth(m, 24);
	seq_printf(m, "%*s", indent, "");
	scopex_column(m, scope->place.name);
	seq_pad(m, ' ');
	seq_printf(m, "%8lu %10u %-9s ", scope->pending, scope->age_ms,
		   scopex_scope_state(scope));
	seq_setwidth(m, 22);
	scopex_column(m, scope->comm);
	seq_printf(m, ":%d", scope->pid);
	seq_pad(m, ' ');
	if (scope->error)
		seq_printf(m, "%-11pe", ERR_PTR(scope->error));
	else
		seq_printf(m, "%-11s", "-");
	if (scope->timed)
		seq_printf(m, " %11lld ", scope->deadline_ms);
	else
		seq_printf(m, " %11s ", "-");
	scopex_running_on(m, live, scope, 10);
	seq_putc(m, ' ');
	scopex_place_text(m, &scope->place);
	seq_puts(m, scope->serial ? " serial\n" : "\n");
}

static int scopes_show(struct seq_file *m, void *unused)
{
	struct scopex_live *live = scopex_live_look();
	unsigned int i;

	if (!live)
		return -ENOMEM;
	seq_puts(m, "# open scopes with at least one submit, or opened in an item, which is then one of the scope above; pending: items not out; age: since then; error: the first, or why it is cancelled; running: CPUs that are in an item\n");
	seq_printf(m, "%-24s %8s %10s %-9s %-22s %-11s %11s %-10s %s\n", "scope",
		   "pending", "age_ms", "state", "owner", "error", "deadline_ms",
		   "running", "opened in");
	for (i = 0; i < live->nr_scopes; i++)
		scopex_scope_row(m, live, &live->scope[i]);
	if (live->scopes_left)
		seq_puts(m, "# and more\n");
	scopex_live_free(live);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(scopes);

static void scopex_worker_age(struct seq_file *m, const struct scopex_live_worker *w)
{
	char age[24] = "-";

	if (w->busy && w->ms >= 0)
		snprintf(age, sizeof(age), "%s%lld", w->or_more ? ">=" : "", w->ms);
	seq_printf(m, " %12s", age);
}

static void scopex_worker_item(struct seq_file *m, const struct scopex_live_worker *w)
{
	seq_putc(m, ' ');
	scopex_text(m, w->fn);
	seq_putc(m, ' ');
	scopex_site_text(m, &w->place);
}

static int workers_show(struct seq_file *m, void *unused)
{
	struct scopex_live *live = scopex_live_look();
	const struct scopex_live_worker *w;

	if (!live)
		return -ENOMEM;
	seq_puts(m, "# all workers; in_item_ms: for how long, as a look every stall_ms/4 tells, or exactly while the profile is on\n");
	seq_printf(m, "%5s %-16s %7s %-8s %12s %s\n", "cpu", "worker", "pid", "state",
		   "in_item_ms", "item, scope, opened in");
	for (w = live->worker; w < live->worker + live->nr_workers; w++) {
		seq_printf(m, "%5u ", w->cpu);
		seq_setwidth(m, 16);
		scopex_column(m, w->comm);
		seq_pad(m, ' ');
		seq_printf(m, "%7d %-8s", w->pid, w->state);
		scopex_worker_age(m, w);
		if (w->busy)
			scopex_worker_item(m, w);
		seq_putc(m, '\n');
	}
	scopex_live_free(live);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(workers);

static const char * const scopex_profile_counts[SCOPEX_PROFILE_COUNTS] = {
	"scopes", "items", "chunks", "errors", "cancelled", "chunk_errors", "serial",
};

static const char * const scopex_profile_times[SCOPEX_PROFILE_TIMES] = {
	"delay", "run", "latency",
};

static void scopex_profile_head(struct seq_file *m, const char *what)
{
	int i;

	for (i = 0; i < SCOPEX_PROFILE_COUNTS; i++)
		seq_printf(m, "%12s ", scopex_profile_counts[i]);
	seq_printf(m, "%12s %10s %10s %10s %10s %10s %10s %10s %10s %s\n", "run_total",
		   "run_avg", "run_max", "delay_avg", "delay_p50", "delay_p95",
		   "delay_max", "scope_avg", "scope_max", what);
}

static u64 scopex_average(const struct scopex_timing *timing)
{
	u64 nr = scopex_profile_measured(timing);

	return nr ? div64_u64(timing->total, nr) : 0;
}

static void scopex_profile_row(struct seq_file *m, const struct scopex_profile *profile)
{
	const struct scopex_timing *delay = &profile->time[SCOPEX_PROFILE_DELAY];
	const struct scopex_timing *run = &profile->time[SCOPEX_PROFILE_RUN];
	const struct scopex_timing *latency = &profile->time[SCOPEX_PROFILE_LATENCY];
	int i;

	for (i = 0; i < SCOPEX_PROFILE_COUNTS; i++)
		seq_printf(m, "%12llu ", profile->count[i]);
	seq_printf(m, "%12llu %10llu %10llu %10llu %10llu %10llu %10llu %10llu %10llu ",
		   run->total, scopex_average(run), run->max, scopex_average(delay),
		   scopex_profile_percentile(delay, 50),
		   scopex_profile_percentile(delay, 95), delay->max,
		   scopex_average(latency), latency->max);
}

/* A profile that has anything in it; the sum is too large for a stack. */
static bool scopex_profile_used(const struct scopex_profile *profile)
{
	return memchr_inv(profile, 0, sizeof(*profile));
}

static struct scopex_profile *scopex_profile_alloc(void)
{
	return kmalloc(sizeof(struct scopex_profile), GFP_KERNEL);
}

static int profile_show(struct seq_file *m, void *unused)
{
	struct scopex_profile *profile = scopex_profile_alloc();
	const struct scopex_place *place;
	struct scopex_slowest slowest;
	unsigned int site, cpu, sites = scopex_profile_sites();

	if (!profile)
		return -ENOMEM;
	seq_printf(m, "# %s (write 1 or 0); times in ns; run: of items and chunks; delay: of items, from queued to started; scope: from opened to closed; p50, p95: no more than a factor of 2 too large; slowest: the item or chunk of run_max\n",
		   scopex_profile_is_on() ? "on" : "off");
	scopex_profile_head(m, "call site, slowest");
	for (site = 0; site < sites; site++) {
		scopex_profile_of_site(site, profile);
		if (!scopex_profile_used(profile))
			continue;
		scopex_profile_row(m, profile);
		place = scopex_profile_place(site);
		scopex_profile_slowest(site, &slowest);
		scopex_site_text(m, place);
		seq_puts(m, ", ");
		scopex_text(m, slowest.fn);
		seq_putc(m, '\n');
	}
	scopex_profile_head(m, "cpu");
	for_each_possible_cpu(cpu) {
		scopex_profile_of_cpu(cpu, profile);
		if (!scopex_profile_used(profile))
			continue;
		scopex_profile_row(m, profile);
		seq_printf(m, "%u\n", cpu);
	}
	kfree(profile);
	return 0;
}

static int profile_open(struct inode *inode, struct file *file)
{
	return single_open(file, profile_show, NULL);
}

static ssize_t profile_write(struct file *file, const char __user *buf, size_t len,
			     loff_t *ppos)
{
	bool on;
	int err = kstrtobool_from_user(buf, len, &on);

	if (!err)
		err = scopex_profile_switch(on);
	return err ?: len;
}

static const struct file_operations profile_fops = {
	.owner		= THIS_MODULE,
	.open		= profile_open,
	.read		= seq_read,
	.write		= profile_write,
	.llseek		= seq_lseek,
	.release	= single_release,
};

static void scopex_histogram(struct seq_file *m, const struct scopex_profile *profile)
{
	int i, time, first = SCOPEX_PROFILE_BUCKETS, last = -1;

	for (i = 0; i < SCOPEX_PROFILE_BUCKETS; i++)
		for (time = 0; time < SCOPEX_PROFILE_TIMES; time++)
			if (profile->time[time].bucket[i]) {
				first = min(first, i);
				last = i;
			}
	for (i = first; i <= last; i++) {
		if (i < SCOPEX_PROFILE_BUCKETS - 1)
			seq_printf(m, "< %14llu", 1ULL << i);
		else
			seq_printf(m, "%16s", "more");
		for (time = 0; time < SCOPEX_PROFILE_TIMES; time++)
			seq_printf(m, " %10llu", profile->time[time].bucket[i]);
		seq_putc(m, '\n');
	}
}

static int histograms_show(struct seq_file *m, void *unused)
{
	struct scopex_profile *profile = scopex_profile_alloc();
	const struct scopex_place *place;
	unsigned int site;

	if (!profile)
		return -ENOMEM;
	seq_printf(m, "# profile is %s; for each call site how many times are less than so many ns, and not in a line above\n",
		   scopex_profile_is_on() ? "on" : "off");
	for (site = 0; site < scopex_profile_sites(); site++) {
		scopex_profile_of_site(site, profile);
		if (!scopex_profile_used(profile))
			continue;
		place = scopex_profile_place(site);
		seq_putc(m, '\n');
		scopex_site_text(m, place);
		seq_printf(m, "\n%16s %10s %10s %10s\n", "ns", "delay", "run", "scope");
		scopex_histogram(m, profile);
	}
	kfree(profile);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(histograms);

static void scopex_config_rows(struct seq_file *m, const char *prefix)
{
	seq_printf(m, "%scpus %*pbl\n", prefix, cpumask_pr_args(&scopex_served_cpus));
	/* As they are changed by hotplug. */
	cpus_read_lock();
	seq_printf(m, "%sopen_cpus %*pbl\n", prefix, cpumask_pr_args(&scopex_open_cpus));
	seq_printf(m, "%sring_cpus %*pbl\n", prefix, cpumask_pr_args(&scopex_ring_cpus));
	cpus_read_unlock();
	seq_printf(m, "%snice %d\n", prefix, scopex_config.nice);
	seq_printf(m, "%sstandby %u\n", prefix, scopex_config.standby);
	seq_printf(m, "%sworkers %u\n", prefix, scopex_config.workers);
	seq_printf(m, "%sstall_ms %u\n", prefix, scopex_config.stall_ms);
	seq_printf(m, "%sspin_us %u\n", prefix, scopex_config.spin_us);
	seq_printf(m, "%sexits_seen %d\n", prefix, scopex_config.exits_seen);
	seq_printf(m, "%sitems_checked %d\n", prefix, SCOPEX_CHECK_ITEMS);
	seq_printf(m, "%slockdep %d\n", prefix, IS_ENABLED(CONFIG_LOCKDEP));
	seq_printf(m, "%sinject %d\n", prefix, IS_ENABLED(CONFIG_SCOPEX_INJECT));
	seq_printf(m, "%sprofile %d\n", prefix, scopex_profile_is_on());
}

static int config_show(struct seq_file *m, void *unused)
{
	seq_puts(m, "# what is in effect: the parameters, CPUs that are served and those of them that take items now, and that get what names no CPU; exits_seen: tasks that exit with an open scope are noticed; items_checked: what an item leaves behind is looked at\n");
	scopex_config_rows(m, "");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(config);

static ssize_t reset_write(struct file *file, const char __user *buf, size_t len,
			   loff_t *ppos)
{
	unsigned int cpu;
	bool yes;
	int err = kstrtobool_from_user(buf, len, &yes);

	if (err || !yes)
		return err ?: -EINVAL;
	for_each_possible_cpu(cpu)
		scopex_reset_stats(per_cpu_ptr(&scopex_cpus, cpu));
	scopex_profile_reset();
	return len;
}

static const struct file_operations reset_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.write	= reset_write,
	.llseek	= noop_llseek,
};

static void scopex_counter_rows(struct seq_file *m, const char *prefix,
				const unsigned long *stat)
{
	int i;

	for (i = 0; i < SCOPEX_STATS; i++)
		seq_printf(m, "%s.%s %lu\n", prefix, scopex_stat_names[i],
			   stat[i]);
}

/* A line whose value is text: its name, and all that follows up to the end of line. */
static void scopex_text_row(struct seq_file *m, const char *what, unsigned int i,
			    const char *key, const char *text)
{
	seq_printf(m, "%s%u.%s ", what, i, key);
	scopex_text(m, text);
	seq_putc(m, '\n');
}

static void scopex_place_row(struct seq_file *m, const char *what, unsigned int i,
			     const char *key, const struct scopex_place *place)
{
	seq_printf(m, "%s%u.%s ", what, i, key);
	scopex_place_text(m, place);
	seq_putc(m, '\n');
}

static void scopex_place_rows(struct seq_file *m, const char *what, unsigned int i,
			      const struct scopex_place *place)
{
	scopex_text_row(m, what, i, "name", place->name);
	scopex_place_row(m, what, i, "place", place);
}

static void scopex_profile_rows(struct seq_file *m, const char *what, unsigned int nr,
				const struct scopex_profile *profile)
{
	int i, time;

	for (i = 0; i < SCOPEX_PROFILE_COUNTS; i++)
		seq_printf(m, "%s%u.profile.%s %llu\n", what, nr,
			   scopex_profile_counts[i], profile->count[i]);
	for (time = 0; time < SCOPEX_PROFILE_TIMES; time++) {
		const struct scopex_timing *timing = &profile->time[time];
		const char *name = scopex_profile_times[time];

		seq_printf(m, "%s%u.profile.%s_ns %llu\n", what, nr, name, timing->total);
		seq_printf(m, "%s%u.profile.%s_max_ns %llu\n", what, nr, name, timing->max);
		seq_printf(m, "%s%u.profile.%s_log2", what, nr, name);
		for (i = 0; i < SCOPEX_PROFILE_BUCKETS; i++)
			seq_printf(m, " %llu", timing->bucket[i]);
		seq_putc(m, '\n');
	}
}

static int scopex_counters_profile(struct seq_file *m)
{
	struct scopex_profile *profile = scopex_profile_alloc();
	unsigned int site, cpu, sites = scopex_profile_sites();
	struct scopex_slowest slowest;

	if (!profile)
		return -ENOMEM;
	for (site = 0; site < sites; site++) {
		scopex_profile_of_site(site, profile);
		if (!scopex_profile_used(profile))
			continue;
		scopex_place_rows(m, "site", site, scopex_profile_place(site));
		scopex_profile_slowest(site, &slowest);
		scopex_text_row(m, "site", site, "slowest", slowest.fn);
		scopex_profile_rows(m, "site", site, profile);
	}
	for_each_possible_cpu(cpu) {
		scopex_profile_of_cpu(cpu, profile);
		if (scopex_profile_used(profile))
			scopex_profile_rows(m, "cpu", cpu, profile);
	}
	kfree(profile);
	return 0;
}

static void scopex_counters_scope(struct seq_file *m, const struct scopex_live *live,
				  unsigned int i)
{
	const struct scopex_live_scope *scope = &live->scope[i];

	scopex_place_rows(m, "scope", i, &scope->place);
	seq_printf(m, "scope%u.depth %u\n", i, scope->depth);
	seq_printf(m, "scope%u.pending %lu\n", i, scope->pending);
	seq_printf(m, "scope%u.age_ms %u\n", i, scope->age_ms);
	seq_printf(m, "scope%u.state %s\n", i, scopex_scope_state(scope));
	seq_printf(m, "scope%u.serial %d\n", i, scope->serial);
	seq_printf(m, "scope%u.error %d\n", i, scope->error);
	scopex_text_row(m, "scope", i, "owner", scope->comm);
	seq_printf(m, "scope%u.pid %d\n", i, scope->pid);
	if (scope->timed)
		seq_printf(m, "scope%u.deadline_ms %lld\n", i, scope->deadline_ms);
	seq_printf(m, "scope%u.running ", i);
	scopex_running_on(m, live, scope, 0);
	seq_putc(m, '\n');
}

static void scopex_counters_worker(struct seq_file *m, unsigned int i,
				   const struct scopex_live_worker *w)
{
	seq_printf(m, "worker%u.cpu %u\n", i, w->cpu);
	scopex_text_row(m, "worker", i, "name", w->comm);
	seq_printf(m, "worker%u.pid %d\n", i, w->pid);
	seq_printf(m, "worker%u.state %s\n", i, w->state);
	if (!w->busy)
		return;
	scopex_text_row(m, "worker", i, "item", w->fn);
	scopex_text_row(m, "worker", i, "scope", w->place.name);
	scopex_place_row(m, "worker", i, "scope_place", &w->place);
	if (w->ms >= 0)
		seq_printf(m, "worker%u.%s %lld\n", i,
			   w->or_more ? "at_least_ms" : "ms", w->ms);
}

static int scopex_counters_live(struct seq_file *m)
{
	struct scopex_live *live = scopex_live_look();
	unsigned int i;

	if (!live)
		return -ENOMEM;
	for (i = 0; i < live->nr_workers; i++)
		scopex_counters_worker(m, i, &live->worker[i]);
	for (i = 0; i < live->nr_scopes; i++)
		scopex_counters_scope(m, live, i);
	seq_printf(m, "scopes_left %d\n", live->scopes_left);
	scopex_live_free(live);
	return 0;
}

static int counters_show(struct seq_file *m, void *unused)
{
	unsigned long stat[SCOPEX_STATS], total[SCOPEX_STATS] = { };
	char prefix[16];
	unsigned int cpu;

	seq_puts(m, "version 1\n");
	seq_printf(m, "time_ns %llu\n", scopex_profile_clock());
	for_each_possible_cpu(cpu) {
		struct scopex_cpu *sc = per_cpu_ptr(&scopex_cpus, cpu);

		if (!scopex_shown(sc))
			continue;
		scopex_read_stats(sc, stat);
		scopex_add_stats(total, stat);
		snprintf(prefix, sizeof(prefix), "cpu%u", cpu);
		seq_printf(m, "%s.open %d\n", prefix, READ_ONCE(sc->open));
		scopex_counter_rows(m, prefix, stat);
	}
	scopex_counter_rows(m, "total", total);
	scopex_config_rows(m, "config.");
	return scopex_counters_profile(m) ?: scopex_counters_live(m);
}
DEFINE_SHOW_ATTRIBUTE(counters);

void scopex_debugfs_init(void)
{
	scopex_dir = debugfs_create_dir("scopex", NULL);
	debugfs_create_file("stats", 0400, scopex_dir, NULL, &stats_fops);
	debugfs_create_file("scopes", 0400, scopex_dir, NULL, &scopes_fops);
	debugfs_create_file("workers", 0400, scopex_dir, NULL, &workers_fops);
	debugfs_create_file("profile", 0600, scopex_dir, NULL, &profile_fops);
	debugfs_create_file("histograms", 0400, scopex_dir, NULL, &histograms_fops);
	debugfs_create_file("config", 0400, scopex_dir, NULL, &config_fops);
	debugfs_create_file("reset", 0200, scopex_dir, NULL, &reset_fops);
	debugfs_create_file("counters", 0400, scopex_dir, NULL, &counters_fops);
}

void scopex_debugfs_exit(void)
{
	debugfs_remove(scopex_dir);
	scopex_profile_exit();
}
