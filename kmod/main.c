// SPDX-License-Identifier: GPL-2.0
/* scopex.ko: parameters, the table of options, the order of init and exit */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/sched/prio.h>
#include <linux/slab.h>

#include "cancel.h"
#include "config.h"
#include "debugfs.h"
#include "detached.h"
#include "direct.h"
#include "exit.h"
#include "gain.h"
#include "grace.h"
#include "hotplug.h"
#include "option.h"
#include "options.h"
#include "registry.h"
#include "select.h"
#include "text.h"
#include "timer.h"
#include "watchdog.h"

static char *cpus;
module_param(cpus, charp, 0444);
MODULE_PARM_DESC(cpus, "CPUs to serve, as a list like 0-3,8 (default: all, where isolated ones get only what names them)");

static int nice;
module_param(nice, int, 0444);
MODULE_PARM_DESC(nice, "nice level of the workers, -20 to 19 (default: 0)");

static unsigned int standby = 2;
module_param(standby, uint, 0444);
MODULE_PARM_DESC(standby, "workers that each CPU has ready for items that block (default: 2)");

static unsigned int workers = 64;
module_param(workers, uint, 0444);
MODULE_PARM_DESC(workers, "the most workers of a CPU, 1 to 4096 (default: 64)");

static unsigned int stall_ms = 10000;
module_param(stall_ms, uint, 0444);
MODULE_PARM_DESC(stall_ms, "report items that hold up a CPU for longer, in ms; 0: never (default: 10000)");

static unsigned int spin_us;
module_param(spin_us, uint, 0444);
MODULE_PARM_DESC(spin_us, "how long workers and owners spin before they sleep, in us, up to 100000 (default: 0)");

/*
 * The options, in the order in which the core calls them. The serial option is the first
 * one: the owner runs the items of a serial scope, even if the scope has limits. The
 * joinable option comes before the limits: the waiter for an item is woken before another
 * item starts.
 */
static const struct scopex_option *const scopex_all_options[] = {
	&scopex_serial_option,
	&scopex_joinable_option,
	&scopex_limit_option,
	&scopex_cpu_limit_option,
	&scopex_detached_option,
	&scopex_task_scope_option,
	NULL
};

/* A higher number of threads can only be a mistake. */
#define SCOPEX_WORKERS_MAX	4096

#define SCOPEX_SPIN_US_MAX	100000

static int __init scopex_parse_cpus(struct cpumask *mask)
{
	char given[256];
	int err;

	if (!cpus) {
		cpumask_copy(mask, cpu_possible_mask);
		return 0;
	}

	scopex_escape(given, sizeof(given), cpus);
	err = cpulist_parse(cpus, mask);
	if (err) {
		pr_err("cpus=%s: not a list of CPUs from 0 to %u\n",
		       given, nr_cpu_ids - 1);
		return err;
	}
	if (!cpumask_subset(mask, cpu_possible_mask)) {
		pr_err("cpus=%s: this machine can only have CPUs %*pbl\n",
		       given, cpumask_pr_args(cpu_possible_mask));
		return -EINVAL;
	}
	if (!cpumask_intersects(mask, cpu_online_mask)) {
		pr_err("cpus=%s: none of these CPUs is online\n", given);
		return -EINVAL;
	}
	return 0;
}

static int __init scopex_init(void)
{
	cpumask_var_t mask;
	int err;

	if (nice < MIN_NICE || nice > MAX_NICE) {
		pr_err("nice=%d: must be from %d to %d\n",
		       nice, MIN_NICE, MAX_NICE);
		return -EINVAL;
	}

	if (!workers || workers > SCOPEX_WORKERS_MAX) {
		pr_err("workers=%u: must be from 1 to %u\n",
		       workers, SCOPEX_WORKERS_MAX);
		return -EINVAL;
	}
	if (standby >= workers) {
		pr_err("standby=%u: must be less than workers=%u\n",
		       standby, workers);
		return -EINVAL;
	}
	if (spin_us > SCOPEX_SPIN_US_MAX) {
		pr_err("spin_us=%u: must be from 0 to %u\n", spin_us, SCOPEX_SPIN_US_MAX);
		return -EINVAL;
	}
	scopex_config = (struct scopex_config){
		.nice = nice, .standby = standby, .workers = workers,
		.stall_ms = stall_ms, .spin_us = spin_us, .spare_isolated = !cpus,
	};

	scopex_options_init(scopex_all_options);
	scopex_registry_init();
	scopex_cancel_init();
	scopex_timer_init();
	scopex_gain_init();
	scopex_grace_init();
	if (!zalloc_cpumask_var(&mask, GFP_KERNEL))
		return -ENOMEM;
	err = scopex_parse_cpus(mask);
	if (!err)
		err = scopex_start_cpus(mask);
	free_cpumask_var(mask);
	if (err)
		return err;
	err = scopex_detached_init_modules();
	if (err) {
		scopex_stop_cpus();
		return err;
	}

	err = scopex_exit_init();
	if (err)
		pr_info("tasks that exit with an open scope are not noticed: %pe\n",
			ERR_PTR(err));
	scopex_config.exits_seen = !err;
	scopex_watchdog_init();
	scopex_debugfs_init();
	pr_info("serving CPUs %*pbl\n", cpumask_pr_args(&scopex_open_cpus));
	if (!cpumask_equal(&scopex_ring_cpus, &scopex_open_cpus))
		pr_info("what names no CPU goes to CPUs %*pbl, as others are isolated\n",
			cpumask_pr_args(&scopex_ring_cpus));
	return 0;
}

/*
 * The kernel does not call this while a module that uses scopex is loaded. A scope lives on
 * the stack of a function of such a module, so no scope is open.
 */
static void __exit scopex_exit(void)
{
	scopex_debugfs_exit();
	scopex_watchdog_exit();
	if (scopex_config.exits_seen)
		scopex_exit_stop();
	scopex_detached_exit_modules();
	scopex_grace_exit();
	scopex_direct_exit();
	scopex_stop_cpus();
	scopex_cancel_exit();
	scopex_timer_exit();
}

module_init(scopex_init);
module_exit(scopex_exit);

MODULE_DESCRIPTION("Structured concurrency on per-CPU worker threads");
MODULE_AUTHOR("The scopex authors");
MODULE_LICENSE("GPL");
