// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "release": what a release function may do, also where an item has no other worker.
 * Suite "lingers": a release that takes its time.
 */

#include <linux/completion.h>
#include <linux/module.h>
#include <linux/scopex_detached.h>
#include <linux/scopex_loop.h>
#include <linux/slab.h>

#include "detached.h"
#include "test.h"

/* What a release function has torn down; its object is gone */
static struct {
	bool		cancelled;
	int		scope;
	int		nested;
	int		loop;
	int		detached;
	atomic_t	parts;
	struct test_gate gate;
} torn;

static int torn_part(const struct scopex_range *range)
{
	atomic_add(range->count, &torn.parts);
	return 0;
}

static int torn_outer_fn(struct scopex_work *work)
{
	struct test_item item;
	int err = 0;

	test_item_init(&item);
	scopex_scope(s)
		err = scopex_submit_on(s, SCOPEX_CPU_LOCAL, &item.work) ?: scopex_join(s);
	return err;
}

/* To this CPU, where another item starts only when the worker hands over. */
static void tears_down(struct scopex_detached *detached)
{
	struct scopex_work outer;
	struct test_item item;

	kfree(container_of(detached, struct lone, detached));
	test_item_init(&item);
	scopex_work_init(&outer, torn_outer_fn);
	scopex_scope(s) {
		torn.cancelled = scopex_cancelled(s);
		torn.scope = scopex_submit_on(s, SCOPEX_CPU_LOCAL, &item.work) ?: scopex_join(s);
		torn.nested = scopex_submit_on(s, SCOPEX_CPU_LOCAL, &outer) ?: scopex_join(s);
	}
	torn.loop = scopex_for(0, 1000, torn_part);
}

static void tears_down_and_tells(struct scopex_detached *detached)
{
	tears_down(detached);
	atomic_inc(&lones_released);
}

static void tears_down_by_detached(struct scopex_detached *detached)
{
	struct lone *helper = kzalloc(sizeof(*helper), GFP_KERNEL);
	static atomic_t runs;

	tears_down(detached);
	torn.detached = -ENOMEM;
	if (helper) {
		scopex_detached_init(&helper->detached, lone_fn, lone_release);
		helper->runs = &runs;
		torn.detached = scopex_detached_submit(&helper->detached) ?:
				scopex_detached_wait(&helper->detached);
		scopex_detached_put(&helper->detached);
	}
	atomic_inc(&lones_released);
}

/* The worker releases the object after a cancelled item. */
static void release_by(struct scopex_test *test, void (*release)(struct scopex_detached *d),
		       int releases)
{
	static atomic_t runs;
	struct lone *lone;

	torn = (typeof(torn)){ .scope = 1, .nested = 1, .loop = 1 };
	atomic_set(&runs, 0);
	atomic_set(&lones_released, 0);
	refs_idle = module_refcount(THIS_MODULE);
	test_gate_init(&torn.gate);
	lone = lone_new(test, &runs, &torn.gate);
	if (!lone)
		return;
	lone->detached.release = release;
	lone->until_cancelled = true;
	EXPECT_EQ(test, scopex_detached_submit(&lone->detached), 0);
	wait_for_completion(&torn.gate.reached);
	EXPECT_EQ(test, scopex_detached_cancel_nowait(&lone->detached), 0);
	scopex_detached_put(&lone->detached);
	complete(&torn.gate.go);
	until_released(releases);
	EXPECT_EQ(test, atomic_read(&runs), 1);
	EXPECT(test, !torn.cancelled);
	EXPECT_EQ(test, torn.scope, 0);
	EXPECT_EQ(test, torn.nested, 0);
	EXPECT_EQ(test, torn.loop, 0);
	EXPECT_EQ(test, atomic_read(&torn.parts), 1000);
	EXPECT_EQ(test, torn.detached, 0);
}

/* So often that detached.sh can see in the counters that each wait hands over itself. */
static void release_opens_scopes(struct scopex_test *test)
{
	unsigned int i;

	for (i = 0; i < 60; i++)
		release_by(test, tears_down_and_tells, 1);
}

static void release_detaches(struct scopex_test *test)
{
	release_by(test, tears_down_by_detached, 2);
}

static const struct scopex_case release_cases[] = {
	SCOPEX_CASE(release_opens_scopes),
};

SCOPEX_SUITE(release, release_cases);

static void lingering_release(struct scopex_detached *detached)
{
	kfree(container_of(detached, struct lone, detached));
	scopex_test_until_released();
	atomic_inc(&lones_released);
}

static void release_lingers(struct scopex_test *test)
{
	static atomic_t runs;
	struct test_gate gate;
	struct lone *lone;

	atomic_set(&lones_released, 0);
	refs_idle = module_refcount(THIS_MODULE);
	test_gate_init(&gate);
	lone = lone_new(test, &runs, &gate);
	if (!lone)
		return;
	lone->detached.release = lingering_release;
	EXPECT_EQ(test, scopex_detached_submit(&lone->detached), 0);
	wait_for_completion(&gate.reached);
	scopex_detached_put(&lone->detached);
	complete(&gate.go);
	until_released(1);
}

static const struct scopex_case lingers_cases[] = {
	SCOPEX_CASE(release_lingers),
};

SCOPEX_SUITE(lingers, lingers_cases);

static const struct scopex_case detached_release_cases[] = {
	SCOPEX_CASE(release_detaches),
};

SCOPEX_SUITE_PART(detached, detached_release, detached_release_cases);
