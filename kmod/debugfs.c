// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/scopex: what the executor did, and which scopes are open
 *
 * Nothing is counted for the sake of these files that the worker does not know
 * anyway: "submitted" is what was taken plus what is queued, and the depth is
 * what is queued plus what of the last batch has not ended. Readers hold
 * scopex_cpu.take_lock for the walk over a queue, so that the items stay there,
 * and scopex_cpu.scopes_lock while they copy what they show of a scope, so that
 * the scope does. No file shows a kernel address.
 */

#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "internal.h"

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
	SCOPEX_STAT_SERIALS,
	SCOPEX_STAT_HELPS,
	SCOPEX_STAT_CHUNKS,
	SCOPEX_STAT_STALLS,
	SCOPEX_STATS,
};

static const char * const scopex_stat_names[SCOPEX_STATS] = {
	"submitted", "run", "cancelled", "errors", "refused",
	"batches", "wakeups", "sleeps", "depth", "depth_max",
	"workers", "handoffs", "unhanded", "serials", "helps", "chunks",
	"stalls",
};

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

static unsigned long scopex_queued(struct scopex_cpu *sc)
{
	struct llist_node *node;
	unsigned long nr = 0;

	lockdep_assert_held(&sc->take_lock);
	/* Acquire Q: pairs with scopex_queue_push(); see walk-take.litmus. */
	for (node = smp_load_acquire(&sc->queue); !scopex_queue_end(node);
	     node = READ_ONCE(node->next))
		nr++;
	return nr;
}

static void scopex_read_stats(struct scopex_cpu *sc, unsigned long *stat)
{
	unsigned long queued, taken, count[SCOPEX_COUNTERS];

	spin_lock(&sc->take_lock);
	queued = scopex_queued(sc);
	taken = sc->taken;
	stat[SCOPEX_STAT_DEPTH_MAX] = sc->depth_max;
	scopex_sum_workers(sc, count);
	spin_unlock(&sc->take_lock);

	stat[SCOPEX_STAT_SUBMITTED] = taken + queued;
	stat[SCOPEX_STAT_RUN] = count[SCOPEX_RUN];
	stat[SCOPEX_STAT_CANCELLED] = count[SCOPEX_CANCELLED_ITEMS];
	stat[SCOPEX_STAT_DEPTH] = taken + queued - stat[SCOPEX_STAT_RUN] -
				  stat[SCOPEX_STAT_CANCELLED];
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
	stat[SCOPEX_STAT_SERIALS] = count[SCOPEX_SERIALS];
	stat[SCOPEX_STAT_HELPS] = count[SCOPEX_HELPS];
	stat[SCOPEX_STAT_CHUNKS] = count[SCOPEX_CHUNKS];
	stat[SCOPEX_STAT_STALLS] = READ_ONCE(sc->stalls);
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

	seq_puts(m, "# items and workers since the module was loaded; depth: items now queued or in the batch that runs\n");
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

static void scopex_counter_rows(struct seq_file *m, const char *prefix,
				const unsigned long *stat)
{
	int i;

	for (i = 0; i < SCOPEX_STATS; i++)
		seq_printf(m, "%s.%s %lu\n", prefix, scopex_stat_names[i],
			   stat[i]);
}

static int counters_show(struct seq_file *m, void *unused)
{
	unsigned long stat[SCOPEX_STATS], total[SCOPEX_STATS] = { };
	char prefix[16];
	unsigned int cpu;

	seq_puts(m, "version 1\n");
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
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(counters);

/* What is shown of a scope, copied while the scope can't go away. */
struct scopex_snapshot {
	char		name[32];
	char		func[48];
	char		file[32];
	unsigned int	line;
	char		comm[TASK_COMM_LEN];
	pid_t		pid;
	unsigned long	pending;
	unsigned int	age_ms;
	bool		waiting;
	bool		cancelled;
};

/* How many scopes of one CPU's list are shown; bounds the time under its lock. */
#define SCOPEX_SNAPSHOTS	128

static void scopex_snapshot(struct scopex_snapshot *snap,
			    const struct scopex_scope *scope)
{
	u64 state = atomic64_read(&scope->state);
	unsigned long count = (u32)(state & SCOPEX_COUNT_MASK) / SCOPEX_ONE;

	strscpy(snap->name, scope->site->name, sizeof(snap->name));
	strscpy(snap->func, scope->site->func, sizeof(snap->func));
	strscpy(snap->file, kbasename(scope->site->file), sizeof(snap->file));
	snap->line = scope->site->line;
	/* The owner can't exit before it has unregistered its scope. */
	strscpy(snap->comm, scope->owner->comm, sizeof(snap->comm));
	snap->pid = scope->owner->pid;
	snap->waiting = state & SCOPEX_WAITING;
	/* One is the owner's, unless the scope was closed just now. */
	snap->pending = count ? count - 1 : 0;
	snap->age_ms = jiffies_to_msecs((u32)jiffies - scope->since);
	snap->cancelled = state & SCOPEX_CANCELLED;
}

static unsigned int scopex_snapshot_cpu(struct scopex_cpu *sc,
					struct scopex_snapshot *snaps,
					bool *more)
{
	struct scopex_scope *scope;
	unsigned int nr = 0;
	unsigned long flags;

	*more = false;
	raw_spin_lock_irqsave(&sc->scopes_lock, flags);
	list_for_each_entry(scope, &sc->scopes, node) {
		if (nr == SCOPEX_SNAPSHOTS) {
			*more = true;
			break;
		}
		scopex_snapshot(&snaps[nr++], scope);
	}
	raw_spin_unlock_irqrestore(&sc->scopes_lock, flags);
	return nr;
}

static int scopes_show(struct seq_file *m, void *unused)
{
	struct scopex_snapshot *snaps, *snap;
	unsigned int cpu;

	snaps = kvcalloc(SCOPEX_SNAPSHOTS, sizeof(*snaps), GFP_KERNEL);
	if (!snaps)
		return -ENOMEM;

	seq_puts(m, "# open scopes with at least one submit, or opened in an item; pending: items not out; age: since then\n");
	seq_printf(m, "%-20s %8s %10s %-9s %-22s %s\n", "scope", "pending",
		   "age_ms", "state", "owner", "opened in");
	for_each_possible_cpu(cpu) {
		unsigned int nr;
		bool more;

		nr = scopex_snapshot_cpu(per_cpu_ptr(&scopex_cpus, cpu), snaps,
					 &more);
		for (snap = snaps; snap < snaps + nr; snap++)
			seq_printf(m, "%-20s %8lu %10u %-9s %15s:%-6d %s() %s:%u\n",
				   snap->name, snap->pending, snap->age_ms,
				   snap->cancelled ? "cancelled" :
				   snap->waiting ? "waiting" : "open",
				   snap->comm, snap->pid, snap->func,
				   snap->file, snap->line);
		if (more)
			seq_printf(m, "# and more that were first used on CPU %u\n",
				   cpu);
	}
	kvfree(snaps);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(scopes);

void scopex_debugfs_init(void)
{
	scopex_dir = debugfs_create_dir("scopex", NULL);
	debugfs_create_file("stats", 0400, scopex_dir, NULL, &stats_fops);
	debugfs_create_file("counters", 0400, scopex_dir, NULL, &counters_fops);
	debugfs_create_file("scopes", 0400, scopex_dir, NULL, &scopes_fops);
}

void scopex_debugfs_exit(void)
{
	debugfs_remove(scopex_dir);
}
