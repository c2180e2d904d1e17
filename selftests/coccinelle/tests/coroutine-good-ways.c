// SPDX-License-Identifier: GPL-2.0
#include "coroutine.h"

static int leaves_before_it_uses_it(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int n, err;

	scopex_coroutine(task) {
		n = next(1);
		if (n) {
			scopex_await(task, err, scopex_sleep(&c->timer, 10));
			return (int)err;
		}
		note(n);
		for (;;) {
			n = next(c->i);
			if (n > 3)
				break;
			scopex_yield(task);
		}
		note(n);
	}
	return 0;
}

static int uses_it_before_the_result_is_there(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int ms, err;

	scopex_coroutine(task) {
		ms = next(1);
		scopex_await(task, err, scopex_sleep(&c->timer, ms));
		if (err)
			return err;
		ms = next(2);
		do {
			note(ms);
			scopex_await(task, err, scopex_sleep(&c->timer, 10));
			ms = err;
		} while (ms);
	}
	return 0;
}

static int has_flags_between_two_awaits(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	unsigned long flags;

	scopex_coroutine(task) {
		scopex_yield(task);
		local_irq_save(flags);
		take(c);
		local_irq_restore(flags);
		scopex_yield(task);
		spin_lock_irqsave(&c->lock, flags);
		while (c->i--)
			take(c);
		spin_unlock_irqrestore(&c->lock, flags);
		scopex_yield(task);
	}
	return 0;
}

static int walks_a_list(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	struct coroutine *other, *tmp;
	static int calls;
	int found;

	scopex_coroutine(task) {
		calls++;
		while (c->i--) {
			found = 0;
			list_for_each_entry_safe(other, tmp, &c->list, node) {
				if (!other->err)
					continue;
				found++;
				take(other);
			}
			if (!found)
				goto out;
			scopex_yield(task);
			note(calls);
		}
	}
	return 0;
out:
	note(found);
	return found;
}

static int ends_its_sections_on_each_way(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int err;

	scopex_coroutine(task) {
		mutex_lock(&c->mutex);
		if (c->i) {
			err = -EINVAL;
			goto unlock;
		}
		take(c);
		mutex_unlock(&c->mutex);
		scopex_yield(task);
		do {
			guard(mutex)(&c->mutex);
			if (c->i)
				break;
			take(c);
		} while (c->i);
		scopex_yield(task);
	}
	return 0;
unlock:
	mutex_unlock(&c->mutex);
	return err;
}

static int points_to_its_frame_for_a_call(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	struct coroutine other;
	int n;

	scopex_coroutine(task) {
		c->other = &other;
		get(&n);
		note(n);
		take(c);
		c->other = NULL;
		scopex_yield(task);
		note(sizeof(other) + sizeof(n));
		get(&n);
		note(n);
	}
	return 0;
}

static int decides_in_a_switch(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int n;

	scopex_coroutine(task) {
		while (c->i--) {
			switch (c->i) {
			case 1:
				n = 1;
				break;
			case 2:
				continue;
			case 3:
				n = 3;
				fallthrough;
			default:
				n = next(c->i ? 1 : 2);
			}
			note(n);
			scopex_yield(task);
		}
	}
	return 0;
}

static int declares_it_in_each_turn(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);

	scopex_coroutine(task) {
		while (c->i--) {
			int n;

			NEXT(n);
			note(n);
			n = next(1);
			note(n);
			scopex_yield(task);
		}
	}
	return 0;
}

static int has_no_section_left(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	unsigned long flags;

	scopex_coroutine(task) {
		local_irq_save(flags);
		take(c);
		local_irq_enable();
		c->err = get_cpu();
		put_cpu();
		lock_sock(c->sk);
		release_sock(c->sk);
		down(&c->sem);
		up(&c->sem);
		scopex_yield(task);
	}
	return 0;
}

static int names_a_field_as_a_variable(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	struct coroutine *other;
	struct list_head *node;

	scopex_coroutine(task) {
		node = c->list.next;
		other = list_entry(node, struct coroutine, node);
		take(other);
		scopex_yield(task);
		take(list_first_entry(&c->list, struct coroutine, node));
		list_for_each_entry(other, &c->list, node)
			take(other);
	}
	return 0;
}

static int declares_it_by_typeof(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);

	scopex_coroutine(task) {
		while (c->i--) {
			typeof(c->err) n = next(1);

			note(n);
			scopex_yield(task);
		}
	}
	return 0;
}

static int takes_a_lock_when_it_leaves(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);

	scopex_coroutine(task) {
		while (c->i--) {
			if (c->err) {
				mutex_lock(&c->mutex);
				break;
			}
			scopex_yield(task);
		}
		mutex_unlock(&c->mutex);
		if (c->i) {
			mutex_lock(&c->mutex);
			goto unlock;
		}
		scopex_yield(task);
	}
	return 0;
unlock:
	mutex_unlock(&c->mutex);
	return 0;
}

static int has_loops_that_are_none(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int n;

	scopex_coroutine(task) {
		n = next(1);
		do {
			note(n);
			scopex_yield(task);
		} while (0);
		scoped_guard(mutex, &c->mutex)
			n = next(2);
		note(n);
	}
	return 0;
}

static int ends_what_has_no_end(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int n;

	scopex_coroutine(task) {
		while (1) {
			scopex_yield(task);
			if (c->i) {
				n = next(1);
				break;
			}
		}
		note(n);
		while (true) {
			scopex_yield(task);
			if (c->i) {
				n = next(2);
				break;
			}
		}
		note(n);
	}
	return 0;
}
