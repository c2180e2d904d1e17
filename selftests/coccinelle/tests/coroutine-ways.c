// SPDX-License-Identifier: GPL-2.0
#include "coroutine.h"

static int error_of_an_earlier_await(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int err;

	scopex_coroutine(task) {
		scopex_await(task, err, scopex_sleep(&c->timer, 10));
		scopex_yield(task);
		if (err)				/* flag: lost-variable */
			return -EIO;
	}
	return 0;
}

static int after_the_block(struct scopex_task *task)
{
	int n;

	scopex_coroutine(task) {
		n = next(1);
		scopex_yield(task);
	}
	return n;					/* flag: lost-variable */
}

static int on_one_way_only(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int n, err;

	scopex_coroutine(task) {
		n = next(1);
		if (c->i) {
			scopex_await(task, err, scopex_sleep(&c->timer, 10));
			if (err)
				return err;
		}
		note(n);				/* flag: lost-variable */
	}
	return 0;
}

static int set_on_one_way_only(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int n;

	scopex_coroutine(task) {
		n = next(1);
		scopex_yield(task);
		if (c->i)
			n = next(2);
		note(n);				/* flag: lost-variable */
	}
	return 0;
}

static int in_the_next_turn(struct scopex_task *task)
{
	int n;

	scopex_coroutine(task) {
		n = next(1);
		for (;;) {
			if (n > 10)			/* flag: lost-variable */
				return 0;
			n = next(2);
			scopex_yield(task);
		}
	}
	return 0;
}

static int not_set_in_each_case(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int n;

	scopex_coroutine(task) {
		n = next(1);
		scopex_yield(task);
		switch (c->i) {
		case 1:
			n = 1;
			break;
		}
		note(n);				/* flag: lost-variable */
	}
	return 0;
}

static int not_set_by_an_empty_list(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	struct coroutine *other;
	int n;

	scopex_coroutine(task) {
		n = next(1);
		scopex_yield(task);
		list_for_each_entry(other, &c->list, node)
			n = other->i;
		note(n);				/* flag: lost-variable */
	}
	return 0;
}

static int as_a_step(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int n;

	scopex_coroutine(task) {
		n = next(1);
		for (c->i = 0; c->i < 9; c->i += n)	/* flag: lost-variable */
			scopex_yield(task);
	}
	return 0;
}

static int by_break_of_the_coroutine(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int n;

	scopex_coroutine(task) {
		n = next(1);
		scopex_yield(task);
		if (c->i)
			break;
		n = 2;
	}
	return n;					/* flag: lost-variable */
}
