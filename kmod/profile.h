/* SPDX-License-Identifier: GPL-2.0 */
/* The measured times and counts of profile.c, for the files in debugfs */
#ifndef _SCOPEX_PROFILE_H
#define _SCOPEX_PROFILE_H

#include <linux/types.h>

#include "place.h"

struct scopex_site;

/**
 * enum scopex_profile_count - the counters of each call site
 * @SCOPEX_PROFILE_SCOPES: scopes that were closed
 * @SCOPEX_PROFILE_ITEMS: items that ran
 * @SCOPEX_PROFILE_CHUNKS: chunks of parallel loops
 * @SCOPEX_PROFILE_ERRORS: items that failed
 * @SCOPEX_PROFILE_CANCELLED: items that were completed without having run
 * @SCOPEX_PROFILE_CHUNK_ERRORS: chunks of loops that failed
 * @SCOPEX_PROFILE_SERIAL: scopes whose items ran on their owner's stack
 * @SCOPEX_PROFILE_COUNTS: the number of counters
 */
enum scopex_profile_count {
	SCOPEX_PROFILE_SCOPES,
	SCOPEX_PROFILE_ITEMS,
	SCOPEX_PROFILE_CHUNKS,
	SCOPEX_PROFILE_ERRORS,
	SCOPEX_PROFILE_CANCELLED,
	SCOPEX_PROFILE_CHUNK_ERRORS,
	SCOPEX_PROFILE_SERIAL,
	SCOPEX_PROFILE_COUNTS,
};

/**
 * enum scopex_profile_time - the times that are measured for each call site
 * @SCOPEX_PROFILE_DELAY: of an item, from its submit to its start
 * @SCOPEX_PROFILE_RUN: of an item, or a chunk of a loop, from its start to its end
 * @SCOPEX_PROFILE_LATENCY: of a scope, from its opening to its end
 * @SCOPEX_PROFILE_TIMES: the number of times
 */
enum scopex_profile_time {
	SCOPEX_PROFILE_DELAY,
	SCOPEX_PROFILE_RUN,
	SCOPEX_PROFILE_LATENCY,
	SCOPEX_PROFILE_TIMES,
};

/* Bucket n has the times below 2^n ns that are in no earlier one; the last one has the rest. */
#define SCOPEX_PROFILE_BUCKETS	41

/**
 * struct scopex_timing - a distribution of times
 * @total: their sum, in ns
 * @max: the longest
 * @bucket: the number of times in each bucket
 */
struct scopex_timing {
	u64	total;
	u64	max;
	u64	bucket[SCOPEX_PROFILE_BUCKETS];
};

/**
 * struct scopex_profile - the profile of a call site, or of a CPU
 * @count: see &enum scopex_profile_count
 * @time: see &enum scopex_profile_time
 */
struct scopex_profile {
	u64			count[SCOPEX_PROFILE_COUNTS];
	struct scopex_timing	time[SCOPEX_PROFILE_TIMES];
};

/**
 * struct scopex_slowest - the item of a call site that took longest
 * @ns: its run time
 * @fn: the name of its function, whose module may be gone
 */
struct scopex_slowest {
	u64	ns;
	char	fn[56];
};

/* The number of call sites that there is room for; one more stands for all others. */
#define SCOPEX_PROFILE_SITES	128

void scopex_profile_exit(void);
int scopex_profile_switch(bool on);
bool scopex_profile_is_on(void);
u64 scopex_profile_start_time(void);
void scopex_profile_reset(void);
unsigned int scopex_profile_sites(void);
const struct scopex_place *scopex_profile_place(unsigned int site);
void scopex_profile_slowest(unsigned int site, struct scopex_slowest *slowest);
void scopex_profile_of_site(unsigned int site, struct scopex_profile *sum);
void scopex_profile_of_cpu(unsigned int cpu, struct scopex_profile *sum);
u64 scopex_profile_measured(const struct scopex_timing *timing);
u64 scopex_profile_percentile(const struct scopex_timing *timing, unsigned int percent);
u64 scopex_profile_clock(void);

#endif /* _SCOPEX_PROFILE_H */
