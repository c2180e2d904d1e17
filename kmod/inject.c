// SPDX-License-Identifier: GPL-2.0
/* Delays at chosen points of the protocol: see inject.h */

#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/export.h>
#include <linux/preempt.h>

#include "inject.h"

static struct {
	unsigned int	usecs;
	atomic_t	hits;
} scopex_points[SCOPEX_INJECT_POINTS];

static void scopex_hold(enum scopex_inject_point point)
{
	unsigned int i;

	for (i = 0; i < 10000; i++) {
		if (READ_ONCE(scopex_points[point].usecs) != SCOPEX_INJECT_HOLD)
			return;
		if (preemptible())
			usleep_range(500, 1000);
		else
			mdelay(1);
	}
}

/**
 * scopex_inject() - a point of the protocol where a test may want to wait
 * @point: which one
 *
 * Context: any but NMI. Busy-waits, since most points are in atomic context.
 */
void scopex_inject(enum scopex_inject_point point)
{
	unsigned int usecs = READ_ONCE(scopex_points[point].usecs);

	if (!usecs)
		return;

	atomic_inc(&scopex_points[point].hits);
	if (usecs == SCOPEX_INJECT_HOLD) {
		scopex_hold(point);
		return;
	}
	mdelay(usecs / 1000);
	udelay(usecs % 1000);
}

/**
 * scopex_inject_set() - put a delay at a point, and count its hits from zero
 * @point: which one
 * @usecs: how long, in microseconds; 0 for no delay; SCOPEX_INJECT_HOLD
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
 * scopex_inject_release() - let those go on that are held at a point
 * @point: which one
 *
 * Context: any.
 */
void scopex_inject_release(enum scopex_inject_point point)
{
	WRITE_ONCE(scopex_points[point].usecs, 0);
}
EXPORT_SYMBOL_GPL(scopex_inject_release);

/**
 * scopex_inject_hits() - how often a delay was hit
 * @point: where it is
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
