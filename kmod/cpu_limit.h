/* SPDX-License-Identifier: GPL-2.0 */
/* Scopes with a limit of items that have begun on each CPU */
#ifndef _SCOPEX_CPU_LIMIT_H
#define _SCOPEX_CPU_LIMIT_H

#include "cpu.h"

bool scopex_take_turn(struct scopex_worker *w, struct scopex_scope *scope,
		      struct scopex_work *work);
struct scopex_work *scopex_pass_turn(struct scopex_worker *w,
				     struct scopex_scope *scope);

#endif /* _SCOPEX_CPU_LIMIT_H */
