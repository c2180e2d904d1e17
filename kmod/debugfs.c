// SPDX-License-Identifier: GPL-2.0
/*
 * The files in /sys/kernel/debug/scopex
 *
 * They show the counters of stats.c, the snapshots of snapshot.c, and the times of
 * profile.c.
 */

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "counters.h"
#include "cpu.h"
#include "debugfs.h"
#include "place.h"
#include "profile.h"
#include "show.h"
#include "snapshot.h"
#include "stats.h"
#include "waiting.h"

static struct dentry *scopex_dir;

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

		if (!scopex_sum_stats(sc, stat, total))
			continue;
		seq_printf(m, "%5u %6s", cpu,
			   READ_ONCE(sc->open) ? "open" : "closed");
		scopex_stats_row(m, stat);
	}
	seq_puts(m, "total       ");
	scopex_stats_row(m, total);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

static void scopex_scope_row(struct seq_file *m, const struct scopex_snapshot *snapshot,
			     const struct scopex_shown_scope *scope)
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
	scopex_running_on(m, snapshot, scope, 10);
	seq_putc(m, ' ');
	scopex_place_text(m, &scope->place);
	seq_puts(m, scope->serial ? " serial\n" : "\n");
}

static int scopes_show(struct seq_file *m, void *unused)
{
	struct scopex_snapshot *snapshot = scopex_take_snapshot();
	unsigned int i;

	if (!snapshot)
		return -ENOMEM;
	seq_puts(m, "# open scopes with at least one submit, or opened in an item, which is then one of the scope above; pending: items not completed; age: since then; error: the first, or why it is cancelled; running: CPUs that are in an item\n");
	seq_printf(m, "%-24s %8s %10s %-9s %-22s %-11s %11s %-10s %s\n", "scope",
		   "pending", "age_ms", "state", "owner", "error", "deadline_ms",
		   "running", "opened in");
	for (i = 0; i < snapshot->nr_scopes; i++)
		scopex_scope_row(m, snapshot, &snapshot->scope[i]);
	if (snapshot->scopes_left)
		seq_puts(m, "# and more\n");
	scopex_free_snapshot(snapshot);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(scopes);

static void scopex_worker_age(struct seq_file *m, const struct scopex_shown_worker *w)
{
	char age[24] = "-";

	if (w->busy && w->ms >= 0)
		snprintf(age, sizeof(age), "%s%lld", w->or_more ? ">=" : "", w->ms);
	seq_printf(m, " %12s", age);
}

static void scopex_worker_item(struct seq_file *m, const struct scopex_shown_worker *w)
{
	seq_putc(m, ' ');
	scopex_text(m, w->fn);
	seq_putc(m, ' ');
	scopex_site_text(m, &w->place);
}

static int workers_show(struct seq_file *m, void *unused)
{
	struct scopex_snapshot *snapshot = scopex_take_snapshot();
	const struct scopex_shown_worker *w;

	if (!snapshot)
		return -ENOMEM;
	seq_puts(m, "# all workers; in_item_ms: for how long, as a look every stall_ms/4 tells, or exactly while the profile is on\n");
	seq_printf(m, "%5s %-16s %7s %-8s %12s %s\n", "cpu", "worker", "pid", "state",
		   "in_item_ms", "item, scope, opened in");
	for (w = snapshot->worker; w < snapshot->worker + snapshot->nr_workers; w++) {
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
	scopex_free_snapshot(snapshot);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(workers);

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

static int counters_show(struct seq_file *m, void *unused)
{
	return scopex_counters_show(m, unused);
}
DEFINE_SHOW_ATTRIBUTE(counters);

static int tasks_show(struct seq_file *m, void *unused)
{
	return scopex_show_tasks(m, unused);
}
DEFINE_SHOW_ATTRIBUTE(tasks);

void scopex_debugfs_init(void)
{
	scopex_dir = debugfs_create_dir("scopex", NULL);
	debugfs_create_file("stats", 0400, scopex_dir, NULL, &stats_fops);
	debugfs_create_file("scopes", 0400, scopex_dir, NULL, &scopes_fops);
	debugfs_create_file("tasks", 0400, scopex_dir, NULL, &tasks_fops);
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
