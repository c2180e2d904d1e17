// SPDX-License-Identifier: GPL-2.0
/* For suite "walk": many scopes that are nested in one */

#include <linux/delay.h>
#include <linux/slab.h>

#include "../state.h"
#include "forest.h"
#include "test.h"

/* An item that opens one of them. */
struct node {
	struct scopex_work	work;
	struct forest		*forest;
	unsigned int		depth;
};

static int node_fn(struct scopex_work *work);

static int node_submit(struct scopex_scope *scope, struct forest *forest,
		       struct node *node, unsigned int depth)
{
	*node = (struct node){ .work = SCOPEX_WORK_INIT(node_fn), .forest = forest,
			       .depth = depth };
	if (forest->cpu < nr_cpu_ids)
		return scopex_submit_on(scope, forest->cpu, &node->work);
	return scopex_submit(scope, &node->work);
}

/* It opens a scope in the middle of a walk. */
static void open_late(struct forest *forest)
{
	while (!READ_ONCE(forest->go))
		usleep_range(500, 1000);
	scopex_scope(late) {
		if (!scopex_cancelled(late))
			atomic_inc(&forest->late_missed);
		atomic_inc(&forest->late_open);
		while (!scopex_cancelled(late))
			usleep_range(500, 1000);
	}
}

static int node_fn(struct scopex_work *work)
{
	struct node *node = container_of(work, struct node, work), below[WIDEST];
	struct forest *forest = node->forest;
	unsigned int i;
	int err;

	/* Hand over before the items below are queued behind this one. */
	scopex_will_block();
	scopex_scope(s) {
		if (scopex_error(s) && forest->may_fall)
			return 0;
		if (!EXPECT_EQ(forest->test, scopex_error(s), 0))
			return -EIO;
		for (i = 0; i < forest->width && node->depth; i++) {
			err = node_submit(s, forest, &below[i], node->depth - 1);
			EXPECT(forest->test, !err || (forest->may_fall && err == -ECANCELED));
		}
		atomic_inc(&forest->open);
		if (forest->late && !node->depth)
			open_late(forest);
		while (!scopex_cancelled(s) && !READ_ONCE(forest->felled))
			usleep_range(1000, 2000);
		if (scopex_cancelled(s))
			atomic_inc(&forest->cancelled);
	}
	atomic_inc(&forest->out);
	return 0;
}

unsigned int forest_size(const struct forest *forest)
{
	unsigned int level = forest->roots, size = level, i;

	for (i = 0; i < forest->depth; i++) {
		level *= forest->width;
		size += level;
	}
	return size;
}

/* Open all of them. Returns false if one was cancelled before all were open. */
bool forest_grow(struct scopex_test *test, struct scopex_scope *scope, struct forest *forest)
{
	unsigned int i;

	atomic_set(&forest->open, 0);
	atomic_set(&forest->cancelled, 0);
	atomic_set(&forest->out, 0);
	forest->test = test;
	forest->felled = false;
	forest->nodes = kcalloc(forest->roots, sizeof(*forest->nodes), GFP_KERNEL);
	if (!EXPECT(test, forest->nodes))
		return false;
	for (i = 0; i < forest->roots; i++)
		if (node_submit(scope, forest, &forest->nodes[i], forest->depth))
			return false;
	while (atomic_read(&forest->open) < forest_size(forest)) {
		if (scopex_cancelled(scope) || scopex_test_failed(test))
			return false;
		usleep_range(500, 1000);
	}
	return true;
}

/* After the join: the cancel has reached each scope, and nothing is left behind. */
void forest_is_gone(struct scopex_test *test, struct scopex_scope *scope,
		    struct forest *forest)
{
	EXPECT_EQ(test, atomic_read(&forest->cancelled), forest_size(forest));
	EXPECT_EQ(test, atomic_read(&forest->out), forest_size(forest));
	EXPECT(test, !(atomic64_read(&scope->state) & SCOPEX_WALK));
	kfree(forest->nodes);
}

struct forest star(void)
{
	return (struct forest){ .roots = MANY, .cpu = nr_cpu_ids };
}

struct forest chain(void)
{
	return (struct forest){ .roots = 1, .depth = MANY - 1, .width = 1,
				.cpu = nr_cpu_ids };
}

/* The walk has to go up and sideways at every depth. */
struct forest bush(void)
{
	return (struct forest){ .roots = 3, .depth = 5, .width = WIDEST,
				.cpu = nr_cpu_ids };
}
