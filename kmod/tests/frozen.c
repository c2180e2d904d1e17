// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "frozen": the file system of a file is frozen while tasks write the file
 *
 * The script has opened a file of a file system that nobody else uses. Requests go to a disk of the
 * tests, which ends them when a test wants it.
 */

#include <linux/cred.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/scopex_direct.h>
#include <linux/slab.h>

#include "../compat/freeze.h"
#include "direct.h"
#include "file.h"
#include "test.h"

#define LEN	512

/**
 * struct frozen - a task that reads or writes, and the freeze of the file system
 * @task: the task
 * @io: how it waits for that
 * @file: the file
 * @disk: what is behind it
 * @reads: the task reads
 * @calls: how often its function was called
 * @err: what the freeze has returned
 * @over: the freeze is over
 * @buf: what the task reads or writes
 */
struct frozen {
	struct scopex_task		task;
	struct scopex_direct_await	io;
	struct file			*file;
	struct test_disk		disk;
	bool				reads;
	atomic_t			calls;
	int				err;
	bool				over;
	u8				buf[LEN];
};

static int frozen_task_fn(struct scopex_task *task)
{
	struct frozen *f = container_of(task, struct frozen, task);
	int err;

	atomic_inc(&f->calls);
	scopex_coroutine(task) {
		scopex_await(task, err, f->reads ?
			     scopex_direct_read(&f->io, f->file, f->buf, LEN, 0) :
			     scopex_direct_write(&f->io, f->file, f->buf, LEN, 0));
	}
	return err;
}

static struct super_block *frozen_sb(const struct frozen *f)
{
	return file_inode(f->file)->i_sb;
}

/* Open the script's file once more; what is behind it is still to be changed. */
static struct file *frozen_file(struct scopex_test *test)
{
	struct file *given = fget(TEST_DISK), *file = NULL;

	if (given && S_ISREG(file_inode(given)->i_mode)) {
		file = dentry_open(&given->f_path, O_RDWR | O_LARGEFILE, current_cred());
		if (!EXPECT(test, !IS_ERR(file)))
			file = NULL;
	} else {
		scopex_test_skip(test, "the script has opened no file");
	}
	if (given)
		fput(given);
	return file;
}

static struct frozen *frozen_open(struct scopex_test *test, bool reads)
{
	struct file *file = frozen_file(test);
	struct frozen *f = file ? kzalloc(sizeof(*f), GFP_KERNEL) : NULL;

	if (!file)
		return NULL;
	if (!EXPECT(test, f)) {
		fput(file);
		return NULL;
	}
	scopex_task_init(&f->task, frozen_task_fn);
	test_disk_be(&f->disk, file);
	f->file = file;
	f->reads = reads;
	return f;
}

static void frozen_close(struct frozen *f)
{
	fput(f->file);
	kfree(f);
}

/* It would never end if a write that is over still counted. */
static void freeze_and_thaw(struct scopex_test *test, struct frozen *f)
{
	if (EXPECT_EQ(test, scopex_freeze_super(frozen_sb(f)), 0))
		EXPECT_EQ(test, scopex_thaw_super(frozen_sb(f)), 0);
}

static int freezer_fn(void *data)
{
	struct frozen *f = data;

	f->err = scopex_freeze_super(frozen_sb(f));
	WRITE_ONCE(f->over, true);
	test_thread_until_stopped();
	return 0;
}

static void freezes_in_flight(struct scopex_test *test, bool reads)
{
	struct frozen *f = frozen_open(test, reads);
	struct task_struct *thread = NULL;

	if (!f)
		return;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &f->task.work), 0);
		EXPECT(test, test_waits(f, 1));
		thread = test_thread(test, freezer_fn, f, nr_cpu_ids);
		EXPECT(test, test_soon(READ_ONCE(frozen_sb(f)->s_writers.frozen) >=
				       SB_FREEZE_WRITE));
		if (reads) {
			EXPECT(test, test_soon(READ_ONCE(f->over)));
		} else {
			/* A freeze that does not wait would be over by then. */
			msleep(100);
			EXPECT(test, !READ_ONCE(f->over));
		}
		test_disk_end(&f->disk, LEN);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT(test, test_soon(READ_ONCE(f->over)));
	test_thread_stop(thread);
	EXPECT_EQ(test, f->err, 0);
	EXPECT_EQ(test, f->io.result, LEN);
	EXPECT_EQ(test, f->disk.asked, 1);
	EXPECT_EQ(test, scopex_thaw_super(frozen_sb(f)), 0);
	freeze_and_thaw(test, f);
	frozen_close(f);
}

static void freeze_waits_for_a_write(struct scopex_test *test)
{
	freezes_in_flight(test, false);
}

static void freeze_does_not_wait_for_a_read(struct scopex_test *test)
{
	freezes_in_flight(test, true);
}

/* The write waits in a worker that has given its queue to another one. */
static void write_waits_for_the_thaw(struct scopex_test *test)
{
	struct frozen *f = frozen_open(test, false);
	unsigned int cpu = test_this_cpu();
	struct test_item item;

	if (!f)
		return;
	test_item_init(&item);
	f->disk.reply = AT_ONCE;
	f->disk.result = LEN;
	EXPECT_EQ(test, scopex_freeze_super(frozen_sb(f)), 0);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &f->task.work), 0);
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &item.work), 0);
		EXPECT(test, test_soon(atomic_read(&item.runs)));
		EXPECT_EQ(test, atomic_read(&f->calls), 1);
		EXPECT_EQ(test, READ_ONCE(f->disk.asked), 0);
		EXPECT_EQ(test, scopex_thaw_super(frozen_sb(f)), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, f->io.result, LEN);
	EXPECT_EQ(test, f->disk.asked, 1);
	EXPECT(test, !(f->disk.flags & IOCB_NOWAIT));
	freeze_and_thaw(test, f);
	frozen_close(f);
}

/* However it ends, it counts no more. */
static void write_that_is_over_holds_up_no_freeze(struct scopex_test *test)
{
	static const long results[] = { LEN, -EIO, -EAGAIN };
	struct frozen *f = frozen_open(test, false);
	enum test_reply reply;
	unsigned int i;

	if (!f)
		return;
	for (reply = EARLY; reply <= AT_ONCE; reply++) {
		for (i = 0; i < ARRAY_SIZE(results); i++) {
			f->disk.reply = reply;
			f->disk.result = results[i];
			scopex_scope(s) {
				EXPECT_EQ(test, scopex_submit(s, &f->task.work), 0);
				EXPECT_EQ(test, scopex_join(s), min(results[i], 0L));
			}
			EXPECT_EQ(test, f->io.result, results[i]);
			freeze_and_thaw(test, f);
		}
	}
	frozen_close(f);
}

static const struct scopex_case frozen_cases[] = {
	SCOPEX_CASE(freeze_waits_for_a_write),
	SCOPEX_CASE(freeze_does_not_wait_for_a_read),
	SCOPEX_CASE(write_waits_for_the_thaw),
	SCOPEX_CASE(write_that_is_over_holds_up_no_freeze),
};

SCOPEX_SUITE(frozen, frozen_cases);
