// SPDX-License-Identifier: GPL-2.0
/*
 * How names and numbers are shown in the files in debugfs
 *
 * No file shows a kernel address, nor a text that others have chosen as it is: see text.h.
 */

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/kernel.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "config.h"
#include "hotplug.h"
#include "lockdep.h"
#include "place.h"
#include "profile.h"
#include "select.h"
#include "show.h"
#include "snapshot.h"
#include "text.h"

/*
 * Show a text that others have chosen as a column. A blank, which would end the column, and
 * '#', which would make the line a remark, are escaped, too. A column is never empty.
 */
void scopex_column(struct seq_file *m, const char *text)
{
	seq_escape_str(m, *text ? text : "-", SCOPEX_ESCAPE, " \\#");
}

void scopex_place_text(struct seq_file *m, const struct scopex_place *place)
{
	scopex_column(m, place->func);
	seq_puts(m, "() ");
	scopex_column(m, place->file);
	seq_printf(m, ":%u", place->line);
}

void scopex_site_text(struct seq_file *m, const struct scopex_place *place)
{
	scopex_column(m, place->name);
	seq_putc(m, ' ');
	scopex_place_text(m, place);
}

/* Show a text up to the end of the line, or with blanks in it. */
void scopex_text(struct seq_file *m, const char *text)
{
	seq_escape_str(m, *text ? text : "-", SCOPEX_ESCAPE, "\\");
}

const char *scopex_scope_state(const struct scopex_shown_scope *scope)
{
	return scope->cancelled ? "cancelled" : scope->waiting ? "waiting" : "open";
}

/* Show the CPUs whose workers are in an item of the scope, or "-". */
void scopex_running_on(struct seq_file *m, const struct scopex_snapshot *snapshot,
		       const struct scopex_shown_scope *scope, int width)
{
	char cpus[128] = "-";
	cpumask_var_t mask;
	unsigned int i;

	if (!zalloc_cpumask_var(&mask, GFP_KERNEL))
		return;
	for (i = 0; i < snapshot->nr_workers; i++)
		if (snapshot->worker[i].scope_id == scope->id)
			cpumask_set_cpu(snapshot->worker[i].cpu, mask);
	if (!cpumask_empty(mask) &&
	    snprintf(cpus, sizeof(cpus), "%*pbl", cpumask_pr_args(mask)) >= sizeof(cpus))
		strscpy(cpus + sizeof(cpus) - 4, "...", 4);
	seq_printf(m, "%-*s", width, cpus);
	free_cpumask_var(mask);
}

const char * const scopex_profile_counts[SCOPEX_PROFILE_COUNTS] = {
	"scopes", "items", "chunks", "errors", "cancelled", "chunk_errors", "serial",
};

const char * const scopex_profile_times[SCOPEX_PROFILE_TIMES] = {
	"delay", "run", "latency",
};

/* Returns true if there is anything in a profile. (A profile is too large for the stack.) */
bool scopex_profile_used(const struct scopex_profile *profile)
{
	return memchr_inv(profile, 0, sizeof(*profile));
}

struct scopex_profile *scopex_profile_alloc(void)
{
	return kmalloc(sizeof(struct scopex_profile), GFP_KERNEL);
}

void scopex_config_rows(struct seq_file *m, const char *prefix)
{
	seq_printf(m, "%scpus %*pbl\n", prefix, cpumask_pr_args(&scopex_served_cpus));
	/* Hotplug changes these masks. */
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
