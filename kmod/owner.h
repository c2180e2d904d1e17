/* SPDX-License-Identifier: GPL-2.0 */
/* May the current task wait for a scope? */
#ifndef _SCOPEX_OWNER_H
#define _SCOPEX_OWNER_H

#include <linux/scopex.h>

int scopex_check_owner(struct scopex_scope *scope, const char *what,
		       unsigned long caller);

#endif /* _SCOPEX_OWNER_H */
