/* SPDX-License-Identifier: GPL-2.0 */
/* For suite "walk": many scopes that are nested in one */
#ifndef _SCOPEX_TEST_FOREST_H
#define _SCOPEX_TEST_FOREST_H

#include <linux/atomic.h>

#include "../state.h"
#include "test.h"

/* More than can be reached in one go. */
#define MANY		130

/**
 * struct forest - many scopes that are nested in one
 * @test: the test
 * @roots: how many are right below that one
 * @depth: how many levels of scopes are below each of these
 * @width: how many scopes are below each one that has any
 * @cpu: where their items run; nr_cpu_ids for anywhere
 * @may_fall: it may be cancelled before all are open
 * @late: an innermost one opens another scope when @go is set
 * @go: set by the test: @late may open its scope
 * @felled: set by the test: the items end, cancelled or not
 * @open: how many are open, or were
 * @cancelled: how many of them were cancelled
 * @out: how many have been closed
 * @late_open: how many of the late ones are open
 * @late_missed: how many of these were not cancelled at once
 * @nodes: the items that open @roots
 */
struct forest {
	struct scopex_test	*test;
	unsigned int		roots;
	unsigned int		depth;
	unsigned int		width;
	unsigned int		cpu;
	bool			may_fall;
	bool			late;
	bool			go;
	bool			felled;
	atomic_t		open;
	atomic_t		cancelled;
	atomic_t		out;
	atomic_t		late_open;
	atomic_t		late_missed;
	struct node		*nodes;
};

#define WIDEST		2

static inline unsigned int references(const struct scopex_scope *scope)
{
	return (atomic64_read(&scope->state) & SCOPEX_COUNT_MASK) / SCOPEX_ONE;
}

unsigned int forest_size(const struct forest *forest);
bool forest_grow(struct scopex_test *test, struct scopex_scope *scope, struct forest *forest);
void forest_is_gone(struct scopex_test *test, struct scopex_scope *scope,
		    struct forest *forest);
struct forest star(void);
struct forest chain(void);
struct forest bush(void);

#endif /* _SCOPEX_TEST_FOREST_H */
