// SPDX-License-Identifier: GPL-2.0
/* Should an item make way for others? */

#include <linux/export.h>
#include <linux/sched.h>
#include <linux/scopex_task.h>

#include "cpu.h"
#include "current.h"
#include "queue.h"
#include "steal.h"
#include "thread.h"

/**
 * scopex_should_yield() - ask whether an item that runs long should make way for others
 *
 * Cheap enough for each turn of a loop. A task makes way by scopex_yield(), or by returning
 * SCOPEX_AGAIN; any other item by returning that.
 *
 * Context: the function of an item.
 *
 * Return: true if items wait for this CPU, or another thread does.
 */
bool scopex_should_yield(void)
{
	const struct scopex_worker *w = scopex_this_worker();

	return need_resched() ||
	       (w && (w->rest || !scopex_queue_end(READ_ONCE(w->sc->queue)) ||
		      scopex_look_at(w->sc) != SCOPEX_NOTHING));
}
EXPORT_SYMBOL_GPL(scopex_should_yield);
