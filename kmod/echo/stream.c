// SPDX-License-Identifier: GPL-2.0
/*
 * scopex_echo: what all ways to serve have in common
 *
 * To accept, to send back what has come, and to end a connection: none of these waits. Each way
 * decides what waits, and where. The two peers accept in the thread of the server, which is here,
 * too, as is the way that serves nothing: the others are compared with what it takes.
 *
 * A connection has a buffer only while bytes are in it, so all that a silent one takes beside its
 * socket is what waits for it.
 */

#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/net.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/socket.h>
#include <linux/tcp.h>
#include <linux/uio.h>
#include <linux/wait.h>
#include <net/sock.h>

#include "echo.h"

/* How much of a connection's bytes is received, and sent back, at a time. */
#define ECHO_BUFFER	4096U

/* How often a connection receives before others have their turn. */
#define ECHO_ROUNDS	16

/* The first pause after accepts that fail, and the longest one; in ms. */
#define ECHO_PAUSE_FIRST	10U
#define ECHO_PAUSE_MOST		1000U

/**
 * echo_accept() - accept a connection, if there is one
 * @server: the server
 * @sock: stores the socket
 *
 * One that is over the limit is accepted, too, and released at once: so its other end learns it.
 * (It would wait in the socket's backlog otherwise, without a word.)
 *
 * Return: 0 with a connection, which counts as open; ECHO_MORE if one was over the limit; -EAGAIN
 * if nobody connects; another negative errno if the accept has failed, and should be tried later.
 */
int echo_accept(struct echo_server *server, struct socket **sock)
{
	int err;

	if (server->fail) {
		server->fail--;
		err = -ENOMEM;
	} else {
		err = kernel_accept(server->listener, sock, O_NONBLOCK);
	}
	if (err == -EAGAIN)
		return err;
	if (err) {
		atomic64_inc(&server->failed);
		return err;
	}
	if (atomic_inc_return(&server->open) > server->limit) {
		atomic_dec(&server->open);
		atomic64_inc(&server->refused);
		sock_release(*sock);
		return ECHO_MORE;
	}
	atomic64_inc(&server->accepted);
	tcp_sock_set_nodelay((*sock)->sk);
	return 0;
}

/**
 * echo_lose() - release a connection that echo_accept() has given, and that can't be served
 * @server: the server
 * @sock: the socket
 */
void echo_lose(struct echo_server *server, struct socket *sock)
{
	sock_release(sock);
	atomic64_inc(&server->failed);
	atomic_dec(&server->open);
}

/**
 * echo_next_pause() - get the length of a pause after an accept that has failed
 * @pause_ms: that of the pause before; 0: the accept before has not failed
 *
 * Return: the length in ms.
 */
unsigned int echo_next_pause(unsigned int pause_ms)
{
	return clamp(2 * pause_ms, ECHO_PAUSE_FIRST, ECHO_PAUSE_MOST);
}

static int echo_receive(struct echo_stream *stream)
{
	struct msghdr msg = { };
	struct kvec vec = { .iov_base = stream->buf, .iov_len = ECHO_BUFFER };

	return kernel_recvmsg(stream->sock, &msg, &vec, 1, ECHO_BUFFER, MSG_DONTWAIT);
}

static int echo_send(struct echo_stream *stream)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
	struct kvec vec = { .iov_base = stream->buf + stream->from, .iov_len = stream->len };

	return kernel_sendmsg(stream->sock, &msg, &vec, 1, stream->len);
}

/* Nothing is left to send. Receive into a buffer, which is there only if something came. */
static int echo_refill(struct echo_stream *stream)
{
	int nr;

	if (!stream->buf)
		stream->buf = kmalloc(ECHO_BUFFER, GFP_KERNEL);
	if (!stream->buf)
		return -ENOMEM;
	nr = echo_receive(stream);
	if (nr <= 0) {
		kfree(stream->buf);
		stream->buf = NULL;
		return nr;
	}
	stream->from = 0;
	stream->len = nr;
	return nr;
}

/**
 * echo_pump() - send back what has come, as far as that is possible without a wait
 * @stream: the connection
 *
 * All that was received is sent back before more is received. So when the other end has said its
 * last, nothing is left to send.
 *
 * Context: process context, one caller at a time.
 *
 * Return: -EAGAIN if the caller has to wait for echo_wants(); ECHO_MORE if it should make way, and
 * call again; 0 if the other end has said its last; another negative errno if the connection is
 * gone.
 */
int echo_pump(struct echo_stream *stream)
{
	int round, nr;

	for (round = 0; round < ECHO_ROUNDS; round++) {
		if (!stream->len) {
			nr = echo_refill(stream);
			if (nr <= 0)
				return nr;
		}
		nr = echo_send(stream);
		if (nr < 0)
			return nr;
		stream->from += nr;
		stream->len -= nr;
		stream->bytes += nr;
	}
	return ECHO_MORE;
}

/**
 * echo_wants() - get what a connection waits for
 * @stream: the connection
 *
 * Return: room to send, while there is something to send; else something to receive, or the end.
 */
__poll_t echo_wants(const struct echo_stream *stream)
{
	return stream->len ? EPOLLOUT : EPOLLIN | EPOLLRDHUP;
}

/**
 * echo_end() - end a connection; the caller frees its object
 * @server: the server
 * @stream: the connection, of which no other thread has anything any more
 */
void echo_end(struct echo_server *server, struct echo_stream *stream)
{
	kernel_sock_shutdown(stream->sock, SHUT_RDWR);
	sock_release(stream->sock);
	stream->sock = NULL;
	kfree(stream->buf);
	stream->buf = NULL;
	atomic64_add(stream->bytes, &server->bytes);
	atomic_dec(&server->open);
}

static bool echo_is_ready(struct socket *sock, __poll_t events)
{
	const struct proto_ops *ops = READ_ONCE(sock->ops);

	return ops->poll(NULL, sock, NULL) & (events | EPOLLERR | EPOLLHUP);
}

/**
 * echo_wait() - wait for a socket, in a thread
 * @sock: the socket
 * @events: what to wait for; an error and the end of the connection are included
 * @timeout: for how long, in jiffies
 *
 * Context: a kthread; a stop ends the wait.
 *
 * Return: 0 if the time is over.
 */
long echo_wait(struct socket *sock, __poll_t events, long timeout)
{
	wait_queue_head_t *queue = sk_sleep(sock->sk);

	/* A socket wakes only sleepers that a signal would wake, too. */
	return wait_event_interruptible_timeout(*queue, echo_is_ready(sock, events) ||
						kthread_should_stop(), timeout);
}

/**
 * echo_until_stop() - sleep until the thread of the server has to stop
 */
void echo_until_stop(void)
{
	for (;;) {
		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

/**
 * echo_accept_all() - accept connections in the thread of the server, until it has to stop
 * @server: the server
 * @start: begins to serve a connection; returns 0, or a negative errno, and then the connection is
 *	released
 * @arg: its argument
 */
void echo_accept_all(struct echo_server *server,
		     int (*start)(struct echo_server *server, struct socket *sock, void *arg),
		     void *arg)
{
	unsigned int pause_ms = 0;
	struct socket *sock;
	int err;

	while (!kthread_should_stop()) {
		err = echo_accept(server, &sock);
		if (!err) {
			err = start(server, sock, arg);
			if (err)
				echo_lose(server, sock);
		}
		if (err == -EAGAIN) {
			pause_ms = 0;
			echo_wait(server->listener, EPOLLIN, MAX_SCHEDULE_TIMEOUT);
		} else if (err < 0) {
			pause_ms = echo_next_pause(pause_ms);
			schedule_timeout_interruptible(msecs_to_jiffies(pause_ms));
		} else {
			pause_ms = 0;
			cond_resched();
		}
	}
}

/**
 * struct echo_kept - the sockets of the way that serves nothing
 * @nr: how many
 * @socks: these
 */
struct echo_kept {
	unsigned int	nr;
	struct socket	*socks[];
};

static int echo_keep(struct echo_server *server, struct socket *sock, void *arg)
{
	struct echo_kept *kept = arg;

	kept->socks[kept->nr++] = sock;
	return 0;
}

static void echo_serve_nothing(struct echo_server *server)
{
	struct echo_stream stream = { };
	struct echo_kept *kept;

	kept = kvzalloc(struct_size(kept, socks, server->limit), GFP_KERNEL);
	if (!kept) {
		echo_until_stop();
		return;
	}
	echo_accept_all(server, echo_keep, kept);
	while (kept->nr) {
		stream.sock = kept->socks[--kept->nr];
		echo_end(server, &stream);
	}
	kvfree(kept);
}

const struct echo_way echo_by_nothing = {
	.name = "nothing",
	.object = sizeof(struct socket *),
	.serve = echo_serve_nothing,
};
