// SPDX-License-Identifier: GPL-2.0
/*
 * scopex_echo: the same server with workqueue items, for comparison
 *
 * The callbacks of the socket queue the item of its connection, as the kernel's own users of
 * sockets do it: on the CPU where the packet has arrived, as the workqueue is one for each CPU. The
 * item sends back what has come, and returns when it would have to wait. A callback that comes
 * while the item runs queues it again, so nothing is lost.
 *
 * A timer for each connection would be set with each message. Instead one item looks at all
 * connections from time to time, four times in the time that they may be silent.
 *
 * An item that ends its connection first gives the socket its callbacks back. From then on nothing
 * queues the item, but it may be queued already. So it frees the object only in a run after which
 * it is not queued.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <net/sock.h>

#include "../compat/workqueue.h"
#include "echo.h"

/**
 * struct echo_items - all connections that are served by items
 * @server: the server
 * @wq: the workqueue
 * @look: looks for those that are silent
 * @lock: protects @conns
 * @conns: the connections
 * @stop: all have to end
 */
struct echo_items {
	struct echo_server	*server;
	struct workqueue_struct	*wq;
	struct delayed_work	look;
	struct mutex		lock;	/* protects @conns */
	struct list_head	conns;
	bool			stop;
};

/**
 * struct echo_item - a connection that is served by an item
 * @work: the item
 * @stream: its bytes
 * @items: where it belongs
 * @all: link among the connections
 * @data_ready: the callback of the socket
 * @write_space: the same
 * @state_change: the same
 * @last: when it was not silent, in jiffies
 * @idled: it was silent for too long
 * @over: the socket has its callbacks back
 */
struct echo_item {
	struct work_struct	work;
	struct echo_stream	stream;
	struct echo_items	*items;
	struct list_head	all;
	void			(*data_ready)(struct sock *sk);
	void			(*write_space)(struct sock *sk);
	void			(*state_change)(struct sock *sk);
	unsigned long		last;
	bool			idled;
	bool			over;
};

static void echo_item_queue(struct sock *sk)
{
	struct echo_item *item;

	read_lock_bh(&sk->sk_callback_lock);
	item = sk->sk_user_data;
	if (item)
		queue_work(item->items->wq, &item->work);
	read_unlock_bh(&sk->sk_callback_lock);
}

/* Called for any room, also for too little. */
static void echo_item_write_space(struct sock *sk)
{
	if (!sk_stream_is_writeable(sk))
		return;
	if (sk->sk_socket)
		clear_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	echo_item_queue(sk);
}

static void echo_item_attach(struct echo_item *item)
{
	struct sock *sk = item->stream.sock->sk;

	write_lock_bh(&sk->sk_callback_lock);
	item->data_ready = sk->sk_data_ready;
	item->write_space = sk->sk_write_space;
	item->state_change = sk->sk_state_change;
	sk->sk_user_data = item;
	sk->sk_data_ready = echo_item_queue;
	sk->sk_write_space = echo_item_write_space;
	sk->sk_state_change = echo_item_queue;
	write_unlock_bh(&sk->sk_callback_lock);
}

static void echo_item_detach(struct echo_item *item)
{
	struct sock *sk = item->stream.sock->sk;

	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_user_data = NULL;
	sk->sk_data_ready = item->data_ready;
	sk->sk_write_space = item->write_space;
	sk->sk_state_change = item->state_change;
	write_unlock_bh(&sk->sk_callback_lock);
	/* So that nobody else queues it, either. */
	mutex_lock(&item->items->lock);
	list_del(&item->all);
	mutex_unlock(&item->items->lock);
	item->over = true;
}

static void echo_item_fn(struct work_struct *work)
{
	struct echo_item *item = container_of(work, struct echo_item, work);
	struct echo_items *items = item->items;
	int err = 0;

	if (!item->over) {
		if (!READ_ONCE(items->stop) && !READ_ONCE(item->idled)) {
			WRITE_ONCE(item->last, jiffies);
			err = echo_pump(&item->stream);
		}
		if (err == -EAGAIN)
			return;
		if (err == ECHO_MORE) {
			queue_work(items->wq, &item->work);
			return;
		}
		echo_item_detach(item);
	}
	if (work_pending(&item->work))
		return;
	echo_end(items->server, &item->stream);
	kfree(item);
}

static int echo_item_start(struct echo_server *server, struct socket *sock, void *arg)
{
	struct echo_items *items = arg;
	struct echo_item *item = kzalloc(sizeof(*item), GFP_KERNEL);

	if (!item)
		return -ENOMEM;
	INIT_WORK(&item->work, echo_item_fn);
	item->items = items;
	item->stream.sock = sock;
	item->last = jiffies;
	mutex_lock(&items->lock);
	list_add(&item->all, &items->conns);
	echo_item_attach(item);
	/* What came before that had other callbacks. Under the lock, the item can't end. */
	queue_work(items->wq, &item->work);
	mutex_unlock(&items->lock);
	return 0;
}

static unsigned long echo_items_period(const struct echo_items *items)
{
	return msecs_to_jiffies(items->server->idle_ms / 4) + 1;
}

static void echo_items_look(struct work_struct *work)
{
	struct echo_items *items = container_of(work, struct echo_items, look.work);
	unsigned long idle = msecs_to_jiffies(items->server->idle_ms);
	struct echo_item *item;

	mutex_lock(&items->lock);
	list_for_each_entry(item, &items->conns, all) {
		if (item->idled || time_before(jiffies, READ_ONCE(item->last) + idle))
			continue;
		WRITE_ONCE(item->idled, true);
		atomic64_inc(&items->server->idled);
		queue_work(items->wq, &item->work);
	}
	mutex_unlock(&items->lock);
	queue_delayed_work(items->wq, &items->look, echo_items_period(items));
}

static void echo_serve_by_workqueue(struct echo_server *server)
{
	struct echo_items items = { .server = server };
	struct echo_item *item;

	items.wq = alloc_workqueue("scopex_echo", SCOPEX_WQ_PERCPU, 0);
	if (!items.wq) {
		pr_err("no memory for a workqueue\n");
		echo_until_stop();
		return;
	}
	mutex_init(&items.lock);
	INIT_LIST_HEAD(&items.conns);
	INIT_DELAYED_WORK_ONSTACK(&items.look, echo_items_look);
	if (server->idle_ms)
		queue_delayed_work(items.wq, &items.look, echo_items_period(&items));

	echo_accept_all(server, echo_item_start, &items);

	cancel_delayed_work_sync(&items.look);
	WRITE_ONCE(items.stop, true);
	mutex_lock(&items.lock);
	list_for_each_entry(item, &items.conns, all)
		queue_work(items.wq, &item->work);
	mutex_unlock(&items.lock);
	/* Until no callback is left: a workqueue that goes refuses what they queue. */
	flush_workqueue(items.wq);
	destroy_workqueue(items.wq);
	destroy_delayed_work_on_stack(&items.look);
}

const struct echo_way echo_by_workqueue = {
	.name = "workqueue",
	.object = sizeof(struct echo_item),
	.serve = echo_serve_by_workqueue,
};
