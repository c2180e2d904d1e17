// SPDX-License-Identifier: GPL-2.0
/*
 * scopex_echo: the server by tasks
 *
 * The thread of the server opens a scope, submits one task that accepts connections, and sleeps
 * until the module is unloaded. The acceptor submits a task for each connection to the same scope.
 * The unload cancels the scope: each task that waits is told so, ends its connection, and is
 * completed; the join waits for all of them. A task that was never called has not ended its
 * connection: so after the join, the server ends what is left of all connections, and frees them.
 *
 * Only the acceptor has the list of all connections, so the list has no lock. The tasks of
 * connections give their objects back to it; see conn.c.
 *
 * The acceptor waits for the first of three: a connection, a task that has ended, and a timer. If
 * an accept fails (the system has no memory, or no file, for it), the connection stays in the
 * backlog, and the socket stays ready. So the acceptor does not look at the socket until a pause is
 * over, and the pause becomes longer as long as that fails: it would keep its CPU busy otherwise.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/net.h>
#include <linux/printk.h>
#include <linux/slab.h>

#include "echo.h"

/* How many connections are accepted before others have their turn. */
#define ECHO_ACCEPTS	64

/* How soon the acceptor looks again at a task that has ended, and is not completed; in ms. */
#define ECHO_LOOK_AGAIN	10

/* Nothing of the connection is used by any task. */
static void echo_free(struct echo_acceptor *acceptor, struct echo_conn *conn)
{
	if (conn->stream.sock)
		echo_end(acceptor->server, &conn->stream);
	list_del(&conn->all);
	kmem_cache_free(acceptor->cache, conn);
}

/* Submit a connection to the CPU where its packets arrive. */
static void echo_place(struct echo_acceptor *acceptor, struct echo_conn *conn)
{
	struct scopex_scope *scope = scopex_work_scope(&acceptor->task.work);
	int err = -ENODEV;

	scopex_task_init(&conn->task, echo_conn_fn);
	conn->away = 0;
	conn->cpu = echo_conn_cpu(conn);
	if (conn->cpu >= 0)
		err = scopex_submit_on(scope, conn->cpu, &conn->task.work);
	/* That CPU has no worker: any other one will do, and the connection stays there. */
	if (err == -ENODEV)
		err = scopex_submit(scope, &conn->task.work);
	/* The scope is cancelled. */
	if (err)
		echo_free(acceptor, conn);
}

static int echo_start(struct echo_acceptor *acceptor, struct socket *sock)
{
	struct echo_conn *conn = kmem_cache_zalloc(acceptor->cache, GFP_KERNEL);

	if (!conn) {
		echo_lose(acceptor->server, sock);
		return -ENOMEM;
	}
	conn->acceptor = acceptor;
	conn->stream.sock = sock;
	list_add(&conn->all, &acceptor->conns);
	echo_place(acceptor, conn);
	return 0;
}

/* A task of this connection is completed: it has ended it, or wants it to be moved. */
static void echo_settle(struct echo_acceptor *acceptor, struct echo_conn *conn)
{
	if (!conn->stream.sock) {
		echo_free(acceptor, conn);
		return;
	}
	atomic64_inc(&acceptor->server->moved);
	echo_place(acceptor, conn);
}

/* Look at all connections that were given back. Those whose tasks are not completed are held. */
static void echo_collect(struct echo_acceptor *acceptor)
{
	struct llist_node *lists[] = { acceptor->held, NULL };
	struct echo_conn *conn, *next;

	/* Before the look: what comes later sets it again. */
	scopex_event_reset(&acceptor->ended);
	lists[1] = llist_del_all(&acceptor->back);
	acceptor->held = NULL;
	for (unsigned int i = 0; i < ARRAY_SIZE(lists); i++) {
		llist_for_each_entry_safe(conn, next, lists[i], back) {
			if (scopex_work_busy(&conn->task.work)) {
				conn->back.next = acceptor->held;
				acceptor->held = &conn->back;
			} else {
				echo_settle(acceptor, conn);
			}
		}
	}
}

/* Returns -EAGAIN if the acceptor has to wait; ECHO_MORE if there may be more connections. */
static int echo_accept_some(struct echo_acceptor *acceptor)
{
	struct socket *sock;
	int nr, err;

	if (acceptor->pause_ms && ktime_before(ktime_get(), acceptor->again))
		return -EAGAIN;
	for (nr = 0; nr < ECHO_ACCEPTS; nr++) {
		err = echo_accept(acceptor->server, &sock);
		if (!err)
			err = echo_start(acceptor, sock);
		if (err == -EAGAIN) {
			acceptor->pause_ms = 0;
			return err;
		}
		if (err < 0) {
			acceptor->pause_ms = echo_next_pause(acceptor->pause_ms);
			acceptor->again = ktime_add_ms(ktime_get(), acceptor->pause_ms);
			return -EAGAIN;
		}
	}
	return ECHO_MORE;
}

static struct scopex_await *echo_acceptor_wait(struct echo_acceptor *acceptor)
{
	struct scopex_member *members = acceptor->members;
	ktime_t until = KTIME_MAX;
	unsigned int nr = 0;

	members[nr++].await = scopex_event_wait(&acceptor->over, &acceptor->ended);
	if (acceptor->pause_ms)
		until = acceptor->again;
	else
		members[nr++].await = scopex_socket_poll(&acceptor->poll,
							 acceptor->server->listener, EPOLLIN);
	if (acceptor->held)
		until = min(until, ktime_add_ms(ktime_get(), ECHO_LOOK_AGAIN));
	if (until != KTIME_MAX)
		members[nr++].await = scopex_sleep_until(&acceptor->timer, until);
	return scopex_first_of(&acceptor->first, members, nr);
}

static int echo_acceptor_fn(struct scopex_task *task)
{
	struct echo_acceptor *acceptor = container_of(task, struct echo_acceptor, task);
	int err;

	scopex_coroutine(task) {
		while (!scopex_cancelled(task->work.scope)) {
			echo_collect(acceptor);
			if (echo_accept_some(acceptor) == ECHO_MORE) {
				scopex_yield(task);
				continue;
			}
			scopex_await(task, err, echo_acceptor_wait(acceptor));
			if (err && err != -ECANCELED)
				pr_err("the wait for a connection has failed: %d\n", err);
			if (err)
				return err;
			if (scopex_should_yield())
				scopex_yield(task);
		}
	}
	return 0;
}

static int echo_serve_scope(struct echo_acceptor *acceptor)
{
	struct echo_conn *conn, *next;
	int err;

	scopex_scope(s) {
		err = scopex_submit(s, &acceptor->task.work);
		if (!err)
			echo_until_stop();
		scopex_cancel(s, 0);
	}
	list_for_each_entry_safe(conn, next, &acceptor->conns, all)
		echo_free(acceptor, conn);
	return err;
}

static void echo_serve_by_tasks(struct echo_server *server)
{
	struct echo_acceptor *acceptor = kzalloc(sizeof(*acceptor), GFP_KERNEL);
	int err = -ENOMEM;

	if (acceptor) {
		acceptor->server = server;
		INIT_LIST_HEAD(&acceptor->conns);
		init_llist_head(&acceptor->back);
		scopex_event_init(&acceptor->ended);
		scopex_task_init(&acceptor->task, echo_acceptor_fn);
		/* Of its own, as kmalloc() would round the size up by a quarter. */
		acceptor->cache = kmem_cache_create("scopex_echo_conn", sizeof(struct echo_conn),
						    0, 0, NULL);
		if (acceptor->cache) {
			err = echo_serve_scope(acceptor);
			kmem_cache_destroy(acceptor->cache);
		}
		kfree(acceptor);
	}
	if (err) {
		pr_err("nothing is served: %d\n", err);
		echo_until_stop();
	}
}

const struct echo_way echo_by_tasks = {
	.name = "tasks",
	.object = sizeof(struct echo_conn),
	.serve = echo_serve_by_tasks,
};
