/* SPDX-License-Identifier: GPL-2.0 */
/* Awaits; see await.c */
#ifndef _SCOPEX_AWAIT_H
#define _SCOPEX_AWAIT_H

struct scopex_await;
struct scopex_task;

int scopex_await_arm(struct scopex_task *task, struct scopex_await *await);

#endif /* _SCOPEX_AWAIT_H */
