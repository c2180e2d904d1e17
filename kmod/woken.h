/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tasks that a waker has claimed, and has not yet queued
 *
 * A waker claims tasks under the lock of what they wait for, and queues them after it has released
 * that lock. A claimed task is in no list and in no queue, so the link of its item is free for the
 * chain. The chain is bounded, as it is made with interrupts off: each kind of await says what
 * becomes of those that found no room.
 */
#ifndef _SCOPEX_WOKEN_H
#define _SCOPEX_WOKEN_H

#include <linux/llist.h>
#include <linux/scopex_task.h>

#include "item.h"
#include "task.h"

/* How many tasks a waker of an await wakes in one section. */
#define SCOPEX_WOKEN_MAX	32

/**
 * struct scopex_woken - a chain of claimed tasks, the first one first
 * @first: the first one; valid after scopex_woken_push()
 * @end: where the next one is to be stored
 * @room: for how many more there is room
 */
struct scopex_woken {
	struct llist_node	*first;
	struct llist_node	**end;
	unsigned int		room;
};

static inline void scopex_woken_init(struct scopex_woken *woken, unsigned int room)
{
	woken->end = &woken->first;
	woken->room = room;
}

/* Wake a task, short of queueing it. Under the lock that its disarm takes. */
static inline void scopex_woken_add(struct scopex_woken *woken, struct scopex_task *task)
{
	woken->room--;
	if (!scopex_wake_claim(task))
		return;
	*woken->end = &task->work.node;
	woken->end = &task->work.node.next;
}

/* Queue the tasks of the chain, without the lock. What they have waited for may be gone by now. */
static inline void scopex_woken_push(struct scopex_woken *woken)
{
	struct llist_node *node, *next;

	*woken->end = NULL;
	for (node = woken->first; node; node = next) {
		next = node->next;
		scopex_wake_push(scopex_work_to_task(scopex_node_to_work(node)));
	}
}

#endif /* _SCOPEX_WOKEN_H */
