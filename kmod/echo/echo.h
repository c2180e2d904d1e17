/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of scopex_echo.ko share. */
#ifndef _SCOPEX_ECHO_H
#define _SCOPEX_ECHO_H

#include <linux/atomic.h>
#include <linux/llist.h>
#include <linux/list.h>
#include <linux/poll.h>
#include <linux/scopex_file.h>
#include <linux/scopex_sync.h>
#include <linux/scopex_task.h>
#include <linux/scopex_timer.h>
#include <linux/types.h>

struct kmem_cache;
struct socket;
struct task_struct;

/* There is more to do, and others should have their turn first. No errno has this number. */
#define ECHO_MORE		1

struct echo_server;

/**
 * struct echo_way - a way to serve connections
 * @name: what the parameter by= calls it
 * @object: the size of what it allocates for a connection, in bytes
 * @serve: accepts and serves until kthread_should_stop(), then ends all connections
 */
struct echo_way {
	const char	*name;
	size_t		object;
	void		(*serve)(struct echo_server *server);
};

extern const struct echo_way echo_by_tasks;
extern const struct echo_way echo_by_threads;
extern const struct echo_way echo_by_workqueue;
extern const struct echo_way echo_by_nothing;

/**
 * struct echo_server - the server
 * @listener: the socket that listens
 * @thread: runs @way
 * @way: how connections are served
 * @limit: the most connections at a time
 * @idle_ms: a connection that has been silent for so long is ended; 0: none is
 * @fail: so many accepts are still made to fail
 * @open: how many connections there are
 * @accepted: how many were accepted
 * @refused: how many were closed at once because of the limit
 * @failed: how many accepts have failed
 * @idled: how many connections were ended as they were silent
 * @moved: how often a connection went to another CPU, where its packets arrive
 * @bytes: how many bytes were sent back on connections that have ended
 */
struct echo_server {
	struct socket		*listener;
	struct task_struct	*thread;
	const struct echo_way	*way;
	unsigned int		limit;
	unsigned int		idle_ms;
	unsigned int		fail;
	atomic_t		open;
	atomic64_t		accepted;
	atomic64_t		refused;
	atomic64_t		failed;
	atomic64_t		idled;
	atomic64_t		moved;
	atomic64_t		bytes;
};

/**
 * struct echo_stream - the bytes of a connection
 * @sock: its socket, or NULL once that is released
 * @buf: bytes that were received, and were not all sent back; NULL if there are none
 * @from: the first one that was not sent back
 * @len: how many were not
 * @bytes: how many were
 */
struct echo_stream {
	struct socket	*sock;
	char		*buf;
	u32		from;
	u32		len;
	u64		bytes;
};

int echo_accept(struct echo_server *server, struct socket **sock);
void echo_lose(struct echo_server *server, struct socket *sock);
unsigned int echo_next_pause(unsigned int pause_ms);
int echo_pump(struct echo_stream *stream);
__poll_t echo_wants(const struct echo_stream *stream);
void echo_end(struct echo_server *server, struct echo_stream *stream);

void echo_until_stop(void);
long echo_wait(struct socket *sock, __poll_t events, long timeout);
void echo_accept_all(struct echo_server *server,
		     int (*start)(struct echo_server *server, struct socket *sock, void *arg),
		     void *arg);

/**
 * struct echo_acceptor - the task that accepts connections, and what only it uses
 * @task: the task
 * @server: the server
 * @cache: where the objects of connections come from
 * @poll: to wait for a connection
 * @over: to wait until a task has ended
 * @timer: to wait until an accept is tried again, or a task is completed
 * @members: these
 * @first: the first one of these
 * @ended: set when @back is not empty any more
 * @back: connections whose tasks have ended; pushed by these tasks
 * @held: connections that were taken from @back, whose tasks were not completed yet
 * @conns: all connections
 * @pause_ms: the last pause after an accept that failed; 0: the last one has not
 * @again: the time when the pause is over
 */
struct echo_acceptor {
	struct scopex_task		task;
	struct echo_server		*server;
	struct kmem_cache		*cache;
	struct scopex_file_await	poll;
	struct scopex_event_waiter	over;
	struct scopex_timer		timer;
	struct scopex_member		members[3];
	struct scopex_several		first;
	struct scopex_event		ended;
	struct llist_head		back;
	struct llist_node		*held;
	struct list_head		conns;
	unsigned int			pause_ms;
	ktime_t				again;
};

/**
 * struct echo_conn - a connection that is served by a task
 * @task: the task
 * @stream: its bytes; without a socket once the task has ended the connection
 * @acceptor: the task that has accepted it
 * @poll: to wait for the socket
 * @idle: to wait for the end of the time in which it may be silent
 * @members: these two
 * @first: the first one of them
 * @all: link among all connections; only the acceptor uses it
 * @back: link among those whose tasks have ended
 * @cpu: the CPU to which it was given as its packets arrived there, or -1
 * @away: so many wake-ups in a row had packets on another CPU
 */
struct echo_conn {
	struct scopex_task		task;
	struct echo_stream		stream;
	struct echo_acceptor		*acceptor;
	struct scopex_file_await	poll;
	struct scopex_timer		idle;
	struct scopex_member		members[2];
	struct scopex_several		first;
	struct list_head		all;
	struct llist_node		back;
	int				cpu;
	unsigned int			away;
};

int echo_conn_fn(struct scopex_task *task);
int echo_conn_cpu(const struct echo_conn *conn);

#endif /* _SCOPEX_ECHO_H */
