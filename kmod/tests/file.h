/* SPDX-License-Identifier: GPL-2.0 */
/* scopex_test: what the tests of awaits on the kernel's own facilities share */
#ifndef _SCOPEX_TEST_FILE_H
#define _SCOPEX_TEST_FILE_H

#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/poll.h>
#include <linux/scopex_file.h>

#include "task.h"

/* Returns true if a condition comes true, which may take a while on a busy machine. */
#define test_soon(cond)							\
({									\
	unsigned long __end = jiffies + 10 * HZ;			\
									\
	while (!(cond) && time_before(jiffies, __end))			\
		usleep_range(50, 100);					\
	(cond);								\
})

/* Returns true if a task waits soon, after this many calls of its function. */
#define test_waits(t, nr)						\
	test_soon(atomic_read(&(t)->calls) == (nr) &&			\
		  atomic_read(&(t)->task.state) == SCOPEX_TASK_WAITING)

#define test_is_over(t)		test_soon(!scopex_work_busy(&(t)->task.work))

/* A waker stays so long at a point where a test wants it. */
#define TEST_WAKER_STAYS_MS	1000

/**
 * struct test_waker - a thread that wakes the waiters of a queue
 * @head: the queue
 * @gone: it is about to be freed
 * @through: when the thread was through with it
 */
struct test_waker {
	wait_queue_head_t	*head;
	bool			gone;
	ktime_t			through;
};

struct task_struct *test_slow_waker(struct scopex_test *test, struct test_waker *waker,
				    unsigned int cpu);
void test_slow_waker_ends(struct scopex_test *test, struct test_waker *waker,
			  struct task_struct *thread);

/**
 * struct test_poll - a task that waits until a file or a socket is ready
 * @task: the task
 * @poll: how it waits
 * @file: the file, or NULL
 * @sock: the socket, if there is no file
 * @wanted: what it waits for
 * @err: what the wait has returned
 * @calls: how often its function was called
 */
struct test_poll {
	struct scopex_task		task;
	struct scopex_file_await	poll;
	struct file			*file;
	struct socket			*sock;
	__poll_t			wanted;
	int				err;
	atomic_t			calls;
};

int test_poll_fn(struct scopex_task *task);

static inline void test_poll_init(struct test_poll *t, struct file *file, struct socket *sock,
				  __poll_t wanted)
{
	*t = (struct test_poll){
		.task = SCOPEX_TASK_INIT(test_poll_fn),
		.file = file, .sock = sock, .wanted = wanted,
	};
}

#endif /* _SCOPEX_TEST_FILE_H */
