// SPDX-License-Identifier: GPL-2.0
/*
 * Is help with a loop worth what it costs?
 *
 * Theory of operation
 *
 * The costs. A caller that asks for help first pays w, the time to wake a worker. The worker
 * begins its first chunk later, and at the end the caller may wait for it: both times together
 * are L. Help is worth it if the rest of the loop takes L + 4 w or more: the helper then saves
 * the caller about half of what is left after L, and w is small beside it. A worker that spins
 * is not woken, so the costs are learned for it apart.
 *
 * The start. A loop looks for help only after it has lasted for as long as a wake-up, and not
 * before 10 us, as looks in a short loop cost more than they can bring. If a worker was found
 * spinning last, the loop looks after 4 us.
 *
 * Each CPU learns for itself. Its loops then write no line that the loops of another CPU write,
 * too.
 *
 * Quantiles. A wake-up is sometimes preempted, and then takes a hundred times as long as usual:
 * that sample tells nothing about the next one. So a sample above the learned value raises the
 * value by a 16th at most. A sample of w below it lowers it by a quarter of the difference: w
 * settles where a fifth or so of the samples are below it. A sample of L lowers it by a 16th at
 * most, too: a worker that mostly comes late, and sometimes at once, is one that comes late. A
 * loop that is over before its worker comes has paid w for nothing, so that raises L by up to a
 * quarter.
 *
 * A value that is too high keeps loops from asking, and so from learning better. Each time
 * that a loop finds help not worth its cost, and an 8th of a second has passed since the last
 * sample, the values fall by an 8th.
 *
 * The clock. Between chunks a loop reads the cycle counter of its CPU, which takes 20 cycles or
 * so. The counters of two CPUs may differ, so L is measured with the kernel's own clock, at
 * both ends. Where no counter moves, the kernel's clock, which is slower, stands for it, and
 * a loop lasts longer before it looks.
 */

#include <linux/bitops.h>
#include <linux/cache.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/preempt.h>
#include <linux/processor.h>
#include <linux/time64.h>

#include "gain.h"

DEFINE_PER_CPU(struct scopex_gain, scopex_gain);
DEFINE_STATIC_KEY_FALSE(scopex_slow_clock);

/* A loop lasts for this long, in ns, before it looks for a worker that sleeps, or spins. */
#define SCOPEX_ALONE		(10 * NSEC_PER_USEC)
#define SCOPEX_ALONE_SPINNING	(4 * NSEC_PER_USEC)

/* The shortest chunks of a shared loop take about this long, in ns. */
#define SCOPEX_SPAN		(2 * NSEC_PER_USEC)

/* How many wake-ups have to fit into what is left, besides the latency. */
#define SCOPEX_MARGIN		4

/* Where the values begin, in ns. */
#define SCOPEX_FIRST_WAKE	(5 * NSEC_PER_USEC)
#define SCOPEX_FIRST_LATENCY	(20 * NSEC_PER_USEC)

/* How long the cycle counter is compared with the clock, in ns. */
#define SCOPEX_COMPARE		(100 * NSEC_PER_USEC)

static u64 scopex_ticks_per_ms __ro_after_init;

/**
 * scopex_scale() - scale a value, to 16 bits or so
 * @value: the value
 * @by: the numerator
 * @of: the denominator; 0 stands for 1
 *
 * Return: @value * @by / @of, or a large number if that is larger than 2^32.
 */
u64 scopex_scale(u64 value, u64 by, u64 of)
{
	unsigned int excess = of >> 16 ? fls64(of) - 16 : 0;

	if (by > value)
		swap(by, value);
	value >>= excess;
	of >>= excess;
	return div_u64(min_t(u64, value, U32_MAX) * min_t(u64, by, U32_MAX), max_t(u32, of, 1));
}

static u64 scopex_ns_to_ticks(u64 ns)
{
	return div_u64(min_t(u64, ns, NSEC_PER_SEC) * scopex_ticks_per_ms, NSEC_PER_MSEC);
}

static void scopex_update_gain(struct scopex_gain *gain, bool spinning)
{
	struct scopex_cost *cost = &gain->cost[spinning];
	u64 alone = spinning ? SCOPEX_ALONE_SPINNING : SCOPEX_ALONE;

	if (static_branch_unlikely(&scopex_slow_clock))
		alone *= 2;
	WRITE_ONCE(gain->alone, scopex_ns_to_ticks(max(alone, cost->wake)));
	WRITE_ONCE(cost->worth, scopex_ns_to_ticks(cost->latency + SCOPEX_MARGIN * cost->wake));
	gain->learned = jiffies;
}

/* Go a quarter of the way to the sample, but by @down or @up at most. */
static u64 scopex_learn(u64 value, u64 sample, u64 down, u64 up)
{
	if (sample < value)
		return value - min((value - sample) / 4, down);
	return value + min((sample - value) / 4, up);
}

/**
 * scopex_learn_wake() - learn from a wake-up
 * @spinning: the worker spun, and was not woken
 * @ns: how long it took the caller
 *
 * Context: process context.
 */
void scopex_learn_wake(bool spinning, u64 ns)
{
	struct scopex_gain *gain = get_cpu_ptr(&scopex_gain);
	struct scopex_cost *cost = &gain->cost[spinning];

	cost->wake = scopex_learn(cost->wake, ns, cost->wake, cost->wake / 16 + 1);
	scopex_update_gain(gain, spinning);
	put_cpu_ptr(&scopex_gain);
}

/**
 * scopex_learn_latency() - learn from the time that a worker took to come
 * @spinning: the worker spun
 * @ns: the time, and that for which the caller waited at the end
 * @came: false if the loop was over first, so that the worker would have taken longer
 *
 * Context: process context.
 */
void scopex_learn_latency(bool spinning, u64 ns, bool came)
{
	struct scopex_gain *gain = get_cpu_ptr(&scopex_gain);
	struct scopex_cost *cost = &gain->cost[spinning];
	u64 step = cost->latency / 16 + 1;

	if (came)
		cost->latency = scopex_learn(cost->latency, ns, step, step);
	else
		cost->latency = scopex_learn(cost->latency, ns, 0, 4 * step);
	scopex_update_gain(gain, spinning);
	put_cpu_ptr(&scopex_gain);
}

/**
 * scopex_unlearn() - let the costs fall, as a loop finds that they are too high for it
 *
 * Context: process context.
 */
void scopex_unlearn(void)
{
	struct scopex_gain *gain = get_cpu_ptr(&scopex_gain);

	if (time_after(jiffies, gain->learned + HZ / 8)) {
		for (int spinning = 1; spinning >= 0; spinning--) {
			struct scopex_cost *cost = &gain->cost[spinning];

			cost->wake -= cost->wake / 8;
			cost->latency -= cost->latency / 8;
			scopex_update_gain(gain, spinning);
		}
	}
	put_cpu_ptr(&scopex_gain);
}

/* Return how many cycles a millisecond has; 0 if the counter stands still. */
static u64 scopex_cycles_per_ms(void)
{
	u64 ns, cycles;

	preempt_disable();
	ns = ktime_get_mono_fast_ns();
	cycles = scopex_cycles();
	while (ktime_get_mono_fast_ns() - ns < SCOPEX_COMPARE)
		cpu_relax();
	ns = ktime_get_mono_fast_ns() - ns;
	cycles = scopex_cycles() - cycles;
	preempt_enable();
	return div64_u64(cycles * NSEC_PER_MSEC, ns);
}

/**
 * scopex_gain_init() - choose the clock, and begin with costs that are usual
 *
 * Context: process context.
 */
void scopex_gain_init(void)
{
	u64 a = scopex_cycles_per_ms(), b = scopex_cycles_per_ms(), c = scopex_cycles_per_ms();
	unsigned int cpu;

	/* The middle one: a host may take the CPU away between two reads. */
	scopex_ticks_per_ms = max(min(a, b), min(max(a, b), c));
	if (!scopex_ticks_per_ms || SCOPEX_CYCLES_WRAP) {
		static_branch_enable(&scopex_slow_clock);
		scopex_ticks_per_ms = NSEC_PER_MSEC;
	}
	for_each_possible_cpu(cpu) {
		struct scopex_gain *gain = per_cpu_ptr(&scopex_gain, cpu);

		gain->span = scopex_ns_to_ticks(SCOPEX_SPAN);
		for (int spinning = 1; spinning >= 0; spinning--) {
			gain->cost[spinning].wake = SCOPEX_FIRST_WAKE;
			gain->cost[spinning].latency = SCOPEX_FIRST_LATENCY;
			scopex_update_gain(gain, spinning);
		}
	}
}
