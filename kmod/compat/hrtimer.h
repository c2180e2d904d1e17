/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hrtimer_setup() and hrtimer_setup_on_stack() for kernels before 6.13, where the caller
 * stores the function in the timer
 */
#ifndef _SCOPEX_COMPAT_HRTIMER_H
#define _SCOPEX_COMPAT_HRTIMER_H

#include <linux/hrtimer.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
static inline void
hrtimer_setup(struct hrtimer *timer, enum hrtimer_restart (*function)(struct hrtimer *),
	      clockid_t clock_id, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock_id, mode);
	timer->function = function;
}

static inline void
hrtimer_setup_on_stack(struct hrtimer *timer,
		       enum hrtimer_restart (*function)(struct hrtimer *),
		       clockid_t clock_id, enum hrtimer_mode mode)
{
	hrtimer_init_on_stack(timer, clock_id, mode);
	timer->function = function;
}
#endif

#endif /* _SCOPEX_COMPAT_HRTIMER_H */
