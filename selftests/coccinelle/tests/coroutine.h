/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests of coroutine.cocci have in common. */
#ifndef COROUTINE_H
#define COROUTINE_H

#include <linux/cleanup.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/scopex_sync.h>
#include <linux/scopex_timer.h>
#include <linux/spinlock.h>

struct part {
	int	n;
};

struct message {
	int		n;
	int		many[4];
	struct part	part;
};

/* What lasts from one call to the next. */
struct coroutine {
	struct scopex_task	task;
	struct scopex_timer	timer;
	struct scopex_channel	channel;
	struct scopex_transfer	transfer;
	struct list_head	list;
	struct list_head	node;
	struct coroutine	*other;
	struct message		*message;
	struct sock		*sk;
	unsigned int		i;
	int			err;
	struct mutex		mutex;	/* of nothing */
	spinlock_t		lock;	/* of nothing */
	struct semaphore	sem;
};

int next(int n);
void get(int *n);
void fill(char *buf, int n);
void take(struct coroutine *c);
void note(int n);

#endif /* COROUTINE_H */
