/* SPDX-License-Identifier: GPL-2.0 */
/* For the suites of pool.sh: what their files share */
#ifndef _SCOPEX_TEST_POOL_H
#define _SCOPEX_TEST_POOL_H

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/sched.h>
#include <linux/scopex_detached.h>

#include "../state.h"
#include "test.h"

#define CROWD_CPU	0	/* where the suites for one CPU are run */

static inline void until_hit(enum scopex_inject_point point, unsigned int hits)
{
	while (scopex_inject_hits(point) < hits)
		usleep_range(50, 200);
}

static inline bool is_serial(const struct scopex_scope *scope)
{
	return atomic64_read(&scope->state) & SCOPEX_SERIAL;
}

/**
 * struct crowd - items of one CPU that wait until one behind them has run
 * @go: what they wait for
 * @behind: the item behind them
 * @detached: what they wait for instead, if that is not NULL; it waits for @go
 * @items: the others
 */
struct crowd {
	struct completion	go;
	struct scopex_work	behind;
	struct waiter		*detached;
	struct crowd_item	*items;
};

struct crowd_item {
	struct scopex_work	work;
	struct crowd		*crowd;
};

struct waiter {
	struct scopex_detached	item;
	struct completion	*go;
};

int says_so_fn(struct scopex_work *work);
void run_crowd(struct scopex_test *test, struct crowd *crowd, scopex_fn_t fn,
	       unsigned int nr, unsigned int cpu);

#endif /* _SCOPEX_TEST_POOL_H */
