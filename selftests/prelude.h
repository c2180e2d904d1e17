/* SPDX-License-Identifier: GPL-2.0 */
/* What the fragments of C in README.md files use without declaring it: see readme-code.awk. */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/scopex.h>

MODULE_DESCRIPTION("A fragment of a README.md");
MODULE_LICENSE("GPL");

struct part {
	struct scopex_work	work;
	unsigned long		first, last;
	u64			sum;
};

static struct part parts[8];
static struct scopex_scope *s;
static struct scopex_work *work;
static u64 sum;
static int cpu, err;

int fn(struct scopex_work *work);
