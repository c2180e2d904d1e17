// SPDX-License-Identifier: GPL-2.0
/*
 * scopex_echo: the task of a connection
 *
 * The task sends back what comes, and waits for the first of two: its socket, by the socket's own
 * ->poll, and the end of the time in which it may be silent. A peer that never receives is silent,
 * too, as the task waits for room then.
 *
 * Where it runs. The acceptor submits the task to the CPU on which the last packet of its
 * connection arrived: so the packet, the wake-up and the answer are on one CPU. A task stays on
 * the CPU of its first call. If the packets arrive on another CPU for ECHO_AWAY wake-ups in a row,
 * the task returns its result with the connection open, and the acceptor submits the same
 * object again, to that CPU. A single packet elsewhere moves nothing, as a sender may be on one CPU
 * now, and on another one next.
 *
 * How its object is freed. A task can't free its own object: scopex uses it until the task is
 * completed, which is after the return. So the last thing that the task does with the object is to
 * push it to the acceptor's list. The acceptor takes it from there, waits until
 * scopex_work_busy() says no, and then nobody else has it. This takes neither a lock nor a
 * reference count, and holds for the object that moves as well.
 */

#include <linux/net.h>
#include <net/sock.h>

#include "echo.h"

/* So many wake-ups in a row have their packets elsewhere before a connection moves. */
#define ECHO_AWAY	32

/**
 * echo_conn_cpu() - get the CPU where the packets of a connection arrive
 * @conn: the connection
 *
 * Return: its number, or -1.
 */
int echo_conn_cpu(const struct echo_conn *conn)
{
	return READ_ONCE(conn->stream.sock->sk->sk_incoming_cpu);
}

/* Should it move? Asked once for each wake-up. */
static bool echo_conn_is_away(struct echo_conn *conn)
{
	int cpu = echo_conn_cpu(conn);

	if (cpu < 0 || cpu == conn->cpu)
		conn->away = 0;
	else
		conn->away++;
	return conn->away >= ECHO_AWAY;
}

static struct scopex_await *echo_conn_wait(struct echo_conn *conn)
{
	unsigned int idle_ms = conn->acceptor->server->idle_ms;

	conn->members[0].await = scopex_socket_poll(&conn->poll, conn->stream.sock,
						    echo_wants(&conn->stream));
	if (!idle_ms)
		return conn->members[0].await;
	conn->members[1].await = scopex_sleep(&conn->idle, (s64)idle_ms * USEC_PER_MSEC);
	return scopex_first_of(&conn->first, conn->members, ARRAY_SIZE(conn->members));
}

/* Give the object to the acceptor. It may be gone once this task is completed, not before. */
static int echo_conn_give_back(struct echo_conn *conn)
{
	struct echo_acceptor *acceptor = conn->acceptor;

	/* Those that come to a list with others in it need not say so. */
	if (llist_add(&conn->back, &acceptor->back))
		scopex_event_set(&acceptor->ended);
	return 0;
}

static int echo_conn_end(struct echo_conn *conn)
{
	echo_end(conn->acceptor->server, &conn->stream);
	return echo_conn_give_back(conn);
}

/**
 * echo_conn_fn() - serve a connection: the function of its task
 * @task: the task
 *
 * Return: as for each task; 0 in the end, as no end of a connection is an error of the server.
 */
int echo_conn_fn(struct scopex_task *task)
{
	struct echo_conn *conn = container_of(task, struct echo_conn, task);
	int err;

	scopex_coroutine(task) {
		for (;;) {
			err = echo_pump(&conn->stream);
			if (err == ECHO_MORE && !scopex_cancelled(task->work.scope)) {
				scopex_yield(task);
				continue;
			}
			if (err != -EAGAIN)
				return echo_conn_end(conn);
			/* A socket without memory may be ready all the time: others come first. */
			if (scopex_should_yield())
				scopex_yield(task);
			if (echo_conn_is_away(conn))
				return echo_conn_give_back(conn);
			scopex_await(task, err, echo_conn_wait(conn));
			if (err)
				return echo_conn_end(conn);
			if (conn->acceptor->server->idle_ms && conn->first.winner == 1) {
				atomic64_inc(&conn->acceptor->server->idled);
				return echo_conn_end(conn);
			}
		}
	}
	return 0;
}
