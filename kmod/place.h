/* SPDX-License-Identifier: GPL-2.0 */
/* Names of call sites and functions, which stay when their module goes */
#ifndef _SCOPEX_PLACE_H
#define _SCOPEX_PLACE_H

#include <linux/types.h>

struct scopex_site;

/**
 * struct scopex_place - the call site of a profile, whose module may be gone
 * @name: as in &struct scopex_site, cut off where it is too long
 * @func: the function, cut off in the same way
 * @file: the last part of the path of the file, cut off in the same way
 * @line: the line
 */
struct scopex_place {
	char		name[32];
	char		func[48];
	char		file[32];
	unsigned int	line;
};

void scopex_place_of(struct scopex_place *place, const struct scopex_site *site);
void scopex_name_fn(char *name, size_t size, void *fn);

#endif /* _SCOPEX_PLACE_H */
