// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "walk": cancellations, and looks at all scopes, that go through many of them
 *
 * For walk.sh, which allows for so many workers, and looks at all scopes on another CPU
 * meanwhile. A cancel that leaves a scope out leaves its item waiting for good: that is
 * seen by the kernel's hung-task detector. No number of steps is known here. But in one
 * go a cancel must take fewer of them than there are scopes.
 */

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/kthread.h>
#include <linux/scopex_detached.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "../state.h"
#include "test.h"

/* More than can be reached in one go. */
#define MANY		130

/**
 * struct forest - many scopes that are nested in one
 * @test: the test
 * @roots: how many are right below that one
 * @depth: how many levels of scopes are below each of these
 * @width: how many scopes are below each one that has any
 * @cpu: where their items run; nr_cpu_ids for anywhere
 * @late: an innermost one opens another scope when @go is set
 * @go: set by the test: @late may open its scope
 * @felled: set by the test: the items end, cancelled or not
 * @open: how many are open, or were
 * @cancelled: how many of them were cancelled
 * @out: how many have been closed
 * @late_open: how many of the late ones are open
 * @late_missed: how many of these were not cancelled at once
 * @nodes: the items that open @roots
 */
struct forest {
	struct scopex_test	*test;
	unsigned int		roots;
	unsigned int		depth;
	unsigned int		width;
	unsigned int		cpu;
	bool			late;
	bool			go;
	bool			felled;
	atomic_t		open;
	atomic_t		cancelled;
	atomic_t		out;
	atomic_t		late_open;
	atomic_t		late_missed;
	struct node		*nodes;
};

/* An item that opens one of them. */
struct node {
	struct scopex_work	work;
	struct forest		*forest;
	unsigned int		depth;
};

#define WIDEST		2

static int node_fn(struct scopex_work *work);

static int node_submit(struct scopex_scope *scope, struct forest *forest,
		       struct node *node, unsigned int depth)
{
	*node = (struct node){ .work = SCOPEX_WORK_INIT(node_fn), .forest = forest,
			       .depth = depth };
	if (forest->cpu < nr_cpu_ids)
		return scopex_submit_on(scope, forest->cpu, &node->work);
	return scopex_submit(scope, &node->work);
}

/* Opened in the middle of a walk. */
static void open_late(struct forest *forest)
{
	while (!READ_ONCE(forest->go))
		usleep_range(500, 1000);
	scopex_scope(late) {
		if (!scopex_cancelled(late))
			atomic_inc(&forest->late_missed);
		atomic_inc(&forest->late_open);
		while (!scopex_cancelled(late))
			usleep_range(500, 1000);
	}
}

static int node_fn(struct scopex_work *work)
{
	struct node *node = container_of(work, struct node, work), below[WIDEST];
	struct forest *forest = node->forest;
	unsigned int i;

	/* Before those below are queued behind it. */
	scopex_will_block();
	scopex_scope(s) {
		if (!EXPECT_EQ(forest->test, scopex_error(s), 0))
			return -EIO;
		for (i = 0; i < forest->width && node->depth; i++)
			EXPECT_EQ(forest->test, node_submit(s, forest, &below[i],
							    node->depth - 1), 0);
		atomic_inc(&forest->open);
		if (forest->late && !node->depth)
			open_late(forest);
		while (!scopex_cancelled(s) && !READ_ONCE(forest->felled))
			usleep_range(1000, 2000);
		if (scopex_cancelled(s))
			atomic_inc(&forest->cancelled);
	}
	atomic_inc(&forest->out);
	return 0;
}

static unsigned int forest_size(const struct forest *forest)
{
	unsigned int level = forest->roots, size = level, i;

	for (i = 0; i < forest->depth; i++) {
		level *= forest->width;
		size += level;
	}
	return size;
}

/* Open all of them. False if that was not to be, as one that was cancelled meanwhile. */
static bool forest_grow(struct scopex_test *test, struct scopex_scope *scope,
			struct forest *forest)
{
	unsigned int i;

	atomic_set(&forest->open, 0);
	atomic_set(&forest->cancelled, 0);
	atomic_set(&forest->out, 0);
	forest->test = test;
	forest->felled = false;
	forest->nodes = kcalloc(forest->roots, sizeof(*forest->nodes), GFP_KERNEL);
	if (!EXPECT(test, forest->nodes))
		return false;
	for (i = 0; i < forest->roots; i++)
		if (node_submit(scope, forest, &forest->nodes[i], forest->depth))
			return false;
	while (atomic_read(&forest->open) < forest_size(forest)) {
		if (scopex_cancelled(scope) || scopex_test_failed(test))
			return false;
		usleep_range(500, 1000);
	}
	return true;
}

/* When the scope has been joined: each of them was reached, and nothing is left behind. */
static void forest_is_gone(struct scopex_test *test, struct scopex_scope *scope,
			   struct forest *forest)
{
	EXPECT_EQ(test, atomic_read(&forest->cancelled), forest_size(forest));
	EXPECT_EQ(test, atomic_read(&forest->out), forest_size(forest));
	EXPECT(test, !(atomic64_read(&scope->state) & SCOPEX_WALK));
	kfree(forest->nodes);
}

static struct forest star(void)
{
	return (struct forest){ .roots = MANY, .cpu = nr_cpu_ids };
}

static struct forest chain(void)
{
	return (struct forest){ .roots = 1, .depth = MANY - 1, .width = 1,
				.cpu = nr_cpu_ids };
}

/* It has to be left upwards and sideways, in all depths. */
static struct forest bush(void)
{
	return (struct forest){ .roots = 3, .depth = 5, .width = WIDEST,
				.cpu = nr_cpu_ids };
}

/* Cancel it with interrupts off; twice, as one round must leave nothing for the next. */
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
 * Two walks are left to the timer, so that there is a link from one scope to the other. It
 * must not be taken for the time when the scope was opened, by a profile that is on at its
 * end.
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

/* The deadline's timer is an interrupt. If it is faster than the forest, a later one. */
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

static void deadline_reaches_them_all(struct scopex_test *test)
{
	EXPECT(test, deadline_fells(test, star(), 300) || deadline_fells(test, star(), 8000));
	EXPECT(test, deadline_fells(test, chain(), 300) || deadline_fells(test, chain(), 8000));
}

/**
 * struct canceller - a task that cancels in atomic context
 * @scope: what
 * @forest: which is below that
 * @ready: how many wait for each other
 * @returned: the owner's join has returned
 * @early: and had when the walk was still to be done
 * @pending: whether anything was left to the timer
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

static unsigned int references(const struct scopex_scope *scope)
{
	return (atomic64_read(&scope->state) & SCOPEX_COUNT_MASK) / SCOPEX_ONE;
}

/*
 * The timer's softirq is held off, and all items end before it comes. Then nothing holds
 * the scope but the walk that is to be done.
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
	/* Time enough for an owner that does not wait; one that waits has no end of it. */
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
	/* Nobody gives back what nobody has taken. */
	EXPECT_EQ(test, references(&scope), 0);
	EXPECT_EQ(test, atomic_read(&forest.out), forest_size(&forest));
	kfree(forest.nodes);
}

/* A detached item with many scopes below it. */
struct walked {
	struct scopex_detached	detached;
	struct scopex_test	*test;
	struct forest		forest;
	struct completion	grown;
	bool			elsewhere;
	atomic_t		*released;
};

static int walked_fn(struct scopex_detached *detached)
{
	struct walked *walked = container_of(detached, struct walked, detached);
	int err;

	/* Who cancels it keeps another CPU to itself. */
	walked->elsewhere = raw_smp_processor_id() != walked->forest.cpu;
	if (walked->elsewhere) {
		complete(&walked->grown);
		return 0;
	}
	scopex_will_block();
	scopex_scope(s) {
		EXPECT(walked->test, forest_grow(walked->test, s, &walked->forest));
		complete(&walked->grown);
		err = scopex_join(s);
	}
	kfree(walked->forest.nodes);
	return err;
}

/* Has a worker called the last release function, where that may sleep? */
static bool released_by_worker;

static void note_who_releases(void)
{
	released_by_worker = in_task() && !irqs_disabled() &&
			     !strncmp(current->comm, "scopex/", strlen("scopex/"));
}

static void walked_release(struct scopex_detached *detached)
{
	struct walked *walked = container_of(detached, struct walked, detached);
	atomic_t *released = walked->released;

	note_who_releases();
	kfree(walked);
	atomic_inc(released);
}

/* One that runs on a CPU, with the forest below it; it is chosen by turns. */
static struct walked *walked_start(struct scopex_test *test, unsigned int cpu,
				   atomic_t *released)
{
	struct walked *walked;
	bool elsewhere;

	do {
		walked = kzalloc(sizeof(*walked), GFP_KERNEL);
		if (!EXPECT(test, walked))
			return NULL;
		walked->test = test;
		walked->forest = star();
		walked->forest.cpu = cpu;
		walked->released = released;
		atomic_set(released, 0);
		init_completion(&walked->grown);
		scopex_detached_init(&walked->detached, walked_fn, walked_release);
		EXPECT_EQ(test, scopex_detached_submit(&walked->detached), 0);
		wait_for_completion(&walked->grown);
		elsewhere = walked->elsewhere;
		if (elsewhere) {
			scopex_detached_put(&walked->detached);
			while (!atomic_read(released))
				usleep_range(500, 1000);
		}
	} while (elsewhere);
	return walked;
}

static int lets_the_timer_be_last(void *data)
{
	struct walked *walked = data;
	struct scopex_test *test = walked->test;
	struct scopex_scope *scope = &walked->detached.scope;
	atomic_t *released = walked->released;
	bool pending;

	local_bh_disable();
	EXPECT_EQ(test, scopex_detached_cancel_nowait(&walked->detached), 0);
	pending = atomic64_read(&scope->state) & SCOPEX_WALK;
	WRITE_ONCE(walked->forest.felled, true);
	if (pending) {
		/* One is the scope's own, one the walk's; the item has given its own back. */
		while (references(scope) > 2)
			cpu_relax();
		EXPECT(test, !completion_done(&walked->detached.done));
	}
	scopex_detached_put(&walked->detached);
	EXPECT(test, !pending || !atomic_read(released));
	local_bh_enable();
	while (!atomic_read(released))
		usleep_range(500, 1000);
	test_thread_until_stopped();
	return 0;
}

/* The timer comes last, in a softirq; but it is the worker that releases the item. */
static void walk_holds_a_detached_item(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu();
	atomic_t released;
	struct walked *walked = walked_start(test, cpu, &released);

	if (!walked)
		return;
	test_thread_stop(test_thread(test, lets_the_timer_be_last, walked,
				     test_other_cpu(cpu)));
	EXPECT_EQ(test, atomic_read(&released), 1);
	EXPECT(test, released_by_worker);
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

/* Below one that the walk has not reached; so it can't know, and has to be found. */
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
 * Scopes come and go while somebody looks at all of them: who has found one has it open,
 * and one that is closed is never touched again.
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
	/* If it was on its way, it takes no longer than one look. */
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

/* A level more than the field of a scope can hold is shown as the last that it can. */
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

#ifdef CONFIG_SCOPEX_INJECT
static int cancels_detached(void *data)
{
	struct walked *walked = data;

	local_bh_disable();
	EXPECT_EQ(walked->test, scopex_detached_cancel_nowait(&walked->detached), 0);
	local_bh_enable();
	test_thread_until_stopped();
	return 0;
}

/*
 * All items end while a cancel is about to leave the rest to the timer. The detached item
 * must not be out before that is done, or it would be given back twice.
 */
static void detached_item_is_left_to_the_timer(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu(), looks;
	struct task_struct *thread;
	atomic_t released;
	struct walked *walked = walked_start(test, cpu, &released);

	if (!walked)
		return;
	scopex_inject_set(SCOPEX_INJECT_WALK_LATER, SCOPEX_INJECT_HOLD);
	thread = test_thread(test, cancels_detached, walked, test_other_cpu(cpu));
	while (!IS_ENABLED(CONFIG_PREEMPT_RT) && !scopex_inject_hits(SCOPEX_INJECT_WALK_LATER))
		usleep_range(500, 1000);
	WRITE_ONCE(walked->forest.felled, true);
	/* Long enough for it to end, if nothing holds it. */
	for (looks = 0; looks < 500 && !completion_done(&walked->detached.done); looks++)
		usleep_range(1000, 2000);
	EXPECT(test, IS_ENABLED(CONFIG_PREEMPT_RT) || !completion_done(&walked->detached.done));
	scopex_inject_set(SCOPEX_INJECT_WALK_LATER, 0);
	test_thread_stop(thread);
	EXPECT_EQ(test, scopex_detached_wait(&walked->detached), -ECANCELED);
	EXPECT_EQ(test, atomic_read(&released), 0);
	scopex_detached_put(&walked->detached);
	while (!atomic_read(&released))
		usleep_range(500, 1000);
}

/* A detached item that has opened a scope, and so is in the list of those that are open. */
struct listed {
	struct scopex_detached	detached;
	struct test_gate	gate;
	struct completion	released;
	unsigned int		cpu;
};

static int listed_fn(struct scopex_detached *detached)
{
	struct listed *listed = container_of(detached, struct listed, detached);

	scopex_scope(s) {
	}
	listed->cpu = raw_smp_processor_id();
	complete(&listed->gate.reached);
	/* Nothing is queued behind it, and it keeps the queue. */
	wait_for_completion(&listed->gate.go);
	return 0;
}

static void listed_release(struct scopex_detached *detached)
{
	note_who_releases();
	complete(&container_of(detached, struct listed, detached)->released);
}

static void listed_start(struct scopex_test *test, struct listed *listed)
{
	test_gate_init(&listed->gate);
	init_completion(&listed->released);
	scopex_detached_init(&listed->detached, listed_fn, listed_release);
	if (EXPECT_EQ(test, scopex_detached_submit(&listed->detached), 0))
		wait_for_completion(&listed->gate.reached);
}

static void listed_end(struct listed *listed)
{
	complete(&listed->gate.go);
	scopex_detached_put(&listed->detached);
	wait_for_completion(&listed->released);
}

/* The item is out, and a look holds it: others of its CPU run, and it is not released. */
static void others_run_under_a_look(struct scopex_test *test, struct listed *listed)
{
	struct test_item other;

	test_item_init(&other);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, listed->cpu, &other.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT(test, !completion_done(&listed->detached.done));
	EXPECT(test, !completion_done(&listed->released));
}

/*
 * Hazard 13: it ends, and is taken out of the list, while a look is at it, which then has the
 * last reference. The worker releases the item, and hands over while it waits for that.
 */
static void end_under_a_look(struct scopex_test *test, struct listed *listed)
{
	struct hlist_node *node = &listed->detached.scope.node;
	struct hlist_node **link = READ_ONCE(node->pprev);

	EXPECT(test, link);
	scopex_inject_set(SCOPEX_INJECT_VISIT, SCOPEX_INJECT_HOLD);
	while (!scopex_inject_hits(SCOPEX_INJECT_VISIT))
		usleep_range(500, 1000);
	complete(&listed->gate.go);
	while (READ_ONCE(node->pprev) == link)
		usleep_range(500, 1000);
	scopex_detached_put(&listed->detached);
	others_run_under_a_look(test, listed);
	test_inject_end(test, SCOPEX_INJECT_VISIT);
	wait_for_completion(&listed->released);
	EXPECT(test, released_by_worker);
}

/* So often that injected-walk.sh can tell whether the wait hands over by itself. */
static void detached_item_ends_under_a_look(struct scopex_test *test)
{
	struct listed *listed = kzalloc(sizeof(*listed), GFP_KERNEL);
	unsigned int cpu = test_this_cpu(), i;

	if (!EXPECT(test, listed))
		return;
	for (i = 0; i < 40 && !scopex_test_failed(test); i++) {
		/* Not on the CPU of who looks, which may keep it to itself while it is held. */
		listed_start(test, listed);
		while (listed->cpu != cpu && !scopex_test_failed(test)) {
			listed_end(listed);
			listed_start(test, listed);
		}
		end_under_a_look(test, listed);
	}
	kfree(listed);
}
#endif

static const struct scopex_case walk_cases[] = {
	SCOPEX_CASE(late_walk_leaves_no_time),
	SCOPEX_CASE(many_siblings_are_cancelled),
	SCOPEX_CASE(many_levels_are_cancelled),
	SCOPEX_CASE(branches_are_cancelled),
	SCOPEX_CASE(deadline_reaches_them_all),
	SCOPEX_CASE(two_cancel_at_once),
	SCOPEX_CASE(join_waits_for_the_walk),
	SCOPEX_CASE(walk_holds_a_detached_item),
	SCOPEX_CASE(opened_in_the_middle_of_a_walk),
	SCOPEX_CASE(closed_scope_is_left_alone),
	SCOPEX_CASE(forests_come_and_go_under_a_look),
	SCOPEX_CASE(depth_does_not_wrap),
#ifdef CONFIG_SCOPEX_INJECT
	SCOPEX_CASE(detached_item_is_left_to_the_timer),
	SCOPEX_CASE(detached_item_ends_under_a_look),
#endif
};

SCOPEX_SUITE(walk, walk_cases);

/* A serial scope that is closed while a look holds it, and nothing else does. */
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
		/* A look without a delay is too short to be met for sure. */
		for (looks = 0; references(s) < 2 && (TEST_INJECT || looks < 100000); looks++)
			cond_resched();
		looked->held = !TEST_INJECT || references(s) >= 2;
	}
	return 0;
}

/* Who holds the last reference has to wake the owner, who has no items to run. */
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
