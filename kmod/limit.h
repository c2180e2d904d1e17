/* SPDX-License-Identifier: GPL-2.0 */
/* Scopes with a limit of items that are queued or run */
#ifndef _SCOPEX_LIMIT_H
#define _SCOPEX_LIMIT_H

#include "cpu.h"

int scopex_start(struct scopex_scope *scope, struct scopex_cpu *sc,
		 struct scopex_work *work, bool try);
void scopex_let_start(struct scopex_scope *scope);

#endif /* _SCOPEX_LIMIT_H */
