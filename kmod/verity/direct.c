// SPDX-License-Identifier: GPL-2.0
/*
 * scopex_verity: reads that go past the page cache, by tasks and by threads
 *
 * A request with direct= has the input read in requests of that size, each of them by the device
 * itself. In each way the thread that wants a part then sleeps until its read is over, and its CPU
 * idles, unless it has other threads. With tasks= it need not: each CPU has that many tasks. A task
 * claims a part, begins to read it, waits without a thread, and hashes the part. While it waits,
 * the CPU hashes what has arrived for the others. So there are as many threads as CPUs, and both
 * the device and the CPUs have work.
 *
 * What that is worth: a thread that reads and then hashes needs the time of both for a part,
 * a CPU with enough tasks only that of the hash. So the gain is up to 1 + read / hash. The result
 * has both times, as they were in that build. In a build by tasks the time of a read also has
 * what the part waits until its task gets the CPU: so take that of a build by threads.
 *
 * The levels above the lowest one are in memory, and are done by an item for each CPU.
 */

#include <linux/bvec.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/scopex.h>
#include <linux/scopex_direct.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "verity.h"

/**
 * struct verity_task - reads a part, hashes it, and takes the next one
 * @task: the task
 * @io: how it waits for its read
 * @job: what it is part of
 * @buf: the part
 * @block: the first block of the part
 * @nr: how many blocks these are
 * @got: how many bytes of them have arrived
 * @begun: when the read began
 */
struct verity_task {
	struct scopex_task		task;
	struct scopex_direct_await	io;
	struct verity_job		*job;
	u8				*buf;
	u64				block;
	u32				nr;
	size_t				got;
	u64				begun;
};

/**
 * verity_read_direct() - have bytes of the input read, and sleep until they are there
 * @job: the build
 * @buf: where they go, memory of kmalloc()
 * @len: how many
 * @pos: where in the input; moved on
 *
 * Context: process context; sleeps.
 *
 * Return: how many were read, or a negative errno.
 */
ssize_t verity_read_direct(struct verity_job *job, void *buf, size_t len, loff_t *pos)
{
	struct iov_iter iter;
	struct bio_vec vec;

	bvec_set_page(&vec, virt_to_page(buf), len, offset_in_page(buf));
	iov_iter_bvec(&iter, ITER_DEST, &vec, 1, len);
	return vfs_iter_read(job->file, &iter, pos, 0);
}

static loff_t verity_task_pos(const struct verity_task *t)
{
	return (t->block << VERITY_BLOCK_SHIFT) + t->got;
}

static size_t verity_task_left(const struct verity_task *t)
{
	return ((size_t)t->nr << VERITY_BLOCK_SHIFT) - t->got;
}

/* Returns true if there is no part left. */
static bool verity_task_claim(struct verity_task *t)
{
	struct verity_job *job = t->job;
	u64 part = atomic64_fetch_inc(&job->next);

	if (part >= job->level->parts)
		return true;
	t->block = part * job->t->part_blocks;
	t->nr = min_t(u64, job->level->src_blocks - t->block, job->t->part_blocks);
	t->got = 0;
	t->begun = ktime_get_ns();
	atomic64_add(t->nr, &job->begun);
	return false;
}

static int verity_task_fn(struct scopex_task *task)
{
	struct verity_task *t = container_of(task, struct verity_task, task);
	int err;

	scopex_coroutine(task) {
		while (!verity_task_claim(t)) {
			while (verity_task_left(t)) {
				scopex_await(task, err,
					     scopex_direct_read(&t->io, t->job->file,
								t->buf + t->got,
								verity_task_left(t),
								verity_task_pos(t)));
				if (err == -ECANCELED)
					return err;
				if (err || !t->io.result)
					return verity_failed(t->job, "can't read at byte",
							     verity_task_pos(t), err ?: -EIO);
				t->got += t->io.result;
			}
			atomic64_add(ktime_get_ns() - t->begun, &t->job->read_ns);
			err = verity_hash_input(t->job, t->buf, t->block, t->nr);
			if (err)
				return err;
			/* Some files have read at once, so the task has not waited. */
			if (scopex_should_yield())
				scopex_yield(task);
		}
	}
	return 0;
}

static void verity_tasks_free(struct verity_task *tasks, unsigned int nr)
{
	for (unsigned int i = 0; tasks && i < nr; i++)
		kfree(tasks[i].buf);
	kvfree(tasks);
}

static struct verity_task *verity_tasks_alloc(struct verity_job *job, unsigned int nr)
{
	struct verity_task *tasks = kvcalloc(nr, sizeof(*tasks), GFP_KERNEL);

	for (unsigned int i = 0; tasks && i < nr; i++) {
		tasks[i].buf = verity_alloc_part(job);
		if (!tasks[i].buf) {
			verity_tasks_free(tasks, nr);
			return NULL;
		}
		tasks[i].job = job;
		scopex_task_init(&tasks[i].task, verity_task_fn);
	}
	return tasks;
}

static int verity_level_by_tasks(struct verity_job *job)
{
	unsigned int each = job->t->tasks, nr = each * cpumask_weight(job->t->cpus), i = 0;
	struct verity_task *tasks;
	unsigned int cpu;
	int err = 0;

	if (job->level->src)
		return verity_by_items.level(job);
	tasks = verity_tasks_alloc(job, nr);
	if (!tasks)
		return verity_failed(job, "no memory for tasks:", nr, -ENOMEM);

	scopex_scope(scope, .flags = SCOPEX_FAIL_FAST | SCOPEX_KILLABLE) {
		for_each_cpu(cpu, job->t->cpus) {
			for (unsigned int end = i + each; !err && i < end; i++)
				err = scopex_submit_on(scope, cpu, &tasks[i].task.work);
			if (!err)
				continue;
			/* Or has a task failed already? */
			if (err != -ECANCELED)
				verity_failed(job, "no worker on CPU", cpu, err);
			scopex_cancel(scope, err);
			break;
		}
		err = scopex_join(scope);
	}
	verity_tasks_free(tasks, nr);
	return err;
}

const struct verity_way verity_by_tasks = {
	.level	= verity_level_by_tasks,
};
