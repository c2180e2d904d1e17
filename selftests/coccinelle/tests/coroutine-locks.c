// SPDX-License-Identifier: GPL-2.0
#include "coroutine.h"

static int as_the_next_await(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int ms, err;

	scopex_coroutine(task) {
		ms = next(1);
		scopex_await(task, err, scopex_sleep(&c->timer, 10));
		if (err)
			return err;
		scopex_await(task, err, scopex_sleep(&c->timer, ms)); /* flag: lost-variable */
		return err;
	}
	return 0;
}

static int in_a_switch(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int err = 0;

	scopex_coroutine(task) {
		switch (c->i) {
		case 1:
			scopex_await(task, err,	/* flag: await-in-switch */
				     scopex_sleep(&c->timer, 10));
			break;
		case 2: {
			scopex_yield(task);		/* flag: await-in-switch */
			break;
		}
		}
	}
	return 0;
}

static int under_a_mutex(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int err;

	scopex_coroutine(task) {
		mutex_lock(&c->mutex);
		scopex_await(task, err, scopex_sleep(&c->timer, 10)); /* flag: held-lock */
		mutex_unlock(&c->mutex);
		return err;
	}
	return 0;
}

static int under_a_lock_on_one_way(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);

	scopex_coroutine(task) {
		spin_lock(&c->lock);
		if (!c->i) {
			spin_unlock(&c->lock);
			return 0;
		}
		if (c->i > 3)
			spin_unlock(&c->lock);
		scopex_yield(task);			/* flag: held-lock */
	}
	return 0;
}

static int under_a_lock_of_the_turn_before(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);

	scopex_coroutine(task) {
		for (; c->i; c->i--) {
			scopex_yield(task);		/* flag: held-lock */
			spin_lock_irq(&c->lock);
			if (c->i == 5)
				continue;
			spin_unlock_irq(&c->lock);
		}
	}
	return 0;
}
