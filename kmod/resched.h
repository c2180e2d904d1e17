/* SPDX-License-Identifier: GPL-2.0 */
/* How a thread gives way to other tasks, between items or while it spins */
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
 * scopex_spin() - spin until a condition holds
 * @cond: the condition
 * @give_up: look at this after each look at the condition, and end the spin if it is true
 *
 * Returns true if the condition held at a look.
 */
#define scopex_spin(cond, give_up)					\
({									\
	bool __held;							\
									\
	while (!(__held = (cond)) && !(give_up))			\
		cpu_relax();						\
	__held;								\
})

/**
 * scopex_spin_for() - spin until a condition holds, for spin_us at most
 * @cond: the condition
 *
 * The spin ends as soon as any other task wants the CPU, even if the scheduler would let
 * this task go on. It reads the clock in each 16th pass only: a clock takes longer to read
 * than a word that no CPU writes.
 */
#define scopex_spin_for(cond)						\
do {									\
	u64 __end = ktime_get_mono_fast_ns() +				\
		    (u64)scopex_config.spin_us * NSEC_PER_USEC;		\
	unsigned int __i = 0;						\
									\
	scopex_spin(cond, !single_task_running() || need_resched() ||	\
			  (++__i % 16 == 0 &&				\
			   ktime_get_mono_fast_ns() >= __end));		\
} while (0)

/**
 * scopex_spin_until() - spin until a condition holds, for some looks at most
 * @cond: the condition
 * @looks: the number of looks
 *
 * Returns true if the condition held at a look.
 */
#define scopex_spin_until(cond, looks)					\
({									\
	unsigned int __left = (looks);					\
									\
	scopex_spin(cond, !--__left);					\
})

/* The same as need_resched(), for the code between two items. */
static __always_inline bool scopex_need_resched(void)
{
	/*
	 * A plain read is a part of the comparison, and a volatile one an instruction of its
	 * own. The call of the item before it makes the compiler read it again.
	 */
	return data_race(current_thread_info()->flags) & _TIF_NEED_RESCHED;
}

/* Has a tick passed since this time, in jiffies? One comparison, as the time is not far away. */
static __always_inline bool scopex_tick_is_over(unsigned long tick)
{
	return jiffies != tick;
}

/**
 * scopex_cond_resched() - give way between batches, and between items or chunks not in a batch
 * @tick: the time of the last report to RCU-tasks, in jiffies
 *
 * RCU-tasks waits until each thread reports a quiescent state. Neither a preemption nor
 * cond_resched() is such a report; and need_resched() stays false if no other task wants
 * the CPU. A report reads several words and calls a function, so the thread reports once a
 * tick, and only reads jiffies in between.
 */
static __always_inline void scopex_cond_resched(unsigned long *tick)
{
	if (unlikely(scopex_tick_is_over(*tick))) {
		*tick = jiffies;
		cond_resched_tasks_rcu_qs();
	} else if (unlikely(need_resched())) {
		cond_resched();
	}
}

#endif /* _SCOPEX_RESCHED_H */
