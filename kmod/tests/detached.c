// SPDX-License-Identifier: GPL-2.0
/* Suite "detached": items that outlive their submitter */

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/scopex_detached.h>
#include <linux/slab.h>

#include "detached.h"
#include "test.h"

atomic_t lones_released;

/* The module's references with no item detached, and at the last release. */
int refs_idle, refs_at_release;

void lone_release(struct scopex_detached *detached)
{
	/* Several may be released at a time. */
	WRITE_ONCE(refs_at_release, module_refcount(THIS_MODULE));
	atomic_inc(&lones_released);
	kfree(container_of(detached, struct lone, detached));
}

int lone_fn(struct scopex_detached *detached)
{
	struct lone *lone = container_of(detached, struct lone, detached);

	if (lone->gate) {
		complete(&lone->gate->reached);
		wait_for_completion(&lone->gate->go);
	}
	while (lone->until_cancelled && !scopex_detached_cancelled(detached))
		usleep_range(50, 200);
	atomic_inc(lone->runs);
	return lone->ret;
}

struct lone *lone_new(struct scopex_test *test, atomic_t *runs, struct test_gate *gate)
{
	struct lone *lone = kzalloc(sizeof(*lone), GFP_KERNEL);

	if (!EXPECT(test, lone))
		return NULL;
	scopex_detached_init(&lone->detached, lone_fn, lone_release);
	lone->runs = runs;
	lone->gate = gate;
	return lone;
}

/* The only item whose release is counted. */
struct lone *lone_at_gate(struct scopex_test *test, atomic_t *runs,
			  struct test_gate *gate)
{
	atomic_set(&lones_released, 0);
	test_gate_init(gate);
	return lone_new(test, runs, gate);
}

/* The worker drops its references after the items are completed, the module's last. */
void until_released(int nr)
{
	while (atomic_read(&lones_released) < nr || module_refcount(THIS_MODULE) != refs_idle)
		usleep_range(50, 200);
}

/* The result is stored, but the item's waiters are not woken yet. */
static void is_not_submitted_twice(struct scopex_test *test)
{
	int before = atomic_read(&lones_released);
	atomic_t runs = ATOMIC_INIT(0);
	struct lone *lone = lone_new(test, &runs, NULL);

	if (!lone)
		return;
	scopex_inject_set(SCOPEX_INJECT_COMPLETED, 20000);
	EXPECT_EQ(test, scopex_detached_submit(&lone->detached), 0);
	while (scopex_work_busy(&lone->detached.work))
		cond_resched();
	EXPECT_EQ(test, scopex_detached_submit(&lone->detached), -EBUSY);
	test_inject_end(test, SCOPEX_INJECT_COMPLETED);
	EXPECT_EQ(test, scopex_detached_wait(&lone->detached), 0);
	EXPECT_EQ(test, scopex_detached_submit(&lone->detached), -EBUSY);
	scopex_detached_put(&lone->detached);
	until_released(before + 1);
	EXPECT_EQ(test, atomic_read(&runs), 1);
}

static void waits_for_the_result(struct scopex_test *test)
{
	atomic_t runs = ATOMIC_INIT(0);
	struct lone *lone = lone_new(test, &runs, NULL);

	if (!lone)
		return;
	/* This is the first case, and each waits for the end of what it has detached. */
	refs_idle = module_refcount(THIS_MODULE);
	atomic_set(&lones_released, 0);
	lone->ret = -ECHRNG;
	EXPECT_EQ(test, scopex_detached_submit(&lone->detached), 0);
	EXPECT_EQ(test, scopex_detached_wait(&lone->detached), -ECHRNG);
	EXPECT_EQ(test, scopex_detached_wait(&lone->detached), -ECHRNG);
	EXPECT_EQ(test, scopex_detached_submit(&lone->detached), -EBUSY);
	EXPECT_EQ(test, atomic_read(&runs), 1);
	EXPECT_EQ(test, atomic_read(&lones_released), 0);
	scopex_detached_put(&lone->detached);
	until_released(1);
}

static void outlives_who_submits_it(struct scopex_test *test)
{
	static atomic_t runs;
	struct test_gate gate;
	struct lone *lone;

	atomic_set(&runs, 0);
	lone = lone_at_gate(test, &runs, &gate);
	if (!lone)
		return;
	EXPECT_EQ(test, scopex_detached_submit(&lone->detached), 0);
	wait_for_completion(&gate.reached);
	EXPECT_EQ(test, scopex_detached_submit(&lone->detached), -EBUSY);
	scopex_detached_put(&lone->detached);
	EXPECT_EQ(test, atomic_read(&lones_released), 0);
	complete(&gate.go);
	until_released(1);
	EXPECT_EQ(test, atomic_read(&runs), 1);
	/* The module with the release function stays as long as that runs. */
	EXPECT_EQ(test, refs_at_release, refs_idle + 1);
}

static void many_are_released(struct scopex_test *test)
{
	atomic_t runs = ATOMIC_INIT(0);
	int i, nr = 2000, made = 0;

	atomic_set(&lones_released, 0);
	for (i = 0; i < nr; i++) {
		struct lone *lone = lone_new(test, &runs, NULL);

		if (!lone)
			break;
		made += !scopex_detached_submit(&lone->detached);
		scopex_detached_put(&lone->detached);
	}
	until_released(nr);
	EXPECT_EQ(test, made, nr);
	EXPECT_EQ(test, atomic_read(&runs), nr);
}

static void cancel_ends_what_runs(struct scopex_test *test)
{
	atomic_t runs = ATOMIC_INIT(0);
	struct test_gate gate;
	struct lone *lone;

	lone = lone_at_gate(test, &runs, &gate);
	if (!lone)
		return;
	lone->until_cancelled = true;
	EXPECT_EQ(test, scopex_detached_submit(&lone->detached), 0);
	wait_for_completion(&gate.reached);
	complete(&gate.go);
	EXPECT_EQ(test, scopex_detached_cancel(&lone->detached), 0);
	EXPECT_EQ(test, atomic_read(&runs), 1);
	scopex_detached_put(&lone->detached);
	until_released(1);
}

/* Detached to any CPU: all CPUs are held, so the item does not start. */
static void cancel_ends_what_has_not_started(struct scopex_test *test)
{
	struct test_item *items = test_items(nr_cpu_ids);
	atomic_t runs = ATOMIC_INIT(0);
	struct test_gate gate;
	struct lone *lone;

	lone = lone_new(test, &runs, NULL);
	if (!EXPECT(test, items && lone))
		goto out;
	atomic_set(&lones_released, 0);
	scopex_scope(s) {
		EXPECT(test, test_hold_cpus(s, items, &gate));
		EXPECT_EQ(test, scopex_detached_submit(&lone->detached), 0);
		EXPECT_EQ(test, scopex_detached_cancel_nowait(&lone->detached), 0);
		EXPECT_EQ(test, scopex_detached_result(&lone->detached), -EINPROGRESS);
		complete_all(&gate.go);
		EXPECT_EQ(test, scopex_detached_cancel(&lone->detached),
			  -ECANCELED);
	}
	EXPECT_EQ(test, atomic_read(&runs), 0);
	scopex_detached_put(&lone->detached);
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
	atomic_inc(&lones_released);
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
	atomic_set(&lones_released, 0);
	init_completion(&parent->started);
	scopex_detached_init(&parent->detached, parent_fn, parent_release);
	EXPECT_EQ(test, scopex_detached_submit(&parent->detached), 0);
	wait_for_completion(&parent->started);
	EXPECT_EQ(test, scopex_detached_cancel(&parent->detached), 0);
	scopex_detached_put(&parent->detached);
	until_released(1);
	kfree(parent);
}

/* The refused call changes nothing: the item can be submitted afterwards. */
static void never_submitted(struct scopex_test *test)
{
	atomic_t runs = ATOMIC_INIT(0);
	struct lone *lone = lone_new(test, &runs, NULL);

	if (!lone)
		return;
	atomic_set(&lones_released, 0);
	EXPECT_EQ(test, scopex_detached_result(&lone->detached), -ENODATA);
	EXPECT_EQ(test, scopex_detached_wait(&lone->detached), -ENODATA);
	EXPECT_EQ(test, scopex_detached_cancel_nowait(&lone->detached), -ENODATA);
	EXPECT_EQ(test, scopex_detached_cancel(&lone->detached), -ENODATA);
	EXPECT(test, !scopex_detached_cancelled(&lone->detached));
	lone->ret = -ECHRNG;
	EXPECT_EQ(test, scopex_detached_submit(&lone->detached), 0);
	EXPECT_EQ(test, scopex_detached_wait(&lone->detached), -ECHRNG);
	EXPECT_EQ(test, scopex_detached_result(&lone->detached), -ECHRNG);
	EXPECT_EQ(test, atomic_read(&runs), 1);
	scopex_detached_put(&lone->detached);
	until_released(1);
}

static void cancel_does_not_wait(struct scopex_test *test)
{
	atomic_t runs = ATOMIC_INIT(0);
	struct test_gate gate;
	struct lone *lone;
	unsigned long flags;

	lone = lone_at_gate(test, &runs, &gate);
	if (!lone)
		return;
	lone->until_cancelled = true;
	EXPECT_EQ(test, scopex_detached_submit(&lone->detached), 0);
	wait_for_completion(&gate.reached);
	local_irq_save(flags);
	EXPECT_EQ(test, scopex_detached_cancel_nowait(&lone->detached), 0);
	EXPECT_EQ(test, scopex_detached_result(&lone->detached), -EINPROGRESS);
	local_irq_restore(flags);
	EXPECT_EQ(test, atomic_read(&runs), 0);
	complete(&gate.go);
	EXPECT_EQ(test, scopex_detached_wait(&lone->detached), 0);
	EXPECT_EQ(test, scopex_detached_result(&lone->detached), 0);
	/* A completed item has nothing to cancel. */
	EXPECT_EQ(test, scopex_detached_cancel_nowait(&lone->detached), 0);
	EXPECT_EQ(test, scopex_detached_cancel(&lone->detached), 0);
	EXPECT_EQ(test, atomic_read(&runs), 1);
	scopex_detached_put(&lone->detached);
	until_released(1);
}

static int detach_thread(void *data)
{
	struct lone *lone = data;
	int err = scopex_detached_submit(&lone->detached);

	test_thread_until_stopped();
	return err;
}

/* It is accepted, and ends like an item cancelled in the queue, as it has waiters. */
static void cancelled_while_it_is_submitted(struct scopex_test *test)
{
	static atomic_t runs;
	struct lone *lone = lone_new(test, &runs, NULL);
	struct task_struct *thread;
	int result;

	if (!lone)
		return;
	atomic_set(&runs, 0);
	atomic_set(&lones_released, 0);
	scopex_inject_set(SCOPEX_INJECT_TRYGET, SCOPEX_INJECT_HOLD);
	thread = test_thread(test, detach_thread, lone, nr_cpu_ids);
	while (thread && (TEST_INJECT ? !scopex_inject_hits(SCOPEX_INJECT_TRYGET) :
			  scopex_detached_result(&lone->detached) == -ENODATA))
		cond_resched();
	scopex_detached_cancel_nowait(&lone->detached);
	scopex_inject_release(SCOPEX_INJECT_TRYGET);
	result = scopex_detached_wait(&lone->detached);
	EXPECT(test, result == -ECANCELED || (!TEST_INJECT && !result));
	EXPECT_EQ(test, test_thread_stop(thread), 0);
	test_inject_end(test, SCOPEX_INJECT_TRYGET);
	EXPECT_EQ(test, atomic_read(&runs), result ? 0 : 1);
	scopex_detached_put(&lone->detached);
	until_released(1);
}

static const struct scopex_case detached_cases[] = {
	SCOPEX_CASE(waits_for_the_result),
	SCOPEX_CASE(outlives_who_submits_it),
	SCOPEX_CASE(many_are_released),
	SCOPEX_CASE(cancel_ends_what_runs),
	SCOPEX_CASE(cancel_ends_what_has_not_started),
	SCOPEX_CASE(cancel_reaches_its_scopes),
	SCOPEX_CASE(is_not_submitted_twice),
	SCOPEX_CASE(never_submitted),
	SCOPEX_CASE(cancel_does_not_wait),
	SCOPEX_CASE(cancelled_while_it_is_submitted),
};

SCOPEX_SUITE(detached, detached_cases);
