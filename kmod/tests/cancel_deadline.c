// SPDX-License-Identifier: GPL-2.0
/* Suite "cancel", in part: a deadline cancels a scope */

#include <linux/completion.h>
#include <linux/delay.h>

#include "cancel.h"
#include "test.h"

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
		/* The deadline has passed, and still has in the next round. */
		EXPECT_EQ(test, scopex_submit(s, &late.work), -ECANCELED);
		EXPECT_EQ(test, scopex_join(s), -ETIME);
	}
	EXPECT_EQ(test, atomic_read(&late.runs), 0);
	EXPECT(test, loop.ended == completion_done(&loop.started));
	return loop.ended;
}

/* The nearer deadlines may have passed before the item runs. */
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

	/* A deadline that had passed at the opening has the same error. */
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

/* The shortest deadline: it races with the submit, not with the end. */
#define RACE_NSECS	1000

/*
 * The timer and the end of the scope race, again and again: after each race the test
 * makes the loser a little faster. However slow the machine is, some item outlasts the
 * shortest deadline, and an empty item is faster than some deadline: so each of the two
 * wins sooner or later.
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
		/* An accepted item has run, or was cancelled. */
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

/* The deadline of the outer scope; the inner one may not have been open yet. */
static bool outer_deadline_after(struct scopex_test *test, unsigned int ms)
{
	struct timed timed = { .work = SCOPEX_WORK_INIT(timed_fn),
			       .timeout_us = 100000 * USEC_PER_MSEC};

	scopex_scope(s, .timeout_us = ms * USEC_PER_MSEC) {
		EXPECT(test, !scopex_submit(s, &timed.work) || scopex_cancelled(s));
		EXPECT_EQ(test, scopex_join(s), -ETIME);
	}
	/* The outer scope's deadline has passed, not its own. */
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

/*
 * Both deadlines have passed, the scope's own and that of the scope around it: the join
 * reports the outer one, as it would be of no use to try again.
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

static const struct scopex_case cancel_deadline_cases[] = {
	SCOPEX_CASE(deadline_cancels),
	SCOPEX_CASE(deadline_reaches_a_busy_owner),
	SCOPEX_CASE(deadline_of_a_body),
	SCOPEX_CASE(deadline_in_the_past),
	SCOPEX_CASE(deadline_that_does_not_come),
	SCOPEX_CASE(deadline_races_the_end),
	SCOPEX_CASE(nearer_deadline_wins),
	SCOPEX_CASE(both_deadlines_are_over),
};

SCOPEX_SUITE_PART(cancel, cancel_deadline, cancel_deadline_cases);
