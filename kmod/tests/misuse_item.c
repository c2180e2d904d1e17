// SPDX-License-Identifier: GPL-2.0
/* Suite "misuse", in part: items and functions that break the rules */

#include <linux/scopex_detached.h>
#include <linux/scopex_loop.h>
#include <linux/slab.h>

#include "../state.h"
#include "test.h"

static int must_not_run(struct scopex_detached *detached)
{
	return -EIO;
}

static void nothing_to_release(struct scopex_detached *detached) { }

static void copied_detached_item(struct scopex_test *test)
{
	static struct scopex_detached original, copy;

	scopex_detached_init(&original, must_not_run, nothing_to_release);
	copy = original;
	EXPECT_WARNING("submits an item to what is no open scope",
		       EXPECT_EQ(test, scopex_detached_submit(&copy), -EINVAL));
	EXPECT_EQ(test, scopex_detached_result(&copy), -ENODATA);
	EXPECT_EQ(test, refcount_read(&copy.refs), 1);
	scopex_detached_put(&original);
}

static void item_without_function(struct scopex_test *test)
{
	struct scopex_work work = { };

	scopex_scope(s) {
		EXPECT_WARNING("submits an item without a function",
			       EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &work),
					 -EINVAL));
		EXPECT_EQ(test, scopex_join(s), 0);
	}
}

/* No item of the array is submitted or changed. */
static void array_without_a_function(struct scopex_test *test)
{
	struct test_item items[3];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(items); i++)
		test_item_init(&items[i]);
	scopex_work_init(&items[1].work, NULL);
	scopex_scope(s) {
		EXPECT_WARNING("submits an item without a function",
			       EXPECT_EQ(test, scopex_submit_array(s, SCOPEX_CPU_ANY, items,
								   ARRAY_SIZE(items), work),
					 -EINVAL));
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; i < ARRAY_SIZE(items); i++) {
		EXPECT_EQ(test, scopex_work_result(&items[i].work), -ENODATA);
		EXPECT_EQ(test, atomic_read(&items[i].runs), 0);
	}
}

static int no_chunk(const struct scopex_range *range)
{
	return 0;
}

static void loop_with_an_unknown_flag(struct scopex_test *test)
{
	EXPECT_WARNING("() has unknown flags 0x4",
		       EXPECT_EQ(test, scopex_for(0, 10, no_chunk,
						  .flags = SCOPEX_JOINABLE), 0));
}

static void result_that_is_no_errno(struct scopex_test *test)
{
	struct test_item item;

	test_item_init(&item);
	item.ret = 1;
	scopex_scope(odd) {
		EXPECT_WARNING("item test_item_fn [scopex_test] of scope odd returned 1",
			       EXPECT_EQ(test, scopex_submit_on(odd, SCOPEX_CPU_LOCAL, &item.work),
					 0);
			       EXPECT_EQ(test, scopex_join(odd), -EINVAL));
	}
	EXPECT_EQ(test, scopex_work_result(&item.work), -EINVAL);
}

/* What scopex_work_result() returns for a busy item, and for one never submitted. */
static void result_that_stands_for_none(struct scopex_test *test)
{
	static const int none[] = { -EINPROGRESS, -ENODATA };
	struct test_item item;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(none); i++) {
		test_item_init(&item);
		item.ret = none[i];
		scopex_scope(odd, .flags = SCOPEX_JOINABLE) {
			EXPECT_WARNING(", which stands for an item without a result",
				       EXPECT_EQ(test, scopex_submit(odd, &item.work), 0);
				       EXPECT_EQ(test, scopex_join_item(&item.work), -EINVAL));
			EXPECT_EQ(test, scopex_join(odd), -EINVAL);
		}
		EXPECT_EQ(test, scopex_work_result(&item.work), -EINVAL);
	}
}

static int returns_no_data(struct scopex_detached *detached)
{
	return -ENODATA;
}

/* A cancel would take such an item for one never submitted, and skip it. */
static void detached_result_that_stands_for_none(struct scopex_test *test)
{
	static struct scopex_detached detached;

	scopex_detached_init(&detached, returns_no_data, nothing_to_release);
	EXPECT_WARNING("item returns_no_data [scopex_test] of scope returns_no_data returned -61",
		       EXPECT_EQ(test, scopex_detached_submit(&detached), 0);
		       EXPECT_EQ(test, scopex_detached_wait(&detached), -EINVAL));
	EXPECT_EQ(test, scopex_detached_cancel(&detached), -EINVAL);
	EXPECT_EQ(test, scopex_detached_result(&detached), -EINVAL);
	scopex_detached_put(&detached);
}

static int in_progress(unsigned int cpu, void *arg)
{
	return -EINPROGRESS;
}

static int no_data(const struct scopex_range *range)
{
	return -ENODATA;
}

static int busy_body(struct scopex_scope *scope, void *arg)
{
	return -EINPROGRESS;
}

/* Calls that concern no item, or not its result, have errors of their own. */
static void other_functions_may_return_it(struct scopex_test *test)
{
	EXPECT_EQ(test, scopex_each_cpu(cpumask_of(test_this_cpu()), in_progress, NULL),
		  -EINPROGRESS);
	EXPECT_EQ(test, scopex_for(0, 10, no_data), -ENODATA);
	EXPECT_EQ(test, scopex_run(busy_body, NULL), -EINPROGRESS);
}

/* Does the kernel know which items are in use? */
#define TRACKED		IS_ENABLED(CONFIG_DEBUG_OBJECTS)

/* An item of a scope, queued behind one that is held at a gate, for somebody else's. */
struct queued_again {
	unsigned int		cpu;
	struct test_gate	gate;
	struct test_item	held;
	struct test_item	first;
	struct test_item	again;
	struct test_item	innocent;
};

/* Refused, as it is in its own queue still. */
static void init_queued(struct scopex_test *test, struct queued_again *queued,
			struct scopex_scope *innocent)
{
	scopex_work_init(&queued->again.work, test_item_fn);
	EXPECT(test, scopex_work_busy(&queued->again.work));
	EXPECT_EQ(test, scopex_submit_on(innocent, queued->cpu, &queued->again.work), -EBUSY);
	complete(&queued->gate.go);
	EXPECT_EQ(test, scopex_join(innocent), 0);
}

/* By hand: the test drops the reference that would be left over. */
static void overwrite_queued(struct scopex_test *test, struct queued_again *queued,
			     struct scopex_scope *innocent)
{
	queued->again.work.scope = NULL;
	queued->again.work.status = ENODATA;
	complete(&queued->gate.go);
	EXPECT_EQ(test, scopex_join(innocent), 0);
}

/* The other scope ends, and so does the misused one. */
static void initialise_queued(struct scopex_test *test, bool after_another, bool by_hand)
{
	struct queued_again queued = { .cpu = test_this_cpu() };

	test_gate_init(&queued.gate);
	test_item_init(&queued.held);
	test_item_init(&queued.first);
	test_item_init(&queued.again);
	test_item_init(&queued.innocent);
	queued.held.gate = &queued.gate;
	scopex_scope(guilty) {
		EXPECT_EQ(test, scopex_submit_on(guilty, queued.cpu, &queued.held.work), 0);
		wait_for_completion(&queued.gate.reached);
		if (after_another)
			EXPECT_EQ(test, scopex_submit_on(guilty, queued.cpu,
							 &queued.first.work), 0);
		EXPECT_EQ(test, scopex_submit_on(guilty, queued.cpu, &queued.again.work),
			  0);
		scopex_scope(innocent) {
			EXPECT_EQ(test, scopex_submit_on(innocent, queued.cpu,
							 &queued.innocent.work), 0);
			if (by_hand)
				EXPECT_WARNING("test_item_fn [scopex_test] was initialised again",
					       overwrite_queued(test, &queued, innocent));
			else
				EXPECT_WARNING(TRACKED ? "ODEBUG: init active" :
					       "which is in use by scope guilty of",
					       init_queued(test, &queued, innocent));
		}
		if (by_hand)
			atomic64_sub(SCOPEX_ONE, &guilty->state);
		EXPECT_EQ(test, scopex_join(guilty), 0);
	}
	EXPECT_EQ(test, atomic_read(&queued.held.runs), 1);
	EXPECT_EQ(test, atomic_read(&queued.first.runs), after_another);
	EXPECT_EQ(test, atomic_read(&queued.again.runs), !by_hand);
	EXPECT_EQ(test, atomic_read(&queued.innocent.runs), 1);
}

static void item_is_initialised_again(struct scopex_test *test)
{
	initialise_queued(test, false, false);
	initialise_queued(test, true, false);
}

#ifndef CONFIG_DEBUG_OBJECTS
static void item_is_overwritten_in_its_queue(struct scopex_test *test)
{
	initialise_queued(test, false, true);
	initialise_queued(test, true, true);
}
#endif

/* An item copies the object that it is in, for an item of another scope, or of its own. */
struct copying {
	struct scopex_work	work;
	unsigned int		depth;
	atomic_t		*runs;
};

static int copies_itself_fn(struct scopex_work *work)
{
	struct copying *copying = container_of(work, struct copying, work);
	struct copying copy = *copying;
	int err = 0;

	atomic_inc(copying->runs);
	if (!copy.depth--)
		return 0;
	scopex_work_init(&copy.work, copies_itself_fn);
	scopex_scope(s) {
		err = scopex_submit(s, &copy.work);
		err = err ?: scopex_join(s);
	}
	return err;
}

static void item_copies_itself(struct scopex_test *test)
{
	atomic_t runs = ATOMIC_INIT(0);
	struct copying first = {
		.work = SCOPEX_WORK_INIT(copies_itself_fn), .depth = 3, .runs = &runs,
	};

	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &first.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, atomic_read(&runs), 4);
}

/* Memory that once held an item is free to use, whatever is left of the item. */
static void memory_is_initialised(struct scopex_test *test)
{
	struct scopex_scope gone, *odd[] = { NULL, (void *)8, (void *)-8L, &gone };
	struct test_item item;
	unsigned int i;

	__scopex_open(&gone, &test_site, NULL);
	__scopex_close(&gone);
	for (i = 0; i < ARRAY_SIZE(odd); i++) {
		test_item_init(&item);
		item.work.status = SCOPEX_WORK_BUSY;
		item.work.scope = odd[i];
		scopex_work_init(&item.work, test_item_fn);
		EXPECT_EQ(test, scopex_work_result(&item.work), -ENODATA);
	}
	/* An open scope, which has no items. */
	scopex_scope(s) {
		item.work.status = SCOPEX_WORK_BUSY;
		item.work.scope = s;
		scopex_work_init(&item.work, test_item_fn);
		EXPECT_EQ(test, scopex_submit(s, &item.work), 0);
	}
	EXPECT_EQ(test, atomic_read(&item.runs), 1);
}

static int runs_once(struct scopex_detached *detached)
{
	return -ENXIO;
}

static void init_queued_detached(struct scopex_test *test, struct scopex_detached *detached,
				 struct test_gate *gate, struct scopex_scope *innocent)
{
	scopex_detached_init(detached, runs_once, nothing_to_release);
	complete_all(&gate->go);
	EXPECT_EQ(test, scopex_join(innocent), 0);
	EXPECT_EQ(test, scopex_detached_wait(detached), -ENXIO);
}

/* An item for each CPU that is held. */
static void submit_to_held(struct scopex_scope *scope, struct test_item *items)
{
	unsigned int cpu;

	for_each_online_cpu(cpu)
		if (!scopex_submit_on(scope, cpu, &items->work))
			items++;
}

/* The same with a detached item, which is between two others on every CPU. */
static void detached_item_is_initialised_again(struct scopex_test *test)
{
	static struct scopex_detached detached;
	struct test_item *items = test_items(3 * nr_cpu_ids);
	struct test_gate gate;
	unsigned int i, nr;

	if (!EXPECT(test, items))
		return;
	scopex_detached_init(&detached, runs_once, nothing_to_release);
	scopex_scope(innocent) {
		nr = test_hold_cpus(innocent, items, &gate);
		submit_to_held(innocent, items + nr_cpu_ids);
		EXPECT_EQ(test, scopex_detached_submit(&detached), 0);
		submit_to_held(innocent, items + 2 * nr_cpu_ids);
		EXPECT_WARNING(TRACKED ? "ODEBUG: init active" :
			       ", which is in use by scope runs_once of",
			       init_queued_detached(test, &detached, &gate, innocent));
	}
	for (i = 0; i < 3 * nr_cpu_ids; i++)
		EXPECT_EQ(test, atomic_read(&items[i].runs), i % nr_cpu_ids < nr);
	scopex_detached_put(&detached);
	kvfree(items);
}

#ifdef CONFIG_DEBUG_OBJECTS
/*
 * The status of an item that runs is overwritten, so that it looks free. The kernel knows
 * that it is in use, so it is not run twice at a time.
 */
static void item_is_overwritten(struct scopex_test *test)
{
	struct test_gate gate;
	struct test_item item;

	test_gated_item_init(&item, &gate);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &item.work), 0);
		wait_for_completion(&gate.reached);
		item.work = (struct scopex_work)SCOPEX_WORK_INIT(test_item_fn);
		EXPECT_WARNING("ODEBUG: init active",
			       EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &item.work),
					 -EBUSY));
		complete(&gate.go);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, atomic_read(&item.runs), 1);
}
#endif

/* The kernel keeps no record of a completed item, whatever its memory is used for. */
static void item_is_forgotten_when_it_is_out(struct scopex_test *test)
{
	unsigned int i, j;

	for (i = 0; i < 2; i++) {
		struct test_item *items = test_items(8);

		if (!EXPECT(test, items))
			return;
		scopex_scope(s) {
			EXPECT_EQ(test, scopex_submit_array(s, SCOPEX_CPU_ANY, items, 8, work),
				  0);
			EXPECT_EQ(test, scopex_join(s), 0);
			scopex_cancel(s, 0);
			EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &items[0].work),
				  -ECANCELED);
			EXPECT_EQ(test, scopex_submit_array(s, SCOPEX_CPU_ANY, items, 8, work),
				  -ECANCELED);
			for (j = 0; j < 8; j++)
				scopex_work_init(&items[j].work, test_item_fn);
		}
		kvfree(items);
	}
}

static const struct scopex_case misuse_item_cases[] = {
	SCOPEX_CASE(copied_detached_item),
	SCOPEX_CASE(item_without_function),
	SCOPEX_CASE(array_without_a_function),
	SCOPEX_CASE(loop_with_an_unknown_flag),
	SCOPEX_CASE(result_that_is_no_errno),
	SCOPEX_CASE(result_that_stands_for_none),
	SCOPEX_CASE(detached_result_that_stands_for_none),
	SCOPEX_CASE(other_functions_may_return_it),
	SCOPEX_CASE(item_is_initialised_again),
#ifndef CONFIG_DEBUG_OBJECTS
	SCOPEX_CASE(item_is_overwritten_in_its_queue),
#endif
	SCOPEX_CASE(item_copies_itself),
	SCOPEX_CASE(memory_is_initialised),
	SCOPEX_CASE(detached_item_is_initialised_again),
#ifdef CONFIG_DEBUG_OBJECTS
	SCOPEX_CASE(item_is_overwritten),
#endif
	SCOPEX_CASE(item_is_forgotten_when_it_is_out),
};

SCOPEX_SUITE_PART(misuse, misuse_item, misuse_item_cases);
