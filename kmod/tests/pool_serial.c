// SPDX-License-Identifier: GPL-2.0
/*
 * Suites for selftests/pool.sh: what a serial scope may do, which has no worker
 *
 * As in nest.c, a case that fails hangs, and the kernel's hung-task detector reports it.
 */

#include <linux/cpumask.h>
#include <linux/sched.h>
#include <linux/scopex_loop.h>

#include "pool.h"
#include "test.h"

/**
 * struct bound - an item of an item, and so on, until a scope is serial
 * @work: the item
 * @test: the test
 * @cpu: where all of them are
 * @other: another CPU
 * @depth: how many more there may be before that
 * @check: is called then
 * @checked: it was
 */
struct bound {
	struct scopex_work	work;
	struct scopex_test	*test;
	unsigned int		cpu;
	unsigned int		other;
	unsigned int		depth;
	void			(*check)(struct bound *bound, struct scopex_scope *s);
	bool			*checked;
};

#define BOUND_DEPTH	8	/* more than the workers that pool.sh loads scopex with */

static int bound_fn(struct scopex_work *work)
{
	struct bound *bound = container_of(work, struct bound, work);
	struct bound inner = *bound;
	int err = 0;

	scopex_work_init(&inner.work, bound_fn);
	scopex_scope(at_the_bound) {
		if (is_serial(at_the_bound)) {
			bound->check(bound, at_the_bound);
			*bound->checked = true;
		} else if (inner.depth--) {
			err = scopex_submit_on(at_the_bound, bound->cpu, &inner.work);
			err = err ?: scopex_join(at_the_bound);
		}
	}
	return err;
}

static void at_the_bound(struct scopex_test *test,
			 void (*check)(struct bound *bound, struct scopex_scope *s))
{
	bool checked = false;
	struct bound bound = {
		.work = SCOPEX_WORK_INIT(bound_fn), .test = test, .cpu = test_this_cpu(),
		.depth = BOUND_DEPTH, .check = check, .checked = &checked,
	};

	bound.other = test_other_cpu(bound.cpu);
	if (bound.other >= nr_cpu_ids) {
		scopex_test_skip(test, "needs two CPUs");
		return;
	}
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, bound.cpu, &bound.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT(test, checked);
}

static void expect_untouched(struct scopex_test *test, struct test_item *items,
			     unsigned int nr, int result)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		EXPECT(test, !scopex_work_busy(&items[i].work));
		EXPECT_EQ(test, scopex_work_result(&items[i].work), result);
	}
}

static void expect_refused(struct bound *bound, struct scopex_scope *s,
			   struct test_item *items, unsigned int nr, int result)
{
	struct scopex_test *test = bound->test;

	EXPECT_EQ(test, scopex_submit_on(s, bound->other, &items[0].work), -EUSERS);
	expect_untouched(test, items, nr, result);
	EXPECT_EQ(test, scopex_submit_strided(s, bound->other, &items[0].work, nr,
					      sizeof(*items)), -EUSERS);
	expect_untouched(test, items, nr, result);
}

static void another_cpu(struct bound *bound, struct scopex_scope *s)
{
	struct scopex_test *test = bound->test;
	struct test_item items[3];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(items); i++)
		test_item_init(&items[i]);
	expect_refused(bound, s, items, ARRAY_SIZE(items), -ENODATA);

	/* To the owner's own CPU, to this one, which is the same, and to any. */
	for (i = 0; i < ARRAY_SIZE(items); i++)
		items[i].ret = -EBADMSG;
	EXPECT_EQ(test, scopex_submit_on(s, bound->cpu, &items[0].work), 0);
	EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &items[1].work), 0);
	EXPECT_EQ(test, scopex_submit(s, &items[2].work), 0);
	EXPECT_EQ(test, scopex_join(s), -EBADMSG);
	expect_refused(bound, s, items, ARRAY_SIZE(items), -EBADMSG);

	for (i = 0; i < ARRAY_SIZE(items); i++)
		items[i].ret = 0;
	EXPECT_EQ(test, scopex_submit_strided(s, bound->cpu, &items[0].work,
					      ARRAY_SIZE(items), sizeof(items[0])), 0);
	EXPECT_EQ(test, scopex_join(s), 0);
	EXPECT_EQ(test, scopex_submit_strided(s, SCOPEX_CPU_ANY, &items[0].work,
					      ARRAY_SIZE(items), sizeof(items[0])), 0);
	EXPECT_EQ(test, scopex_join(s), 0);
	for (i = 0; i < ARRAY_SIZE(items); i++) {
		EXPECT_EQ(test, atomic_read(&items[i].runs), 3);
		EXPECT_EQ(test, items[i].cpu, bound->cpu);
	}
}

static void another_cpu_is_refused(struct scopex_test *test)
{
	at_the_bound(test, another_cpu);
}

static int not_called_fn(unsigned int cpu, void *arg)
{
	return -EIO;
}

static void rather_fails(struct bound *bound, struct scopex_scope *s)
{
	struct scopex_test *test = bound->test;
	struct test_item item;

	test_item_init(&item);
	scopex_scope(never_serial, .flags = SCOPEX_NOT_SERIAL) {
		EXPECT_EQ(test, scopex_error(never_serial), -EDEADLK);
		EXPECT_EQ(test, scopex_submit_on(never_serial, SCOPEX_CPU_LOCAL, &item.work),
			  -EDEADLK);
		EXPECT_EQ(test, scopex_join(never_serial), -EDEADLK);
	}
	expect_untouched(test, &item, 1, -ENODATA);
	EXPECT_EQ(test, scopex_each_cpu(cpumask_of(bound->cpu), not_called_fn, NULL),
		  -EDEADLK);
}

static void rather_fails_than_be_serial(struct scopex_test *test)
{
	at_the_bound(test, rather_fails);
}

/**
 * struct joins - an item, or a part of a loop in it, joins a scope that it is in
 * @work: the item
 * @scope: the scope
 * @how: does it
 * @err: what it is told
 */
struct joins {
	struct scopex_work	work;
	struct scopex_scope	*scope;
	void			(*how)(struct joins *joins);
	int			err;
};

static int joins_fn(struct scopex_work *work)
{
	struct joins *joins = container_of(work, struct joins, work);

	joins->how(joins);
	return 0;
}

static void joins_directly(struct joins *joins)
{
	joins->err = scopex_join(joins->scope);
}

static void joins_from_below(struct joins *joins)
{
	struct joins inner = {
		.work = SCOPEX_WORK_INIT(joins_fn), .scope = joins->scope,
		.how = joins_directly,
	};

	scopex_scope(below) {
		joins->err = scopex_submit_on(below, SCOPEX_CPU_LOCAL, &inner.work);
		joins->err = joins->err ?: scopex_join(below);
	}
	joins->err = joins->err ?: inner.err;
}

static int joins_in_chunk(const struct scopex_range *range)
{
	joins_directly(range->arg);
	return 0;
}

static void joins_from_a_loop(struct joins *joins)
{
	scopex_for(0, 1, joins_in_chunk, .arg = joins);
}

static int joins_loop_in_chunk(const struct scopex_range *range)
{
	struct joins *joins = range->arg;

	joins->scope = range->scope;
	joins_directly(joins);
	return 0;
}

static void joins_its_loop(struct joins *joins)
{
	scopex_for(0, 1, joins_loop_in_chunk, .arg = joins);
}

static void join_is_refused(struct bound *bound, struct scopex_scope *s,
			    void (*how)(struct joins *joins))
{
	struct joins joins = {
		.work = SCOPEX_WORK_INIT(joins_fn), .scope = s, .how = how,
	};

	EXPECT_EQ(bound->test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &joins.work), 0);
	EXPECT_EQ(bound->test, scopex_join(s), 0);
	EXPECT_EQ(bound->test, joins.err, -EDEADLK);
}

static void joins_itself(struct bound *bound, struct scopex_scope *s)
{
	EXPECT_WARNING("in an item of that scope, which would wait for itself",
		       join_is_refused(bound, s, joins_directly));
	EXPECT_WARNING("in an item of that scope, which would wait for itself",
		       join_is_refused(bound, s, joins_from_below));
	EXPECT_WARNING("in an item of that scope, which would wait for itself",
		       join_is_refused(bound, s, joins_from_a_loop));
	EXPECT_WARNING("in an item of that scope, which would wait for itself",
		       join_is_refused(bound, s, joins_its_loop));
}

static void join_of_itself_is_refused(struct scopex_test *test)
{
	at_the_bound(test, joins_itself);
}

static const struct scopex_case serial_cases[] = {
	SCOPEX_CASE(another_cpu_is_refused),
	SCOPEX_CASE(rather_fails_than_be_serial),
	SCOPEX_CASE(join_of_itself_is_refused),
};

SCOPEX_SUITE(serial, serial_cases);

/* Another task submits to a serial scope when the owner has run all of its items. */
struct latecomer {
	struct scopex_scope	*scope;
	struct test_item	item;
};

static int latecomer_thread(void *data)
{
	struct latecomer *late = data;
	int err;

	until_hit(SCOPEX_INJECT_SERIAL_RUN, 1);
	err = scopex_submit(late->scope, &late->item.work);
	scopex_inject_release(SCOPEX_INJECT_SERIAL_RUN);
	test_thread_until_stopped();
	return err;
}

static void comes_late(struct bound *bound, struct scopex_scope *s)
{
	struct scopex_test *test = bound->test;
	struct latecomer late = { .scope = s };
	struct task_struct *thread;
	struct test_item first;

	test_item_init(&first);
	test_item_init(&late.item);
	EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &first.work), 0);
	scopex_inject_set(SCOPEX_INJECT_SERIAL_RUN, SCOPEX_INJECT_HOLD_ONE);
	thread = test_thread(test, latecomer_thread, &late, nr_cpu_ids);
	EXPECT_EQ(test, scopex_join(s), 0);
	EXPECT_EQ(test, test_thread_stop(thread), 0);
	test_inject_end(test, SCOPEX_INJECT_SERIAL_RUN);
	EXPECT_EQ(test, atomic_read(&first.runs), 1);
	EXPECT_EQ(test, atomic_read(&late.item.runs), 1);
}

static void item_that_comes_late_is_run(struct scopex_test *test)
{
	if (TEST_INJECT)
		at_the_bound(test, comes_late);
	else
		scopex_test_skip(test, "needs injected delays");
}

static const struct scopex_case late_cases[] = {
	SCOPEX_CASE(item_that_comes_late_is_run),
};

SCOPEX_SUITE(late, late_cases);
