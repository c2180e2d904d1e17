/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which items are in use, for the kernel's debug objects
 *
 * An item that is initialised again while it is queued is no item of its scope any more.
 * So on kernels with CONFIG_DEBUG_OBJECTS an item is an object that is known to the
 * kernel from its claim until it is completed, and for no longer: nobody has to say that
 * the memory is used for something else now. To initialise or to submit a known one is
 * reported, and refused. On other kernels the worker finds some of these: see
 * scopex_change_scope().
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
