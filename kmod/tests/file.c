// SPDX-License-Identifier: GPL-2.0
/* Suite "file": tasks that wait for files; hazards 39 and 41 */

#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "file.h"
#include "test.h"

#define QUEUES	3

/* A queue that goes before its file. */
struct test_queue {
	wait_queue_head_t	head;
	struct rcu_head		rcu;
};

/**
 * struct test_file - what is behind a file of the tests
 * @queues: its wait queues, which ->poll names in this order
 * @nr: how many it names
 * @own: queues that are there as long as the file
 * @events: what ->poll returns
 * @asked: for which events ->poll was called last
 * @of_caller: the file polls for the calling thread
 * @released: set when the file is closed; may be NULL
 */
struct test_file {
	wait_queue_head_t	*queues[QUEUES];
	unsigned int		nr;
	wait_queue_head_t	own[QUEUES];
	__poll_t		events;
	__poll_t		asked;
	bool			of_caller;
	bool			*released;
};

static __poll_t test_file_look(struct test_file *tf, struct file *file, poll_table *table)
{
	unsigned int i;

	tf->asked = poll_requested_events(table);
	for (i = 0; i < READ_ONCE(tf->nr); i++)
		poll_wait(file, READ_ONCE(tf->queues[i]), table);
	if (tf->of_caller)
		poll_wait(file, &rcu_dereference_protected(current->sighand, true)->signalfd_wqh,
			  table);
	return READ_ONCE(tf->events);
}

static __poll_t test_file_poll(struct file *file, poll_table *table)
{
	return test_file_look(file->private_data, file, table);
}

static int test_file_release(struct inode *inode, struct file *file)
{
	struct test_file *tf = file->private_data;

	if (tf->released)
		WRITE_ONCE(*tf->released, true);
	kfree(tf);
	return 0;
}

static const struct file_operations test_file_fops = {
	.owner = THIS_MODULE,
	.poll = test_file_poll,
	.release = test_file_release,
};

/* A file without ->poll is always ready. */
static const struct file_operations test_ready_fops = {
	.owner = THIS_MODULE,
	.release = test_file_release,
};

static struct test_file *test_file_alloc(unsigned int nr)
{
	struct test_file *tf = kzalloc(sizeof(*tf), GFP_KERNEL);
	unsigned int i;

	if (!tf)
		return NULL;
	tf->nr = nr;
	for (i = 0; i < QUEUES; i++) {
		init_waitqueue_head(&tf->own[i]);
		tf->queues[i] = &tf->own[i];
	}
	return tf;
}

/* A file that names this many queues. */
static struct file *test_file_open(struct scopex_test *test, unsigned int nr,
				   const struct file_operations *fops)
{
	struct test_file *tf = test_file_alloc(nr);
	struct file *file;

	if (!EXPECT(test, tf))
		return NULL;
	file = anon_inode_getfile("[scopex_test]", fops, tf, O_RDWR);
	if (!EXPECT(test, !IS_ERR(file))) {
		kfree(tf);
		return NULL;
	}
	return file;
}

static bool test_queues_are_empty(struct test_file *tf)
{
	unsigned int i;

	for (i = 0; i < QUEUES; i++)
		if (wq_has_sleeper(&tf->own[i]))
			return false;
	return true;
}

int test_poll_fn(struct scopex_task *task)
{
	struct test_poll *t = container_of(task, struct test_poll, task);

	atomic_inc(&t->calls);
	scopex_coroutine(task) {
		scopex_await(task, t->err, t->file ?
			     scopex_file_poll(&t->poll, t->file, t->wanted) :
			     scopex_socket_poll(&t->poll, t->sock, t->wanted));
	}
	return t->err;
}

/* The wait has to end like this, after a number of calls; 0: after any number. */
static void expect_over(struct scopex_test *test, struct test_poll *t, __poll_t events,
			unsigned int calls)
{
	if (!EXPECT(test, test_is_over(t)))
		return;
	EXPECT_EQ(test, t->err, 0);
	EXPECT_EQ(test, (__force int)t->poll.events, (__force int)events);
	if (calls)
		EXPECT_EQ(test, atomic_read(&t->calls), calls);
}

static void poll_until(struct scopex_test *test, struct test_poll *t, struct test_file *tf)
{
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &t->task.work), 0);
		EXPECT(test, test_waits(t, 1));
		EXPECT_EQ(test, (__force int)tf->asked,
			  (__force int)(EPOLLIN | EPOLLERR | EPOLLHUP));
		/* These are not for the task, which is not called. */
		wake_up_poll(&tf->own[0], EPOLLOUT);
		wake_up_poll(&tf->own[0], EPOLLPRI | EPOLLRDHUP);
		EXPECT(test, test_waits(t, 1));
		/* This may be. The task looks, and waits on. */
		wake_up(&tf->own[0]);
		EXPECT(test, test_waits(t, 2));
		wake_up_poll(&tf->own[0], EPOLLIN);
		EXPECT(test, test_waits(t, 3));
		EXPECT(test, wq_has_sleeper(&tf->own[0]));

		WRITE_ONCE(tf->events, EPOLLIN | EPOLLOUT);
		wake_up_poll(&tf->own[0], EPOLLIN);
		expect_over(test, t, EPOLLIN, 4);
		EXPECT_EQ(test, (__force int)tf->asked,
			  (__force int)(EPOLLIN | EPOLLERR | EPOLLHUP));
		EXPECT(test, test_queues_are_empty(tf));

		/* The file is ready. */
		EXPECT_EQ(test, scopex_submit(s, &t->task.work), 0);
		expect_over(test, t, EPOLLIN, 5);

		/* What nobody asks for, and always ends the wait. */
		WRITE_ONCE(tf->events, 0);
		EXPECT_EQ(test, scopex_submit(s, &t->task.work), 0);
		EXPECT(test, test_waits(t, 6));
		WRITE_ONCE(tf->events, EPOLLHUP);
		wake_up_poll(&tf->own[0], EPOLLHUP);
		expect_over(test, t, EPOLLHUP, 7);
		EXPECT(test, test_queues_are_empty(tf));
		scopex_cancel(s, 0);
	}
}

static void file_wakes_the_task_when_it_is_ready(struct scopex_test *test)
{
	struct file *file = test_file_open(test, 1, &test_file_fops);
	struct test_poll t;

	if (!file)
		return;
	test_poll_init(&t, file, NULL, EPOLLIN);
	poll_until(test, &t, file->private_data);
	fput(file);
}

static __poll_t test_socket_poll(struct file *file, struct socket *sock, poll_table *table)
{
	return test_file_look((void *)sock->sk, file, table);
}

static const struct proto_ops test_socket_ops = { .poll = test_socket_poll };
static const struct proto_ops test_mute_ops = { };

/* A socket as far as ->poll needs one, in kernels without networking, too. */
static void socket_needs_no_file(struct scopex_test *test)
{
	struct test_file *tf = test_file_alloc(1);
	struct socket sock = { .ops = &test_socket_ops };
	struct test_poll t;

	if (!EXPECT(test, tf))
		return;
	sock.sk = (void *)tf;
	test_poll_init(&t, NULL, &sock, EPOLLIN);
	poll_until(test, &t, tf);

	sock.ops = &test_mute_ops;
	test_poll_init(&t, NULL, &sock, EPOLLIN);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &t.task.work), 0);
		EXPECT_EQ(test, scopex_join(s), -EOPNOTSUPP);
	}
	kfree(tf);
}

static void each_queue_wakes_the_task(struct scopex_test *test)
{
	struct file *file = test_file_open(test, 2, &test_file_fops);
	struct test_file *tf;
	struct test_poll t;
	unsigned int i;

	if (!file)
		return;
	tf = file->private_data;
	scopex_scope(s) {
		for (i = 0; i < 2; i++) {
			test_poll_init(&t, file, NULL, EPOLLIN | EPOLLOUT);
			WRITE_ONCE(tf->events, 0);
			EXPECT_EQ(test, scopex_submit(s, &t.task.work), 0);
			EXPECT(test, test_waits(&t, 1));
			/* The other one has still to wake the task after that. */
			wake_up(&tf->own[!i]);
			EXPECT(test, test_waits(&t, 2));
			WRITE_ONCE(tf->events, EPOLLOUT);
			wake_up_poll(&tf->own[i], EPOLLOUT);
			expect_over(test, &t, EPOLLOUT, 3);
			EXPECT(test, test_queues_are_empty(tf));
		}

		/* One queue that the file names twice */
		tf->queues[1] = &tf->own[0];
		test_poll_init(&t, file, NULL, EPOLLIN);
		WRITE_ONCE(tf->events, 0);
		EXPECT_EQ(test, scopex_submit(s, &t.task.work), 0);
		EXPECT(test, test_waits(&t, 1));
		EXPECT_EQ(test, t.poll.nr, 1);
		WRITE_ONCE(tf->events, EPOLLIN);
		wake_up_poll(&tf->own[0], EPOLLIN);
		expect_over(test, &t, EPOLLIN, 2);
		scopex_cancel(s, 0);
	}
	fput(file);
}

/* The task does not wait, and is in no queue. */
static void expect_refused(struct scopex_test *test, struct file *file)
{
	struct test_poll t;

	test_poll_init(&t, file, NULL, EPOLLIN);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &t.task.work), 0);
		EXPECT(test, test_is_over(&t));
		scopex_cancel(s, 0);
	}
	EXPECT_EQ(test, t.err, -EOPNOTSUPP);
	EXPECT(test, test_queues_are_empty(file->private_data));
}

static void files_that_no_task_can_wait_for_are_refused(struct scopex_test *test)
{
	struct file *file = test_file_open(test, 3, &test_file_fops);
	struct test_file *tf;
	struct test_poll t;

	if (!file)
		return;
	tf = file->private_data;
	/* Three queues. That the file is ready now makes no difference. */
	expect_refused(test, file);
	tf->events = EPOLLIN;
	expect_refused(test, file);
	/* It polls for the calling thread, as a signalfd does. */
	tf->nr = 1;
	tf->of_caller = true;
	expect_refused(test, file);
	tf->events = 0;
	expect_refused(test, file);
	/* It does not say when it is ready. But if it is, there is no need to wait. */
	tf->nr = 0;
	tf->of_caller = false;
	expect_refused(test, file);
	tf->events = EPOLLIN;
	test_poll_init(&t, file, NULL, EPOLLIN);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &t.task.work), 0);
		expect_over(test, &t, EPOLLIN, 1);
	}
	fput(file);

	file = test_file_open(test, 0, &test_ready_fops);
	if (!file)
		return;
	test_poll_init(&t, file, NULL, EPOLLIN);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &t.task.work), 0);
		expect_over(test, &t, EPOLLIN, 1);
	}
	fput(file);
}

/* The last one to have the file is the task. */
static void file_is_held_while_a_task_waits(struct scopex_test *test)
{
	struct file *file = test_file_open(test, 2, &test_file_fops);
	static bool released;
	struct test_file *tf;
	struct test_poll t;

	if (!file)
		return;
	tf = file->private_data;
	released = false;
	tf->released = &released;
	test_poll_init(&t, file, NULL, EPOLLIN);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &t.task.work), 0);
		EXPECT(test, test_waits(&t, 1));
		EXPECT_EQ(test, file_count(file), 2);
		fput(file);
		msleep(20);
		EXPECT(test, !READ_ONCE(released));
		scopex_cancel(s, 0);
		EXPECT_EQ(test, scopex_join(s), -ECANCELED);
	}
	EXPECT_EQ(test, t.err, -ECANCELED);
	EXPECT(test, test_soon(READ_ONCE(released)));
}

/* The queue changes while the task is woken, and has not looked yet. */
static void queue_is_entered_by_the_files_word(struct scopex_test *test)
{
	struct file *file = test_file_open(test, 1, &test_file_fops);
	unsigned int cpu = test_this_cpu();
	struct test_item gated;
	struct test_gate gate;
	struct test_file *tf;
	struct test_poll t;

	if (!file)
		return;
	tf = file->private_data;
	test_poll_init(&t, file, NULL, EPOLLIN);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &t.task.work), 0);
		EXPECT(test, test_waits(&t, 1));
		test_gate_shut(test, s, cpu, &gated, &gate);
		wake_up(&tf->own[0]);
		WRITE_ONCE(tf->queues[0], &tf->own[1]);
		complete(&gate.go);
		EXPECT(test, test_waits(&t, 2));
		EXPECT(test, !wq_has_sleeper(&tf->own[0]));
		EXPECT(test, wq_has_sleeper(&tf->own[1]));
		WRITE_ONCE(tf->events, EPOLLIN);
		wake_up_poll(&tf->own[1], EPOLLIN);
		expect_over(test, &t, EPOLLIN, 3);
		scopex_cancel(s, 0);
	}
	fput(file);
}

/* What is left of the queue when it is freed would stop a task that uses it. */
static void test_queue_free(struct rcu_head *rcu)
{
	struct test_queue *queue = container_of(rcu, struct test_queue, rcu);

	memset(queue, 0x6b, sizeof(*queue));
	kfree(queue);
}

static struct test_queue *test_queue_of(struct scopex_test *test, struct test_file *tf,
					unsigned int i)
{
	struct test_queue *queue = kzalloc(sizeof(*queue), GFP_KERNEL);

	if (!EXPECT(test, queue))
		return NULL;
	init_waitqueue_head(&queue->head);
	tf->queues[i] = &queue->head;
	return queue;
}

/* The file is the first one's, and has another queue. @cancelled: the task ends before it looks. */
static void queue_goes_before_the_task(struct scopex_test *test, bool cancelled)
{
	struct file *file = test_file_open(test, 2, &test_file_fops);
	unsigned int cpu = test_this_cpu();
	struct test_queue *queue;
	struct test_item gated;
	struct test_gate gate;
	struct test_file *tf;
	struct test_poll t;

	if (!file)
		return;
	tf = file->private_data;
	queue = test_queue_of(test, tf, 1);
	if (!queue)
		return fput(file);
	test_poll_init(&t, file, NULL, EPOLLIN);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &t.task.work), 0);
		EXPECT(test, test_waits(&t, 1));
		scopex_scope(holds) {
			test_gate_shut(test, holds, cpu, &gated, &gate);
			WRITE_ONCE(tf->nr, 1);
			wake_up_pollfree(&queue->head);
			call_rcu(&queue->rcu, test_queue_free);
			rcu_barrier();
			if (cancelled)
				scopex_cancel(s, 0);
			complete(&gate.go);
		}
		if (cancelled) {
			EXPECT_EQ(test, scopex_join(s), -ECANCELED);
			EXPECT_EQ(test, t.err, -ECANCELED);
		} else {
			expect_over(test, &t, EPOLLHUP, 2);
		}
		EXPECT(test, test_queues_are_empty(tf));
		scopex_cancel(s, 0);
	}
	fput(file);
}

static void queue_that_goes_ends_the_wait(struct scopex_test *test)
{
	queue_goes_before_the_task(test, false);
}

static void cancelled_task_does_not_touch_a_queue_that_is_gone(struct scopex_test *test)
{
	queue_goes_before_the_task(test, true);
}

/* As for wait queues: a task is cancelled, and the waker that says so is not through. */
static void task_waits_for_the_end_of_its_queue(struct scopex_test *test)
{
	struct file *file = test_file_open(test, 1, &test_file_fops);
	struct test_waker waker = { .gone = true };
	unsigned int cpu = test_this_cpu();
	struct task_struct *thread;
	struct test_item gated;
	struct test_gate gate;
	struct test_poll t;

	if (!file)
		return;
	waker.head = &((struct test_file *)file->private_data)->own[0];
	test_poll_init(&t, file, NULL, EPOLLIN);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &t.task.work), 0);
		EXPECT(test, test_waits(&t, 1));
		scopex_scope(holds) {
			test_gate_shut(test, holds, cpu, &gated, &gate);
			scopex_cancel(s, 0);
			thread = test_slow_waker(test, &waker, cpu);
			complete(&gate.go);
		}
		EXPECT_EQ(test, scopex_join(s), -ECANCELED);
	}
	test_slow_waker_ends(test, &waker, thread);
	fput(file);
}

/* suite_open_files() of selftests/suite.sh has opened a FIFO for both directions under it. */
#define FIFO	7

/**
 * struct test_pipe - bytes that go into a pipe, or come out of it
 * @file: the pipe
 * @reads: they come out
 * @nr: how many at most
 * @moved: how many did
 */
struct test_pipe {
	struct file	*file;
	bool		reads;
	size_t		nr;
	size_t		moved;
};

static int test_pipe_fn(void *data)
{
	struct test_pipe *pipe = data;
	char text[256] = "scopex";
	loff_t pos = 0;
	ssize_t ret;

	while (pipe->moved < pipe->nr) {
		size_t nr = min(pipe->nr - pipe->moved, sizeof(text));

		ret = pipe->reads ? kernel_read(pipe->file, text, nr, &pos) :
				    kernel_write(pipe->file, text, nr, &pos);
		if (ret <= 0)
			break;
		pipe->moved += ret;
	}
	test_thread_until_stopped();
	return 0;
}

/*
 * A thread of its own does it. A pipe holds its lock while it touches user memory, so lockdep
 * reports a circle if that lock is taken in a write to debugfs, as the test itself is one.
 */
static size_t test_pipe_move(struct scopex_test *test, struct file *file, bool reads, size_t nr)
{
	struct test_pipe pipe = { .file = file, .reads = reads, .nr = nr };

	test_thread_stop(test_thread(test, test_pipe_fn, &pipe, nr_cpu_ids));
	return pipe.moved;
}

static void pipe_wakes_reader_and_writer(struct scopex_test *test)
{
	struct test_poll reader, writer;
	struct file *file = fget(FIFO);

	if (!file)
		return scopex_test_skip(test, "the script has opened no FIFO");
	test_poll_init(&reader, file, NULL, EPOLLIN);
	test_poll_init(&writer, file, NULL, EPOLLOUT);
	scopex_scope(s) {
		/* There is room. */
		EXPECT_EQ(test, scopex_submit(s, &writer.task.work), 0);
		expect_over(test, &writer, EPOLLOUT, 1);
		EXPECT_EQ(test, scopex_submit(s, &reader.task.work), 0);
		EXPECT(test, test_waits(&reader, 1));
		EXPECT_EQ(test, reader.poll.nr, 2);
		EXPECT_EQ(test, test_pipe_move(test, file, false, 256), 256);
		expect_over(test, &reader, EPOLLIN, 2);

		/* Until nothing is left. */
		file->f_flags |= O_NONBLOCK;
		EXPECT(test, test_pipe_move(test, file, false, SIZE_MAX));
		EXPECT_EQ(test, scopex_submit(s, &writer.task.work), 0);
		EXPECT(test, test_waits(&writer, 2));
		EXPECT(test, test_pipe_move(test, file, true, SIZE_MAX));
		/* Pipes wake more often than there is room. */
		expect_over(test, &writer, EPOLLOUT, 0);

		EXPECT_EQ(test, scopex_submit(s, &reader.task.work), 0);
		EXPECT(test, test_waits(&reader, 3));
		scopex_cancel(s, 0);
		EXPECT_EQ(test, scopex_join(s), -ECANCELED);
		EXPECT_EQ(test, reader.err, -ECANCELED);
	}
	fput(file);
}

static const struct scopex_case file_cases[] = {
	SCOPEX_CASE(file_wakes_the_task_when_it_is_ready),
	SCOPEX_CASE(socket_needs_no_file),
	SCOPEX_CASE(each_queue_wakes_the_task),
	SCOPEX_CASE(files_that_no_task_can_wait_for_are_refused),
	SCOPEX_CASE(file_is_held_while_a_task_waits),
	SCOPEX_CASE(queue_is_entered_by_the_files_word),
	SCOPEX_CASE(queue_that_goes_ends_the_wait),
	SCOPEX_CASE(cancelled_task_does_not_touch_a_queue_that_is_gone),
	SCOPEX_CASE(task_waits_for_the_end_of_its_queue),
	SCOPEX_CASE(pipe_wakes_reader_and_writer),
};

SCOPEX_SUITE(file, file_cases);
