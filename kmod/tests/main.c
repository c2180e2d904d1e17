// SPDX-License-Identifier: GPL-2.0
/*
 * scopex_test.ko: runs test suites and reports KTAP
 *
 * Write the name of a suite to /sys/kernel/debug/scopex_test/run, which returns
 * when it has ended, then read "results". The suite "hold" ends when something
 * is written to "release".
 */

#include <linux/debugfs.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/seq_buf.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "test.h"

static const struct scopex_suite * const suites[] = {
	&api_suite, &misuse_suite, &irq_suite, &race_suite, &hotplug_suite,
	&nowhere_suite, &nest_suite, &bound_suite, &prompt_suite, &fresh_suite, &cancel_suite,
	&walk_suite, &serial_walk_suite, &loop_suite, &tracers_suite, &serial_tracers_suite,
	&options_suite, &turn_suite, &detach_suite, &release_suite, &lingers_suite,
	&coming_suite, &forget_suite,
	&undead_suite, &oops_suite, &deadlock_suite, &waits_suite,
	&stress_suite, &load_suite, &hold_suite,
	&tree_suite, &sites_suite, &odd_suite, &odd_hold_suite, &slow_suite, &convoy_suite,
	&memory_suite, &allocates_suite, &spin_suite,
	&anywhere_suite, &named_suite,
	&crowd_suite, &sleepers_suite, &awake_suite, &senders_suite, &full_suite,
	&serial_suite, &reclaim_suite, &unmade_suite, &orphan_suite, &beside_suite,
	&late_suite, &mortal_suite, &mourned_suite, &tight_suite,
	&again_suite, &again_serial_suite, &leave_suite, &placed_suite,
	&partial_suite, &endless_suite, &chain_suite, &finite_suite, &newcomer_suite,
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

/**
 * test_item_fn() - the function of a test item
 * @work: its work item
 *
 * Return: what the test wants.
 */
int test_item_fn(struct scopex_work *work)
{
	struct test_item *item = container_of(work, struct test_item, work);

	item->cpu = raw_smp_processor_id();
	if (item->turn)
		item->order = atomic_inc_return(item->turn);
	if (item->gate) {
		complete(&item->gate->reached);
		/* Awake, as an item that sleeps does not hold up its CPU's queue for long. */
		while (!try_wait_for_completion(&item->gate->go))
			cond_resched_tasks_rcu_qs();
	}
	atomic_inc(&item->runs);
	return item->ret;
}

/**
 * test_items() - initialised test items
 * @nr: how many
 *
 * Return: the items, to be freed with kvfree(), or NULL.
 */
struct test_item *test_items(unsigned int nr)
{
	struct test_item *items = kvcalloc(nr, sizeof(*items), GFP_KERNEL);
	unsigned int i;

	for (i = 0; items && i < nr; i++)
		test_item_init(&items[i]);
	return items;
}

/**
 * test_hold_cpus() - hold all CPUs, so that what is submitted does not start
 * @scope: the items' scope
 * @items: as many as CPUs can be, initialised
 * @gate: where they stand when this returns; complete_all(&gate->go) ends it
 *
 * Return: how many CPUs are held.
 */
unsigned int test_hold_cpus(struct scopex_scope *scope, struct test_item *items,
			    struct test_gate *gate)
{
	unsigned int cpu, nr = 0;

	test_gate_init(gate);
	for_each_online_cpu(cpu) {
		items[nr].gate = gate;
		/* One that is not served can't be held, and need not be. */
		if (scopex_submit_on(scope, cpu, &items[nr].work))
			continue;
		wait_for_completion(&gate->reached);
		nr++;
	}
	return nr;
}

static int test_probe_body(struct scopex_scope *scope, void *arg)
{
	struct test_item item;
	int err;

	test_item_init(&item);
	err = scopex_submit_on(scope, *(unsigned int *)arg, &item.work);
	/* The item is in this frame. */
	scopex_join(scope);
	return err;
}

/**
 * test_served() - does a CPU take items?
 * @cpu: the CPU
 *
 * Return: whether scopex_submit_on() accepts an item for it.
 */
bool test_served(unsigned int cpu)
{
	return !scopex_run(test_probe_body, &cpu);
}

/**
 * test_this_cpu() - a CPU to submit to by its number
 *
 * Return: this CPU, or another one if this one takes no items.
 */
unsigned int test_this_cpu(void)
{
	unsigned int cpu = raw_smp_processor_id();

	return test_served(cpu) ? cpu : test_other_cpu(cpu);
}

/**
 * test_other_cpu() - a CPU other than this one
 * @cpu: this one
 *
 * Return: the number of an online CPU that takes items, or nr_cpu_ids.
 */
unsigned int test_other_cpu(unsigned int cpu)
{
	unsigned int other;

	for_each_online_cpu(other)
		if (other != cpu && test_served(other))
			return other;
	return nr_cpu_ids;
}

/* What a thread of a test needs to start. */
struct test_start {
	int			(*fn)(void *data);
	void			*data;
	struct completion	started;
};

static int test_thread_fn(void *data)
{
	struct test_start *start = data;
	int (*fn)(void *data) = start->fn;

	data = start->data;
	complete(&start->started);
	return fn(data);
}

/**
 * test_thread() - start a thread bound to a CPU
 * @test: the test
 * @fn: its function, which has to wait for kthread_should_stop()
 * @data: its argument
 * @cpu: the CPU; nr_cpu_ids for any
 *
 * It runs when this returns, so that stopping it can't skip its function.
 *
 * Return: the thread, to be ended with test_thread_stop(), or NULL.
 */
struct task_struct *test_thread(struct scopex_test *test,
				int (*fn)(void *data), void *data,
				unsigned int cpu)
{
	struct test_start start = { .fn = fn, .data = data };
	struct task_struct *thread;

	init_completion(&start.started);
	thread = kthread_create(test_thread_fn, &start, "scopex_test");
	if (IS_ERR(thread)) {
		scopex_test_fail(test, "no thread: %pe", thread);
		return NULL;
	}
	if (cpu < nr_cpu_ids)
		kthread_bind(thread, cpu);
	get_task_struct(thread);
	wake_up_process(thread);
	wait_for_completion(&start.started);
	return thread;
}

/**
 * test_thread_stop() - end a thread
 * @thread: what test_thread() returned
 *
 * Return: what its function returned.
 */
int test_thread_stop(struct task_struct *thread)
{
	int ret;

	if (!thread)
		return 0;
	ret = kthread_stop(thread);
	put_task_struct(thread);
	return ret;
}

/**
 * test_thread_until_stopped() - the end of a thread's function
 *
 * Waits for test_thread_stop(), which comes even if the thread has nothing more
 * to do.
 */
void test_thread_until_stopped(void)
{
	for (;;) {
		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

static void test_run_suite(struct scopex_test *test,
			   const struct scopex_suite *suite)
{
	unsigned int i;

	seq_buf_init(&test->report, test_report, REPORT_SIZE);
	seq_buf_printf(&test->report, "KTAP version 1\n1..%u\n", suite->nr);

	for (i = 0; i < suite->nr; i++) {
		const struct scopex_case *c = &suite->cases[i];

		test->failures = 0;
		test->skipped = NULL;
		pr_info("scopex_test: run %s.%s\n", suite->name, c->name);
		c->run(test);
		seq_buf_printf(&test->report, "%sok %u %s%s%s\n",
			       test->failures ? "not " : "", i + 1, c->name,
			       test->skipped ? " # SKIP " : "",
			       test->skipped ?: "");
	}
}

static ssize_t run_write(struct file *file, const char __user *buf,
			 size_t len, loff_t *ppos)
{
	char name[16];
	unsigned int i;

	if (len >= sizeof(name))
		return -EINVAL;
	if (copy_from_user(name, buf, len))
		return -EFAULT;
	name[len] = '\0';

	for (i = 0; i < ARRAY_SIZE(suites); i++) {
		if (!sysfs_streq(name, suites[i]->name))
			continue;
		mutex_lock(&test_lock);
		reinit_completion(&test_release);
		test_run_suite(&test_state, suites[i]);
		mutex_unlock(&test_lock);
		return len;
	}
	return -EINVAL;
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
