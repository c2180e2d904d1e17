/* SPDX-License-Identifier: GPL-2.0 */
/* What the fragments of C in README.md files use without declaring it: see readme-code.awk. */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/scopex.h>
#include <linux/scopex_file.h>
#include <linux/scopex_sync.h>
#include <linux/scopex_timer.h>

MODULE_DESCRIPTION("A fragment of a README.md");
MODULE_LICENSE("GPL");

struct part {
	struct scopex_work	work;
	unsigned long		first, last;
	u64			sum;
};

struct greeter {
	struct scopex_task	task;
	struct scopex_timer	timer;
	int			nr;
};

static struct part parts[8];
static struct scopex_task *task;
static struct scopex_scope *s;
static struct scopex_work *work;
static u64 sum;
static int cpu, err;

int fn(struct scopex_work *work);
int task_fn(struct scopex_task *task);
