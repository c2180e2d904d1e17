// SPDX-License-Identifier: GPL-2.0
#include "coroutine.h"

static int keeps_all_in_its_object(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int n, err;

	scopex_coroutine(task) {
		for (c->i = 0; c->i < 3; c->i++) {
			scopex_await(task, err, scopex_sleep(&c->timer, 10));
			if (err)
				return err;
			n = next(c->i);
			note(n);
			for (n = 0; n < 3; n++)
				note(n);
			scopex_yield(task);
		}
		scopex_await(task, c->err, scopex_sleep(&c->timer, c->i));
		if (c->err)
			return c->err;
		scopex_await(task, err, scopex_sleep(&c->timer, c->i));
	}
	return 0;
}

static int sets_it_again(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	const int most = next(1);
	char buf[8];
	int n, m;

	n = next(2);
	scopex_coroutine(task) {
		m = next(1);
		note(m);
		scopex_yield(task);
		m = next(n);
		note(m);
		fill(buf, 8);
		note(buf[0]);
		scopex_yield(task);
		fill(buf, 8);
		if (c->i)
			m = 1;
		else
			m = most;
		note(m);
		while (c->i--) {
			int k = next(m);
			int j;

			j = k;
			note(j);
			scopex_yield(task);
			m = c->i;
		}
	}
	return 0;
}

static int locks_in_between(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	unsigned long flags;
	int err;

	scopex_coroutine(task) {
		while (c->i--) {
			spin_lock_irqsave(&c->lock, flags);
			if (c->err) {
				spin_unlock_irqrestore(&c->lock, flags);
				return c->err;
			}
			spin_unlock_irqrestore(&c->lock, flags);
			scopex_await(task, err, scopex_sleep(&c->timer, 10));
			if (err)
				break;
			rcu_read_lock();
			take(c);
			rcu_read_unlock();
			scopex_yield(task);
			switch (c->i) {
			case 1:
				take(c);
				break;
			}
			{
				guard(mutex)(&c->mutex);
				take(c);
			}
			scoped_guard(mutex, &c->mutex)
				take(c);
			scopex_yield(task);
		}
	}
	return 0;
}

static int no_coroutine(struct coroutine *c)
{
	int n = next(1);

	while (n--) {
		guard(mutex)(&c->mutex);
		take(c);
	}
	return n;
}
