/* SPDX-License-Identifier: GPL-2.0 */
/* Scopes whose items run on the stack of their owner */
#ifndef _SCOPEX_SERIAL_H
#define _SCOPEX_SERIAL_H

#include "cpu.h"

void scopex_push_own(struct scopex_scope *scope, struct scopex_work *newest,
		     struct scopex_work *oldest);
u64 scopex_drain_serial(struct scopex_scope *scope, struct scopex_worker *w);
void scopex_run_own(struct scopex_worker *w, struct scopex_scope *scope);

#endif /* _SCOPEX_SERIAL_H */
