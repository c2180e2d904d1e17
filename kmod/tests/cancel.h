/* SPDX-License-Identifier: GPL-2.0 */
/* For suite "cancel": what its files share */
#ifndef _SCOPEX_TEST_CANCEL_H
#define _SCOPEX_TEST_CANCEL_H

#include <linux/completion.h>

#include "test.h"

/**
 * struct loop - an item that runs until its scope is cancelled
 * @work: the item
 * @started: completed when it runs
 * @ended: set as the last thing it does
 */
struct loop {
	struct scopex_work	work;
	struct completion	started;
	bool			ended;
};

void loop_init(struct loop *loop);

#endif /* _SCOPEX_TEST_CANCEL_H */
