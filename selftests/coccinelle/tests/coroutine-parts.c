// SPDX-License-Identifier: GPL-2.0
#include "coroutine.h"

static int field(struct scopex_task *task)
{
	struct message m;

	scopex_coroutine(task) {
		m.n = next(1);
		scopex_yield(task);
		note(m.n);				/* flag: lost-variable */
	}
	return 0;
}

static int field_of_a_field(struct scopex_task *task)
{
	struct message m;

	scopex_coroutine(task) {
		m.part.n = next(1);
		scopex_yield(task);
		note(m.part.n);				/* flag: lost-variable */
	}
	return 0;
}

static int element(struct scopex_task *task)
{
	int n[2];

	scopex_coroutine(task) {
		n[0] = next(1);
		scopex_yield(task);
		note(n[0]);				/* flag: lost-variable */
	}
	return 0;
}

static int element_of_a_field(struct scopex_task *task)
{
	struct message m;

	scopex_coroutine(task) {
		m.many[1] = next(1);
		scopex_yield(task);
		note(m.many[1]);			/* flag: lost-variable */
	}
	return 0;
}

static int field_of_an_element(struct scopex_task *task)
{
	struct part parts[2];

	scopex_coroutine(task) {
		parts[0].n = next(1);
		scopex_yield(task);
		note(parts[0].n);			/* flag: lost-variable */
	}
	return 0;
}

static int reference_to_a_field(struct scopex_task *task)
{
	struct message m;

	scopex_coroutine(task) {
		get(&m.n);
		scopex_yield(task);
		note(m.n);				/* flag: lost-variable */
	}
	return 0;
}

static int reference_to_a_field_of_a_field(struct scopex_task *task)
{
	struct message m;

	scopex_coroutine(task) {
		get(&m.part.n);
		scopex_yield(task);
		note(m.part.n);				/* flag: lost-variable */
	}
	return 0;
}

static int reference_to_an_element(struct scopex_task *task)
{
	int n[2];

	scopex_coroutine(task) {
		get(&n[1]);
		scopex_yield(task);
		note(n[1]);				/* flag: lost-variable */
	}
	return 0;
}

static int reference_to_an_element_of_a_field(struct scopex_task *task)
{
	struct message m;

	scopex_coroutine(task) {
		get(&m.many[1]);
		scopex_yield(task);
		note(m.many[1]);			/* flag: lost-variable */
	}
	return 0;
}

static int reference_to_a_field_of_an_element(struct scopex_task *task)
{
	struct part parts[2];

	scopex_coroutine(task) {
		get(&parts[0].n);
		scopex_yield(task);
		note(parts[0].n);			/* flag: lost-variable */
	}
	return 0;
}

static int counted_down(struct scopex_task *task)
{
	int n = 9;

	scopex_coroutine(task) {
		n--;
		scopex_yield(task);
		note(n);				/* flag: lost-variable */
	}
	return 0;
}

static int counted_down_before(struct scopex_task *task)
{
	int n = 9;

	scopex_coroutine(task) {
		--n;
		scopex_yield(task);
		note(n);				/* flag: lost-variable */
	}
	return 0;
}

static int counted_up(struct scopex_task *task)
{
	int n = 9;

	scopex_coroutine(task) {
		n++;
		scopex_yield(task);
		note(n);				/* flag: lost-variable */
	}
	return 0;
}

static int counted_up_before(struct scopex_task *task)
{
	int n = 9;

	scopex_coroutine(task) {
		++n;
		scopex_yield(task);
		note(n);				/* flag: lost-variable */
	}
	return 0;
}

static int pointer_to_elements(struct scopex_task *task)
{
	struct coroutine *c = container_of(task, struct coroutine, task);
	int *n;

	scopex_coroutine(task) {
		n = &c->message->n;
		scopex_yield(task);
		n[1] = next(1);				/* flag: lost-variable */
	}
	return 0;
}

/* From here on, all is well. */

static int sets_each_part_again(struct scopex_task *task)
{
	struct message m;
	struct part parts[2];
	int n[2];

	scopex_coroutine(task) {
		m.n = next(1);
		note(m.n);
		scopex_yield(task);
		m.n = next(1);
		note(m.n);
		scopex_yield(task);
		m.part.n = next(1);
		note(m.part.n);
		scopex_yield(task);
		m.many[1] = next(1);
		note(m.many[1]);
		scopex_yield(task);
		get(&m.n);
		note(m.n);
		scopex_yield(task);
		get(&m.many[1]);
		note(m.many[1]);
		scopex_yield(task);
		get(&m.part.n);
		note(m.part.n);
		for (int i = 0; i < 2; i++) {
			n[0] = next(i);
			note(n[0]);
			parts[0].n = n[0];
			note(parts[0].n);
		}
		scopex_yield(task);
		get(&n[1]);
		note(n[1]);
		get(&parts[0].n);
		note(parts[0].n);
	}
	return 0;
}
