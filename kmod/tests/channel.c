// SPDX-License-Identifier: GPL-2.0
/* Suite "sync": channels */

#include <linux/delay.h>
#include <linux/slab.h>

#include "sync.h"

#define MANY	200

static void test_channel_init(struct scopex_channel *channel, unsigned long *buffer,
			      unsigned int nr)
{
	scopex_channel_init(channel, buffer, nr, sizeof(*buffer));
}

static void expect_empty(struct scopex_test *test, struct scopex_channel *channel)
{
	unsigned int i;

	EXPECT_EQ(test, channel->count, 0);
	for (i = 0; i < SCOPEX_CHANNEL_SIDES; i++) {
		EXPECT_EQ(test, channel->lines[i].told, 0);
		EXPECT(test, list_empty(&channel->lines[i].waiters));
	}
}

/* The ring goes round, and neither loses nor repeats anything. */
static void channel_keeps_the_order(struct scopex_test *test)
{
	unsigned long buffer[5] = {}, in = 0, out = 0, message;
	struct scopex_channel channel;
	unsigned int i, nr;

	test_channel_init(&channel, buffer, 4);
	for (nr = 1; nr <= 4; nr++)
		for (i = 0; i < 3; i++) {
			while (in < out + nr) {
				EXPECT_EQ(test, scopex_channel_try_send(&channel, &in), 0);
				in++;
			}
			if (nr == 4)
				EXPECT_EQ(test, scopex_channel_try_send(&channel, &in), -EAGAIN);
			while (out < in) {
				EXPECT_EQ(test, scopex_channel_try_receive(&channel, &message), 0);
				EXPECT_EQ(test, message, out);
				out++;
			}
			EXPECT_EQ(test, scopex_channel_try_receive(&channel, &message), -EAGAIN);
		}
	EXPECT_EQ(test, buffer[4], 0);
	expect_empty(test, &channel);
}

static void send_one(void *channel)
{
	static const unsigned long message = 77;

	/* The receiver sees whether it was sent. */
	if (scopex_channel_try_send(channel, &message))
		pr_info("scopex_test: a channel is full\n");
}

/* Tasks wait for messages, which a hard interrupt sends; and each of them wakes one task. */
static void channel_wakes_one_receiver(struct scopex_test *test)
{
	struct test_waiter *waiters = NULL;
	struct scopex_channel channel;
	unsigned int i, calls = 0;
	unsigned long buffer[1];

	test_channel_init(&channel, buffer, 1);
	scopex_scope(s) {
		waiters = test_waiters(test, s, test_for_message, &channel, MANY);
		test_shoot(test, send_one, &channel);
		while (test_in_channel(&channel))
			usleep_range(50, 100);
		for (i = 0; waiters && i < MANY; i++)
			calls += waiters[i].calls;
		EXPECT_EQ(test, calls, MANY + 1);
		for (i = 1; i < MANY; i++) {
			test_shoot(test, send_one, &channel);
			while (test_in_channel(&channel))
				usleep_range(50, 100);
		}
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	expect_empty(test, &channel);
	for (i = 0; waiters && i < MANY; i++) {
		EXPECT_EQ(test, waiters[i].err, 0);
		EXPECT_EQ(test, waiters[i].message, 77);
		EXPECT_EQ(test, waiters[i].calls, 2);
	}
	kvfree(waiters);
}

/* Tasks wait for a place, and send in the order in which they began to wait. */
static void channel_wakes_one_sender(struct scopex_test *test)
{
	struct test_waiter *waiters = NULL;
	struct scopex_channel channel;
	unsigned long buffer[1], message = MANY;
	unsigned int i;

	test_channel_init(&channel, buffer, 1);
	EXPECT_EQ(test, scopex_channel_try_send(&channel, &message), 0);
	waiters = kvmalloc_array(MANY, sizeof(*waiters), GFP_KERNEL);
	if (!EXPECT(test, waiters))
		return;
	scopex_scope(s) {
		for (i = 0; i < MANY; i++) {
			test_waiter_init(&waiters[i], test_for_place, &channel);
			waiters[i].message = i;
			EXPECT_EQ(test, scopex_submit(s, &waiters[i].task.work), 0);
			test_until_waiting(&waiters[i].task);
		}
		for (i = 0; i < MANY; i++) {
			EXPECT_EQ(test, scopex_channel_try_receive(&channel, &message), 0);
			EXPECT_EQ(test, message, i ? i - 1 : MANY);
			while (!test_in_channel(&channel))
				usleep_range(50, 100);
		}
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, scopex_channel_try_receive(&channel, &message), 0);
	EXPECT_EQ(test, message, MANY - 1);
	expect_empty(test, &channel);
	for (i = 0; i < MANY; i++)
		EXPECT_EQ(test, waiters[i].calls, 2);
	kvfree(waiters);
}

/* All ways to ask get the same answer. */
static void expect_answer(struct scopex_test *test, struct scopex_channel *channel, bool send,
			  int err)
{
	struct test_waiter waiter;
	unsigned long message = 5;

	test_waiter_init(&waiter, send ? test_for_place : test_for_message, channel);
	if (send)
		EXPECT_EQ(test, scopex_channel_try_send(channel, &message), err);
	else
		EXPECT_EQ(test, scopex_channel_try_receive(channel, &message), err);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &waiter.task.work), 0);
		EXPECT_EQ(test, scopex_join(s), err);
		EXPECT_EQ(test, waiter.calls, 1);
	}
}

static void closed_channel_is_drained(struct scopex_test *test)
{
	unsigned long buffer[4], message = 1;
	struct scopex_channel channel;
	unsigned int i;

	test_channel_init(&channel, buffer, 4);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(test, scopex_channel_try_send(&channel, &message), 0);
	scopex_channel_close(&channel);
	expect_answer(test, &channel, true, -EPIPE);
	expect_answer(test, &channel, false, 0);
	expect_answer(test, &channel, true, -EPIPE);
	expect_answer(test, &channel, false, 0);
	expect_answer(test, &channel, false, -EPIPE);
	expect_answer(test, &channel, false, -EPIPE);
	expect_answer(test, &channel, true, -EPIPE);
	scopex_channel_close(&channel);
	expect_empty(test, &channel);
}

static void close_channel(void *channel)
{
	scopex_channel_close(channel);
}

/* More tasks wait than one section wakes. */
static void close_wakes_all(struct scopex_test *test)
{
	struct test_waiter *waiters = NULL;
	struct scopex_channel channel;
	unsigned long buffer[1] = {};
	unsigned int i, send;

	for (send = 0; send < 2; send++) {
		test_channel_init(&channel, buffer, 1);
		if (send)
			EXPECT_EQ(test, scopex_channel_try_send(&channel, buffer), 0);
		scopex_scope(s) {
			waiters = test_waiters(test, s, send ? test_for_place : test_for_message,
					       &channel, MANY);
			test_shoot(test, close_channel, &channel);
			EXPECT_EQ(test, scopex_join(s), -EPIPE);
		}
		for (i = 0; waiters && i < MANY; i++) {
			EXPECT_EQ(test, waiters[i].err, -EPIPE);
			EXPECT_EQ(test, waiters[i].calls, 2);
		}
		kvfree(waiters);
		EXPECT_EQ(test, channel.count, send);
		EXPECT_EQ(test, scopex_channel_try_receive(&channel, buffer), send ? 0 : -EPIPE);
		expect_empty(test, &channel);
	}
}

/* The channel is closed after a task has looked, and before its state says that it waits. */
static void close_before_the_wait_is_not_lost(struct scopex_test *test)
{
	struct scopex_channel channel;
	unsigned long buffer[1] = {};
	struct test_waiter waiter;
	unsigned int send;

	for (send = 0; send < 2; send++) {
		test_channel_init(&channel, buffer, 1);
		if (send)
			EXPECT_EQ(test, scopex_channel_try_send(&channel, buffer), 0);
		test_waiter_init(&waiter, send ? test_for_place : test_for_message, &channel);
		scopex_inject_set(SCOPEX_INJECT_TASK_WAIT, SCOPEX_INJECT_HOLD);
		scopex_scope(s) {
			EXPECT_EQ(test, scopex_submit(s, &waiter.task.work), 0);
			while (TEST_INJECT ? !scopex_inject_hits(SCOPEX_INJECT_TASK_WAIT) :
					     !READ_ONCE(waiter.calls))
				usleep_range(50, 100);
			scopex_channel_close(&channel);
			scopex_inject_release(SCOPEX_INJECT_TASK_WAIT);
			EXPECT_EQ(test, scopex_join(s), -EPIPE);
		}
		test_inject_end(test, SCOPEX_INJECT_TASK_WAIT);
		EXPECT_EQ(test, waiter.err, -EPIPE);
	}
}

/*
 * A channel is closed while a message is promised to a task that has not run. Another receiver
 * waits on, as it may get that message; and when the first one is cancelled, it does.
 */
static void promised_message_is_not_lost_by_a_close(struct scopex_test *test)
{
	struct test_waiter *waiters = kcalloc(3, sizeof(*waiters), GFP_KERNEL);
	unsigned int i, gone, cpu = test_this_cpu(), other = test_other_cpu(cpu);
	struct scopex_channel channel;
	unsigned long buffer[4] = {};
	struct test_item gated;
	struct test_gate gate;
	int err;

	for (gone = 0; EXPECT(test, waiters) && gone < 2; gone++) {
		test_channel_init(&channel, buffer, 4);
		scopex_scope(theirs) {
			scopex_scope(s) {
				for (i = 0; i < 3; i++) {
					test_waiter_init(&waiters[i], test_for_message, &channel);
					EXPECT_EQ(test, scopex_submit_on(i ? theirs : s,
									 i ? other : cpu,
									 &waiters[i].task.work), 0);
					test_until_waiting(&waiters[i].task);
				}
				scopex_scope(holds) {
					test_gate_shut(test, holds, cpu, &gated, &gate);
					send_one(&channel);
					scopex_channel_close(&channel);
					err = scopex_channel_try_receive(&channel, buffer);
					EXPECT_EQ(test, err, -EAGAIN);
					scopex_wake(&waiters[1].task);
					while (READ_ONCE(waiters[1].calls) < 2)
						usleep_range(50, 100);
					test_until_waiting(&waiters[1].task);
					if (gone)
						scopex_cancel(s, 0);
					complete(&gate.go);
				}
				EXPECT_EQ(test, scopex_join(s), gone ? -ECANCELED : 0);
			}
			EXPECT_EQ(test, scopex_join(theirs), -EPIPE);
		}
		EXPECT_EQ(test, waiters[1].err, gone ? 0 : -EPIPE);
		EXPECT_EQ(test, waiters[2].err, -EPIPE);
		EXPECT_EQ(test, waiters[!!gone].message, 77);
		expect_empty(test, &channel);
	}
	kfree(waiters);
}

/* A place is promised to a task that has not run, and that is cancelled. */
static void place_goes_to_the_next_sender(struct scopex_test *test)
{
	unsigned int i, cpu = test_this_cpu();
	unsigned long buffer[1] = {}, message;
	struct scopex_channel channel;
	struct test_waiter waiters[2];
	struct test_item gated;
	struct test_gate gate;
	int err;

	test_channel_init(&channel, buffer, 1);
	send_one(&channel);
	scopex_scope(theirs) {
		scopex_scope(s) {
			for (i = 0; i < 2; i++) {
				test_waiter_init(&waiters[i], test_for_place, &channel);
				waiters[i].message = i;
				EXPECT_EQ(test, scopex_submit_on(i ? theirs : s, cpu,
								 &waiters[i].task.work), 0);
				test_until_waiting(&waiters[i].task);
			}
			scopex_scope(holds) {
				test_gate_shut(test, holds, cpu, &gated, &gate);
				EXPECT_EQ(test, scopex_channel_try_receive(&channel, &message), 0);
				err = scopex_channel_try_send(&channel, &message);
				EXPECT_EQ(test, err, -EAGAIN);
				scopex_cancel(s, 0);
				complete(&gate.go);
			}
			EXPECT_EQ(test, scopex_join(s), -ECANCELED);
		}
		EXPECT_EQ(test, scopex_join(theirs), 0);
	}
	EXPECT_EQ(test, scopex_channel_try_receive(&channel, &message), 0);
	EXPECT_EQ(test, message, 1);
	expect_empty(test, &channel);
}

/* Two messages and a close, and two of three receivers are cancelled, in all orders. */
static void one_order(struct scopex_test *test, struct test_waiter *waiters,
		      struct scopex_scope **scopes, const unsigned int *actions, unsigned int nr,
		      bool gated)
{
	unsigned int i, cpu = test_this_cpu(), sent = 0, received = 0;
	unsigned long buffer[2], message = 9;
	struct scopex_channel channel;
	struct test_item item;
	struct test_gate gate;

	test_channel_init(&channel, buffer, 2);
	for (i = 0; i < 3; i++) {
		test_waiter_init(&waiters[i], test_for_message, &channel);
		EXPECT_EQ(test, scopex_submit_on(scopes[i], cpu, &waiters[i].task.work), 0);
		test_until_waiting(&waiters[i].task);
	}
	scopex_scope(s) {
		if (gated)
			test_gate_shut(test, s, cpu, &item, &gate);
		for (i = 0; i < nr; i++)
			if (actions[i] < 2)
				scopex_cancel(scopes[actions[i]], 0);
			else if (actions[i] == 2)
				sent += !scopex_channel_try_send(&channel, &message);
			else
				scopex_channel_close(&channel);
		if (gated)
			complete(&gate.go);
	}
	for (i = 0; i < 3; i++) {
		scopex_join(scopes[i]);
		received += !waiters[i].err;
		if (waiters[i].err && (i == 2 || waiters[i].err != -ECANCELED))
			EXPECT_EQ(test, waiters[i].err, -EPIPE);
	}
	EXPECT(test, !gated || received == min(sent, 1U));
	EXPECT(test, sent - received == channel.count);
	/* Nobody was told that there is nothing, and left something. */
	EXPECT(test, waiters[2].err != -EPIPE || !channel.count);
	while (!scopex_channel_try_receive(&channel, &message))
		;
	expect_empty(test, &channel);
}

static void orders_of_send_cancel_close(struct scopex_test *test)
{
	struct test_waiter *waiters = kcalloc(3, sizeof(*waiters), GFP_KERNEL);
	unsigned int gated;

	if (!EXPECT(test, waiters))
		return;
	scopex_scope(a) {
		scopex_scope(b) {
			scopex_scope(c) {
				struct scopex_scope *scopes[] = { a, b, c };

				for (gated = 0; gated < 2; gated++) {
					unsigned int actions[] = { 0, 1, 2, 2, 3 };

					do {
						one_order(test, waiters, scopes, actions,
							  ARRAY_SIZE(actions), gated);
					} while (test_next_order(actions, ARRAY_SIZE(actions)));
				}
			}
		}
	}
	kfree(waiters);
}

static void channel_without_room_is_closed(struct scopex_test *test)
{
	struct scopex_channel channel;
	unsigned long message = 1;

	EXPECT_WARNING("makes a channel without room",
		       scopex_channel_init(&channel, NULL, 0, sizeof(message)));
	expect_answer(test, &channel, true, -EPIPE);
	expect_answer(test, &channel, false, -EPIPE);
}

static const struct scopex_case sync_channel_cases[] = {
	SCOPEX_CASE(channel_keeps_the_order),
	SCOPEX_CASE(channel_wakes_one_receiver),
	SCOPEX_CASE(channel_wakes_one_sender),
	SCOPEX_CASE(closed_channel_is_drained),
	SCOPEX_CASE(close_wakes_all),
	SCOPEX_CASE(close_before_the_wait_is_not_lost),
	SCOPEX_CASE(promised_message_is_not_lost_by_a_close),
	SCOPEX_CASE(place_goes_to_the_next_sender),
	SCOPEX_CASE(orders_of_send_cancel_close),
	SCOPEX_CASE(channel_without_room_is_closed),
};

SCOPEX_SUITE_PART(sync, sync_channel, sync_channel_cases);
