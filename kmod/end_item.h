/* SPDX-License-Identifier: GPL-2.0 */
/* An item whose function has not returned 0; see end_item.c */
#ifndef _SCOPEX_END_ITEM_H
#define _SCOPEX_END_ITEM_H

#include <linux/types.h>

struct scopex_scope;
struct scopex_work;
struct scopex_worker;

bool scopex_end_item(struct scopex_worker *w, struct scopex_scope *scope,
		     struct scopex_work *work, int err, bool stealable);

#endif /* _SCOPEX_END_ITEM_H */
