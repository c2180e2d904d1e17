// SPDX-License-Identifier: GPL-2.0
/*
 * Channels: messages of a fixed size, in a ring that the caller provides
 *
 * Theory of operation
 *
 * Tasks that want to receive wait in a line for messages, and tasks that want to send wait in
 * another one for places in the ring: see line.h. A message is copied by the task that sends or
 * receives it, when it runs: so a task whose wait is broken off has sent and received nothing.
 * Messages are received in the order in which they were sent.
 *
 * The end. A channel that is closed takes no more messages: it is over for senders at once. For
 * receivers it is over when it is empty, too. What is there is received first, and a receiver
 * waits as long as it may still get a message that another one was told of, and has not taken. So
 * -EPIPE says to a receiver that the channel is empty, and stays so. Both never change back, so it
 * does not matter when a task looks: before it waits, after it has waited, or without a wait. All
 * three ask the same function, scopex_channel_is_over(), under the lock.
 */

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/kernel.h>
#include <linux/scopex_sync.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "line.h"
#include "misuse.h"

/* How many places or messages are there? */
static unsigned int scopex_channel_things(const struct scopex_channel *channel,
					  enum scopex_channel_side side)
{
	return side == SCOPEX_CHANNEL_SEND ? channel->nr - channel->count : channel->count;
}

static bool scopex_channel_is_over(const struct scopex_channel *channel,
				   enum scopex_channel_side side)
{
	return channel->closed && (side == SCOPEX_CHANNEL_SEND || !channel->count);
}

/* The end of each section that has changed something. */
static void scopex_channel_serve(struct scopex_channel *channel, struct scopex_woken *woken)
{
	enum scopex_channel_side side;

	for (side = 0; side < SCOPEX_CHANNEL_SIDES; side++)
		scopex_line_serve(&channel->lines[side], scopex_channel_things(channel, side),
				  scopex_channel_is_over(channel, side), woken);
}

/* Copy a message. There is a place, or a message, for the caller. */
static void scopex_channel_copy(struct scopex_channel *channel, enum scopex_channel_side side,
				void *message)
{
	size_t at = channel->first;

	if (side == SCOPEX_CHANNEL_SEND) {
		at += channel->count++;
		if (at >= channel->nr)
			at -= channel->nr;
		memcpy(channel->buffer + at * channel->size, message, channel->size);
	} else {
		memcpy(message, channel->buffer + at * channel->size, channel->size);
		channel->count--;
		if (++channel->first == channel->nr)
			channel->first = 0;
	}
}

/* Send or receive, without a wait. */
static int scopex_channel_transfer(struct scopex_channel *channel, enum scopex_channel_side side,
				   void *message)
{
	if (scopex_channel_is_over(channel, side))
		return -EPIPE;
	if (!scopex_line_has(&channel->lines[side], scopex_channel_things(channel, side)))
		return SCOPEX_PENDING;
	scopex_channel_copy(channel, side, message);
	return 0;
}

static const struct scopex_await_ops scopex_channel_ops[SCOPEX_CHANNEL_SIDES];

static struct scopex_transfer *scopex_await_to_transfer(struct scopex_await *await)
{
	return container_of(await, struct scopex_transfer, in_line.await);
}

static enum scopex_channel_side scopex_channel_side(const struct scopex_await *await)
{
	return await->ops - scopex_channel_ops;
}

static int scopex_channel_arm(struct scopex_await *await)
{
	struct scopex_transfer *transfer = scopex_await_to_transfer(await);
	enum scopex_channel_side side = scopex_channel_side(await);
	struct scopex_channel *channel = transfer->channel;
	struct scopex_woken woken;
	unsigned long flags;
	int ret;

	scopex_woken_init(&woken, SCOPEX_WOKEN_MAX);
	raw_spin_lock_irqsave(&channel->lock, flags);
	ret = scopex_channel_transfer(channel, side, transfer->message);
	if (ret == SCOPEX_PENDING)
		scopex_line_enter(&channel->lines[side], &transfer->in_line);
	scopex_channel_serve(channel, &woken);
	raw_spin_unlock_irqrestore(&channel->lock, flags);
	scopex_woken_push(&woken);
	return ret;
}

/* A task looks: it leaves if the channel is over, if it was told to come, or in any case. */
static int scopex_channel_look(struct scopex_await *await, bool leave)
{
	struct scopex_transfer *transfer = scopex_await_to_transfer(await);
	enum scopex_channel_side side = scopex_channel_side(await);
	struct scopex_channel *channel = transfer->channel;
	struct scopex_woken woken;
	int ret = SCOPEX_PENDING;
	unsigned long flags;

	scopex_woken_init(&woken, SCOPEX_WOKEN_MAX);
	raw_spin_lock_irqsave(&channel->lock, flags);
	if (leave || scopex_line_is_told(&transfer->in_line) ||
	    scopex_channel_is_over(channel, side)) {
		scopex_line_leave(&channel->lines[side], &transfer->in_line);
		if (!leave)
			ret = scopex_channel_transfer(channel, side, transfer->message);
		scopex_channel_serve(channel, &woken);
	}
	raw_spin_unlock_irqrestore(&channel->lock, flags);
	scopex_woken_push(&woken);
	return ret;
}

static int scopex_channel_ready(struct scopex_await *await)
{
	return scopex_channel_look(await, false);
}

static void scopex_channel_disarm(struct scopex_await *await)
{
	scopex_channel_look(await, true);
}

static const struct scopex_await_ops scopex_channel_ops[SCOPEX_CHANNEL_SIDES] = {
	[SCOPEX_CHANNEL_SEND] = {
		.name = "channel (send)",
		.arm = scopex_channel_arm,
		.ready = scopex_channel_ready,
		.disarm = scopex_channel_disarm,
	},
	[SCOPEX_CHANNEL_RECEIVE] = {
		.name = "channel (receive)",
		.arm = scopex_channel_arm,
		.ready = scopex_channel_ready,
		.disarm = scopex_channel_disarm,
	},
};

static struct scopex_await *scopex_channel_await(struct scopex_transfer *transfer,
						 struct scopex_channel *channel,
						 enum scopex_channel_side side, void *message)
{
	transfer->in_line.await.ops = &scopex_channel_ops[side];
	transfer->channel = channel;
	transfer->message = message;
	return &transfer->in_line.await;
}

/**
 * scopex_channel_send() - an await: send a message
 * @transfer: how the task waits, in the task's object
 * @channel: the channel
 * @message: the message, which has to last until the await is over
 *
 * If the channel is full, the task waits. It is served in the order in which the tasks began to
 * wait, and a newcomer queues behind those that wait. If the await ends with an error, nothing was
 * sent.
 *
 * Context: any.
 *
 * Return: the await, for scopex_await() or scopex_poll(), which return 0 when the message is in the
 * channel, and -EPIPE if the channel is closed.
 */
struct scopex_await *scopex_channel_send(struct scopex_transfer *transfer,
					 struct scopex_channel *channel, const void *message)
{
	return scopex_channel_await(transfer, channel, SCOPEX_CHANNEL_SEND, (void *)message);
}
EXPORT_SYMBOL_GPL(scopex_channel_send);

/**
 * scopex_channel_receive() - an await: receive a message
 * @transfer: how the task waits, in the task's object
 * @channel: the channel
 * @message: where the message goes; has to last until the await is over
 *
 * If the channel is empty, the task waits, in the order as in scopex_channel_send(). If the await
 * ends with an error, nothing was received.
 *
 * Context: any.
 *
 * Return: the await, for scopex_await() or scopex_poll(), which return 0 when there is a message,
 * and -EPIPE if the channel is closed and empty.
 */
struct scopex_await *scopex_channel_receive(struct scopex_transfer *transfer,
					    struct scopex_channel *channel, void *message)
{
	return scopex_channel_await(transfer, channel, SCOPEX_CHANNEL_RECEIVE, message);
}
EXPORT_SYMBOL_GPL(scopex_channel_receive);

static int scopex_channel_try(struct scopex_channel *channel, enum scopex_channel_side side,
			      void *message)
{
	struct scopex_woken woken;
	unsigned long flags;
	int ret;

	scopex_woken_init(&woken, SCOPEX_WOKEN_MAX);
	raw_spin_lock_irqsave(&channel->lock, flags);
	ret = scopex_channel_transfer(channel, side, message);
	scopex_channel_serve(channel, &woken);
	raw_spin_unlock_irqrestore(&channel->lock, flags);
	scopex_woken_push(&woken);
	return ret == SCOPEX_PENDING ? -EAGAIN : ret;
}

/**
 * scopex_channel_try_send() - send a message if there is a place for a newcomer
 * @channel: the channel
 * @message: the message
 *
 * Context: any but NMI, hard interrupts included, under any lock under which a task may be woken.
 * Does not sleep.
 *
 * Return: 0; -EPIPE if the channel is closed; -EAGAIN if it is full, or if tasks wait to send.
 */
int scopex_channel_try_send(struct scopex_channel *channel, const void *message)
{
	return scopex_channel_try(channel, SCOPEX_CHANNEL_SEND, (void *)message);
}
EXPORT_SYMBOL_GPL(scopex_channel_try_send);

/**
 * scopex_channel_try_receive() - receive a message if there is one for a newcomer
 * @channel: the channel
 * @message: where the message goes
 *
 * Context: any but NMI, hard interrupts included, under any lock under which a task may be woken.
 * Does not sleep.
 *
 * Return: 0; -EPIPE if the channel is closed and empty; -EAGAIN if it is empty, or if its messages
 * are for tasks that wait.
 */
int scopex_channel_try_receive(struct scopex_channel *channel, void *message)
{
	return scopex_channel_try(channel, SCOPEX_CHANNEL_RECEIVE, message);
}
EXPORT_SYMBOL_GPL(scopex_channel_try_receive);

/**
 * scopex_channel_init() - initialise a channel, which is open and empty
 * @channel: the channel
 * @buffer: room for the messages, @nr * @size bytes, which lasts as long as the channel
 * @nr: how many messages fit in; at least 1
 * @size: the size of a message in bytes. Messages are copied with interrupts off, so send
 *	a pointer rather than something large
 *
 * Context: any.
 */
void scopex_channel_init(struct scopex_channel *channel, void *buffer, unsigned int nr,
			 unsigned int size)
{
	enum scopex_channel_side side;

	if (unlikely(!nr))
		scopex_misuse("%pS makes a channel without room", (void *)_RET_IP_);
	raw_spin_lock_init(&channel->lock);
	/* Without room, nothing is ever sent. So nobody must wait for that. */
	channel->closed = !nr;
	channel->nr = nr;
	channel->size = size;
	channel->first = 0;
	channel->count = 0;
	channel->buffer = buffer;
	for (side = 0; side < SCOPEX_CHANNEL_SIDES; side++)
		scopex_line_init(&channel->lines[side]);
}
EXPORT_SYMBOL_GPL(scopex_channel_init);

/**
 * scopex_channel_close() - say that no message is sent any more
 * @channel: the channel
 *
 * Those that send get -EPIPE from now on, also if they wait already. Those that receive get what is
 * in the channel, and then -EPIPE.
 *
 * Context: any but NMI, hard interrupts included, under any lock under which a task may be woken.
 * Does not sleep. Takes a time that does not depend on how many wait.
 */
void scopex_channel_close(struct scopex_channel *channel)
{
	struct scopex_woken woken;
	unsigned long flags;

	scopex_woken_init(&woken, SCOPEX_WOKEN_MAX);
	raw_spin_lock_irqsave(&channel->lock, flags);
	channel->closed = true;
	scopex_channel_serve(channel, &woken);
	raw_spin_unlock_irqrestore(&channel->lock, flags);
	scopex_woken_push(&woken);
}
EXPORT_SYMBOL_GPL(scopex_channel_close);
