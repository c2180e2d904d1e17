/* SPDX-License-Identifier: GPL-2.0 */
/* scopex_test: what the tests of events, semaphores and channels share */
#ifndef _SCOPEX_TEST_SYNC_H
#define _SCOPEX_TEST_SYNC_H

#include <linux/irq_work.h>
#include <linux/scopex_sync.h>

#include "task.h"
#include "test.h"

/**
 * struct test_waiter - a task that waits once
 * @task: the task
 * @prepare: prepares what it waits for
 * @what: the event, the semaphore or the channel
 * @event: how it waits for an event
 * @down: how it waits for a permit
 * @transfer: how it waits for a message, or for a place for one
 * @message: the message
 * @err: what the wait has returned
 * @done: the wait is over
 * @calls: how often its function was called
 * @turn: counts the tasks that have gone on; may be NULL
 * @order: its place among these
 */
struct test_waiter {
	struct scopex_task	task;
	struct scopex_await	*(*prepare)(struct test_waiter *waiter);
	void			*what;
	union {
		struct scopex_event_waiter	event;
		struct scopex_semaphore_waiter	down;
		struct scopex_transfer		transfer;
	};
	unsigned long		message;
	int			err;
	bool			done;
	unsigned int		calls;
	atomic_t		*turn;
	int			order;
};

struct scopex_await *test_for_event(struct test_waiter *waiter);
struct scopex_await *test_for_permit(struct test_waiter *waiter);
struct scopex_await *test_for_message(struct test_waiter *waiter);
struct scopex_await *test_for_place(struct test_waiter *waiter);
void test_waiter_init(struct test_waiter *waiter,
		      struct scopex_await *(*prepare)(struct test_waiter *waiter), void *what);
struct test_waiter *test_waiters(struct scopex_test *test, struct scopex_scope *scope,
				 struct scopex_await *(*prepare)(struct test_waiter *waiter),
				 void *what, unsigned int nr);
unsigned int test_in_channel(struct scopex_channel *channel);

/**
 * struct test_shot - something that is done in a hard interrupt
 * @work: the interrupt
 * @fn: what is done
 * @what: its argument
 * @elsewhere: it was done in another context
 */
struct test_shot {
	struct irq_work	work;
	void		(*fn)(void *what);
	void		*what;
	bool		elsewhere;
};

void test_shoot(struct scopex_test *test, void (*fn)(void *what), void *what);

bool test_next_order(unsigned int *actions, unsigned int nr);

#endif /* _SCOPEX_TEST_SYNC_H */
