// SPDX-License-Identifier: GPL-2.0
/*
 * scopex_verity: the dm-verity Merkle tree of a file or device, on all CPUs
 *
 * An example of what scopex is for, which uses only its public API.
 * The tree is that of dm-verity's format 1 with sha256 and blocks of 4096 bytes,
 * as "veritysetup format" makes it; how it is built is in tree.c. This file is
 * the interface, in the directory scopex_verity of debugfs, for root only:
 *
 *	build	Write "PATH [salt=HEX|-] [cpus=LIST|by=WAY] [direct=BYTES] [tasks=NR]", in one
 *		write(2), to have a tree built. The write returns when it is done, or why it is not;
 *		the log says more. PATH can't contain white space. The salt goes
 *		up to 256 bytes, and is empty by default. A build uses all CPUs of
 *		LIST, and no others; each needs a worker of scopex. The default is
 *		the writer's CPU, and those that are idle. With by= it is built without
 *		scopex, for comparison, on as many CPUs as there are: by=workqueue,
 *		kthread_worker or async; by=plain, in a loop of the writer's alone; or
 *		by=apart, which tells what the CPUs can do (see peers.c). A fatal signal
 *		for the writer ends the build. A second write at the same time gets -EBUSY.
 *		With direct= the input is read past the page cache, by requests of BYTES each,
 *		4096 to 131072. With tasks= (and direct=4096, if not given) each CPU of LIST, or
 *		each one that is online, has NR requests in flight: see direct.c.
 *	result	What came out, a key and a value on each line; with direct= also how many ns it
 *		takes to read the BYTES of a request, and to hash them, on average.
 *	tree	The hash blocks, top level first: with --no-superblock, a hash
 *		device. Empty for an input of one block, as with veritysetup.
 *
 * The result is that of the last build. It is dropped when a request arrives: as
 * long as that one runs, and once it has failed, opening result or tree gives
 * -ENODATA, so that no reader takes the hash of one input for that of another. A
 * reader that has them open goes on reading the same tree to its end.
 *
 * The input should not change during a build; as with veritysetup, nothing notices.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/ctype.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/kref.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/time64.h>
#include <linux/vmalloc.h>

#include "../text.h"
#include "verity.h"

/* Room for the longest path, the longest salt and a long list of CPUs. */
#define VERITY_REQUEST_MAX	(2 * PATH_MAX)

static struct dentry *verity_dir;

/* Held by the writer that builds. */
static DEFINE_MUTEX(verity_build_lock);

/* The result of the last build, or NULL; the lock is for getting references. */
static DEFINE_SPINLOCK(verity_last_lock);
static struct verity_tree *verity_last;

static void verity_free(struct kref *ref)
{
	struct verity_tree *t = container_of(ref, struct verity_tree, ref);

	vfree(t->tree);
	free_cpumask_var(t->cpus);
	kvfree(t);
}

static void verity_put(struct verity_tree *t)
{
	if (t)
		kref_put(&t->ref, verity_free);
}

static struct verity_tree *verity_alloc(void)
{
	struct verity_tree *t = kvzalloc(sizeof(*t), GFP_KERNEL);

	if (!t)
		return NULL;
	if (!zalloc_cpumask_var(&t->cpus, GFP_KERNEL)) {
		kvfree(t);
		return NULL;
	}
	kref_init(&t->ref);
	return t;
}

static struct verity_tree *verity_get_last(void)
{
	struct verity_tree *t;

	spin_lock(&verity_last_lock);
	t = verity_last;
	if (t)
		kref_get(&t->ref);
	spin_unlock(&verity_last_lock);
	return t;
}

/* Takes over the caller's reference. */
static void verity_set_last(struct verity_tree *t)
{
	struct verity_tree *old;

	spin_lock(&verity_last_lock);
	old = verity_last;
	verity_last = t;
	spin_unlock(&verity_last_lock);
	verity_put(old);
}

/* hex2bin() moved between headers, and this is shorter than to follow it. */
static int verity_hex_digit(char c)
{
	if (isdigit(c))
		return c - '0';
	return isxdigit(c) ? tolower(c) - 'a' + 10 : -1;
}

static int verity_parse_salt(struct verity_tree *t, const char *hex)
{
	size_t i, len = strlen(hex);
	char shown[VERITY_SHOWN_MAX];

	if (!strcmp(hex, "-"))
		return 0;
	if (len > 2 * VERITY_SALT_MAX) {
		pr_err("salt of %zu hex digits: the most is %u\n",
		       len, 2 * VERITY_SALT_MAX);
		return -E2BIG;
	}
	if (!len || len % 2)
		goto bad;
	for (i = 0; i < len; i += 2) {
		int high = verity_hex_digit(hex[i]);
		int low = verity_hex_digit(hex[i + 1]);

		if (high < 0 || low < 0)
			goto bad;
		t->salt[i / 2] = high << 4 | low;
	}
	t->salt_len = len / 2;
	return 0;

bad:
	pr_err("salt=%s: not pairs of hex digits\n",
	       scopex_escape(shown, sizeof(shown), hex));
	return -EINVAL;
}

static int verity_parse_cpus(struct verity_tree *t, const char *list)
{
	char shown[VERITY_SHOWN_MAX];
	int err;

	t->way = &verity_by_items;
	scopex_escape(shown, sizeof(shown), list);
	err = cpulist_parse(list, t->cpus);
	if ((err && err != -ERANGE) || (!err && cpumask_empty(t->cpus))) {
		pr_err("cpus=%s: not a list of CPUs\n", shown);
		return -EINVAL;
	}
	if (err || !cpumask_subset(t->cpus, cpu_possible_mask)) {
		pr_err("cpus=%s: this machine can only have CPUs %*pbl\n",
		       shown, cpumask_pr_args(cpu_possible_mask));
		return -ENODEV;
	}
	return 0;
}

/* Returns a number that is not beyond its limits, else 0, and says so. */
static unsigned int verity_parse_number(const char *word, unsigned int most, unsigned int multiple)
{
	char shown[VERITY_SHOWN_MAX];
	unsigned int nr;

	if (!kstrtouint(strchr(word, '=') + 1, 10, &nr) && nr && nr <= most && !(nr % multiple))
		return nr;
	pr_err("%s: not a number up to %u, a multiple of %u\n",
	       scopex_escape(shown, sizeof(shown), word), most, multiple);
	return 0;
}

static int verity_parse_direct(struct verity_tree *t, const char *word)
{
	t->direct = true;
	t->part_blocks = verity_parse_number(word, VERITY_DIRECT_MAX * VERITY_BLOCK_SIZE,
					     VERITY_BLOCK_SIZE) >> VERITY_BLOCK_SHIFT;
	return t->part_blocks ? 0 : -EINVAL;
}

static int verity_parse_tasks(struct verity_tree *t, const char *word)
{
	t->tasks = verity_parse_number(word, VERITY_TASKS_MAX, 1);
	return t->tasks ? 0 : -EINVAL;
}

static int verity_parse_option(struct verity_tree *t, const char *word,
			       bool *salt_given)
{
	char shown[VERITY_SHOWN_MAX];

	if (strstarts(word, "salt=") && !*salt_given) {
		*salt_given = true;
		return verity_parse_salt(t, word + strlen("salt="));
	}
	if (strstarts(word, "cpus=") && !t->way)
		return verity_parse_cpus(t, word + strlen("cpus="));
	if (strstarts(word, "by=") && !t->way) {
		t->way = verity_find_peer(word + strlen("by="));
		if (t->way)
			return 0;
	}
	if (strstarts(word, "direct=") && !t->direct)
		return verity_parse_direct(t, word);
	if (strstarts(word, "tasks=") && !t->tasks)
		return verity_parse_tasks(t, word);

	pr_err("%s: expected salt=, direct=, tasks=, and cpus= or a way that is known as by=, after the path\n",
	       scopex_escape(shown, sizeof(shown), word));
	return -EINVAL;
}

/* What the options mean together */
static int verity_choose_way(struct verity_tree *t)
{
	if (t->tasks) {
		if (t->way && t->way != &verity_by_items) {
			pr_err("tasks=%u by=%s: tasks are a way of their own\n",
			       t->tasks, t->way->name);
			return -EINVAL;
		}
		if (!t->way)
			cpumask_copy(t->cpus, cpu_online_mask);
		t->way = &verity_by_tasks;
		if (!t->direct)
			t->part_blocks = 1;
		t->direct = true;
	}
	if (!t->way)
		t->way = &verity_by_loop;
	if (!t->direct)
		t->part_blocks = VERITY_PART_BLOCKS;
	return 0;
}

/* Fill in a request. @text is overwritten. */
static int verity_parse(struct verity_tree *t, char *text)
{
	bool salt_given = false;
	char *word;
	int err;

	text = strim(text);
	word = strsep(&text, " \t\n");
	if (!*word) {
		pr_err("empty request: expected PATH and options\n");
		return -EINVAL;
	}
	if (strscpy(t->path, word, sizeof(t->path)) < 0) {
		pr_err("path of more than %zu bytes\n", sizeof(t->path) - 1);
		return -ENAMETOOLONG;
	}
	scopex_escape(t->shown, sizeof(t->shown), word);

	while ((word = strsep(&text, " \t\n"))) {
		/* Two separators in a row. */
		if (!*word)
			continue;
		err = verity_parse_option(t, word, &salt_given);
		if (err)
			return err;
	}
	return verity_choose_way(t);
}

static int verity_request(const char __user *buf, size_t count)
{
	struct verity_tree *t;
	char *text;
	int err;

	if (count > VERITY_REQUEST_MAX) {
		pr_err("request of %zu bytes: the most is %u\n",
		       count, VERITY_REQUEST_MAX);
		return -E2BIG;
	}
	text = memdup_user_nul(buf, count);
	if (IS_ERR(text))
		return PTR_ERR(text);

	err = -ENOMEM;
	t = verity_alloc();
	if (!t)
		goto free_text;

	err = -EINVAL;
	if (strlen(text) != count)
		pr_err("request with a NUL byte in it\n");
	else
		err = verity_parse(t, text);
	if (!err)
		err = verity_build(t);
	if (!err)
		verity_set_last(t);
	else
		verity_put(t);
free_text:
	kfree(text);
	return err;
}

static ssize_t build_write(struct file *file, const char __user *buf,
			   size_t count, loff_t *ppos)
{
	int err;

	if (!mutex_trylock(&verity_build_lock)) {
		pr_err("busy: another build is under way\n");
		return -EBUSY;
	}
	verity_set_last(NULL);
	err = verity_request(buf, count);
	mutex_unlock(&verity_build_lock);

	return err ?: count;
}

static const struct file_operations build_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.write	= build_write,
	.llseek	= noop_llseek,
};

static int result_show(struct seq_file *m, void *unused)
{
	struct verity_tree *t = m->private;
	/* Overflows beyond 7 PiB, whose tree would take 57 TiB of memory. */
	u64 speed = div64_u64(t->data_blocks * 10 * USEC_PER_SEC,
			      max(t->elapsed_us, 1ULL) *
			      (SZ_1M / VERITY_BLOCK_SIZE));
	u32 tenths;

	speed = div_u64_rem(speed, 10, &tenths);
	seq_puts(m, "path ");
	seq_escape_str(m, t->path, SCOPEX_ESCAPE, "\\");
	seq_putc(m, '\n');
	seq_printf(m, "data_blocks %llu\n", t->data_blocks);
	seq_printf(m, "hash_blocks %llu\n", t->hash_blocks);
	seq_printf(m, "levels %u\n", t->levels);
	/* %*ph would stop after 64 bytes. */
	seq_puts(m, "salt ");
	for (unsigned int i = 0; i < t->salt_len; i++)
		seq_printf(m, "%02x", t->salt[i]);
	seq_puts(m, t->salt_len ? "\n" : "-\n");
	seq_printf(m, "cpus %*pbl\n", cpumask_pr_args(t->cpus));
	seq_printf(m, "lanes %u\n", t->lanes);
	seq_printf(m, "elapsed_us %llu\n", t->elapsed_us);
	seq_printf(m, "mib_per_s %llu.%u\n", speed, tenths);
	if (t->direct)
		seq_printf(m, "read_ns %llu\nhash_ns %llu\n", t->read_ns, t->hash_ns);
	seq_printf(m, "root_hash %*phN\n", (int)sizeof(t->root), t->root);
	return 0;
}

static int result_open(struct inode *inode, struct file *file)
{
	struct verity_tree *t = verity_get_last();
	int err;

	if (!t)
		return -ENODATA;
	err = single_open(file, result_show, t);
	if (err)
		verity_put(t);
	return err;
}

static int result_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;

	verity_put(m->private);
	return single_release(inode, file);
}

static const struct file_operations result_fops = {
	.owner	= THIS_MODULE,
	.open	= result_open,
	.read	= seq_read,
	.llseek	= seq_lseek,
	.release = result_release,
};

static int tree_open(struct inode *inode, struct file *file)
{
	file->private_data = verity_get_last();
	return file->private_data ? 0 : -ENODATA;
}

static ssize_t tree_read(struct file *file, char __user *buf, size_t count,
			 loff_t *ppos)
{
	struct verity_tree *t = file->private_data;

	return simple_read_from_buffer(buf, count, ppos, t->tree,
				       t->hash_blocks << VERITY_BLOCK_SHIFT);
}

static loff_t tree_llseek(struct file *file, loff_t offset, int whence)
{
	struct verity_tree *t = file->private_data;

	return fixed_size_llseek(file, offset, whence,
				 t->hash_blocks << VERITY_BLOCK_SHIFT);
}

static int tree_release(struct inode *inode, struct file *file)
{
	verity_put(file->private_data);
	return 0;
}

static const struct file_operations tree_fops = {
	.owner	= THIS_MODULE,
	.open	= tree_open,
	.read	= tree_read,
	.llseek	= tree_llseek,
	.release = tree_release,
};

static int __init verity_init(void)
{
	verity_dir = debugfs_create_dir(KBUILD_MODNAME, NULL);
	if (IS_ERR(verity_dir)) {
		pr_err("no debugfs: %pe\n", verity_dir);
		return PTR_ERR(verity_dir);
	}
	debugfs_create_file("build", 0200, verity_dir, NULL, &build_fops);
	debugfs_create_file("result", 0400, verity_dir, NULL, &result_fops);
	debugfs_create_file("tree", 0400, verity_dir, NULL, &tree_fops);
	return 0;
}

/* An open file holds the module: no task builds or reads by now. */
static void __exit verity_exit(void)
{
	debugfs_remove(verity_dir);
	verity_set_last(NULL);
}

module_init(verity_init);
module_exit(verity_exit);

MODULE_DESCRIPTION("dm-verity trees built on scopex, as an example");
MODULE_AUTHOR("The scopex authors");
MODULE_LICENSE("GPL");
/* The fastest sha256 there is, where that is a module of its own. */
MODULE_SOFTDEP("pre: crypto-sha256");
