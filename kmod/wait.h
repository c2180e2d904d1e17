/* SPDX-License-Identifier: GPL-2.0 */
/* An owner waits */
#ifndef _SCOPEX_WAIT_H
#define _SCOPEX_WAIT_H

#include <linux/scopex.h>

u64 scopex_drain_scope(struct scopex_scope *scope);
unsigned int scopex_how_to_wait(const struct scopex_scope *scope);
void scopex_set_waiting(struct scopex_scope *scope, unsigned int *how);

#endif /* _SCOPEX_WAIT_H */
