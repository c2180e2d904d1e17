// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "stress": tasks that wait for each other and for the time, and are cancelled
 *
 * The accounts: each call of a task's function is a run, and was submitted once. No task is called
 * once it has returned its result. In the end all permits are back, no more tasks than there are
 * permits ever had one, and each message that was sent was received once.
 */

#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/scopex_sync.h>
#include <linux/scopex_timer.h>
#include <linux/slab.h>

#include "stress.h"
#include "test.h"

#define HALL_TASKS	24
#define HALL_PERMITS	2
#define HALL_MESSAGES	3
#define HALL_ROUNDS	6

/**
 * struct stress_hall - what tasks share
 * @permits: two of them may have one at a time
 * @channel: for messages
 * @buffer: of the channel
 * @event: set in the end
 * @inside: how many have a permit
 * @sent: the sum of all messages that were sent
 * @received: and of those that were received
 */
struct stress_hall {
	struct scopex_semaphore	permits;
	struct scopex_channel	channel;
	u32			buffer[HALL_MESSAGES];
	struct scopex_event	event;
	atomic_t		inside;
	atomic64_t		sent;
	atomic64_t		received;
};

/**
 * struct stress_task - a task that does anything
 * @task: the task
 * @hall: what it shares with others
 * @timer: how it sleeps
 * @permit: how it waits for a permit
 * @transfer: how it sends and receives
 * @wait: how it waits for the event
 * @several: how it does so for some time only
 * @member: the event or the message, and the time
 * @message: the message
 * @rnd: what it draws from
 * @rounds: what it still does
 * @calls: how often its function was called
 * @inside: how many threads are in it
 * @over: it has returned its result
 * @accepted: it was submitted
 */
struct stress_task {
	struct scopex_task		task;
	struct stress_hall		*hall;
	struct scopex_timer		timer;
	struct scopex_semaphore_waiter	permit;
	struct scopex_transfer		transfer;
	struct scopex_event_waiter	wait;
	struct scopex_several		several;
	struct scopex_member		member[2];
	u32				message;
	u64				rnd;
	unsigned int			rounds;
	unsigned int			calls;
	atomic_t			inside;
	bool				over;
	bool				accepted;
};

/* Wait for what @first stands for, but not for long. */
static struct scopex_await *stress_for_a_while(struct stress_task *t, struct scopex_await *first)
{
	t->member[0].await = first;
	t->member[1].await = scopex_sleep(&t->timer, below(&t->rnd, 200));
	return scopex_first_of(&t->several, t->member, ARRAY_SIZE(t->member));
}

static int stress_live(struct stress_task *t)
{
	struct scopex_task *task = &t->task;
	struct stress_hall *hall = t->hall;
	struct scopex_await *first;
	int err = 0;

	scopex_coroutine(task) {
		for (; t->rounds; t->rounds--) {
			t->message = 1 + below(&t->rnd, 1000);
			if (t->message % 5 == 0) {
				scopex_await(task, err,
					     scopex_sleep(&t->timer, below(&t->rnd, 200)));
			} else if (t->message % 5 == 1) {
				scopex_await(task, err,
					     scopex_semaphore_down(&t->permit, &hall->permits));
				if (err)
					return err;
				EXPECT(stress_test,
				       atomic_inc_return(&hall->inside) <= HALL_PERMITS);
				scopex_yield(task);
				atomic_dec(&hall->inside);
				scopex_semaphore_up(&hall->permits);
				err = 0;
			} else if (t->message % 5 == 2) {
				scopex_await(task, err,
					     scopex_channel_send(&t->transfer, &hall->channel,
								 &t->message));
				if (!err)
					atomic64_add(t->message, &hall->sent);
			} else if (t->message % 5 == 3) {
				first = scopex_channel_receive(&t->transfer, &hall->channel,
							       &t->message);
				scopex_await(task, err, stress_for_a_while(t, first));
				if (!err && !t->several.winner)
					atomic64_add(t->message, &hall->received);
			} else {
				first = scopex_event_wait(&t->wait, &hall->event);
				scopex_await(task, err, stress_for_a_while(t, first));
			}
			if (err)
				return err;
		}
	}
	return 0;
}

static int stress_task_fn(struct scopex_task *task)
{
	struct stress_task *t = container_of(task, struct stress_task, task);
	int err;

	EXPECT(stress_test, !t->over);
	EXPECT_EQ(stress_test, atomic_inc_return(&t->inside), 1);
	t->calls++;
	count(RUN, 1);
	count(SUBMITTED, 1);
	err = stress_live(t);
	if (err == -EPIPE)
		err = 0;
	t->over = err != SCOPEX_PENDING && err != SCOPEX_AGAIN;
	if (t->over && err)
		count(ERRORS, 1);
	atomic_dec(&t->inside);
	return err;
}

static void stress_submit_task(struct scopex_scope *s, struct stress_task *t, u64 *rnd)
{
	int err;

	if (one_in(rnd, 2))
		err = scopex_submit(s, &t->task.work);
	else
		err = scopex_submit_on(s, cpumask_any(cpu_online_mask), &t->task.work);
	t->accepted = !err;
	if (err)
		count(REFUSED, 1);
	EXPECT(stress_test, !err || err == -ENODEV || err == -ECANCELED);
}

static void stress_check_task(struct stress_task *t)
{
	int result = scopex_work_result(&t->task.work);

	if (!t->accepted)
		return;
	count(TASKS, 1);
	EXPECT(stress_test, !scopex_work_busy(&t->task.work));
	if (t->calls) {
		EXPECT(stress_test, t->over);
		EXPECT(stress_test, !result || result == -ECANCELED);
		return;
	}
	EXPECT_EQ(stress_test, result, -ECANCELED);
	count(SUBMITTED, 1);
	count(CANCELLED, 1);
}

static void stress_check_hall(struct stress_hall *hall)
{
	unsigned int permits = 0;
	u32 message;

	while (scopex_semaphore_try_down(&hall->permits))
		permits++;
	EXPECT_EQ(stress_test, permits, HALL_PERMITS);
	EXPECT_EQ(stress_test, atomic_read(&hall->inside), 0);
	while (!scopex_channel_try_receive(&hall->channel, &message))
		atomic64_add(message, &hall->received);
	EXPECT_EQ(stress_test, atomic64_read(&hall->sent), atomic64_read(&hall->received));
}

/* Tasks in a scope, which may be cancelled, or have a deadline. */
void stress_tasks(u64 *rnd)
{
	unsigned int i, nr = 1 + below(rnd, HALL_TASKS);
	struct stress_hall hall = { };
	struct stress_task *tasks = kvcalloc(nr, sizeof(*tasks), GFP_KERNEL);
	bool cancels = one_in(rnd, 3);

	if (!EXPECT(stress_test, tasks))
		return;
	scopex_semaphore_init(&hall.permits, HALL_PERMITS);
	scopex_channel_init(&hall.channel, hall.buffer, HALL_MESSAGES, sizeof(u32));
	scopex_event_init(&hall.event);
	scopex_scope(s, .timeout_us = one_in(rnd, 4) ? 1 + below(rnd, 1000) : 0,
		     .limit = one_in(rnd, 4) ? 1 + below(rnd, nr) : 0) {
		for (i = 0; i < nr; i++) {
			scopex_task_init(&tasks[i].task, stress_task_fn);
			tasks[i].hall = &hall;
			tasks[i].rnd = draw(rnd);
			tasks[i].rounds = below(rnd, HALL_ROUNDS);
			stress_submit_task(s, &tasks[i], rnd);
		}
		if (one_in(rnd, 2))
			usleep_range(10, 500);
		if (cancels)
			scopex_cancel(s, -ECANCELED);
		scopex_event_set(&hall.event);
		/* No task waits for a message any longer, or to send one. */
		scopex_channel_close(&hall.channel);
	}
	for (i = 0; i < nr; i++)
		stress_check_task(&tasks[i]);
	stress_check_hall(&hall);
	kvfree(tasks);
}
