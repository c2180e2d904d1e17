// SPDX-License-Identifier: GPL-2.0
#include "coroutine.h"

static int by_goto(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int n, err;

	scopex_coroutine(task) {
		n = next(1);
again:
		note(n);				/* flag: lost-variable */
		scopex_await(task, err, scopex_sleep(&c->timer, 10));
		if (err)
			return err;
		if (c->i--)
			goto again;
	}
	return 0;
}

static int by_goto_over_the_await(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int n;

	scopex_coroutine(task) {
		n = next(1);
		if (c->i)
			goto out;
		scopex_yield(task);
out:
		note(n);				/* flag: lost-variable */
	}
	return 0;
}

static int on_an_early_return(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int n, err;

	scopex_coroutine(task) {
		n = next(1);
		scopex_await(task, err, scopex_sleep(&c->timer, 10));
		if (err)
			return (long)n;			/* flag: lost-variable */
		n = next(2);
		return n;
	}
	return 0;
}

static int declared_in_the_loop(struct scopex_task *task)
{
	scopex_coroutine(task) {
		for (int i = 0; i < 3; i++)		/* flag: lost-variable */
			scopex_yield(task);
	}
	return 0;
}

static int at_the_end_of_a_do(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int n;

	scopex_coroutine(task) {
		do {
			n = next(c->i);
			scopex_yield(task);
		} while (n);				/* flag: lost-variable */
	}
	return 0;
}

static int by_continue(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int n = 0;

	scopex_coroutine(task) {
		n = next(c->i);
		while (n < 5) {				/* flag: lost-variable */
			if (c->i) {
				scopex_yield(task);
				continue;
			}
			n = next(n);
		}
	}
	return 0;
}

static int by_break(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int n;

	scopex_coroutine(task) {
		for (;;) {
			n = next(c->i);
			scopex_yield(task);
			if (c->i)
				break;
			n = 0;
		}
		note(n);				/* flag: lost-variable */
	}
	return 0;
}

static int from_an_outer_loop(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int n;

	scopex_coroutine(task) {
		n = 0;
		while (c->i--) {
			while (c->err--)
				note(n);		/* flag: lost-variable */
			scopex_yield(task);
		}
	}
	return 0;
}

static int in_a_case(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int n;

	scopex_coroutine(task) {
		n = next(1);
		scopex_yield(task);
		switch (c->i) {
		case 1:
			n = 3;
			break;
		default:
			note(n);			/* flag: lost-variable */
		}
	}
	return 0;
}
