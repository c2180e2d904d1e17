// SPDX-License-Identifier: GPL-2.0
/*
 * scopex_test.ko: runs test suites and reports KTAP
 *
 * Write the name of a suite to /sys/kernel/debug/scopex_test/run, which returns
 * when it has ended, then read "results". The suite "hold" ends when something
 * is written to "release".
 */

#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_buf.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "test.h"

/* The parts of a suite are run in this order. */
static const struct scopex_suite * const suites[] = {
	&api_suite, &api_cancel_suite, &misuse_suite, &misuse_item_suite, &irq_suite,
	&race_suite, &race_claim_suite, &hotplug_suite, &nowhere_suite, &nest_suite,
	&nest_block_suite, &bound_suite, &prompt_suite, &fresh_suite, &cancel_suite,
	&cancel_deadline_suite, &cancel_signal_suite, &walk_suite,
	&walk_detached_suite, &serial_walk_suite, &array_suite, &loop_suite,
	&reduce_suite, &each_cpu_suite, &loop_helpers_suite, &lone_suite,
	&short_suite, &tracers_suite, &serial_tracers_suite, &join_item_suite,
	&limit_suite, &limit_per_cpu_suite, &turn_suite, &detached_suite,
	&detached_module_suite, &detached_release_suite, &detached_misuse_suite,
	&release_suite, &lingers_suite, &coming_suite, &exit_suite, &leak_suite,
	&undead_suite, &oops_suite, &deadlock_suite, &waits_suite, &stress_suite,
	&load_suite, &hold_suite, &tree_suite, &sites_suite, &odd_suite,
	&odd_hold_suite, &slow_suite, &convoy_suite, &memory_suite, &allocates_suite,
	&spin_suite, &anywhere_suite, &named_suite, &crowd_suite, &sleepers_suite,
	&awake_suite, &senders_suite, &full_suite, &serial_suite, &reclaim_suite,
	&unmade_suite, &unserved_suite, &beside_suite, &late_suite, &mortal_suite,
	&mourned_suite, &tight_suite, &again_suite, &again_serial_suite,
	&again_bound_suite, &away_suite, &rounds_suite, &leave_suite, &placed_suite,
	&wait_queue_suite, &file_suite, &socket_suite, &grace_suite, &direct_suite, &disk_suite,
	&frozen_suite,
	&steal_suite, &stopped_suite, &crowded_suite, &flood_suite,
	&partial_suite, &endless_suite, &chain_suite, &among_suite, &finite_suite,
	&newcomer_suite,
	&task_suite, &batch_suite, &batch_alone_suite, &task_cancel_suite,
	&task_serial_suite, &task_bound_suite,
	&task_misuse_suite, &task_scope_suite, &task_leave_suite, &asleep_suite,
	&timer_suite, &timer_race_suite, &timer_many_suite, &timer_hotplug_suite,
	&set_suite, &million_suite,
	&sync_suite, &sync_channel_suite, &sync_mix_suite, &several_suite,
	&several_scope_suite,
};

/**
 * struct scopex_test - the case that runs, and the report
 * @report: KTAP lines of the last suite
 * @failures: failed expectations of this case
 * @skipped: why it can't be run; NULL if it can
 */
struct scopex_test {
	struct seq_buf	report;
	unsigned int	failures;
	const char	*skipped;
};

#define REPORT_SIZE	32768

static struct dentry *test_dir;
static struct scopex_test test_state;
static char *test_report;
static DEFINE_MUTEX(test_lock);
static DEFINE_RAW_SPINLOCK(test_report_lock);
static DECLARE_COMPLETION(test_release);

/**
 * scopex_test_fail() - report a failed expectation of the case that runs
 * @test: the test
 * @fmt: what was expected
 *
 * Context: any but NMI, and from several threads at once.
 */
void scopex_test_fail(struct scopex_test *test, const char *fmt, ...)
{
	unsigned long flags;
	char text[160];
	va_list args;

	va_start(args, fmt);
	vscnprintf(text, sizeof(text), fmt, args);
	va_end(args);

	pr_info("scopex_test: %s\n", text);
	raw_spin_lock_irqsave(&test_report_lock, flags);
	/* Enough to see what went wrong; the results must have room. */
	if (test->failures < 5)
		seq_buf_printf(&test->report, "# %s\n", text);
	WRITE_ONCE(test->failures, test->failures + 1);
	raw_spin_unlock_irqrestore(&test_report_lock, flags);
}

/**
 * scopex_test_failed() - has an expectation of the case that runs failed?
 * @test: the test
 *
 * Context: any.
 *
 * Return: whether one has.
 */
bool scopex_test_failed(struct scopex_test *test)
{
	return READ_ONCE(test->failures);
}

/**
 * scopex_test_note() - tell the reader of the results something
 * @test: the test
 * @fmt: what
 */
void scopex_test_note(struct scopex_test *test, const char *fmt, ...)
{
	unsigned long flags;
	char text[160];
	va_list args;

	va_start(args, fmt);
	vscnprintf(text, sizeof(text), fmt, args);
	va_end(args);

	raw_spin_lock_irqsave(&test_report_lock, flags);
	seq_buf_printf(&test->report, "# %s\n", text);
	raw_spin_unlock_irqrestore(&test_report_lock, flags);
}

/**
 * scopex_test_skip() - report that the case can't be run here
 * @test: the test
 * @why: the reason
 */
void scopex_test_skip(struct scopex_test *test, const char *why)
{
	test->skipped = why;
}

/**
 * scopex_test_until_released() - wait for a write to the file "release"
 */
void scopex_test_until_released(void)
{
	wait_for_completion(&test_release);
}

/* Returns how many cases the parts of a suite have together. */
static unsigned int test_plan(const char *name)
{
	unsigned int i, nr = 0;

	for (i = 0; i < ARRAY_SIZE(suites); i++)
		if (!strcmp(name, suites[i]->name))
			nr += suites[i]->nr;
	return nr;
}

/* Returns the number of the last case. */
static unsigned int test_run_part(struct scopex_test *test, const struct scopex_suite *suite,
				  unsigned int number)
{
	unsigned int i;

	for (i = 0; i < suite->nr; i++) {
		const struct scopex_case *c = &suite->cases[i];

		test->failures = 0;
		test->skipped = NULL;
		pr_info("scopex_test: run %s.%s\n", suite->name, c->name);
		c->run(test);
		seq_buf_printf(&test->report, "%sok %u %s%s%s\n",
			       test->failures ? "not " : "", ++number, c->name,
			       test->skipped ? " # SKIP " : "",
			       test->skipped ?: "");
	}
	return number;
}

static void test_run_suite(struct scopex_test *test, const char *name)
{
	unsigned int i, number = 0;

	seq_buf_init(&test->report, test_report, REPORT_SIZE);
	seq_buf_printf(&test->report, "KTAP version 1\n1..%u\n", test_plan(name));
	for (i = 0; i < ARRAY_SIZE(suites); i++)
		if (!strcmp(name, suites[i]->name))
			number = test_run_part(test, suites[i], number);
}

static ssize_t run_write(struct file *file, const char __user *buf,
			 size_t len, loff_t *ppos)
{
	char text[16], *name;

	if (len >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buf, len))
		return -EFAULT;
	text[len] = '\0';
	name = strim(text);
	if (!test_plan(name))
		return -EINVAL;

	mutex_lock(&test_lock);
	reinit_completion(&test_release);
	test_run_suite(&test_state, name);
	mutex_unlock(&test_lock);
	return len;
}

static const struct file_operations run_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.write	= run_write,
	.llseek	= noop_llseek,
};

static ssize_t release_write(struct file *file, const char __user *buf,
			     size_t len, loff_t *ppos)
{
	complete(&test_release);
	return len;
}

static const struct file_operations release_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.write	= release_write,
	.llseek	= noop_llseek,
};

static int results_show(struct seq_file *m, void *unused)
{
	mutex_lock(&test_lock);
	seq_write(m, test_report, seq_buf_used(&test_state.report));
	mutex_unlock(&test_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(results);

static int __init scopex_test_init(void)
{
	test_report = kzalloc(REPORT_SIZE, GFP_KERNEL);
	if (!test_report)
		return -ENOMEM;
	seq_buf_init(&test_state.report, test_report, REPORT_SIZE);

	test_dir = debugfs_create_dir("scopex_test", NULL);
	debugfs_create_file("run", 0200, test_dir, NULL, &run_fops);
	debugfs_create_file("release", 0200, test_dir, NULL, &release_fops);
	debugfs_create_file("results", 0400, test_dir, NULL, &results_fops);
	return 0;
}

static void __exit scopex_test_exit(void)
{
	debugfs_remove(test_dir);
	kfree(test_report);
}

module_init(scopex_test_init);
module_exit(scopex_test_exit);

MODULE_DESCRIPTION("Tests of scopex");
MODULE_AUTHOR("The scopex authors");
MODULE_LICENSE("GPL");
