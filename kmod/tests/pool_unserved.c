// SPDX-License-Identifier: GPL-2.0
/*
 * Suites for selftests/pool.sh: an unserved queue
 *
 * As in nest.c, a case that fails hangs, and the kernel's hung-task detector reports it.
 */

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/sched.h>

#include "pool.h"
#include "test.h"

/*
 * The races about an unserved queue, with three workers, so that the pool can make no new one.
 * Two items hold a worker each. The others, in their order:
 *
 *	third	says that it waits, and does, when the test tells it
 *	fourth	does the same
 *	fifth	ends both waits
 *
 * Once the third item runs, each worker is in an item, whatever the case before has left
 * behind. The test holds no point of the protocol before that.
 */
struct race {
	struct holder		holders[2];
	struct scopex_work	third;
	struct scopex_work	fourth;
	struct scopex_work	fifth;
	struct completion	begun;
	struct completion	tell_third;
	struct completion	tell_fourth;
	struct completion	go;
	struct task_struct	*worker[4];
};

/* Hold a worker, awake at first; then hand the queue over, and wait. */
static int hold_worker(struct race *race, unsigned int nr, struct completion *tell)
{
	race->worker[nr] = current;
	complete(&race->begun);
	until_told(tell);
	scopex_will_block();
	wait_for_completion(&race->go);
	return 0;
}

static int third_fn(struct scopex_work *work)
{
	struct race *race = container_of(work, struct race, third);

	return hold_worker(race, 2, &race->tell_third);
}

static int fourth_fn(struct scopex_work *work)
{
	struct race *race = container_of(work, struct race, fourth);

	return hold_worker(race, 3, &race->tell_fourth);
}

static int fifth_fn(struct scopex_work *work)
{
	complete_all(&container_of(work, struct race, fifth)->go);
	return 0;
}

static int notes_worker_fn(struct scopex_work *work)
{
	struct holder *holder = container_of(work, struct holder, work);
	struct race *race = container_of(holder->begun, struct race, begun);

	race->worker[holder - race->holders] = current;
	return holds_worker_fn(work);
}

/* Two workers are held, and the last one is in the item that will say that it waits. */
static void race_begin(struct scopex_test *test, struct race *race, struct scopex_scope *s)
{
	unsigned int i;

	init_completion(&race->begun);
	init_completion(&race->tell_third);
	init_completion(&race->tell_fourth);
	init_completion(&race->go);
	scopex_work_init(&race->third, third_fn);
	scopex_work_init(&race->fourth, fourth_fn);
	scopex_work_init(&race->fifth, fifth_fn);
	for (i = 0; i < ARRAY_SIZE(race->holders); i++) {
		holder_init(&race->holders[i], &race->begun);
		scopex_work_init(&race->holders[i].work, notes_worker_fn);
		EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &race->holders[i].work), 0);
	}
	EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &race->third), 0);
	for (i = 0; i < ARRAY_SIZE(race->holders) + 1; i++)
		wait_for_completion(&race->begun);
}

/* A worker in an item waits; otherwise it is on standby. */
static void until_asleep(struct task_struct *worker)
{
	while (task_is_running(worker))
		usleep_range(50, 200);
}

static void race_end(struct scopex_test *test, struct race *race, struct scopex_scope *s)
{
	complete_all(&race->holders[0].go);
	complete_all(&race->holders[1].go);
	EXPECT_EQ(test, scopex_join(s), 0);
}

/* A worker becomes idle just before the queue is unserved, and finds none. */
static void worker_that_was_too_early(struct scopex_test *test)
{
	struct race race;

	scopex_scope(s) {
		race_begin(test, &race, s);
		scopex_inject_set(SCOPEX_INJECT_UNHANDED, SCOPEX_INJECT_HOLD_ONE);
		complete(&race.tell_third);
		until_hit(SCOPEX_INJECT_UNHANDED, 1);
		complete(&race.holders[0].go);
		while (scopex_work_busy(&race.holders[0].work))
			usleep_range(50, 200);
		until_asleep(race.worker[0]);
		EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &race.fifth), 0);
		scopex_inject_release(SCOPEX_INJECT_UNHANDED);
		wait_for_completion(&race.go);
		race_end(test, &race, s);
	}
	test_inject_end(test, SCOPEX_INJECT_UNHANDED);
}

/*
 * A worker takes a count for the unserved queue, but another worker takes the queue: the first
 * one has to be counted again. With @late, only after the queue has become unserved again.
 */
static void taken_by_another(struct scopex_test *test, bool late)
{
	struct race race;

	scopex_scope(s) {
		race_begin(test, &race, s);
		scopex_inject_set(SCOPEX_INJECT_LEFT, 1);
		scopex_inject_set(SCOPEX_INJECT_TAKE_OVER, SCOPEX_INJECT_HOLD_ONE);
		if (late)
			scopex_inject_set(SCOPEX_INJECT_TAKEN, SCOPEX_INJECT_HOLD_ONE);
		complete(&race.tell_third);
		until_hit(SCOPEX_INJECT_LEFT, 1);
		until_asleep(race.worker[2]);
		EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &race.fourth), 0);
		complete(&race.holders[0].go);
		until_hit(SCOPEX_INJECT_TAKE_OVER, 1);
		complete(&race.holders[1].go);
		wait_for_completion(&race.begun);
		/* The worker that came last serves the queue now. */
		EXPECT(test, race.worker[3] == race.worker[1]);

		scopex_inject_release(SCOPEX_INJECT_TAKE_OVER);
		if (late)
			until_hit(SCOPEX_INJECT_TAKEN, 1);
		else
			until_asleep(race.worker[0]);
		EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &race.fifth), 0);
		complete(&race.tell_fourth);
		if (late) {
			until_hit(SCOPEX_INJECT_LEFT, 2);
			until_asleep(race.worker[3]);
			scopex_inject_release(SCOPEX_INJECT_TAKEN);
		}
		wait_for_completion(&race.go);
		race_end(test, &race, s);
	}
	test_inject_end(test, SCOPEX_INJECT_LEFT);
	scopex_inject_set(SCOPEX_INJECT_TAKE_OVER, 0);
	scopex_inject_set(SCOPEX_INJECT_TAKEN, 0);
}

static void count_is_given_back(struct scopex_test *test)
{
	taken_by_another(test, false);
}

static void queue_left_later(struct scopex_test *test)
{
	taken_by_another(test, true);
}

static const struct scopex_case unserved_cases[] = {
	SCOPEX_CASE(worker_that_was_too_early),
	SCOPEX_CASE(count_is_given_back),
	SCOPEX_CASE(queue_left_later),
};

SCOPEX_SUITE(unserved, unserved_cases);

/**
 * struct beside - two items that wait, at a bound of two workers
 * @opens: opens a scope when the queue is unserved
 * @leaves: leaves the queue behind, and waits until that scope has ended
 * @left: it is about to do so
 * @ended: the scope has ended
 */
struct beside {
	struct scopex_work	opens;
	struct scopex_work	leaves;
	struct completion	left;
	struct completion	ended;
};

static int opens_beside_fn(struct scopex_work *work)
{
	struct beside *beside = container_of(work, struct beside, opens);
	struct test_item item;
	int err;

	test_item_init(&item);
	scopex_will_block();
	wait_for_completion(&beside->left);
	/* the queue is unserved by now; if not, the case can't fail. */
	msleep(100);
	scopex_scope(inside) {
		err = scopex_submit_on(inside, SCOPEX_CPU_LOCAL, &item.work);
		err = err ?: scopex_join(inside);
	}
	complete(&beside->ended);
	return err;
}

static int leaves_queue_fn(struct scopex_work *work)
{
	struct beside *beside = container_of(work, struct beside, leaves);

	complete(&beside->left);
	scopex_will_block();
	wait_for_completion(&beside->ended);
	return 0;
}

/*
 * For a module with cpus=0 workers=2 standby=1. Only the worker that waits for the
 * scope is left to serve the queue, so the scope must not depend on the queue.
 */
static void scope_opened_beside_an_unserved_queue(struct scopex_test *test)
{
	struct beside beside = { .opens = SCOPEX_WORK_INIT(opens_beside_fn),
				 .leaves = SCOPEX_WORK_INIT(leaves_queue_fn) };

	init_completion(&beside.left);
	init_completion(&beside.ended);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &beside.opens), 0);
		EXPECT_EQ(test, scopex_submit(s, &beside.leaves), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
}

static const struct scopex_case beside_cases[] = {
	SCOPEX_CASE(scope_opened_beside_an_unserved_queue),
};

SCOPEX_SUITE(beside, beside_cases);
