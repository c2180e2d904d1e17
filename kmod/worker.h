/* SPDX-License-Identifier: GPL-2.0 */
/* Workers: take the queue, run the batch, park; see worker.c */
#ifndef _SCOPEX_WORKER_H
#define _SCOPEX_WORKER_H

#include "state.h"

struct llist_node;
struct scopex_worker;

void scopex_worker_main(struct scopex_worker *w);
void scopex_serve(struct scopex_worker *w);
void scopex_run_own_batch(struct scopex_worker *w, struct llist_node *first);

/* An item of a scope with one of these bits takes the slow path. */
#define SCOPEX_SLOW	(SCOPEX_CANCELLED | SCOPEX_OPTIONS)

#endif /* _SCOPEX_WORKER_H */
