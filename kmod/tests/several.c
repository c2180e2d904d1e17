// SPDX-License-Identifier: GPL-2.0
/* Suite "several": the first of several awaits, and all of several */

#include <linux/delay.h>
#include <linux/slab.h>

#include "file.h"
#include "sync.h"

#define MEMBERS	3

/**
 * struct lasting - something that a task waits for, and can't stop to wait for
 * @bell: what it waits for
 * @ops: as those of a bell, but it can't be disarmed
 */
struct lasting {
	struct test_bell	bell;
	struct scopex_await_ops	ops;
};

/**
 * struct chooser - a task that waits for several things
 * @task: the task
 * @several: how it waits
 * @inner: the same, for several of these
 * @members: what it waits for
 * @inner_members: what is one of these
 * @events: how it waits for events
 * @down: how it waits for a permit
 * @hearing: how it waits for a bell
 * @prepare: prepares that
 * @what: the argument of that
 * @err: what the wait has returned
 * @done: the wait is over
 * @calls: how often its function was called
 */
struct chooser {
	struct scopex_task		task;
	struct scopex_several		several;
	struct scopex_several		inner;
	struct scopex_member		members[MEMBERS];
	struct scopex_member		inner_members[MEMBERS];
	struct scopex_event_waiter	events[MEMBERS];
	struct scopex_semaphore_waiter	down[2];
	struct test_hearing		hearing;
	struct scopex_await		*(*prepare)(struct chooser *c);
	void				*what;
	int				err;
	bool				done;
	unsigned int			calls;
};

static int chooser_fn(struct scopex_task *task)
{
	struct chooser *c = container_of(task, struct chooser, task);

	WRITE_ONCE(c->calls, c->calls + 1);
	scopex_coroutine(task) {
		scopex_await(task, c->err, c->prepare(c));
	}
	WRITE_ONCE(c->done, true);
	return c->err;
}

static struct chooser *chooser(struct scopex_test *test,
			       struct scopex_await *(*prepare)(struct chooser *c), void *what)
{
	struct chooser *c = kzalloc(sizeof(*c), GFP_KERNEL);

	if (!EXPECT(test, c))
		return NULL;
	scopex_task_init(&c->task, chooser_fn);
	c->prepare = prepare;
	c->what = what;
	c->err = -ENODATA;
	return c;
}

static void test_events_init(struct scopex_event *events)
{
	unsigned int i;

	for (i = 0; i < MEMBERS; i++)
		scopex_event_init(&events[i]);
}

static void expect_no_waiters(struct scopex_test *test, struct scopex_event *events)
{
	unsigned int i;

	for (i = 0; i < MEMBERS; i++)
		EXPECT(test, list_empty(&events[i].waiters));
}

static void prepare_events(struct chooser *c)
{
	struct scopex_event *events = c->what;
	unsigned int i;

	for (i = 0; i < MEMBERS; i++)
		c->members[i].await = scopex_event_wait(&c->events[i], &events[i]);
}

static struct scopex_await *first_event(struct chooser *c)
{
	prepare_events(c);
	return scopex_first_of(&c->several, c->members, MEMBERS);
}

static struct scopex_await *all_events(struct chooser *c)
{
	prepare_events(c);
	return scopex_all_of(&c->several, c->members, MEMBERS);
}

/* Each of them is the winner once, after a wait, or at once. */
static void first_one_wins(struct scopex_test *test)
{
	struct scopex_event events[MEMBERS];
	unsigned int i, j, winner, at_once;
	struct chooser *c;

	for (i = 0; i < 2 * MEMBERS; i++) {
		winner = i / 2;
		at_once = i % 2;
		test_events_init(events);
		c = chooser(test, first_event, events);
		if (!c)
			return;
		scopex_scope(s) {
			if (at_once)
				scopex_event_set(&events[winner]);
			EXPECT_EQ(test, scopex_submit(s, &c->task.work), 0);
			if (!at_once) {
				test_until_waiting(&c->task);
				scopex_event_set(&events[winner]);
			}
			EXPECT_EQ(test, scopex_join(s), 0);
		}
		EXPECT_EQ(test, c->calls, at_once ? 1 : 2);
		EXPECT_EQ(test, c->several.winner, winner);
		expect_no_waiters(test, events);
		for (j = 0; j < MEMBERS; j++)
			EXPECT_EQ(test, c->members[j].result, j == winner ? 0 : -ECANCELED);
		kfree(c);
	}
}

static void cancel_disarms_all(struct scopex_test *test)
{
	struct scopex_event events[MEMBERS];
	unsigned int i, all;
	struct chooser *c;

	for (all = 0; all < 2; all++) {
		test_events_init(events);
		c = chooser(test, all ? all_events : first_event, events);
		if (!c)
			return;
		scopex_scope(s) {
			EXPECT_EQ(test, scopex_submit(s, &c->task.work), 0);
			test_until_waiting(&c->task);
			scopex_cancel(s, 0);
			EXPECT_EQ(test, scopex_join(s), -ECANCELED);
		}
		EXPECT_EQ(test, c->err, -ECANCELED);
		EXPECT_EQ(test, c->several.winner, -1);
		expect_no_waiters(test, events);
		for (i = 0; i < MEMBERS; i++)
			EXPECT_EQ(test, c->members[i].result, -ECANCELED);
		kfree(c);
	}
}

/* Returns true if a task waits soon, after this many calls. */
static bool chooser_waits(struct chooser *c, unsigned int calls)
{
	return test_soon(READ_ONCE(c->calls) >= calls &&
			 atomic_read(&c->task.state) == SCOPEX_TASK_WAITING);
}

static void all_are_waited_for(struct scopex_test *test)
{
	struct scopex_event events[MEMBERS];
	struct chooser *c;
	unsigned int i;

	test_events_init(events);
	c = chooser(test, all_events, events);
	if (!c)
		return;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &c->task.work), 0);
		for (i = 0; i < MEMBERS; i++) {
			if (!EXPECT(test, chooser_waits(c, i + 1)))
				break;
			EXPECT_EQ(test, c->calls, i + 1);
			scopex_event_set(&events[(i + 1) % MEMBERS]);
		}
		EXPECT_EQ(test, scopex_join(s), 0);

		/* All are set, so it is over at once. */
		EXPECT_EQ(test, scopex_submit(s, &c->task.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, c->calls, MEMBERS + 2);
	for (i = 0; i < MEMBERS; i++)
		EXPECT_EQ(test, c->members[i].result, 0);
	expect_no_waiters(test, events);
	kfree(c);
}

/* An event or a permit, in this order or in the other one. */
static struct scopex_await *event_or_permit(struct chooser *c)
{
	struct scopex_event *events = c->what;

	c->members[0].await = scopex_event_wait(&c->events[0], &events[0]);
	c->members[1].await = scopex_semaphore_down(&c->down[0], (void *)&events[1]);
	return scopex_first_of(&c->several, c->members, 2);
}

static struct scopex_await *permit_or_event(struct chooser *c)
{
	struct scopex_event *events = c->what;

	c->members[0].await = scopex_semaphore_down(&c->down[0], (void *)&events[1]);
	c->members[1].await = scopex_event_wait(&c->events[0], &events[0]);
	return scopex_first_of(&c->several, c->members, 2);
}

/*
 * A task waits for an event and for a permit, and gets both before it runs. If the permit is the
 * loser, it is for the next task.
 */
static void permit_of_a_loser_is_passed_on(struct scopex_test *test)
{
	struct {
		struct scopex_event	event;
		struct scopex_semaphore	semaphore;
	} what;
	unsigned int permit_wins, cpu = test_this_cpu();
	struct test_waiter *next;
	struct test_item gated;
	struct test_gate gate;
	struct chooser *c;

	BUILD_BUG_ON(offsetof(typeof(what), semaphore) != sizeof(struct scopex_event));
	next = kcalloc(1, sizeof(*next), GFP_KERNEL);
	if (!next) {
		scopex_test_fail(test, "no memory");
		return;
	}
	for (permit_wins = 0; permit_wins < 2; permit_wins++) {
		scopex_event_init(&what.event);
		scopex_semaphore_init(&what.semaphore, 0);
		c = chooser(test, permit_wins ? permit_or_event : event_or_permit, &what);
		if (!c)
			break;
		test_waiter_init(next, test_for_permit, &what.semaphore);
		scopex_scope(s) {
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &c->task.work), 0);
			test_until_waiting(&c->task);
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &next->task.work), 0);
			test_until_waiting(&next->task);
			test_gate_shut(test, s, cpu, &gated, &gate);
			scopex_semaphore_up(&what.semaphore);
			scopex_event_set(&what.event);
			complete(&gate.go);
			if (permit_wins) {
				while (!READ_ONCE(c->done))
					usleep_range(50, 100);
				EXPECT_EQ(test, next->calls, 1);
				scopex_semaphore_up(&what.semaphore);
			}
			EXPECT_EQ(test, scopex_join(s), 0);
		}
		EXPECT_EQ(test, c->several.winner, 0);
		EXPECT_EQ(test, next->err, 0);
		EXPECT_EQ(test, what.semaphore.permits, 0);
		EXPECT_EQ(test, what.semaphore.line.told, 0);
		EXPECT(test, list_empty(&what.event.waiters));
		kfree(c);
	}
	kfree(next);
}

static struct scopex_await *first_permit(struct chooser *c)
{
	struct scopex_semaphore *semaphores = c->what;
	unsigned int i;

	for (i = 0; i < 2; i++)
		c->members[i].await = scopex_semaphore_down(&c->down[i], &semaphores[i]);
	return scopex_first_of(&c->several, c->members, 2);
}

/* Both are there, and only one is taken. */
static void one_of_two_permits_is_taken(struct scopex_test *test)
{
	struct scopex_semaphore semaphores[2];
	unsigned int i, at_once, cpu = test_this_cpu();
	struct test_item gated;
	struct test_gate gate;
	struct chooser *c;

	for (at_once = 0; at_once < 2; at_once++) {
		c = chooser(test, first_permit, semaphores);
		if (!c)
			return;
		for (i = 0; i < 2; i++)
			scopex_semaphore_init(&semaphores[i], at_once);
		scopex_scope(s) {
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &c->task.work), 0);
			if (!at_once) {
				test_until_waiting(&c->task);
				test_gate_shut(test, s, cpu, &gated, &gate);
				for (i = 0; i < 2; i++)
					scopex_semaphore_up(&semaphores[i]);
				complete(&gate.go);
			}
			EXPECT_EQ(test, scopex_join(s), 0);
		}
		EXPECT_EQ(test, c->several.winner, 0);
		for (i = 0; i < 2; i++) {
			EXPECT_EQ(test, semaphores[i].permits, i);
			EXPECT_EQ(test, semaphores[i].line.told, 0);
		}
		kfree(c);
	}
}

/* What can't be disarmed: as a bell, but for that. */
static struct lasting lasting;

static struct scopex_await *lasting_wait(struct chooser *c)
{
	struct scopex_await *await = test_hear(&c->hearing, &lasting.bell);

	lasting.ops = *await->ops;
	lasting.ops.name = "bell that lasts";
	lasting.ops.disarm = NULL;
	await->ops = &lasting.ops;
	return await;
}

static struct scopex_await *event_or_lasting(struct chooser *c)
{
	prepare_events(c);
	c->members[1].await = lasting_wait(c);
	return scopex_first_of(&c->several, c->members, MEMBERS);
}

static struct scopex_await *event_and_lasting(struct chooser *c)
{
	prepare_events(c);
	c->members[1].await = lasting_wait(c);
	return scopex_all_of(&c->several, c->members, MEMBERS);
}

/* An event wins, and the other one is waited for all the same. */
static void loser_that_lasts_is_waited_for(struct scopex_test *test)
{
	struct scopex_event events[MEMBERS];
	struct chooser *c;

	test_events_init(events);
	test_bell_init(&lasting.bell);
	c = chooser(test, event_or_lasting, events);
	if (!c)
		return;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &c->task.work), 0);
		test_until_waiting(&c->task);
		scopex_event_set(&events[2]);
		EXPECT(test, chooser_waits(c, 2));
		EXPECT_EQ(test, scopex_work_result(&c->task.work), -EINPROGRESS);
		EXPECT_EQ(test, c->several.winner, 2);
		expect_no_waiters(test, events);
		/* A second one that is ready takes nothing away from the winner. */
		scopex_event_set(&events[0]);
		test_bell_ring(&lasting.bell);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, c->several.winner, 2);
	EXPECT_EQ(test, c->members[0].result, -ECANCELED);
	EXPECT_EQ(test, c->members[1].result, 0);
	EXPECT_EQ(test, c->members[2].result, 0);
	kfree(c);
}

/* The first event and what lasts, or the third event. */
static struct scopex_await *both_or_event(struct chooser *c)
{
	struct scopex_event *events = c->what;

	c->inner_members[0].await = scopex_event_wait(&c->events[0], &events[0]);
	c->inner_members[1].await = lasting_wait(c);
	c->members[0].await = scopex_all_of(&c->inner, c->inner_members, 2);
	c->members[1].await = scopex_event_wait(&c->events[2], &events[2]);
	return scopex_first_of(&c->several, c->members, 2);
}

/* A loser that is several awaits waits only for those that can't be disarmed. */
static void several_are_a_loser_that_lasts(struct scopex_test *test)
{
	struct scopex_event events[MEMBERS];
	struct chooser *c;

	test_events_init(events);
	test_bell_init(&lasting.bell);
	c = chooser(test, both_or_event, events);
	if (!c)
		return;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &c->task.work), 0);
		test_until_waiting(&c->task);
		scopex_event_set(&events[2]);
		EXPECT(test, chooser_waits(c, 2));
		expect_no_waiters(test, events);
		test_bell_ring(&lasting.bell);
		/* It would wait for that. */
		if (!EXPECT(test, test_soon(READ_ONCE(c->done))))
			scopex_event_set(&events[0]);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, c->several.winner, 1);
	EXPECT_EQ(test, c->members[0].result, -ECANCELED);
	EXPECT_EQ(test, c->inner_members[0].result, -ECANCELED);
	EXPECT_EQ(test, c->inner_members[1].result, 0);
	kfree(c);
}

/* A cancellation ends the wait for the others, and waits for that one. */
static void cancel_waits_for_what_lasts(struct scopex_test *test)
{
	struct scopex_event events[MEMBERS];
	unsigned int all, before;
	struct chooser *c;

	/* After the task has begun to wait, and before a canceller finds it. */
	for (all = 0; all < 4; all++) {
		before = all / 2;
		test_events_init(events);
		test_bell_init(&lasting.bell);
		c = chooser(test, all % 2 ? event_and_lasting : event_or_lasting, events);
		if (!c)
			return;
		scopex_scope(s) {
			if (before)
				scopex_inject_set(SCOPEX_INJECT_TASK_LIST, SCOPEX_INJECT_HOLD);
			EXPECT_EQ(test, scopex_submit(s, &c->task.work), 0);
			if (!before)
				test_until_waiting(&c->task);
			while (!READ_ONCE(c->calls))
				usleep_range(50, 100);
			scopex_cancel(s, 0);
			scopex_inject_release(SCOPEX_INJECT_TASK_LIST);
			EXPECT(test, chooser_waits(c, 2));
			expect_no_waiters(test, events);
			EXPECT_EQ(test, scopex_work_result(&c->task.work), -EINPROGRESS);
			test_bell_ring(&lasting.bell);
			EXPECT_EQ(test, scopex_join(s), all % 2 ? -ECANCELED : 0);
		}
		EXPECT_EQ(test, c->err, all % 2 ? -ECANCELED : 0);
		EXPECT_EQ(test, c->several.winner, 1);
		EXPECT_EQ(test, c->members[0].result, -ECANCELED);
		EXPECT_EQ(test, c->members[1].result, 0);
		kfree(c);
	}
}

/* The first two events, or the third one. */
static struct scopex_await *two_or_one(struct chooser *c)
{
	struct scopex_event *events = c->what;
	unsigned int i;

	for (i = 0; i < 2; i++)
		c->inner_members[i].await = scopex_event_wait(&c->events[i], &events[i]);
	c->members[0].await = scopex_all_of(&c->inner, c->inner_members, 2);
	c->members[1].await = scopex_event_wait(&c->events[2], &events[2]);
	return scopex_first_of(&c->several, c->members, 2);
}

static void several_are_one_of_several(struct scopex_test *test)
{
	struct scopex_event events[MEMBERS];
	struct chooser *c;
	int how;

	for (how = 0; how < 3; how++) {
		test_events_init(events);
		c = chooser(test, two_or_one, events);
		if (!c)
			return;
		scopex_scope(s) {
			EXPECT_EQ(test, scopex_submit(s, &c->task.work), 0);
			test_until_waiting(&c->task);
			scopex_event_set(&events[0]);
			while (READ_ONCE(c->calls) < 2)
				usleep_range(50, 100);
			test_until_waiting(&c->task);
			if (how < 2)
				scopex_event_set(&events[1 + how]);
			else
				scopex_cancel(s, 0);
			EXPECT_EQ(test, scopex_join(s), how < 2 ? 0 : -ECANCELED);
		}
		EXPECT_EQ(test, c->several.winner, how < 2 ? how : -1);
		EXPECT_EQ(test, c->inner_members[0].result, 0);
		EXPECT_EQ(test, c->inner_members[1].result, how ? -ECANCELED : 0);
		expect_no_waiters(test, events);
		kfree(c);
	}
}

static struct scopex_await *first_of_none(struct chooser *c)
{
	return scopex_first_of(&c->several, c->members, 0);
}

static struct scopex_await *all_of_none(struct chooser *c)
{
	return scopex_all_of(&c->several, c->members, 0);
}

static void several_may_be_none(struct scopex_test *test)
{
	struct chooser *c = chooser(test, all_of_none, NULL);

	if (!c)
		return;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &c->task.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
		c->prepare = first_of_none;
		EXPECT_WARNING("waits for the first of no awaits", {
			EXPECT_EQ(test, scopex_submit(s, &c->task.work), 0);
			EXPECT_EQ(test, scopex_join(s), -EINVAL);
		});
	}
	kfree(c);
}

static const struct scopex_case several_cases[] = {
	SCOPEX_CASE(first_one_wins),
	SCOPEX_CASE(cancel_disarms_all),
	SCOPEX_CASE(all_are_waited_for),
	SCOPEX_CASE(permit_of_a_loser_is_passed_on),
	SCOPEX_CASE(one_of_two_permits_is_taken),
	SCOPEX_CASE(loser_that_lasts_is_waited_for),
	SCOPEX_CASE(several_are_a_loser_that_lasts),
	SCOPEX_CASE(cancel_waits_for_what_lasts),
	SCOPEX_CASE(several_are_one_of_several),
	SCOPEX_CASE(several_may_be_none),
};

SCOPEX_SUITE(several, several_cases);
