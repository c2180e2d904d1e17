/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Delays at chosen points of the protocol, so that a test can hold a race open
 * for as long as it likes. Only in a module built with CONFIG_SCOPEX_INJECT=y;
 * otherwise a point is no code at all.
 */
#ifndef _SCOPEX_INJECT_H
#define _SCOPEX_INJECT_H

#include <linux/limits.h>
#include <linux/types.h>

/**
 * enum scopex_inject_point - where a delay can be put
 * @SCOPEX_INJECT_TRYGET: a submit has read the scope's state, and has not
 *	yet taken its reference
 * @SCOPEX_INJECT_REGISTER: the first submit holds the lock of the list of
 *	scopes
 * @SCOPEX_INJECT_PUSH: a submit has its reference, the item is not queued yet
 * @SCOPEX_INJECT_WAKE: the item is queued on a parked CPU, its worker not woken
 * @SCOPEX_INJECT_PARK: the worker has parked its queue, and still looks awake
 * @SCOPEX_INJECT_COMPLETED: the worker has given an item back to its owner
 * @SCOPEX_INJECT_LAST_PUT: the last reference of a waited-for scope is gone,
 *	its owner not woken
 * @SCOPEX_INJECT_HAND_OVER: a worker has taken another one from the standby, and
 *	not yet given it the queue
 * @SCOPEX_INJECT_UNHANDED: a worker has found none on standby, and not yet left its queue
 *	behind
 * @SCOPEX_INJECT_ORPHAN: a worker has left its queue behind, and not looked again for
 *	one on standby
 * @SCOPEX_INJECT_ADOPT: a worker on standby is counted off for an orphan, which is not
 *	taken yet
 * @SCOPEX_INJECT_ADOPT_NONE: likewise, and somebody else has taken the orphan; the count
 *	is not given back yet
 * @SCOPEX_INJECT_OWN_RUN: the owner of a serial scope, which it waits for, has run the
 *	items that were there, and not yet said that it sleeps
 * @SCOPEX_INJECT_OPEN_NESTED: a scope is being opened in an item, and not yet in
 *	the list where a cancellation finds it
 * @SCOPEX_INJECT_OFFER: a loop has been offered to a CPU, its worker not woken
 * @SCOPEX_INJECT_CANCEL_STEP: a cancellation goes one step through the scopes below
 * @SCOPEX_INJECT_WALK_LATER: a cancellation has not reached all, and not yet left the rest
 *	to the timer
 * @SCOPEX_INJECT_NOT_COMPLETED: a worker has no item any more, as it is out with its scope, or
 *	waits for its turn
 * @SCOPEX_INJECT_VISIT: a look at all open scopes has a reference on one of them
 * @SCOPEX_INJECT_POINTS: how many there are
 */
enum scopex_inject_point {
	SCOPEX_INJECT_TRYGET,
	SCOPEX_INJECT_REGISTER,
	SCOPEX_INJECT_PUSH,
	SCOPEX_INJECT_WAKE,
	SCOPEX_INJECT_PARK,
	SCOPEX_INJECT_COMPLETED,
	SCOPEX_INJECT_LAST_PUT,
	SCOPEX_INJECT_HAND_OVER,
	SCOPEX_INJECT_UNHANDED,
	SCOPEX_INJECT_ORPHAN,
	SCOPEX_INJECT_ADOPT,
	SCOPEX_INJECT_ADOPT_NONE,
	SCOPEX_INJECT_OWN_RUN,
	SCOPEX_INJECT_OPEN_NESTED,
	SCOPEX_INJECT_OFFER,
	SCOPEX_INJECT_CANCEL_STEP,
	SCOPEX_INJECT_WALK_LATER,
	SCOPEX_INJECT_NOT_COMPLETED,
	SCOPEX_INJECT_VISIT,
	SCOPEX_INJECT_POINTS,
};

/* Instead of a delay: until scopex_inject_release(), but for 10 s at most. */
#define SCOPEX_INJECT_HOLD	UINT_MAX

/*
 * The same for the first one that comes, which stays awake and lets others of its CPU run:
 * for a worker that the watchdog must not take for one that sleeps in its item.
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
