// SPDX-License-Identifier: GPL-2.0
/* Scopes with a limit of items that have begun on each CPU */

#include <linux/llist.h>
#include <linux/mutex.h>

#include "cpu.h"
#include "item.h"
#include "option.h"
#include "options.h"
#include "state.h"

/**
 * scopex_cpu_limit_begin() - may an item of a scope with a limit for each CPU begin?
 * @w: the worker
 * @scope: the scope
 * @work: the item
 *
 * Those that have begun and are not out are in the CPU's workers, so nobody has to
 * count. One that has to wait hangs on one of these, and is run by a worker that has its
 * turn already: see scopex_cpu_limit_next(). There may be thousands of workers, so the lock is
 * one that leaves preemption on.
 *
 * Context: the worker, which holds the item's reference on the scope; sleeps.
 *
 * Return: whether it may; if not, it is not the worker's any more.
 */
static bool scopex_cpu_limit_begin(struct scopex_worker *w, struct scopex_scope *scope,
			     struct scopex_work *work)
{
	struct scopex_cpu *sc = w->sc;
	struct scopex_worker *other, *host = NULL;
	unsigned int begun = 0;
	bool begin;

	/* The items of a serial scope run one after the other, whatever the limit is. */
	if (unlikely(atomic64_read(&scope->state) & SCOPEX_SERIAL))
		return true;
	mutex_lock(&sc->turn_lock);
	/* W: pairs with scopex_create_worker(). */
	for (other = READ_ONCE(sc->workers); other; other = other->next) {
		if (other->turn != scope)
			continue;
		begun++;
		/* All of a scope's hang on the same worker. */
		if (!host || other->deferred)
			host = other;
	}
	begin = begun < scopex_custom(scope)->limit_per_cpu;
	if (begin) {
		w->turn = scope;
	} else {
		work->node.next = NULL;
		if (host->deferred)
			host->deferred_last->next = &work->node;
		else
			host->deferred = &work->node;
		host->deferred_last = &work->node;
	}
	mutex_unlock(&sc->turn_lock);
	return begin;
}

/**
 * scopex_cpu_limit_next() - an item of such a scope is out: which one has its turn now?
 * @w: the worker that has run it
 * @scope: the scope
 *
 * As long as some wait, no turn is given back: so they are run in their order.
 *
 * Context: the worker, which holds the item's reference on the scope; sleeps.
 *
 * Return: the item to run, or NULL if there is none; then the turn is given back.
 */
static struct scopex_work *scopex_cpu_limit_next(struct scopex_worker *w,
					    struct scopex_scope *scope)
{
	struct scopex_cpu *sc = w->sc;
	struct scopex_worker *host = w;
	struct llist_node *node;

	if (unlikely(atomic64_read(&scope->state) & SCOPEX_SERIAL))
		return NULL;
	mutex_lock(&sc->turn_lock);
	if (!w->deferred)
		/* W: pairs with scopex_create_worker(). */
		for (host = READ_ONCE(sc->workers); host; host = host->next)
			if (host->turn == scope && host->deferred)
				break;
	node = host ? host->deferred : NULL;
	if (node)
		host->deferred = node->next;
	else
		w->turn = NULL;
	mutex_unlock(&sc->turn_lock);
	return node ? scopex_node_to_work(node) : NULL;
}

const struct scopex_option scopex_cpu_limit_option = {
	.flag = SCOPEX_CPU_LIMITED,
	.begin = scopex_cpu_limit_begin,
	.next = scopex_cpu_limit_next,
};
