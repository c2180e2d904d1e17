/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of latency.ko share. */
#ifndef _LATENCY_H
#define _LATENCY_H

#include <linux/types.h>

/* sections.c */
int sections_start(unsigned long text_start, unsigned long text_end);
void sections_stop(void);
void sections_print(const char *name, unsigned int n);

/**
 * struct latency_case - something to be done with n objects
 * @name: what it is called
 * @run: does it; 0 or a negative errno
 */
struct latency_case {
	const char	*name;
	int		(*run)(unsigned int n);
};

/* cases.c; the last one has no name */
extern const struct latency_case latency_cases[];

#endif /* _LATENCY_H */
