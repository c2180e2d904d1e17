// SPDX-License-Identifier: GPL-2.0
/* scopex_test: tasks sleep, and wake up at the right time */

#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/scopex_timer.h>
#include <linux/slab.h>

#include "../task.h"
#include "task.h"
#include "test.h"
#include "timer.h"

int sleeper_fn(struct scopex_task *task)
{
	struct sleeper *s = container_of(task, struct sleeper, task);

	atomic_inc(&s->calls);
	scopex_coroutine(task) {
		s->begun = ktime_get();
		scopex_await(task, s->err, s->until ? scopex_sleep_until(&s->timer, s->until) :
					   scopex_sleep(&s->timer, s->us));
		s->ended = ktime_get();
		if (s->turn)
			s->order = atomic_inc_return(s->turn);
	}
	return s->err;
}

/* Wait until a task waits, or is completed. */
void test_until_asleep(struct scopex_task *task)
{
	while (atomic_read(&task->state) != SCOPEX_TASK_WAITING && scopex_work_busy(&task->work))
		usleep_range(50, 100);
}

/* An order of the numbers below @nr, in which neighbours are far from each other. */
static unsigned int mixed(unsigned int i, unsigned int nr)
{
	return (u64)i * 7919 % nr;
}

/**
 * sleepers_begin() - have tasks sleep, all of them at the same time
 * @test: the test
 * @s: their scope
 * @nr: the number of tasks, not a multiple of 7919
 * @step_us: the distance of the points in time for which they wait, in no order; 0: all wait for
 *	the same one
 * @cpu: where they sleep; SCOPEX_CPU_ANY: anywhere
 * @turn: counts them when they wake up; may be NULL
 *
 * Return: the tasks, to be freed with kvfree(), which all wait; or NULL.
 */
struct sleeper *sleepers_begin(struct scopex_test *test, struct scopex_scope *s, unsigned int nr,
			       s64 step_us, int cpu, atomic_t *turn)
{
	struct sleeper *sleepers = kvcalloc(nr, sizeof(*sleepers), GFP_KERNEL);
	s64 delay_us = 50 * USEC_PER_MSEC + nr * 10;
	unsigned int i;
	ktime_t first;

	if (!EXPECT(test, sleepers))
		return NULL;
	for (;;) {
		first = ktime_add_us(ktime_get(), delay_us);
		if (turn)
			atomic_set(turn, 0);
		for (i = 0; i < nr; i++) {
			sleeper_init(&sleepers[i], 0);
			sleepers[i].until = ktime_add_us(first, mixed(i, nr) * step_us);
			sleepers[i].turn = turn;
			if (cpu < 0)
				EXPECT_EQ(test, scopex_submit(s, &sleepers[i].task.work), 0);
			else
				EXPECT_EQ(test, scopex_submit_on(s, cpu, &sleepers[i].task.work),
					  0);
		}
		for (i = 0; i < nr; i++)
			test_until_asleep(&sleepers[i].task);
		if (ktime_get() < first || scopex_test_failed(test))
			return sleepers;
		/* Too slow: some of them may not have waited at all. */
		EXPECT_EQ(test, scopex_join(s), 0);
		delay_us *= 2;
	}
}

/* It has slept once, with this result, and not too short. */
void expect_slept(struct scopex_test *test, struct sleeper *s, int result)
{
	EXPECT(test, !scopex_work_busy(&s->task.work));
	EXPECT_EQ(test, scopex_work_result(&s->task.work), result);
	EXPECT_EQ(test, s->err, result);
	EXPECT_EQ(test, atomic_read(&s->calls), 2);
	if (!result && s->until)
		EXPECT(test, s->ended >= s->until);
	else if (!result)
		EXPECT(test, ktime_us_delta(s->ended, s->begun) >= s->us);
}

static void sleep_is_never_early(struct scopex_test *test)
{
	static const s64 times[] = { 1, 10, 20, 100, 999, 1000, 5000, 20000 };
	unsigned int i, round;
	struct sleeper s;

	for (round = 0; round < 5; round++) {
		for (i = 0; i < ARRAY_SIZE(times); i++) {
			sleeper_init(&s, times[i]);
			scopex_scope(scope)
				EXPECT_EQ(test, scopex_submit(scope, &s.task.work), 0);
			EXPECT_EQ(test, scopex_work_result(&s.task.work), 0);
			EXPECT(test, ktime_us_delta(s.ended, s.begun) >= times[i]);
		}
	}
}

static void sleepers_wake_up_in_order(struct scopex_test *test)
{
	unsigned int i, nr = 1000, cpu = test_this_cpu();
	struct sleeper *sleepers = NULL;
	atomic_t turn = ATOMIC_INIT(0);

	scopex_scope(s) {
		sleepers = sleepers_begin(test, s, nr, 20, cpu, &turn);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; sleepers && i < nr; i++) {
		expect_slept(test, &sleepers[i], 0);
		EXPECT_EQ(test, sleepers[i].order, mixed(i, nr) + 1);
	}
	kvfree(sleepers);
}

static void cancel_ends_each_sleep(struct scopex_test *test)
{
	struct sleeper *sleepers = kvcalloc(1000, sizeof(*sleepers), GFP_KERNEL);
	unsigned int i;

	if (!EXPECT(test, sleepers))
		return;
	scopex_scope(s) {
		for (i = 0; i < 1000; i++) {
			sleeper_init(&sleepers[i], TEST_NEVER_US + i % 10);
			EXPECT_EQ(test, scopex_submit(s, &sleepers[i].task.work), 0);
		}
		for (i = 0; i < 1000; i++)
			test_until_asleep(&sleepers[i].task);
		scopex_cancel(s, -EPIPE);
		EXPECT_EQ(test, scopex_join(s), -EPIPE);
	}
	for (i = 0; i < 1000; i++)
		expect_slept(test, &sleepers[i], -ECANCELED);
	kvfree(sleepers);
}

static void what_is_over_does_not_wait(struct scopex_test *test)
{
	static const s64 times[] = { 0, -1, -1000, S64_MIN };
	static const ktime_t points[] = { 1, -1, KTIME_MIN };
	struct sleeper s;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(times) + ARRAY_SIZE(points); i++) {
		sleeper_init(&s, 0);
		if (i < ARRAY_SIZE(times))
			s.us = times[i];
		else
			s.until = points[i - ARRAY_SIZE(times)];
		scopex_scope(scope)
			EXPECT_EQ(test, scopex_submit(scope, &s.task.work), 0);
		EXPECT_EQ(test, scopex_work_result(&s.task.work), 0);
		EXPECT_EQ(test, atomic_read(&s.calls), 1);
	}
}

/* Nor does a wake-up end such a wait, or another one, that is not over. */
static void end_of_time_does_not_come(struct scopex_test *test)
{
	static const s64 times[] = { TEST_NEVER_US, S64_MAX / 1000, S64_MAX / 1000 + 1, S64_MAX };
	static const ktime_t points[] = { KTIME_MAX - 1, KTIME_MAX };
	unsigned int i, n, nr = ARRAY_SIZE(times) + ARRAY_SIZE(points);
	struct sleeper *s = kcalloc(nr, sizeof(*s), GFP_KERNEL);

	if (!EXPECT(test, s))
		return;
	scopex_scope(scope) {
		for (i = 0; i < nr; i++) {
			sleeper_init(&s[i], 0);
			if (i < ARRAY_SIZE(times))
				s[i].us = times[i];
			else
				s[i].until = points[i - ARRAY_SIZE(times)];
			EXPECT_EQ(test, scopex_submit(scope, &s[i].task.work), 0);
		}
		for (n = 1; n <= 20; n++) {
			for (i = 0; i < nr; i++) {
				test_until_asleep(&s[i].task);
				if (EXPECT_EQ(test, atomic_read(&s[i].calls), n))
					scopex_wake(&s[i].task);
			}
		}
		for (i = 0; i < nr; i++)
			test_until_asleep(&s[i].task);
		scopex_cancel(scope, 0);
		EXPECT_EQ(test, scopex_join(scope), -ECANCELED);
	}
	for (i = 0; i < nr; i++) {
		EXPECT_EQ(test, s[i].err, -ECANCELED);
		EXPECT_EQ(test, atomic_read(&s[i].calls), 22);
	}
	kfree(s);
}

/* The hrtimer fires for a timer that is gone, and then for the next one. */
static void next_timer_is_not_forgotten(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu();
	struct sleeper goes, stays;

	sleeper_init(&goes, 20 * USEC_PER_MSEC);
	sleeper_init(&stays, 60 * USEC_PER_MSEC);
	scopex_scope(s, .timeout_us = 60 * USEC_PER_SEC) {
		scopex_scope(other) {
			EXPECT_EQ(test, scopex_submit_on(other, cpu, &goes.task.work), 0);
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &stays.task.work), 0);
			test_until_asleep(&stays.task);
			scopex_cancel(other, 0);
		}
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	expect_slept(test, &stays, 0);
}

#define TICKS		20
#define TICK_US		2000
#define BLOCKED_AFTER	9

/**
 * struct ticking - a task that waits for periods, and is late once
 * @task: the task
 * @ticker: its ticker
 * @start: when the first period began
 * @last: the periods that it had
 * @missed: those that it did not have, before each
 * @nr: their number
 * @early: a period was not over
 */
struct ticking {
	struct scopex_task	task;
	struct scopex_ticker	ticker;
	ktime_t			start;
	ktime_t			last[TICKS];
	u64			missed[TICKS];
	unsigned int		nr;
	bool			early;
};

static int ticking_fn(struct scopex_task *task)
{
	struct ticking *t = container_of(task, struct ticking, task);
	ktime_t end;
	int err;

	scopex_coroutine(task) {
		scopex_ticker_start(&t->ticker, TICK_US);
		t->start = t->ticker.last;
		for (t->nr = 0; t->nr < TICKS; t->nr++) {
			scopex_await(task, err, scopex_tick(&t->ticker));
			if (err)
				return err;
			t->last[t->nr] = t->ticker.last;
			t->missed[t->nr] = t->ticker.missed;
			if (ktime_get() < t->ticker.last)
				t->early = true;
			if (t->nr != BLOCKED_AFTER)
				continue;
			end = ktime_add_us(t->ticker.last, 10 * TICK_US + TICK_US / 2);
			while (ktime_get() < end)
				usleep_range(500, 1000);
		}
	}
	return 0;
}

static void periods_do_not_drift(struct scopex_test *test)
{
	struct ticking t = { .task = SCOPEX_TASK_INIT(ticking_fn) };
	ktime_t last;
	unsigned int i;

	scopex_scope(s, .timeout_us = 60 * USEC_PER_SEC) {
		EXPECT_EQ(test, scopex_submit(s, &t.task.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT(test, !t.early);
	EXPECT_EQ(test, t.nr, TICKS);
	last = t.start;
	for (i = 0; i < TICKS; i++) {
		last = ktime_add_us(last, (1 + t.missed[i]) * TICK_US);
		EXPECT_EQ(test, t.last[i], last);
	}
	/* One of the ten that were over, and the others. */
	EXPECT(test, t.missed[BLOCKED_AFTER + 1] >= 9);
}

static void periods_have_bounds(struct scopex_test *test)
{
	struct scopex_ticker ticker = {};

	scopex_ticker_start(&ticker, S64_MIN);
	EXPECT_EQ(test, ticker.period, NSEC_PER_USEC);
	scopex_ticker_start(&ticker, S64_MAX);
	EXPECT(test, ticker.period > 0);
	scopex_tick(&ticker);
	EXPECT_EQ(test, ticker.timer.node.expires, KTIME_MAX);
}

/**
 * struct either - a task waits for a timer or for a tick, whatever comes first
 * @task: the task
 * @await: the await that stands for both
 * @timer: the one
 * @ticker: the other one
 * @timer_us: how long the timer takes
 * @period_us: how long a period takes
 * @rounds: how often it waits
 * @nr: how often it has waited
 * @ticks: how often for a tick
 * @begun: the time before a wait
 * @short_waits: waits that were too short
 * @taken: the timer has won
 * @start: when the first period began
 * @missed: the sum of the missed periods
 */
struct either {
	struct scopex_task	task;
	struct scopex_await	await;
	struct scopex_timer	timer;
	struct scopex_ticker	ticker;
	s64			timer_us;
	s64			period_us;
	unsigned int		rounds;
	unsigned int		nr;
	unsigned int		ticks;
	ktime_t			begun;
	unsigned int		short_waits;
	bool			taken;
	ktime_t			start;
	u64			missed;
};

static int either_end(struct either *e, int timer, int tick)
{
	struct scopex_await *loser = timer == SCOPEX_PENDING ? &e->timer.await :
				     tick == SCOPEX_PENDING ? &e->ticker.timer.await : NULL;

	if (timer == SCOPEX_PENDING && tick == SCOPEX_PENDING)
		return SCOPEX_PENDING;
	e->taken = timer != SCOPEX_PENDING;
	if (loser)
		loser->ops->disarm(loser);
	if (tick != SCOPEX_PENDING) {
		e->ticks++;
		e->missed += e->ticker.missed;
	}
	return 0;
}

static int either_arm(struct scopex_await *await)
{
	struct either *e = container_of(await, struct either, await);

	e->timer.await.from_task = (void *)&e->timer.await - (void *)e;
	e->ticker.timer.await.from_task = (void *)&e->ticker.timer.await - (void *)e;
	return either_end(e, e->timer.await.ops->arm(&e->timer.await),
			  e->ticker.timer.await.ops->arm(&e->ticker.timer.await));
}

static int either_ready(struct scopex_await *await)
{
	struct either *e = container_of(await, struct either, await);

	return either_end(e, e->timer.await.ops->ready(&e->timer.await),
			  e->ticker.timer.await.ops->ready(&e->ticker.timer.await));
}

static void either_disarm(struct scopex_await *await)
{
	struct either *e = container_of(await, struct either, await);

	e->timer.await.ops->disarm(&e->timer.await);
	e->ticker.timer.await.ops->disarm(&e->ticker.timer.await);
}

static const struct scopex_await_ops either_ops = {
	.name = "timer or tick",
	.arm = either_arm,
	.ready = either_ready,
	.disarm = either_disarm,
};

static struct scopex_await *either_wait(struct either *e)
{
	e->await.ops = &either_ops;
	e->begun = ktime_get();
	scopex_sleep(&e->timer, e->timer_us);
	scopex_tick(&e->ticker);
	return &e->await;
}

static int either_fn(struct scopex_task *task)
{
	struct either *e = container_of(task, struct either, task);
	int err;

	scopex_coroutine(task) {
		scopex_ticker_start(&e->ticker, e->period_us);
		e->start = e->ticker.last;
		for (e->nr = 0; e->nr < e->rounds; e->nr++) {
			scopex_await(task, err, either_wait(e));
			if (err)
				return err;
			if (e->taken && ktime_us_delta(ktime_get(), e->begun) < e->timer_us)
				e->short_waits++;
		}
	}
	return 0;
}

/* The loser has left its queue, and a tick that loses is not taken. */
static void timers_can_lose(struct scopex_test *test)
{
	static const s64 cases[][2] = {
		{ 500, TEST_NEVER_US }, { TEST_NEVER_US, 500 }, { 500, 700 },
	};
	struct either *e = kzalloc(sizeof(*e), GFP_KERNEL);
	unsigned int i;

	for (i = 0; EXPECT(test, e) && i < ARRAY_SIZE(cases); i++) {
		scopex_task_init(&e->task, either_fn);
		e->timer_us = cases[i][0];
		e->period_us = cases[i][1];
		e->rounds = 50;
		e->ticks = 0;
		e->missed = 0;
		scopex_scope(s, .timeout_us = 60 * USEC_PER_SEC) {
			EXPECT_EQ(test, scopex_submit(s, &e->task.work), 0);
			EXPECT_EQ(test, scopex_join(s), 0);
		}
		EXPECT_EQ(test, e->nr, 50);
		EXPECT_EQ(test, e->short_waits, 0);
		if (e->period_us == TEST_NEVER_US)
			EXPECT_EQ(test, e->ticks, 0);
		if (e->timer_us == TEST_NEVER_US)
			EXPECT_EQ(test, e->ticks, 50);
		EXPECT_EQ(test, ktime_us_delta(e->ticker.last, e->start),
			  (e->ticks + e->missed) * e->period_us);
	}
	/* Nobody waits any more: what is freed now is not in a queue. */
	kfree(e);
}

/**
 * struct clumsy - a task that does the wrong thing when it is woken
 * @test: the test
 * @task: the task
 * @timer: its timer
 * @leaves: it returns a result, though it waits; else it sets the timer again
 */
struct clumsy {
	struct scopex_test	*test;
	struct scopex_task	task;
	struct scopex_timer	timer;
	bool			leaves;
};

static int clumsy_fn(struct scopex_task *task)
{
	struct clumsy *c = container_of(task, struct clumsy, task);
	struct scopex_await *await;

	if (!task->await)
		return scopex_poll(task, scopex_sleep(&c->timer, TEST_NEVER_US));
	if (c->leaves)
		return 0;
	EXPECT_WARNING("sets a timer for which a task waits",
		       await = scopex_sleep(&c->timer, 1));
	EXPECT(c->test, await == &c->timer.await);
	return scopex_poll(task, await);
}

static void timer_is_not_set_twice(struct scopex_test *test)
{
	struct clumsy c = { .test = test, .task = SCOPEX_TASK_INIT(clumsy_fn) };

	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &c.task.work), 0);
		test_until_waiting(&c.task);
		scopex_wake(&c.task);
		test_until_asleep(&c.task);
		msleep(20);
		EXPECT_EQ(test, atomic_read(&c.task.state), SCOPEX_TASK_WAITING);
		c.leaves = true;
		EXPECT_WARNING("clumsy_fn [scopex_test] is completed while it waits for a timer",
			       scopex_wake(&c.task);
			       EXPECT_EQ(test, scopex_join(s), 0));
	}
	memset(&c, 0x5a, sizeof(c));
}

static const struct scopex_case timer_cases[] = {
	SCOPEX_CASE(sleep_is_never_early),
	SCOPEX_CASE(sleepers_wake_up_in_order),
	SCOPEX_CASE(cancel_ends_each_sleep),
	SCOPEX_CASE(what_is_over_does_not_wait),
	SCOPEX_CASE(end_of_time_does_not_come),
	SCOPEX_CASE(next_timer_is_not_forgotten),
	SCOPEX_CASE(periods_do_not_drift),
	SCOPEX_CASE(periods_have_bounds),
	SCOPEX_CASE(timers_can_lose),
	SCOPEX_CASE(timer_is_not_set_twice),
};

SCOPEX_SUITE(timer, timer_cases);
