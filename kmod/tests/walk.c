// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "walk": cancellations, and looks at all scopes, that go through many of them
 *
 * For walk.sh, which allows so many workers, and looks at all scopes from another CPU during
 * the test. If a cancel misses a scope, its item waits for good, and the kernel's hung-task
 * detector reports it. The tests do not know how many steps a cancel takes in one go, only
 * that it must take fewer than there are scopes.
 */

#include <linux/delay.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "../state.h"
#include "forest.h"
#include "test.h"

/* Cancel with interrupts off; twice, as one round must leave nothing for the next. */
static void cancel_forest(struct scopex_test *test, struct forest forest)
{
	static DEFINE_RAW_SPINLOCK(lock);
	unsigned int round, steps;
	unsigned long flags;

	scopex_scope(s) {
		for (round = 0; round < 2; round++) {
			if (!EXPECT(test, forest_grow(test, s, &forest)))
				break;
			scopex_inject_set(SCOPEX_INJECT_CANCEL_STEP, 1);
			raw_spin_lock_irqsave(&lock, flags);
			scopex_cancel(s, 0);
			steps = scopex_inject_hits(SCOPEX_INJECT_CANCEL_STEP);
			raw_spin_unlock_irqrestore(&lock, flags);
			test_inject_end(test, SCOPEX_INJECT_CANCEL_STEP);
			EXPECT(test, steps < forest_size(&forest));
			EXPECT_EQ(test, scopex_join(s), 0);
			forest_is_gone(test, s, &forest);
		}
	}
}

/*
 * Two walks are left to the timer, so that one scope has a link to the other. A profile that
 * is on when the scope ends must not take the link for the time when it was opened.
 */
static void late_walk_leaves_no_time(struct scopex_test *test)
{
	struct forest forests[2] = { star(), star() };
	static DEFINE_RAW_SPINLOCK(lock);
	unsigned long flags;

	forests[0].roots = MANY / 4;
	forests[1].roots = MANY / 4;
	scopex_scope(first) {
		scopex_scope(second) {
			if (!EXPECT(test, forest_grow(test, first, &forests[0])) ||
			    !EXPECT(test, forest_grow(test, second, &forests[1])))
				break;
			raw_spin_lock_irqsave(&lock, flags);
			scopex_cancel(first, 0);
			scopex_cancel(second, 0);
			raw_spin_unlock_irqrestore(&lock, flags);
			EXPECT_EQ(test, scopex_join(first), 0);
			EXPECT_EQ(test, scopex_join(second), 0);
			EXPECT_EQ(test, first->opened, 0);
			EXPECT_EQ(test, second->opened, 0);
			forest_is_gone(test, first, &forests[0]);
			forest_is_gone(test, second, &forests[1]);
		}
	}
}

static void many_siblings_are_cancelled(struct scopex_test *test)
{
	cancel_forest(test, star());
}

static void many_levels_are_cancelled(struct scopex_test *test)
{
	cancel_forest(test, chain());
}

static void branches_are_cancelled(struct scopex_test *test)
{
	cancel_forest(test, bush());
}

/* The deadline's timer is an interrupt. If it fires before the forest is open, set it later. */
static bool deadline_fells(struct scopex_test *test, struct forest forest, unsigned int ms)
{
	bool grown = false;

	scopex_scope(s, .timeout_us = ms * USEC_PER_MSEC) {
		grown = forest_grow(test, s, &forest);
		while (!scopex_cancelled(s))
			usleep_range(500, 1000);
		EXPECT_EQ(test, scopex_join(s), -ETIME);
		if (grown)
			forest_is_gone(test, s, &forest);
		else
			kfree(forest.nodes);
	}
	return grown;
}

static void deadline_reaches(struct scopex_test *test, struct forest (*plant)(void))
{
	struct forest forest = plant();
	unsigned int ms = 300;

	forest.may_fall = true;
	while (!deadline_fells(test, forest, ms) && !scopex_test_failed(test))
		ms *= 2;
}

static void deadline_reaches_them_all(struct scopex_test *test)
{
	deadline_reaches(test, star);
	deadline_reaches(test, chain);
}

/**
 * struct canceller - a task that cancels in atomic context
 * @scope: the scope that it cancels
 * @forest: the scopes below that
 * @ready: how many wait for each other
 * @returned: the owner's join has returned
 * @early: it had returned before the walk was done
 * @pending: whether the cancel has left a part of the walk to the timer
 */
struct canceller {
	struct scopex_scope	*scope;
	struct forest		*forest;
	atomic_t		ready;
	bool			returned;
	bool			early;
	bool			pending;
};

static int meets_another(void *data)
{
	struct canceller *canceller = data;

	atomic_inc(&canceller->ready);
	while (atomic_read(&canceller->ready) < 2)
		cond_resched();
	local_bh_disable();
	scopex_cancel(canceller->scope, 0);
	local_bh_enable();
	test_thread_until_stopped();
	return 0;
}

static void two_cancel_at_once(struct scopex_test *test)
{
	struct forest forest = star();
	struct canceller canceller = { .forest = &forest };
	struct task_struct *threads[2];
	unsigned int round, i;

	scopex_scope(s) {
		canceller.scope = s;
		for (round = 0; round < 3; round++) {
			atomic_set(&canceller.ready, 0);
			if (!EXPECT(test, forest_grow(test, s, &forest)))
				break;
			for (i = 0; i < 2; i++)
				threads[i] = test_thread(test, meets_another, &canceller,
							 nr_cpu_ids);
			for (i = 0; i < 2; i++)
				test_thread_stop(threads[i]);
			EXPECT_EQ(test, scopex_join(s), 0);
			forest_is_gone(test, s, &forest);
		}
	}
}

/*
 * The timer's softirq is held off, and all items end before it comes. Then only the walk
 * that is still to be done holds the scope.
 */
static int holds_the_timer_off(void *data)
{
	struct canceller *canceller = data;
	struct forest *forest = canceller->forest;

	local_bh_disable();
	scopex_cancel(canceller->scope, 0);
	canceller->pending = atomic64_read(&canceller->scope->state) & SCOPEX_WALK;
	WRITE_ONCE(forest->felled, true);
	while (atomic_read(&forest->out) < forest_size(forest))
		cpu_relax();
	while (references(canceller->scope) > 2)
		cpu_relax();
	/* Long enough for an owner that does not wait; an owner that waits is still there. */
	if (canceller->pending)
		mdelay(20);
	canceller->early = canceller->pending && READ_ONCE(canceller->returned);
	local_bh_enable();
	test_thread_until_stopped();
	return 0;
}

static struct scopex_site walked_site = {
	.name = "walked", .func = "join_waits_for_the_walk", .file = __FILE__, .line = 1,
	__SCOPEX_SITE_MAP("walked", &walked_site)
};

static void join_waits_for_the_walk(struct scopex_test *test)
{
	struct forest forest = star();
	struct canceller canceller = { .forest = &forest };
	struct task_struct *thread;
	struct scopex_scope scope;

	forest.cpu = test_this_cpu();
	__scopex_open(&scope, &walked_site, NULL);
	canceller.scope = &scope;
	if (EXPECT(test, forest_grow(test, &scope, &forest))) {
		thread = test_thread(test, holds_the_timer_off, &canceller,
				     test_other_cpu(forest.cpu));
		EXPECT_EQ(test, scopex_join(&scope), 0);
		WRITE_ONCE(canceller.returned, true);
		__scopex_close(&scope);
		test_thread_stop(thread);
		EXPECT(test, !canceller.early);
		EXPECT(test, canceller.pending || IS_ENABLED(CONFIG_PREEMPT_RT));
	}
	/* No thread drops a reference that no thread has taken. */
	EXPECT_EQ(test, references(&scope), 0);
	EXPECT_EQ(test, atomic_read(&forest.out), forest_size(&forest));
	kfree(forest.nodes);
}

static int lets_one_open(void *data)
{
	struct canceller *canceller = data;
	struct forest *forest = canceller->forest;

	local_bh_disable();
	scopex_cancel(canceller->scope, 0);
	canceller->pending = atomic64_read(&canceller->scope->state) & SCOPEX_WALK;
	WRITE_ONCE(forest->go, true);
	while (!atomic_read(&forest->late_open))
		cpu_relax();
	local_bh_enable();
	test_thread_until_stopped();
	return 0;
}

/* Below a scope that the walk has not reached: the opener sees no mark, the walk comes. */
static void opened_in_the_middle_of_a_walk(struct scopex_test *test)
{
	struct forest forest = chain();
	struct canceller canceller = { .forest = &forest };
	struct task_struct *thread;

	forest.cpu = test_this_cpu();
	forest.late = true;
	scopex_scope(s) {
		canceller.scope = s;
		if (!EXPECT(test, forest_grow(test, s, &forest)))
			return;
		thread = test_thread(test, lets_one_open, &canceller,
				     test_other_cpu(forest.cpu));
		EXPECT_EQ(test, scopex_join(s), 0);
		test_thread_stop(thread);
		forest_is_gone(test, s, &forest);
	}
	EXPECT_EQ(test, atomic_read(&forest.late_open), 1);
	EXPECT_EQ(test, atomic_read(&forest.late_missed), canceller.pending);
}

/*
 * Scopes come and go while another task looks at all of them: a scope that the look has
 * found stays open, and a closed scope is never touched again.
 */
static void closed_scope_is_left_alone(struct scopex_test *test)
{
	struct scopex_scope scope;
	struct test_item item;
	unsigned int i, j;

	test_item_init(&item);
	/* Each look takes its time. */
	scopex_inject_set(SCOPEX_INJECT_VISIT, 500);
	for (i = 0; i < 100 && !scopex_test_failed(test); i++) {
		__scopex_open(&scope, &walked_site, NULL);
		EXPECT_EQ(test, scopex_submit_on(&scope, SCOPEX_CPU_LOCAL, &item.work), 0);
		EXPECT_EQ(test, scopex_join(&scope), 0);
		__scopex_close(&scope);
		for (j = 0; j < 200; j++) {
			if (!EXPECT_EQ(test, references(&scope), 0))
				break;
			udelay(5);
		}
	}
	/* If the look was on its way, it takes no longer than this. */
	usleep_range(5000, 10000);
	scopex_inject_set(SCOPEX_INJECT_VISIT, 0);
}

static void forests_come_and_go_under_a_look(struct scopex_test *test)
{
	struct forest forests[] = { star(), chain(), bush() };
	unsigned int round, i;

	forests[0].roots = 20;
	forests[1].depth = 20;
	forests[2].depth = 3;
	for (round = 0; round < 10 && !scopex_test_failed(test); round++) {
		for (i = 0; i < ARRAY_SIZE(forests); i++) {
			scopex_scope(s) {
				if (!EXPECT(test, forest_grow(test, s, &forests[i])))
					break;
				local_bh_disable();
				scopex_cancel(s, 0);
				local_bh_enable();
				EXPECT_EQ(test, scopex_join(s), 0);
				forest_is_gone(test, s, &forests[i]);
			}
		}
	}
}

/* A scope that is deeper than its field can hold is shown with the field's maximum. */
struct deep {
	struct scopex_work	work;
	struct scopex_test	*test;
	unsigned int		level;
	unsigned int		cpu;
};

#define DEEPEST		(U8_MAX + 20)

static int deep_fn(struct scopex_work *work)
{
	struct deep *deep = container_of(work, struct deep, work), below = *deep;

	below.level++;
	scopex_work_init(&below.work, deep_fn);
	scopex_scope(s) {
		if (!EXPECT_EQ(deep->test, scopex_error(s), 0))
			return -EIO;
		EXPECT_EQ(deep->test, s->depth, min_t(unsigned int, deep->level, U8_MAX));
		if (deep->level < DEEPEST)
			EXPECT_EQ(deep->test, scopex_submit_on(s, deep->cpu, &below.work), 0);
	}
	return 0;
}

static void depth_does_not_wrap(struct scopex_test *test)
{
	struct deep deep = { .work = SCOPEX_WORK_INIT(deep_fn), .test = test, .level = 1,
			     .cpu = test_this_cpu() };

	scopex_scope(s) {
		EXPECT_EQ(test, s->depth, 0);
		EXPECT_EQ(test, scopex_submit_on(s, deep.cpu, &deep.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
}

/* A serial scope is closed while only a look holds it. */
struct looked_at {
	struct scopex_work	work;
	struct scopex_test	*test;
	bool			serial;
	bool			held;
};

static int looked_at_fn(struct scopex_work *work)
{
	struct looked_at *looked = container_of(work, struct looked_at, work);
	unsigned int looks;

	scopex_scope(s) {
		looked->serial = atomic64_read(&s->state) & SCOPEX_SERIAL;
		/* Without a delay, the look would be too short for the close to meet it. */
		for (looks = 0; references(s) < 2 && (TEST_INJECT || looks < 100000); looks++)
			cond_resched();
		looked->held = !TEST_INJECT || references(s) >= 2;
	}
	return 0;
}

/* The look that drops the last reference has to wake the owner, which runs no items. */
static void serial_scope_is_closed_under_a_look(struct scopex_test *test)
{
	struct looked_at looked = { .work = SCOPEX_WORK_INIT(looked_at_fn), .test = test };
	unsigned int cpu = test_this_cpu(), i;

	scopex_inject_set(SCOPEX_INJECT_VISIT, 50000);
	for (i = 0; i < 5; i++) {
		scopex_scope(s) {
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &looked.work), 0);
			EXPECT_EQ(test, scopex_join(s), 0);
		}
		EXPECT(test, looked.serial);
		EXPECT(test, looked.held);
	}
	test_inject_end(test, SCOPEX_INJECT_VISIT);
}

static const struct scopex_case serial_walk_cases[] = {
	SCOPEX_CASE(serial_scope_is_closed_under_a_look),
};

SCOPEX_SUITE(serial_walk, serial_walk_cases);

static const struct scopex_case walk_cases[] = {
	SCOPEX_CASE(late_walk_leaves_no_time),
	SCOPEX_CASE(many_siblings_are_cancelled),
	SCOPEX_CASE(many_levels_are_cancelled),
	SCOPEX_CASE(branches_are_cancelled),
	SCOPEX_CASE(deadline_reaches_them_all),
	SCOPEX_CASE(two_cancel_at_once),
	SCOPEX_CASE(join_waits_for_the_walk),
	SCOPEX_CASE(opened_in_the_middle_of_a_walk),
	SCOPEX_CASE(closed_scope_is_left_alone),
	SCOPEX_CASE(forests_come_and_go_under_a_look),
	SCOPEX_CASE(depth_does_not_wrap),
};

SCOPEX_SUITE(walk, walk_cases);
