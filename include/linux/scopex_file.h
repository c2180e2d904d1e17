/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What tasks of scopex can wait for: the kernel's wait queues, files and sockets that can be
 * polled, and RCU grace periods
 *
 * A task embeds the await in its own object; nothing is allocated. Each function below fills an
 * await, and returns what scopex_poll() and scopex_await() take.
 */
#ifndef _LINUX_SCOPEX_FILE_H
#define _LINUX_SCOPEX_FILE_H

#include <linux/scopex_task.h>
#include <linux/types.h>
#include <linux/wait.h>

struct file;
struct scopex_grace;
struct socket;

/**
 * struct scopex_wait_entry - a task in a wait queue
 * @entry: the entry; taken off by the waker that wakes the task
 * @head: the queue, or NULL as the queue is about to be freed
 *
 * All fields are private to scopex.
 */
struct scopex_wait_entry {
	wait_queue_entry_t	entry;
	wait_queue_head_t	*head;
};

struct scopex_wait_queue_await;

/**
 * typedef scopex_wait_look_fn_t - look whether what a task waits for is there, and take it
 * @wait: the await
 *
 * scopex calls it in the task, without a lock, and more often than the task is woken. It must not
 * sleep.
 *
 * Return: SCOPEX_PENDING if the task has to wait; 0 if it has taken what it waits for; or a
 * negative errno, which ends the wait, too.
 */
typedef int (*scopex_wait_look_fn_t)(struct scopex_wait_queue_await *wait);

/**
 * struct scopex_wait_queue_await - a task waits in a wait queue of the kernel
 * @await: the await
 * @wait: the task in the queue
 * @look: looks, and takes
 * @exclusive: the task is one of those of which a wake-up wakes one
 *
 * All fields are private to scopex. container_of() leads from @look's argument to the caller's
 * own object.
 */
struct scopex_wait_queue_await {
	struct scopex_await		await;
	struct scopex_wait_entry	wait;
	scopex_wait_look_fn_t		look;
	bool				exclusive;
};

struct scopex_await *scopex_wait_queue(struct scopex_wait_queue_await *wait,
				       wait_queue_head_t *head, scopex_wait_look_fn_t look);
struct scopex_await *scopex_wait_queue_exclusive(struct scopex_wait_queue_await *wait,
						 wait_queue_head_t *head,
						 scopex_wait_look_fn_t look);

/* In how many wait queues a file may have its waiters. */
#define SCOPEX_FILE_QUEUES	2

/**
 * struct scopex_file_await - a task waits until a file or a socket is ready
 * @await: the await
 * @events: the events that ended the wait
 * @wanted: the events that the task waits for
 * @nr: how many of @waits are in use
 * @file: the file, or NULL
 * @sock: the socket, or NULL
 * @waits: the task in the wait queues of the file
 *
 * All fields but @events are private to scopex.
 */
struct scopex_file_await {
	struct scopex_await		await;
	__poll_t			events;
	__poll_t			wanted;
	unsigned int			nr;
	struct file			*file;
	struct socket			*sock;
	struct scopex_wait_entry	waits[SCOPEX_FILE_QUEUES];
};

struct scopex_await *scopex_file_poll(struct scopex_file_await *poll, struct file *file,
				      __poll_t events);
struct scopex_await *scopex_socket_poll(struct scopex_file_await *poll, struct socket *sock,
					__poll_t events);

/**
 * struct scopex_grace_await - a task waits for an RCU grace period
 * @await: the await
 * @node: link among the tasks that wait for the same grace period, or that are to be woken
 * @grace: where the task waits
 *
 * All fields are private to scopex.
 */
struct scopex_grace_await {
	struct scopex_await	await;
	struct list_head	node;
	struct scopex_grace	*grace;
};

struct scopex_await *scopex_grace_period(struct scopex_grace_await *grace);

#endif /* _LINUX_SCOPEX_FILE_H */
