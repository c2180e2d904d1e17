/* SPDX-License-Identifier: GPL-2.0 */
/* The time at which an item was queued, for the profile */
#ifndef _SCOPEX_STAMP_H
#define _SCOPEX_STAMP_H

#include <linux/scopex.h>
#include <linux/timekeeping.h>

#include <trace/events/scopex.h>

/* The unit of the time stamp is 64 ns, so that 32 bits last for minutes. */
#define SCOPEX_QUEUED_SHIFT	6

static inline void scopex_stamp_queued(struct scopex_work *work)
{
	u32 now = ktime_get_mono_fast_ns() >> SCOPEX_QUEUED_SHIFT;

	/* Odd: 0 means that the item was queued while the profile was off. */
	work->queued = now | 1;
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
