/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of scopex_verity.ko share. */
#ifndef _SCOPEX_VERITY_H
#define _SCOPEX_VERITY_H

#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/kref.h>
#include <linux/limits.h>
#include <linux/types.h>
#include <crypto/sha2.h>

struct crypto_shash;
struct file;

#define VERITY_BLOCK_SHIFT	12
#define VERITY_BLOCK_SIZE	4096U

/* A part of a level: so many blocks are read at once, and get their digests. With direct=: most. */
#define VERITY_PART_BLOCKS	8U
#define VERITY_DIRECT_MAX	32U

/* How many tasks of a CPU a request can have. */
#define VERITY_TASKS_MAX	256U

/* The longest salt that a dm-verity superblock can hold. */
#define VERITY_SALT_MAX		256

/* How much of an option that is refused is shown. */
#define VERITY_SHOWN_MAX	128

struct verity_job;

/**
 * struct verity_way - a way to have the parts of a level done
 * @name: what a request calls it; NULL if it is not called by a name
 * @open: makes the threads that do them; NULL if there is nothing to be made
 * @close: the reverse
 * @level: does all parts of the level, and returns 0 or a negative errno
 */
struct verity_way {
	const char	*name;
	int		(*open)(struct verity_job *job);
	void		(*close)(struct verity_job *job);
	int		(*level)(struct verity_job *job);
};

extern const struct verity_way verity_by_loop, verity_by_items, verity_by_tasks;
const struct verity_way *verity_find_peer(const char *name);

/**
 * struct verity_tree - what was asked for, and the tree that came out
 * @ref: one for being the current result, one for each open file that shows it
 * @path: the input, as it was given
 * @shown: the same as the kernel log shows it, cut off where it is too long
 * @salt: the salt
 * @salt_len: its length; 0: no salt
 * @way: how it is built
 * @cpus: the CPUs that the request names; otherwise those that were used
 * @part_blocks: how many blocks a part has
 * @direct: they are read past the page cache
 * @tasks: how many tasks each CPU has; 0: no tasks
 * @lanes: how many these are
 * @elapsed_us: how long it took to hash
 * @read_ns: with @direct, how long it took to read a part, on average
 * @hash_ns: the same, to hash it
 * @data_blocks: the size of the input
 * @hash_blocks: the size of @tree
 * @levels: how many levels of hash blocks @tree has
 * @root: the root hash
 * @tree: the hash blocks, those of the top level first
 *
 * Constant once verity_build() is through with it.
 */
struct verity_tree {
	struct kref	ref;

	char		path[PATH_MAX];
	char		shown[PATH_MAX];
	u8		salt[VERITY_SALT_MAX];
	unsigned int	salt_len;
	const struct verity_way *way;
	cpumask_var_t	cpus;
	u32		part_blocks;
	bool		direct;
	unsigned int	tasks;

	unsigned int	lanes;
	u64		elapsed_us;
	u64		read_ns;
	u64		hash_ns;
	u64		data_blocks;
	u64		hash_blocks;
	unsigned int	levels;
	u8		root[SHA256_DIGEST_SIZE];
	u8		*tree;
};

/**
 * struct verity_level - digests to be made, and of what
 * @src: the blocks of the level below; NULL to read the input
 * @src_blocks: how many there are
 * @parts: how many parts these are
 * @dst: where the digests go, one after the other
 */
struct verity_level {
	const u8	*src;
	u64		src_blocks;
	u64		parts;
	u8		*dst;
};

/**
 * struct verity_job - one build, on the writer's stack
 * @t: the request and its result
 * @file: the input
 * @tfm: sha256
 * @salted: the state of sha256 after the salt, which every block starts from
 * @spare: for each CPU, a buffer that is not in use, or NULL
 * @level: the level that is worked at
 * @next: the next of its parts that a lane claims
 * @begun: how many data blocks have been begun
 * @read_ns: with direct=, how long all reads took
 * @hash_ns: the same, to hash what was read
 * @failed: what failed first, NULL if nothing did
 * @where: which byte, part or CPU that was
 * @team: what peers.c has for the way
 * @spent_ns: if not 0, how long it took, for a way that knows better than the writer
 */
struct verity_job {
	struct verity_tree		*t;
	struct file			*file;
	struct crypto_shash		*tfm;
	void				*salted;
	void * __percpu			*spare;
	const struct verity_level	*level;
	atomic64_t			next;
	atomic64_t			begun;
	atomic64_t			read_ns;
	atomic64_t			hash_ns;
	const char			*failed;
	u64				where;
	struct verity_team		*team;
	u64				spent_ns;
};

void *verity_alloc_part(const struct verity_job *job);
int verity_hash_input(struct verity_job *job, const u8 *buf, u64 block, u32 n);
ssize_t verity_read_direct(struct verity_job *job, void *buf, size_t len, loff_t *pos);
int verity_fill_here(struct verity_job *job, u64 part);
int verity_failed(struct verity_job *job, const char *what, u64 where, int err);
int verity_build(struct verity_tree *t);

#endif /* _SCOPEX_VERITY_H */
