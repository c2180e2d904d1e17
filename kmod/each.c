// SPDX-License-Identifier: GPL-2.0
/* A function, once on each of some CPUs */

#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/kernel.h>

#include "internal.h"

/* How many CPUs at a time; as many as the stack has room for. */
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

	return each->fn(each->cpu, each->arg);
}

/**
 * scopex_each_cpu() - call a function once on each CPU of a mask
 * @mask: the CPUs
 * @fn: the function, which may do what an item may
 * @arg: its argument
 *
 * All CPUs at the same time as far as twelve go; more take their turn. Nothing is
 * allocated. While a CPU goes offline, the function may run on another one; who can't
 * have that holds off hotplug.
 *
 * Context: process context; sleeps, uninterruptibly. The caller must not hold a lock
 * that the function needs.
 *
 * Return: the first error of the function; -ENODEV if a CPU is offline or has no
 * worker, -EINVAL if there can be no such CPU (it was called for the others then);
 * -EDEADLK, without calling it, in an item where all workers of the CPU wait; else 0.
 */
int scopex_each_cpu(const struct cpumask *mask, scopex_cpu_fn_t fn, void *arg)
{
	struct scopex_each each[SCOPEX_EACH];
	unsigned int cpu, nr = 0;
	int err = 0, failed;

	scopex_scope_named(scope, "each_cpu") {
		/* What runs on the owner's stack does not run on those CPUs. */
		if (atomic64_read(&scope->state) & SCOPEX_SERIAL)
			return -EDEADLK;

		for_each_cpu(cpu, mask) {
			each[nr] = (struct scopex_each){
				.work = SCOPEX_WORK_INIT(scopex_each_fn),
				.cpu = cpu, .fn = fn, .arg = arg,
			};
			failed = scopex_submit_on(scope, cpu, &each[nr].work);
			if (!failed && ++nr == SCOPEX_EACH) {
				failed = scopex_join(scope);
				nr = 0;
			}
			err = err ?: failed;
		}
		failed = scopex_join(scope);
		err = err ?: failed;
	}
	return err;
}
EXPORT_SYMBOL_GPL(scopex_each_cpu);
