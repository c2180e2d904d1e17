// SPDX-License-Identifier: GPL-2.0
/* Suite "disk": tasks read and write a device, or a file, that the script has opened */

#include <linux/cred.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/random.h>
#include <linux/scopex_direct.h>
#include <linux/scopex_sync.h>
#include <linux/scopex_timer.h>
#include <linux/slab.h>

#include "direct.h"
#include "file.h"
#include "test.h"

/* The disk has BLOCKS blocks at least. */
#define BLOCK	4096
#define BLOCKS	256

/* How many tasks have a request in flight, and how often each has one. */
#define TASKS	64
#define ROUNDS	20

/* The script can't open it in this way. What knows no direct reads and writes refuses it. */
static struct file *disk_file(struct scopex_test *test)
{
	struct file *given = fget(TEST_DISK), *file;

	if (!given) {
		scopex_test_skip(test, "the script has opened no disk");
		return NULL;
	}
	file = dentry_open(&given->f_path, O_RDWR | O_LARGEFILE | O_DIRECT, current_cred());
	fput(given);
	if (IS_ERR(file)) {
		if (EXPECT_EQ(test, PTR_ERR(file), -EINVAL))
			scopex_test_skip(test, "it can't be opened with O_DIRECT");
		return NULL;
	}
	return file;
}

/**
 * struct disk_task - a task that reads and writes blocks
 * @task: the task
 * @io: how it waits for that
 * @sleep: how it waits for a point in time
 * @several: how it waits for the first of both
 * @members: these
 * @file: the disk
 * @buf: a block
 * @len: how many bytes of it
 * @pos: where it is
 * @seed: what is in the block
 * @rounds: how often it still reads
 * @wrong: how often it has read something else
 * @lost: how often it was not the first one
 * @err: what the last wait has returned
 */
struct disk_task {
	struct scopex_task		task;
	struct scopex_direct_await	io;
	struct scopex_timer		sleep;
	struct scopex_several		several;
	struct scopex_member		members[2];
	struct file			*file;
	u8				*buf;
	size_t				len;
	loff_t				pos;
	u32				seed;
	unsigned int			rounds;
	unsigned int			wrong;
	unsigned int			lost;
	int				err;
};

static void disk_fill(const struct disk_task *t)
{
	u32 *word = (u32 *)t->buf;
	unsigned int i;

	for (i = 0; i < BLOCK / sizeof(*word); i++)
		word[i] = t->seed + i;
}

static bool disk_is_filled(const struct disk_task *t)
{
	u32 *word = (u32 *)t->buf;
	unsigned int i;

	for (i = 0; i < BLOCK / sizeof(*word); i++)
		if (word[i] != t->seed + i)
			return false;
	return true;
}

static int disk_task_fn(struct scopex_task *task)
{
	struct disk_task *t = container_of(task, struct disk_task, task);

	scopex_coroutine(task) {
		while (t->rounds--) {
			t->seed++;
			disk_fill(t);
			scopex_await(task, t->err,
				     scopex_direct_write(&t->io, t->file, t->buf, BLOCK, t->pos));
			if (t->err)
				return t->err;
			t->wrong += t->io.result != BLOCK;
			memset(t->buf, 0, BLOCK);
			scopex_await(task, t->err,
				     scopex_direct_read(&t->io, t->file, t->buf, BLOCK, t->pos));
			if (t->err)
				return t->err;
			t->wrong += t->io.result != BLOCK || !disk_is_filled(t);
		}
	}
	return 0;
}

static int disk_read_fn(struct scopex_task *task)
{
	struct disk_task *t = container_of(task, struct disk_task, task);

	scopex_coroutine(task) {
		scopex_await(task, t->err,
			     scopex_direct_read(&t->io, t->file, t->buf, t->len, t->pos));
	}
	return 0;
}

static struct scopex_await *disk_race(struct disk_task *t)
{
	t->members[0].await = scopex_direct_read(&t->io, t->file, t->buf, BLOCK, t->pos);
	t->members[1].await = scopex_sleep(&t->sleep, get_random_u32() % 300);
	return scopex_first_of(&t->several, t->members, 2);
}

/* Whichever wins, the block is there when the wait is over. */
static int disk_race_fn(struct scopex_task *task)
{
	struct disk_task *t = container_of(task, struct disk_task, task);

	scopex_coroutine(task) {
		while (t->rounds--) {
			memset(t->buf, 0, BLOCK);
			scopex_await(task, t->err, disk_race(t));
			if (t->err)
				return t->err;
			t->lost += t->several.winner == 1;
			t->wrong += t->members[0].result || t->io.result != BLOCK ||
				    !disk_is_filled(t);
		}
	}
	return 0;
}

static void disk_tasks_free(struct disk_task *t, unsigned int nr)
{
	while (t && nr--)
		free_page((unsigned long)t[nr].buf);
	kvfree(t);
}

static struct disk_task *disk_tasks(struct scopex_test *test, struct file *file, unsigned int nr)
{
	struct disk_task *t = kvcalloc(nr, sizeof(*t), GFP_KERNEL);
	unsigned int i;

	for (i = 0; t && i < nr; i++) {
		t[i] = (struct disk_task){
			.file = file, .len = BLOCK, .pos = i * BLOCK, .seed = i << 16,
			.buf = (u8 *)__get_free_page(GFP_KERNEL),
		};
		if (!t[i].buf) {
			disk_tasks_free(t, i);
			t = NULL;
		}
	}
	EXPECT(test, t);
	return t;
}

static void disk_run(struct scopex_test *test, struct disk_task *t, unsigned int nr,
		     scopex_task_fn_t fn)
{
	unsigned int i;

	scopex_scope(s) {
		for (i = 0; i < nr; i++) {
			scopex_task_init(&t[i].task, fn);
			t[i].rounds = ROUNDS;
			EXPECT_EQ(test, scopex_submit(s, &t[i].task.work), 0);
		}
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; i < nr; i++)
		EXPECT_EQ(test, t[i].wrong, 0);
}

static void tasks_read_what_they_have_written(struct scopex_test *test)
{
	struct file *file = disk_file(test);
	struct disk_task *t;

	if (!file)
		return;
	t = disk_tasks(test, file, TASKS);
	if (t)
		disk_run(test, t, TASKS, disk_task_fn);
	disk_tasks_free(t, TASKS);
	fput(file);
}

static void reads_race_with_time(struct scopex_test *test)
{
	struct file *file = disk_file(test);
	unsigned int i, lost = 0;
	struct disk_task *t;

	if (!file)
		return;
	t = disk_tasks(test, file, TASKS);
	if (t) {
		disk_run(test, t, TASKS, disk_task_fn);
		disk_run(test, t, TASKS, disk_race_fn);
		for (i = 0; i < TASKS; i++)
			lost += t[i].lost;
		scopex_test_note(test, "%u of %u reads were not the first", lost, TASKS * ROUNDS);
	}
	disk_tasks_free(t, TASKS);
	fput(file);
}

/* The memory is used for something else as soon as the scope has ended. */
static void cancelled_tasks_leave_nothing_in_flight(struct scopex_test *test)
{
	struct file *file = disk_file(test);
	unsigned int i, round;
	struct disk_task *t;

	if (!file)
		return;
	t = disk_tasks(test, file, TASKS);
	for (round = 0; t && round < ROUNDS; round++) {
		scopex_scope(s) {
			for (i = 0; i < TASKS; i++) {
				scopex_task_init(&t[i].task, disk_task_fn);
				t[i].rounds = UINT_MAX;
				EXPECT_EQ(test, scopex_submit(s, &t[i].task.work), 0);
			}
			usleep_range(200, 2000);
			scopex_cancel(s, 0);
			EXPECT_EQ(test, scopex_join(s), -ECANCELED);
		}
		for (i = 0; i < TASKS; i++)
			memset(t[i].buf, 0x6b, BLOCK);
		msleep(20);
		for (i = 0; i < TASKS; i++) {
			EXPECT(test, !memchr_inv(t[i].buf, 0x6b, BLOCK));
			EXPECT_EQ(test, t[i].wrong, 0);
		}
	}
	disk_tasks_free(t, TASKS);
	fput(file);
}

/* One read, and what comes of it */
static void expect_read(struct scopex_test *test, struct disk_task *t, loff_t pos, size_t len,
			int err, long result)
{
	t->pos = pos;
	t->len = len;
	scopex_scope(s) {
		scopex_task_init(&t->task, disk_read_fn);
		EXPECT_EQ(test, scopex_submit(s, &t->task.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, t->err, err);
	EXPECT_EQ(test, t->io.result, result);
}

static void reads_end_where_the_disk_ends(struct scopex_test *test)
{
	struct file *file = disk_file(test);
	struct disk_task *t;
	loff_t size;

	if (!file)
		return;
	size = i_size_read(file->f_mapping->host);
	t = disk_tasks(test, file, 1);
	if (t && EXPECT(test, size >= BLOCKS * BLOCK)) {
		expect_read(test, t, size - BLOCK, BLOCK, 0, BLOCK);
		expect_read(test, t, size - BLOCK / 2, BLOCK, 0, BLOCK / 2);
		expect_read(test, t, size, BLOCK, 0, 0);
		expect_read(test, t, 0, 0, 0, 0);
		expect_read(test, t, -BLOCK, BLOCK, -EINVAL, 0);
		/* A device takes whole blocks, and says so. */
		if (S_ISBLK(file_inode(file)->i_mode))
			expect_read(test, t, 1, BLOCK, -EINVAL, -EINVAL);
	}
	disk_tasks_free(t, 1);
	fput(file);
}

static const struct scopex_case disk_cases[] = {
	SCOPEX_CASE(tasks_read_what_they_have_written),
	SCOPEX_CASE(reads_race_with_time),
	SCOPEX_CASE(cancelled_tasks_leave_nothing_in_flight),
	SCOPEX_CASE(reads_end_where_the_disk_ends),
};

SCOPEX_SUITE(disk, disk_cases);
