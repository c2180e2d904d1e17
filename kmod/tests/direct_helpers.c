// SPDX-License-Identifier: GPL-2.0
/* A file of the tests, whose direct reads and writes end as a test wants it */

#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/uio.h>

#include "direct.h"

/* End the request, as a device does. */
void test_disk_end(struct test_disk *disk, long result)
{
	struct kiocb *iocb = xchg(&disk->iocb, NULL);

	iocb->ki_complete(iocb, result);
}

static ssize_t disk_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	struct test_disk *disk = iocb->ki_filp->private_data;
	long result = disk->result;

	disk->pos = iocb->ki_pos;
	disk->len = iov_iter_count(iter);
	disk->flags = iocb->ki_flags;
	disk->writes = iov_iter_rw(iter) == WRITE;
	WRITE_ONCE(disk->asked, disk->asked + 1);
	if (iocb->ki_flags & IOCB_NOWAIT) {
		result = disk->busy ?: result;
		if (disk->busy && disk->reply == LATER)
			return disk->busy;
	} else if (disk->gate) {
		complete(&disk->gate->reached);
		until_told(&disk->gate->go);
	}
	switch (disk->reply) {
	case EARLY:
		iocb->ki_complete(iocb, result);
		return -EIOCBQUEUED;
	case AT_ONCE:
		return result;
	default:
		/* Release: from now on the test may end it; pairs with in_flight() of a test. */
		smp_store_release(&disk->iocb, iocb);
		return -EIOCBQUEUED;
	}
}

static const struct file_operations disk_fops = {
	.owner = THIS_MODULE,
	.read_iter = disk_iter,
	.write_iter = disk_iter,
};

static void disk_flags(struct file *file)
{
	file->f_flags |= O_DIRECT;
	file->f_iocb_flags |= IOCB_DIRECT;
	file->f_mode |= FMODE_NOWAIT;
}

/* From now on a file that is opened does as the one of test_disk_open() does. */
void test_disk_be(struct test_disk *disk, struct file *file)
{
	const struct file_operations *fops = &disk_fops;

	*disk = (struct test_disk){ };
	replace_fops(file, fops_get(fops));
	file->private_data = disk;
	disk_flags(file);
}

struct file *test_disk_open(struct scopex_test *test, struct test_disk *disk)
{
	struct file *file;

	*disk = (struct test_disk){ };
	file = anon_inode_getfile("[scopex_disk]", &disk_fops, disk, O_RDWR);
	if (!EXPECT(test, !IS_ERR(file)))
		return NULL;
	disk_flags(file);
	return file;
}
