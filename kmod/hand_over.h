/* SPDX-License-Identifier: GPL-2.0 */
/* The queue of a CPU goes from one worker to another; see hand_over.c */
#ifndef _SCOPEX_HAND_OVER_H
#define _SCOPEX_HAND_OVER_H

struct scopex_cpu;
struct scopex_worker;
struct workqueue_struct;

extern struct workqueue_struct *scopex_pool_wq;

bool scopex_may_have_more(struct scopex_cpu *sc);
void scopex_refill_pool(struct scopex_cpu *sc);
bool scopex_reserve(struct scopex_worker *w);
void scopex_unreserve(struct scopex_worker *w);
void scopex_hand_over(struct scopex_worker *w);
void scopex_worker_idle(struct scopex_worker *w);
void scopex_worker_exits(struct scopex_worker *w);
void scopex_stand_by(struct scopex_worker *w);

#endif /* _SCOPEX_HAND_OVER_H */
