// SPDX-License-Identifier: GPL-2.0
#include "coroutine.h"

static int under_rcu(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int err;

	scopex_coroutine(task) {
		rcu_read_lock();
		scopex_await(task, err, scopex_sleep(&c->timer, 10)); /* flag: held-lock */
		rcu_read_unlock();
		return err;
	}
	return 0;
}

static int under_a_guard(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);

	scopex_coroutine(task) {
		if (c->i) {
			guard(mutex)(&c->mutex);
			while (c->i--)
				scopex_yield(task);	/* flag: held-cleanup */
		}
	}
	return 0;
}

static int under_a_scoped_guard(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);

	scopex_coroutine(task) {
		scoped_guard(mutex, &c->mutex) {
			scopex_yield(task);		/* flag: held-cleanup */
		}
		scoped_guard(mutex, &c->mutex)
			scopex_yield(task);		/* flag: held-cleanup */
	}
	return 0;
}

static int with_a_cleanup(struct scopex_task *task)
{
	scopex_coroutine(task) {
		char *buf __free(kfree) = NULL;

		scopex_yield(task);			/* flag: held-cleanup */
	}
	return 0;
}

static int with_a_cleanup_outside(struct scopex_task *task)
{
	char *buf __cleanup(put) = NULL;

	scopex_coroutine(task) {
		scopex_yield(task);			/* flag: held-cleanup */
	}
	return 0;
}

static int in_a_scope(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int err;

	scopex_coroutine(task) {
		scopex_scope(s) {
			scopex_await(task, err,	/* flag: await-in-scope */
				     scopex_sleep(&c->timer, 10));
			if (err)
				return err;
		}
	}
	return 0;
}
