/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which items are busy
 *
 * If a caller initialises an item again while it is queued, its scope loses the item, and a
 * further submit breaks the queue that it is in. So scopex_work_init() refuses an item that
 * has the status of a busy one and an open scope that has items.
 *
 * On kernels with CONFIG_DEBUG_OBJECTS an item is an object that the kernel knows, from the
 * claim until it is completed and no longer: so no caller has to say that the memory is used
 * for something else. The kernel reports a caller that initialises or submits a known item,
 * and scopex refuses that, whatever the fields of the item are. On other kernels the worker
 * finds some of the items whose fields were overwritten: see scopex_change_scope().
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
