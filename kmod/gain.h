/* SPDX-License-Identifier: GPL-2.0 */
/* Is help with a loop worth what it costs? See gain.c */
#ifndef _SCOPEX_GAIN_H
#define _SCOPEX_GAIN_H

#include <linux/jump_label.h>
#include <linux/ktime.h>
#include <linux/percpu.h>
#include <linux/types.h>

#include "compat/cycles.h"

/**
 * struct scopex_cost - what it costs to get help, as the loops of a CPU have learned it
 * @wake: how long the caller takes to make an offer and to wake the worker, in ns
 * @latency: the time from then until the worker begins its first chunk, and the wait for the
 *	helpers at the end, in ns
 * @worth: how much of a loop has to be left to be worth that, in ticks
 */
struct scopex_cost {
	u64	wake;
	u64	latency;
	u64	worth;
};

/**
 * struct scopex_gain - what the loops of a CPU have learned
 * @alone: how long a loop lasts before it looks for help, in ticks
 * @span: what the shortest chunks of a shared loop should take, in ticks
 * @cost: the costs of a worker that sleeps, and of one that spins
 * @learned: when the costs were last lowered or learned, in jiffies
 */
struct scopex_gain {
	u64			alone;
	u64			span;
	struct scopex_cost	cost[2];
	unsigned long		learned;
};

DECLARE_PER_CPU(struct scopex_gain, scopex_gain);
DECLARE_STATIC_KEY_FALSE(scopex_slow_clock);

/* Return the time in ticks: cycles of this CPU if it counts them, else nanoseconds. */
static __always_inline u64 scopex_ticks(void)
{
	if (static_branch_unlikely(&scopex_slow_clock))
		return ktime_get_mono_fast_ns();
	return scopex_cycles();
}

u64 scopex_scale(u64 value, u64 by, u64 of);
void scopex_learn_wake(bool spinning, u64 ns);
void scopex_learn_latency(bool spinning, u64 ns, bool came);
void scopex_unlearn(void);
void scopex_gain_init(void);

#endif /* _SCOPEX_GAIN_H */
