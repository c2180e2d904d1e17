/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tasks that wait for a point in time
 *
 *	scopex_coroutine(task) {
 *		scopex_await(task, err, scopex_sleep(&c->timer, 1000));
 *		...
 *	}
 *
 * All times are of CLOCK_MONOTONIC, as ktime_get() has it. A wait never ends early. It ends late by
 * what the timer interrupt and the items that are queued on the CPU take, and by up to 20 us for
 * each 32 timers of a CPU that are over at the same time; without high-resolution timers, by a tick
 * instead of each of these pauses.
 */
#ifndef _LINUX_SCOPEX_TIMER_H
#define _LINUX_SCOPEX_TIMER_H

#include <linux/build_bug.h>
#include <linux/ktime.h>
#include <linux/scopex_task.h>
#include <linux/timerqueue.h>

/**
 * struct scopex_timer - a point in time, for which one task waits
 * @await: the await; its mark says in which CPU's queue the timer is
 * @node: the point in time, and the place in that queue
 *
 * A part of the task's object. It needs no initialiser. All fields are private to scopex.
 */
struct scopex_timer {
	struct scopex_await	await;
	struct timerqueue_node	node;
};

/* What a task that sleeps takes, without its own variables. */
static_assert(sizeof(struct scopex_task) + sizeof(struct scopex_timer) <= 128);

struct scopex_await *scopex_sleep(struct scopex_timer *timer, s64 us);
struct scopex_await *scopex_sleep_until(struct scopex_timer *timer, ktime_t deadline);

/**
 * struct scopex_ticker - points in time at equal distances, for which one task waits in turn
 * @timer: the next one
 * @last: the one for which the task has waited last
 * @period: the distance, in nanoseconds
 * @missed: how many were over between the last two for which the task has waited
 *
 * A part of the task's object, prepared by scopex_ticker_start(). The caller may read @last and
 * @missed.
 */
struct scopex_ticker {
	struct scopex_timer	timer;
	ktime_t			last;
	s64			period;
	u64			missed;
};

void scopex_ticker_start(struct scopex_ticker *ticker, s64 period_us);
struct scopex_await *scopex_tick(struct scopex_ticker *ticker);

#endif /* _LINUX_SCOPEX_TIMER_H */
