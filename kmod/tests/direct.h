/* SPDX-License-Identifier: GPL-2.0 */
/* scopex_test: a file of the tests, whose direct reads and writes end as a test wants it */
#ifndef _SCOPEX_TEST_DIRECT_H
#define _SCOPEX_TEST_DIRECT_H

#include <linux/fs.h>
#include <linux/ktime.h>

#include "test.h"

/* direct.sh has opened a disk, or a file, under this number. */
#define TEST_DISK	8

/**
 * enum test_reply - what a file of the tests does with a request
 * @LATER: the test ends it by test_disk_end()
 * @EARLY: it is over before the call that makes it returns
 * @AT_ONCE: the call returns the result
 */
enum test_reply {
	LATER,
	EARLY,
	AT_ONCE,
};

/**
 * struct test_disk - what is behind a file of the tests
 * @iocb: the request that is not over yet, or NULL
 * @reply: what it does with a request
 * @result: the result for EARLY and AT_ONCE
 * @busy: the result of a request that must not sleep; 0: as of any other
 * @gate: where a request stops that may sleep; may be NULL
 * @asked: how many requests were made
 * @pos: where the last one began
 * @len: how many bytes that were
 * @flags: its flags
 * @writes: it was a write
 * @through: when the thread that has ended it was through with that
 */
struct test_disk {
	struct kiocb		*iocb;
	enum test_reply		reply;
	long			result;
	int			busy;
	struct test_gate	*gate;
	unsigned int		asked;
	loff_t			pos;
	size_t			len;
	int			flags;
	bool			writes;
	ktime_t			through;
};

void test_disk_end(struct test_disk *disk, long result);
struct file *test_disk_open(struct scopex_test *test, struct test_disk *disk);
void test_disk_be(struct test_disk *disk, struct file *file);

#endif /* _SCOPEX_TEST_DIRECT_H */
