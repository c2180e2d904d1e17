/* SPDX-License-Identifier: GPL-2.0 */
/* How a thread gives way: it spins for a while, or lets others have the CPU */
#ifndef _SCOPEX_RESCHED_H
#define _SCOPEX_RESCHED_H

#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/stat.h>
#include <linux/timekeeping.h>

#include "config.h"

/**
 * scopex_spin_while() - spin for a while, if the parameter spin_us says so
 * @cond: as long as this is true
 *
 * Whoever else wants the CPU gets it, whether or not the scheduler would have let this
 * task go on. The clock is not looked at each time, as that takes longer than a look at a
 * word that nobody writes.
 */
#define scopex_spin_while(cond)						\
do {									\
	u64 __end = ktime_get_mono_fast_ns() +				\
		    (u64)scopex_config.spin_us * NSEC_PER_USEC;		\
									\
	for (unsigned int __i = 1; (cond) && single_task_running() &&	\
	     !need_resched(); __i++) {					\
		if (__i % 16 == 0 && ktime_get_mono_fast_ns() >= __end)	\
			break;						\
		cpu_relax();						\
	}								\
} while (0)

/**
 * scopex_cond_resched() - between two items or chunks that are not in a batch
 * @tick: when the last one was, in jiffies
 *
 * RCU-tasks waits for a quiescent state of each thread, and neither a preemption nor
 * cond_resched() is one: it has to be reported, also if nobody else wants the CPU, and
 * need_resched() is never seen. That is a look at several words and a call; once a tick
 * is often enough, and leaves a look at jiffies each time.
 */
static __always_inline void scopex_cond_resched(unsigned long *tick)
{
	if (unlikely(time_after(jiffies, *tick))) {
		*tick = jiffies;
		cond_resched_tasks_rcu_qs();
	} else if (unlikely(need_resched())) {
		cond_resched();
	}
}

#endif /* _SCOPEX_RESCHED_H */
