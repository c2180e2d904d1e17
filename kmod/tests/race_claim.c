// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "race", claims: several submitters want the same item
 *
 * Hazard 14: at most one submitter has an item at a time.
 */

#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "test.h"

/* Several tasks submit one item as fast as they can. */
struct rivals {
	struct scopex_scope	*scope;
	struct test_item	item;
	atomic_t		accepted;
	atomic_t		other_errors;
	atomic_t		inside;
	atomic_t		overlaps;
	unsigned int		rounds;
};

/* If two submitters had both claimed the item, it would run twice at a time. */
static int rival_fn(struct scopex_work *work)
{
	struct rivals *rivals = container_of(work, struct rivals, item.work);

	if (atomic_xchg(&rivals->inside, 1))
		atomic_inc(&rivals->overlaps);
	udelay(TEST_INJECT ? 300 : 5);
	atomic_set(&rivals->inside, 0);
	atomic_inc(&rivals->item.runs);
	return 0;
}

static int rival_thread(void *data)
{
	struct rivals *rivals = data;
	unsigned int i;
	int err;

	/* Until it was accepted often enough; refusals take hardly any time. */
	for (i = 0; atomic_read(&rivals->accepted) < rivals->rounds; i++) {
		err = scopex_submit(rivals->scope, &rivals->item.work);
		if (!err)
			atomic_inc(&rivals->accepted);
		else if (err != -EBUSY)
			atomic_inc(&rivals->other_errors);
		if (!(i % 64))
			cond_resched();
	}
	test_thread_until_stopped();
	return 0;
}

/* Each time one submitter wins, and the item runs once. */
static void one_submitter_claims_an_item(struct scopex_test *test)
{
	struct rivals rivals = { .rounds = TEST_INJECT ? 200 : 5000 };
	struct task_struct *threads[3];
	unsigned int i;

	test_item_init(&rivals.item);
	rivals.item.work.fn = rival_fn;
	scopex_scope(s) {
		rivals.scope = s;
		scopex_inject_set(SCOPEX_INJECT_TRYGET, 200);
		for (i = 0; i < ARRAY_SIZE(threads); i++)
			threads[i] = test_thread(test, rival_thread, &rivals,
						 nr_cpu_ids);
		for (i = 0; i < ARRAY_SIZE(threads); i++)
			test_thread_stop(threads[i]);
		test_inject_end(test, SCOPEX_INJECT_TRYGET);
	}
	EXPECT_EQ(test, atomic_read(&rivals.other_errors), 0);
	EXPECT_EQ(test, atomic_read(&rivals.overlaps), 0);
	EXPECT_EQ(test, atomic_read(&rivals.item.runs),
		  atomic_read(&rivals.accepted));
}

#define UNSEEN_SUBMITTERS	3
#define UNSEEN_ROUNDS		200

struct unseen {
	struct scopex_work	work;
	struct scopex_scope	*scope;
	atomic_t		submitters, refused, accepted;
};

/* Keep the item busy until each submitter has had its answer. */
static int unseen_fn(struct scopex_work *work)
{
	struct unseen *unseen = container_of(work, struct unseen, work);

	while (atomic_read(&unseen->refused) + 1 < UNSEEN_SUBMITTERS)
		cond_resched();
	return 0;
}

static int unseen_thread(void *data)
{
	struct unseen *unseen;

	for (unseen = data; unseen->scope; unseen++) {
		atomic_inc(&unseen->submitters);
		while (atomic_read(&unseen->submitters) < UNSEEN_SUBMITTERS)
			cond_resched();
		if (scopex_submit(unseen->scope, &unseen->work) == -EBUSY)
			atomic_inc(&unseen->refused);
		else
			atomic_inc(&unseen->accepted);
	}
	test_thread_until_stopped();
	return 0;
}

/* The same for items at which no submitter has looked yet, all at once. */
static void one_submitter_claims_an_unseen_item(struct scopex_test *test)
{
	struct task_struct *threads[UNSEEN_SUBMITTERS];
	struct unseen *unseen = kcalloc(UNSEEN_ROUNDS + 1, sizeof(*unseen), GFP_KERNEL);
	unsigned int i;

	if (!EXPECT(test, unseen))
		return;
	scopex_scope(s) {
		for (i = 0; i < UNSEEN_ROUNDS; i++)
			unseen[i] = (struct unseen){ .work = SCOPEX_WORK_INIT(unseen_fn),
						     .scope = s };
		for (i = 0; i < UNSEEN_SUBMITTERS; i++)
			threads[i] = test_thread(test, unseen_thread, unseen, nr_cpu_ids);
		for (i = 0; i < UNSEEN_SUBMITTERS; i++)
			test_thread_stop(threads[i]);
	}
	for (i = 0; i < UNSEEN_ROUNDS; i++)
		EXPECT_EQ(test, atomic_read(&unseen[i].accepted), 1);
	kfree(unseen);
}

static const struct scopex_case race_claim_cases[] = {
	SCOPEX_CASE(one_submitter_claims_an_item),
	SCOPEX_CASE(one_submitter_claims_an_unseen_item),
};

SCOPEX_SUITE_PART(race, race_claim, race_claim_cases);
