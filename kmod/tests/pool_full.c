// SPDX-License-Identifier: GPL-2.0
/*
 * Suites for selftests/pool.sh: all workers are in use, and none can be had
 *
 * As in nest.c, a case that fails hangs, and the kernel's hung-task detector reports it.
 */

#include <linux/completion.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "pool.h"
#include "test.h"

#define FULL_WORKERS	4	/* what pool.sh loads scopex with */
#define FULL_ITEMS	6

/* As many workers as the bound allows are in items that wait. pool.sh checks the log. */
static void queue_waits_for_a_worker(struct scopex_test *test)
{
	struct holder holders[FULL_ITEMS];
	struct completion begun;
	unsigned int i;

	init_completion(&begun);
	for (i = 0; i < FULL_ITEMS; i++)
		holder_init(&holders[i], &begun);
	scopex_scope(full) {
		for (i = 0; i < FULL_ITEMS; i++)
			EXPECT_EQ(test, scopex_submit_on(full, CROWD_CPU, &holders[i].work), 0);
		for (i = 0; i < FULL_WORKERS; i++)
			wait_for_completion(&begun);
		scopex_test_until_released();
		EXPECT(test, !READ_ONCE(holders[FULL_WORKERS].in));
		/* The next one begins as soon as one ends. */
		complete(&holders[1].go);
		wait_for_completion(&begun);
		EXPECT(test, READ_ONCE(holders[FULL_WORKERS].in));
		EXPECT(test, !READ_ONCE(holders[FULL_WORKERS + 1].in));
		for (i = 0; i < FULL_ITEMS; i++)
			complete_all(&holders[i].go);
		EXPECT_EQ(test, scopex_join(full), 0);
	}
}

static const struct scopex_case full_cases[] = {
	SCOPEX_CASE(queue_waits_for_a_worker),
};

SCOPEX_SUITE(full, full_cases);

#define TIGHT_WORKERS	8

/**
 * struct tight - items that wait for one that opens a scope
 * @opens: the item that opens a scope
 * @waits: the others
 * @begun: completed by these
 */
struct tight {
	struct scopex_work	opens;
	struct holder		waits[TIGHT_WORKERS - 1];
	struct completion	begun;
};

static int opens_tight_fn(struct scopex_work *work)
{
	struct tight *tight = container_of(work, struct tight, opens);
	struct test_item item;
	unsigned int i;

	test_item_init(&item);
	scopex_will_block();
	scopex_scope(inner) {
		for (i = 0; i < ARRAY_SIZE(tight->waits); i++)
			complete_all(&tight->waits[i].go);
		WARN_ON(scopex_submit_on(inner, SCOPEX_CPU_LOCAL, &item.work));
	}
	return 0;
}

/*
 * For a module with TIGHT_WORKERS, and none on standby. A scope is opened while the pool
 * grows to its bound, for the other items of the CPU: the scope is serial as soon as the
 * pool has reached its bound.
 */
static void scope_is_opened_as_the_bound_is_reached(struct scopex_test *test)
{
	unsigned int i, round;
	struct tight tight;

	for (round = 0; round < 10; round++) {
		init_completion(&tight.begun);
		scopex_work_init(&tight.opens, opens_tight_fn);
		for (i = 0; i < ARRAY_SIZE(tight.waits); i++)
			holder_init(&tight.waits[i], &tight.begun);
		scopex_scope(burst) {
			EXPECT_EQ(test, scopex_submit_on(burst, CROWD_CPU, &tight.opens), 0);
			for (i = 0; i < ARRAY_SIZE(tight.waits); i++)
				EXPECT_EQ(test, scopex_submit_on(burst, CROWD_CPU,
								 &tight.waits[i].work), 0);
			EXPECT_EQ(test, scopex_join(burst), 0);
		}
	}
}

static const struct scopex_case tight_cases[] = {
	SCOPEX_CASE(scope_is_opened_as_the_bound_is_reached),
};

SCOPEX_SUITE(tight, tight_cases);

/* Whether a scope is serial that is opened with none on standby. */
struct opener {
	struct scopex_work	work;
	bool			nofs;
	bool			noio;
	bool			reclaim;
	bool			usual;
};

static int opens_in_reclaim_fn(struct scopex_work *work)
{
	struct opener *opener = container_of(work, struct opener, work);
	unsigned int flags;

	flags = memalloc_nofs_save();
	scopex_scope(nofs)
		opener->nofs = is_serial(nofs);
	memalloc_nofs_restore(flags);

	flags = memalloc_noio_save();
	scopex_scope(noio)
		opener->noio = is_serial(noio);
	memalloc_noio_restore(flags);

	flags = memalloc_noreclaim_save();
	scopex_scope(reclaim)
		opener->reclaim = is_serial(reclaim);
	memalloc_noreclaim_restore(flags);

	/* This one may wait for a worker. */
	scopex_scope(usual)
		opener->usual = is_serial(usual);
	return 0;
}

/* For a module with standby=0 that was just loaded. */
static void reclaim_does_not_wait_for_a_worker(struct scopex_test *test)
{
	struct opener opener = { .work = SCOPEX_WORK_INIT(opens_in_reclaim_fn) };

	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &opener.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT(test, opener.nofs);
	EXPECT(test, opener.noio);
	EXPECT(test, opener.reclaim);
	EXPECT(test, !opener.usual);
}

static const struct scopex_case reclaim_cases[] = {
	SCOPEX_CASE(reclaim_does_not_wait_for_a_worker),
};

SCOPEX_SUITE(reclaim, reclaim_cases);

static int opens_fn(struct scopex_work *work)
{
	struct opener *opener = container_of(work, struct opener, work);

	scopex_scope(usual)
		opener->usual = is_serial(usual);
	return 0;
}

/* As above, and none can be made. */
static void scope_is_serial_if_no_worker_can_be_made(struct scopex_test *test)
{
	struct opener opener = { .work = SCOPEX_WORK_INIT(opens_fn) };

	if (!TEST_INJECT) {
		scopex_test_skip(test, "needs injected failures");
		return;
	}
	scopex_inject_no_workers(INT_MAX);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &opener.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	scopex_inject_no_workers(0);
	EXPECT(test, opener.usual);
}

/* The pool does not forget an unserved queue, however often it fails to make a worker. */
static void worker_is_tried_again(struct scopex_test *test)
{
	struct crowd crowd = { };

	if (!TEST_INJECT) {
		scopex_test_skip(test, "needs injected failures");
		return;
	}
	crowd.items = kcalloc(2, sizeof(*crowd.items), GFP_KERNEL);
	if (!EXPECT(test, crowd.items))
		return;
	init_completion(&crowd.go);
	scopex_inject_no_workers(5);
	run_crowd(test, &crowd, says_so_fn, 2, CROWD_CPU);
	kfree(crowd.items);
}

static const struct scopex_case unmade_cases[] = {
	SCOPEX_CASE(scope_is_serial_if_no_worker_can_be_made),
	SCOPEX_CASE(worker_is_tried_again),
};

SCOPEX_SUITE(unmade, unmade_cases);
