// SPDX-License-Identifier: GPL-2.0
/* Suite "stress": a scope from its beginning to its end */

#include <linux/irq_work.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "../compat/hrtimer.h"
#include "stress.h"
#include "test.h"

/* Was it cancelled with a scope that it is nested in? */
bool stress_above_cancelled(const struct stress_frame *frame)
{
	for (; frame; frame = frame->parent) {
		if (frame->outer && scopex_cancelled(frame->outer))
			return true;
		if (frame->parent && scopex_cancelled(frame->parent->scope))
			return true;
	}
	return false;
}

/* May the frame's scope have been cancelled in this round? */
static bool stress_may_be_cancelled(const struct stress_frame *frame)
{
	return READ_ONCE(frame->cancelled) || frame->timeout_us || frame->deadline ||
	       frame->flags & SCOPEX_CANCEL_ON_EXIT ||
	       stress_above_cancelled(frame) ||
	       (frame->flags & SCOPEX_KILLABLE && fatal_signal_pending(current)) ||
	       (frame->flags & SCOPEX_FAIL_FAST && atomic_read(&frame->failed));
}

static void stress_poison(struct stress_frame *frame)
{
	memset(frame->items, POISON, frame->nr * sizeof(*frame->items));
	frame->in_use = false;
}

static void stress_check_poison(struct stress_frame *frame)
{
	EXPECT(stress_test, !memchr_inv(frame->items, POISON,
					frame->nr * sizeof(*frame->items)));
}

/* A round begins, with items as good as new. */
void stress_begin(struct stress_frame *frame)
{
	stress_check_poison(frame);
	stress_items_init(frame, frame->items, frame->nr, stress_act, &frame->rnd);
	atomic_set(&frame->budget, 2 * frame->nr);
	atomic_set(&frame->failed, 0);
	WRITE_ONCE(frame->cancelled, false);
	frame->in_use = true;
}

/* A round is over; @err is the error that the join returned, if one did. */
void stress_end(struct stress_frame *frame, bool told, int err)
{
	int dropped = stress_items_check(frame->items, frame->nr);
	int failed = atomic_read(&frame->failed);

	if (!frame->loose) {
		if (dropped)
			EXPECT(stress_test, stress_may_be_cancelled(frame));
		if (told && !err)
			EXPECT_EQ(stress_test, failed + dropped, 0);
		if (err && err != -EDEADLK && !failed && !dropped)
			EXPECT(stress_test, stress_may_be_cancelled(frame));
		if (err == -EDEADLK)
			EXPECT(stress_test, frame->depth);
	}
	EXPECT(stress_test, !frame->calm || !dropped);
	stress_poison(frame);
}

/* Join an item that other threads may submit, too, before the join and during it. */
static void stress_join_item(struct stress_frame *frame)
{
	struct stress_item *item = &frame->items[below(&frame->rnd, frame->nr)];
	int err;

	if (stress_submit(frame, item, 1, true, &frame->rnd))
		return;
	err = scopex_join_item(&item->work);
	EXPECT(stress_test, !err || err == -EIO || err == -ECANCELED);
}

/* Submits, and what else an owner may do before it joins. */
static void stress_round(struct stress_frame *frame)
{
	u64 *rnd = &frame->rnd;
	unsigned int i;

	stress_begin(frame);
	for (i = 1 + below(rnd, frame->nr); i > 0; i--) {
		stress_submit_some(frame, rnd);
		if (frame->flags & SCOPEX_JOINABLE && one_in(rnd, 4))
			stress_join_item(frame);
	}
	if (!frame->calm && one_in(rnd, 12))
		stress_cancel(frame, rnd);
	if (one_in(rnd, 8))
		stress_dawdle(rnd);
	if (frame->depth + 1 < MAX_DEPTH && one_in(rnd, 12))
		stress_loop(frame, frame->depth + 1, rnd);
}

static void stress_rounds(struct scopex_scope *s, struct stress_frame *frame)
{
	unsigned int i;

	for (i = below(&frame->rnd, 3); i > 0; i--) {
		stress_round(frame);
		stress_end(frame, true, scopex_join(s));
		if (one_in(&frame->rnd, 8))
			stress_dawdle(&frame->rnd);
	}
	/* The end of the scope joins the last round. */
	stress_round(frame);
}

/**
 * struct stress_source - interrupts that submit
 * @frame: where to
 * @timer: one of them
 * @irq_work: the other
 * @items: what
 * @rnd: what the timer draws from, and the other one
 * @shots: how many the timer has left
 */
struct stress_source {
	struct stress_frame	*frame;
	struct hrtimer		timer;
	struct irq_work		irq_work;
	struct stress_item	items[SOURCE_ITEMS];
	u64			rnd[2];
	unsigned int		shots;
};

static void stress_shoot(struct stress_source *source, u64 *rnd)
{
	unsigned int first = below(rnd, SOURCE_ITEMS);

	count(SHOTS, 1);
	stress_submit(source->frame, &source->items[first],
		      1 + below(rnd, SOURCE_ITEMS - first), false, rnd);
}

static enum hrtimer_restart stress_timer(struct hrtimer *timer)
{
	struct stress_source *source =
		container_of(timer, struct stress_source, timer);

	stress_shoot(source, &source->rnd[0]);
	if (!--source->shots)
		return HRTIMER_NORESTART;
	hrtimer_forward_now(timer, usecs(50 + below(&source->rnd[0], 200)));
	return HRTIMER_RESTART;
}

static void stress_irq_work(struct irq_work *irq_work)
{
	struct stress_source *source =
		container_of(irq_work, struct stress_source, irq_work);

	stress_shoot(source, &source->rnd[1]);
}

/* As stress_rounds(), but interrupts submit all the time, and the join is at the end. */
static noinline void stress_shot_at(struct scopex_scope *s,
				    struct stress_frame *frame)
{
	struct stress_source source = {
		.frame = frame,
		.irq_work = IRQ_WORK_INIT_HARD(stress_irq_work),
		.rnd = { draw(&frame->rnd), draw(&frame->rnd) },
		.shots = 1 + below(&frame->rnd, SOURCE_SHOTS),
	};
	unsigned int i;
	int dropped;

	frame->loose = true;
	stress_items_init(frame, source.items, SOURCE_ITEMS, stress_idle,
			  &frame->rnd);
	hrtimer_setup_on_stack(&source.timer, stress_timer, CLOCK_MONOTONIC,
			       HRTIMER_MODE_REL_PINNED_HARD);
	hrtimer_start(&source.timer, usecs(below(&frame->rnd, 100)),
		      HRTIMER_MODE_REL_PINNED_HARD);
	for (i = 1 + below(&frame->rnd, 4); i > 0; i--) {
		irq_work_queue(&source.irq_work);
		stress_round(frame);
		stress_end(frame, true, scopex_join(s));
	}
	hrtimer_cancel(&source.timer);
	destroy_hrtimer_on_stack(&source.timer);
	irq_work_sync(&source.irq_work);
	scopex_join(s);
	dropped = stress_items_check(source.items, SOURCE_ITEMS);
	EXPECT(stress_test, !dropped || !frame->calm);
	frame->loose = false;
}

static int stress_body(struct scopex_scope *s, void *arg)
{
	struct stress_frame *frame = arg;
	u64 *rnd = &frame->rnd;

	frame->scope = s;
	frame->called = true;
	if (frame->burst) {
		stress_burst_body(s, frame);
		return 0;
	}
	if (one_in(rnd, 4))
		stress_shot_at(s, frame);
	if (one_in(rnd, 16))
		return 0;
	stress_rounds(s, frame);
	if (one_in(rnd, 8)) {
		/* The body fails, as an item may. */
		WRITE_ONCE(frame->cancelled, true);
		frame->err = -EXDEV;
	}
	return frame->err;
}

static noinline void stress_in_block(struct stress_frame *frame)
{
	scopex_scope(s)
		stress_body(s, frame);
}

static noinline void stress_in_block_with(struct stress_frame *frame)
{
	scopex_scope(s, .flags = frame->flags, .timeout_us = frame->timeout_us,
		     .deadline = frame->deadline, .limit = frame->limit,
		     .limit_per_cpu = frame->limit_per_cpu)
		stress_body(s, frame);
}

/* The error of the body may have come before that of an item. */
static void stress_ran(struct stress_frame *frame, int err)
{
	EXPECT(stress_test, err || (frame->called && !frame->err));
	EXPECT(stress_test, err != -EDEADLK || !stress_roomy);
	if (!frame->in_use)
		return;
	if (err == -EXDEV) {
		EXPECT(stress_test, frame->err == err || stress_above_cancelled(frame));
		stress_end(frame, false, 0);
	} else {
		stress_end(frame, true, err);
	}
}

/* Choose the options of a scope. */
static void stress_options(struct stress_frame *frame)
{
	u64 *rnd = &frame->rnd;

	if (frame->burst) {
		if (one_in(rnd, 2))
			frame->flags |= SCOPEX_NOT_SERIAL;
		return;
	}
	frame->limit = one_in(rnd, 3) ? 1 + below(rnd, 4) : 0;
	frame->limit_per_cpu = one_in(rnd, 3) ? 1 + below(rnd, 3) : 0;
	if (one_in(rnd, 3))
		frame->flags |= SCOPEX_JOINABLE;
	if (frame->calm)
		return;
	if (one_in(rnd, 3))
		frame->flags |= SCOPEX_FAIL_FAST;
	if (one_in(rnd, 3))
		frame->flags |= SCOPEX_KILLABLE;
	if (one_in(rnd, 3))
		frame->flags |= SCOPEX_CANCEL_ON_EXIT;
	/* At times one that has passed, or that is far away. */
	if (one_in(rnd, 4))
		frame->deadline = ktime_add_us(ktime_get(), below(rnd, 3000));
	else if (one_in(rnd, 8))
		frame->deadline = ktime_add_ms(ktime_get(), 100 * MSEC_PER_SEC);
	switch (below(rnd, 4)) {
	case 0:
		frame->timeout_us = 1 + below(rnd, 50);
		break;
	case 1:
		frame->timeout_us = 50 + below(rnd, 2000);
		break;
	case 2:
		frame->timeout_us = 100 * USEC_PER_SEC;
		break;
	}
}

/* A frame from its beginning to its end. */
void stress_frame(struct stress_frame *frame)
{
	u64 *rnd = &frame->rnd;
	unsigned int way = below(rnd, 4);

	count(FRAMES, 1);
	frame->cookie = draw(rnd) | 1;
	frame->owner = current;
	frame->calm = frame->burst || (!frame->depth && one_in(rnd, 3));
	if (way & 1)
		stress_options(frame);
	stress_poison(frame);

	switch (way) {
	case 0:
		stress_in_block(frame);
		break;
	case 1:
		stress_in_block_with(frame);
		break;
	case 2:
		stress_ran(frame, scopex_run(stress_body, frame));
		break;
	case 3:
		stress_ran(frame, scopex_run(stress_body, frame,
					     .flags = frame->flags,
					     .timeout_us = frame->timeout_us,
					     .deadline = frame->deadline,
					     .limit = frame->limit,
					     .limit_per_cpu = frame->limit_per_cpu));
		break;
	}
	if (frame->in_use)
		stress_end(frame, false, 0);
	stress_scorch(rnd);
	stress_check_poison(frame);
	WRITE_ONCE(frame->cookie, 0);
}

void stress_nested(struct stress_frame *parent, struct scopex_scope *outer,
		   unsigned int depth, u64 *rnd)
{
	struct stress_item items[NESTED_ITEMS];
	struct stress_frame frame = {
		.parent = parent,
		.outer = outer,
		.items = items,
		.nr = 1 + below(rnd, NESTED_ITEMS),
		.depth = depth,
		.rnd = draw(rnd),
	};

	stress_frame(&frame);
}
