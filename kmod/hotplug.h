/* SPDX-License-Identifier: GPL-2.0 */
/* CPUs that come and go; see hotplug.c */
#ifndef _SCOPEX_HOTPLUG_H
#define _SCOPEX_HOTPLUG_H

#include <linux/cpumask.h>

extern struct cpumask scopex_served_cpus;

int scopex_start_cpus(const struct cpumask *cpus);
void scopex_stop_cpus(void);

#endif /* _SCOPEX_HOTPLUG_H */
