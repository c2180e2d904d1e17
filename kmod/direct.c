// SPDX-License-Identifier: GPL-2.0
/*
 * Tasks that wait for a direct read or write
 *
 * Theory of operation
 *
 * The request is the kernel's own: an asynchronous kiocb, for the ->read_iter or ->write_iter of a
 * file that is opened with O_DIRECT. The device moves the bytes from or to the caller's memory,
 * and in the end its driver or the file system calls scopex_direct_over(), in any context but an
 * NMI, and perhaps before the call that has made the request returns. Or that call returns the
 * result, and there is no other call.
 *
 * No way back. A device that has the request can't give it back, and writes to the memory until it
 * is over. So there is no function that disarms: a cancelled task waits on, and a first-of waits
 * for a request that has lost. But a task whose scope is cancelled makes no request, and neither
 * does a task that does not want the result any more.
 *
 * The last touch. The task may run for another reason when the request gets over. So the waker
 * says that it is over, and claims the task, in one section under a lock in the await, and the task
 * looks under that lock. If the task sees that it is over, the waker has left the section, and
 * touches the task only if the claim has made it the task's owner. If the task does not see it,
 * the claim comes later, and the task is called once more.
 *
 * Sleeping. A request may have to wait for memory, for a lock of the file system, or for a
 * free place in the queue of the device. That would hold up the other tasks of the CPU. So the
 * request is first made with IOCB_NOWAIT, if the file knows that, and most go through. One
 * that would have slept comes back with -EAGAIN, at once or by scopex_direct_over(), and one to a
 * device that does not know the flag with -EOPNOTSUPP. It has moved nothing that counts: so the
 * task gives the CPU's queue to another worker, and makes the request again, and may sleep then.
 */

#include <linux/container_of.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/scopex_direct.h>
#include <linux/uio.h>

#include "direct.h"
#include "inject.h"
#include "misuse.h"
#include "text.h"

/* The mark of an await for which the task waits. Only the task writes the mark. */
#define SCOPEX_DIRECT_ARMED	1

static const struct scopex_await_ops scopex_direct_read_ops;
static const struct scopex_await_ops scopex_direct_write_ops;

/* A request was made since scopex was loaded. */
static bool scopex_direct_used;

static struct scopex_direct_await *scopex_await_to_direct(struct scopex_await *await)
{
	return container_of(await, struct scopex_direct_await, await);
}

static bool scopex_direct_writes(const struct scopex_direct_await *io)
{
	return io->await.ops == &scopex_direct_write_ops;
}

/* The file system that can't be frozen before the request is over; NULL for any other request. */
static struct super_block *scopex_direct_written(const struct scopex_direct_await *io)
{
	struct inode *inode = file_inode(io->iocb.ki_filp);

	return scopex_direct_writes(io) && S_ISREG(inode->i_mode) ? inode->i_sb : NULL;
}

/*
 * A file system that is being frozen lets no write begin, until it is thawed. Returns false if that
 * is so, and the request must not sleep.
 */
static bool scopex_direct_begin_write(struct scopex_direct_await *io)
{
	struct super_block *sb = scopex_direct_written(io);

	if (!sb)
		return true;
	if (!io->nowait)
		sb_start_write(sb);
	else if (!sb_start_write_trylock(sb))
		return false;
	/* For lockdep: the write may end in another thread. */
	__sb_writers_release(sb, SB_FREEZE_WRITE);
	return true;
}

static void scopex_direct_end_write(struct scopex_direct_await *io)
{
	struct super_block *sb = scopex_direct_written(io);

	if (!sb)
		return;
	__sb_writers_acquired(sb, SB_FREEZE_WRITE);
	sb_end_write(sb);
}

/* The request is over. The driver or the file system calls this. */
static void scopex_direct_over(struct kiocb *iocb, long ret)
{
	struct scopex_direct_await *io = container_of(iocb, struct scopex_direct_await, iocb);
	struct scopex_task *task = scopex_await_task(&io->await);
	unsigned long flags;
	bool claimed;

	scopex_direct_end_write(io);
	raw_spin_lock_irqsave(&io->lock, flags);
	io->result = ret;
	io->over = true;
	claimed = scopex_wake_claim(task);
	scopex_inject(SCOPEX_INJECT_DIRECT);
	raw_spin_unlock_irqrestore(&io->lock, flags);
	/* The object may be gone. A claimed task stays until it is pushed. */
	if (claimed)
		scopex_wake_push(task);
}

static bool scopex_direct_is_over(struct scopex_direct_await *io)
{
	unsigned long flags;
	bool over;

	raw_spin_lock_irqsave(&io->lock, flags);
	over = io->over;
	raw_spin_unlock_irqrestore(&io->lock, flags);
	return over;
}

/* Make the request. It may be over, and scopex_direct_over() called, before this returns. */
static void scopex_direct_submit(struct scopex_direct_await *io, bool nowait)
{
	struct file *file = io->iocb.ki_filp;
	struct iov_iter iter;
	ssize_t ret = -EAGAIN;

	io->over = false;
	io->nowait = nowait;
	init_sync_kiocb(&io->iocb, file);
	io->iocb.ki_pos = io->pos;
	io->iocb.ki_complete = scopex_direct_over;
	if (nowait)
		io->iocb.ki_flags |= IOCB_NOWAIT;
	else
		scopex_will_block();
	if (scopex_direct_begin_write(io)) {
		if (scopex_direct_writes(io)) {
			io->iocb.ki_flags |= IOCB_WRITE;
			iov_iter_bvec(&iter, ITER_SOURCE, &io->vec, 1, io->vec.bv_len);
			ret = file->f_op->write_iter(&io->iocb, &iter);
		} else {
			iov_iter_bvec(&iter, ITER_DEST, &io->vec, 1, io->vec.bv_len);
			ret = vfs_iocb_iter_read(file, &io->iocb, &iter);
		}
		if (ret == -EIOCBQUEUED)
			return;
		scopex_direct_end_write(io);
	}
	io->result = ret;
	io->over = true;
}

/* Returns true if the request has failed only because it must not sleep. */
static bool scopex_direct_would_sleep(const struct scopex_direct_await *io)
{
	return io->nowait && (io->result == -EAGAIN || io->result == -EOPNOTSUPP);
}

static int scopex_direct_look(struct scopex_direct_await *io, bool wanted)
{
	if (!scopex_direct_is_over(io))
		return SCOPEX_PENDING;
	if (unlikely(scopex_direct_would_sleep(io))) {
		if (!wanted)
			return -ECANCELED;
		scopex_direct_submit(io, false);
		if (!scopex_direct_is_over(io))
			return SCOPEX_PENDING;
	}
	return min_t(ssize_t, io->result, 0);
}

/* Is it over? A request whose result is wanted may have to be made again. */
static int scopex_direct_settle(struct scopex_await *await, bool wanted)
{
	int ret = scopex_direct_look(scopex_await_to_direct(await), wanted);

	await->mark = ret == SCOPEX_PENDING ? SCOPEX_DIRECT_ARMED : 0;
	return ret;
}

static int scopex_direct_ready(struct scopex_await *await)
{
	return scopex_direct_settle(await, !scopex_cancelled(scopex_await_task(await)->work.scope));
}

static int scopex_direct_give_up(struct scopex_await *await)
{
	return scopex_direct_settle(await, false);
}

/* Returns why the request can't be made, or 0. */
static int scopex_direct_check(const struct scopex_direct_await *io)
{
	const struct file *file = io->iocb.ki_filp;
	bool writes = scopex_direct_writes(io);

	if (unlikely(!io->vec.bv_page)) {
		scopex_misuse("task %ps gives a %s memory that is not mapped linearly",
			      scopex_await_task(&io->await)->fn, scopex_name(io->await.ops->name));
		return -EINVAL;
	}
	if (!(file->f_mode & (writes ? FMODE_WRITE : FMODE_READ)))
		return -EBADF;
	if (!(file->f_flags & O_DIRECT) ||
	    !(writes ? file->f_op->write_iter : file->f_op->read_iter))
		return -EOPNOTSUPP;
	return io->pos < 0 || io->pos > LLONG_MAX - (loff_t)io->vec.bv_len ? -EINVAL : 0;
}

static int scopex_direct_arm(struct scopex_await *await)
{
	struct scopex_direct_await *io = scopex_await_to_direct(await);
	int err;

	if (scopex_cancelled(scopex_await_task(await)->work.scope))
		return -ECANCELED;
	err = scopex_direct_check(io);
	if (err)
		return err;
	if (!READ_ONCE(scopex_direct_used))
		WRITE_ONCE(scopex_direct_used, true);
	raw_spin_lock_init(&io->lock);
	scopex_direct_submit(io, io->iocb.ki_filp->f_mode & FMODE_NOWAIT);
	return scopex_direct_ready(await);
}

/* Both without a way to disarm: the device may use the memory until the request is over. */
static const struct scopex_await_ops scopex_direct_read_ops = {
	.name = "direct read",
	.arm = scopex_direct_arm,
	.ready = scopex_direct_ready,
	.give_up = scopex_direct_give_up,
};

static const struct scopex_await_ops scopex_direct_write_ops = {
	.name = "direct write",
	.arm = scopex_direct_arm,
	.ready = scopex_direct_ready,
	.give_up = scopex_direct_give_up,
};

/* Returns false if a task waits for the request. Memory that was never an await does not wait. */
static bool scopex_direct_may_prepare(const struct scopex_await *await, unsigned long caller)
{
	if (likely(await->ops != &scopex_direct_read_ops &&
		   await->ops != &scopex_direct_write_ops) ||
	    likely(await->mark != SCOPEX_DIRECT_ARMED))
		return true;
	scopex_misuse("%pS prepares a %s for which a task waits", (void *)caller,
		      scopex_name(await->ops->name));
	return false;
}

static struct scopex_await *scopex_direct_prepare(struct scopex_direct_await *io,
						  const struct scopex_await_ops *ops,
						  struct file *file, const void *buf, size_t len,
						  loff_t pos, unsigned long caller)
{
	if (unlikely(!scopex_direct_may_prepare(&io->await, caller)))
		return &io->await;
	io->await.ops = ops;
	io->await.mark = 0;
	io->result = 0;
	io->pos = pos;
	io->vec.bv_page = virt_addr_valid(buf) ? virt_to_page(buf) : NULL;
	io->vec.bv_offset = offset_in_page(buf);
	io->vec.bv_len = min_t(size_t, len, MAX_RW_COUNT);
	io->iocb.ki_filp = file;
	return &io->await;
}

/**
 * scopex_direct_read() - read from a device or a file, past the page cache
 * @io: the await, a part of the task's object
 * @file: a block device or a file, opened with O_DIRECT
 * @buf: where the bytes go: memory of kmalloc() or of the page allocator, aligned as the device
 *	wants it; not of vmalloc(), and not on a stack
 * @len: how many bytes; a multiple of the device's block
 * @pos: where in the file; the same
 *
 * After the wait, &scopex_direct_await.result says how many bytes were read. These may be fewer
 * than @len, for example at the end of the file: the task then reads on from there, if it wants
 * more.
 *
 * What the device has begun it ends: so a cancellation does not end the wait, and first-of waits
 * for a read that has lost. @file and @buf must stay until the wait is over. A scope that is
 * cancelled already makes no request.
 *
 * A request that can't be made without sleeping gives the CPU's queue to another worker, as after
 * scopex_will_block(), and then sleeps. To files without FMODE_NOWAIT this applies to each
 * request. Such a file may also read at once, in the task.
 *
 * An await for which the task waits can't be prepared anew: this warns, and the request goes on as
 * it is.
 *
 * Context: the function of a task, in the argument of scopex_await() or of the first scopex_poll(),
 * where the task may sleep.
 *
 * Return: the await for scopex_poll(), which returns 0 if bytes were read, or the end of the file
 * was met; the error of the device or file, where -EINVAL often means that something is not
 * aligned; -EOPNOTSUPP if @file is not opened with O_DIRECT, -EBADF if it is not opened for
 * reading; -ECANCELED if the scope was cancelled before; with a warning, -EINVAL for memory of
 * another kind.
 */
struct scopex_await *scopex_direct_read(struct scopex_direct_await *io, struct file *file,
					void *buf, size_t len, loff_t pos)
{
	return scopex_direct_prepare(io, &scopex_direct_read_ops, file, buf, len, pos,
				     _RET_IP_);
}
EXPORT_SYMBOL_GPL(scopex_direct_read);

/**
 * scopex_direct_write() - write to a device or a file, past the page cache
 * @io: the await, a part of the task's object
 * @file: a block device or a file, opened with O_DIRECT
 * @buf: the bytes, in memory as for scopex_direct_read()
 * @len: how many bytes; a multiple of the device's block
 * @pos: where in the file; the same
 *
 * All is as for scopex_direct_read(). That the wait is over does not mean that the bytes would
 * survive a power failure: that takes a file that is opened with O_DSYNC, too.
 *
 * Context: as for scopex_direct_read().
 *
 * Return: as for scopex_direct_read().
 */
struct scopex_await *scopex_direct_write(struct scopex_direct_await *io, struct file *file,
					 const void *buf, size_t len, loff_t pos)
{
	return scopex_direct_prepare(io, &scopex_direct_write_ops, file, buf, len, pos,
				     _RET_IP_);
}
EXPORT_SYMBOL_GPL(scopex_direct_write);

/**
 * scopex_direct_exit() - wait for those that have told that a request is over
 *
 * Each task has seen that by now. But the one that has told it may still be on its way out of
 * scopex.
 *
 * Context: process context; sleeps.
 */
void scopex_direct_exit(void)
{
	if (!scopex_direct_used)
		return;
	/* In an interrupt, or with preemption off. */
	synchronize_rcu();
	/* In a thread, which may be preempted there. */
	synchronize_rcu_tasks();
}
