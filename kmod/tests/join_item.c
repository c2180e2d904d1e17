// SPDX-License-Identifier: GPL-2.0
/* Suite "options", in part: scopes that are joinable, and the wait for one item */

#include <linux/completion.h>
#include <linux/delay.h>

#include "test.h"

/* Other items go on while one is joined, and are joined later. */
static void joins_one_of_many(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu(), i;
	struct test_item first, others[8];
	struct test_gate gate;

	test_gate_init(&gate);
	test_item_init(&first);
	first.ret = -EXFULL;
	scopex_scope(s, .flags = SCOPEX_JOINABLE) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &first.work), 0);
		for (i = 0; i < ARRAY_SIZE(others); i++) {
			test_item_init(&others[i]);
			others[i].gate = &gate;
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &others[i].work), 0);
			others[i].gate = i ? NULL : &gate;
		}
		/* The next one in the same batch waits until this has returned. */
		EXPECT_EQ(test, scopex_join_item(&first.work), -EXFULL);
		EXPECT_EQ(test, atomic_read(&first.runs), 1);
		wait_for_completion(&gate.reached);
		EXPECT(test, scopex_work_busy(&others[1].work));
		/* A joined item may be used again at once. */
		first.ret = 0;
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &first.work), 0);
		complete_all(&gate.go);
		EXPECT_EQ(test, scopex_join_item(&first.work), 0);
		EXPECT_EQ(test, scopex_join(s), -EXFULL);
	}
	EXPECT_EQ(test, atomic_read(&first.runs), 2);
	for (i = 0; i < ARRAY_SIZE(others); i++)
		EXPECT_EQ(test, atomic_read(&others[i].runs), 1);
}

static void join_item_again_and_again(struct scopex_test *test)
{
	struct test_item item;
	unsigned int i;

	test_item_init(&item);
	scopex_scope(s, .flags = SCOPEX_JOINABLE) {
		EXPECT_EQ(test, scopex_join_item(&item.work), -ENODATA);
		for (i = 0; i < 5000; i++) {
			EXPECT_EQ(test, scopex_submit(s, &item.work), 0);
			EXPECT_EQ(test, scopex_join_item(&item.work), 0);
		}
		EXPECT_EQ(test, scopex_join_item(&item.work), 0);
	}
	EXPECT_EQ(test, atomic_read(&item.runs), 5000);
}

static int joins_inner_fn(struct scopex_work *work)
{
	struct test_item inner;
	int err = 0, i;

	test_item_init(&inner);
	scopex_scope(s, .flags = SCOPEX_JOINABLE) {
		for (i = 0; i < 20 && !err; i++) {
			err = scopex_submit_on(s, SCOPEX_CPU_LOCAL, &inner.work);
			err = err ?: scopex_join_item(&inner.work);
		}
	}
	return err ?: atomic_read(&inner.runs) == 20 ? 0 : -EIO;
}

/* The item that is joined is queued behind the one that joins it. */
static void join_item_in_an_item(struct scopex_test *test)
{
	struct scopex_work work;

	scopex_work_init(&work, joins_inner_fn);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
}

static bool join_item_deadline(struct scopex_test *test, unsigned int ms)
{
	unsigned int cpu = test_this_cpu();
	struct test_item gated, behind;
	struct test_gate gate;
	bool ok = false;

	test_gate_init(&gate);
	test_item_init(&gated);
	test_item_init(&behind);
	gated.gate = &gate;
	scopex_scope(s, .flags = SCOPEX_JOINABLE, .timeout_us = ms * USEC_PER_MSEC) {
		if (!scopex_submit_on(s, cpu, &gated.work) &&
		    !scopex_submit_on(s, cpu, &behind.work)) {
			ok = true;
			while (!scopex_cancelled(s))
				usleep_range(100, 200);
			complete(&gate.go);
			EXPECT_EQ(test, scopex_join_item(&behind.work), -ECANCELED);
		}
		complete(&gate.go);
		EXPECT_EQ(test, scopex_join(s), -ETIME);
	}
	EXPECT_EQ(test, atomic_read(&behind.runs), 0);
	return ok;
}

/* The nearer deadlines may have passed before the items are submitted. */
static void join_item_has_a_deadline(struct scopex_test *test)
{
	bool hit = join_item_deadline(test, 5) ||
		   join_item_deadline(test, 200) ||
		   join_item_deadline(test, 5000);

	EXPECT(test, hit);
}

static void join_item_needs_the_flag(struct scopex_test *test)
{
	struct test_gate gate;
	struct test_item item;
	int err;

	test_gated_item_init(&item, &gate);
	scopex_scope(unjoinable, .flags = SCOPEX_KILLABLE) {
		EXPECT_EQ(test, scopex_submit(unjoinable, &item.work), 0);
		wait_for_completion(&gate.reached);
		EXPECT_WARNING("(), which is not SCOPEX_JOINABLE",
			       err = scopex_join_item(&item.work));
		EXPECT_EQ(test, err, -EINVAL);
		complete(&gate.go);
	}
}

static void unknown_flag(struct scopex_test *test)
{
	struct test_item item;

	test_item_init(&item);
	EXPECT_WARNING("() has unknown flags 0x40",
		       scopex_scope(odd, .flags = 0x40)
			       EXPECT_EQ(test, scopex_submit(odd, &item.work), 0));
	EXPECT_EQ(test, atomic_read(&item.runs), 1);
}

#ifdef CONFIG_SCOPEX_INJECT
/* An item that is joined while its submit, by another task, is about to be refused. */
struct refused {
	struct scopex_scope	*scope;
	struct task_struct	*owner;
	struct test_item	item;
	int			err;
};

static int refused_thread(void *data)
{
	struct refused *refused = data;

	refused->err = scopex_submit(refused->scope, &refused->item.work);
	test_thread_until_stopped();
	return 0;
}

/* Cancels the scope when its owner waits for the item, and lets the submit go on. */
static int refuses_thread(void *data)
{
	struct refused *refused = data;
	struct scopex_custom_scope *custom =
		container_of(refused->scope, struct scopex_custom_scope, scope);

	while (READ_ONCE(custom->joined) != &refused->item.work ||
	       task_is_running(refused->owner))
		usleep_range(50, 200);
	scopex_cancel(refused->scope, 0);
	scopex_inject_release(SCOPEX_INJECT_TRYGET);
	test_thread_until_stopped();
	return 0;
}

static void join_item_whose_submit_is_refused(struct scopex_test *test)
{
	struct refused refused = { .owner = current };
	struct task_struct *submitter, *canceller;

	test_item_init(&refused.item);
	refused.item.ret = -EXFULL;
	scopex_scope(s, .flags = SCOPEX_JOINABLE) {
		refused.scope = s;
		/* One submit that is accepted, so that the item has belonged to the scope. */
		EXPECT_EQ(test, scopex_submit(s, &refused.item.work), 0);
		EXPECT_EQ(test, scopex_join(s), -EXFULL);
		scopex_inject_set(SCOPEX_INJECT_TRYGET, SCOPEX_INJECT_HOLD);
		submitter = test_thread(test, refused_thread, &refused, nr_cpu_ids);
		while (!scopex_inject_hits(SCOPEX_INJECT_TRYGET))
			usleep_range(50, 200);
		canceller = test_thread(test, refuses_thread, &refused, nr_cpu_ids);
		/* The wait ends, and the item is as it was. */
		EXPECT_EQ(test, scopex_join_item(&refused.item.work), -EXFULL);
		test_thread_stop(canceller);
		test_thread_stop(submitter);
		test_inject_end(test, SCOPEX_INJECT_TRYGET);
		EXPECT_EQ(test, refused.err, -ECANCELED);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, atomic_read(&refused.item.runs), 1);
}
#endif

static const struct scopex_case join_item_cases[] = {
	SCOPEX_CASE(joins_one_of_many),
	SCOPEX_CASE(join_item_again_and_again),
	SCOPEX_CASE(join_item_in_an_item),
	SCOPEX_CASE(join_item_has_a_deadline),
	SCOPEX_CASE(join_item_needs_the_flag),
	SCOPEX_CASE(unknown_flag),
#ifdef CONFIG_SCOPEX_INJECT
	SCOPEX_CASE(join_item_whose_submit_is_refused),
#endif
};

SCOPEX_SUITE_PART(options, join_item, join_item_cases);
