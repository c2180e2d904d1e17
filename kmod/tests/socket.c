// SPDX-License-Identifier: GPL-2.0
/* Suite "file": tasks that wait for sockets without a file */

#include <linux/in.h>
#include <linux/net.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "../compat/socket.h"
#include "file.h"
#include "test.h"

/* What a socket has before and after: nothing of it may be changed. */
struct callbacks {
	void	*user_data;
	void	(*state_change)(struct sock *sk);
	void	(*data_ready)(struct sock *sk);
	void	(*write_space)(struct sock *sk);
	void	(*error_report)(struct sock *sk);
};

static struct callbacks callbacks_of(const struct socket *sock)
{
	return (struct callbacks){
		.user_data = sock->sk->sk_user_data,
		.state_change = sock->sk->sk_state_change,
		.data_ready = sock->sk->sk_data_ready,
		.write_space = sock->sk->sk_write_space,
		.error_report = sock->sk->sk_error_report,
	};
}

static int send_some(struct socket *sock, void *data, size_t len)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
	struct kvec vec = { .iov_base = data, .iov_len = len };

	return kernel_sendmsg(sock, &msg, &vec, 1, len);
}

static int receive_some(struct socket *sock, void *data, size_t len)
{
	struct msghdr msg = { };
	struct kvec vec = { .iov_base = data, .iov_len = len };

	return kernel_recvmsg(sock, &msg, &vec, 1, len, MSG_DONTWAIT);
}

static int tcp_socket(struct socket **sock)
{
	return sock_create_kern(&init_net, AF_INET, SOCK_STREAM, IPPROTO_TCP, sock);
}

/**
 * struct pair - a connection over the loopback device, and what accepts it
 * @listener: accepts
 * @here: one end
 * @there: the other one
 */
struct pair {
	struct socket	*listener;
	struct socket	*here;
	struct socket	*there;
};

static void pair_close(struct pair *pair)
{
	if (pair->there)
		sock_release(pair->there);
	if (pair->here)
		sock_release(pair->here);
	if (pair->listener)
		sock_release(pair->listener);
}

/* A task waits until the listener has a connection. */
static int pair_open(struct scopex_test *test, struct pair *pair)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct test_poll t;
	int err;

	err = tcp_socket(&pair->listener) ?: tcp_socket(&pair->here) ?:
	      kernel_bind(pair->listener, scopex_sockaddr(&address), sizeof(address)) ?:
	      kernel_listen(pair->listener, 8);
	if (err)
		return err;
	err = kernel_getsockname(pair->listener, (struct sockaddr *)&address);
	if (err < 0)
		return err;

	test_poll_init(&t, NULL, pair->listener, EPOLLIN);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &t.task.work), 0);
		EXPECT(test, test_waits(&t, 1));
		err = kernel_connect(pair->here, scopex_sockaddr(&address), sizeof(address), 0);
		if (!err) {
			EXPECT(test, test_is_over(&t));
			EXPECT_EQ(test, t.err, 0);
			EXPECT_EQ(test, (__force int)t.poll.events, (__force int)EPOLLIN);
		}
		scopex_cancel(s, 0);
	}
	return err ?: kernel_accept(pair->listener, &pair->there, O_NONBLOCK);
}

static void until_over(struct scopex_test *test, struct test_poll *t, __poll_t events)
{
	EXPECT(test, test_is_over(t));
	EXPECT_EQ(test, t->err, 0);
	EXPECT_EQ(test, (__force int)(t->poll.events & events), (__force int)events);
}

/* Make room for a task that waits for it. */
static void receive_while_busy(struct test_poll *t, struct socket *sock, char *text)
{
	unsigned long end = jiffies + 10 * HZ;

	while (scopex_work_busy(&t->task.work) && time_before(jiffies, end))
		if (receive_some(sock, text, PAGE_SIZE) < 0)
			usleep_range(50, 100);
	/* And receive what is left. */
	while (receive_some(sock, text, PAGE_SIZE) > 0)
		;
}

static void socket_wakes_the_task(struct scopex_test *test)
{
	struct callbacks before, after;
	struct pair pair = { };
	struct test_poll t;
	char *text;
	int err;

	if (!IS_ENABLED(CONFIG_INET))
		return scopex_test_skip(test, "the kernel has no networking");
	text = kzalloc(PAGE_SIZE, GFP_KERNEL);
	if (!EXPECT(test, text))
		return;
	err = pair_open(test, &pair);
	if (err) {
		pair_close(&pair);
		kfree(text);
		return scopex_test_skip(test, "no connection over the loopback device");
	}
	before = callbacks_of(pair.there);
	scopex_scope(s) {
		/* Data comes. */
		test_poll_init(&t, NULL, pair.there, EPOLLIN | EPOLLRDHUP);
		EXPECT_EQ(test, scopex_submit(s, &t.task.work), 0);
		EXPECT(test, test_waits(&t, 1));
		EXPECT_EQ(test, send_some(pair.here, text, 100), 100);
		until_over(test, &t, EPOLLIN);
		EXPECT_EQ(test, receive_some(pair.there, text, PAGE_SIZE), 100);

		/* There is no room, and then there is. */
		test_poll_init(&t, NULL, pair.here, EPOLLOUT);
		while (send_some(pair.here, text, PAGE_SIZE) > 0)
			;
		EXPECT_EQ(test, scopex_submit(s, &t.task.work), 0);
		EXPECT(test, test_waits(&t, 1));
		receive_while_busy(&t, pair.there, text);
		until_over(test, &t, EPOLLOUT);

		/* The other end shuts down. */
		test_poll_init(&t, NULL, pair.there, EPOLLRDHUP);
		EXPECT_EQ(test, scopex_submit(s, &t.task.work), 0);
		EXPECT(test, test_waits(&t, 1));
		EXPECT_EQ(test, kernel_sock_shutdown(pair.here, SHUT_WR), 0);
		until_over(test, &t, EPOLLRDHUP);

		/* Silence, and a cancellation */
		test_poll_init(&t, NULL, pair.here, EPOLLIN);
		EXPECT_EQ(test, scopex_submit(s, &t.task.work), 0);
		EXPECT(test, test_waits(&t, 1));
		scopex_cancel(s, 0);
		EXPECT_EQ(test, scopex_join(s), -ECANCELED);
		EXPECT_EQ(test, t.err, -ECANCELED);
	}
	after = callbacks_of(pair.there);
	EXPECT(test, !memcmp(&before, &after, sizeof(before)));
	EXPECT(test, !wq_has_sleeper(&pair.here->wq.wait));
	pair_close(&pair);
	kfree(text);
}

static const struct scopex_case socket_cases[] = {
	SCOPEX_CASE(socket_wakes_the_task),
};

SCOPEX_SUITE_PART(file, socket, socket_cases);
