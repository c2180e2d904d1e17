// SPDX-License-Identifier: GPL-2.0
/*
 * Parking: a worker without items looks at the other CPUs, spins, and sleeps
 *
 * Theory of operation
 *
 * A worker that may steal says that it is idle, then looks at all other CPUs. If none of them
 * has stealable items, it parks its queue (see queue.h), looks at its own CPU, and sleeps. The
 * submitter that finds the queue parked wakes it; so does a task that asks it to steal, and a
 * caller that offers a loop.
 *
 * With the parameter "spin_us", the worker looks for something to do for a while before it
 * parks, so a submitter need not wake it. It gives way to any other task that wants the CPU. An
 * owner spins in the same way: see scopex_spin_for_items().
 */

#include <linux/compiler.h>
#include <linux/kthread.h>
#include <linux/sched.h>

#include <trace/events/scopex.h>

#include "config.h"
#include "cpu.h"
#include "inject.h"
#include "park.h"
#include "queue.h"
#include "resched.h"
#include "sleep.h"
#include "steal.h"
#include "thief.h"
#include "thread.h"

/* Spin until there is something to do, or the time is up. */
static noinline void scopex_spin_for_work(struct scopex_cpu *sc, bool thief)
{
	WRITE_ONCE(sc->spinning, true);
	scopex_spin_for(READ_ONCE(sc->queue) || READ_ONCE(sc->offer) ||
			scopex_look_at(sc) != SCOPEX_NOTHING ||
			(thief && scopex_is_asked(sc->cpu)));
	/*
	 * From now on an offer wakes the worker, too. A full barrier, in scopex_park(), orders
	 * this before the last look at the offer; pairs with scopex_offer(); see
	 * offer-spin.litmus.
	 */
	WRITE_ONCE(sc->spinning, false);
}

/*
 * Returns true if a parked worker has to be awake: for an item, for a loop to help with, to
 * steal, or because the thread has to stop, or the worker may now steal, or may not. The worker
 * has set its task state before. @thief says whether it may steal.
 */
static __always_inline bool scopex_park_is_over(struct scopex_worker *w, bool thief, bool *slept)
{
	struct scopex_cpu *sc = w->sc;

	if (READ_ONCE(sc->queue) != SCOPEX_PARKED || scopex_look_at(sc) != SCOPEX_NOTHING ||
	    (thief && scopex_is_asked(sc->cpu))) {
		if (*slept) {
			local_inc(&w->count[SCOPEX_WAKEUPS]);
			trace_scopex_wake(sc->cpu);
		}
		return true;
	}
	if (READ_ONCE(sc->offer) || kthread_should_stop() || READ_ONCE(sc->thief) != thief)
		return true;
	local_inc(&w->count[SCOPEX_SLEEPS]);
	trace_scopex_park(sc->cpu);
	*slept = true;
	return false;
}

/* Sleep for a tick at most. Out of line, as it is rare. */
static noinline void scopex_sleep_soon(struct scopex_worker *w, bool thief)
{
	bool slept = false;

	set_current_state(TASK_IDLE);
	if (!scopex_park_is_over(w, thief, &slept))
		schedule_timeout(1);
	__set_current_state(TASK_RUNNING);
}

/* Park the queue, and sleep; for a tick at most if @soon. */
static __always_inline void scopex_park(struct scopex_worker *w, bool thief, bool soon)
{
	bool slept = false;

	if (!scopex_queue_park(&w->sc->queue))
		return;
	scopex_inject(SCOPEX_INJECT_PARK);
	/*
	 * Set the task state, then look at the queue, the stealable items, the offer, and whether
	 * the worker was asked; pairs with wake_up_process() in scopex_wake_worker(), in
	 * scopex_ask_worker() and in scopex_let_steal(), see park-wake.litmus, with the full
	 * barrier of scopex_tell(), see steal-park.litmus, and with wake_up_process() in
	 * scopex_offer(). The same barrier orders the end of the spin before that look; see
	 * offer-spin.litmus.
	 */
	if (likely(!soon))
		scopex_sleep_until(set_current_state(TASK_IDLE),
				   scopex_park_is_over(w, thief, &slept));
	else
		scopex_sleep_soon(w, thief);
	/* If a push was faster, the worker finds the item in the queue. */
	if (READ_ONCE(w->sc->queue) == SCOPEX_PARKED)
		scopex_queue_unpark(&w->sc->queue);
}

/**
 * scopex_idle() - steal items, or sleep, as the worker's CPU has none
 * @w: its active worker
 *
 * Returns when there may be something to do.
 *
 * Context: the worker's thread; sleeps.
 *
 * Return: the node of an item to be run first, or NULL.
 */
struct llist_node *scopex_idle(struct scopex_worker *w)
{
	struct scopex_cpu *sc = w->sc;
	bool thief = READ_ONCE(sc->thief), asked;
	enum scopex_look found = SCOPEX_NOTHING;

	if (thief) {
		scopex_begin_idle(sc->cpu);
		found = scopex_look_at_all(sc);
	}
	if (found != SCOPEX_ITEMS) {
		if (scopex_config.spin_us)
			scopex_spin_for_work(sc, thief);
		scopex_park(w, thief, found == SCOPEX_UNKNOWN);
	}
	if (!thief)
		return NULL;
	asked = scopex_end_idle(sc->cpu);
	return asked || found != SCOPEX_NOTHING ? scopex_search(w, asked) : NULL;
}
