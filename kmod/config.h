/* SPDX-License-Identifier: GPL-2.0 */
/* The parameters of the module, and facts that follow from them */
#ifndef _SCOPEX_CONFIG_H
#define _SCOPEX_CONFIG_H

#include <linux/types.h>

/**
 * struct scopex_config - the module's parameters, and what follows; constant after the init
 * @nice: the nice level of the workers
 * @standby: how many workers a CPU has on standby
 * @workers: the highest number of workers of a CPU
 * @stall_ms: report an item after this time; 0: never
 * @spin_us: how long a worker or an owner spins before it sleeps
 * @spare_isolated: true if isolated CPUs get only the items that name them
 * @exits_seen: true if scopex notices tasks that exit with an open scope
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
