// SPDX-License-Identifier: GPL-2.0
#include "coroutine.h"

static int result_by_a_lost_pointer(struct scopex_task *task)
{
	struct coroutine *c;

	scopex_coroutine(task) {
		c = container_of(task, struct coroutine, task);
		scopex_await(task, c->err, scopex_sleep(&c->timer, 10)); /* flag: lost-variable */
	}
	return 0;
}

static int parameter_with_another_value(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);

	scopex_coroutine(task) {
		c += 1;
		scopex_yield(task);
		return c->err;				/* flag: lost-variable */
	}
	return 0;
}

static int set_by_reference(struct scopex_task *task)
{
	struct message m = { .n = 1 };

	scopex_coroutine(task) {
		fill((char *)&m, sizeof(m));
		scopex_yield(task);
		note(m.n);				/* flag: lost-variable */
	}
	return 0;
}

static int array_of_the_frame(struct scopex_task *task)
{
	char buf[8];

	scopex_coroutine(task) {
		fill(buf, 8);
		scopex_yield(task);
		note(buf[0]);				/* flag: lost-variable */
	}
	return 0;
}

static int timer_on_the_frame(struct scopex_task *task)
{
	struct scopex_timer timer;
	int err;

	scopex_coroutine(task) {
		scopex_await(task, err, scopex_sleep(&timer, 10)); /* flag: frame-in-await */
		return err;
	}
	return 0;
}

static int message_on_the_frame(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	char to[8];
	int err;

	scopex_coroutine(task) {
		scopex_await(task, err, scopex_channel_receive(&c->transfer, &c->channel,
							       to)); /* flag: frame-in-await */
		return err;
	}
	return 0;
}

static int pointer_to_the_frame(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	struct message m;

	scopex_coroutine(task) {
		c->message = &m;
		take(c);
		scopex_yield(task);			/* flag: frame-in-await */
	}
	return 0;
}
