// SPDX-License-Identifier: GPL-2.0
/* Delays at chosen points of the protocol: see inject.h */

#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/export.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "inject.h"

static struct {
	unsigned int	usecs;
	atomic_t	hits;
} scopex_points[SCOPEX_INJECT_POINTS];

/* The number of further workers whose creation has to fail. */
static atomic_t scopex_no_workers;

/* Let others run. Without CONFIG_PREEMPT_COUNT the test has to know that this is allowed. */
static void scopex_give_way(void)
{
	mdelay(1);
	if (!IS_ENABLED(CONFIG_PREEMPT_COUNT) || preemptible())
		cond_resched_tasks_rcu_qs();
}

static void scopex_hold(enum scopex_inject_point point, unsigned int how)
{
	unsigned int i;

	for (i = 0; i < 10000; i++) {
		if (READ_ONCE(scopex_points[point].usecs) != how)
			return;
		if (how == SCOPEX_INJECT_HOLD_ONE)
			scopex_give_way();
		else if (preemptible())
			usleep_range(500, 1000);
		else
			mdelay(1);
	}
}

/**
 * scopex_inject() - wait at a point of the protocol, if a test has asked for it
 * @point: the point
 *
 * Context: any but NMI. Busy-waits, since most points are in atomic context.
 */
void scopex_inject(enum scopex_inject_point point)
{
	unsigned int usecs = READ_ONCE(scopex_points[point].usecs);
	int hits;

	if (!usecs)
		return;

	hits = atomic_inc_return(&scopex_points[point].hits);
	if (usecs == SCOPEX_INJECT_HOLD || usecs == SCOPEX_INJECT_HOLD_ONE) {
		if (usecs == SCOPEX_INJECT_HOLD || hits == 1)
			scopex_hold(point, usecs);
		return;
	}
	mdelay(usecs / 1000);
	udelay(usecs % 1000);
}

/**
 * scopex_inject_set() - put a delay at a point, and count its hits from zero
 * @point: the point
 * @usecs: the delay in microseconds; 0 for no delay; or SCOPEX_INJECT_HOLD, or
 *	SCOPEX_INJECT_HOLD_ONE
 *
 * Context: any.
 */
void scopex_inject_set(enum scopex_inject_point point, unsigned int usecs)
{
	atomic_set(&scopex_points[point].hits, 0);
	WRITE_ONCE(scopex_points[point].usecs, usecs);
}
EXPORT_SYMBOL_GPL(scopex_inject_set);

/**
 * scopex_inject_release() - let those threads go on that are held at a point
 * @point: the point
 *
 * Context: any.
 */
void scopex_inject_release(enum scopex_inject_point point)
{
	WRITE_ONCE(scopex_points[point].usecs, 0);
}
EXPORT_SYMBOL_GPL(scopex_inject_release);

/**
 * scopex_inject_hits() - get how often a delay was hit
 * @point: the point of the delay
 *
 * Context: any.
 *
 * Return: the number of hits since scopex_inject_set().
 */
unsigned int scopex_inject_hits(enum scopex_inject_point point)
{
	return atomic_read(&scopex_points[point].hits);
}
EXPORT_SYMBOL_GPL(scopex_inject_hits);

/**
 * scopex_inject_no_workers() - make the creation of workers fail
 * @nr: the number of times; 0 to end this
 *
 * Context: any.
 */
void scopex_inject_no_workers(unsigned int nr)
{
	atomic_set(&scopex_no_workers, nr);
}
EXPORT_SYMBOL_GPL(scopex_inject_no_workers);

/**
 * scopex_inject_no_worker() - does a test want the creation of this worker to fail?
 *
 * Context: any.
 *
 * Return: true if it has to fail.
 */
bool scopex_inject_no_worker(void)
{
	return atomic_dec_if_positive(&scopex_no_workers) >= 0;
}
