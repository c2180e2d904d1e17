// SPDX-License-Identifier: GPL-2.0
/*
 * latency.ko: how long does scopex keep interrupts or preemption off?
 *
 * Loading it does the case "run" with "n" objects and logs the longest sections; without
 * a case, sections are measured until it is unloaded.
 */

#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/string.h>

#include "latency.h"

static char *run = "";
module_param(run, charp, 0444);
MODULE_PARM_DESC(run, "the case, see cases.c (default: none)");

static unsigned int n = 100;
module_param(n, uint, 0444);
MODULE_PARM_DESC(n, "of how many objects (default: 100)");

/* The kernel tells a module nothing about another one. */
static unsigned long text[2];
module_param_array(text, ulong, NULL, 0444);
MODULE_PARM_DESC(text, "the addresses of scopex's first and last function");

static int __init latency_init(void)
{
	const struct latency_case *c = latency_cases;
	int err;

	while (*run && c->name && strcmp(c->name, run))
		c++;
	if (!c->name)
		return -ENOENT;
	err = sections_start(text[0], text[1]);
	if (err || !*run)
		return err;
	err = c->run(n);
	sections_stop();
	if (err)
		pr_err("latency: %s of %u has failed: %d\n", run, n, err);
	else
		sections_print(run, n);
	return err;
}

static void __exit latency_exit(void)
{
	if (*run)
		return;
	sections_stop();
	sections_print("all", 0);
}

module_init(latency_init);
module_exit(latency_exit);
MODULE_DESCRIPTION("Measures for how long interrupts and preemption are off");
MODULE_LICENSE("GPL");
