// SPDX-License-Identifier: GPL-2.0
/* Suite "stress": loops, and functions on each CPU */

#include <linux/cpumask.h>
#include <linux/scopex_loop.h>

#include "stress.h"
#include "test.h"

/**
 * struct stress_numbers - the numbers that a loop goes over
 * @parent: the frame that it is in; may be NULL
 * @depth: how many frames and loops it is in
 * @cookie: of the loop
 * @rnd: what the parts draw from, together with their first number
 * @first: the first number
 * @reduces: the parts have results
 * @wild: parts may fail and cancel
 * @failed: parts that have
 * @cancelled: parts that have cancelled it
 * @seen: which numbers were seen
 */
struct stress_numbers {
	struct stress_frame	*parent;
	unsigned int		depth;
	u32			cookie;
	u64			rnd;
	unsigned long		first;
	bool			reduces;
	bool			wild;
	atomic_t		failed;
	atomic_t		cancelled;
	DECLARE_BITMAP(seen, LOOP_MAX);
};

static int stress_part(const struct scopex_range *range)
{
	struct stress_numbers *numbers = range->arg;
	u32 cookie = READ_ONCE(numbers->cookie);
	u64 rnd = numbers->rnd ^ range->first;
	unsigned long i, n;
	int err = 0;

	EXPECT(stress_test, cookie);
	for (i = 0; i < range->count; i++) {
		n = range->first - numbers->first + i;
		if (!EXPECT(stress_test, n < LOOP_MAX))
			break;
		EXPECT(stress_test, !test_and_set_bit(n, numbers->seen));
		if (numbers->reduces)
			*(u64 *)range->result += n;
	}

	if (numbers->depth + 1 < MAX_DEPTH && one_in(&rnd, 12)) {
		stress_nested(numbers->parent, range->scope, numbers->depth + 1, &rnd);
		stress_scorch(&rnd);
	} else {
		stress_dawdle(&rnd);
	}
	if (numbers->wild && one_in(&rnd, 16)) {
		atomic_inc(&numbers->cancelled);
		scopex_cancel(range->scope, 0);
	}
	if (numbers->wild && one_in(&rnd, 16)) {
		atomic_inc(&numbers->failed);
		err = -EPIPE;
	}
	EXPECT(stress_test, READ_ONCE(numbers->cookie) == cookie);
	return err;
}

static void stress_sum_join(void *total, const void *result, void *arg)
{
	*(u64 *)total += *(const u64 *)result;
}

static const struct scopex_reduction stress_sum = {
	.size = sizeof(u64), .join = stress_sum_join,
};

void stress_loop(struct stress_frame *parent, unsigned int depth, u64 *rnd)
{
	struct stress_numbers numbers = {
		.parent = parent,
		.depth = depth,
		.cookie = draw(rnd) | 1,
		.rnd = draw(rnd),
		.first = below(rnd, UINT_MAX),
		.reduces = one_in(rnd, 2),
		.wild = one_in(rnd, 2),
	};
	unsigned long n, nr = below(rnd, LOOP_MAX);
	unsigned long grain = below(rnd, 1 + nr / 2);
	bool run_all = one_in(rnd, 2);
	u64 sum = 0, total = 0;
	s64 timeout_us = 0;
	int err;

	count(LOOPS, 1);
	if (numbers.wild && one_in(rnd, 4))
		timeout_us = 1 + below(rnd, 1000);
	if (numbers.reduces)
		err = scopex_reduce(numbers.first, nr, stress_part, &stress_sum, &total,
				    .arg = &numbers, .grain = grain,
				    .timeout_us = timeout_us, .run_all = run_all);
	else
		err = scopex_for(numbers.first, nr, stress_part, .arg = &numbers,
				 .grain = grain, .timeout_us = timeout_us,
				 .run_all = run_all);

	/* A part that fails cancels the others, unless all have to run. */
	if (!err) {
		EXPECT_EQ(stress_test, bitmap_weight(numbers.seen, LOOP_MAX), nr);
		EXPECT_EQ(stress_test, atomic_read(&numbers.failed), 0);
	}
	if (err == -EPIPE && run_all && !timeout_us && !atomic_read(&numbers.cancelled) &&
	    !(parent && (stress_above_cancelled(parent) ||
			 scopex_cancelled(parent->scope))))
		EXPECT_EQ(stress_test, bitmap_weight(numbers.seen, LOOP_MAX), nr);
	if (err && !atomic_read(&numbers.failed) && !atomic_read(&numbers.cancelled) &&
	    !timeout_us && err != -EDEADLK)
		EXPECT(stress_test, parent && (stress_above_cancelled(parent) ||
					       scopex_cancelled(parent->scope)));
	for_each_set_bit(n, numbers.seen, LOOP_MAX)
		sum += n;
	if (numbers.reduces)
		EXPECT_EQ(stress_test, total, sum);
	WRITE_ONCE(numbers.cookie, 0);
}

/* A function on some CPUs: where it has run, and what it returned. */
struct stress_cpus {
	cpumask_var_t	seen;
	atomic_t	calls;
	atomic_t	failed;
	u64		rnd;
};

static int stress_on_cpu(unsigned int cpu, void *arg)
{
	struct stress_cpus *cpus = arg;
	u64 rnd = cpus->rnd + cpu;

	EXPECT(stress_test, !cpumask_test_and_set_cpu(cpu, cpus->seen));
	atomic_inc(&cpus->calls);
	count(RUN, 1);
	stress_check_cpu(cpu);
	stress_dawdle(&rnd);
	if (!one_in(&rnd, 16))
		return 0;
	atomic_inc(&cpus->failed);
	count(ERRORS, 1);
	return -EMLINK;
}

/* No thread cancels here: so a CPU that was not called was refused. */
void stress_each(bool in_item, u64 *rnd)
{
	struct stress_cpus cpus = { .rnd = draw(rnd) };
	unsigned int cpu, nr = 0;
	cpumask_var_t mask;
	int err, calls;

	if (!zalloc_cpumask_var(&mask, GFP_KERNEL))
		return;
	if (!zalloc_cpumask_var(&cpus.seen, GFP_KERNEL))
		goto out;
	for_each_possible_cpu(cpu) {
		if (one_in(rnd, 2)) {
			cpumask_set_cpu(cpu, mask);
			nr++;
		}
	}
	err = scopex_each_cpu(mask, stress_on_cpu, &cpus);
	calls = atomic_read(&cpus.calls);
	EXPECT(stress_test, cpumask_subset(cpus.seen, mask));
	/* The scope was serial, and has not tried that CPU. */
	if (in_item && err == -EDEADLK) {
		EXPECT_EQ(stress_test, calls, 0);
		EXPECT(stress_test, !stress_roomy);
		count(DEADLOCKS, 1);
	} else {
		EXPECT_EQ(stress_test, !err,
			  calls == nr && !atomic_read(&cpus.failed));
		EXPECT(stress_test, !err || err == -ENODEV || err == -EMLINK);
		count(SUBMITTED, calls);
		count(REFUSED, nr - calls);
	}
	free_cpumask_var(cpus.seen);
out:
	free_cpumask_var(mask);
}
