/* SPDX-License-Identifier: GPL-2.0 */
/* Push items on the queue of a CPU, and wake its worker if it sleeps */
#ifndef _SCOPEX_WAKE_H
#define _SCOPEX_WAKE_H

#include <linux/compiler.h>
#include <linux/sched.h>
#include <linux/scopex_types.h>

#include "cpu.h"
#include "inject.h"
#include "queue.h"
#include "thread.h"

/*
 * Wake the worker of a CPU, after a push that found the queue parked.
 *
 * wake_up_process() has a full barrier between the push and its look at the worker's task
 * state, so no wake-up is lost; pairs with set_current_state() in scopex_park(); see
 * park-wake.litmus.
 */
static inline void scopex_wake_worker(struct scopex_cpu *sc)
{
	scopex_inject(SCOPEX_INJECT_WAKE);
	/*
	 * Acquire: find the worker that parked the queue, or one that got the queue from
	 * it; pairs with scopex_queue_park(); see handover-wake.litmus.
	 */
	smp_acquire__after_ctrl_dep();
	wake_up_process(READ_ONCE(sc->active)->task);
}

static inline void scopex_push(struct scopex_cpu *sc, struct scopex_work *newest,
			       struct scopex_work *oldest)
{
	if (scopex_queue_push(&sc->queue, &newest->node, &oldest->node))
		scopex_wake_worker(sc);
}

#endif /* _SCOPEX_WAKE_H */
