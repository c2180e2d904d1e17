// SPDX-License-Identifier: GPL-2.0
/* Suite "detached", in part: mistakes, which are refused and named */

#include <linux/completion.h>
#include <linux/module.h>
#include <linux/scopex_detached.h>
#include <linux/scopex_loop.h>
#include <linux/slab.h>

#include "detached.h"
#include "test.h"

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
	atomic_inc(&lones_released);
}

static int host_fn(struct scopex_detached *detached)
{
	struct host *host = container_of(detached, struct host, detached);

	/* The worker owns the item's scope, but waits for it only after the item. */
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
	atomic_set(&lones_released, 0);
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

/* Not inlined, and not called by a tail call, as the warning has to name it. */
static noinline void waits_for_a_copy(struct scopex_test *test, struct scopex_detached *copy)
{
	EXPECT_EQ(test, scopex_detached_wait(copy), -EINVAL);
}

/* A copy of an item that has not ended: neither the copy nor the item is changed. */
static void use_copy(struct scopex_test *test, struct lone *copy)
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

/* A refused submit drops the references that it has taken. */
static void detach_copy(struct scopex_test *test, struct lone *copy)
{
	EXPECT_WARNING("submits an item to what is no open scope",
		       EXPECT_EQ(test, scopex_detached_submit(&copy->detached), -EINVAL));
	/* If the reference is still held, the other cases must not wait for it. */
	if (!EXPECT_EQ(test, module_refcount(THIS_MODULE), refs_idle))
		refs_idle = module_refcount(THIS_MODULE);
	EXPECT_EQ(test, refcount_read(&copy->detached.refs), 1);
}

static void copy_is_told_from_the_item(struct scopex_test *test)
{
	struct lone *copy = kzalloc(sizeof(*copy), GFP_KERNEL);
	atomic_t runs = ATOMIC_INIT(0);
	struct test_gate gate;
	struct lone *lone;

	lone = lone_at_gate(test, &runs, &gate);
	if (!EXPECT(test, lone && copy))
		goto out;
	*copy = *lone;
	detach_copy(test, copy);
	EXPECT_EQ(test, scopex_detached_submit(&lone->detached), 0);
	wait_for_completion(&gate.reached);
	*copy = *lone;
	/* The item looks as if it had its creator's reference only. */
	refcount_set(&copy->detached.refs, 1);
	use_copy(test, copy);
	EXPECT_EQ(test, atomic_read(&lones_released), 0);
	complete(&gate.go);
	EXPECT_EQ(test, scopex_detached_wait(&lone->detached), 0);
	scopex_detached_put(&lone->detached);
	until_released(1);
out:
	kfree(copy);
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

/* No tail call, as the warning names the caller. */
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
	/* The right way. */
	EXPECT_EQ(narcissus->test, scopex_detached_cancel_nowait(detached), 0);
	return scopex_detached_cancelled(detached) ? -ECHRNG : 0;
}

static void narcissus_release(struct scopex_detached *detached)
{
	atomic_inc(&lones_released);
}

static void run_narcissus(struct scopex_test *test, int (*how)(struct narcissus *narcissus),
			  int (*wait)(struct scopex_detached *detached))
{
	struct narcissus *narcissus = kzalloc(sizeof(*narcissus), GFP_KERNEL);

	if (!EXPECT(test, narcissus))
		return;
	atomic_set(&lones_released, 0);
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

static const struct scopex_case detached_misuse_cases[] = {
	SCOPEX_CASE(waits_for_itself),
	SCOPEX_CASE(copy_is_told_from_the_item),
	SCOPEX_CASE(mistakes_are_named),
};

SCOPEX_SUITE_PART(detached, detached_misuse, detached_misuse_cases);
