// SPDX-License-Identifier: GPL-2.0
#include "coroutine.h"

static int in_an_inner_block(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);

	scopex_coroutine(task) {
		while (c->i--) {
			int n = next(c->i);

			scopex_yield(task);
			note(n);			/* flag: lost-variable */
		}
	}
	return 0;
}

static int as_an_initialiser(struct scopex_task *task)
{
	scopex_coroutine(task) {
		int n = next(1);

		scopex_yield(task);
		{
			int m = n;			/* flag: lost-variable */

			note(m);
		}
	}
	return 0;
}

static int with_itself(struct scopex_task *task)
{
	int n = 0;

	scopex_coroutine(task) {
		n = next(1);
		scopex_yield(task);
		n += 2;					/* flag: lost-variable */
		note(n);
	}
	return 0;
}

static int from_itself(struct scopex_task *task)
{
	int n;

	scopex_coroutine(task) {
		n = next(1);
		scopex_yield(task);
		n = n + 1;				/* flag: lost-variable */
		note(n);
	}
	return 0;
}

static int as_a_pointer(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	struct coroutine *other;

	scopex_coroutine(task) {
		other = c + 1;
		scopex_yield(task);
		other->i = 1;				/* flag: lost-variable */
	}
	return 0;
}
