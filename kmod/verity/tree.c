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
 * The work. Digests are made independently of each other, so a level is a scopex_for()
 * over parts of it, of 8 blocks: the writer does some, CPUs that are idle others. A part
 * is as short as a read is cheap, as the CPUs end together but for a part. The end of the
 * loop is where the digests become visible to everybody, as the next level needs them.
 *
 * A loop uses whatever CPUs are idle. A request that names CPUs wants these, busy or not,
 * and no others, not even the writer's: items can do that. So each of these CPUs gets an
 * item, a lane, which claims parts until all are claimed. And for comparison, a request can
 * have the same done without scopex: see peers.c. The ways differ only in the tasks that do
 * the parts. See struct verity_way. All these read by the page cache, and wait for a read in
 * their threads; direct.c has another way.
 *
 * All lanes end early with the first error, and when a fatal signal hits the writer; then
 * each CPU still does the part that it has begun. The lane that fails first stores
 * the reason in the job, and the writer logs it when all lanes have ended.
 *
 * The lanes, the job and all that it points to belong to the writer, on whose stack
 * the scope lives; a buffer belongs to the thread that does a part, and then waits for the
 * next one on its CPU. Nothing here counts references or outlives the call.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/math.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/namei.h>
#include <linux/overflow.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/scopex.h>
#include <linux/scopex_loop.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/time64.h>
#include <linux/vmalloc.h>
#include <crypto/hash.h>

#include "verity.h"

/* How many digests a hash block holds. */
#define VERITY_FANOUT		(VERITY_BLOCK_SIZE / SHA256_DIGEST_SIZE)

/*
 * 2^51 data blocks are more than a file can have; each level holds a 128th of
 * them, and one more is the root hash.
 */
#define VERITY_LEVELS_MAX	9

/**
 * struct verity_lane - the item on a CPU that the request names
 * @work: the work item
 * @job: what it is part of
 */
struct verity_lane {
	struct scopex_work	work;
	struct verity_job	*job;
};

/**
 * verity_failed() - store the reason of a failure for the writer, unless one is stored already
 * @job: the build
 * @what: what failed
 * @where: which byte, part or CPU that was
 * @err: the error
 *
 * Return: @err.
 */
int verity_failed(struct verity_job *job, const char *what, u64 where, int err)
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
		got = job->t->direct ? verity_read_direct(job, buf, len, &pos) :
				       kernel_read(job->file, buf, len, &pos);
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

/* Make @n digests, of the blocks at @data. */
static int verity_digests(struct verity_job *job, const u8 *data, u8 *digest, u32 n)
{
	SHASH_DESC_ON_STACK(desc, job->tfm);
	int err = 0;

	desc->tfm = job->tfm;
	for (; n && !err; n--) {
		err = crypto_shash_import(desc, job->salted) ?:
		      crypto_shash_finup(desc, data, VERITY_BLOCK_SIZE, digest);
		data += VERITY_BLOCK_SIZE;
		digest += SHA256_DIGEST_SIZE;
	}
	return err;
}

/**
 * verity_alloc_part() - allocate memory for a part of the input
 * @job: the build
 *
 * Context: process context; sleeps.
 *
 * Return: the memory, for kvfree() or, with direct=, for kfree() as well; or NULL.
 */
void *verity_alloc_part(const struct verity_job *job)
{
	size_t len = (size_t)job->t->part_blocks << VERITY_BLOCK_SHIFT;

	return job->t->direct ? kmalloc(len, GFP_KERNEL) : kvmalloc(len, GFP_KERNEL);
}

/* Make the digests of blocks of the current level. */
static int verity_hash_blocks(struct verity_job *job, const u8 *data, u64 block, u32 n)
{
	int err = verity_digests(job, data, job->level->dst + block * SHA256_DIGEST_SIZE, n);

	return err ? verity_failed(job, "no sha256 for block", block, err) : 0;
}

/**
 * verity_hash_input() - make the digests of a part of the input, and take the time
 * @job: the build
 * @buf: the part
 * @block: its first block
 * @n: how many there are
 *
 * Context: process context.
 *
 * Return: 0 or a negative errno, whose reason is stored.
 */
int verity_hash_input(struct verity_job *job, const u8 *buf, u64 block, u32 n)
{
	u64 begin = job->t->direct ? ktime_get_ns() : 0;
	int err = verity_hash_blocks(job, buf, block, n);

	if (job->t->direct)
		atomic64_add(ktime_get_ns() - begin, &job->hash_ns);
	return err;
}

/* Read a part of the input, and make its digests. */
static int verity_fill_from_input(struct verity_job *job, u64 block, u32 n)
{
	u64 begin = job->t->direct ? ktime_get_ns() : 0;
	void *buf;
	int err;

	atomic64_add(n, &job->begun);
	/* To allocate one for each part would be dear, as the kernel may clear it. */
	buf = this_cpu_xchg(*job->spare, NULL) ?: verity_alloc_part(job);
	if (!buf)
		return verity_failed(job, "no buffer for block", block, -ENOMEM);
	err = verity_read(job, buf, block, n);
	if (job->t->direct)
		atomic64_add(ktime_get_ns() - begin, &job->read_ns);
	if (!err)
		err = verity_hash_input(job, buf, block, n);
	kvfree(this_cpu_xchg(*job->spare, buf));
	return err;
}

/* Make the digests of a part of the current level. */
static int verity_fill(struct verity_job *job, u64 part)
{
	const struct verity_level *level = job->level;
	u64 block = part * job->t->part_blocks;
	u32 n = min_t(u64, level->src_blocks - block, job->t->part_blocks);

	if (!level->src)
		return verity_fill_from_input(job, block, n);
	return verity_hash_blocks(job, level->src + (block << VERITY_BLOCK_SHIFT), block, n);
}

/**
 * verity_fill_here() - do a part of the current level, and tell that this CPU was used
 * @job: the build
 * @part: which part
 *
 * Context: process context; sleeps.
 *
 * Return: 0 or a negative errno.
 */
int verity_fill_here(struct verity_job *job, u64 part)
{
	unsigned int cpu = raw_smp_processor_id();

	/* It is not known beforehand which CPUs help. */
	if (!cpumask_test_cpu(cpu, job->t->cpus))
		cpumask_set_cpu(cpu, job->t->cpus);
	return verity_fill(job, part);
}

/* The loop's way: its numbers are parts, one at a time. */
static int verity_part(const struct scopex_range *range)
{
	return verity_fill_here(range->arg, range->first);
}

static int verity_loop_level(struct verity_job *job)
{
	return scopex_for(0, job->level->parts, verity_part, .arg = job, .grain = 1,
			  .flags = SCOPEX_KILLABLE);
}

const struct verity_way verity_by_loop = {
	.level	= verity_loop_level,
};

/* The item's way, on a CPU that the request names. */
static int verity_lane(struct scopex_work *work)
{
	struct verity_job *job = container_of(work, struct verity_lane, work)->job;
	struct scopex_scope *scope = scopex_work_scope(work);
	int err = 0;

	/* The CPU's other items need not wait for the disk, and the whole level. */
	scopex_will_block();
	while (!err && !scopex_cancelled(scope)) {
		u64 part = atomic64_fetch_inc(&job->next);

		if (part >= job->level->parts)
			break;
		err = verity_fill(job, part);
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

const struct verity_way verity_by_items = {
	.level	= verity_on_cpus,
};

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
		levels[nr].parts = DIV_ROUND_UP_ULL(blocks, t->part_blocks);
		blocks = DIV_ROUND_UP_ULL(blocks, VERITY_FANOUT);
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

static void verity_free_hash(struct verity_job *job)
{
	unsigned int cpu;

	if (job->spare)
		for_each_possible_cpu(cpu)
			kvfree(*per_cpu_ptr(job->spare, cpu));
	free_percpu(job->spare);
	kfree(job->salted);
	crypto_free_shash(job->tfm);
}

/* Allocate sha256, its state after the salt, and room for buffers. */
static int verity_alloc_hash(struct verity_job *job)
{
	SHASH_DESC_ON_STACK(desc, job->tfm);
	int err = -ENOMEM;

	job->tfm = crypto_alloc_shash("sha256", 0, 0);
	if (IS_ERR(job->tfm)) {
		err = PTR_ERR(job->tfm);
		pr_err("can't have sha256: %pe\n", job->tfm);
		/* Not to be taken for a missing input. */
		return err == -ENOENT ? -ENOPKG : err;
	}

	job->spare = alloc_percpu(void *);
	job->salted = kmalloc(crypto_shash_statesize(job->tfm), GFP_KERNEL);
	if (job->spare && job->salted) {
		desc->tfm = job->tfm;
		err = crypto_shash_init(desc) ?:
		      crypto_shash_update(desc, job->t->salt, job->t->salt_len) ?:
		      crypto_shash_export(desc, job->salted);
	}
	if (err) {
		pr_err("sha256 of the salt failed: %pe\n", ERR_PTR(err));
		verity_free_hash(job);
	}
	return err;
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

	job->file = filp_open(t->path, O_RDONLY | O_LARGEFILE | (t->direct ? O_DIRECT : 0), 0);
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

/* Make the digests of all levels; the first one reads the input. */
static int verity_hash(struct verity_job *job)
{
	struct verity_level levels[VERITY_LEVELS_MAX];
	struct verity_tree *t = job->t;
	int nr, err = 0;
	ktime_t start;

	nr = verity_plan(t, levels);
	if (nr < 0)
		return nr;

	start = ktime_get();
	for (int i = 0; i < nr && !err; i++) {
		job->level = &levels[i];
		atomic64_set(&job->next, 0);
		err = t->way->level(job);
	}
	t->elapsed_us = ktime_us_delta(ktime_get(), start);
	if (job->spent_ns)
		t->elapsed_us = div_u64(job->spent_ns, NSEC_PER_USEC);
	t->lanes = cpumask_weight(t->cpus);
	t->read_ns = div64_u64(atomic64_read(&job->read_ns), levels[0].parts);
	t->hash_ns = div64_u64(atomic64_read(&job->hash_ns), levels[0].parts);

	if (err == -EINTR && fatal_signal_pending(current))
		pr_err("%s: the writer was killed, at data block %lld of %llu\n",
		       t->shown, atomic64_read(&job->begun), t->data_blocks);
	else if (err)
		pr_err("%s: %s %llu: %pe, at data block %lld of %llu\n",
		       t->shown, job->failed, job->where, ERR_PTR(err),
		       atomic64_read(&job->begun), t->data_blocks);
	return err;
}

static int verity_hash_by(struct verity_job *job)
{
	const struct verity_way *way = job->t->way;
	int err = 0;

	if (way->open)
		err = way->open(job);
	if (err)
		pr_err("%s: by=%s: %pe\n", job->t->shown, way->name, ERR_PTR(err));
	else
		err = verity_hash(job);
	if (way->close)
		way->close(job);
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
		err = verity_hash_by(&job);
		verity_free_hash(&job);
	}
	fput(job.file);
	return err;
}
