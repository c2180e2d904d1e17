/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Direct reads and writes, which tasks of scopex can wait for
 *
 * A task embeds the await in its own object, with all that the request needs; scopex allocates
 * nothing for it.
 */
#ifndef _LINUX_SCOPEX_DIRECT_H
#define _LINUX_SCOPEX_DIRECT_H

#include <linux/bvec.h>
#include <linux/fs.h>
#include <linux/scopex_task.h>
#include <linux/spinlock.h>
#include <linux/types.h>

/**
 * struct scopex_direct_await - a task waits for a direct read or write
 * @await: the await
 * @result: how many bytes were read or written, or the error
 * @lock: protects @over, and the task from its end while a waker has it
 * @over: the request is over
 * @nowait: the request must fail before it sleeps
 * @pos: where in the file it begins
 * @vec: the memory
 * @iocb: the request
 *
 * All fields but @result are private to scopex.
 */
struct scopex_direct_await {
	struct scopex_await	await;
	ssize_t			result;
	raw_spinlock_t		lock;
	bool			over;
	bool			nowait;
	loff_t			pos;
	struct bio_vec		vec;
	struct kiocb		iocb;
};

struct scopex_await *scopex_direct_read(struct scopex_direct_await *io, struct file *file,
					void *buf, size_t len, loff_t pos);
struct scopex_await *scopex_direct_write(struct scopex_direct_await *io, struct file *file,
					 const void *buf, size_t len, loff_t pos);

#endif /* _LINUX_SCOPEX_DIRECT_H */
