// SPDX-License-Identifier: GPL-2.0
/*
 * scopex_echo: the same server with a kernel thread for each connection, for comparison
 *
 * A thread waits in the wait queue of its socket, which wakes it without a callback of ours; the
 * scheduler chooses its CPU. The stop shuts all sockets down, which wakes all threads at once,
 * and then waits for each: to stop them one by one would take as many rounds as there are. A thread
 * says that it has gone by kthread_complete_and_exit(), which is not a part of this module.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "echo.h"

/**
 * struct echo_threads - all threads
 * @server: the server
 * @lock: protects @conns
 * @conns: the connections
 * @started: how many threads were started
 * @gone: completed by each thread that has gone
 */
struct echo_threads {
	struct echo_server	*server;
	struct mutex		lock;	/* protects @conns */
	struct list_head	conns;
	unsigned long		started;
	struct completion	gone;
};

/**
 * struct echo_thread - a connection that is served by a thread
 * @stream: its bytes
 * @threads: where it belongs
 * @all: link among the connections
 */
struct echo_thread {
	struct echo_stream	stream;
	struct echo_threads	*threads;
	struct list_head	all;
};

static void echo_thread_serve(struct echo_thread *thread, struct echo_server *server)
{
	long timeout = server->idle_ms ? msecs_to_jiffies(server->idle_ms) : MAX_SCHEDULE_TIMEOUT;
	int err;

	for (;;) {
		err = echo_pump(&thread->stream);
		if (err == ECHO_MORE) {
			cond_resched();
			continue;
		}
		if (err != -EAGAIN)
			return;
		if (!echo_wait(thread->stream.sock, echo_wants(&thread->stream), timeout)) {
			atomic64_inc(&server->idled);
			return;
		}
		cond_resched();
	}
}

static int echo_thread_fn(void *arg)
{
	struct echo_thread *thread = arg;
	struct echo_threads *threads = thread->threads;

	echo_thread_serve(thread, threads->server);
	/* Before the end: the stop shuts down what is in the list. */
	mutex_lock(&threads->lock);
	list_del(&thread->all);
	mutex_unlock(&threads->lock);
	echo_end(threads->server, &thread->stream);
	kfree(thread);
	kthread_complete_and_exit(&threads->gone, 0);
}

static int echo_thread_start(struct echo_server *server, struct socket *sock, void *arg)
{
	struct echo_threads *threads = arg;
	struct echo_thread *thread = kzalloc(sizeof(*thread), GFP_KERNEL);
	struct task_struct *task;

	if (!thread)
		return -ENOMEM;
	thread->threads = threads;
	thread->stream.sock = sock;
	task = kthread_create(echo_thread_fn, thread, "scopex_echo/c");
	if (IS_ERR(task)) {
		kfree(thread);
		/* Mostly -EAGAIN, as there may be no more threads: to be tried later. */
		return -ENOMEM;
	}
	mutex_lock(&threads->lock);
	list_add(&thread->all, &threads->conns);
	mutex_unlock(&threads->lock);
	threads->started++;
	wake_up_process(task);
	return 0;
}

static void echo_serve_by_threads(struct echo_server *server)
{
	struct echo_threads threads = { .server = server };
	struct echo_thread *thread;

	mutex_init(&threads.lock);
	INIT_LIST_HEAD(&threads.conns);
	init_completion(&threads.gone);

	echo_accept_all(server, echo_thread_start, &threads);

	mutex_lock(&threads.lock);
	list_for_each_entry(thread, &threads.conns, all)
		kernel_sock_shutdown(thread->stream.sock, SHUT_RDWR);
	mutex_unlock(&threads.lock);
	while (threads.started--)
		wait_for_completion(&threads.gone);
}

const struct echo_way echo_by_threads = {
	.name = "threads",
	.object = sizeof(struct echo_thread),
	.serve = echo_serve_by_threads,
};
