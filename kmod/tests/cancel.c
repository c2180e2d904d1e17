// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "cancel": who cancels what, why, and what is known afterwards
 *
 * In each case the scope's items borrow from the test's frame, and are looked at
 * after the join: a cancel that returned too early would be seen there.
 */

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>

#include "test.h"

/**
 * struct loop - an item that runs until its scope is cancelled
 * @work: the item
 * @started: completed when it runs
 * @ended: set as the last thing it does
 */
struct loop {
	struct scopex_work	work;
	struct completion	started;
	bool			ended;
};

static int loop_fn(struct scopex_work *work)
{
	struct loop *loop = container_of(work, struct loop, work);

	complete(&loop->started);
	while (!scopex_cancelled(scopex_work_scope(work)))
		usleep_range(50, 200);
	/* Long enough for a wait that does not wait to be over before. */
	msleep(20);
	loop->ended = true;
	return 0;
}

static void loop_init(struct loop *loop)
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
	/* The loop may be queued behind this. */
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
	/* Whatever the reason: it is the outer scope's. */
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

/* Opened when the outer one is cancelled already; a join does not undo that. */
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

	test_gate_init(&gate);
	test_item_init(&first);
	first.gate = &gate;
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

/* Hazard 4: the deadline cancels, and the wait goes on. */
static bool deadline_after(struct scopex_test *test, unsigned int ms)
{
	struct test_item late;
	struct loop loop;
	int err;

	loop_init(&loop);
	test_item_init(&late);
	scopex_scope(s, .timeout_us = ms * USEC_PER_MSEC) {
		err = scopex_submit(s, &loop.work);
		EXPECT(test, !err || err == -ECANCELED);
		EXPECT_EQ(test, scopex_join(s), -ETIME);
		/* It has passed, and that goes for the next round, too. */
		EXPECT_EQ(test, scopex_submit(s, &late.work), -ECANCELED);
		EXPECT_EQ(test, scopex_join(s), -ETIME);
	}
	EXPECT_EQ(test, atomic_read(&late.runs), 0);
	EXPECT(test, loop.ended == completion_done(&loop.started));
	return loop.ended;
}

/* The nearer ones may have passed before the item runs. */
static void deadline_cancels(struct scopex_test *test)
{
	bool hit = deadline_after(test, 10) || deadline_after(test, 200) ||
		   deadline_after(test, 5000);

	EXPECT(test, hit);
}

static void deadline_reaches_a_busy_owner(struct scopex_test *test)
{
	scopex_scope(s, .timeout_us = 2 * USEC_PER_MSEC) {
		while (!scopex_cancelled(s))
			cpu_relax();
		EXPECT_EQ(test, scopex_error(s), -ETIME);
	}
}

static int deadline_body(struct scopex_scope *scope, void *arg)
{
	struct loop *loop = arg;

	/* Too late is what the deadline's error says, too. */
	return scopex_submit(scope, &loop->work);
}

static bool body_deadline_after(struct scopex_test *test, unsigned int ms)
{
	struct loop loop;
	int err;

	loop_init(&loop);
	err = scopex_run(deadline_body, &loop, .timeout_us = ms * USEC_PER_MSEC);
	EXPECT_EQ(test, err, -ETIME);
	return loop.ended;
}

static void deadline_of_a_body(struct scopex_test *test)
{
	bool hit = body_deadline_after(test, 10) ||
		   body_deadline_after(test, 200) ||
		   body_deadline_after(test, 5000);

	EXPECT(test, hit);
}

static void deadline_in_the_past(struct scopex_test *test)
{
	struct test_item item;

	test_item_init(&item);
	scopex_scope(s, .timeout_us = -1) {
		EXPECT_EQ(test, scopex_submit(s, &item.work), -ECANCELED);
		EXPECT_EQ(test, scopex_join(s), -ETIME);
	}
	EXPECT_EQ(test, atomic_read(&item.runs), 0);
}

static int counting_body(struct scopex_scope *scope, void *arg)
{
	++*(unsigned int *)arg;
	return 0;
}

/* A body is called, whatever has happened to its scope. */
static void body_in_a_cancelled_scope(struct scopex_test *test)
{
	unsigned int calls = 0;

	EXPECT_EQ(test, scopex_run(counting_body, &calls, .timeout_us = -1),
		  -ETIME);
	EXPECT_EQ(test, calls, 1);
}

static void deadline_that_does_not_come(struct scopex_test *test)
{
	struct test_item item;
	unsigned int i;

	test_item_init(&item);
	for (i = 0; i < 100; i++) {
		scopex_scope(s, .timeout_us = 100000 * USEC_PER_MSEC) {
			EXPECT_EQ(test, scopex_submit(s, &item.work), 0);
			EXPECT_EQ(test, scopex_join(s), 0);
		}
	}
	EXPECT_EQ(test, atomic_read(&item.runs), 100);
}

/**
 * struct racer - an item that takes its time, unless its scope is cancelled
 * @work: the item
 * @length: how long it takes, in looks at the scope
 * @ran: whether it has run
 */
struct racer {
	struct scopex_work	work;
	unsigned long		length;
	bool			ran;
};

static int racer_fn(struct scopex_work *work)
{
	struct racer *racer = container_of(work, struct racer, work);
	unsigned long i;

	for (i = 0; i < racer->length; i++)
		if (scopex_cancelled(scopex_work_scope(work)))
			break;
	racer->ran = true;
	return 0;
}

/* The shortest deadline: it meets the submit rather than the end. */
#define RACE_NSECS	1000

/*
 * The timer and the end of the scope meet, again and again: whichever was first, the
 * other one is made to be a little earlier. However slow the machine is, there is an
 * item that outlasts the shortest deadline, and a deadline that an empty item is
 * faster than: so both come first, sooner or later.
 */
static void deadline_races_the_end(struct scopex_test *test)
{
	unsigned int i, ended = 0, expired = 0;
	unsigned long length = 0;
	u64 ns = RACE_NSECS;
	int submitted, err;

	for (i = 0; i < 2000; i++) {
		struct racer racer = { .work = SCOPEX_WORK_INIT(racer_fn),
				       .length = length };

		scopex_scope(s, .deadline = ktime_add_ns(ktime_get(), ns)) {
			submitted = scopex_submit(s, &racer.work);
			err = scopex_join(s);
		}
		/* One that was accepted has run, or was cancelled. */
		if (submitted)
			EXPECT_EQ(test, submitted, -ECANCELED);
		else
			EXPECT_EQ(test, scopex_work_result(&racer.work),
				  racer.ran ? 0 : -ECANCELED);
		if (err) {
			EXPECT_EQ(test, err, -ETIME);
			expired++;
			if (length)
				length -= DIV_ROUND_UP(length, 8);
			else
				ns += ns / 8;
		} else {
			EXPECT(test, racer.ran);
			ended++;
			if (ns > RACE_NSECS)
				ns -= ns / 8;
			else
				length += length / 8 + 1;
		}
	}
	EXPECT(test, ended);
	EXPECT(test, expired);
}

/* The nearer deadline wins, whichever scope has it. */
struct timed {
	struct scopex_work	work;
	s64			timeout_us;
	int			err;
	bool			ended;
};

static int timed_fn(struct scopex_work *work)
{
	struct timed *timed = container_of(work, struct timed, work);
	struct loop loop;

	loop_init(&loop);
	scopex_scope(s, .timeout_us = timed->timeout_us) {
		WARN_ON(scopex_submit(s, &loop.work) && !scopex_cancelled(s));
		timed->err = scopex_join(s);
	}
	timed->ended = loop.ended;
	return 0;
}

/* The deadline of the outer one; whether the inner one was there to be hit. */
static bool outer_deadline_after(struct scopex_test *test, unsigned int ms)
{
	struct timed timed = { .work = SCOPEX_WORK_INIT(timed_fn),
			       .timeout_us = 100000 * USEC_PER_MSEC};

	scopex_scope(s, .timeout_us = ms * USEC_PER_MSEC) {
		EXPECT(test, !scopex_submit(s, &timed.work) || scopex_cancelled(s));
		EXPECT_EQ(test, scopex_join(s), -ETIME);
	}
	/* It was the outer one's time, not its own. */
	EXPECT(test, !timed.ended || timed.err == -ECANCELED);
	return timed.ended;
}

static void nearer_deadline_wins(struct scopex_test *test)
{
	struct timed timed = { .work = SCOPEX_WORK_INIT(timed_fn),
			       .timeout_us = 5 * USEC_PER_MSEC};
	bool hit = outer_deadline_after(test, 20) ||
		   outer_deadline_after(test, 200) ||
		   outer_deadline_after(test, 5000);

	EXPECT(test, hit);

	scopex_scope(s, .timeout_us = 100000 * USEC_PER_MSEC) {
		EXPECT_EQ(test, scopex_submit(s, &timed.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, timed.err, -ETIME);
}

/* A thread that is killed while it waits; it allows that, as user tasks do. */
struct victim {
	struct scopex_test	*test;
	struct loop		loop;
	struct test_item	*stays;
	bool			dead_before;
	int			err;
};

static int victim_thread(void *data)
{
	struct victim *victim = data;

	allow_signal(SIGKILL);
	if (victim->dead_before)
		send_sig(SIGKILL, current, 1);
	scopex_scope(s, .flags = SCOPEX_KILLABLE) {
		EXPECT_EQ(victim->test, scopex_submit(s, &victim->loop.work), 0);
		if (victim->stays)
			EXPECT_EQ(victim->test,
				  scopex_submit(s, &victim->stays->work), 0);
		victim->err = scopex_join(s);
	}
	flush_signals(current);
	test_thread_until_stopped();
	return 0;
}

/* Hazard 4: a signal cancels, and the wait goes on. */
static void signal_cancels(struct scopex_test *test)
{
	struct victim victim = { .test = test };
	struct task_struct *thread;

	loop_init(&victim.loop);
	thread = test_thread(test, victim_thread, &victim, nr_cpu_ids);
	if (!thread)
		return;
	wait_for_completion(&victim.loop.started);
	msleep(20);
	send_sig(SIGKILL, thread, 1);
	test_thread_stop(thread);
	EXPECT_EQ(test, victim.err, -EINTR);
	EXPECT(test, victim.loop.ended);
}

static void signal_that_was_there_before(struct scopex_test *test)
{
	struct victim victim = { .test = test, .dead_before = true };

	loop_init(&victim.loop);
	test_thread_stop(test_thread(test, victim_thread, &victim, nr_cpu_ids));
	EXPECT_EQ(test, victim.err, -EINTR);
	/* It had started, or was cancelled before. */
	if (!victim.loop.ended)
		EXPECT_EQ(test, scopex_work_result(&victim.loop.work), -ECANCELED);
}

/*
 * It sleeps again, as one that no signal wakes. (It would else find the signal still there
 * each time, and never sleep.)
 */
static void killed_owner_sleeps(struct scopex_test *test)
{
	struct test_gate gate;
	struct victim victim = { .test = test };
	struct test_item item;
	struct task_struct *thread;
	unsigned int looks;

	loop_init(&victim.loop);
	test_gate_init(&gate);
	test_item_init(&item);
	/* Unlike the loop, this one does not end with the cancel. */
	item.gate = &gate;
	victim.stays = &item;
	thread = test_thread(test, victim_thread, &victim, nr_cpu_ids);
	if (!thread)
		return;
	wait_for_completion(&gate.reached);
	wait_for_completion(&victim.loop.started);
	send_sig(SIGKILL, thread, 1);
	for (looks = 0; looks < 20000; looks++) {
		if (READ_ONCE(thread->__state) == TASK_UNINTERRUPTIBLE)
			break;
		usleep_range(200, 500);
	}
	EXPECT(test, looks < 20000);
	complete(&gate.go);
	test_thread_stop(thread);
	EXPECT_EQ(test, victim.err, -EINTR);
}

/*
 * One whose own time is over in a scope whose time is over: the outer one's end is told, as
 * there is no use in trying again.
 */
struct both {
	struct scopex_work	work;
	int			err;
	int			inner;
};

static int both_fn(struct scopex_work *work)
{
	struct both *both = container_of(work, struct both, work);

	while (!scopex_cancelled(scopex_work_scope(work)))
		usleep_range(50, 200);
	scopex_scope(s, .timeout_us = -1) {
		both->inner = scopex_error(s);
		both->err = scopex_join(s);
	}
	return 0;
}

static void both_deadlines_are_over(struct scopex_test *test)
{
	struct both both = { .work = SCOPEX_WORK_INIT(both_fn) };
	int err;

	scopex_scope(s, .timeout_us = 20 * USEC_PER_MSEC) {
		err = scopex_submit(s, &both.work);
		EXPECT_EQ(test, scopex_join(s), -ETIME);
	}
	if (!err && scopex_work_result(&both.work) != -ECANCELED) {
		EXPECT_EQ(test, both.inner, -ECANCELED);
		EXPECT_EQ(test, both.err, -ECANCELED);
	}
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
	SCOPEX_CASE(deadline_cancels),
	SCOPEX_CASE(deadline_reaches_a_busy_owner),
	SCOPEX_CASE(deadline_of_a_body),
	SCOPEX_CASE(deadline_in_the_past),
	SCOPEX_CASE(body_in_a_cancelled_scope),
	SCOPEX_CASE(deadline_that_does_not_come),
	SCOPEX_CASE(deadline_races_the_end),
	SCOPEX_CASE(nearer_deadline_wins),
	SCOPEX_CASE(both_deadlines_are_over),
	SCOPEX_CASE(signal_cancels),
	SCOPEX_CASE(signal_that_was_there_before),
	SCOPEX_CASE(killed_owner_sleeps),
};

SCOPEX_SUITE(cancel, cancel_cases);
