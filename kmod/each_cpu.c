// SPDX-License-Identifier: GPL-2.0
/* scopex_each_cpu(): call a function once on each CPU of a mask */

#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/scopex_loop.h>

#include "cancel.h"
#include "item.h"
#include "scope.h"
#include "state.h"

/* The number of CPUs at a time: the stack has room for so many. */
#define SCOPEX_EACH	12

/**
 * struct scopex_each - the item for a CPU
 * @work: the item
 * @cpu: the CPU
 * @fn: the function
 * @arg: its argument
 */
struct scopex_each {
	struct scopex_work	work;
	unsigned int		cpu;
	scopex_cpu_fn_t		fn;
	void			*arg;
};

static int scopex_each_fn(struct scopex_work *work)
{
	struct scopex_each *each = container_of(work, struct scopex_each, work);
	int err = each->fn(each->cpu, each->arg);

	/* No caller asks this item for its result, so the function may return these errors. */
	if (unlikely(scopex_means_no_result(err))) {
		scopex_fail(scopex_work_scope(work), err);
		return 0;
	}
	return err;
}

/**
 * __scopex_each_cpu() - for scopex_each_cpu()
 * @mask: the CPUs
 * @fn: the function
 * @arg: its argument
 * @site: the place in the caller's code, so that lockdep tells callers apart
 *
 * Context: process context; sleeps, uninterruptibly.
 *
 * Return: as documented for scopex_each_cpu().
 */
int __scopex_each_cpu(const struct cpumask *mask, scopex_cpu_fn_t fn, void *arg,
		      struct scopex_site *site)
{
	struct scopex_each each[SCOPEX_EACH];
	struct scopex_scope scope __scopex_uninitialized __cleanup(__scopex_close);
	unsigned int cpu, nr = 0;
	int err = 0, failed;

	/* A serial scope is no use here: its items would run on the owner's CPU. */
	scopex_open_parallel(&scope, site);
	if (!scopex_is_open(&scope))
		return scope.error;

	for_each_cpu(cpu, mask) {
		each[nr] = (struct scopex_each){
			.work = SCOPEX_WORK_INIT(scopex_each_fn),
			.cpu = cpu, .fn = fn, .arg = arg,
		};
		failed = scopex_submit_on(&scope, cpu, &each[nr].work);
		if (!failed && ++nr == SCOPEX_EACH) {
			failed = scopex_join(&scope);
			nr = 0;
		}
		err = err ?: failed;
	}
	failed = scopex_join(&scope);
	return err ?: failed;
}
EXPORT_SYMBOL_GPL(__scopex_each_cpu);
