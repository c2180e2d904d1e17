// SPDX-License-Identifier: GPL-2.0
#include "coroutine.h"

static int with_irqs_off(struct scopex_task *task)
{
	unsigned long flags;

	scopex_coroutine(task) {
		local_irq_save(flags);
		scopex_yield(task);			/* flag: held-lock */
		local_irq_restore(flags);		/* flag: lost-variable */
	}
	return 0;
}

static int with_the_flags_of_a_lock(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	unsigned long flags;

	scopex_coroutine(task) {
		spin_lock_irqsave(&c->lock, flags);
		take(c);
		scopex_yield(task);			/* flag: held-lock */
		spin_unlock_irqrestore(&c->lock, flags); /* flag: lost-variable */
	}
	return 0;
}

static int without_preemption(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);

	scopex_coroutine(task) {
		if (c->i)
			preempt_disable();
		scopex_yield(task);			/* flag: held-lock */
		if (c->i)
			preempt_enable();
	}
	return 0;
}

static int under_a_lock_of_before(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);

	rcu_read_lock();
	scopex_coroutine(task) {
		take(c);
		rcu_read_unlock();
		scopex_yield(task);
		take(c);
		scopex_yield(task);			/* flag: held-lock */
	}
	return 0;
}

static int under_another_lock(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);

	scopex_coroutine(task) {
		spin_lock(&c->lock);
		mutex_lock(&c->mutex);
		mutex_unlock(&c->mutex);
		scopex_yield(task);			/* flag: held-lock */
		spin_unlock(&c->lock);
	}
	return 0;
}

static int on_the_way_of_an_error(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int err;

	scopex_coroutine(task) {
		mutex_lock(&c->mutex);
		if (c->i)
			goto failed;
		mutex_unlock(&c->mutex);
		return 0;
failed:
		scopex_await(task, err, scopex_sleep(&c->timer, 10)); /* flag: held-lock */
		mutex_unlock(&c->mutex);
		return err;
	}
	return 0;
}

static int in_a_class(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);

	scopex_coroutine(task) {
		if (c->i) {
			CLASS(fd, f)(c->i);
			take(c);
			scopex_yield(task);		/* flag: held-cleanup */
		}
		scopex_yield(task);
	}
	return 0;
}

static int in_a_case_of_a_loop(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);

	scopex_coroutine(task) {
		while (c->i--) {
			switch (c->i) {
			case 1:
				while (c->err--)
					scopex_yield(task); /* flag: await-in-switch */
				break;
			}
		}
	}
	return 0;
}

static int under_another_lock_of_the_kind(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);

	scopex_coroutine(task) {
		spin_lock(&c->lock);
		spin_lock_nested(&c->other->lock, 1);
		spin_unlock(&c->other->lock);
		scopex_yield(task);			/* flag: held-lock */
		spin_unlock(&c->lock);
	}
	return 0;
}

static int under_rcu_with_preemption(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);

	scopex_coroutine(task) {
		rcu_read_lock();
		preempt_disable();
		preempt_enable();
		scopex_yield(task);			/* flag: held-lock */
		rcu_read_unlock();
	}
	return 0;
}

static int with_a_socket(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);

	scopex_coroutine(task) {
		lock_sock(c->sk);
		take(c);
		scopex_yield(task);			/* flag: held-lock */
		release_sock(c->sk);
	}
	return 0;
}

static int in_a_semaphore(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);

	scopex_coroutine(task) {
		down_read(&c->sem);
		take(c);
		scopex_yield(task);			/* flag: held-lock */
		up_read(&c->sem);
	}
	return 0;
}

static int on_this_cpu(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);

	scopex_coroutine(task) {
		c->i = get_cpu();
		scopex_yield(task);			/* flag: held-lock */
		put_cpu();
	}
	return 0;
}

static int under_a_lock_twice(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);

	scopex_coroutine(task) {
		mutex_lock(&c->mutex);
		scopex_yield(task);			/* flag: held-lock */
		scopex_yield(task);			/* flag: held-lock */
		mutex_unlock(&c->mutex);
	}
	return 0;
}

static int under_a_lock_of_a_case(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);

	scopex_coroutine(task) {
		switch (c->i) {
		case 1:
			mutex_lock(&c->mutex);
			break;
		default:
			take(c);
		}
		scopex_yield(task);			/* flag: held-lock */
		mutex_unlock(&c->mutex);
	}
	return 0;
}

static int under_a_lock_of_the_case_before(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);

	scopex_coroutine(task) {
		switch (c->i) {
		case 1:
			mutex_lock(&c->mutex);
			fallthrough;
		default:
			take(c);
		}
		scopex_yield(task);			/* flag: held-lock */
		mutex_unlock(&c->mutex);
	}
	return 0;
}

static int by_break_of_a_block(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);

	scopex_coroutine(task) {
		do {
			spin_lock(&c->lock);
			if (c->i)
				break;
			spin_unlock(&c->lock);
		} while (0);
		scopex_yield(task);			/* flag: held-lock */
	}
	return 0;
}
