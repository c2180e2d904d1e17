// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "detach": items that outlive who submits them. Suite "release": what a release
 * function may do, also where an item has no other worker. Suite "lingers": a release
 * that takes its time. Suite "coming": items of modules that are being loaded.
 */

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/scopex_detached.h>
#include <linux/scopex_loop.h>
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

/* The only one that is counted when it is released. */
static struct orphan *orphan_at_gate(struct scopex_test *test, atomic_t *runs,
				     struct test_gate *gate)
{
	atomic_set(&released, 0);
	test_gate_init(gate);
	return orphan_new(test, runs, gate);
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
	scopex_inject_set(SCOPEX_INJECT_COMPLETED, 20000);
	EXPECT_EQ(test, scopex_detached_submit(&orphan->detached), 0);
	while (scopex_work_busy(&orphan->detached.work))
		cond_resched();
	EXPECT_EQ(test, scopex_detached_submit(&orphan->detached), -EBUSY);
	test_inject_end(test, SCOPEX_INJECT_COMPLETED);
	EXPECT_EQ(test, scopex_detached_wait(&orphan->detached), 0);
	EXPECT_EQ(test, scopex_detached_submit(&orphan->detached), -EBUSY);
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
	EXPECT_EQ(test, scopex_detached_submit(&orphan->detached), 0);
	EXPECT_EQ(test, scopex_detached_wait(&orphan->detached), -ECHRNG);
	EXPECT_EQ(test, scopex_detached_wait(&orphan->detached), -ECHRNG);
	EXPECT_EQ(test, scopex_detached_submit(&orphan->detached), -EBUSY);
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
	orphan = orphan_at_gate(test, &runs, &gate);
	if (!orphan)
		return;
	EXPECT_EQ(test, scopex_detached_submit(&orphan->detached), 0);
	wait_for_completion(&gate.reached);
	EXPECT_EQ(test, scopex_detached_submit(&orphan->detached), -EBUSY);
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
		made += !scopex_detached_submit(&orphan->detached);
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

	orphan = orphan_at_gate(test, &runs, &gate);
	if (!orphan)
		return;
	orphan->until_cancelled = true;
	EXPECT_EQ(test, scopex_detached_submit(&orphan->detached), 0);
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
		EXPECT_EQ(test, scopex_detached_submit(&orphan->detached), 0);
		EXPECT_EQ(test, scopex_detached_cancel_nowait(&orphan->detached), 0);
		EXPECT_EQ(test, scopex_detached_result(&orphan->detached), -EINPROGRESS);
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
		parent->err = scopex_submit(s, &child);
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
	EXPECT_EQ(test, scopex_detached_submit(&parent->detached), 0);
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

	orphan = orphan_at_gate(test, &runs, &gate);
	if (!orphan)
		return;
	EXPECT_EQ(test, module_refcount(THIS_MODULE), refs_idle);
	EXPECT_EQ(test, scopex_detached_submit(&orphan->detached), 0);
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
	EXPECT_EQ(test, scopex_detached_submit(&orphan->detached), -ENODEV);
	EXPECT_EQ(test, scopex_work_result(&orphan->detached.work), -ENODATA);
	scopex_detached_put(&orphan->detached);
	EXPECT_EQ(test, atomic_read(&released), 1);
	EXPECT_EQ(test, atomic_read(&runs), 0);
}

/* A detached item that joins its own scope, or submits another one to it, and returns @ret. */
struct host {
	struct scopex_detached	detached;
	struct test_item	guest;
	int			ret;
	int			err;
	bool			joins;
};

static void host_release(struct scopex_detached *detached)
{
	atomic_inc(&released);
}

static int host_fn(struct scopex_detached *detached)
{
	struct host *host = container_of(detached, struct host, detached);

	/* Its worker owns its scope, but does not wait for it before the item is out. */
	if (host->joins)
		host->err = scopex_join(scopex_work_scope(&detached->work));
	else if (!host->ret)
		host->err = scopex_submit_on(scopex_work_scope(&detached->work), SCOPEX_CPU_LOCAL,
					     &host->guest.work);
	return host->ret;
}

static int detach_host(struct scopex_test *test, struct host *host, int ret)
{
	host->ret = ret;
	test_item_init(&host->guest);
	atomic_set(&released, 0);
	scopex_detached_init(&host->detached, host_fn, host_release);
	EXPECT_EQ(test, scopex_detached_submit(&host->detached), 0);
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
	host->joins = true;
	EXPECT_WARNING("in an item of that scope, which would wait for itself",
		       EXPECT_EQ(test, detach_host(test, host, 0), 0));
	EXPECT_EQ(test, host->err, -EDEADLK);
	kfree(host);
}

/* Neither inlined, nor is its call a tail call: the warning names it. */
static noinline void waits_for_a_copy(struct scopex_test *test, struct scopex_detached *copy)
{
	EXPECT_EQ(test, scopex_detached_wait(copy), -EINVAL);
}

/* Of an item that does not end before; nothing is done to the copy, nor to the item. */
static void use_copy(struct scopex_test *test, struct orphan *copy)
{
	static const char named[] = "what is no detached item, or a copy of one";
	struct scopex_detached *detached = &copy->detached;

	EXPECT_WARNING("waits_for_a_copy", waits_for_a_copy(test, detached));
	EXPECT_WARNING(named, EXPECT_EQ(test, scopex_detached_cancel(detached), -EINVAL));
	EXPECT_WARNING(named,
		       EXPECT_EQ(test, scopex_detached_cancel_nowait(detached), -EINVAL));
	EXPECT(test, !scopex_detached_cancelled(detached));
	EXPECT_WARNING(named, scopex_detached_get(detached));
	EXPECT_EQ(test, refcount_read(&detached->refs), 1);
	EXPECT_WARNING(named, scopex_detached_put(detached));
	EXPECT_EQ(test, refcount_read(&detached->refs), 1);
}

/* What a submit takes it gives back if it is refused. */
static void detach_copy(struct scopex_test *test, struct orphan *copy)
{
	EXPECT_WARNING("submits an item to what is no open scope",
		       EXPECT_EQ(test, scopex_detached_submit(&copy->detached), -EINVAL));
	/* If it is not given back, the other cases do not wait for it. */
	if (!EXPECT_EQ(test, module_refcount(THIS_MODULE), refs_idle))
		refs_idle = module_refcount(THIS_MODULE);
	EXPECT_EQ(test, refcount_read(&copy->detached.refs), 1);
}

static void copy_is_told_from_the_item(struct scopex_test *test)
{
	struct orphan *copy = kzalloc(sizeof(*copy), GFP_KERNEL);
	atomic_t runs = ATOMIC_INIT(0);
	struct test_gate gate;
	struct orphan *orphan;

	orphan = orphan_at_gate(test, &runs, &gate);
	if (!EXPECT(test, orphan && copy))
		goto out;
	*copy = *orphan;
	detach_copy(test, copy);
	EXPECT_EQ(test, scopex_detached_submit(&orphan->detached), 0);
	wait_for_completion(&gate.reached);
	*copy = *orphan;
	/* As one that has just the reference of its creator. */
	refcount_set(&copy->detached.refs, 1);
	use_copy(test, copy);
	EXPECT_EQ(test, atomic_read(&released), 0);
	complete(&gate.go);
	EXPECT_EQ(test, scopex_detached_wait(&orphan->detached), 0);
	scopex_detached_put(&orphan->detached);
	until_released(1);
out:
	kfree(copy);
}

/* Nothing is changed by that: it can be submitted afterwards. */
static void never_submitted(struct scopex_test *test)
{
	atomic_t runs = ATOMIC_INIT(0);
	struct orphan *orphan = orphan_new(test, &runs, NULL);

	if (!orphan)
		return;
	atomic_set(&released, 0);
	EXPECT_EQ(test, scopex_detached_result(&orphan->detached), -ENODATA);
	EXPECT_EQ(test, scopex_detached_wait(&orphan->detached), -ENODATA);
	EXPECT_EQ(test, scopex_detached_cancel_nowait(&orphan->detached), -ENODATA);
	EXPECT_EQ(test, scopex_detached_cancel(&orphan->detached), -ENODATA);
	EXPECT(test, !scopex_detached_cancelled(&orphan->detached));
	orphan->ret = -ECHRNG;
	EXPECT_EQ(test, scopex_detached_submit(&orphan->detached), 0);
	EXPECT_EQ(test, scopex_detached_wait(&orphan->detached), -ECHRNG);
	EXPECT_EQ(test, scopex_detached_result(&orphan->detached), -ECHRNG);
	EXPECT_EQ(test, atomic_read(&runs), 1);
	scopex_detached_put(&orphan->detached);
	until_released(1);
}

static void cancel_does_not_wait(struct scopex_test *test)
{
	atomic_t runs = ATOMIC_INIT(0);
	struct test_gate gate;
	struct orphan *orphan;
	unsigned long flags;

	orphan = orphan_at_gate(test, &runs, &gate);
	if (!orphan)
		return;
	orphan->until_cancelled = true;
	EXPECT_EQ(test, scopex_detached_submit(&orphan->detached), 0);
	wait_for_completion(&gate.reached);
	local_irq_save(flags);
	EXPECT_EQ(test, scopex_detached_cancel_nowait(&orphan->detached), 0);
	EXPECT_EQ(test, scopex_detached_result(&orphan->detached), -EINPROGRESS);
	local_irq_restore(flags);
	EXPECT_EQ(test, atomic_read(&runs), 0);
	complete(&gate.go);
	EXPECT_EQ(test, scopex_detached_wait(&orphan->detached), 0);
	EXPECT_EQ(test, scopex_detached_result(&orphan->detached), 0);
	/* It is out, and so has nothing to lose. */
	EXPECT_EQ(test, scopex_detached_cancel_nowait(&orphan->detached), 0);
	EXPECT_EQ(test, scopex_detached_cancel(&orphan->detached), 0);
	EXPECT_EQ(test, atomic_read(&runs), 1);
	scopex_detached_put(&orphan->detached);
	until_released(1);
}

static int detach_thread(void *data)
{
	struct orphan *orphan = data;
	int err = scopex_detached_submit(&orphan->detached);

	test_thread_until_stopped();
	return err;
}

/* It is accepted, and ends as one that was cancelled in the queue: it has waiters. */
static void cancelled_while_it_is_submitted(struct scopex_test *test)
{
	static atomic_t runs;
	struct orphan *orphan = orphan_new(test, &runs, NULL);
	struct task_struct *thread;
	int result;

	if (!orphan)
		return;
	atomic_set(&runs, 0);
	atomic_set(&released, 0);
	scopex_inject_set(SCOPEX_INJECT_TRYGET, 20000);
	thread = test_thread(test, detach_thread, orphan, nr_cpu_ids);
	while (thread && scopex_detached_result(&orphan->detached) == -ENODATA)
		cond_resched();
	scopex_detached_cancel_nowait(&orphan->detached);
	result = scopex_detached_wait(&orphan->detached);
	EXPECT(test, result == -ECANCELED || (!TEST_INJECT && !result));
	EXPECT_EQ(test, test_thread_stop(thread), 0);
	test_inject_end(test, SCOPEX_INJECT_TRYGET);
	EXPECT_EQ(test, atomic_read(&runs), result ? 0 : 1);
	scopex_detached_put(&orphan->detached);
	until_released(1);
}

/* An item that waits for itself, in one way or the other */
struct narcissus {
	struct scopex_detached	detached;
	struct scopex_work	nested;
	struct scopex_test	*test;
	int			(*wait)(struct scopex_detached *detached);
	int			(*how)(struct narcissus *narcissus);
	int			err;
	bool			cancelled;
};

/* No tail call: the warning names who has called. */
static int narcissus_itself(struct narcissus *narcissus)
{
	narcissus->err = narcissus->wait(&narcissus->detached);
	return 0;
}

static int narcissus_nested_fn(struct scopex_work *work)
{
	return narcissus_itself(container_of(work, struct narcissus, nested));
}

static int narcissus_nested(struct narcissus *narcissus)
{
	int err = 0;

	scopex_work_init(&narcissus->nested, narcissus_nested_fn);
	scopex_scope(s)
		err = scopex_submit(s, &narcissus->nested) ?: scopex_join(s);
	return err;
}

static int narcissus_part(const struct scopex_range *range)
{
	return narcissus_nested(range->arg);
}

static int narcissus_loop(struct narcissus *narcissus)
{
	return scopex_for(0, 1, narcissus_part, .arg = narcissus);
}

static int narcissus_fn(struct scopex_detached *detached)
{
	struct narcissus *narcissus = container_of(detached, struct narcissus, detached);

	EXPECT_EQ(narcissus->test, narcissus->how(narcissus), 0);
	narcissus->cancelled = scopex_detached_cancelled(detached);
	/* This is how. */
	EXPECT_EQ(narcissus->test, scopex_detached_cancel_nowait(detached), 0);
	return scopex_detached_cancelled(detached) ? -ECHRNG : 0;
}

static void narcissus_release(struct scopex_detached *detached)
{
	atomic_inc(&released);
}

static void run_narcissus(struct scopex_test *test, int (*how)(struct narcissus *narcissus),
			  int (*wait)(struct scopex_detached *detached))
{
	struct narcissus *narcissus = kzalloc(sizeof(*narcissus), GFP_KERNEL);

	if (!EXPECT(test, narcissus))
		return;
	atomic_set(&released, 0);
	scopex_detached_init(&narcissus->detached, narcissus_fn, narcissus_release);
	narcissus->test = test;
	narcissus->how = how;
	narcissus->wait = wait;
	EXPECT_EQ(test, scopex_detached_submit(&narcissus->detached), 0);
	EXPECT_EQ(test, scopex_detached_wait(&narcissus->detached), -ECHRNG);
	EXPECT_EQ(test, narcissus->err, -EDEADLK);
	EXPECT(test, !narcissus->cancelled);
	scopex_detached_put(&narcissus->detached);
	until_released(1);
	kfree(narcissus);
}

static void waits_for_itself(struct scopex_test *test)
{
	static const char named[] =
		"detached item narcissus_fn [scopex_test] waits for itself, in narcissus_";

	EXPECT_WARNING(named,
		       run_narcissus(test, narcissus_itself, scopex_detached_wait));
	EXPECT_WARNING(named,
		       run_narcissus(test, narcissus_itself, scopex_detached_cancel));
	EXPECT_WARNING(named,
		       run_narcissus(test, narcissus_nested, scopex_detached_wait));
	EXPECT_WARNING(named,
		       run_narcissus(test, narcissus_loop, scopex_detached_cancel));
}

/* What was torn down by a release function, whose object is gone */
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

/* To this CPU, where an item can only start when the worker lets it. */
static void tears_down(struct scopex_detached *detached)
{
	struct scopex_work outer;
	struct test_item item;

	kfree(container_of(detached, struct orphan, detached));
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
	atomic_inc(&released);
}

static void tears_down_by_detached(struct scopex_detached *detached)
{
	struct orphan *helper = kzalloc(sizeof(*helper), GFP_KERNEL);
	static atomic_t runs;

	tears_down(detached);
	torn.detached = -ENOMEM;
	if (helper) {
		scopex_detached_init(&helper->detached, orphan_fn, orphan_release);
		helper->runs = &runs;
		torn.detached = scopex_detached_submit(&helper->detached) ?:
				scopex_detached_wait(&helper->detached);
		scopex_detached_put(&helper->detached);
	}
	atomic_inc(&released);
}

/* By the worker, after an item that was cancelled */
static void release_by(struct scopex_test *test, void (*release)(struct scopex_detached *d),
		       int releases)
{
	static atomic_t runs;
	struct orphan *orphan;

	torn = (typeof(torn)){ .scope = 1, .nested = 1, .loop = 1 };
	atomic_set(&runs, 0);
	atomic_set(&released, 0);
	refs_idle = module_refcount(THIS_MODULE);
	test_gate_init(&torn.gate);
	orphan = orphan_new(test, &runs, &torn.gate);
	if (!orphan)
		return;
	orphan->detached.release = release;
	orphan->until_cancelled = true;
	EXPECT_EQ(test, scopex_detached_submit(&orphan->detached), 0);
	wait_for_completion(&torn.gate.reached);
	EXPECT_EQ(test, scopex_detached_cancel_nowait(&orphan->detached), 0);
	scopex_detached_put(&orphan->detached);
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

/* So often that detach.sh can tell whether each wait hands over by itself. */
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
	kfree(container_of(detached, struct orphan, detached));
	scopex_test_until_released();
	atomic_inc(&released);
}

static void release_lingers(struct scopex_test *test)
{
	static atomic_t runs;
	struct test_gate gate;
	struct orphan *orphan;

	atomic_set(&released, 0);
	refs_idle = module_refcount(THIS_MODULE);
	test_gate_init(&gate);
	orphan = orphan_new(test, &runs, &gate);
	if (!orphan)
		return;
	orphan->detached.release = lingering_release;
	EXPECT_EQ(test, scopex_detached_submit(&orphan->detached), 0);
	wait_for_completion(&gate.reached);
	scopex_detached_put(&orphan->detached);
	complete(&gate.go);
	until_released(1);
}

static const struct scopex_case lingers_cases[] = {
	SCOPEX_CASE(release_lingers),
};

SCOPEX_SUITE(lingers, lingers_cases);

#if defined(CONFIG_MODULES) && defined(CONFIG_MODULE_UNLOAD)
/* As many counters as detach.c has. */
#define COMING_BITS	4
#define COMING		BIT(COMING_BITS)

/* So many addresses that each counter is the one of some. */
#define COMING_MODULES	512

/* Items that were detached by as many modules in their init, and do not end. */
struct coming {
	struct module		*module;
	struct scopex_detached	detached[COMING];
	struct completion	go;
};

static struct coming *coming;

static int coming_fn(struct scopex_detached *detached)
{
	scopex_will_block();
	wait_for_completion(&coming->go);
	return 0;
}

static void coming_release(struct scopex_detached *detached)
{
}

static void coming_detach(struct scopex_test *test, struct module *module)
{
	struct scopex_detached *detached = &coming->detached[hash_ptr(module, COMING_BITS)];

	if (detached->owner)
		return;
	module->state = MODULE_STATE_COMING;
	/* One is the module's own. */
	atomic_set(&module->refcnt, 1);
	scopex_detached_init(detached, coming_fn, coming_release);
	detached->owner = module;
	EXPECT_EQ(test, scopex_detached_submit(detached), 0);
}

/* Nothing but the address of these modules is used, and their count. */
static void coming_hold(struct scopex_test *test)
{
	unsigned int i;

	init_completion(&coming->go);
	for (i = 0; i < COMING_MODULES; i++)
		coming_detach(test, &coming->module[i]);
	scopex_test_until_released();
	complete_all(&coming->go);
	for (i = 0; i < COMING; i++) {
		if (!EXPECT(test, coming->detached[i].owner))
			continue;
		EXPECT_EQ(test, scopex_detached_wait(&coming->detached[i]), 0);
		while (atomic_read(&coming->detached[i].owner->refcnt) > 1)
			usleep_range(50, 200);
		scopex_detached_put(&coming->detached[i]);
	}
}

static void items_of_others_are_coming(struct scopex_test *test)
{
	coming = kzalloc(sizeof(*coming), GFP_KERNEL);
	if (!EXPECT(test, coming))
		return;
	coming->module = kvcalloc(COMING_MODULES, sizeof(*coming->module), GFP_KERNEL);
	if (EXPECT(test, coming->module))
		coming_hold(test);
	kvfree(coming->module);
	kfree(coming);
}
#else
static void items_of_others_are_coming(struct scopex_test *test)
{
	scopex_test_skip(test, "needs modules that can be unloaded");
}
#endif

static const struct scopex_case coming_cases[] = {
	SCOPEX_CASE(items_of_others_are_coming),
};

SCOPEX_SUITE(coming, coming_cases);

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
	SCOPEX_CASE(never_submitted),
	SCOPEX_CASE(cancel_does_not_wait),
	SCOPEX_CASE(cancelled_while_it_is_submitted),
	SCOPEX_CASE(release_detaches),
	SCOPEX_CASE(waits_for_itself),
	SCOPEX_CASE(copy_is_told_from_the_item),
	SCOPEX_CASE(mistakes_are_named),
};

SCOPEX_SUITE(detach, detach_cases);
