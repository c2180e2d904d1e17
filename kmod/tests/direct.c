// SPDX-License-Identifier: GPL-2.0
/* Suite "direct": tasks that wait for direct reads and writes; hazard 43 */

#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/irq_work.h>
#include <linux/module.h>
#include <linux/scopex_direct.h>
#include <linux/scopex_sync.h>
#include <linux/slab.h>

#include "direct.h"
#include "file.h"
#include "test.h"

#define LEN	512

/**
 * struct mover - a task that reads or writes
 * @task: the task
 * @io: how it waits for that
 * @several: how it waits for the first of @io and @heard
 * @members: these
 * @heard: how it waits for an event
 * @event: that; NULL: only @io
 * @event_first: it asks for the event before it asks for @io
 * @file: the file
 * @writes: it writes
 * @err: what the wait has returned
 * @calls: how often its function was called
 * @buf: what it reads or writes
 */
struct mover {
	struct scopex_task		task;
	struct scopex_direct_await	io;
	struct scopex_several		several;
	struct scopex_member		members[2];
	struct scopex_event_waiter	heard;
	struct scopex_event		*event;
	bool				event_first;
	struct file			*file;
	bool				writes;
	int				err;
	atomic_t			calls;
	u8				buf[LEN];
};

static struct scopex_await *mover_await(struct mover *m)
{
	struct scopex_await *io;

	io = m->writes ? scopex_direct_write(&m->io, m->file, m->buf, LEN, 3 * LEN) :
			 scopex_direct_read(&m->io, m->file, m->buf, LEN, 3 * LEN);
	if (!m->event)
		return io;
	m->members[m->event_first].await = io;
	m->members[!m->event_first].await = scopex_event_wait(&m->heard, m->event);
	return scopex_first_of(&m->several, m->members, 2);
}

static int mover_fn(struct scopex_task *task)
{
	struct mover *m = container_of(task, struct mover, task);

	atomic_inc(&m->calls);
	scopex_coroutine(task) {
		scopex_await(task, m->err, mover_await(m));
	}
	return m->err;
}

static struct mover *mover(struct scopex_test *test, struct file *file)
{
	struct mover *m = kzalloc(sizeof(*m), GFP_KERNEL);

	if (!EXPECT(test, m))
		return NULL;
	scopex_task_init(&m->task, mover_fn);
	m->file = file;
	m->err = -ENODATA;
	return m;
}

/* Whatever still uses the memory is to be noticed. */
static void mover_free(struct mover *m)
{
	memset(m, 0x6b, sizeof(*m));
	kfree(m);
}

static struct mover *mover_open(struct scopex_test *test, struct test_disk *disk)
{
	struct file *file = test_disk_open(test, disk);

	return file ? mover(test, file) : NULL;
}

static void mover_close(struct mover *m)
{
	struct file *file = m->file;

	mover_free(m);
	fput(file);
}

/* Returns true if the file has a request, and the task waits for it. */
static bool in_flight(struct scopex_test *test, struct test_disk *disk, struct mover *m)
{
	if (!EXPECT(test, test_waits(m, 1)))
		return false;
	/* Acquire: see what the file has noted of it; pairs with disk_iter(). */
	return EXPECT(test, smp_load_acquire(&disk->iocb));
}

static void moves_until_it_is_told(struct scopex_test *test, bool writes)
{
	struct test_disk disk;
	struct mover *m = mover_open(test, &disk);

	if (!m)
		return;
	m->writes = writes;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &m->task.work), 0);
		if (in_flight(test, &disk, m)) {
			EXPECT_EQ(test, disk.pos, 3 * LEN);
			EXPECT_EQ(test, disk.len, LEN);
			EXPECT_EQ(test, disk.writes, writes);
			EXPECT_EQ(test, !(disk.flags & IOCB_WRITE), !writes);
			EXPECT(test, disk.flags & IOCB_DIRECT);
			/* To be woken for another reason changes nothing. */
			scopex_wake(&m->task);
			EXPECT(test, test_waits(m, 2));
			test_disk_end(&disk, LEN);
		}
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, m->err, 0);
	EXPECT_EQ(test, m->io.result, LEN);
	EXPECT_EQ(test, atomic_read(&m->calls), 3);
	EXPECT_EQ(test, disk.asked, 1);
	mover_close(m);
}

static void read_wakes_the_task(struct scopex_test *test)
{
	moves_until_it_is_told(test, false);
}

static void write_wakes_the_task(struct scopex_test *test)
{
	moves_until_it_is_told(test, true);
}

/* Have a task read, while the file replies as it is told. The task does not wait. */
static void expect_read(struct scopex_test *test, struct test_disk *disk, struct file *file,
			int err, long result, unsigned int asked)
{
	struct mover *m = mover(test, file);

	if (!m)
		return;
	disk->asked = 0;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &m->task.work), 0);
		EXPECT_EQ(test, scopex_join(s), err);
	}
	EXPECT_EQ(test, m->err, err);
	EXPECT_EQ(test, m->io.result, result);
	EXPECT_EQ(test, atomic_read(&m->calls), 1);
	EXPECT_EQ(test, disk->asked, asked);
	mover_free(m);
}

static void request_may_be_over_at_once(struct scopex_test *test)
{
	static const enum test_reply replies[] = { EARLY, AT_ONCE };
	static const long results[] = { LEN, 1, 0, -EIO };
	struct test_disk disk;
	struct file *file = test_disk_open(test, &disk);
	unsigned int i, j;

	for (i = 0; file && i < ARRAY_SIZE(replies); i++) {
		for (j = 0; j < ARRAY_SIZE(results); j++) {
			disk.reply = replies[i];
			disk.result = results[j];
			expect_read(test, &disk, file, min(results[j], 0L), results[j], 1);
		}
	}
	if (file)
		fput(file);
}

static void errors_and_short_reads_are_told(struct scopex_test *test)
{
	static const long results[] = { 1, 0, -EIO, -EAGAIN };
	struct test_disk disk;
	struct file *file = test_disk_open(test, &disk);
	struct mover *m;
	unsigned int i;

	if (!file)
		return;
	/* Then -EAGAIN has no other meaning. */
	file->f_mode &= ~FMODE_NOWAIT;
	for (i = 0; i < ARRAY_SIZE(results); i++) {
		m = mover(test, file);
		if (!m)
			break;
		scopex_scope(s) {
			EXPECT_EQ(test, scopex_submit(s, &m->task.work), 0);
			if (in_flight(test, &disk, m))
				test_disk_end(&disk, results[i]);
			EXPECT_EQ(test, scopex_join(s), min(results[i], 0L));
		}
		EXPECT_EQ(test, m->io.result, results[i]);
		mover_free(m);
	}
	fput(file);
}

/* A request that would sleep is made again; it sleeps, and the CPU's other items do not wait. */
static void sleeps(struct scopex_test *test, struct test_disk *disk, struct file *file,
		   unsigned int asked)
{
	unsigned int cpu = test_this_cpu();
	struct mover *m = mover(test, file);
	struct test_item item;
	struct test_gate gate;

	if (!m)
		return;
	test_item_init(&item);
	test_gate_init(&gate);
	disk->gate = &gate;
	disk->asked = 0;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &m->task.work), 0);
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &item.work), 0);
		if (EXPECT(test, wait_for_completion_timeout(&gate.reached, 10 * HZ)))
			EXPECT(test, test_soon(atomic_read(&item.runs)));
		complete(&gate.go);
		if (disk->reply == LATER && in_flight(test, disk, m))
			test_disk_end(disk, LEN);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, m->io.result, LEN);
	EXPECT_EQ(test, disk->asked, asked);
	EXPECT(test, !(disk->flags & IOCB_NOWAIT));
	disk->gate = NULL;
	mover_free(m);
}

static void request_that_would_sleep_is_made_again(struct scopex_test *test)
{
	static const int busy[] = { -EAGAIN, -EOPNOTSUPP };
	struct test_disk disk;
	struct file *file = test_disk_open(test, &disk);
	enum test_reply reply;
	unsigned int i;

	if (!file)
		return;
	disk.result = LEN;
	for (i = 0; i < ARRAY_SIZE(busy); i++) {
		for (reply = LATER; reply <= AT_ONCE; reply++) {
			disk.busy = busy[i];
			disk.reply = reply;
			sleeps(test, &disk, file, 2);
		}
	}
	/* The file does not know how to fail instead of sleeping. */
	file->f_mode &= ~FMODE_NOWAIT;
	sleeps(test, &disk, file, 1);

	/* The second answer counts. */
	file->f_mode |= FMODE_NOWAIT;
	disk.result = -EAGAIN;
	expect_read(test, &disk, file, -EAGAIN, -EAGAIN, 2);
	fput(file);
}

/* A task is cancelled, and then its request is over. */
static void cancelled_in_flight(struct scopex_test *test, long result, int err)
{
	struct test_disk disk;
	struct mover *m = mover_open(test, &disk);

	if (!m)
		return;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &m->task.work), 0);
		if (in_flight(test, &disk, m)) {
			scopex_cancel(s, 0);
			EXPECT(test, test_waits(m, 2));
			test_disk_end(&disk, result);
		}
		EXPECT_EQ(test, scopex_join(s), err);
	}
	EXPECT_EQ(test, m->err, err);
	EXPECT_EQ(test, m->io.result, result);
	EXPECT_EQ(test, disk.asked, 1);
	mover_close(m);
}

/* It has what it has read. */
static void cancelled_task_waits_for_its_request(struct scopex_test *test)
{
	cancelled_in_flight(test, LEN, 0);
}

static void cancelled_task_makes_no_second_request(struct scopex_test *test)
{
	cancelled_in_flight(test, -EAGAIN, -ECANCELED);
}

/* A task that cancels its scope, and then reads */
static int late_mover_fn(struct scopex_task *task)
{
	struct mover *m = container_of(task, struct mover, task);

	scopex_coroutine(task) {
		scopex_cancel(task->work.scope, 0);
		scopex_await(task, m->err, mover_await(m));
	}
	return m->err;
}

static void cancelled_task_makes_no_request(struct scopex_test *test)
{
	struct test_disk disk;
	struct mover *m = mover_open(test, &disk);

	if (!m)
		return;
	scopex_task_init(&m->task, late_mover_fn);
	disk.reply = AT_ONCE;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &m->task.work), 0);
		EXPECT_EQ(test, scopex_join(s), -ECANCELED);
	}
	EXPECT_EQ(test, m->err, -ECANCELED);
	EXPECT_EQ(test, disk.asked, 0);
	mover_close(m);
}

static void first_of_waits_for_a_request_that_loses(struct scopex_test *test)
{
	struct scopex_event event;
	struct test_disk disk;
	struct mover *m = mover_open(test, &disk);

	if (!m)
		return;
	scopex_event_init(&event);
	m->event = &event;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &m->task.work), 0);
		if (in_flight(test, &disk, m)) {
			scopex_event_set(&event);
			EXPECT(test, test_waits(m, 2));
			EXPECT_EQ(test, m->several.winner, 1);
			test_disk_end(&disk, LEN);
		}
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, m->several.winner, 1);
	EXPECT_EQ(test, m->members[0].result, 0);
	EXPECT_EQ(test, m->io.result, LEN);
	mover_close(m);
}

/* The event wins. The request has failed as it would sleep, which is seen then, or together. */
static void loses_and_would_sleep(struct scopex_test *test, bool event_first, bool together)
{
	unsigned int cpu = test_this_cpu();
	struct scopex_event event;
	struct test_item gated;
	struct test_gate gate;
	struct test_disk disk;
	struct mover *m = mover_open(test, &disk);

	if (!m)
		return;
	scopex_event_init(&event);
	m->event = &event;
	m->event_first = event_first;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &m->task.work), 0);
		if (in_flight(test, &disk, m)) {
			/* One more request would be over at once. */
			disk.reply = AT_ONCE;
			if (together)
				test_gate_shut(test, s, cpu, &gated, &gate);
			scopex_event_set(&event);
			if (!together)
				EXPECT(test, test_waits(m, 2));
			test_disk_end(&disk, -EAGAIN);
			if (together)
				complete(&gate.go);
		}
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, m->several.winner, !event_first);
	EXPECT_EQ(test, m->members[event_first].result, -ECANCELED);
	EXPECT_EQ(test, atomic_read(&m->calls), together ? 2 : 3);
	EXPECT_EQ(test, disk.asked, 1);
	mover_close(m);
}

static void loser_makes_no_second_request(struct scopex_test *test)
{
	loses_and_would_sleep(test, false, false);
	loses_and_would_sleep(test, true, false);
	loses_and_would_sleep(test, true, true);
}

/* An interrupt of a device */
struct disk_irq {
	struct irq_work		irq_work;
	struct test_disk	*disk;
	bool			wrong_context;
};

static void disk_irq_fn(struct irq_work *irq_work)
{
	struct disk_irq *irq = container_of(irq_work, struct disk_irq, irq_work);

	irq->wrong_context |= !in_hardirq();
	test_disk_end(irq->disk, LEN);
}

static void hard_interrupt_ends_a_request(struct scopex_test *test)
{
	struct test_disk disk;
	struct disk_irq irq = { .irq_work = IRQ_WORK_INIT_HARD(disk_irq_fn), .disk = &disk };
	struct mover *m = mover_open(test, &disk);

	if (!m)
		return;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &m->task.work), 0);
		if (in_flight(test, &disk, m))
			irq_work_queue(&irq.irq_work);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	irq_work_sync(&irq.irq_work);
	EXPECT(test, !irq.wrong_context);
	EXPECT_EQ(test, m->io.result, LEN);
	mover_close(m);
}

static int disk_thread_fn(void *data)
{
	struct test_disk *disk = data;

	test_disk_end(disk, LEN);
	disk->through = ktime_get();
	test_thread_until_stopped();
	return 0;
}

/* The task looks for another reason while its waker, on another CPU, is not through. */
static void task_waits_for_its_waker(struct scopex_test *test)
{
	struct task_struct *thread;
	struct test_disk disk;
	struct test_item gated;
	struct test_gate gate;
	struct mover *m;
	unsigned int cpu;
	ktime_t over;

	if (num_online_cpus() < 2)
		return scopex_test_skip(test, "needs two CPUs");
	m = mover_open(test, &disk);
	if (!m)
		return;
	/* On the CPU of the waker the test would wait for it, too. */
	migrate_disable();
	cpu = test_this_cpu();
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &m->task.work), 0);
		in_flight(test, &disk, m);
		/* It is queued, so the claim of the waker changes nothing. */
		test_gate_shut(test, s, cpu, &gated, &gate);
		scopex_wake(&m->task);
		scopex_inject_set(SCOPEX_INJECT_DIRECT, TEST_WAKER_STAYS_MS * USEC_PER_MSEC);
		thread = test_thread(test, disk_thread_fn, &disk, test_other_cpu(cpu));
		EXPECT(test, test_soon(!TEST_INJECT || scopex_inject_hits(SCOPEX_INJECT_DIRECT)));
		complete(&gate.go);
		EXPECT(test, test_is_over(m));
		over = ktime_get();
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	test_inject_end(test, SCOPEX_INJECT_DIRECT);
	test_thread_stop(thread);
	migrate_enable();
	/* The task must have waited for the waker, or not for long after it. */
	EXPECT(test, ktime_ms_delta(disk.through, over) < TEST_WAKER_STAYS_MS / 2);
	EXPECT_EQ(test, m->io.result, LEN);
	mover_close(m);
}

static void other_files_are_refused(struct scopex_test *test)
{
	static const struct file_operations none = { .owner = THIS_MODULE };
	struct test_disk disk;
	struct file *file = test_disk_open(test, &disk);

	if (!file)
		return;
	disk.reply = AT_ONCE;
	file->f_flags &= ~O_DIRECT;
	expect_read(test, &disk, file, -EOPNOTSUPP, 0, 0);
	file->f_flags |= O_DIRECT;
	file->f_mode &= ~FMODE_READ;
	expect_read(test, &disk, file, -EBADF, 0, 0);
	fput(file);

	file = anon_inode_getfile("[scopex_disk]", &none, &disk, O_RDWR);
	if (!EXPECT(test, !IS_ERR(file)))
		return;
	file->f_flags |= O_DIRECT;
	expect_read(test, &disk, file, -EOPNOTSUPP, 0, 0);
	fput(file);
}

static const struct scopex_case direct_cases[] = {
	SCOPEX_CASE(read_wakes_the_task),
	SCOPEX_CASE(write_wakes_the_task),
	SCOPEX_CASE(request_may_be_over_at_once),
	SCOPEX_CASE(errors_and_short_reads_are_told),
	SCOPEX_CASE(request_that_would_sleep_is_made_again),
	SCOPEX_CASE(cancelled_task_makes_no_second_request),
	SCOPEX_CASE(cancelled_task_waits_for_its_request),
	SCOPEX_CASE(cancelled_task_makes_no_request),
	SCOPEX_CASE(first_of_waits_for_a_request_that_loses),
	SCOPEX_CASE(loser_makes_no_second_request),
	SCOPEX_CASE(hard_interrupt_ends_a_request),
	SCOPEX_CASE(task_waits_for_its_waker),
	SCOPEX_CASE(other_files_are_refused),
};

SCOPEX_SUITE(direct, direct_cases);
