/* SPDX-License-Identifier: GPL-2.0 */
/* Parallel loops of scopex: over numbers, and over CPUs */
#ifndef _LINUX_SCOPEX_LOOP_H
#define _LINUX_SCOPEX_LOOP_H

#include <linux/ktime.h>
#include <linux/scopex.h>
#include <linux/types.h>

struct cpumask;

/**
 * struct scopex_range - a part of a parallel loop
 * @first: its first number
 * @count: how many numbers it has, at least 1
 * @scope: the loop's scope, for scopex_cancelled()
 * @arg: the caller's argument
 * @result: where this thread gathers its result, in scopex_reduce(); else NULL
 * @since: scopex's: when it was begun, if that is measured
 */
struct scopex_range {
	unsigned long		first;
	unsigned long		count;
	struct scopex_scope	*scope;
	void			*arg;
	void			*result;
	u64			since;
};

/**
 * typedef scopex_range_fn_t - what does a part of a parallel loop
 * @range: the part
 *
 * Runs in process context, on the caller's thread or a worker's, and may do what an
 * item may.
 *
 * Return: 0 or any negative errno, which ends the loop unless it is to run all.
 */
typedef int (*scopex_range_fn_t)(const struct scopex_range *range);

/**
 * enum scopex_result - results of parallel loops
 * @SCOPEX_RESULT_MAX: the most that a thread can gather in scopex_range.result, in bytes
 */
enum scopex_result {
	SCOPEX_RESULT_MAX	= 64,
};

/**
 * struct scopex_reduction - how the results of a loop's threads become one
 * @size: of a result, in bytes; SCOPEX_RESULT_MAX at most
 * @init: makes @result what does not change a total; NULL if that is all zeroes
 * @join: adds @result to @total; the order of the results is not known. Called
 *	under a spinlock: must not sleep.
 */
struct scopex_reduction {
	size_t	size;
	void	(*init)(void *result, void *arg);
	void	(*join)(void *total, const void *result, void *arg);
};

/**
 * struct scopex_for_params - the rest of what a parallel loop can be told
 * @arg: for the function
 * @grain: how many numbers a chunk has; 0 for some chunks per CPU
 * @flags: SCOPEX_KILLABLE
 * @run_all: go on after an error
 * @timeout_us: as in &struct scopex_options
 * @deadline: as in &struct scopex_options
 * @reduction: how results are joined, or NULL
 * @total: where to
 */
struct scopex_for_params {
	void				*arg;
	unsigned long			grain;
	unsigned int			flags;
	bool				run_all;
	s64				timeout_us;
	ktime_t				deadline;
	const struct scopex_reduction	*reduction;
	void				*total;
};

int __scopex_for(unsigned long first, unsigned long count, scopex_range_fn_t fn,
		 const struct scopex_for_params *params,
		 struct scopex_site *site);

/**
 * scopex_for() - a loop over numbers, on this CPU and those that are idle
 * @start: the first number
 * @nr: how many numbers; after ULONG_MAX comes 0
 * @fn: a &typedef scopex_range_fn_t, called for parts of them
 * @...: fields of &struct scopex_for_params, as ".arg = buffer, .grain = 16"
 *
 * The caller does its share of the work: on a machine where no other CPU is idle,
 * all of it. Isolated CPUs do not help, see scopex_submit(). Parts are given out as
 * threads come for them, so that they may take different times. Nothing is allocated.
 *
 * A part should take a microsecond or more, and there should be several for each
 * CPU. Scopes that the function opens are the loop's children where it runs on a
 * worker, or in a caller that is an item; not where it runs on the caller's thread
 * outside of items.
 *
 * What the caller's memalloc_nofs_save() and memalloc_noio_save() forbid is forbidden to
 * its helpers, too.
 *
 * Context: process context; sleeps, uninterruptibly. The caller must not hold a lock
 * that the function needs, as its helpers could not take it.
 *
 * Return: 0 if the function was called for all numbers, and returned 0 each time;
 * else the first error. -ECANCELED if the loop was cancelled before its end, -ETIME or
 * -EINTR if that was because of its deadline or a fatal signal; what scopex_scope()
 * says where a scope is refused.
 */
#define scopex_for(start, nr, fn, ...)					\
	__scopex_for(start, nr, fn,					\
		     &(const struct scopex_for_params){ __VA_ARGS__ },	\
		     __SCOPEX_SITE(#fn))

/**
 * scopex_reduce() - scopex_for() with a result
 * @start: the first number
 * @nr: how many numbers
 * @fn: a &typedef scopex_range_fn_t, which adds to what is at its range's result
 * @how: a &struct scopex_reduction
 * @to: the address of the total, which has a value before
 * @...: further fields of &struct scopex_for_params
 *
 * Each thread gathers a result of its own, and adds it to the total at its end.
 *
 * Context: as for scopex_for().
 *
 * Return: as scopex_for(); after an error, the total has the results of those parts
 * that were done.
 */
#define scopex_reduce(start, nr, fn, how, to, ...)			\
	scopex_for(start, nr, fn, .reduction = (how), .total = (to), ##__VA_ARGS__)

/**
 * typedef scopex_cpu_fn_t - what scopex_each_cpu() calls
 * @cpu: the CPU that it is called for
 * @arg: the caller's argument
 *
 * Return: 0 or a negative errno.
 */
typedef int (*scopex_cpu_fn_t)(unsigned int cpu, void *arg);

int __scopex_each_cpu(const struct cpumask *mask, scopex_cpu_fn_t fn, void *arg,
		      struct scopex_site *site);

/**
 * scopex_each_cpu() - call a function once on each CPU of a mask
 * @mask: the CPUs
 * @fn: a &typedef scopex_cpu_fn_t, which may do what an item may
 * @arg: its argument
 *
 * Up to twelve CPUs call it at the same time; more take their turn. Nothing is
 * allocated. While a CPU goes offline, the function may run on another one; a caller
 * that can't have that holds off hotplug.
 *
 * Context: process context; sleeps, uninterruptibly. The caller must not hold a lock
 * that the function needs.
 *
 * Return: the first error of the function; -ENODEV if a CPU is offline or has no
 * worker, -EINVAL if there can be no such CPU (it was called for the others then);
 * -EDEADLK, without calling it, in an item where all workers of the CPU wait; else 0.
 */
#define scopex_each_cpu(mask, fn, arg)					\
	__scopex_each_cpu(mask, fn, arg, __SCOPEX_SITE(#fn))

#endif /* _LINUX_SCOPEX_LOOP_H */
