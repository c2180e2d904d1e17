/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which items are in use
 *
 * An item that is initialised again while it is queued is no item of its scope any more,
 * and a submit after that would break the queue that it is in. So scopex_work_init()
 * refuses what has the status of a busy item, and a scope that is open and has items.
 *
 * On kernels with CONFIG_DEBUG_OBJECTS an item is an object that is known to the kernel
 * from its claim until it is completed, and for no longer: nobody has to say that the
 * memory is used for something else now. To initialise or to submit a known one is
 * reported, and refused, whatever its fields are. On other kernels the worker finds some
 * of the items whose fields were overwritten: see scopex_change_scope().
 */
#ifndef _SCOPEX_TRACK_H
#define _SCOPEX_TRACK_H

#include <linux/types.h>

struct scopex_work;

#ifdef CONFIG_DEBUG_OBJECTS
bool scopex_track(struct scopex_work *work);
void scopex_untrack(struct scopex_work *work);
#else
static inline bool scopex_track(struct scopex_work *work)
{
	return true;
}

static inline void scopex_untrack(struct scopex_work *work) { }
#endif

#endif /* _SCOPEX_TRACK_H */
