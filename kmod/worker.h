/* SPDX-License-Identifier: GPL-2.0 */
/* Workers: take the queue, run the batch, park; see worker.c */
#ifndef _SCOPEX_WORKER_H
#define _SCOPEX_WORKER_H

struct llist_node;
struct scopex_worker;

void scopex_worker_main(struct scopex_worker *w);
void scopex_serve(struct scopex_worker *w);
void scopex_run_own_batch(struct scopex_worker *w, struct llist_node *first);

#endif /* _SCOPEX_WORKER_H */
