/* SPDX-License-Identifier: GPL-2.0 */
/* A wait for one item */
#ifndef _SCOPEX_JOIN_ITEM_H
#define _SCOPEX_JOIN_ITEM_H

#include <linux/scopex.h>

void scopex_wake_joiner(struct scopex_scope *scope, struct scopex_work *work);

#endif /* _SCOPEX_JOIN_ITEM_H */
