/* SPDX-License-Identifier: GPL-2.0 */
/* For suite "detached": what its files share */
#ifndef _SCOPEX_TEST_DETACH_H
#define _SCOPEX_TEST_DETACH_H

#include <linux/atomic.h>
#include <linux/scopex_detached.h>

#include "test.h"

extern atomic_t lones_released;

extern int refs_idle, refs_at_release;

/**
 * struct lone - a detached item
 * @detached: the item
 * @gate: what it waits for; NULL for nothing
 * @ret: what it returns
 * @until_cancelled: run as long as that
 * @runs: how often it ran; outlives it
 */
struct lone {
	struct scopex_detached	detached;
	struct test_gate	*gate;
	int			ret;
	bool			until_cancelled;
	atomic_t		*runs;
};

void lone_release(struct scopex_detached *detached);
int lone_fn(struct scopex_detached *detached);
struct lone *lone_new(struct scopex_test *test, atomic_t *runs, struct test_gate *gate);
struct lone *lone_at_gate(struct scopex_test *test, atomic_t *runs,
			  struct test_gate *gate);
void until_released(int nr);

#endif /* _SCOPEX_TEST_DETACH_H */
