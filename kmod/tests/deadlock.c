// SPDX-License-Identifier: GPL-2.0
/* Suites "deadlock" and "waits": what lockdep reports about waits under a lock */

#include <linux/mutex.h>
#include <linux/scopex_detached.h>

#include "../lockdep.h"
#include "test.h"

static DEFINE_MUTEX(deadlock_mutex);

static int locks_fn(struct scopex_work *work)
{
	mutex_lock(&deadlock_mutex);
	mutex_unlock(&deadlock_mutex);
	return 0;
}

/* One place in the code, so one class for lockdep; with an item, or without. */
static void run_one(scopex_fn_t fn)
{
	struct scopex_work work;

	scopex_work_init(&work, fn);
	scopex_scope(s) {
		if (fn)
			WARN_ON(scopex_submit(s, &work));
	}
}

/*
 * Hazard 8, without a deadlock: the lock and the item never meet, and the scope that ends
 * under the lock happens to have nothing to wait for.
 */
static void waits_under_a_lock(struct scopex_test *test)
{
	run_one(locks_fn);
	mutex_lock(&deadlock_mutex);
	run_one(NULL);
	mutex_unlock(&deadlock_mutex);
}

static const struct scopex_case deadlock_cases[] = {
	SCOPEX_CASE(waits_under_a_lock),
};

SCOPEX_SUITE(deadlock, deadlock_cases);

static int locks_detached_fn(struct scopex_detached *detached)
{
	return locks_fn(NULL);
}

static void nothing_to_release(struct scopex_detached *detached) { }

/* The same with a detached item, which is completed before the lock is taken. */
static void waits_for_detached_under_a_lock(struct scopex_test *test)
{
	static struct scopex_detached detached;

	scopex_detached_init(&detached, locks_detached_fn, nothing_to_release);
	EXPECT_EQ(test, scopex_detached_submit(&detached), 0);
	EXPECT_EQ(test, scopex_detached_wait(&detached), 0);
	mutex_lock(&deadlock_mutex);
	EXPECT_EQ(test, scopex_detached_wait(&detached), 0);
	mutex_unlock(&deadlock_mutex);
}

static const struct scopex_case waits_cases[] = {
	SCOPEX_CASE(waits_for_detached_under_a_lock),
};

SCOPEX_SUITE(waits, waits_cases);
