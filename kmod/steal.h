/* SPDX-License-Identifier: GPL-2.0 */
/* What workers do with stealable items: look, refill, steal; see steal.c */
#ifndef _SCOPEX_STEAL_H
#define _SCOPEX_STEAL_H

#include <linux/compiler.h>
#include <linux/llist.h>

#include "cpu.h"
#include "shared.h"

struct scopex_worker;

/**
 * enum scopex_look - what a look at the stealable items of a CPU finds
 * @SCOPEX_NOTHING: nothing; or another task holds them, and will tell the workers
 * @SCOPEX_UNKNOWN: the CPU's worker is about to take one, and will tell nobody
 * @SCOPEX_ITEMS: at least one
 */
enum scopex_look {
	SCOPEX_NOTHING,
	SCOPEX_UNKNOWN,
	SCOPEX_ITEMS,
};

static inline enum scopex_look scopex_look_at(const struct scopex_cpu *sc)
{
	const struct llist_node *shared = READ_ONCE(sc->shared);

	if (likely(!shared))
		return READ_ONCE(sc->any) ? SCOPEX_ITEMS : SCOPEX_NOTHING;
	if (shared == SCOPEX_MOVING)
		return SCOPEX_NOTHING;
	return shared == SCOPEX_POPPING ? SCOPEX_UNKNOWN : SCOPEX_ITEMS;
}

void scopex_give_back(struct scopex_cpu *sc, struct llist_node *rest);
enum scopex_look scopex_look_at_all(const struct scopex_cpu *but);
struct llist_node *scopex_refill(struct scopex_worker *w);
struct llist_node *scopex_search(struct scopex_worker *w, bool asked);

#endif /* _SCOPEX_STEAL_H */
