// SPDX-License-Identifier: GPL-2.0
/* Suite "stress": detached items */

#include <linux/delay.h>
#include <linux/scopex_detached.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "stress.h"
#include "test.h"

static int stress_detached_fn(struct scopex_detached *detached)
{
	struct stress_detached *item =
		container_of(detached, struct stress_detached, detached);

	EXPECT_EQ(stress_test, atomic_inc_return(&item->ran), 1);
	count(RUN, 1);
	if (item->burst) {
		stress_begun_in_burst(item->burst);
		if (one_in(&item->rnd, 2))
			scopex_will_block();
		stress_wait_in_burst(item->burst, &item->rnd);
	} else if (item->nests) {
		stress_nested(NULL, &detached->scope, 1, &item->rnd);
		stress_scorch(&item->rnd);
	} else {
		stress_dawdle(&item->rnd);
	}
	if (!one_in(&item->rnd, 8))
		return 0;
	count(ERRORS, 1);
	return -EIO;
}

static void stress_detached_release(struct scopex_detached *detached)
{
	struct stress_detached *item =
		container_of(detached, struct stress_detached, detached);

	if (item->accepted && !atomic_read(&item->ran)) {
		EXPECT_EQ(stress_test, scopex_work_result(&detached->work),
			  -ECANCELED);
		count(CANCELLED, 1);
	}
	memset(item, POISON, sizeof(*item));
	kfree(item);
	atomic_dec(&stress_detached);
}

/* A new one, submitted, with a reference of the caller's. */
struct stress_detached *stress_new_detached(struct stress_burst *burst, bool nests,
					    u64 *rnd)
{
	struct stress_detached *item = kzalloc(sizeof(*item), GFP_KERNEL);

	if (!item)
		return NULL;
	item->burst = burst;
	item->nests = nests;
	item->rnd = draw(rnd);
	atomic_inc(&stress_detached);
	count(DETACHED, 1);
	scopex_detached_init(&item->detached, stress_detached_fn,
			     stress_detached_release);
	item->accepted = true;
	if (EXPECT_EQ(stress_test, scopex_detached_submit(&item->detached), 0)) {
		count(SUBMITTED, 1);
		return item;
	}
	item->accepted = false;
	scopex_detached_put(&item->detached);
	return NULL;
}

/* Here a wait is not safe: the item may need the worker that the wait would hold. */
static void stress_detached_poll(struct stress_detached *item, u64 *rnd)
{
	int result;

	scopex_will_block();
	usleep_range(10, 200 + below(rnd, 2000));
	result = scopex_detached_result(&item->detached);
	EXPECT(stress_test, !result || result == -EIO || result == -EINPROGRESS);
	if (result == -EINPROGRESS)
		count(TIMEOUTS, 1);
	if (one_in(rnd, 2))
		EXPECT_EQ(stress_test, scopex_detached_cancel_nowait(&item->detached), 0);
}

void stress_detach(bool may_wait, bool nests, u64 *rnd)
{
	struct stress_detached *item = stress_new_detached(NULL, nests, rnd);
	unsigned int way = below(rnd, 3);
	int result;

	if (!item)
		return;
	if (!may_wait) {
		if (way)
			stress_detached_poll(item, rnd);
	} else if (way == 1) {
		result = scopex_detached_wait(&item->detached);
		EXPECT_EQ(stress_test, atomic_read(&item->ran), 1);
		EXPECT(stress_test, !result || result == -EIO);
	} else if (way == 2) {
		result = scopex_detached_cancel(&item->detached);
		EXPECT(stress_test, atomic_read(&item->ran) ?
				    !result || result == -EIO :
				    result == -ECANCELED);
	}
	scopex_detached_put(&item->detached);
}
