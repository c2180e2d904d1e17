// SPDX-License-Identifier: GPL-2.0
/*
 * Tasks that wait until a file or a socket is ready
 *
 * Theory of operation
 *
 * A task asks the file by its ->poll, as poll() does. The first time it gives a function that
 * ->poll calls for each wait queue whose wake-ups may change the answer: there the task is
 * entered (see wait_queue.c), and only then does ->poll look. So no event is lost between the look
 * and the wait. Each time that the task is woken it asks ->poll again, without that function: a
 * wake-up says "look". If there is nothing, and a waker has taken an entry off its queue, the task
 * leaves all queues, and asks as if for the first time. It does not enter a queue without the
 * file's word, as that queue may be gone.
 *
 * What is refused. An await has room for two queues, as pipes that are opened for both directions
 * and terminals need. A third one would mean that a wake-up is lost, as would a file that names no
 * queue and is not ready. A signalfd has the queue of the thread that polls, and answers for that
 * thread, which would be the worker. All these end with -EOPNOTSUPP, with the task in no queue.
 *
 * The file is held while the task is in its queues, so a queue that belongs to the file lives that
 * long. A queue that belongs to something else sends POLLFREE before it goes: that ends the wait
 * with EPOLLHUP, as no event would come any more.
 *
 * A socket need not have a file: its ->poll takes NULL for one. The callbacks of the socket are
 * left alone, as is its user's pointer.
 */

#include <linux/export.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/net.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "wait_queue.h"

/* What a task can wait for. The other bits tell epoll how to wait, or a waiter to go. */
#define SCOPEX_POLL_EVENTS	(EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDNORM | EPOLLRDBAND | \
				 EPOLLWRNORM | EPOLLWRBAND | EPOLLMSG | EPOLLRDHUP)

/* These end each wait. */
#define SCOPEX_POLL_ENDS	(EPOLLERR | EPOLLHUP)

/**
 * struct scopex_poll_table - what ->poll hands to the function that enters a queue
 * @table: what ->poll knows of it
 * @poll: the await
 * @err: the task can't wait for this file
 */
struct scopex_poll_table {
	poll_table			table;
	struct scopex_file_await	*poll;
	int				err;
};

static struct scopex_file_await *scopex_await_to_file(struct scopex_await *await)
{
	return container_of(await, struct scopex_file_await, await);
}

static int scopex_file_wake(wait_queue_entry_t *entry, unsigned int mode, int flags, void *key)
{
	struct scopex_wait_entry *wait = container_of(entry, struct scopex_wait_entry, entry);
	struct scopex_file_await *poll = entry->private;
	__poll_t events = key_to_poll(key);

	/* A wake-up without a key may be for any event. POLLFREE comes with EPOLLHUP. */
	if (events && !(events & poll->wanted))
		return 0;
	return scopex_wait_wake(wait, scopex_await_task(&poll->await),
				!!(events & POLLFREE));
}

/* ->poll calls this for each of its queues. */
static void scopex_file_enter(struct file *file, wait_queue_head_t *head, poll_table *table)
{
	struct scopex_poll_table *pt = container_of(table, struct scopex_poll_table, table);
	struct scopex_file_await *poll = pt->poll;
	struct scopex_wait_entry *wait;
	wait_queue_head_t *own;
	unsigned int i;

	for (i = 0; i < poll->nr; i++)
		if (READ_ONCE(poll->waits[i].head) == head)
			return;
	/* A thread keeps its own. */
	own = &rcu_dereference_protected(current->sighand, true)->signalfd_wqh;
	if (i == SCOPEX_FILE_QUEUES || head == own) {
		pt->err = -EOPNOTSUPP;
		return;
	}
	wait = &poll->waits[i];
	poll->nr = i + 1;
	init_waitqueue_func_entry(&wait->entry, scopex_file_wake);
	wait->entry.private = poll;
	wait->head = head;
	add_wait_queue(head, &wait->entry);
	/*
	 * A full barrier: enter the queue, then look, in ->poll; pairs with wq_has_sleeper() of the
	 * waker; see wait-queue-enter.litmus. Not all kernels have it in poll_wait().
	 */
	smp_mb();
}

static void scopex_file_leave(struct scopex_file_await *poll)
{
	unsigned int i;

	for (i = 0; i < poll->nr; i++)
		scopex_wait_leave(&poll->waits[i]);
}

static __poll_t scopex_file_ask(struct scopex_file_await *poll, poll_table *table)
{
	const struct proto_ops *ops;
	__poll_t events;

	table->_key = poll->wanted;
	if (poll->file) {
		events = vfs_poll(poll->file, table);
	} else {
		ops = READ_ONCE(poll->sock->ops);
		events = ops->poll ? ops->poll(NULL, poll->sock, table) : 0;
	}
	return events & poll->wanted;
}

/* The wait is over. The caller has nothing of it any more. */
static int scopex_file_end(struct scopex_file_await *poll, int ret)
{
	scopex_file_leave(poll);
	if (poll->file)
		fput(poll->file);
	return ret;
}

/* Enter the queues of the file, and look. */
static int scopex_file_wait(struct scopex_file_await *poll)
{
	struct scopex_poll_table pt = { .poll = poll };

	poll->nr = 0;
	init_poll_funcptr(&pt.table, scopex_file_enter);
	poll->events = scopex_file_ask(poll, &pt.table);
	if (pt.err)
		return scopex_file_end(poll, pt.err);
	if (poll->events)
		return scopex_file_end(poll, 0);
	if (!poll->nr)
		return scopex_file_end(poll, -EOPNOTSUPP);
	return SCOPEX_PENDING;
}

static int scopex_file_arm(struct scopex_await *await)
{
	struct scopex_file_await *poll = scopex_await_to_file(await);

	if (poll->file)
		get_file(poll->file);
	return scopex_file_wait(poll);
}

static int scopex_file_ready(struct scopex_await *await)
{
	struct scopex_file_await *poll = scopex_await_to_file(await);
	unsigned int i, woken = 0;
	poll_table table;

	init_poll_funcptr(&table, NULL);
	poll->events = scopex_file_ask(poll, &table);
	if (poll->events)
		return scopex_file_end(poll, 0);
	for (i = 0; i < poll->nr; i++) {
		woken += scopex_wait_is_off_now(&poll->waits[i]);
		if (!READ_ONCE(poll->waits[i].head)) {
			poll->events = EPOLLHUP;
			return scopex_file_end(poll, 0);
		}
	}
	if (!woken)
		return SCOPEX_PENDING;
	scopex_file_leave(poll);
	return scopex_file_wait(poll);
}

static void scopex_file_disarm(struct scopex_await *await)
{
	scopex_file_end(scopex_await_to_file(await), 0);
}

static const struct scopex_await_ops scopex_file_ops = {
	.name = "file",
	.arm = scopex_file_arm,
	.ready = scopex_file_ready,
	.disarm = scopex_file_disarm,
};

static const struct scopex_await_ops scopex_socket_ops = {
	.name = "socket",
	.arm = scopex_file_arm,
	.ready = scopex_file_ready,
	.disarm = scopex_file_disarm,
};

static struct scopex_await *scopex_file_prepare(struct scopex_file_await *poll, __poll_t events)
{
	poll->wanted = (events & SCOPEX_POLL_EVENTS) | SCOPEX_POLL_ENDS;
	return &poll->await;
}

/**
 * scopex_file_poll() - wait until a file is ready, as poll() does
 * @poll: the await, a part of the task's object
 * @file: the file, of which the caller has a reference until scopex_poll() has returned for the
 *	first time
 * @events: the events to wait for, as EPOLLIN | EPOLLOUT; EPOLLERR and EPOLLHUP always end the wait
 *
 * After the wait, @poll->events has those of the events that the file has. An event may be gone
 * when the task then reads or writes, if others use the file, too: so it should do that without
 * blocking.
 *
 * The worker calls ->poll of the file, which must be one that does not sleep. Those of pipes,
 * sockets and eventfds do not. If another one does, the items behind the task wait for it.
 *
 * The last reference on the file may be given back by the worker: then the kernel closes the file
 * a little later.
 *
 * Context: the function of a task, in the argument of scopex_await() or of the first scopex_poll();
 * where a spinlock may be taken, also on PREEMPT_RT.
 *
 * Return: the await for scopex_poll(), which returns 0, or -EOPNOTSUPP if a task can't wait for
 * this file: it polls for the calling thread, as a signalfd does, has its waiters in more than two
 * queues, or is not ready and never says when it is.
 */
struct scopex_await *scopex_file_poll(struct scopex_file_await *poll, struct file *file,
				      __poll_t events)
{
	poll->await.ops = &scopex_file_ops;
	poll->file = file;
	poll->sock = NULL;
	return scopex_file_prepare(poll, events);
}
EXPORT_SYMBOL_GPL(scopex_file_poll);

/**
 * scopex_socket_poll() - wait until a socket that need not have a file is ready
 * @poll: the await, a part of the task's object
 * @sock: the socket, which must stay until the wait is over
 * @events: the events to wait for, as for scopex_file_poll()
 *
 * After the wait, @poll->events has those of the events that the socket has. A task that could not
 * send everything waits for EPOLLOUT by this: only ->poll tells the socket that somebody waits
 * for room. No callback of the socket is changed.
 *
 * Context: as for scopex_file_poll().
 *
 * Return: as for scopex_file_poll().
 */
struct scopex_await *scopex_socket_poll(struct scopex_file_await *poll, struct socket *sock,
					__poll_t events)
{
	poll->await.ops = &scopex_socket_ops;
	poll->file = NULL;
	poll->sock = sock;
	return scopex_file_prepare(poll, events);
}
EXPORT_SYMBOL_GPL(scopex_socket_poll);
