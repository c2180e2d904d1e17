// SPDX-License-Identifier: GPL-2.0
/*
 * Building a dm-verity Merkle tree with scopes of work items
 *
 * Theory of operation
 *
 * The tree. Each data block has a digest, sha256(salt || block). A hash block
 * holds the digests of 128 blocks below it; the rest of the last one of a level
 * is zero. Levels of hash blocks are stacked until one has a single block, whose
 * digest is the root hash. A single data block needs no hash block: the root
 * hash is its own digest. In memory, as on disk, the top level comes first.
 *
 * So a level is a function from blocks below to digests, and all that differs is
 * where the blocks come from (the lowest level reads the input, the others find
 * the level below in memory) and where the digests go to (the last level is the
 * root hash alone). See struct verity_level.
 *
 * The lanes. A lane is a work item with a buffer, one for each CPU, in an array
 * that the writer allocates before it opens a scope. All lanes take hash blocks to
 * fill from one counter until the round's are all taken: a CPU that is busy
 * elsewhere simply takes fewer. The writer joins the scope after each round. A
 * level needs the whole level below, so it is a round at least, whose end is where
 * the digests become visible to everybody; the lowest one has as many as it takes
 * for the writer to wake up every few seconds, as nobody should sleep for minutes.
 *
 *	lowest level	the body of a scopex_run()
 *	other levels	in a scopex_scope(); a level of a single hash block is
 *			filled by the writer itself, since one lane is all that
 *			could work on it
 *
 * The lanes, the job and all that it points to belong to the writer, on whose
 * stack the scope lives. Nothing here counts references or outlives the call.
 *
 * Errors. Whoever hits one first puts it into verity_job.error and says so in
 * the log; then the scope is cancelled. Lanes that run look at that before each
 * hash block, lanes that have not started never will. The scope has an error of
 * its own, but there the -ECANCELED of a lane that never ran could come before
 * the error for which it was cancelled.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/namei.h>
#include <linux/overflow.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/scopex.h>
#include <linux/slab.h>
#include <linux/topology.h>
#include <linux/vmalloc.h>
#include <crypto/hash.h>

#include "verity.h"

/* How much a lane reads at once. */
#define VERITY_CHUNK_BLOCKS	32U
#define VERITY_CHUNK_SIZE	(VERITY_CHUNK_BLOCKS * VERITY_BLOCK_SIZE)

/* How many hash blocks a lane fills in a round, if all are equally fast. */
#define VERITY_ROUND_BLOCKS	64ULL

/*
 * 2^51 data blocks are more than a file can have; each level holds a 128th of
 * them, and one more is the root hash.
 */
#define VERITY_LEVELS_MAX	9

/**
 * struct verity_level - digests to be made, and of what
 * @src: the blocks of the level below; NULL to read the input
 * @src_blocks: how many there are
 * @dst: where the digests go
 * @dst_blocks: how many hash blocks they fill
 * @next: the next one of these to be filled
 * @end: where the round ends
 */
struct verity_level {
	const u8	*src;
	u64		src_blocks;
	u8		*dst;
	u64		dst_blocks;
	atomic64_t	next;
	u64		end;
};

struct verity_job;

/**
 * struct verity_lane - the part of one CPU
 * @work: the work item
 * @job: what it is part of
 * @cpu: the CPU
 * @buf: for what is read from the input
 */
struct verity_lane {
	struct scopex_work	work;
	struct verity_job	*job;
	unsigned int		cpu;
	u8			*buf;
};

/**
 * struct verity_job - one build, on the writer's stack
 * @t: the request and its result
 * @writer: the task that builds
 * @file: the input
 * @tfm: sha256
 * @salted: the state of sha256 after the salt, which every block starts from
 * @lanes: the lanes
 * @nr_lanes: how many
 * @level: the level that the lanes work at
 * @error: the first error
 */
struct verity_job {
	struct verity_tree	*t;
	struct task_struct	*writer;
	struct file		*file;
	struct crypto_shash	*tfm;
	void			*salted;
	struct verity_lane	*lanes;
	unsigned int		nr_lanes;
	struct verity_level	*level;
	int			error;
};

/* Is this the first error, which is the one to report? */
static bool verity_first_error(struct verity_job *job, int err)
{
	return !cmpxchg(&job->error, 0, err);
}

static int verity_read(struct verity_job *job, u8 *buf, u64 block, u32 blocks)
{
	size_t len = (size_t)blocks << VERITY_BLOCK_SHIFT;
	loff_t pos = block << VERITY_BLOCK_SHIFT;
	ssize_t got;

	while (len) {
		got = kernel_read(job->file, buf, len, &pos);
		if (got > 0) {
			buf += got;
			len -= got;
			continue;
		}
		/* The size was checked before: it must have shrunk. */
		if (!got)
			got = -EIO;
		if (verity_first_error(job, got))
			pr_err("%s: can't read at byte %lld: %pe\n",
			       job->t->path, pos, ERR_PTR(got));
		return got;
	}
	return 0;
}

static int verity_digest(struct verity_job *job, struct shash_desc *desc,
			 const u8 *block, u8 *digest)
{
	int err = crypto_shash_import(desc, job->salted);

	if (!err)
		err = crypto_shash_finup(desc, block, VERITY_BLOCK_SIZE, digest);
	if (err && verity_first_error(job, err))
		pr_err("sha256 failed: %pe\n", ERR_PTR(err));
	return err;
}

/*
 * Fill a hash block of the current level. @buf has room for a chunk, and is not
 * used when the level below is in memory.
 */
static int verity_fill(struct verity_job *job, u64 index, u8 *buf)
{
	const struct verity_level *level = job->level;
	u8 *digest = level->dst + (index << VERITY_BLOCK_SHIFT);
	u64 block = index * VERITY_FANOUT;
	u64 end = min(block + VERITY_FANOUT, level->src_blocks);
	SHASH_DESC_ON_STACK(desc, job->tfm);
	int err = 0;

	desc->tfm = job->tfm;
	while (block < end && !err) {
		u32 n = min_t(u64, end - block, VERITY_CHUNK_BLOCKS);
		const u8 *data = buf;
		u32 i;

		if (level->src)
			data = level->src + (block << VERITY_BLOCK_SHIFT);
		else
			err = verity_read(job, buf, block, n);

		for (i = 0; i < n && !err; i++) {
			err = verity_digest(job, desc, data, digest);
			data += VERITY_BLOCK_SIZE;
			digest += SHA256_DIGEST_SIZE;
		}
		block += n;
	}
	return err;
}

/* The work item: fill hash blocks of the current level until none is left. */
static int verity_lane(struct scopex_work *work)
{
	struct verity_lane *lane = container_of(work, struct verity_lane, work);
	struct scopex_scope *scope = scopex_work_scope(work);
	struct verity_job *job = lane->job;
	int err = 0;

	while (!err && !scopex_cancelled(scope)) {
		u64 index = atomic64_fetch_inc(&job->level->next);

		if (index >= job->level->end)
			return 0;

		/*
		 * The writer sleeps in its scope, deaf to signals, until the
		 * lanes end. So they listen for it.
		 */
		if (!fatal_signal_pending(job->writer)) {
			err = verity_fill(job, index, lane->buf);
		} else {
			err = -EINTR;
			if (verity_first_error(job, err))
				pr_err("%s: the writer was killed\n",
				       job->t->path);
		}
		cond_resched();
	}

	/* The others need not go on. */
	if (err)
		scopex_cancel(scope);
	return err;
}

/*
 * Start all lanes. One that is refused because its CPU has no worker is missed
 * only if the request named that CPU.
 */
static int verity_submit_lanes(struct scopex_scope *scope,
			       struct verity_job *job)
{
	unsigned int i, accepted = 0;
	int err;

	for (i = 0; i < job->nr_lanes; i++) {
		struct verity_lane *lane = &job->lanes[i];

		err = scopex_submit_on(scope, lane->cpu, &lane->work);
		if (!err) {
			accepted++;
			continue;
		}
		/* A lane has failed already: see the end of verity_lane(). */
		if (err == -ECANCELED)
			return err;
		if (err != -ENODEV || job->t->cpus_given) {
			if (verity_first_error(job, err))
				pr_err("CPU %u has no worker: %pe\n",
				       lane->cpu, ERR_PTR(err));
			scopex_cancel(scope);
			return err;
		}
		if (!job->level->src)
			cpumask_clear_cpu(lane->cpu, job->t->cpus);
	}

	if (accepted)
		return 0;
	if (verity_first_error(job, -ENODEV))
		pr_err("no CPU has a worker\n");
	return -ENODEV;
}

/* Make the digests of the current level, round by round. */
static int verity_hash_level(struct scopex_scope *scope, struct verity_job *job)
{
	struct verity_level *level = job->level;
	int err = 0;

	for (level->end = 0; level->end < level->dst_blocks && !err;) {
		atomic64_set(&level->next, level->end);
		level->end = min(level->end + VERITY_ROUND_BLOCKS * job->nr_lanes,
				 level->dst_blocks);
		err = verity_submit_lanes(scope, job);
		/* Even then: lanes may have been accepted. */
		err = scopex_join(scope) ?: err;
	}
	return err;
}

/* The lowest level. */
static int verity_read_level(struct scopex_scope *scope, void *arg)
{
	return verity_hash_level(scope, arg);
}

/* Make the digests of all levels; the first one reads the input. */
static int verity_hash_levels(struct verity_job *job,
			      struct verity_level *levels, unsigned int nr)
{
	unsigned int i;
	int err;

	/* All lanes are out when this returns, whatever happened. */
	job->level = &levels[0];
	err = scopex_run(verity_read_level, job);
	if (err)
		return err;

	scopex_scope(upper) {
		for (i = 1; i < nr; i++) {
			job->level = &levels[i];
			if (job->level->dst_blocks > 1)
				err = verity_hash_level(upper, job);
			else
				err = verity_fill(job, 0, NULL);
			if (err)
				break;
		}
	}
	return err;
}

/*
 * Work out the levels for t->data_blocks blocks, allocate the tree. Return how
 * many levels of digests there are, one more than levels of hash blocks, or a
 * negative errno.
 */
static int verity_plan(struct verity_tree *t, struct verity_level *levels)
{
	u64 blocks = t->data_blocks;
	unsigned int i, nr = 0;
	size_t size;
	u8 *pos;

	do {
		levels[nr].src_blocks = blocks;
		blocks = DIV_ROUND_UP_ULL(blocks, VERITY_FANOUT);
		levels[nr].dst_blocks = blocks;
		atomic64_set(&levels[nr].next, 0);
		if (levels[nr].src_blocks > 1)
			t->hash_blocks += blocks;
	} while (levels[nr++].src_blocks > 1);

	t->levels = nr - 1;
	levels[0].src = NULL;
	levels[nr - 1].dst = t->root;
	if (nr == 1)
		return nr;

	/* The end of the last block of a level must be zero. */
	if (!check_mul_overflow(t->hash_blocks, VERITY_BLOCK_SIZE, &size))
		t->tree = __vmalloc(size, GFP_KERNEL | __GFP_ZERO |
					  __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	if (!t->tree) {
		pr_err("%s: no memory for a tree of %llu blocks\n",
		       t->path, t->hash_blocks);
		return -ENOMEM;
	}

	/* What level i - 1 makes is what level i is made of. */
	pos = t->tree;
	for (i = nr - 1; i > 0; i--) {
		levels[i].src = pos;
		levels[i - 1].dst = pos;
		pos += levels[i].src_blocks << VERITY_BLOCK_SHIFT;
	}
	return nr;
}

static void verity_free_lanes(struct verity_job *job)
{
	unsigned int i;

	for (i = 0; i < job->nr_lanes; i++)
		kvfree(job->lanes[i].buf);
	kvfree(job->lanes);
}

static int verity_alloc_lanes(struct verity_job *job)
{
	struct verity_lane *lane;
	unsigned int cpu;

	job->lanes = kvcalloc(cpumask_weight(job->t->cpus),
			      sizeof(*job->lanes), GFP_KERNEL);
	if (!job->lanes)
		return -ENOMEM;

	for_each_cpu(cpu, job->t->cpus) {
		lane = &job->lanes[job->nr_lanes++];
		scopex_work_init(&lane->work, verity_lane);
		lane->job = job;
		lane->cpu = cpu;
		lane->buf = kvmalloc_node(VERITY_CHUNK_SIZE, GFP_KERNEL,
					  cpu_to_node(cpu));
		if (!lane->buf) {
			verity_free_lanes(job);
			return -ENOMEM;
		}
	}
	return 0;
}

/* Allocate sha256, and its state after the salt. */
static int verity_alloc_hash(struct verity_job *job)
{
	SHASH_DESC_ON_STACK(desc, job->tfm);
	int err;

	job->tfm = crypto_alloc_shash("sha256", 0, 0);
	if (IS_ERR(job->tfm)) {
		err = PTR_ERR(job->tfm);
		pr_err("can't have sha256: %pe\n", job->tfm);
		/* Not to be taken for a missing input. */
		return err == -ENOENT ? -ENOPKG : err;
	}

	err = -ENOMEM;
	job->salted = kmalloc(crypto_shash_statesize(job->tfm), GFP_KERNEL);
	if (!job->salted)
		goto free_tfm;

	desc->tfm = job->tfm;
	err = crypto_shash_init(desc);
	if (!err)
		err = crypto_shash_update(desc, job->t->salt, job->t->salt_len);
	if (!err)
		err = crypto_shash_export(desc, job->salted);
	if (!err)
		return 0;

	pr_err("sha256 of the salt failed: %pe\n", ERR_PTR(err));
	kfree(job->salted);
free_tfm:
	crypto_free_shash(job->tfm);
	return err;
}

static void verity_free_hash(struct verity_job *job)
{
	kfree(job->salted);
	crypto_free_shash(job->tfm);
}

static int verity_check_type(const char *path, umode_t mode)
{
	if (S_ISREG(mode) || S_ISBLK(mode))
		return 0;
	pr_err("%s: neither a regular file nor a block device\n", path);
	return S_ISDIR(mode) ? -EISDIR : -ENOTBLK;
}

/* Open the input, find its size. */
static int verity_open(struct verity_job *job)
{
	struct verity_tree *t = job->t;
	struct inode *inode;
	struct path path;
	loff_t size;
	int err;

	/* Look first: to open a FIFO would block, a device may react to it. */
	err = kern_path(t->path, LOOKUP_FOLLOW, &path);
	if (err) {
		pr_err("%s: %pe\n", t->path, ERR_PTR(err));
		return err;
	}
	err = verity_check_type(t->path, d_backing_inode(path.dentry)->i_mode);
	path_put(&path);
	if (err)
		return err;

	job->file = filp_open(t->path, O_RDONLY | O_LARGEFILE, 0);
	if (IS_ERR(job->file)) {
		pr_err("%s: can't open: %pe\n", t->path, job->file);
		return PTR_ERR(job->file);
	}

	err = verity_check_type(t->path, file_inode(job->file)->i_mode);
	if (err)
		goto put_file;

	/* For a block device this is not the inode of the device node. */
	inode = job->file->f_mapping->host;
	size = i_size_read(inode);
	if (size <= 0) {
		pr_err("%s: is empty\n", t->path);
		err = -ENODATA;
		goto put_file;
	}
	if (size % VERITY_BLOCK_SIZE) {
		pr_err("%s: size %lld is not a multiple of %u\n",
		       t->path, size, VERITY_BLOCK_SIZE);
		err = -EDOM;
		goto put_file;
	}
	t->data_blocks = size >> VERITY_BLOCK_SHIFT;
	return 0;

put_file:
	fput(job->file);
	return err;
}

static int verity_hash(struct verity_job *job)
{
	struct verity_level levels[VERITY_LEVELS_MAX];
	struct verity_tree *t = job->t;
	ktime_t start;
	int nr, err;

	nr = verity_plan(t, levels);
	if (nr < 0)
		return nr;

	err = verity_alloc_lanes(job);
	if (err) {
		pr_err("no memory for the buffers\n");
		return err;
	}

	start = ktime_get();
	err = verity_hash_levels(job, levels, nr);
	/* Why the lanes were cancelled, rather than that they were. */
	err = job->error ?: err;
	t->elapsed_us = ktime_us_delta(ktime_get(), start);
	t->lanes = cpumask_weight(t->cpus);

	verity_free_lanes(job);
	return err;
}

/**
 * verity_build() - build the tree of a file or block device
 * @t: the request; on success all the rest is filled in
 *
 * Context: process context; sleeps until it is done, or the task is killed.
 *
 * Return: 0, or a negative errno whose reason is in the log: -EISDIR or -ENOTBLK
 * if the input is no regular file or block device, -ENODATA if it is empty,
 * -EDOM if it is not a multiple of 4096 bytes, -EIO if it can't be read to its
 * end, -ENODEV if a CPU that was named has no worker or no CPU has one, -ENOPKG
 * if there is no sha256, -ENOMEM, -EINTR if the task was killed; else whatever
 * opening or reading the input gave. What was allocated in @t is the caller's to
 * free in any case.
 */
int verity_build(struct verity_tree *t)
{
	struct verity_job job = {
		.t	= t,
		.writer	= current,
	};
	int err;

	err = verity_open(&job);
	if (err)
		return err;

	err = verity_alloc_hash(&job);
	if (!err) {
		err = verity_hash(&job);
		verity_free_hash(&job);
	}
	fput(job.file);
	return err;
}
