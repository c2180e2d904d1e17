/* SPDX-License-Identifier: GPL-2.0 */
/* The parameters of the module, and facts that follow from them */
#ifndef _SCOPEX_CONFIG_H
#define _SCOPEX_CONFIG_H

#include <linux/types.h>

/**
 * struct scopex_config - the module's parameters, and what follows; constant once it runs
 * @nice: the nice level of the workers
 * @standby: how many workers a CPU has ready, besides the active one
 * @workers: the most workers that a CPU has
 * @stall_ms: after what time an item is reported; 0 for never
 * @spin_us: how long workers and owners look for what they wait for before they sleep
 * @spare_isolated: whether isolated CPUs get only what names them
 * @exits_seen: whether tasks that exit with an open scope are noticed
 */
struct scopex_config {
	int		nice;
	unsigned int	standby;
	unsigned int	workers;
	unsigned int	stall_ms;
	unsigned int	spin_us;
	bool		spare_isolated;
	bool		exits_seen;
};

extern struct scopex_config scopex_config;

#endif /* _SCOPEX_CONFIG_H */
