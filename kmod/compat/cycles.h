/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A counter of the CPU that takes a few nanoseconds to read. User-Mode Linux has none of its
 * own, but runs on CPUs that have.
 */
#ifndef _SCOPEX_COMPAT_CYCLES_H
#define _SCOPEX_COMPAT_CYCLES_H

#include <linux/timex.h>
#include <linux/types.h>

#ifdef CONFIG_UML_X86
static inline u64 scopex_cycles(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a" (low), "=d" (high));
	return low | (u64)high << 32;
}

#define SCOPEX_CYCLES_WRAP	false
#else
/* Stands still where the architecture, or this CPU, has no counter. */
static inline u64 scopex_cycles(void)
{
	return get_cycles();
}

/* True if the counter is a short one, which comes round after seconds. */
#define SCOPEX_CYCLES_WRAP	(sizeof(cycles_t) < sizeof(u64))
#endif

#endif /* _SCOPEX_COMPAT_CYCLES_H */
