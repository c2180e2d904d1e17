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
 * @count: the number of numbers in it, at least 1
 * @scope: the loop's scope, for scopex_cancelled()
 * @arg: the caller's argument
 * @result: the result of this thread so far, in scopex_reduce(); else NULL
 * @since: private to scopex: the time of its start, if that is measured
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
 * typedef scopex_range_fn_t - the function that does a part of a parallel loop
 * @range: the part
 *
 * Runs in process context, on the caller's thread or a worker's, and may do all that an item
 * may.
 *
 * Return: 0 or any negative errno. An error ends the loop, unless the loop is to run all
 * parts.
 */
typedef int (*scopex_range_fn_t)(const struct scopex_range *range);

/**
 * enum scopex_result - results of parallel loops
 * @SCOPEX_RESULT_MAX: the largest size of scopex_range.result, in bytes
 */
enum scopex_result {
	SCOPEX_RESULT_MAX	= 64,
};

/**
 * struct scopex_reduction - how the results of a loop's threads become one
 * @size: the size of a result, in bytes; SCOPEX_RESULT_MAX at most
 * @init: sets @result to a value that does not change a total; NULL if that is all zeroes
 * @join: adds @result to @total. The results come in any order. May be called under a
 *	spinlock: must not sleep.
 */
struct scopex_reduction {
	size_t	size;
	void	(*init)(void *result, void *arg);
	void	(*join)(void *total, const void *result, void *arg);
};

/**
 * struct scopex_for_params - the other parameters of a parallel loop
 * @arg: for the function
 * @grain: the number of numbers in each part but the last one, for a function that needs that;
 *	0: scopex chooses, by the time that parts take. A loop can be shared only between two
 *	parts, and looks at the clock between any two: so a part should then take a microsecond
 *	or more, and there should be several parts for each CPU.
 * @flags: SCOPEX_KILLABLE
 * @run_all: go on after an error
 * @timeout_us: as in &struct scopex_options
 * @deadline: as in &struct scopex_options
 * @reduction: how results are joined, or NULL
 * @total: the address of the total
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
 * scopex_for() - run a loop over numbers, on this CPU and those that are idle
 * @start: the first number
 * @nr: the number of numbers; after ULONG_MAX comes 0
 * @fn: a &typedef scopex_range_fn_t, called for parts of them
 * @...: fields of &struct scopex_for_params, as ".arg = buffer, .grain = 16"
 *
 * The caller begins alone. It shares the loop with idle CPUs when it has lasted for some
 * microseconds, and what is left, at the rate of the last part, is longer than it takes to
 * get help. So a short loop costs hardly more than a plain one, and its parts are all done by
 * the caller. It can't know how long the first part takes. If a part was long in the last
 * loop of the same place in the code, the loop is shared at once. On a machine without an
 * idle CPU, the caller does all of the work. Isolated CPUs do not help, see scopex_submit().
 * A thread gets a part when it comes for it, so parts may take different times. How many
 * parts there are, and which numbers are in which, is different each time. The loop allocates
 * no memory.
 *
 * A scope that the function opens is the loop's child on a worker, and on the thread of a caller
 * that is an item. It is not on the thread of a caller outside of items.
 *
 * The caller's memalloc_nofs_save() and memalloc_noio_save() hold for its helpers, too.
 *
 * Context: process context; sleeps, uninterruptibly. The caller must not hold a lock that the
 * function needs: its helpers could not take it.
 *
 * Return: 0 if the function was called for all numbers, and returned 0 each time; else the
 * first error. -ECANCELED if the loop was cancelled before its end; -ETIME or -EINTR if its
 * deadline or a fatal signal cancelled it; the error of a refused scope, see scopex_scope().
 */
#define scopex_for(start, nr, fn, ...)					\
	__scopex_for(start, nr, fn,					\
		     &(const struct scopex_for_params){ __VA_ARGS__ },	\
		     __SCOPEX_SITE(#fn))

/**
 * scopex_reduce() - run a loop as scopex_for() does, and get a result
 * @start: the first number
 * @nr: the number of numbers
 * @fn: a &typedef scopex_range_fn_t, which adds to the result of its range
 * @how: a &struct scopex_reduction
 * @to: the address of the total, which the caller has initialised
 * @...: further fields of &struct scopex_for_params
 *
 * Each thread has a result of its own, and adds it to the total at its end.
 *
 * Context: as for scopex_for().
 *
 * Return: as for scopex_for(). After an error, the total has the results of the parts that
 * were done.
 */
#define scopex_reduce(start, nr, fn, how, to, ...)			\
	scopex_for(start, nr, fn, .reduction = (how), .total = (to), ##__VA_ARGS__)

/**
 * typedef scopex_cpu_fn_t - the function that scopex_each_cpu() calls
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
 * @fn: a &typedef scopex_cpu_fn_t, which may do all that an item may
 * @arg: its argument
 *
 * Up to twelve CPUs call it at the same time; more CPUs take their turn. The call allocates no
 * memory. While a CPU goes offline, the function may run on another one; a caller that must
 * not have that holds off hotplug.
 *
 * Context: process context; sleeps, uninterruptibly. The caller must not hold a lock that the
 * function needs.
 *
 * Return: the first error of the function; -ENODEV if a CPU is offline or has no worker, and
 * -EINVAL if there can be no such CPU (the function was called for the other CPUs then);
 * -EDEADLK, without a call of the function, in an item if all workers of its CPU wait; else 0.
 */
#define scopex_each_cpu(mask, fn, arg)					\
	__scopex_each_cpu(mask, fn, arg, __SCOPEX_SITE(#fn))

#endif /* _LINUX_SCOPEX_LOOP_H */
