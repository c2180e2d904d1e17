/* SPDX-License-Identifier: GPL-2.0 */
/* What the two files of scopex_verity.ko share. */
#ifndef _SCOPEX_VERITY_H
#define _SCOPEX_VERITY_H

#include <linux/cpumask.h>
#include <linux/kref.h>
#include <linux/limits.h>
#include <linux/types.h>
#include <crypto/sha2.h>

#define VERITY_BLOCK_SHIFT	12
#define VERITY_BLOCK_SIZE	4096U

/* How many digests a hash block holds. */
#define VERITY_FANOUT		(VERITY_BLOCK_SIZE / SHA256_DIGEST_SIZE)

/* The longest salt that a dm-verity superblock can hold. */
#define VERITY_SALT_MAX		256

/* How much of an option that is refused is shown. */
#define VERITY_SHOWN_MAX	128

/**
 * struct verity_tree - what was asked for, and the tree that came out
 * @ref: one for being the current result, one for each open file that shows it
 * @path: the input, as it was given
 * @shown: the same as the kernel log shows it, cut off where it is too long
 * @salt: the salt
 * @salt_len: its length; 0: no salt
 * @cpus_given: whether the request named the CPUs, so that it wants them all; or none,
 *	so that the writer is to do all
 * @cpus: those CPUs; otherwise those that were used
 * @lanes: how many these are
 * @elapsed_us: how long it took to hash
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
	bool		cpus_given;
	cpumask_var_t	cpus;

	unsigned int	lanes;
	u64		elapsed_us;
	u64		data_blocks;
	u64		hash_blocks;
	unsigned int	levels;
	u8		root[SHA256_DIGEST_SIZE];
	u8		*tree;
};

int verity_build(struct verity_tree *t);

#endif /* _SCOPEX_VERITY_H */
