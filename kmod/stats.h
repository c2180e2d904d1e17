/* SPDX-License-Identifier: GPL-2.0 */
/* The statistics of a CPU, for the files in debugfs */
#ifndef _SCOPEX_STATS_H
#define _SCOPEX_STATS_H

struct scopex_cpu;

enum scopex_stat {
	SCOPEX_STAT_SUBMITTED,
	SCOPEX_STAT_RUN,
	SCOPEX_STAT_CANCELLED,
	SCOPEX_STAT_ERRORS,
	SCOPEX_STAT_REFUSED,
	SCOPEX_STAT_BATCHES,
	SCOPEX_STAT_WAKEUPS,
	SCOPEX_STAT_SLEEPS,
	SCOPEX_STAT_DEPTH,
	SCOPEX_STAT_DEPTH_MAX,
	SCOPEX_STAT_WORKERS,
	SCOPEX_STAT_HANDOFFS,
	SCOPEX_STAT_UNHANDED,
	SCOPEX_STAT_RELIEVED,
	SCOPEX_STAT_SERIALS,
	SCOPEX_STAT_STEALS,
	SCOPEX_STAT_STOLEN,
	SCOPEX_STAT_ASKED,
	SCOPEX_STAT_VAIN,
	SCOPEX_STAT_OFFERS,
	SCOPEX_STAT_WITHDRAWN,
	SCOPEX_STAT_HELPS,
	SCOPEX_STAT_CHUNKS,
	SCOPEX_STAT_STALLS,
	SCOPEX_STATS,
};

extern const char * const scopex_stat_names[SCOPEX_STATS];

bool scopex_sum_stats(struct scopex_cpu *sc, unsigned long *stat, unsigned long *total);
void scopex_reset_stats(struct scopex_cpu *sc);

#endif /* _SCOPEX_STATS_H */
