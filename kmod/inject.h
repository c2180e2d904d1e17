/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Delays at chosen points of the protocol
 *
 * A test can hold a race open for as long as it likes. The delays are only in a module that
 * is built with CONFIG_SCOPEX_INJECT=y; otherwise a point is no code at all.
 */
#ifndef _SCOPEX_INJECT_H
#define _SCOPEX_INJECT_H

#include <linux/limits.h>
#include <linux/types.h>

/**
 * enum scopex_inject_point - the points where a test can put a delay
 * @SCOPEX_INJECT_TRYGET: a submitter has read the scope's state, and has not yet taken its
 *	reference
 * @SCOPEX_INJECT_REGISTER: the first submitter holds the lock of the list of scopes
 * @SCOPEX_INJECT_PUSH: a submitter has its reference, and has not yet queued the item
 * @SCOPEX_INJECT_WAKE: a submitter has queued the item on a parked CPU, and has not yet
 *	woken the worker
 * @SCOPEX_INJECT_PARK: the worker has parked its queue, and still looks awake
 * @SCOPEX_INJECT_POP: the worker has put its mark in place of its CPU's stealable items, and
 *	still has to store the rest
 * @SCOPEX_INJECT_GIVE: a worker holds the stealable items of a CPU
 * @SCOPEX_INJECT_SEARCHED: a worker has looked for items to steal, and has not yet looked again
 * @SCOPEX_INJECT_LOOK: the watchdog is about to look at all workers
 * @SCOPEX_INJECT_COMPLETED: the worker has completed an item
 * @SCOPEX_INJECT_LAST_PUT: the worker has given back the last reference of a scope whose
 *	owner waits, and has not yet woken the owner
 * @SCOPEX_INJECT_CLOSE: the owner has found its scope drained, and has not yet closed it
 * @SCOPEX_INJECT_HAND_OVER: a worker has taken another one from the standby, and has not yet
 *	given it the queue
 * @SCOPEX_INJECT_UNHANDED: a worker has found none on standby, and has not yet made its
 *	queue unserved
 * @SCOPEX_INJECT_LEFT: a worker has left its queue unserved, and has not yet looked again
 *	for a worker on standby
 * @SCOPEX_INJECT_TAKE_OVER: a worker on standby is counted off for an unserved queue, which
 *	is not taken yet
 * @SCOPEX_INJECT_TAKEN: the same, and another one has taken the unserved queue; the count is
 *	not given back yet
 * @SCOPEX_INJECT_SERIAL_RUN: the owner of a serial scope, which it waits for, has run the items
 *	that were there, and has not yet set its task state
 * @SCOPEX_INJECT_OPEN_NESTED: an item opens a scope, and has not yet listed it for
 *	cancellations
 * @SCOPEX_INJECT_OFFER: a loop was offered to a CPU, and its worker is not woken yet
 * @SCOPEX_INJECT_CANCEL_STEP: a cancellation goes one step through the scopes below
 * @SCOPEX_INJECT_WALK_LATER: a cancellation has not reached all scopes, and has not yet left
 *	the rest to the timer
 * @SCOPEX_INJECT_NOT_COMPLETED: a worker has no item any more, as the item is completed
 *	together with its scope, or deferred
 * @SCOPEX_INJECT_AGAIN: a worker has queued an item again, or lets a task wait, and must not touch
 *	either any more
 * @SCOPEX_INJECT_VISIT: a walk through all open scopes has a reference on one of them
 * @SCOPEX_INJECT_WAIT_WAKE: a waker of a wait queue has claimed a task, and the task's entry is in
 *	the queue yet
 * @SCOPEX_INJECT_GRACE: RCU has called back after a grace period
 * @SCOPEX_INJECT_DIRECT: a direct read or write is over, its task is claimed, and the lock that the
 *	task takes is held
 * @SCOPEX_INJECT_TASK_LIST: a task is about to wait for the first time, and a canceller does not
 *	find it yet
 * @SCOPEX_INJECT_TASK_WAIT: a task is about to wait, and its state does not say so yet
 * @SCOPEX_INJECT_TASK_PUSH: a waker has claimed a task, and has not yet queued it
 * @SCOPEX_INJECT_END_ROUND: a join has drained its scope, and has not yet cleared the mark
 * @SCOPEX_INJECT_TIMER_START: a CPU's hrtimer is about to be started
 * @SCOPEX_INJECT_TIMER_POP: the interrupt of a timer has taken a task's timer out of the queue, and
 *	has not yet claimed the task
 * @SCOPEX_INJECT_POINTS: the number of points
 */
enum scopex_inject_point {
	SCOPEX_INJECT_TRYGET,
	SCOPEX_INJECT_REGISTER,
	SCOPEX_INJECT_PUSH,
	SCOPEX_INJECT_WAKE,
	SCOPEX_INJECT_PARK,
	SCOPEX_INJECT_POP,
	SCOPEX_INJECT_GIVE,
	SCOPEX_INJECT_SEARCHED,
	SCOPEX_INJECT_LOOK,
	SCOPEX_INJECT_COMPLETED,
	SCOPEX_INJECT_LAST_PUT,
	SCOPEX_INJECT_CLOSE,
	SCOPEX_INJECT_HAND_OVER,
	SCOPEX_INJECT_UNHANDED,
	SCOPEX_INJECT_LEFT,
	SCOPEX_INJECT_TAKE_OVER,
	SCOPEX_INJECT_TAKEN,
	SCOPEX_INJECT_SERIAL_RUN,
	SCOPEX_INJECT_OPEN_NESTED,
	SCOPEX_INJECT_OFFER,
	SCOPEX_INJECT_CANCEL_STEP,
	SCOPEX_INJECT_WALK_LATER,
	SCOPEX_INJECT_NOT_COMPLETED,
	SCOPEX_INJECT_AGAIN,
	SCOPEX_INJECT_VISIT,
	SCOPEX_INJECT_WAIT_WAKE,
	SCOPEX_INJECT_GRACE,
	SCOPEX_INJECT_DIRECT,
	SCOPEX_INJECT_TASK_LIST,
	SCOPEX_INJECT_TASK_WAIT,
	SCOPEX_INJECT_TASK_PUSH,
	SCOPEX_INJECT_END_ROUND,
	SCOPEX_INJECT_TIMER_START,
	SCOPEX_INJECT_TIMER_POP,
	SCOPEX_INJECT_POINTS,
};

/* Instead of a delay: wait for scopex_inject_release(), but for 10 s at most. */
#define SCOPEX_INJECT_HOLD	UINT_MAX

/*
 * The same for the first thread that comes. It stays awake and lets others of its CPU run:
 * so the watchdog does not take it for a worker that sleeps in its item.
 */
#define SCOPEX_INJECT_HOLD_ONE	(UINT_MAX - 1)

#ifdef CONFIG_SCOPEX_INJECT
void scopex_inject(enum scopex_inject_point point);
void scopex_inject_release(enum scopex_inject_point point);
void scopex_inject_set(enum scopex_inject_point point, unsigned int usecs);
unsigned int scopex_inject_hits(enum scopex_inject_point point);
bool scopex_inject_no_worker(void);
void scopex_inject_no_workers(unsigned int nr);
#else
static inline void scopex_inject(enum scopex_inject_point point) { }
static inline bool scopex_inject_no_worker(void)
{
	return false;
}
#endif

#endif /* _SCOPEX_INJECT_H */
