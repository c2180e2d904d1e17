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
 * The work. Hash blocks are filled independently of each other, so a level is a
 * scopex_for() over them: the writer fills some, CPUs that are idle others. Its end
 * is where the digests become visible to everybody, as the next level needs them.
 *
 * A loop uses whatever CPUs are idle. A request that names CPUs wants these, busy or not,
 * and no others, not even the writer's: items can do that. So each of these CPUs gets an
 * item, a lane, which claims hash blocks until all are claimed. And to measure the cost of
 * scopex itself, a request can have the writer do all in a plain loop. The three ways
 * differ only in the task that calls verity_fill().
 *
 * All lanes end early with the first error, and when a fatal signal hits the writer; then
 * each CPU still fills the hash block that it has begun. The lane that fails first stores
 * the reason in the job, and the writer logs it when all lanes have ended.
 *
 * The lanes, the job and all that it points to belong to the writer, on whose stack
 * the scope lives; a buffer belongs to the thread that fills a hash block. Nothing
 * here counts references or outlives the call.
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
#include <linux/scopex_loop.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/vmalloc.h>
#include <crypto/hash.h>

#include "verity.h"

/* How much is read at once. */
#define VERITY_CHUNK_BLOCKS	32U
#define VERITY_CHUNK_SIZE	(VERITY_CHUNK_BLOCKS * VERITY_BLOCK_SIZE)

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
 */
struct verity_level {
	const u8	*src;
	u64		src_blocks;
	u8		*dst;
	u64		dst_blocks;
};

/**
 * struct verity_job - one build, on the writer's stack
 * @t: the request and its result
 * @file: the input
 * @tfm: sha256
 * @salted: the state of sha256 after the salt, which every block starts from
 * @level: the level that is worked at
 * @next: the next of its hash blocks that a lane claims
 * @begun: how many data blocks have been begun
 * @failed: what failed first, NULL if nothing did
 * @where: which byte, hash block or CPU that was
 */
struct verity_job {
	struct verity_tree		*t;
	struct file			*file;
	struct crypto_shash		*tfm;
	void				*salted;
	const struct verity_level	*level;
	atomic64_t			next;
	atomic64_t			begun;
	const char			*failed;
	u64				where;
};

/**
 * struct verity_lane - the item on a CPU that the request names
 * @work: the work item
 * @job: what it is part of
 */
struct verity_lane {
	struct scopex_work	work;
	struct verity_job	*job;
};

/* Store the reason of a failure for the writer, unless one is stored already. */
static int verity_failed(struct verity_job *job, const char *what, u64 where,
			 int err)
{
	/* The writer reads both when all lanes have ended. */
	if (!cmpxchg_relaxed(&job->failed, NULL, what))
		job->where = where;
	return err;
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
		/* The writer itself: that it can't read is not the file's fault. */
		if (fatal_signal_pending(current))
			return -EINTR;
		/* The size was checked before: it must have shrunk. */
		return verity_failed(job, "can't read at byte", pos,
				     got ?: -EIO);
	}
	return 0;
}

static int verity_digest(struct verity_job *job, struct shash_desc *desc,
			 const u8 *block, u8 *digest)
{
	int err = crypto_shash_import(desc, job->salted);

	return err ?: crypto_shash_finup(desc, block, VERITY_BLOCK_SIZE, digest);
}

/* Fill a hash block. @buf has room for a chunk; it is for the lowest level. */
static int verity_fill_from(struct verity_job *job, u64 index, u8 *buf)
{
	const struct verity_level *level = job->level;
	u8 *digest = level->dst + (index << VERITY_BLOCK_SHIFT);
	u64 block = index * VERITY_FANOUT;
	u64 end = min(block + VERITY_FANOUT, level->src_blocks);
	SHASH_DESC_ON_STACK(desc, job->tfm);
	int err;

	desc->tfm = job->tfm;
	while (block < end) {
		u32 n = min_t(u64, end - block, VERITY_CHUNK_BLOCKS);
		const u8 *data = buf;

		if (level->src) {
			data = level->src + (block << VERITY_BLOCK_SHIFT);
		} else {
			err = verity_read(job, buf, block, n);
			if (err)
				return err;
		}
		for (block += n; n; n--) {
			err = verity_digest(job, desc, data, digest);
			if (err)
				return verity_failed(job, "no sha256 for hash block",
						     index, err);
			data += VERITY_BLOCK_SIZE;
			digest += SHA256_DIGEST_SIZE;
		}
	}
	return 0;
}

/* Fill a hash block of the current level. */
static int verity_fill(struct verity_job *job, u64 index)
{
	u64 first = index * VERITY_FANOUT;
	u8 *buf;
	int err;

	if (job->level->src)
		return verity_fill_from(job, index, NULL);

	atomic64_add(min_t(u64, VERITY_FANOUT, job->t->data_blocks - first),
		     &job->begun);
	buf = kvmalloc(VERITY_CHUNK_SIZE, GFP_KERNEL);
	if (!buf)
		return verity_failed(job, "no buffer for hash block", index,
				     -ENOMEM);
	err = verity_fill_from(job, index, buf);
	kvfree(buf);
	return err;
}

/* The loop's way: its numbers are hash blocks, one at a time. */
static int verity_part(const struct scopex_range *range)
{
	struct verity_job *job = range->arg;
	unsigned int cpu = raw_smp_processor_id();

	/* It is not known beforehand which CPUs help. */
	if (!cpumask_test_cpu(cpu, job->t->cpus))
		cpumask_set_cpu(cpu, job->t->cpus);
	return verity_fill(job, range->first);
}

/* The item's way, on a CPU that the request names. */
static int verity_lane(struct scopex_work *work)
{
	struct verity_job *job = container_of(work, struct verity_lane, work)->job;
	struct scopex_scope *scope = scopex_work_scope(work);
	int err = 0;

	/* The CPU's other items need not wait for the disk, and the whole level. */
	scopex_will_block();
	while (!err && !scopex_cancelled(scope)) {
		u64 index = atomic64_fetch_inc(&job->next);

		if (index >= job->level->dst_blocks)
			break;
		err = verity_fill(job, index);
		cond_resched();
	}
	return err;
}

/* Fill the current level on the CPUs that were named, all of which must do. */
static int verity_on_cpus(struct verity_job *job)
{
	unsigned int cpu, nr = cpumask_weight(job->t->cpus);
	struct verity_lane *lanes, *lane;
	int err;

	lanes = kvcalloc(nr, sizeof(*lanes), GFP_KERNEL);
	if (!lanes)
		return verity_failed(job, "no memory for CPUs:", nr, -ENOMEM);

	lane = lanes;
	atomic64_set(&job->next, 0);
	scopex_scope(scope, .flags = SCOPEX_FAIL_FAST | SCOPEX_KILLABLE) {
		for_each_cpu(cpu, job->t->cpus) {
			scopex_work_init(&lane->work, verity_lane);
			lane->job = job;
			err = scopex_submit_on(scope, cpu, &lane->work);
			if (err) {
				/* Or has a lane failed already? */
				if (err != -ECANCELED)
					verity_failed(job, "no worker on CPU",
						      cpu, err);
				scopex_cancel(scope, err);
				break;
			}
			lane++;
		}
		err = scopex_join(scope);
	}
	kvfree(lanes);
	return err;
}

/* Fill the current level in a loop of this task's, without scopex. */
static int verity_plainly(struct verity_job *job)
{
	u64 index;
	int err = 0;

	for (index = 0; index < job->level->dst_blocks && !err; index++) {
		if (fatal_signal_pending(current))
			return -EINTR;
		err = verity_fill(job, index);
		cond_resched();
	}
	return err;
}

/* Make the digests of all levels; the first one reads the input. */
static int verity_hash_levels(struct verity_job *job,
			      const struct verity_level *levels, unsigned int nr)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < nr && !err; i++) {
		job->level = &levels[i];
		if (job->t->cpus_given)
			err = cpumask_empty(job->t->cpus) ? verity_plainly(job) :
							    verity_on_cpus(job);
		else
			err = scopex_for(0, levels[i].dst_blocks, verity_part,
					 .arg = job, .grain = 1,
					 .flags = SCOPEX_KILLABLE);
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
		       t->shown, t->hash_blocks);
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

static int verity_check_type(const char *shown, umode_t mode)
{
	if (S_ISREG(mode) || S_ISBLK(mode))
		return 0;
	pr_err("%s: neither a regular file nor a block device\n", shown);
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
		pr_err("%s: %pe\n", t->shown, ERR_PTR(err));
		return err;
	}
	err = verity_check_type(t->shown, d_backing_inode(path.dentry)->i_mode);
	path_put(&path);
	if (err)
		return err;

	job->file = filp_open(t->path, O_RDONLY | O_LARGEFILE, 0);
	if (IS_ERR(job->file)) {
		pr_err("%s: can't open: %pe\n", t->shown, job->file);
		return PTR_ERR(job->file);
	}

	err = verity_check_type(t->shown, file_inode(job->file)->i_mode);
	if (err)
		goto put_file;

	/* For a block device this is not the inode of the device node. */
	inode = job->file->f_mapping->host;
	size = i_size_read(inode);
	if (size <= 0) {
		pr_err("%s: is empty\n", t->shown);
		err = -ENODATA;
		goto put_file;
	}
	if (size % VERITY_BLOCK_SIZE) {
		pr_err("%s: size %lld is not a multiple of %u\n",
		       t->shown, size, VERITY_BLOCK_SIZE);
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

	start = ktime_get();
	err = verity_hash_levels(job, levels, nr);
	t->elapsed_us = ktime_us_delta(ktime_get(), start);
	t->lanes = cpumask_weight(t->cpus);

	if (err == -EINTR && fatal_signal_pending(current))
		pr_err("%s: the writer was killed, at data block %lld of %llu\n",
		       t->shown, atomic64_read(&job->begun), t->data_blocks);
	else if (err)
		pr_err("%s: %s %llu: %pe, at data block %lld of %llu\n",
		       t->shown, job->failed, job->where, ERR_PTR(err),
		       atomic64_read(&job->begun), t->data_blocks);
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
 * end, -ENODEV if a CPU that was named has no worker, -ENOPKG if there is no
 * sha256, -ENOMEM, -EINTR if the task was killed; else whatever opening or reading
 * the input gave. What was allocated in @t is the caller's to free in any case.
 */
int verity_build(struct verity_tree *t)
{
	struct verity_job job = { .t = t };
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
