// SPDX-License-Identifier: GPL-2.0
#include "coroutine.h"

static int in_a_macro(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int err;

	scopex_coroutine(task) {
		EXPECT_WARNING("a yield",
			       c->i = 0;
			       scopex_yield(task));	/* flag: not-seen */
		scopex_await(task, err, scopex_sleep(&c->timer, 10));
	}
	return 0;
}

#define PAUSE(task) do {						\
	might_sleep();							\
	scopex_yield(task);						\
} while (0)

static struct scopex_await *prepare(struct coroutine *c)
{
	return scopex_sleep(&c->timer, 10);
}

/* scopex_yield(task) makes way. */
static int seen(struct scopex_task *task)
{
	scopex_coroutine(task)
		scopex_yield(task);
	pr_info("scopex_yield(task)\n");
	return 0;
}
