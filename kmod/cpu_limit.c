// SPDX-License-Identifier: GPL-2.0
/*
 * The option .limit_per_cpu: only so many items of a scope have begun on each CPU
 *
 * Theory of operation
 *
 * Items that sleep hand over, so any number of them can have begun on a CPU and not be
 * completed. This option bounds that number. A worker needs a turn to begin an item of such
 * a scope; scopex_worker.turn names the scope. The worker counts the turns under the lock
 * turn_lock, by a look at all workers of its CPU, so there is no counter to keep. If fewer
 * than the limit have a turn, the worker takes one.
 *
 * Otherwise the worker defers the item: it appends it to the list of a worker that has a
 * turn (scopex_worker.deferred), and goes on with its batch. All deferred items of a scope
 * on a CPU are on one list.
 *
 * A worker that has completed its item takes the oldest deferred item of the scope, from its
 * own list or from that of another worker, and runs it in the same turn. It gives the turn
 * back only if no item is deferred. So deferred items begin in their order, and as long as
 * there is one, some worker has a turn and will run it.
 *
 * A serial scope has no limit: its items run one after the other.
 *
 * A CPU may have thousands of workers. So turn_lock is a mutex, which leaves preemption on.
 */

#include <linux/llist.h>
#include <linux/mutex.h>

#include "cpu.h"
#include "item.h"
#include "option.h"
#include "options.h"
#include "state.h"
#include "thread.h"

/**
 * scopex_cpu_limit_begin() - take a turn for an item, or defer the item
 * @w: the worker
 * @scope: the scope
 * @work: the item
 *
 * Context: the worker, which holds the item's reference on the scope; sleeps.
 *
 * Return: true if the worker may begin the item. False if the item is deferred: then the
 * worker must not touch it any more.
 */
static bool scopex_cpu_limit_begin(struct scopex_worker *w, struct scopex_scope *scope,
				   struct scopex_work *work)
{
	struct scopex_cpu *sc = w->sc;
	struct scopex_worker *other, *host = NULL;
	unsigned int begun = 0;
	bool begin;

	mutex_lock(&sc->turn_lock);
	scopex_for_each_worker(other, sc) {
		if (other->turn != scope)
			continue;
		begun++;
		/* Prefer a worker that has deferred items: all of them are on one list. */
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
 * scopex_cpu_limit_next() - take the next deferred item, or give the turn back
 * @w: the worker that has completed an item of the scope
 * @scope: the scope
 *
 * Context: the worker, which holds the item's reference on the scope; sleeps.
 *
 * Return: the item to run, or NULL if none is deferred; then the turn is given back.
 */
static struct scopex_work *scopex_cpu_limit_next(struct scopex_worker *w,
						 struct scopex_scope *scope)
{
	struct scopex_cpu *sc = w->sc;
	struct scopex_worker *host = w;
	struct llist_node *node;

	mutex_lock(&sc->turn_lock);
	if (!w->deferred)
		scopex_for_each_worker(host, sc)
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

static bool scopex_cpu_limit_open(struct scopex_custom_scope *custom,
				  const struct scopex_options *options)
{
	custom->limit_per_cpu = options->limit_per_cpu;
	return options->limit_per_cpu;
}

const struct scopex_option scopex_cpu_limit_option = {
	.flag = SCOPEX_CPU_LIMITED,
	.open = scopex_cpu_limit_open,
	.begin = scopex_cpu_limit_begin,
	.next = scopex_cpu_limit_next,
};
