/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What tasks can wait for between themselves: events, semaphores, channels; and the first of
 * several awaits, or all of them
 *
 *	static int relay(struct scopex_task *task)
 *	{
 *		struct relay *r = container_of(task, struct relay, task);
 *		int err;
 *
 *		scopex_coroutine(task) {
 *			for (;;) {
 *				scopex_await(task, err,
 *					     scopex_channel_receive(&r->in, r->from, &r->msg));
 *				if (err)
 *					return err == -EPIPE ? 0 : err;
 *				scopex_await(task, err,
 *					     scopex_channel_send(&r->out, r->to, &r->msg));
 *				if (err)
 *					return err;
 *			}
 *		}
 *		return 0;
 *	}
 *
 * Each of them is an object of the caller's, mostly in the frame of the scope's owner. Nothing is
 * allocated. Tasks of any CPUs and scopes can share it, and code of any context but NMI can set an
 * event, give a permit, and send or receive a message without a wait.
 *
 * None of these functions touches the object after it has let the tasks see what it did. So
 * an object may end as soon as all that wait for it have returned, also if the caller that woke
 * the last one is not back yet.
 */
#ifndef _LINUX_SCOPEX_SYNC_H
#define _LINUX_SCOPEX_SYNC_H

#include <linux/list.h>
#include <linux/scopex_task.h>
#include <linux/spinlock.h>
#include <linux/swait.h>

/**
 * struct scopex_event - something that happens; tasks and threads wait for it
 * @lock: protects the other fields
 * @set: it is set; a reset clears this without the lock
 * @sets: how often it was set
 * @nr_threads: how many threads wait
 * @waiters: the tasks that wait
 * @threads: the threads that wait
 *
 * All fields are private to scopex.
 */
struct scopex_event {
	raw_spinlock_t		lock;
	u32			set;
	u32			sets;
	unsigned int		nr_threads;
	struct list_head	waiters;
	struct swait_queue_head	threads;
};

/**
 * struct scopex_event_waiter - how a task waits for an event, as a part of its object
 * @await: the await
 * @node: link among the tasks that wait
 * @event: the event
 */
struct scopex_event_waiter {
	struct scopex_await	await;
	struct list_head	node;
	struct scopex_event	*event;
};

void scopex_event_init(struct scopex_event *event);
void scopex_event_set(struct scopex_event *event);
void scopex_event_reset(struct scopex_event *event);
struct scopex_await *scopex_event_wait(struct scopex_event_waiter *waiter,
				       struct scopex_event *event);
bool scopex_event_is_set(struct scopex_event *event);
int scopex_event_wait_thread(struct scopex_event *event, long timeout);

/**
 * struct scopex_line - tasks that wait for things of which each is for one of them
 * @waiters: those that were not told to come, the one that has waited longest first
 * @told: how many were told that there is one for them, and have not looked yet
 *
 * All fields are private to scopex.
 */
struct scopex_line {
	struct list_head	waiters;
	unsigned int		told;
};

/**
 * struct scopex_in_line - a task that waits in a line
 * @await: the await; its mark says whether the task was told to come
 * @node: link among @waiters of the line
 */
struct scopex_in_line {
	struct scopex_await	await;
	struct list_head	node;
};

/**
 * struct scopex_semaphore - a number of permits
 * @lock: protects the other fields
 * @permits: those that no task has taken
 * @line: the tasks that wait for one
 *
 * All fields are private to scopex.
 */
struct scopex_semaphore {
	raw_spinlock_t		lock;
	unsigned int		permits;
	struct scopex_line	line;
};

/**
 * struct scopex_semaphore_waiter - how a task waits for a permit, as a part of its object
 * @in_line: its place
 * @semaphore: the semaphore
 */
struct scopex_semaphore_waiter {
	struct scopex_in_line	in_line;
	struct scopex_semaphore	*semaphore;
};

void scopex_semaphore_init(struct scopex_semaphore *semaphore, unsigned int permits);
struct scopex_await *scopex_semaphore_down(struct scopex_semaphore_waiter *waiter,
					   struct scopex_semaphore *semaphore);
bool scopex_semaphore_try_down(struct scopex_semaphore *semaphore);
void scopex_semaphore_up(struct scopex_semaphore *semaphore);

/**
 * enum scopex_channel_side - what is done to a channel
 * @SCOPEX_CHANNEL_SEND: a message is put into it
 * @SCOPEX_CHANNEL_RECEIVE: a message is taken out
 * @SCOPEX_CHANNEL_SIDES: their number
 */
enum scopex_channel_side {
	SCOPEX_CHANNEL_SEND,
	SCOPEX_CHANNEL_RECEIVE,
	SCOPEX_CHANNEL_SIDES,
};

/**
 * struct scopex_channel - a bounded queue of messages
 * @lock: protects the other fields
 * @closed: no message is sent any more
 * @nr: how many messages fit in
 * @size: of a message, in bytes
 * @first: where the oldest one is
 * @count: how many there are
 * @buffer: the messages
 * @lines: the tasks that wait to send, and those that wait to receive
 *
 * All fields are private to scopex.
 */
struct scopex_channel {
	raw_spinlock_t		lock;
	bool			closed;
	unsigned int		nr;
	unsigned int		size;
	unsigned int		first;
	unsigned int		count;
	void			*buffer;
	struct scopex_line	lines[SCOPEX_CHANNEL_SIDES];
};

/**
 * struct scopex_transfer - how a task waits to send or to receive, as a part of its object
 * @in_line: its place
 * @channel: the channel
 * @message: where the message is, or has to go
 */
struct scopex_transfer {
	struct scopex_in_line	in_line;
	struct scopex_channel	*channel;
	void			*message;
};

void scopex_channel_init(struct scopex_channel *channel, void *buffer, unsigned int nr,
			 unsigned int size);
struct scopex_await *scopex_channel_send(struct scopex_transfer *transfer,
					 struct scopex_channel *channel, const void *message);
struct scopex_await *scopex_channel_receive(struct scopex_transfer *transfer,
					    struct scopex_channel *channel, void *message);
int scopex_channel_try_send(struct scopex_channel *channel, const void *message);
int scopex_channel_try_receive(struct scopex_channel *channel, void *message);
void scopex_channel_close(struct scopex_channel *channel);

/**
 * struct scopex_member - one of several awaits
 * @await: the await, prepared by a function of its kind, in the object of the same task
 * @result: its result, once the whole is over; -ECANCELED if it was given up, and has taken
 *	nothing
 *
 * The caller sets @await.
 */
struct scopex_member {
	struct scopex_await	*await;
	int			result;
};

/**
 * struct scopex_several - a task waits for several awaits, as a part of its object
 * @await: the await that stands for them
 * @members: the awaits
 * @nr: how many
 * @armed: how many are armed
 * @winner: the number of the one that was ready first; -1 if none was
 *
 * All fields but @winner are private to scopex.
 */
struct scopex_several {
	struct scopex_await	await;
	struct scopex_member	*members;
	unsigned int		nr;
	unsigned int		armed;
	int			winner;
};

struct scopex_await *scopex_first_of(struct scopex_several *several,
				     struct scopex_member *members, unsigned int nr);
struct scopex_await *scopex_all_of(struct scopex_several *several,
				   struct scopex_member *members, unsigned int nr);

#endif /* _LINUX_SCOPEX_SYNC_H */
