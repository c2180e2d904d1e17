// SPDX-License-Identifier: GPL-2.0
/*
 * Suites "load", "hold", "tree", "sites" and "odd": known work, for tests that look at it
 * from outside
 *
 * "load" gives CPU 0 a fixed number of items of each kind, so that the counters
 * in debugfs can be compared with what was really done: see selftests/debugfs.sh.
 * "hold" keeps a scope open with a known number of items pending until it is
 * released, so that it can be found in debugfs, and modules can't be unloaded. "tree"
 * does so with a scope in an item of another scope, both cancelled. "sites" opens scopes
 * in more places than profiles have room for. "odd" has names that would break the output
 * that shows them.
 */

#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "test.h"

/* What selftests/debugfs.sh expects of CPU 0. */
#define LOAD_RUN	100	/* without error, the one at the gate included */
#define LOAD_FAIL	20	/* run and fail */
#define LOAD_CANCELLED	30
#define LOAD_REFUSED	10

#define LOAD_CPU	0

static void known_load(struct scopex_test *test)
{
	const unsigned int nr = LOAD_RUN + LOAD_FAIL;
	struct test_item *items, *cancelled, gated;
	struct test_gate gate;
	unsigned int i;

	items = test_items(nr + LOAD_CANCELLED);
	if (!EXPECT(test, items))
		return;
	cancelled = &items[nr];

	/* One batch of exactly LOAD_RUN - 1 + LOAD_FAIL items behind a gate. */
	test_gated_item_init(&gated, &gate);
	scopex_scope(load) {
		EXPECT_EQ(test, scopex_submit_on(load, LOAD_CPU, &gated.work), 0);
		wait_for_completion(&gate.reached);
		for (i = 1; i < nr; i++) {
			items[i].ret = i < LOAD_RUN ? 0 : -EIO;
			EXPECT_EQ(test, scopex_submit_on(load, LOAD_CPU, &items[i].work), 0);
		}
		for (i = 0; i < LOAD_REFUSED; i++)
			EXPECT_EQ(test, scopex_submit_on(load, nr_cpu_ids,
							 &items[0].work), -EINVAL);
		complete(&gate.go);
		EXPECT_EQ(test, scopex_join(load), -EIO);

		test_gate_init(&gate);
		EXPECT_EQ(test, scopex_submit_on(load, LOAD_CPU, &gated.work), 0);
		wait_for_completion(&gate.reached);
		for (i = 0; i < LOAD_CANCELLED; i++)
			EXPECT_EQ(test, scopex_submit_on(load, LOAD_CPU, &cancelled[i].work), 0);
		scopex_cancel(load, 0);
		complete(&gate.go);
		EXPECT_EQ(test, scopex_join(load), -ECANCELED);
	}
	EXPECT_EQ(test, atomic_read(&gated.runs), 2);
	kvfree(items);
}

static const struct scopex_case load_cases[] = {
	SCOPEX_CASE(known_load),
};

SCOPEX_SUITE(load, load_cases);

#define HELD_ITEMS	5	/* one at the gate, the others behind it as one node of its queue */

static void held_scope(struct scopex_test *test)
{
	struct test_item items[HELD_ITEMS];
	struct test_gate gate;
	unsigned int i;

	test_gate_init(&gate);
	for (i = 0; i < HELD_ITEMS; i++)
		test_item_init(&items[i]);
	items[0].gate = &gate;
	/* A time as a profile that is now off has left it: two minutes ago, in units of 64 ns */
	items[1].work.queued = (ktime_get_mono_fast_ns() - 120ULL * NSEC_PER_SEC) >> 6 | 1;
	scopex_scope(s, .name = "held") {
		EXPECT_EQ(test, scopex_submit_on(s, LOAD_CPU, &items[0].work), 0);
		wait_for_completion(&gate.reached);
		EXPECT_EQ(test, scopex_submit_array(s, LOAD_CPU, &items[1], HELD_ITEMS - 1, work),
			  0);
		scopex_test_until_released();
		complete(&gate.go);
	}
	for (i = 0; i < HELD_ITEMS; i++)
		EXPECT_EQ(test, atomic_read(&items[i].runs), 1);
}

static const struct scopex_case hold_cases[] = {
	SCOPEX_CASE(held_scope),
};

SCOPEX_SUITE(hold, hold_cases);

struct branch {
	struct scopex_work	work;
	struct test_gate	gate;
};

/* Opens a scope whose only item waits. */
static int branch_fn(struct scopex_work *work)
{
	struct branch *branch = container_of(work, struct branch, work);
	struct test_item item;
	int err;

	test_item_init(&item);
	item.gate = &branch->gate;
	scopex_scope(inner) {
		err = scopex_submit_on(inner, SCOPEX_CPU_LOCAL, &item.work);
		err = err ?: scopex_join(inner);
	}
	return err;
}

static void scope_tree(struct scopex_test *test)
{
	struct branch branch;

	test_gate_init(&branch.gate);
	scopex_work_init(&branch.work, branch_fn);
	scopex_scope(outer, .timeout_us = 3600000 * USEC_PER_MSEC) {
		EXPECT_EQ(test, scopex_submit_on(outer, LOAD_CPU, &branch.work), 0);
		wait_for_completion(&branch.gate.reached);
		scopex_cancel(outer, -ENOSPC);
		scopex_test_until_released();
		complete(&branch.gate.go);
		EXPECT_EQ(test, scopex_join(outer), -ENOSPC);
	}
	EXPECT_EQ(test, scopex_work_result(&branch.work), -ENOSPC);
}

static const struct scopex_case tree_cases[] = {
	SCOPEX_CASE(scope_tree),
};

SCOPEX_SUITE(tree, tree_cases);

#define MANY_SITES	150
#define SITE_NAME_SIZE	16

/**
 * struct named_site - a place in the code, as far as scopex can tell
 * @site: what a scope has
 * @name: its name
 */
struct named_site {
	struct scopex_site	site;
	char			name[SITE_NAME_SIZE];
};

static struct named_site named_sites[MANY_SITES];

static struct scopex_site many_sites_site = {
	.name = "sites", .func = "many_sites", .file = __FILE__, .line = __LINE__,
	__SCOPEX_SITE_MAP("sites", &many_sites_site)
};

static void many_sites(struct scopex_test *test)
{
	unsigned int i;

	for (i = 0; i < MANY_SITES; i++) {
		struct named_site *named = &named_sites[i];
		struct scopex_scope scope;
		struct test_item item;

		snprintf(named->name, sizeof(named->name), "place-%u", i);
		named->site = many_sites_site;
		named->site.name = named->name;
		test_item_init(&item);
		__scopex_open(&scope, &named->site, NULL);
		EXPECT_EQ(test, scopex_submit_on(&scope, SCOPEX_CPU_LOCAL, &item.work), 0);
		__scopex_close(&scope);
		EXPECT_EQ(test, atomic_read(&item.runs), 1);
	}
}

static const struct scopex_case sites_cases[] = {
	SCOPEX_CASE(many_sites),
};

SCOPEX_SUITE(sites, sites_cases);
static struct scopex_site odd_site = TEST_ODD_SITE(&odd_site);

static struct scopex_site nameless_site = {
	.name = "", .func = "nameless_fn", .file = "nameless.c", .line = 1,
	__SCOPEX_SITE_MAP("nameless", &nameless_site)
};

/* The worker has an odd name as well, while it is in this item. */
static int odd_item_fn(struct scopex_work *work)
{
	char name[TASK_COMM_LEN];
	int err;

	strscpy(name, current->comm, sizeof(name));
	strscpy(current->comm, TEST_ODD, sizeof(current->comm));
	err = test_item_fn(work);
	strscpy(current->comm, name, sizeof(current->comm));
	return err;
}

static void odd_names(struct scopex_test *test)
{
	struct scopex_scope odd, nameless;
	struct test_item item, other;
	struct test_gate gate;

	test_gate_init(&gate);
	test_item_init(&item);
	test_item_init(&other);
	item.work.fn = odd_item_fn;
	item.gate = &gate;
	__scopex_open(&nameless, &nameless_site, NULL);
	EXPECT_EQ(test, scopex_submit_on(&nameless, LOAD_CPU, &item.work), 0);
	wait_for_completion(&gate.reached);
	__scopex_open(&odd, &odd_site, NULL);
	EXPECT_EQ(test, scopex_submit_on(&odd, LOAD_CPU, &other.work), 0);
	scopex_test_until_released();
	complete(&gate.go);
	__scopex_close(&odd);
	__scopex_close(&nameless);
	EXPECT_EQ(test, atomic_read(&other.runs), 1);
}

static const struct scopex_case odd_cases[] = {
	SCOPEX_CASE(odd_names),
};

SCOPEX_SUITE(odd, odd_cases);

static void odd_scope_held(struct scopex_test *test)
{
	struct scopex_scope odd;
	struct test_item item;
	struct test_gate gate;

	test_gated_item_init(&item, &gate);
	__scopex_open(&odd, &odd_site, NULL);
	EXPECT_EQ(test, scopex_submit_on(&odd, LOAD_CPU, &item.work), 0);
	scopex_test_until_released();
	complete(&gate.go);
	__scopex_close(&odd);
	EXPECT_EQ(test, atomic_read(&item.runs), 1);
}

static const struct scopex_case odd_hold_cases[] = {
	SCOPEX_CASE(odd_scope_held),
};

SCOPEX_SUITE(odd_hold, odd_hold_cases);
