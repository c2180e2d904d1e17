// SPDX-License-Identifier: GPL-2.0
#include "coroutine.h"

static int after_an_await(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int n, err;

	scopex_coroutine(task) {
		n = next(1);
		scopex_await(task, err, scopex_sleep(&c->timer, 10));
		if (err)
			return err;
		note(n);				/* flag: lost-variable */
	}
	return 0;
}

static int after_a_yield(struct scopex_task *task)
{
	int n;

	scopex_coroutine(task) {
		n = next(1);
		scopex_yield(task);
		return n;				/* flag: lost-variable */
	}
	return 0;
}

static int as_a_counter(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int i, err;

	scopex_coroutine(task) {
		for (i = 0; i < 3; i++) {		/* flag: lost-variable */
			scopex_await(task, err, scopex_sleep(&c->timer, 10));
			if (err)
				return err;
		}
	}
	return 0;
}

static int as_a_condition(struct scopex_task *task)
{
	bool more = true;

	scopex_coroutine(task) {
		more = next(0);
		while (more)				/* flag: lost-variable */
			scopex_yield(task);
	}
	return 0;
}

static int set_before_and_in_the_block(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int n = 0, err;

	scopex_coroutine(task) {
		n = next(n);
		scopex_await(task, err, scopex_sleep(&c->timer, 10));
		note(n);				/* flag: lost-variable */
		return err;
	}
	return 0;
}
