/* SPDX-License-Identifier: GPL-2.0 */
/* The time at which an item was queued, for the profile */
#ifndef _SCOPEX_STAMP_H
#define _SCOPEX_STAMP_H

#include <linux/err.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/scopex.h>
#include <linux/timekeeping.h>

#include <trace/events/scopex.h>

/* The unit of the time stamp is 64 ns, so that 32 bits last for minutes. */
#define SCOPEX_QUEUED_SHIFT	6

/*
 * An array that is submitted while the profile is off leaves the former statuses of its items
 * where the times are, as to clear them would cost each item. They are 0 or an errno. So no
 * time looks like an errno: one of a million is stored as the last one before (by 0.3 ms).
 */
#define SCOPEX_QUEUED_MAX	(U32_MAX - MAX_ERRNO - 1)

static inline void scopex_stamp_queued(struct scopex_work *work)
{
	u32 now = ktime_get_mono_fast_ns() >> SCOPEX_QUEUED_SHIFT;

	/* Odd: 0 means that the item was queued while the profile was off. */
	work->queued = min(now | 1, SCOPEX_QUEUED_MAX);
}

/* Returns the time at which an item was queued, or 0 if that was not measured. */
static inline u32 scopex_queued(const struct scopex_work *work)
{
	return work->queued <= SCOPEX_QUEUED_MAX ? work->queued : 0;
}

/*
 * An item has waited for its turn, and is about to be queued on a CPU: replace the number of
 * that CPU by the time.
 */
static inline void scopex_stamp_again(struct scopex_work *work)
{
	work->queued = 0;
	if (trace_scopex_submit_enabled())
		scopex_stamp_queued(work);
}

#endif /* _SCOPEX_STAMP_H */
