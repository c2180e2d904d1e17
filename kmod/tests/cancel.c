// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "cancel": each way to cancel, what it reaches, and what the owner is told
 *
 * In each case the scope's items borrow from the test's frame, and the test checks them
 * after the join: it would notice a cancel that returned too early.
 */

#include <linux/completion.h>
#include <linux/delay.h>

#include "cancel.h"
#include "test.h"

static int loop_fn(struct scopex_work *work)
{
	struct loop *loop = container_of(work, struct loop, work);

	complete(&loop->started);
	while (!scopex_cancelled(scopex_work_scope(work)))
		usleep_range(50, 200);
	/* Longer than a wait that returns too early takes. */
	msleep(20);
	loop->ended = true;
	return 0;
}

void loop_init(struct loop *loop)
{
	loop->ended = false;
	init_completion(&loop->started);
	scopex_work_init(&loop->work, loop_fn);
}

/**
 * struct tree - an item that opens a scope with a loop in it
 * @work: the item
 * @depth: how many levels of scopes are below it
 * @started: completed when the innermost loop runs
 * @err: what its scope's join said
 * @refused: what a submit to its scope said after the cancel
 * @ended: whether its loop had ended when the scope had
 */
struct tree {
	struct scopex_work	work;
	unsigned int		depth;
	struct completion	*started;
	int			err;
	int			refused;
	bool			ended;
};

static int tree_fn(struct scopex_work *work)
{
	struct tree *tree = container_of(work, struct tree, work);
	struct test_item late;
	struct tree inner;
	struct loop loop;

	loop_init(&loop);
	test_item_init(&late);
	inner = (struct tree){ .work = SCOPEX_WORK_INIT(tree_fn),
			       .depth = tree->depth - 1,
			       .started = tree->started };
	/* The loop may be queued behind this item. */
	scopex_will_block();
	scopex_scope(s) {
		if (tree->depth) {
			tree->err = scopex_submit(s, &inner.work);
		} else {
			tree->err = scopex_submit(s, &loop.work);
			wait_for_completion(&loop.started);
			complete(tree->started);
		}
		if (tree->err)
			return tree->err;
		while (!scopex_cancelled(s))
			usleep_range(50, 200);
		tree->refused = scopex_submit(s, &late.work);
		tree->err = scopex_join(s);
	}
	if (tree->depth) {
		tree->ended = inner.ended;
		if (inner.err != tree->err || inner.refused != -ECANCELED)
			tree->err = -EIO;
	} else {
		tree->ended = loop.ended;
	}
	return 0;
}

static void cancel_tree(struct scopex_test *test, int reason,
			unsigned int depth)
{
	DECLARE_COMPLETION_ONSTACK(started);
	struct tree tree = { .work = SCOPEX_WORK_INIT(tree_fn),
			     .depth = depth, .started = &started };

	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &tree.work), 0);
		wait_for_completion(&started);
		if (reason)
			scopex_cancel(s, reason);
		else
			scopex_cancel(s, 0);
		EXPECT_EQ(test, scopex_error(s), reason);
		EXPECT_EQ(test, scopex_join(s), reason);
	}
	/* -ECANCELED for any reason: the reason belongs to the outer scope. */
	EXPECT_EQ(test, tree.err, -ECANCELED);
	EXPECT_EQ(test, tree.refused, -ECANCELED);
	EXPECT(test, tree.ended);
}

static void cancel_goes_down_the_tree(struct scopex_test *test)
{
	unsigned int depth;

	for (depth = 0; depth < 4; depth++)
		cancel_tree(test, 0, depth);
}

static void reason_stays_at_the_top(struct scopex_test *test)
{
	unsigned int depth;

	for (depth = 0; depth < 4; depth++)
		cancel_tree(test, -EHOSTDOWN, depth);
}

/* A cancel of the inner scope leaves the outer one alone. */
struct inner {
	struct scopex_work	work;
	struct loop		loop;
	int			err;
	bool			outer_cancelled;
};

static int inner_fn(struct scopex_work *work)
{
	struct inner *inner = container_of(work, struct inner, work);

	scopex_scope(s) {
		WARN_ON(scopex_submit(s, &inner->loop.work));
		wait_for_completion(&inner->loop.started);
		scopex_cancel(s, -EPIPE);
		inner->err = scopex_join(s);
	}
	inner->outer_cancelled = scopex_cancelled(scopex_work_scope(work));
	return 0;
}

static void cancel_does_not_go_up(struct scopex_test *test)
{
	struct inner inner = { .work = SCOPEX_WORK_INIT(inner_fn) };

	if (num_online_cpus() < 2) {
		scopex_test_skip(test, "needs two CPUs");
		return;
	}
	loop_init(&inner.loop);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &inner.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, inner.err, -EPIPE);
	EXPECT(test, !inner.outer_cancelled);
}

/* The inner scope is opened in a cancelled one; a join does not undo that. */
struct late {
	struct scopex_work	work;
	struct test_gate	gate;
	int			submit[2];
	int			join[2];
	bool			cancelled[2];
};

static int late_fn(struct scopex_work *work)
{
	struct late *late = container_of(work, struct late, work);
	struct test_item item;
	unsigned int i;

	test_item_init(&item);
	complete(&late->gate.reached);
	wait_for_completion(&late->gate.go);
	scopex_scope(s) {
		for (i = 0; i < 2; i++) {
			late->cancelled[i] = scopex_cancelled(s);
			late->submit[i] = scopex_submit_on(s, SCOPEX_CPU_LOCAL, &item.work);
			late->join[i] = scopex_join(s);
		}
	}
	return 0;
}

static void scope_opened_after_the_cancel(struct scopex_test *test)
{
	struct late late = { .work = SCOPEX_WORK_INIT(late_fn) };
	unsigned int i;

	test_gate_init(&late.gate);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &late.work), 0);
		wait_for_completion(&late.gate.reached);
		scopex_cancel(s, -EXDEV);
		complete(&late.gate.go);
		EXPECT_EQ(test, scopex_join(s), -EXDEV);
	}
	for (i = 0; i < 2; i++) {
		EXPECT(test, late.cancelled[i]);
		EXPECT_EQ(test, late.submit[i], -ECANCELED);
		EXPECT_EQ(test, late.join[i], -ECANCELED);
	}
}

#ifdef CONFIG_SCOPEX_INJECT
/* The cancel comes while the inner scope is being opened. */
static void scope_opened_during_the_cancel(struct scopex_test *test)
{
	struct late late = { .work = SCOPEX_WORK_INIT(late_fn) };

	test_gate_init(&late.gate);
	complete(&late.gate.go);
	scopex_inject_set(SCOPEX_INJECT_OPEN_NESTED, SCOPEX_INJECT_HOLD);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &late.work), 0);
		while (!scopex_inject_hits(SCOPEX_INJECT_OPEN_NESTED))
			usleep_range(50, 200);
		scopex_cancel(s, 0);
		scopex_inject_release(SCOPEX_INJECT_OPEN_NESTED);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	test_inject_end(test, SCOPEX_INJECT_OPEN_NESTED);
	EXPECT(test, late.cancelled[0]);
	EXPECT_EQ(test, late.submit[0], -ECANCELED);
}
#endif

/* Behind the one that fails, on the same CPU: they have not started. */
static void fail(struct scopex_test *test, unsigned int flags, int runs)
{
	unsigned int i, cpu = test_this_cpu();
	struct test_item first, others[8];
	struct test_gate gate;

	test_gated_item_init(&first, &gate);
	first.ret = -ENXIO;
	scopex_scope(s, .flags = flags) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &first.work), 0);
		wait_for_completion(&gate.reached);
		for (i = 0; i < ARRAY_SIZE(others); i++) {
			test_item_init(&others[i]);
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &others[i].work), 0);
		}
		complete(&gate.go);
		EXPECT_EQ(test, scopex_join(s), -ENXIO);
		EXPECT(test, !scopex_cancelled(s));
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		EXPECT_EQ(test, atomic_read(&others[i].runs), runs);
		EXPECT_EQ(test, scopex_work_result(&others[i].work),
			  runs ? 0 : -ECANCELED);
	}
}

static void first_error_cancels_the_siblings(struct scopex_test *test)
{
	fail(test, SCOPEX_FAIL_FAST, 0);
}

static void without_the_flag_all_run(struct scopex_test *test)
{
	fail(test, 0, 1);
}

static void first_error_stops_who_runs(struct scopex_test *test)
{
	struct test_item fails;
	struct loop loop;

	if (num_online_cpus() < 2) {
		scopex_test_skip(test, "needs two CPUs");
		return;
	}
	loop_init(&loop);
	test_item_init(&fails);
	fails.ret = -EDOM;
	scopex_scope(s, .flags = SCOPEX_FAIL_FAST) {
		EXPECT_EQ(test, scopex_submit(s, &loop.work), 0);
		wait_for_completion(&loop.started);
		EXPECT_EQ(test, scopex_submit(s, &fails.work), 0);
		EXPECT_EQ(test, scopex_join(s), -EDOM);
	}
	EXPECT(test, loop.ended);
}

static int failing_body(struct scopex_scope *scope, void *arg)
{
	struct loop *loop = arg;

	if (scopex_submit(scope, &loop->work))
		return -EIO;
	wait_for_completion(&loop->started);
	return -ERANGE;
}

static void error_of_the_body_cancels(struct scopex_test *test)
{
	struct loop loop;

	loop_init(&loop);
	EXPECT_EQ(test, scopex_run(failing_body, &loop,
				   .flags = SCOPEX_FAIL_FAST), -ERANGE);
	EXPECT(test, loop.ended);
}

static int counting_body(struct scopex_scope *scope, void *arg)
{
	++*(unsigned int *)arg;
	return 0;
}

/* The body is called even if its scope is cancelled already. */
static void body_in_a_cancelled_scope(struct scopex_test *test)
{
	unsigned int calls = 0;

	EXPECT_EQ(test, scopex_run(counting_body, &calls, .timeout_us = -1),
		  -ETIME);
	EXPECT_EQ(test, calls, 1);
}

static const struct scopex_case cancel_cases[] = {
	SCOPEX_CASE(cancel_goes_down_the_tree),
	SCOPEX_CASE(reason_stays_at_the_top),
	SCOPEX_CASE(cancel_does_not_go_up),
	SCOPEX_CASE(scope_opened_after_the_cancel),
#ifdef CONFIG_SCOPEX_INJECT
	SCOPEX_CASE(scope_opened_during_the_cancel),
#endif
	SCOPEX_CASE(first_error_cancels_the_siblings),
	SCOPEX_CASE(without_the_flag_all_run),
	SCOPEX_CASE(first_error_stops_who_runs),
	SCOPEX_CASE(error_of_the_body_cancels),
	SCOPEX_CASE(body_in_a_cancelled_scope),
};

SCOPEX_SUITE(cancel, cancel_cases);
