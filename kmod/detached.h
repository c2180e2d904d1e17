/* SPDX-License-Identifier: GPL-2.0 */
/* Items that outlive what has submitted them */
#ifndef _SCOPEX_DETACHED_H
#define _SCOPEX_DETACHED_H

#include "cpu.h"

bool scopex_is_within(const struct scopex_scope *scope);
int scopex_detach_init(void);
void scopex_detach_exit(void);
void scopex_detached_end(struct scopex_worker *w, struct scopex_scope *scope);

#endif /* _SCOPEX_DETACHED_H */
