/* SPDX-License-Identifier: GPL-2.0 */
/* For suite "detach": what its files share */
#ifndef _SCOPEX_TEST_DETACH_H
#define _SCOPEX_TEST_DETACH_H

#include <linux/atomic.h>
#include <linux/scopex_detached.h>

#include "test.h"

extern atomic_t orphans_released;

extern int refs_idle, refs_at_release;

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

void orphan_release(struct scopex_detached *detached);
int orphan_fn(struct scopex_detached *detached);
struct orphan *orphan_new(struct scopex_test *test, atomic_t *runs, struct test_gate *gate);
struct orphan *orphan_at_gate(struct scopex_test *test, atomic_t *runs,
			      struct test_gate *gate);
void until_released(int nr);

#endif /* _SCOPEX_TEST_DETACH_H */
