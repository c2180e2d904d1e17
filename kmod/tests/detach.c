// SPDX-License-Identifier: GPL-2.0
/* Suite "detach": items that outlive who submits them */

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "test.h"

static atomic_t released;

/* The module's references with no item detached, and at the last release. */
static int refs_idle, refs_at_release;

/**
 * struct orphan - a detached item
 * @detached: the item
 * @gate: what it waits for; NULL for nothing
 * @ret: what it returns
 * @until_cancelled: run as long as that
 * @runs: how often it ran; outlives it
 */
struct orphan {
	struct scopex_detached	detached;
	struct test_gate	*gate;
	int			ret;
	bool			until_cancelled;
	atomic_t		*runs;
};

static void orphan_release(struct scopex_detached *detached)
{
	/* Several may be released at a time. */
	WRITE_ONCE(refs_at_release, module_refcount(THIS_MODULE));
	atomic_inc(&released);
	kfree(container_of(detached, struct orphan, detached));
}

static int orphan_fn(struct scopex_detached *detached)
{
	struct orphan *orphan = container_of(detached, struct orphan, detached);

	if (orphan->gate) {
		complete(&orphan->gate->reached);
		wait_for_completion(&orphan->gate->go);
	}
	while (orphan->until_cancelled && !scopex_detached_cancelled(detached))
		usleep_range(50, 200);
	atomic_inc(orphan->runs);
	return orphan->ret;
}

static struct orphan *orphan_new(struct scopex_test *test, atomic_t *runs,
				 struct test_gate *gate)
{
	struct orphan *orphan = kzalloc(sizeof(*orphan), GFP_KERNEL);

	if (!EXPECT(test, orphan))
		return NULL;
	scopex_detached_init(&orphan->detached, orphan_fn, orphan_release);
	orphan->runs = runs;
	orphan->gate = gate;
	return orphan;
}

/* The executor's references are dropped after the items are out, the module's last. */
static void until_released(int nr)
{
	while (atomic_read(&released) < nr || module_refcount(THIS_MODULE) != refs_idle)
		usleep_range(50, 200);
}

/* Before its end is told, but when its result is there already. */
static void is_not_submitted_twice(struct scopex_test *test)
{
	int before = atomic_read(&released);
	atomic_t runs = ATOMIC_INIT(0);
	struct orphan *orphan = orphan_new(test, &runs, NULL);

	if (!orphan)
		return;
	scopex_inject_set(SCOPEX_INJECT_ITEM_OUT, 20000);
	EXPECT_EQ(test, scopex_detach(&orphan->detached), 0);
	while (scopex_work_busy(&orphan->detached.work))
		cond_resched();
	EXPECT_EQ(test, scopex_detach(&orphan->detached), -EBUSY);
	test_inject_end(test, SCOPEX_INJECT_ITEM_OUT);
	EXPECT_EQ(test, scopex_detached_wait(&orphan->detached), 0);
	EXPECT_EQ(test, scopex_detach(&orphan->detached), -EBUSY);
	scopex_detached_put(&orphan->detached);
	until_released(before + 1);
	EXPECT_EQ(test, atomic_read(&runs), 1);
}

static void waits_for_the_result(struct scopex_test *test)
{
	atomic_t runs = ATOMIC_INIT(0);
	struct orphan *orphan = orphan_new(test, &runs, NULL);

	if (!orphan)
		return;
	/* This is the first case, and each waits for the end of what it has detached. */
	refs_idle = module_refcount(THIS_MODULE);
	atomic_set(&released, 0);
	orphan->ret = -ECHRNG;
	EXPECT_EQ(test, scopex_detach(&orphan->detached), 0);
	EXPECT_EQ(test, scopex_detached_wait(&orphan->detached), -ECHRNG);
	EXPECT_EQ(test, scopex_detached_wait(&orphan->detached), -ECHRNG);
	EXPECT_EQ(test, scopex_detach(&orphan->detached), -EBUSY);
	EXPECT_EQ(test, atomic_read(&runs), 1);
	EXPECT_EQ(test, atomic_read(&released), 0);
	scopex_detached_put(&orphan->detached);
	until_released(1);
}

static void outlives_who_submits_it(struct scopex_test *test)
{
	static atomic_t runs;
	struct test_gate gate;
	struct orphan *orphan;

	atomic_set(&runs, 0);
	atomic_set(&released, 0);
	test_gate_init(&gate);
	orphan = orphan_new(test, &runs, &gate);
	if (!orphan)
		return;
	EXPECT_EQ(test, scopex_detach(&orphan->detached), 0);
	wait_for_completion(&gate.reached);
	EXPECT_EQ(test, scopex_detach(&orphan->detached), -EBUSY);
	scopex_detached_put(&orphan->detached);
	EXPECT_EQ(test, atomic_read(&released), 0);
	complete(&gate.go);
	until_released(1);
	EXPECT_EQ(test, atomic_read(&runs), 1);
	/* The code that releases it is there as long as it runs. */
	EXPECT_EQ(test, refs_at_release, refs_idle + 1);
}

static void many_are_released(struct scopex_test *test)
{
	atomic_t runs = ATOMIC_INIT(0);
	int i, nr = 2000, made = 0;

	atomic_set(&released, 0);
	for (i = 0; i < nr; i++) {
		struct orphan *orphan = orphan_new(test, &runs, NULL);

		if (!orphan)
			break;
		made += !scopex_detach(&orphan->detached);
		scopex_detached_put(&orphan->detached);
	}
	until_released(nr);
	EXPECT_EQ(test, made, nr);
	EXPECT_EQ(test, atomic_read(&runs), nr);
}

static void cancel_ends_what_runs(struct scopex_test *test)
{
	atomic_t runs = ATOMIC_INIT(0);
	struct test_gate gate;
	struct orphan *orphan;

	atomic_set(&released, 0);
	test_gate_init(&gate);
	orphan = orphan_new(test, &runs, &gate);
	if (!orphan)
		return;
	orphan->until_cancelled = true;
	EXPECT_EQ(test, scopex_detach(&orphan->detached), 0);
	wait_for_completion(&gate.reached);
	complete(&gate.go);
	EXPECT_EQ(test, scopex_detached_cancel(&orphan->detached), 0);
	EXPECT_EQ(test, atomic_read(&runs), 1);
	scopex_detached_put(&orphan->detached);
	until_released(1);
}

/* Detached to any CPU: all of them are held, so that it has not started. */
static void cancel_ends_what_has_not_started(struct scopex_test *test)
{
	struct test_item *items = test_items(nr_cpu_ids);
	atomic_t runs = ATOMIC_INIT(0);
	struct test_gate gate;
	struct orphan *orphan;

	orphan = orphan_new(test, &runs, NULL);
	if (!EXPECT(test, items && orphan))
		goto out;
	atomic_set(&released, 0);
	scopex_scope(s) {
		EXPECT(test, test_hold_cpus(s, items, &gate));
		EXPECT_EQ(test, scopex_detach(&orphan->detached), 0);
		scopex_cancel(&orphan->detached.scope);
		complete_all(&gate.go);
		EXPECT_EQ(test, scopex_detached_cancel(&orphan->detached),
			  -ECANCELED);
	}
	EXPECT_EQ(test, atomic_read(&runs), 0);
	scopex_detached_put(&orphan->detached);
	until_released(1);
out:
	kvfree(items);
}

/* A scope that a detached item opens is cancelled with it. */
struct parent {
	struct scopex_detached	detached;
	struct completion	started;
	int			err;
	bool			cancelled;
};

static void parent_release(struct scopex_detached *detached)
{
	atomic_inc(&released);
}

static int child_fn(struct scopex_work *work)
{
	while (!scopex_cancelled(scopex_work_scope(work)))
		usleep_range(50, 200);
	return 0;
}

static int parent_fn(struct scopex_detached *detached)
{
	struct parent *parent = container_of(detached, struct parent, detached);
	struct scopex_work child;

	scopex_work_init(&child, child_fn);
	scopex_scope(s) {
		parent->err = scopex_submit_any(s, &child);
		complete(&parent->started);
		parent->err = parent->err ?: scopex_join(s);
	}
	return 0;
}

static void cancel_reaches_its_scopes(struct scopex_test *test)
{
	struct parent *parent = kzalloc(sizeof(*parent), GFP_KERNEL);

	if (!EXPECT(test, parent))
		return;
	atomic_set(&released, 0);
	init_completion(&parent->started);
	scopex_detached_init(&parent->detached, parent_fn, parent_release);
	EXPECT_EQ(test, scopex_detach(&parent->detached), 0);
	wait_for_completion(&parent->started);
	EXPECT_EQ(test, scopex_detached_cancel(&parent->detached), 0);
	scopex_detached_put(&parent->detached);
	until_released(1);
	kfree(parent);
}

static void pins_its_module(struct scopex_test *test)
{
	atomic_t runs = ATOMIC_INIT(0);
	struct test_gate gate;
	struct orphan *orphan;

	atomic_set(&released, 0);
	test_gate_init(&gate);
	orphan = orphan_new(test, &runs, &gate);
	if (!orphan)
		return;
	EXPECT_EQ(test, module_refcount(THIS_MODULE), refs_idle);
	EXPECT_EQ(test, scopex_detach(&orphan->detached), 0);
	EXPECT_EQ(test, module_refcount(THIS_MODULE), refs_idle + 1);
	wait_for_completion(&gate.reached);
	complete(&gate.go);
	scopex_detached_wait(&orphan->detached);
	scopex_detached_put(&orphan->detached);
	until_released(1);
}

static void refused_by_a_module_that_goes(struct scopex_test *test)
{
	static struct module going = { .state = MODULE_STATE_GOING };
	static atomic_t runs;
	struct orphan *orphan = orphan_new(test, &runs, NULL);

	if (!orphan)
		return;
	atomic_set(&runs, 0);
	atomic_set(&released, 0);
	orphan->detached.owner = &going;
	EXPECT_EQ(test, scopex_detach(&orphan->detached), -ENODEV);
	EXPECT_EQ(test, scopex_work_result(&orphan->detached.work), -ENODATA);
	scopex_detached_put(&orphan->detached);
	EXPECT_EQ(test, atomic_read(&released), 1);
	EXPECT_EQ(test, atomic_read(&runs), 0);
}

/* A detached item that submits another one to its own scope, and returns @ret. */
struct host {
	struct scopex_detached	detached;
	struct test_item	guest;
	int			ret;
	int			err;
};

static void host_release(struct scopex_detached *detached)
{
	atomic_inc(&released);
}

static int host_fn(struct scopex_detached *detached)
{
	struct host *host = container_of(detached, struct host, detached);

	if (!host->ret)
		host->err = scopex_submit(scopex_work_scope(&detached->work),
					  &host->guest.work);
	return host->ret;
}

static int detach_host(struct scopex_test *test, struct host *host, int ret)
{
	host->ret = ret;
	test_item_init(&host->guest);
	atomic_set(&released, 0);
	scopex_detached_init(&host->detached, host_fn, host_release);
	EXPECT_EQ(test, scopex_detach(&host->detached), 0);
	ret = scopex_detached_wait(&host->detached);
	scopex_detached_put(&host->detached);
	until_released(1);
	return ret;
}

static void mistakes_are_named(struct scopex_test *test)
{
	struct host *host = kzalloc(sizeof(*host), GFP_KERNEL);

	if (!EXPECT(test, host))
		return;
	EXPECT_WARNING("test_item_fn [scopex_test] to the scope of a detached item, host_fn",
		       EXPECT_EQ(test, detach_host(test, host, 0), 0));
	EXPECT_EQ(test, host->err, -EINVAL);
	EXPECT_EQ(test, atomic_read(&host->guest.runs), 0);
	EXPECT_EQ(test, scopex_work_result(&host->guest.work), -ENODATA);
	EXPECT_WARNING("item host_fn [scopex_test] of scope host_fn returned 1",
		       EXPECT_EQ(test, detach_host(test, host, 1), -EINVAL));
	kfree(host);
}

static const struct scopex_case detach_cases[] = {
	SCOPEX_CASE(waits_for_the_result),
	SCOPEX_CASE(outlives_who_submits_it),
	SCOPEX_CASE(many_are_released),
	SCOPEX_CASE(cancel_ends_what_runs),
	SCOPEX_CASE(cancel_ends_what_has_not_started),
	SCOPEX_CASE(cancel_reaches_its_scopes),
	SCOPEX_CASE(pins_its_module),
	SCOPEX_CASE(refused_by_a_module_that_goes),
	SCOPEX_CASE(is_not_submitted_twice),
	SCOPEX_CASE(mistakes_are_named),
};

SCOPEX_SUITE(detach, detach_cases);
