// SPDX-License-Identifier: GPL-2.0
/*
 * scopex_echo: a TCP echo server in the kernel, with a task for each connection
 *
 * An example of what tasks are for, which uses only the public API of scopex. It listens in the
 * network namespace of the caller that loads it, on the address and port of the parameters, and
 * sends back what it receives. The file scopex_echo/stats of debugfs, for root only, tells what it
 * does, a key and a value on each line; README.md has the parameters.
 *
 * The parameter by= chooses how connections are served: by tasks (accept.c, conn.c), or, for
 * comparison, by a thread for each connection (thread.c), by workqueue items (workqueue.c), or not
 * at all, to learn what the sockets alone take (stream.c). The thread of the server runs the way.
 *
 * The socket is that of a user, not one of the kernel's own: so each socket holds the network
 * namespace, as those of a server in user space do, and none outlives it.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bits.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/in.h>
#include <linux/inet.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/nsproxy.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/socket.h>
#include <linux/string.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "../compat/socket.h"
#include "../text.h"
#include "echo.h"

/* How many connections wait to be accepted. */
#define ECHO_BACKLOG	4096

/* The most connections that limit= may allow */
#define ECHO_LIMIT_MAX	BIT(20)

/* How much of a parameter that is refused is shown. */
#define ECHO_SHOWN_MAX	64

static char *address = "127.0.0.1";
module_param(address, charp, 0444);
MODULE_PARM_DESC(address, "where to listen, an IPv4 or IPv6 address (default: 127.0.0.1)");

static char *port = "7007";
module_param(port, charp, 0444);
MODULE_PARM_DESC(port, "the port (default: 7007)");

static char *by = "tasks";
module_param(by, charp, 0444);
MODULE_PARM_DESC(by, "tasks, threads, workqueue or nothing (default: tasks)");

static unsigned int limit = 16384;
module_param(limit, uint, 0444);
MODULE_PARM_DESC(limit, "the most connections at a time (default: 16384)");

static unsigned int idle_ms = 300000;
module_param(idle_ms, uint, 0444);
MODULE_PARM_DESC(idle_ms, "a connection ends if it is silent for so long; 0: never (default: 300000)");

static unsigned int fail_accepts;
module_param(fail_accepts, uint, 0444);
MODULE_PARM_DESC(fail_accepts, "so many accepts fail at first, for tests (default: 0)");

static struct echo_server echo_server;
static struct dentry *echo_dir;

static const struct echo_way *const echo_ways[] = {
	&echo_by_tasks, &echo_by_threads, &echo_by_workqueue, &echo_by_nothing,
};

static const struct echo_way *echo_find_way(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(echo_ways); i++)
		if (!strcmp(name, echo_ways[i]->name))
			return echo_ways[i];
	return NULL;
}

static int echo_listen(struct echo_server *server)
{
	struct sockaddr_storage ss = { };
	char shown[2][ECHO_SHOWN_MAX];
	int err, len;

	err = inet_pton_with_scope(current->nsproxy->net_ns, AF_UNSPEC, address, port, &ss);
	if (err) {
		pr_err("address=%s port=%s: not an address and a port\n",
		       scopex_escape(shown[0], sizeof(shown[0]), address),
		       scopex_escape(shown[1], sizeof(shown[1]), port));
		return -EINVAL;
	}
	len = ss.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	err = sock_create(ss.ss_family, SOCK_STREAM, IPPROTO_TCP, &server->listener);
	if (err) {
		pr_err("no socket: %d\n", err);
		return err;
	}
	sock_set_reuseaddr(server->listener->sk);
	err = kernel_bind(server->listener, scopex_sockaddr(&ss), len) ?:
	      kernel_listen(server->listener, ECHO_BACKLOG);
	if (err) {
		pr_err("can't listen on %pISpc: %d\n", &ss, err);
		sock_release(server->listener);
	}
	return err;
}

static int echo_thread(void *arg)
{
	struct echo_server *server = arg;

	server->way->serve(server);
	return 0;
}

static int stats_show(struct seq_file *m, void *unused)
{
	struct echo_server *server = m->private;
	struct sockaddr_storage ss = { };

	if (kernel_getsockname(server->listener, (struct sockaddr *)&ss) > 0)
		seq_printf(m, "address %pISpc\n", &ss);
	seq_printf(m, "by %s\n", server->way->name);
	seq_printf(m, "object %zu\n", server->way->object);
	seq_printf(m, "limit %u\n", server->limit);
	seq_printf(m, "open %d\n", atomic_read(&server->open));
	seq_printf(m, "accepted %lld\n", atomic64_read(&server->accepted));
	seq_printf(m, "refused %lld\n", atomic64_read(&server->refused));
	seq_printf(m, "failed %lld\n", atomic64_read(&server->failed));
	seq_printf(m, "idled %lld\n", atomic64_read(&server->idled));
	seq_printf(m, "moved %lld\n", atomic64_read(&server->moved));
	seq_printf(m, "bytes %lld\n", atomic64_read(&server->bytes));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

static int __init echo_init(void)
{
	struct echo_server *server = &echo_server;
	char shown[ECHO_SHOWN_MAX];
	int err;

	server->way = echo_find_way(by);
	if (!server->way || !limit || limit > ECHO_LIMIT_MAX) {
		pr_err("by=%s limit=%u: not a way, or no connections, or too many\n",
		       scopex_escape(shown, sizeof(shown), by), limit);
		return -EINVAL;
	}
	server->limit = limit;
	server->idle_ms = idle_ms;
	server->fail = fail_accepts;
	err = echo_listen(server);
	if (err)
		return err;
	server->thread = kthread_run(echo_thread, server, "scopex_echo");
	if (IS_ERR(server->thread)) {
		err = PTR_ERR(server->thread);
		sock_release(server->listener);
		return err;
	}
	echo_dir = debugfs_create_dir(KBUILD_MODNAME, NULL);
	debugfs_create_file("stats", 0400, echo_dir, server, &stats_fops);
	return 0;
}

/* An open file of debugfs holds the module; connections do not: they are ended. */
static void __exit echo_exit(void)
{
	debugfs_remove(echo_dir);
	kthread_stop(echo_server.thread);
	sock_release(echo_server.listener);
}

module_init(echo_init);
module_exit(echo_exit);

MODULE_DESCRIPTION("A TCP echo server built on tasks of scopex, as an example");
MODULE_AUTHOR("The scopex authors");
MODULE_LICENSE("GPL");
