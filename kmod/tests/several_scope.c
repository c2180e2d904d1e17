// SPDX-License-Identifier: GPL-2.0
/* scopex_test: the first of several awaits, of which one is the end of a scope of the task */

#include <linux/kernel.h>
#include <linux/scopex_sync.h>
#include <linux/scopex_task.h>
#include <linux/scopex_timer.h>
#include <linux/slab.h>

#include "task.h"
#include "test.h"

#define SLEEPERS	3

/**
 * struct racer - a task that waits for the first of several awaits
 * @task: the task
 * @inner: its scope
 * @sleepers: tasks of the scope, which sleep until they are woken by a cancellation
 * @bell: what they wait for
 * @event: the event that wins
 * @semaphore: a permit that no loser takes
 * @timer: how it waits for the point in time that wins
 * @waiter: how it waits for the event
 * @permit: how it waits for the permit
 * @members: the awaits
 * @both: two of them, which are one of @members
 * @several: the first of @members
 * @all: all of @both
 * @prepare: prepares the awaits, and returns the whole
 * @open: the scope was open still after the wait
 * @err: the result of the wait
 */
struct racer {
	struct scopex_task		task;
	struct scopex_task_scope	inner;
	struct test_task		sleepers[SLEEPERS];
	struct test_bell		bell;
	struct scopex_event		event;
	struct scopex_semaphore		semaphore;
	struct scopex_timer		timer;
	struct scopex_event_waiter	waiter;
	struct scopex_semaphore_waiter	permit;
	struct scopex_member		members[2];
	struct scopex_member		both[2];
	struct scopex_several		several;
	struct scopex_several		all;
	struct scopex_await		*(*prepare)(struct racer *r);
	bool				open;
	int				err;
};

static int racer_fn(struct scopex_task *task)
{
	struct racer *r = container_of(task, struct racer, task);
	unsigned int i;
	int err = 0;

	scopex_coroutine(task) {
		scopex_task_open(task, &r->inner, 0);
		for (i = 0; i < SLEEPERS && !err; i++)
			err = scopex_submit(&r->inner.scope, &r->sleepers[i].task.work);
		scopex_await(task, r->err, r->prepare(r));
		r->open = task->scope;
	}
	return 0;
}

static struct scopex_await *end_or_sleep(struct racer *r)
{
	r->members[0].await = scopex_task_close(&r->inner);
	r->members[1].await = scopex_sleep(&r->timer, 1000);
	return scopex_first_of(&r->several, r->members, 2);
}

static struct scopex_await *event_or_end(struct racer *r)
{
	r->members[0].await = scopex_event_wait(&r->waiter, &r->event);
	r->members[1].await = scopex_task_close(&r->inner);
	return scopex_first_of(&r->several, r->members, 2);
}

static struct scopex_await *event_or_both(struct racer *r)
{
	r->both[0].await = scopex_semaphore_down(&r->permit, &r->semaphore);
	r->both[1].await = scopex_task_close(&r->inner);
	r->members[0].await = scopex_event_wait(&r->waiter, &r->event);
	r->members[1].await = scopex_all_of(&r->all, r->both, 2);
	return scopex_first_of(&r->several, r->members, 2);
}

static struct racer *racer(struct scopex_test *test,
			   struct scopex_await *(*prepare)(struct racer *r))
{
	struct racer *r = kzalloc(sizeof(*r), GFP_KERNEL);
	unsigned int i;

	if (!EXPECT(test, r))
		return NULL;
	scopex_task_init(&r->task, racer_fn);
	test_bell_init(&r->bell);
	scopex_event_init(&r->event);
	scopex_semaphore_init(&r->semaphore, 1);
	for (i = 0; i < SLEEPERS; i++)
		test_task_init(&r->sleepers[i], &r->bell);
	r->prepare = prepare;
	r->err = -ENODATA;
	return r;
}

/* The bell never rings, so the tasks of the scope end by its cancellation only. */
static void race(struct scopex_test *test, struct racer *r)
{
	unsigned int i;

	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &r->task.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT(test, !r->open);
	for (i = 0; i < SLEEPERS; i++)
		EXPECT_EQ(test, scopex_work_result(&r->sleepers[i].task.work), -ECANCELED);
}

static void scope_has_a_deadline(struct scopex_test *test)
{
	struct racer *r = racer(test, end_or_sleep);

	if (!r)
		return;
	race(test, r);
	EXPECT_EQ(test, r->err, 0);
	EXPECT_EQ(test, r->several.winner, 1);
	EXPECT_EQ(test, r->members[0].result, -ECANCELED);
	kfree(r);
}

static void scope_ends_before_the_deadline(struct scopex_test *test)
{
	struct racer *r = racer(test, end_or_sleep);
	unsigned int i;

	if (!r)
		return;
	test_bell_ring(&r->bell);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &r->task.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT(test, !r->open);
	if (!r->several.winner)
		for (i = 0; i < SLEEPERS; i++)
			EXPECT_EQ(test, scopex_work_result(&r->sleepers[i].task.work), 0);
	kfree(r);
}

/* The event is set before the task asks, so the end of the scope would not be asked for. */
static void scope_ends_though_another_won_at_once(struct scopex_test *test)
{
	struct racer *r = racer(test, event_or_end);

	if (!r)
		return;
	scopex_event_set(&r->event);
	race(test, r);
	EXPECT_EQ(test, r->err, 0);
	EXPECT_EQ(test, r->several.winner, 0);
	kfree(r);
}

static void several_pass_it_on(struct scopex_test *test, bool at_once)
{
	struct racer *r = racer(test, event_or_both);

	if (!r)
		return;
	if (at_once)
		scopex_event_set(&r->event);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &r->task.work), 0);
		if (!at_once) {
			test_until_waiting(&r->task);
			/* All of both have begun, so they have the permit. */
			EXPECT(test, !scopex_semaphore_try_down(&r->semaphore));
			scopex_event_set(&r->event);
		}
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT(test, !r->open);
	EXPECT_EQ(test, r->several.winner, 0);
	EXPECT_EQ(test, r->members[1].result, -ECANCELED);
	EXPECT_EQ(test, r->both[0].result, at_once ? -ECANCELED : 0);
	EXPECT_EQ(test, scopex_semaphore_try_down(&r->semaphore), at_once);
	kfree(r);
}

static void given_up_before_it_began(struct scopex_test *test)
{
	several_pass_it_on(test, true);
}

static void given_up_after_it_began(struct scopex_test *test)
{
	several_pass_it_on(test, false);
}

static const struct scopex_case several_scope_cases[] = {
	SCOPEX_CASE(scope_has_a_deadline),
	SCOPEX_CASE(scope_ends_before_the_deadline),
	SCOPEX_CASE(scope_ends_though_another_won_at_once),
	SCOPEX_CASE(given_up_before_it_began),
	SCOPEX_CASE(given_up_after_it_began),
};

SCOPEX_SUITE_PART(several, several_scope, several_scope_cases);
