// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "nest": items that wait, for scopes of their own or (in nest_block.c) for something
 * else
 *
 * A case that fails here hangs, and the kernel's hung-task detector reports it. Suite
 * "bound" is for a module with few workers, so that not every item that waits can have one.
 */

#include <linux/delay.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <linux/scopex_loop.h>
#include <linux/slab.h>

#include "../state.h"
#include "test.h"

/**
 * struct nest - an item that opens a scope for another one like it
 * @work: the item
 * @test: the test
 * @cpu: where the inner one goes to; nr_cpu_ids for anywhere
 * @depth: how many levels are below this one
 * @leaf: how many items the innermost scope has
 * @runs: counts the items
 * @err: what the inner scope's join said
 */
struct nest {
	struct scopex_work	work;
	struct scopex_test	*test;
	unsigned int		cpu;
	unsigned int		depth;
	atomic_t		*runs;
	int			err;
};

static int nest_fn(struct scopex_work *work);

static void nest_init(struct nest *nest, const struct nest *outer)
{
	*nest = *outer;
	scopex_work_init(&nest->work, nest_fn);
}

static int nest_submit(struct scopex_scope *scope, struct nest *nest)
{
	if (nest->cpu < nr_cpu_ids)
		return scopex_submit_on(scope, nest->cpu, &nest->work);
	return scopex_submit(scope, &nest->work);
}

static int nest_fn(struct scopex_work *work)
{
	struct nest *nest = container_of(work, struct nest, work);
	struct nest inner;

	atomic_inc(nest->runs);
	if (!nest->depth)
		return 0;
	nest_init(&inner, nest);
	inner.depth--;
	scopex_scope(s) {
		nest->err = nest_submit(s, &inner);
		if (!nest->err)
			nest->err = scopex_join(s);
	}
	EXPECT(nest->test, !task_stack_end_corrupted(current));
	return nest->err;
}

void nest_to(struct scopex_test *test, unsigned int cpu, unsigned int depth)
{
	atomic_t runs = ATOMIC_INIT(0);
	struct nest outer = { .test = test, .cpu = cpu, .depth = depth,
			      .runs = &runs };
	struct nest nest;

	nest_init(&nest, &outer);
	scopex_scope(s) {
		EXPECT_EQ(test, nest_submit(s, &nest), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, atomic_read(&runs), depth + 1);
}

/* Hazard 5: the inner item is queued behind the one that waits for it. */
static void item_waits_for_its_own_cpu(struct scopex_test *test)
{
	nest_to(test, test_this_cpu(), 1);
}

static void nested_on_one_cpu(struct scopex_test *test)
{
	nest_to(test, test_this_cpu(), 12);
}

static void nested_on_all_cpus(struct scopex_test *test)
{
	nest_to(test, nr_cpu_ids, 24);
}

/*
 * Hazard 5: many items on each CPU, all at once, each waiting for items on the
 * next CPU, which are queued behind those that wait there.
 */
static void all_cpus_wait_in_a_ring(struct scopex_test *test)
{
	unsigned int cpu, to, i, nr = 0, each = 4;
	unsigned int total = each * num_possible_cpus();
	atomic_t runs = ATOMIC_INIT(0);
	struct nest outer = { .test = test, .depth = 3, .runs = &runs };
	struct nest *nests;

	nests = kcalloc(total, sizeof(*nests), GFP_KERNEL);
	if (!EXPECT(test, nests))
		return;
	scopex_scope(s) {
		for (i = 0; i < each; i++) {
			for_each_online_cpu(cpu) {
				to = test_other_cpu(cpu);
				outer.cpu = to < nr_cpu_ids ? to : test_this_cpu();
				nest_init(&nests[nr], &outer);
				if (EXPECT_EQ(test, nest_submit(s, &nests[nr]), 0))
					nr++;
				if (nr == total)
					break;
			}
		}
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, atomic_read(&runs), nr * 4);
	kfree(nests);
}

/* Several scopes on one item's stack, used and closed in any order. */
static int two_scopes_fn(struct scopex_work *work)
{
	struct test_item first, second;
	int err = 0;

	test_item_init(&first);
	test_item_init(&second);
	scopex_scope(a) {
		err = scopex_submit_on(a, SCOPEX_CPU_LOCAL, &first.work);
		scopex_scope(b) {
			err = err ?: scopex_submit_on(b, SCOPEX_CPU_LOCAL, &second.work);
			err = err ?: scopex_join(a);
			err = err ?: scopex_submit_on(a, SCOPEX_CPU_LOCAL, &first.work);
			err = err ?: scopex_join(b);
		}
		err = err ?: scopex_join(a);
	}
	if (!err && (atomic_read(&first.runs) != 2 ||
		     atomic_read(&second.runs) != 1))
		err = -EIO;
	return err;
}

static void two_scopes_in_an_item(struct scopex_test *test)
{
	struct scopex_work work;
	unsigned int i;

	scopex_work_init(&work, two_scopes_fn);
	scopex_scope(s) {
		for (i = 0; i < 50; i++) {
			EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &work), 0);
			EXPECT_EQ(test, scopex_join(s), 0);
		}
	}
}

/*
 * All that can be done with a scope, in one that an item opened: where there is no
 * other worker, it is serial.
 */
static int count_range(const struct scopex_range *range)
{
	*(unsigned long *)range->result += range->count;
	return 0;
}

static void count_join(void *total, const void *result, void *arg)
{
	*(unsigned long *)total += *(const unsigned long *)result;
}

static const struct scopex_reduction count = {
	.size = sizeof(unsigned long), .join = count_join,
};

static int all_kinds_fn(struct scopex_work *work)
{
	struct test_item items[4];
	unsigned long total = 0;
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(items); i++)
		test_item_init(&items[i]);
	items[0].ret = -EBADMSG;
	scopex_scope(s, .flags = SCOPEX_JOINABLE, .limit = 1) {
		err = scopex_submit_on(s, SCOPEX_CPU_LOCAL, &items[0].work);
		if (!err && scopex_join_item(&items[0].work) != -EBADMSG)
			err = -EIO;
		items[0].ret = 0;
		if (!err && scopex_join(s) != -EBADMSG)
			err = -EIO;
		err = err ?: scopex_submit_array(s, SCOPEX_CPU_ANY, items,
						 ARRAY_SIZE(items), work);
		err = err ?: scopex_join_item(&items[2].work);
		err = err ?: scopex_join(s);
	}
	err = err ?: scopex_reduce(0, 50, count_range, &count, &total, .grain = 1);
	for (i = 0; i < ARRAY_SIZE(items) && !err; i++)
		if (atomic_read(&items[i].runs) != 1 + !i)
			err = -EIO;
	return err ?: total == 50 ? 0 : -EIO;
}

static void all_kinds_of_scopes_in_an_item(struct scopex_test *test)
{
	struct scopex_work work;
	unsigned int i;

	scopex_work_init(&work, all_kinds_fn);
	scopex_scope(s) {
		for (i = 0; i < 20; i++) {
			EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &work), 0);
			EXPECT_EQ(test, scopex_join(s), 0);
		}
	}
}

/*
 * More often than there are workers, each of which is reserved for a wait that does not
 * come. If the reservations stay, the pool soon has no worker left, and later scopes are
 * serial.
 */
struct opens {
	struct scopex_work	work;
	unsigned int		serial;
};

#define OPENS		200
#define WORKERS_MAX	64	/* unless the module is told otherwise */

static int opens_fn(struct scopex_work *work)
{
	struct opens *opens = container_of(work, struct opens, work);
	unsigned int i;

	for (i = 0; i < OPENS; i++) {
		scopex_scope(s) {
			if (scopex_error(s))
				return scopex_error(s);
			if (atomic64_read(&s->state) & SCOPEX_SERIAL)
				opens->serial++;
		}
		/* The pool makes more workers at the same time, if it seems to need them. */
		usleep_range(100, 200);
	}
	return 0;
}

static void scopes_without_items(struct scopex_test *test)
{
	struct opens opens;
	unsigned int cpu;

	scopex_work_init(&opens.work, opens_fn);
	for_each_online_cpu(cpu) {
		if (!test_served(cpu))
			continue;
		opens.serial = 0;
		scopex_scope(s) {
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &opens.work), 0);
			EXPECT_EQ(test, scopex_join(s), 0);
		}
		/* A few scopes may be serial, if the pool makes workers late. */
		EXPECT(test, opens.serial < OPENS - WORKERS_MAX);
	}
}

/* More often than there are workers: they go on standby again. nest.sh counts. */
static void hand_over_again_and_again(struct scopex_test *test)
{
	unsigned int cpu, i;

	for_each_online_cpu(cpu)
		for (i = 0; i < 400 && test_served(cpu); i++)
			nest_to(test, cpu, 1);
}

/* A recursion that opens more scopes than there are workers. */
struct fib {
	struct scopex_work	work;
	unsigned int		n;
	unsigned long		result;
};

static int fib_fn(struct scopex_work *work)
{
	struct fib *fib = container_of(work, struct fib, work);
	struct fib left, right;
	int err;

	if (fib->n < 2) {
		fib->result = fib->n;
		return 0;
	}
	left.n = fib->n - 1;
	right.n = fib->n - 2;
	scopex_work_init(&left.work, fib_fn);
	scopex_work_init(&right.work, fib_fn);
	scopex_scope(s) {
		err = scopex_submit(s, &left.work);
		err = err ?: scopex_submit(s, &right.work);
		err = err ?: scopex_join(s);
	}
	fib->result = left.result + right.result;
	return err;
}

static void fork_join(struct scopex_test *test)
{
	struct fib fib = { .n = 14 };

	scopex_work_init(&fib.work, fib_fn);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &fib.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, fib.result, 377);
}

/* Hazard 7: the recursion ends with a clear error, not at the end of the stack. */
static void endless_nesting_is_refused(struct scopex_test *test)
{
	atomic_t runs = ATOMIC_INIT(0);
	struct nest outer = { .test = test, .cpu = test_this_cpu(),
			      .depth = 1000, .runs = &runs };
	struct nest nest;

	nest_init(&nest, &outer);
	scopex_scope(s) {
		EXPECT_EQ(test, nest_submit(s, &nest), 0);
		EXPECT_EQ(test, scopex_join(s), -EDEADLK);
	}
	EXPECT(test, atomic_read(&runs) > 4);
	EXPECT(test, atomic_read(&runs) < 1000);
}

/* The workers still work. */
static void workers_survive_the_bound(struct scopex_test *test)
{
	nest_to(test, test_this_cpu(), 6);
	fork_join(test);
}

/* Another item submits the one that is joined, again, when it has run. */
struct again {
	struct scopex_work	outer;
	struct scopex_work	work;
	struct scopex_work	submits;
	unsigned int		cpu;
	unsigned int		runs;
	int			err;
};

static int again_fn(struct scopex_work *work)
{
	container_of(work, struct again, work)->runs++;
	return 0;
}

static int submits_again_fn(struct scopex_work *work)
{
	struct again *again = container_of(work, struct again, submits);

	again->err = scopex_submit_on(scopex_work_scope(work), again->cpu,
				      &again->work);
	return 0;
}

static int joins_again_fn(struct scopex_work *work)
{
	struct again *again = container_of(work, struct again, outer);
	int err;

	scopex_scope(s, .flags = SCOPEX_JOINABLE) {
		err = scopex_submit_on(s, again->cpu, &again->work);
		err = err ?: scopex_submit_on(s, again->cpu, &again->submits);
		err = err ?: scopex_join_item(&again->work);
	}
	return err;
}

static void joined_item_is_submitted_again(struct scopex_test *test)
{
	struct again again = {
		.outer = SCOPEX_WORK_INIT(joins_again_fn),
		.work = SCOPEX_WORK_INIT(again_fn),
		.submits = SCOPEX_WORK_INIT(submits_again_fn),
		.cpu = test_this_cpu(),
	};

	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, again.cpu, &again.outer), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, again.err, 0);
	EXPECT_EQ(test, again.runs, 2);
}

static const struct scopex_case nest_cases[] = {
	SCOPEX_CASE(item_waits_for_its_own_cpu),
	SCOPEX_CASE(nested_on_one_cpu),
	SCOPEX_CASE(nested_on_all_cpus),
	SCOPEX_CASE(all_cpus_wait_in_a_ring),
	SCOPEX_CASE(scopes_without_items),
	SCOPEX_CASE(hand_over_again_and_again),
	SCOPEX_CASE(two_scopes_in_an_item),
	SCOPEX_CASE(all_kinds_of_scopes_in_an_item),
	SCOPEX_CASE(fork_join),
};

SCOPEX_SUITE(nest, nest_cases);

static const struct scopex_case bound_cases[] = {
	SCOPEX_CASE(item_waits_for_its_own_cpu),
	SCOPEX_CASE(nested_on_one_cpu),
	SCOPEX_CASE(all_cpus_wait_in_a_ring),
	SCOPEX_CASE(two_scopes_in_an_item),
	SCOPEX_CASE(all_kinds_of_scopes_in_an_item),
	SCOPEX_CASE(fork_join),
	SCOPEX_CASE(joined_item_is_submitted_again),
	SCOPEX_CASE(endless_nesting_is_refused),
	SCOPEX_CASE(workers_survive_the_bound),
};

SCOPEX_SUITE(bound, bound_cases);
