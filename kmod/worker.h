/* SPDX-License-Identifier: GPL-2.0 */
/* What a worker does: take, run, park */
#ifndef _SCOPEX_WORKER_H
#define _SCOPEX_WORKER_H

#include "cpu.h"

void scopex_serve(struct scopex_worker *w);
void scopex_run_item(struct scopex_worker *w, struct scopex_scope *scope,
		     struct scopex_work *work);

#define SCOPEX_SPECIAL	(SCOPEX_CANCELLED | __SCOPEX_JOINABLE | SCOPEX_LIMITED |	\
			 SCOPEX_CPU_LIMITED | SCOPEX_DETACHED)

#endif /* _SCOPEX_WORKER_H */
