// SPDX-License-Identifier: GPL-2.0
/* Suite "stress": bursts of items that wait */

#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/rwsem.h>
#include <linux/scopex_detached.h>

#include "../state.h"
#include "stress.h"
#include "test.h"

void stress_begun_in_burst(struct stress_burst *burst)
{
	complete(&burst->begun);
}

void stress_wait_in_burst(struct stress_burst *burst, u64 *rnd)
{
	if (burst->safe)
		wait_for_completion(&burst->go);
	else if (!wait_for_completion_timeout(&burst->go, 1 + below(rnd, 3)))
		count(TIMEOUTS, 1);
}

static void stress_wait(struct stress_item *item)
{
	scopex_will_block();
	stress_wait_in_burst(item->frame->burst, &item->rnd);
}

/* The same without a word. */
static void stress_sleep(struct stress_item *item)
{
	stress_wait_in_burst(item->frame->burst, &item->rnd);
}

static void stress_wait_for_detached(struct stress_item *item)
{
	struct stress_detached *detached = item->frame->burst->detached;
	int result;

	if (!detached)
		return;
	result = scopex_detached_wait(&detached->detached);
	EXPECT(stress_test, !result || result == -EIO);
}

/* A scope with a few items, some of which are submitted to a CPU by its number. */
static noinline void stress_nest(struct stress_item *item)
{
	struct stress_item items[NESTED_ITEMS];
	struct stress_burst burst = { .alone = item->frame->burst->alone };
	struct stress_frame frame = {
		.outer = item->frame->scope,
		.burst = &burst,
		.items = items,
		.nr = 1 + below(&item->rnd, NESTED_ITEMS),
		.depth = item->frame->depth + 1,
		.rnd = draw(&item->rnd),
	};

	stress_frame(&frame);
	stress_scorch(&item->rnd);
}

/* A scope with anything in it. */
static void stress_nest_anything(struct stress_item *item)
{
	stress_nested(NULL, item->frame->scope, item->frame->depth + 1, &item->rnd);
	stress_scorch(&item->rnd);
}

static void stress_detach_in_burst(struct stress_item *item)
{
	stress_detach(item->frame->burst->promised, false, &item->rnd);
}

static void stress_call_each(struct stress_item *item)
{
	stress_each(true, &item->rnd);
}

/* It delays other items only for a short time. */
static void stress_nap(struct stress_item *item)
{
	if (one_in(&item->rnd, 3))
		usleep_range(10, 100);
	else
		udelay(below(&item->rnd, 20));
}

static void stress_let_go(struct stress_burst *burst)
{
	if (atomic_dec_and_test(&burst->behind))
		complete_all(&burst->go);
}

static void stress_come_behind(struct stress_item *item)
{
	stress_let_go(item->frame->burst);
}

/**
 * struct stress_kind - a kind of item that bursts are of
 * @act: what it does
 * @others: how many items of others, on any CPU, it may keep waiting at a time
 */
struct stress_kind {
	void		(*act)(struct stress_item *item);
	unsigned int	others;
};

static const struct stress_kind stress_kinds[] = {
	{ stress_wait },
	{ stress_sleep },
	{ stress_wait_for_detached },
	{ stress_nest, 1 },
	{ stress_detach_in_burst, 1 },
	{ stress_call_each, 1 },
	/* The last one: only where the test promises nothing about the others. */
	{ stress_nest_anything, 20 },
};

/* Which kinds there are in a burst. */
static unsigned int stress_draw_kinds(struct stress_burst *burst, u64 *rnd)
{
	unsigned int nr = ARRAY_SIZE(stress_kinds) - burst->alone;

	return one_in(rnd, 3) ? BIT(below(rnd, nr)) : 1 + below(rnd, BIT(nr) - 1);
}

static const struct stress_kind *stress_draw_kind(unsigned int kinds, u64 *rnd)
{
	unsigned int kind;

	do {
		kind = below(rnd, ARRAY_SIZE(stress_kinds));
	} while (!(kinds & BIT(kind)));
	return &stress_kinds[kind];
}

/* How many more workers a CPU needs for one, if it is not queued there. */
static unsigned int stress_needs_more(const struct stress_burst *burst,
				      const struct stress_kind *kind)
{
	/* The first one that waits for the detached item brings that. */
	return kind->others + (kind->act == stress_wait_for_detached && !burst->detaches);
}

/*
 * Choose the items of a burst. Returns how many. With @round each CPU gets the same number;
 * without, one CPU may get all. If nothing else runs, the test knows how many workers a CPU
 * needs at most, and so whether scopex promises progress. Some bursts are as large as that
 * promise allows.
 */
static unsigned int stress_burst_plan(struct stress_frame *frame, bool round)
{
	struct stress_burst *burst = frame->burst;
	u64 *rnd = &frame->rnd;
	unsigned int room[] = { UINT_MAX, stress_workers, stress_workers / 2 };
	unsigned int most = room[below(rnd, ARRAY_SIZE(room))];
	unsigned int max = 1 + below(rnd, 1 + below(rnd, BURST_ITEMS));
	unsigned int kinds = stress_draw_kinds(burst, rnd);
	unsigned int i, needs = 0, others = 1;	/* the one that serves */

	for (i = 0; i < max; i++) {
		const struct stress_kind *kind = stress_draw_kind(kinds, rnd);
		unsigned int own = round ? DIV_ROUND_UP(i + 1, nr_cpu_ids) : i + 1;
		unsigned int more = others + stress_needs_more(burst, kind);

		if (i && own + more > most)
			break;
		others = more;
		needs = own + others;
		frame->items[i].act = kind->act;
		if (kind->act == stress_wait_for_detached)
			burst->detaches = true;
	}
	burst->promised = burst->alone && needs <= stress_workers;
	if (burst->alone)
		stress_roomy = needs <= stress_workers / 2;
	return i;
}

static struct stress_way stress_draw_way(u64 *rnd, bool *round)
{
	struct stress_way way = { .how = below(rnd, ARRAY + 1), .cpu = below(rnd, nr_cpu_ids) };

	*round = way.how == ON && one_in(rnd, 2);
	if (way.how == ARRAY && one_in(rnd, 2))
		way.cpu = SCOPEX_CPU_ANY;
	return way;
}

static void stress_burst_submit(struct stress_frame *frame, unsigned int nr,
				struct stress_way way, bool round)
{
	unsigned int i;

	if (way.how == ARRAY) {
		stress_submit_by(frame, frame->items, nr, true, way);
		return;
	}
	for (i = 0; i < nr; i++) {
		if (round)
			way.cpu = i % nr_cpu_ids;
		stress_submit_by(frame, &frame->items[i], 1, true, way);
	}
}

/* Queued behind all others, on each CPU: the last of these items ends all waits. */
static void stress_submit_behind(struct stress_frame *frame)
{
	struct stress_burst *burst = frame->burst;
	struct stress_way way = { .how = ON };
	struct stress_item *item;

	atomic_set(&burst->behind, 1);
	for (; way.cpu < min_t(int, nr_cpu_ids, BURST_CPUS); way.cpu++) {
		item = &frame->items[BURST_ITEMS + way.cpu];
		item->act = stress_come_behind;
		atomic_inc(&burst->behind);
		if (stress_submit_by(frame, item, 1, true, way))
			stress_let_go(burst);
	}
	stress_let_go(burst);
}

static void stress_burst_put_detached(struct stress_burst *burst)
{
	int result = scopex_detached_wait(&burst->detached->detached);

	EXPECT(stress_test, !result || result == -EIO);
	scopex_detached_put(&burst->detached->detached);
}

/* A burst in an item: its items wait for nothing, but one of them may nest, too. */
static void stress_small_burst(struct stress_frame *frame)
{
	struct stress_way way;
	unsigned int i;
	bool round;

	if (stress_roomy)
		EXPECT(stress_test,
		       !(atomic64_read(&frame->scope->state) & SCOPEX_SERIAL));
	for (i = 0; i < frame->nr; i++)
		frame->items[i].act = stress_nap;
	if (frame->depth + 1 < MAX_DEPTH && one_in(&frame->rnd, 3))
		frame->items[0].act = stress_nest;
	way = stress_draw_way(&frame->rnd, &round);
	stress_burst_submit(frame, frame->nr, way, round);
}

/*
 * A burst: many items at once, so many of which wait for each other that the items behind
 * them in the queue need further workers. The owner ends the waits, or an item behind them
 * does. The owner is always safe, as it does not wait for the items before. The items behind
 * need one worker more than those that wait, and scopex promises that worker only up to the
 * bound of the pool. Beyond that, or if other frames may need workers, the waits time out.
 */
static void stress_large_burst(struct stress_frame *frame)
{
	struct stress_burst *burst = frame->burst;
	bool round, by_owner = one_in(&frame->rnd, 4);
	struct stress_way way = stress_draw_way(&frame->rnd, &round);
	unsigned int nr = stress_burst_plan(frame, round);

	burst->safe = by_owner || burst->promised;
	count(PROMISES, burst->promised && !by_owner);
	if (burst->detaches)
		burst->detached = stress_new_detached(burst, false, &frame->rnd);
	/* First, so that it does not need a worker that another item holds. */
	if (burst->detached)
		wait_for_completion(&burst->begun);
	stress_burst_submit(frame, nr, way, round);
	if (by_owner) {
		usleep_range(0, 5000);
		complete_all(&burst->go);
	} else {
		stress_submit_behind(frame);
	}
	if (burst->promised &&
	    !EXPECT(stress_test, wait_for_completion_timeout(&burst->go, BURST_LIMIT)))
		complete_all(&burst->go);
}

void stress_burst_body(struct scopex_scope *s, struct stress_frame *frame)
{
	struct stress_burst *burst = frame->burst;

	stress_begin(frame);
	if (frame->depth)
		stress_small_burst(frame);
	else
		stress_large_burst(frame);
	if (burst->detached || one_in(&frame->rnd, 2))
		stress_end(frame, true, scopex_join(s));
	if (burst->detached)
		stress_burst_put_detached(burst);
}

/* The other threads are between turns; wait for detached items, as no other task does. */
static bool stress_until_alone(void)
{
	unsigned long end = jiffies + BURST_LIMIT;

	while (atomic_read(&stress_detached)) {
		if (!EXPECT(stress_test, time_before(jiffies, end)))
			return false;
		usleep_range(100, 500);
	}
	/* Workers that have just completed an item go on standby again. */
	usleep_range(1000, 2000);
	return true;
}

static noinline void stress_burst(struct stress_driver *driver, bool alone)
{
	struct stress_burst burst = { .alone = alone };
	struct stress_frame frame = {
		.burst = &burst,
		.items = driver->items,
		.nr = ARRAY_SIZE(driver->items),
		.rnd = draw(&driver->rnd),
	};

	count(BURSTS, 1);
	init_completion(&burst.go);
	init_completion(&burst.begun);
	if (!alone || stress_until_alone())
		stress_frame(&frame);
	if (alone)
		stress_roomy = false;
}

void stress_burst_turn(struct stress_driver *driver)
{
	bool alone = !one_in(&driver->rnd, 3);
	unsigned int i;

	if (alone)
		down_write(&stress_turns);
	else
		down_read(&stress_turns);
	for (i = 0; i < BURSTS_IN_TURN && !scopex_test_failed(stress_test); i++)
		stress_burst(driver, alone);
	if (alone)
		up_write(&stress_turns);
	else
		up_read(&stress_turns);
}
