/* SPDX-License-Identifier: GPL-2.0 */
/* Cancellation: a scope, and all that are nested in it */
#ifndef _SCOPEX_CANCEL_H
#define _SCOPEX_CANCEL_H

#include <linux/scopex.h>

void scopex_fail(struct scopex_scope *scope, int err);

void scopex_cancel_tree(struct scopex_scope *scope, int why);
void scopex_inherit_cancel(struct scopex_scope *scope);
void scopex_cancel_init(void);
void scopex_cancel_exit(void);

#endif /* _SCOPEX_CANCEL_H */
