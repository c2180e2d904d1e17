// SPDX-License-Identifier: GPL-2.0
/*
 * scopex_bench.ko: what scopex costs, beside the other ways to do it
 *
 * It measures when it is loaded, in a thread of its own; the parameters choose what. The
 * kernel log has the figures as a table; scopex_bench/results in debugfs has them for
 * programs, as CSV, with the samples in the order of the rounds: the third one of each
 * competitor was taken in the third round. Opening that file waits for the end. Its last line is
 * "complete", or "failed" and an error: then a figure is missing, an item did not run, or a
 * result was wrong. Times never decide that. Unloading the module ends it early.
 *
 * Figures are nanoseconds for one operation: the median of the rounds, and the quartiles.
 * They include the cost of reading the clock, twice for each sample.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/scopex.h>
#include <linux/scopex_timer.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "../text.h"
#include "bench.h"

static const struct {
	const char	*name;
	int		(*run)(void);
} workloads[] = {
	{ "empty",	bench_empty },
	{ "items",	bench_items },
	{ "work",	bench_work },
	{ "contend",	bench_contend },
	{ "nest",	bench_nest },
	{ "switch",	bench_switch },
	{ "irq",	bench_irq },
	{ "latency",	bench_latency },
	{ "memory",	bench_memory },
	{ "sizes",	bench_sizes },
	{ "growth",	bench_growth },
	{ "beside",	bench_beside },
	{ "teardown",	bench_teardown },
};

static char *only;
module_param(only, charp, 0444);
MODULE_PARM_DESC(only, "workloads, as empty,items,work,contend,nest,switch,irq,latency,memory,sizes,growth,beside,teardown (default: all)");

static char *peers;
module_param(peers, charp, 0444);
MODULE_PARM_DESC(peers, "competitors in items, work and contend, as scopex,wq_flush (default: all)");

static unsigned int rounds = 11;
module_param(rounds, uint, 0444);
MODULE_PARM_DESC(rounds, "how often each figure is taken, 1 to 1000 (default: 11)");

static unsigned int repeat = 1;
module_param(repeat, uint, 0444);
MODULE_PARM_DESC(repeat, "how often in a row work is done for a figure, 1 to 1000 (default: 1)");

static unsigned long n[BENCH_SIZES_MAX] = { 1, 10, 100, 1000, 10000, 100000, 1000000 };
static unsigned int nr_n = 7;
module_param_array(n, ulong, &nr_n, 0444);
MODULE_PARM_DESC(n, "how many items, up to 1000000 (default: 1,10,100,... 1000000)");

static char *cpus;
module_param(cpus, charp, 0444);
MODULE_PARM_DESC(cpus, "CPUs to use, as a list like 0-3,8 (default: all that are online)");

struct bench_setup bench;

static const char bench_columns[] =
	"workload,peer,place,n,work_ns,cpus,what,unit,median,low,high,rounds,samples";

/**
 * struct bench_line - a line of the results
 * @node: in bench_lines
 * @text: its beginning
 * @nr: how many samples follow
 * @samples: in thousandths, in the order of the rounds
 */
struct bench_line {
	struct list_head	node;
	char			text[160];
	unsigned int		nr;
	u64			samples[];
};

/* Written by the thread, read when it is through. */
static LIST_HEAD(bench_lines);
static int bench_error;

static DECLARE_COMPLETION(bench_done);
static struct task_struct *bench_task;
static struct dentry *bench_dir;
static unsigned long bench_turns_per_us;

/**
 * bench_stopped() - is the module about to go?
 *
 * Return: whether it is; for the measuring thread.
 */
bool bench_stopped(void)
{
	return kthread_should_stop();
}

/* Is the name in the list, with commas between them? */
static bool bench_listed(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (; list; list = strchr(list, ',')) {
		list += *list == ',';
		if (!strncmp(list, name, len) && (!list[len] || list[len] == ','))
			return true;
	}
	return false;
}

/**
 * bench_wanted() - does a competitor take part?
 * @name: its name
 *
 * Return: whether it does.
 */
bool bench_wanted(const char *name)
{
	return !peers || bench_listed(peers, name);
}

/**
 * bench_turns() - how many turns of bench_burn() take that time
 * @ns: the time
 *
 * Return: the number; 0 for no time.
 */
unsigned long bench_turns(unsigned long ns)
{
	return ns ? max(ns * bench_turns_per_us / 1000, 1UL) : 0;
}

static void bench_calibrate(void)
{
	u64 begin, best = U64_MAX;

	bench_burning = 100000;
	for (int i = 0; i < 10; i++) {
		begin = ktime_get_ns();
		bench_burn();
		best = min(best, ktime_get_ns() - begin);
	}
	bench_turns_per_us = max_t(u64, div64_u64(bench_burning * 1000, max(best, 1ULL)), 1);
}

static struct bench_line *bench_add_line(unsigned int nr)
{
	struct bench_line *line = kzalloc(struct_size(line, samples, nr), GFP_KERNEL);

	if (line) {
		line->nr = nr;
		list_add_tail(&line->node, &bench_lines);
	}
	return line;
}

static int bench_compare_samples(const void *a, const void *b)
{
	u64 left = *(const u64 *)a, right = *(const u64 *)b;

	return left < right ? -1 : left > right;
}

/* A figure in thousandths, as a decimal number */
struct bench_decimal {
	char	text[24];
};

static struct bench_decimal bench_decimal(u64 value)
{
	struct bench_decimal decimal;
	u32 rest;

	value = div_u64_rem(value, 1000, &rest);
	scnprintf(decimal.text, sizeof(decimal.text), "%llu.%03u", value, rest);
	return decimal;
}

/**
 * bench_report() - a figure
 * @r: what it is of
 * @samples: what each round has measured; do not outlast the call
 * @nr: how many
 *
 * Return: 0 or -ENOMEM.
 */
int bench_report(const struct bench_result *r, u64 *samples, unsigned int nr)
{
	struct bench_line *line = bench_add_line(nr);
	struct bench_decimal low, median, high;
	const char *place = r->place ?: "-", *unit = r->unit ?: "ns";

	if (!line)
		return -ENOMEM;
	for (unsigned int i = 0; i < nr; i++)
		samples[i] = div64_u64(samples[i] * 1000, r->ops);
	memcpy(line->samples, samples, nr * sizeof(*samples));
	sort(samples, nr, sizeof(*samples), bench_compare_samples, NULL);
	low = bench_decimal(samples[(nr - 1) / 4]);
	median = bench_decimal(samples[(nr - 1) / 2]);
	high = bench_decimal(samples[(nr - 1) * 3 / 4]);
	scnprintf(line->text, sizeof(line->text), "%s,%s,%s,%lu,%lu,%u,%s,%s,%s,%s,%s,%u",
		  r->workload, r->peer, place, r->n, r->work_ns, r->cpus, r->what, unit,
		  median.text, low.text, high.text, nr);
	pr_info("%-8s %-6s n=%-7lu work=%-6lu %-15s %-6s %10s %s (%s to %s)\n", r->workload,
		place, r->n, r->work_ns, r->peer, r->what, median.text, unit, low.text,
		high.text);
	return 0;
}

/**
 * bench_ways() - measure several ways to do the same, one after the other in each round
 * @results: what the figure of each way is of
 * @nr: how many ways
 * @measure: does it in one way, and stores how long that took, in ns
 *
 * Return: 0 or a negative errno.
 */
int bench_ways(const struct bench_result *results, unsigned int nr,
	       int (*measure)(unsigned int way, u64 *elapsed))
{
	u64 *samples = kcalloc(nr * bench.rounds, sizeof(*samples), GFP_KERNEL), elapsed;
	int err = 0;

	if (!samples)
		return -ENOMEM;
	/* The first round is to warm up. */
	for (unsigned int i = 0; i < nr * (bench.rounds + 1) && !err; i++) {
		unsigned int round = i / nr, way = (i + round) % nr;

		err = measure(way, &elapsed);
		if (!err && bench_stopped())
			err = -EINTR;
		if (round)
			samples[way * bench.rounds + round - 1] = elapsed;
		cond_resched();
	}
	for (unsigned int way = 0; way < nr && !err; way++)
		err = bench_report(&results[way], samples + way * bench.rounds, bench.rounds);
	kfree(samples);
	return err;
}

static int bench_report_size(const char *name, size_t size)
{
	const struct bench_result result = {
		.workload = "size", .peer = name, .n = 1, .what = "size", .ops = 1,
		.unit = "bytes",
	};
	u64 sample = size;

	return bench_report(&result, &sample, 1);
}

static int bench_report_sizes(void)
{
	return bench_report_size("scopex_work", sizeof(struct scopex_work)) ?:
	       bench_report_size("scopex_scope", sizeof(struct scopex_scope)) ?:
	       bench_report_size("scopex_task", sizeof(struct scopex_task) +
				 sizeof(struct scopex_timer)) ?:
	       bench_report_size("work_struct", sizeof(struct work_struct)) ?:
	       bench_report_size("kthread_work", sizeof(struct kthread_work));
}

static int bench_run(void)
{
	struct bench_line *head = bench_add_line(0);
	int err;

	if (!head)
		return -ENOMEM;
	strscpy(head->text, bench_columns, sizeof(head->text));
	bench_calibrate();
	err = bench_report_sizes();
	for (unsigned int i = 0; i < ARRAY_SIZE(workloads) && !err; i++)
		if (!only || bench_listed(only, workloads[i].name))
			err = workloads[i].run();
	return err;
}

static int bench_thread(void *unused)
{
	bench_error = bench_run();
	if (bench_error)
		pr_err("failed: %pe\n", ERR_PTR(bench_error));
	else
		pr_info("complete\n");
	complete_all(&bench_done);
	return 0;
}

static int results_show(struct seq_file *m, void *unused)
{
	struct bench_line *line;

	list_for_each_entry(line, &bench_lines, node) {
		seq_puts(m, line->text);
		for (unsigned int i = 0; i < line->nr; i++)
			seq_printf(m, "%c%s", i ? ' ' : ',', bench_decimal(line->samples[i]).text);
		seq_putc(m, '\n');
	}
	if (bench_error)
		seq_printf(m, "failed %d\n", bench_error);
	else
		seq_puts(m, "complete\n");
	return 0;
}

static int results_open(struct inode *inode, struct file *file)
{
	if (wait_for_completion_interruptible(&bench_done))
		return -ERESTARTSYS;
	return single_open(file, results_show, NULL);
}

static const struct file_operations results_fops = {
	.owner	= THIS_MODULE,
	.open	= results_open,
	.read	= seq_read,
	.llseek	= seq_lseek,
	.release = single_release,
};

static bool bench_is_workload(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(workloads); i++)
		if (!strcmp(name, workloads[i].name))
			return true;
	return false;
}

/* Each name in the parameter has to be known. */
static int __init bench_check_names(const char *param, const char *list,
				    bool (*known)(const char *name))
{
	char *copy, *rest, *name, given[128], shown[64];
	int err = 0;

	if (!list)
		return 0;
	rest = kstrdup(list, GFP_KERNEL);
	copy = rest;
	if (!copy)
		return -ENOMEM;
	while ((name = strsep(&rest, ",")) && !err) {
		if (known(name))
			continue;
		pr_err("%s=%s: there is no '%s'\n", param,
		       scopex_escape(given, sizeof(given), list),
		       scopex_escape(shown, sizeof(shown), name));
		err = -EINVAL;
	}
	kfree(copy);
	return err;
}

static int __init bench_parse_numbers(void)
{
	if (!rounds || rounds > BENCH_ROUNDS_MAX) {
		pr_err("rounds=%u: must be from 1 to %u\n", rounds, BENCH_ROUNDS_MAX);
		return -EINVAL;
	}
	bench.rounds = rounds;
	if (!repeat || repeat > BENCH_ROUNDS_MAX) {
		pr_err("repeat=%u: must be from 1 to %u\n", repeat, BENCH_ROUNDS_MAX);
		return -EINVAL;
	}
	bench.repeat = repeat;
	for (unsigned int i = 0; i < nr_n; i++) {
		if (!n[i] || n[i] > BENCH_ITEMS_MAX) {
			pr_err("n=%lu: must be from 1 to %lu\n", n[i], BENCH_ITEMS_MAX);
			return -EINVAL;
		}
		bench.n[i] = n[i];
	}
	bench.nr_n = nr_n;
	return 0;
}

static int __init bench_parse_cpus(struct cpumask *mask)
{
	char given[128];
	unsigned int cpu;
	int err;

	cpumask_copy(mask, cpu_online_mask);
	if (cpus) {
		scopex_escape(given, sizeof(given), cpus);
		err = cpulist_parse(cpus, mask);
		if (err || cpumask_empty(mask)) {
			pr_err("cpus=%s: not a list of CPUs below %u\n", given, nr_cpu_ids);
			return -EINVAL;
		}
		if (!cpumask_subset(mask, cpu_online_mask)) {
			pr_err("cpus=%s: online are CPUs %*pbl\n", given,
			       cpumask_pr_args(cpu_online_mask));
			return -EINVAL;
		}
	}
	bench.cpu = kcalloc(cpumask_weight(mask), sizeof(*bench.cpu), GFP_KERNEL);
	if (!bench.cpu)
		return -ENOMEM;
	for_each_cpu(cpu, mask)
		bench.cpu[bench.nr_cpus++] = cpu;
	return 0;
}

static int __init bench_parse(void)
{
	cpumask_var_t mask;
	int err;

	err = bench_check_names("only", only, bench_is_workload) ?:
	      bench_check_names("peers", peers, bench_is_peer) ?: bench_parse_numbers();
	if (err)
		return err;
	if (!alloc_cpumask_var(&mask, GFP_KERNEL))
		return -ENOMEM;
	err = bench_parse_cpus(mask);
	free_cpumask_var(mask);
	return err;
}

static int __init bench_init(void)
{
	int err = bench_parse();

	if (err)
		return err;
	bench_task = kthread_create(bench_thread, NULL, "scopex_bench");
	if (IS_ERR(bench_task)) {
		kfree(bench.cpu);
		return PTR_ERR(bench_task);
	}
	kthread_bind(bench_task, bench.cpu[0]);
	get_task_struct(bench_task);

	/* Without debugfs, the log still has the figures. */
	bench_dir = debugfs_create_dir(KBUILD_MODNAME, NULL);
	debugfs_create_file("results", 0400, bench_dir, NULL, &results_fops);
	pr_info("measuring on CPU %u, with %u CPU(s)\n", bench.cpu[0], bench.nr_cpus);
	wake_up_process(bench_task);
	return 0;
}

/* An open file holds the module. */
static void __exit bench_exit(void)
{
	struct bench_line *line, *next;

	debugfs_remove(bench_dir);
	kthread_stop(bench_task);
	put_task_struct(bench_task);
	list_for_each_entry_safe(line, next, &bench_lines, node)
		kfree(line);
	kfree(bench.cpu);
}

module_init(bench_init);
module_exit(bench_exit);

MODULE_DESCRIPTION("Benchmark of scopex, beside the other ways to do it");
MODULE_AUTHOR("The scopex authors");
MODULE_LICENSE("GPL");
