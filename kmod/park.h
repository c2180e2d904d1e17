/* SPDX-License-Identifier: GPL-2.0 */
/* A worker without items steals some, or sleeps: see park.c */
#ifndef _SCOPEX_PARK_H
#define _SCOPEX_PARK_H

struct llist_node;
struct scopex_worker;

struct llist_node *scopex_idle(struct scopex_worker *w);

#endif /* _SCOPEX_PARK_H */
