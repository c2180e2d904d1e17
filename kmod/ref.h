/* SPDX-License-Identifier: GPL-2.0 */
/* References on scopes, and their errors */
#ifndef _SCOPEX_REF_H
#define _SCOPEX_REF_H

#include <linux/scopex.h>

void scopex_put_items(struct scopex_scope *scope, unsigned int nr);
void scopex_put(struct scopex_scope *scope);
void scopex_set_error(struct scopex_scope *scope, int err);
int scopex_not_open(const struct scopex_scope *scope, const char *what,
		    unsigned long caller);

#endif /* _SCOPEX_REF_H */
