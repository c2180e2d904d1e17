// SPDX-License-Identifier: GPL-2.0
/* The file "counters" in debugfs: the contents of all other files, for programs */

#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/scopex_task.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "counters.h"
#include "cpu.h"
#include "place.h"
#include "profile.h"
#include "show.h"
#include "snapshot.h"
#include "stats.h"
#include "waiting.h"

/* The number of tasks in the file. */
#define SCOPEX_COUNTED_TASKS	256

static void scopex_counter_rows(struct seq_file *m, const char *prefix,
				const unsigned long *stat)
{
	int i;

	for (i = 0; i < SCOPEX_STATS; i++)
		seq_printf(m, "%s.%s %lu\n", prefix, scopex_stat_names[i],
			   stat[i]);
}

/* Show a line whose value is text: the name, then the text up to the end of the line. */
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

static void scopex_counters_scope(struct seq_file *m, const struct scopex_snapshot *snapshot,
				  unsigned int i)
{
	const struct scopex_shown_scope *scope = &snapshot->scope[i];

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
	scopex_running_on(m, snapshot, scope, 0);
	seq_putc(m, '\n');
}

static void scopex_counters_worker(struct seq_file *m, unsigned int i,
				   const struct scopex_shown_worker *w)
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

static int scopex_counters_snapshot(struct seq_file *m)
{
	struct scopex_snapshot *snapshot = scopex_take_snapshot();
	unsigned int i;

	if (!snapshot)
		return -ENOMEM;
	for (i = 0; i < snapshot->nr_workers; i++)
		scopex_counters_worker(m, i, &snapshot->worker[i]);
	for (i = 0; i < snapshot->nr_scopes; i++)
		scopex_counters_scope(m, snapshot, i);
	seq_printf(m, "scopes_left %d\n", snapshot->scopes_left);
	scopex_free_snapshot(snapshot);
	return 0;
}

static void scopex_counters_task(struct seq_file *m, unsigned int i,
				 const struct scopex_shown_task *task,
				 const struct scopex_place *place)
{
	scopex_text_row(m, "task", i, "item", task->item);
	seq_printf(m, "task%u.state %s\n", i, task->name);
	if (task->state == SCOPEX_TASK_WAITING) {
		scopex_text_row(m, "task", i, "for", task->kind);
		seq_printf(m, "task%u.ms %u\n", i, task->ms);
		seq_printf(m, "task%u.cpu %u\n", i, task->cpu);
	}
	scopex_text_row(m, "task", i, "scope", place->name);
	scopex_place_row(m, "task", i, "scope_place", place);
}

static int scopex_counters_tasks(struct seq_file *m)
{
	int more = scopex_task_rows(m, scopex_counters_task, SCOPEX_COUNTED_TASKS);

	if (more < 0)
		return more;
	seq_printf(m, "tasks_left %d\n", more);
	return 0;
}

int scopex_counters_show(struct seq_file *m, void *unused)
{
	unsigned long stat[SCOPEX_STATS], total[SCOPEX_STATS] = { };
	char prefix[16];
	unsigned int cpu;

	seq_puts(m, "version 1\n");
	seq_printf(m, "time_ns %llu\n", scopex_profile_clock());
	for_each_possible_cpu(cpu) {
		struct scopex_cpu *sc = per_cpu_ptr(&scopex_cpus, cpu);

		if (!scopex_sum_stats(sc, stat, total))
			continue;
		snprintf(prefix, sizeof(prefix), "cpu%u", cpu);
		seq_printf(m, "%s.open %d\n", prefix, READ_ONCE(sc->open));
		scopex_counter_rows(m, prefix, stat);
	}
	scopex_counter_rows(m, "total", total);
	scopex_config_rows(m, "config.");
	return scopex_counters_profile(m) ?: scopex_counters_snapshot(m) ?:
	       scopex_counters_tasks(m);
}
