// SPDX-License-Identifier: GPL-2.0
/* Suite "walk", in part: a cancellation, or a look, meets a detached item */

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/scopex_detached.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../state.h"
#include "forest.h"
#include "test.h"

/* A detached item with many scopes below it. */
struct walked {
	struct scopex_detached	detached;
	struct scopex_test	*test;
	struct forest		forest;
	struct completion	grown;
	bool			elsewhere;
	atomic_t		*released;
};

static int walked_fn(struct scopex_detached *detached)
{
	struct walked *walked = container_of(detached, struct walked, detached);
	int err;

	/* The canceller keeps another CPU to itself. */
	walked->elsewhere = raw_smp_processor_id() != walked->forest.cpu;
	if (walked->elsewhere) {
		complete(&walked->grown);
		return 0;
	}
	scopex_will_block();
	scopex_scope(s) {
		EXPECT(walked->test, forest_grow(walked->test, s, &walked->forest));
		complete(&walked->grown);
		err = scopex_join(s);
	}
	kfree(walked->forest.nodes);
	return err;
}

/* Has a worker called the last release function, where that may sleep? */
static bool released_by_worker;

static void note_who_releases(void)
{
	released_by_worker = in_task() && !irqs_disabled() &&
			     !strncmp(current->comm, "scopex/", strlen("scopex/"));
}

static void walked_release(struct scopex_detached *detached)
{
	struct walked *walked = container_of(detached, struct walked, detached);
	atomic_t *released = walked->released;

	note_who_releases();
	kfree(walked);
	atomic_inc(released);
}

/* A detached item that runs on a CPU, with the forest below it; taken in turns. */
static struct walked *walked_start(struct scopex_test *test, unsigned int cpu,
				   atomic_t *released)
{
	struct walked *walked;
	bool elsewhere;

	do {
		walked = kzalloc(sizeof(*walked), GFP_KERNEL);
		if (!EXPECT(test, walked))
			return NULL;
		walked->test = test;
		walked->forest = star();
		walked->forest.cpu = cpu;
		walked->released = released;
		atomic_set(released, 0);
		init_completion(&walked->grown);
		scopex_detached_init(&walked->detached, walked_fn, walked_release);
		EXPECT_EQ(test, scopex_detached_submit(&walked->detached), 0);
		wait_for_completion(&walked->grown);
		elsewhere = walked->elsewhere;
		if (elsewhere) {
			scopex_detached_put(&walked->detached);
			while (!atomic_read(released))
				usleep_range(500, 1000);
		}
	} while (elsewhere);
	return walked;
}

static int lets_the_timer_be_last(void *data)
{
	struct walked *walked = data;
	struct scopex_test *test = walked->test;
	struct scopex_scope *scope = &walked->detached.scope;
	atomic_t *released = walked->released;
	bool pending;

	local_bh_disable();
	EXPECT_EQ(test, scopex_detached_cancel_nowait(&walked->detached), 0);
	pending = atomic64_read(&scope->state) & SCOPEX_WALK;
	WRITE_ONCE(walked->forest.felled, true);
	if (pending) {
		/* The scope's own reference and the walk's are left; the item's is dropped. */
		while (references(scope) > 2)
			cpu_relax();
		EXPECT(test, !completion_done(&walked->detached.done));
	}
	scopex_detached_put(&walked->detached);
	EXPECT(test, !pending || !atomic_read(released));
	local_bh_enable();
	while (!atomic_read(released))
		usleep_range(500, 1000);
	test_thread_until_stopped();
	return 0;
}

/* The timer drops the last reference, in a softirq; but the worker releases the item. */
static void walk_holds_a_detached_item(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu();
	atomic_t released;
	struct walked *walked = walked_start(test, cpu, &released);

	if (!walked)
		return;
	test_thread_stop(test_thread(test, lets_the_timer_be_last, walked,
				     test_other_cpu(cpu)));
	EXPECT_EQ(test, atomic_read(&released), 1);
	EXPECT(test, released_by_worker);
}

#ifdef CONFIG_SCOPEX_INJECT
static int cancels_detached(void *data)
{
	struct walked *walked = data;

	local_bh_disable();
	EXPECT_EQ(walked->test, scopex_detached_cancel_nowait(&walked->detached), 0);
	local_bh_enable();
	test_thread_until_stopped();
	return 0;
}

/*
 * All items end while a cancel is about to leave the rest to the timer. The detached item
 * must not be completed before that, or its reference would be dropped twice.
 */
static void detached_item_is_left_to_the_timer(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu();
	struct task_struct *thread;
	unsigned long end;
	atomic_t released;
	struct walked *walked = walked_start(test, cpu, &released);

	if (!walked)
		return;
	scopex_inject_set(SCOPEX_INJECT_WALK_LATER, SCOPEX_INJECT_HOLD);
	thread = test_thread(test, cancels_detached, walked, test_other_cpu(cpu));
	while (!IS_ENABLED(CONFIG_PREEMPT_RT) && !scopex_inject_hits(SCOPEX_INJECT_WALK_LATER))
		usleep_range(500, 1000);
	WRITE_ONCE(walked->forest.felled, true);
	/* Long enough for the detached item to end, if nothing holds it. */
	end = jiffies + HZ;
	while (time_before(jiffies, end) && !completion_done(&walked->detached.done))
		usleep_range(1000, 2000);
	EXPECT(test, IS_ENABLED(CONFIG_PREEMPT_RT) || !completion_done(&walked->detached.done));
	scopex_inject_set(SCOPEX_INJECT_WALK_LATER, 0);
	test_thread_stop(thread);
	EXPECT_EQ(test, scopex_detached_wait(&walked->detached), -ECANCELED);
	EXPECT_EQ(test, atomic_read(&released), 0);
	scopex_detached_put(&walked->detached);
	while (!atomic_read(&released))
		usleep_range(500, 1000);
}

/* A detached item that has opened a scope, and so is in the list of open scopes. */
struct listed {
	struct scopex_detached	detached;
	struct test_gate	gate;
	struct completion	released;
	unsigned int		cpu;
};

static int listed_fn(struct scopex_detached *detached)
{
	struct listed *listed = container_of(detached, struct listed, detached);

	scopex_scope(s) {
	}
	listed->cpu = raw_smp_processor_id();
	complete(&listed->gate.reached);
	/* No item is queued behind it, and it keeps the queue. */
	wait_for_completion(&listed->gate.go);
	return 0;
}

static void listed_release(struct scopex_detached *detached)
{
	note_who_releases();
	complete(&container_of(detached, struct listed, detached)->released);
}

static void listed_start(struct scopex_test *test, struct listed *listed)
{
	test_gate_init(&listed->gate);
	init_completion(&listed->released);
	scopex_detached_init(&listed->detached, listed_fn, listed_release);
	if (EXPECT_EQ(test, scopex_detached_submit(&listed->detached), 0))
		wait_for_completion(&listed->gate.reached);
}

static void listed_end(struct listed *listed)
{
	complete(&listed->gate.go);
	scopex_detached_put(&listed->detached);
	wait_for_completion(&listed->released);
}

/* A look holds the completed item: other items of its CPU run, and it is not released. */
static void others_run_under_a_look(struct scopex_test *test, struct listed *listed)
{
	struct test_item other;

	test_item_init(&other);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, listed->cpu, &other.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT(test, !completion_done(&listed->detached.done));
	EXPECT(test, !completion_done(&listed->released));
}

/*
 * Hazard 13: the item ends, and its scope is taken out of the list, while a look holds the
 * scope, whose reference is then the last one. The worker hands over while it waits for the
 * look, and then releases the item.
 */
static void end_under_a_look(struct scopex_test *test, struct listed *listed)
{
	struct hlist_node *node = &listed->detached.scope.node;
	struct hlist_node **link = READ_ONCE(node->pprev);

	EXPECT(test, link);
	scopex_inject_set(SCOPEX_INJECT_VISIT, SCOPEX_INJECT_HOLD);
	while (!scopex_inject_hits(SCOPEX_INJECT_VISIT))
		usleep_range(500, 1000);
	complete(&listed->gate.go);
	while (READ_ONCE(node->pprev) == link)
		usleep_range(500, 1000);
	scopex_detached_put(&listed->detached);
	others_run_under_a_look(test, listed);
	test_inject_end(test, SCOPEX_INJECT_VISIT);
	wait_for_completion(&listed->released);
	EXPECT(test, released_by_worker);
}

/* So often that injected-walk.sh can see in the counters that the wait hands over itself. */
static void detached_item_ends_under_a_look(struct scopex_test *test)
{
	struct listed *listed = kzalloc(sizeof(*listed), GFP_KERNEL);
	unsigned int cpu = test_this_cpu(), i;

	if (!EXPECT(test, listed))
		return;
	for (i = 0; i < 40 && !scopex_test_failed(test); i++) {
		/* Not on the CPU of the look, which may keep it to itself while held. */
		listed_start(test, listed);
		while (listed->cpu != cpu && !scopex_test_failed(test)) {
			listed_end(listed);
			listed_start(test, listed);
		}
		end_under_a_look(test, listed);
	}
	kfree(listed);
}
#endif

static const struct scopex_case walk_detached_cases[] = {
	SCOPEX_CASE(walk_holds_a_detached_item),
#ifdef CONFIG_SCOPEX_INJECT
	SCOPEX_CASE(detached_item_is_left_to_the_timer),
	SCOPEX_CASE(detached_item_ends_under_a_look),
#endif
};

SCOPEX_SUITE_PART(walk, walk_detached, walk_detached_cases);
