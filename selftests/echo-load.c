// SPDX-License-Identifier: GPL-2.0
/*
 * echo-load: clients of an echo server, which compare each byte that comes back
 *
 *	echo-load load ADDRESS PORT CONNECTIONS MESSAGES SECONDS PAYLOAD [WORKERS]
 *	echo-load MODE ADDRESS PORT CONNECTIONS [PAYLOAD]
 *
 * "load" has CONNECTIONS connections in WORKERS processes, each on a CPU of its own. On each of
 * them a message of PAYLOAD bytes goes out, comes back, and then the next one goes out; until
 * there were MESSAGES on each connection (0: any number), or SECONDS are over (0: never). It
 * prints what it did, a key and a value on each line.
 *
 * The other modes are for tests. They print "MODE ok N" for N connections that did what the mode
 * says:
 *
 *	hold	PAYLOAD bytes (1; may be 0) come back; all are held until standard input ends; and
 *		then as many bytes come back
 *	closed	a byte comes back; then the server closes the connection
 *	refused	the server closes the connection, and sends nothing back
 *	abrupt	it is closed, every other one by a reset, and nothing was sent
 *	reset	PAYLOAD bytes are sent, one comes back, and the connection is reset
 *	urgent	PAYLOAD bytes come back, though one of them is sent once more as urgent data
 *	half	PAYLOAD bytes are sent, then the end; they come back, and then the end
 *	deaf	bytes are sent until no more go out, then the end; they come back, and then the end
 *	hop	PAYLOAD messages from one CPU, and as many from another one
 *	traffic	all send all the time, up to PAYLOAD bytes in a step, and more come and go, until
 *		the server has ended each of the N
 *
 * What a connection sends depends on its number and on the place in its stream, so bytes of
 * other connections, and bytes at the wrong place, are seen. The status is 0 if all was well.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The longest message, and the most that is sent or received in a step. */
#define CHUNK		65536

/* A time in nanoseconds belongs to the power of two, and the sixteenth of that. */
#define SIXTEENTHS	16
#define TIMES		(64 * SIXTEENTHS)

/* No server that works is silent for so long; in ms. */
#define PATIENCE	60000

struct conn {
	int		fd;
	unsigned int	id;
	unsigned long long	sent;
	unsigned long long	received;
	unsigned long long	messages;
	unsigned long long	since;
};

/* What a worker has done, in memory that its parent sees. */
struct result {
	unsigned long long	connections;
	unsigned long long	messages;
	unsigned long long	ns;
	unsigned long long	times[TIMES];
};

static struct sockaddr_in address;
static char chunk[CHUNK];

static void die(const char *what)
{
	fprintf(stderr, "echo-load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void fail(const struct conn *conn, const char *what)
{
	fprintf(stderr, "echo-load: connection %u, %llu bytes sent, %llu received: %s\n", conn->id,
		conn->sent, conn->received, what);
	exit(1);
}

static unsigned long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static char byte_at(const struct conn *conn, unsigned long long at)
{
	return (char)(conn->id * 31 + at * 7 + (at >> 8) * 3);
}

static void pin(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu % sysconf(_SC_NPROCESSORS_ONLN), &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

static void wait_for(const struct conn *conn, short events)
{
	struct pollfd pfd = { .fd = conn->fd, .events = events };

	if (poll(&pfd, 1, PATIENCE) != 1)
		fail(conn, "the server does nothing");
}

/* Connect, and go on without blocking. */
static void open_conn(struct conn *conn, unsigned int id)
{
	int on = 1;

	memset(conn, 0, sizeof(*conn));
	conn->id = id;
	conn->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (conn->fd < 0)
		die("socket");
	if (connect(conn->fd, (struct sockaddr *)&address, sizeof(address)))
		die("connect");
	if (fcntl(conn->fd, F_SETFL, O_NONBLOCK) ||
	    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)))
		die("fcntl or setsockopt");
}

/* The server may end a connection at any time. */
static int may_end;

static int is_ended(void)
{
	return may_end && (errno == ECONNRESET || errno == EPIPE);
}

/* Send up to so many bytes. Returns how many went out; 0 if there was no room. */
static size_t send_some(struct conn *conn, size_t most)
{
	ssize_t nr;
	size_t i;

	if (most > CHUNK)
		most = CHUNK;
	for (i = 0; i < most; i++)
		chunk[i] = byte_at(conn, conn->sent + i);
	nr = send(conn->fd, chunk, most, MSG_NOSIGNAL);
	if (nr < 0 && errno != EAGAIN && !is_ended())
		fail(conn, strerror(errno));
	if (nr < 0)
		return 0;
	conn->sent += nr;
	return nr;
}

/* Receive what is there, and compare it. Returns true at the end of the stream. */
static int receive_some(struct conn *conn)
{
	ssize_t nr, i;

	while ((nr = recv(conn->fd, chunk, CHUNK, 0)) > 0) {
		for (i = 0; i < nr; i++)
			if (chunk[i] != byte_at(conn, conn->received + i))
				fail(conn, "a wrong byte came back");
		conn->received += nr;
		if (conn->received > conn->sent)
			fail(conn, "more came back than was sent");
	}
	if (nr < 0 && errno != EAGAIN && !is_ended())
		fail(conn, strerror(errno));
	return nr == 0 || errno != EAGAIN;
}

static void receive_all(struct conn *conn)
{
	while (conn->received < conn->sent) {
		wait_for(conn, POLLIN);
		if (receive_some(conn) && conn->received < conn->sent)
			fail(conn, "the server has closed the connection too early");
	}
}

static void send_all(struct conn *conn, unsigned long long until)
{
	while (conn->sent < until) {
		wait_for(conn, POLLIN | POLLOUT);
		if (receive_some(conn))
			fail(conn, "the server has closed the connection too early");
		send_some(conn, until - conn->sent);
	}
}

static void there_and_back(struct conn *conn, size_t nr)
{
	send_all(conn, conn->sent + nr);
	receive_all(conn);
}

/* After the end of what is sent: all has to come back, and then the end. */
static void until_end(struct conn *conn)
{
	if (shutdown(conn->fd, SHUT_WR))
		die("shutdown");
	do
		wait_for(conn, POLLIN);
	while (!receive_some(conn));
	if (conn->received != conn->sent)
		fail(conn, "the server has ended, and has not sent all back");
}

static void reset(struct conn *conn)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	if (setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)))
		die("setsockopt");
}

static void read_to_end(int fd)
{
	char c;

	while (read(fd, &c, 1) > 0)
		;
}

/* The server closes it, or has reset it. */
static void until_closed(struct conn *conn)
{
	ssize_t nr;
	char c;

	wait_for(conn, POLLIN);
	nr = recv(conn->fd, &c, 1, 0);
	if (nr > 0)
		fail(conn, "the server has sent something");
	if (nr < 0 && errno == EAGAIN)
		fail(conn, "the server has not closed the connection");
}

/* So long that no room comes any more, where there was none; in ms. */
#define NO_ROOM		300

static void fill(struct conn *conn)
{
	struct pollfd pfd = { .fd = conn->fd, .events = POLLOUT };

	while (poll(&pfd, 1, NO_ROOM) == 1)
		send_some(conn, CHUNK);
}

/* One after the other */
static void do_conn(const char *mode, struct conn *conn, size_t payload)
{
	char c;

	if (!strcmp(mode, "abrupt")) {
		if (conn->id % 2)
			reset(conn);
	} else if (!strcmp(mode, "reset")) {
		send_some(conn, payload);
		wait_for(conn, POLLIN);
		reset(conn);
	} else if (!strcmp(mode, "urgent")) {
		there_and_back(conn, payload / 2);
		c = 'u';
		if (send(conn->fd, &c, 1, MSG_OOB | MSG_NOSIGNAL) != 1)
			die("send");
		there_and_back(conn, payload - payload / 2);
		until_end(conn);
	} else if (!strcmp(mode, "half")) {
		send_all(conn, payload);
		until_end(conn);
	} else if (!strcmp(mode, "deaf")) {
		fill(conn);
		until_end(conn);
	} else if (!strcmp(mode, "hop")) {
		for (unsigned int cpu = 0; cpu < 2; cpu++) {
			pin(cpu);
			for (size_t i = 0; i < payload; i++)
				there_and_back(conn, 1);
		}
	} else {
		fprintf(stderr, "echo-load: unknown mode %s\n", mode);
		exit(2);
	}
}

static void one_by_one(const char *mode, unsigned int nr, size_t payload)
{
	struct conn conn;

	for (unsigned int i = 0; i < nr; i++) {
		open_conn(&conn, i);
		do_conn(mode, &conn, payload);
		close(conn.fd);
	}
}

/* Connect, send something, and close it, in one of three ways. Nobody may be there any more. */
static void come_and_go(unsigned int id, size_t payload)
{
	struct conn conn = { .id = id, .fd = socket(AF_INET, SOCK_STREAM, 0) };

	if (conn.fd < 0)
		die("socket");
	if (!connect(conn.fd, (struct sockaddr *)&address, sizeof(address))) {
		if (id % 3)
			send_some(&conn, payload);
		if (id % 3 == 1)
			reset(&conn);
	}
	close(conn.fd);
}

static void until_all_ended(struct conn *conns, unsigned int nr, size_t payload)
{
	unsigned long long end = now() + 2 * PATIENCE * 1000000ULL;
	unsigned int left = nr, others = nr;

	may_end = 1;
	while (left) {
		come_and_go(others++, payload);
		for (struct conn *conn = conns; conn < conns + nr; conn++) {
			if (conn->fd < 0)
				continue;
			if (now() > end)
				fail(conn, "the server does not end the connection");
			send_some(conn, payload);
			if (!receive_some(conn))
				continue;
			close(conn->fd);
			conn->fd = -1;
			left--;
		}
	}
}

/* All at the same time */
static void together(const char *mode, unsigned int nr, size_t payload)
{
	struct conn *conns = calloc(nr, sizeof(*conns));

	if (!conns)
		die("calloc");
	for (unsigned int i = 0; i < nr; i++) {
		open_conn(&conns[i], i);
		/* Before the next one: the server has this one then. */
		if (strcmp(mode, "refused"))
			there_and_back(&conns[i], payload);
	}
	printf("open %u\n", nr);
	fflush(stdout);
	if (!strcmp(mode, "traffic"))
		until_all_ended(conns, nr, payload);
	else if (!strcmp(mode, "hold"))
		read_to_end(0);
	for (unsigned int i = 0; i < nr && strcmp(mode, "traffic"); i++) {
		if (!strcmp(mode, "hold"))
			there_and_back(&conns[i], payload);
		else
			until_closed(&conns[i]);
		close(conns[i].fd);
	}
	free(conns);
}

static unsigned int time_index(unsigned long long ns)
{
	unsigned int log = 63 - __builtin_clzll(ns | SIXTEENTHS);

	return log * SIXTEENTHS + (ns >> (log - 4)) % SIXTEENTHS;
}

/* The upper bound of those times */
static double time_us(unsigned int index)
{
	unsigned int log = index / SIXTEENTHS;

	return (double)((SIXTEENTHS + index % SIXTEENTHS + 1ULL) << (log - 4)) / 1000;
}

static double quantile_us(const struct result *sum, double part)
{
	unsigned long long seen = 0, want = (unsigned long long)(sum->messages * part);

	for (unsigned int i = 0; i < TIMES; i++) {
		seen += sum->times[i];
		if (seen > want)
			return time_us(i);
	}
	return 0;
}

/* Begin the next message of a connection, or go on with it. */
static void push(struct conn *conn, size_t payload)
{
	if (!(conn->sent % payload))
		conn->since = now();
	send_some(conn, (conn->messages + 1) * payload - conn->sent);
}

/* Returns true if a message has come back as a whole. */
static int pull(struct conn *conn, size_t payload, struct result *result)
{
	if (receive_some(conn))
		fail(conn, "the server has closed the connection");
	if (conn->received < (conn->messages + 1) * payload)
		return 0;
	conn->messages++;
	result->messages++;
	result->times[time_index(now() - conn->since)]++;
	return 1;
}

static void watch(int ep, struct conn *conn, int op, size_t payload)
{
	int all = conn->sent == (conn->messages + 1) * payload;
	struct epoll_event ev = { .events = EPOLLIN | (all ? 0 : EPOLLOUT), .data.ptr = conn };

	if (epoll_ctl(ep, op, conn->fd, &ev))
		die("epoll_ctl");
}

static void work(struct conn *conns, unsigned int nr, unsigned long messages,
		 unsigned long long end, size_t payload, struct result *result)
{
	struct epoll_event events[64];
	unsigned int busy = nr;
	int ep = epoll_create1(0), ready, partial;
	struct conn *conn;

	if (ep < 0)
		die("epoll_create1");
	for (unsigned int i = 0; i < nr; i++) {
		push(&conns[i], payload);
		watch(ep, &conns[i], EPOLL_CTL_ADD, payload);
	}
	while (busy) {
		ready = epoll_wait(ep, events, 64, PATIENCE);
		if (ready <= 0)
			fail(&conns[0], "the server does nothing");
		for (int i = 0; i < ready; i++) {
			conn = events[i].data.ptr;
			partial = conn->sent < (conn->messages + 1) * payload;
			if (partial)
				push(conn, payload);
			if (pull(conn, payload, result)) {
				if ((messages && conn->messages == messages) ||
				    (end && now() >= end)) {
					epoll_ctl(ep, EPOLL_CTL_DEL, conn->fd, NULL);
					busy--;
					continue;
				}
				push(conn, payload);
			}
			if (partial || conn->sent < (conn->messages + 1) * payload)
				watch(ep, conn, EPOLL_CTL_MOD, payload);
		}
	}
	close(ep);
}

static void worker(unsigned int number, unsigned int first, unsigned int nr, unsigned long messages,
		   unsigned long seconds, size_t payload, struct result *result, int ready, int go)
{
	struct conn *conns = calloc(nr, sizeof(*conns));
	unsigned long long begin;
	char c = 0;

	if (!conns)
		die("calloc");
	pin(number);
	for (unsigned int i = 0; i < nr; i++)
		open_conn(&conns[i], first + i);
	/* All workers begin when all of them are connected. */
	if (write(ready, &c, 1) != 1)
		die("write");
	read_to_end(go);
	begin = now();
	work(conns, nr, messages, seconds ? begin + seconds * 1000000000ULL : 0, payload, result);
	result->ns = now() - begin;
	for (unsigned int i = 0; i < nr; i++) {
		until_end(&conns[i]);
		close(conns[i].fd);
		result->connections++;
	}
	exit(0);
}

static void load(unsigned int nr, unsigned long messages, unsigned long seconds, size_t payload,
		 unsigned int workers)
{
	struct result *results, sum = { };
	int ready[2], go[2], status, bad = 0;
	char c;

	results = mmap(NULL, workers * sizeof(*results), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (results == MAP_FAILED || pipe(ready) || pipe(go))
		die("mmap or pipe");
	for (unsigned int i = 0; i < workers; i++) {
		unsigned int first = nr * i / workers, next = nr * (i + 1) / workers;

		switch (fork()) {
		case -1:
			die("fork");
			break;
		case 0:
			close(go[1]);
			close(ready[0]);
			worker(i, first, next - first, messages, seconds, payload, &results[i],
			       ready[1], go[0]);
		}
	}
	close(ready[1]);
	for (unsigned int i = 0; i < workers; i++)
		if (read(ready[0], &c, 1) != 1)
			exit(1);
	close(go[1]);
	while (wait(&status) > 0)
		bad |= status;
	if (bad)
		exit(1);
	for (unsigned int i = 0; i < workers; i++) {
		sum.connections += results[i].connections;
		sum.messages += results[i].messages;
		if (results[i].ns > sum.ns)
			sum.ns = results[i].ns;
		for (unsigned int j = 0; j < TIMES; j++)
			sum.times[j] += results[i].times[j];
	}
	printf("connections %llu\n", sum.connections);
	printf("messages %llu\n", sum.messages);
	printf("per_s %.0f\n", sum.messages * 1e9 / sum.ns);
	printf("p50_us %.1f\n", quantile_us(&sum, 0.5));
	printf("p99_us %.1f\n", quantile_us(&sum, 0.99));
}

static unsigned long number(char **argv, int argc, int i, unsigned long missing)
{
	return i < argc ? strtoul(argv[i], NULL, 10) : missing;
}

static void usage(void)
{
	fprintf(stderr,
		"echo-load load ADDRESS PORT CONNECTIONS MESSAGES SECONDS PAYLOAD [WORKERS]\n"
		"echo-load MODE ADDRESS PORT CONNECTIONS [PAYLOAD]\n");
	exit(2);
}

int main(int argc, char **argv)
{
	unsigned int nr = number(argv, argc, 4, 0);
	struct rlimit files = { nr + 64, nr + 64 };
	unsigned long messages, seconds;
	const char *mode = argv[1];
	size_t payload;

	address.sin_family = AF_INET;
	address.sin_port = htons(number(argv, argc, 3, 0));
	if (argc < 5 || !nr || inet_pton(AF_INET, argv[2], &address.sin_addr) != 1)
		usage();
	if (setrlimit(RLIMIT_NOFILE, &files))
		die("setrlimit");
	signal(SIGPIPE, SIG_IGN);

	if (!strcmp(mode, "load")) {
		payload = number(argv, argc, 7, 0);
		messages = number(argv, argc, 5, 0);
		seconds = number(argv, argc, 6, 0);
		if (!payload || payload > CHUNK || (!messages && !seconds))
			usage();
		load(nr, messages, seconds, payload, number(argv, argc, 8, 1) ?: 1);
		return 0;
	}
	payload = number(argv, argc, 5, 1);
	if (!strcmp(mode, "hold") || !strcmp(mode, "closed") || !strcmp(mode, "refused") ||
	    !strcmp(mode, "traffic"))
		together(mode, nr, payload);
	else
		one_by_one(mode, nr, payload);
	printf("%s ok %u\n", mode, nr);
	return 0;
}
