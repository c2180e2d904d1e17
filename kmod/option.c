// SPDX-License-Identifier: GPL-2.0
/* Options of scopes: the core calls their functions by way of a table; see option.h */

#include <linux/atomic.h>

#include "option.h"

struct scopex_hooks scopex_hooks;

static const struct scopex_option *const scopex_no_options[] = { NULL };
static const struct scopex_option *const *scopex_options = scopex_no_options;

/* For each option whose bit is set in a scope's state. */
#define for_each_option(_option, _state)				\
	for (const struct scopex_option *const *__at = scopex_options;	\
	     ((_option) = *__at); __at++)				\
		if ((_option)->flag & (_state))

/**
 * scopex_options_init() - give the core the table of all options
 * @options: the options, and NULL after the last one
 *
 * Context: the init of the module.
 */
void scopex_options_init(const struct scopex_option *const *options)
{
	const struct scopex_option *option;

	scopex_options = options;
	for_each_option(option, ~0ULL) {
		scopex_hooks.enqueue |= option->enqueue ? option->flag : 0;
		scopex_hooks.begin |= option->begin ? option->flag : 0;
		scopex_hooks.done |= option->done ? option->flag : 0;
		scopex_hooks.undo |= option->undo ? option->flag : 0;
		scopex_hooks.again |= option->again ? option->flag : 0;
		scopex_hooks.poll |= option->poll ? option->flag : 0;
		scopex_hooks.release |= option->release ? option->flag : 0;
	}
}

/**
 * scopex_option_enqueue() - let an option queue items
 * @scope: the scope
 * @sc: the CPU that the submitter named, or that scopex chose
 * @first: the first item
 * @nr: the number of items
 * @stride: the distance from one item to the next, in bytes
 * @where: how the CPU was chosen
 *
 * Context: as for a submit, with a reference for each item.
 *
 * Return: 0, or a negative errno; 1 if no option queues the items, and the caller does.
 */
int scopex_option_enqueue(struct scopex_scope *scope, struct scopex_cpu *sc,
			  struct scopex_work *first, unsigned int nr, size_t stride,
			  enum scopex_where where)
{
	u64 state = atomic64_read(&scope->state);
	const struct scopex_option *option;

	for_each_option(option, state)
		if (option->enqueue)
			return option->enqueue(scope, sc, first, nr, stride, where);
	return 1;
}

/**
 * scopex_option_begin() - ask whether a worker may begin an item
 * @w: the worker
 * @scope: the scope
 * @work: the item
 * @state: the scope's state, with a bit of @scopex_hooks.begin
 *
 * Context: the worker; sleeps.
 *
 * Return: true if the worker may begin the item, false if an option keeps it.
 */
bool scopex_option_begin(struct scopex_worker *w, struct scopex_scope *scope,
			 struct scopex_work *work, u64 state)
{
	const struct scopex_option *option;

	for_each_option(option, state & scopex_hooks.begin)
		return option->begin(w, scope, work);
	return true;
}

/**
 * scopex_option_next() - get the item that the worker runs after one that has begun
 * @w: the worker
 * @scope: the scope
 * @state: as for scopex_option_begin()
 *
 * Context: the worker; sleeps.
 *
 * Return: the item, or NULL.
 */
struct scopex_work *scopex_option_next(struct scopex_worker *w,
				       struct scopex_scope *scope, u64 state)
{
	const struct scopex_option *option;

	for_each_option(option, state & scopex_hooks.begin)
		return option->next(w, scope);
	return NULL;
}

/**
 * scopex_option_done() - tell the options that an item is completed
 * @scope: the scope
 * @work: the item, which is not touched
 * @state: the scope's state
 *
 * Context: the worker, which holds the item's reference on the scope.
 */
void scopex_option_done(struct scopex_scope *scope, struct scopex_work *work, u64 state)
{
	const struct scopex_option *option;

	for_each_option(option, state & scopex_hooks.done)
		option->done(scope, work);
}

/**
 * scopex_option_undo() - tell the options that the claim of an item is taken back
 * @scope: the scope
 * @work: the item, which is not touched
 * @state: the scope's state
 *
 * Context: a submitter, which knows that the scope is open.
 */
void scopex_option_undo(struct scopex_scope *scope, struct scopex_work *work, u64 state)
{
	const struct scopex_option *option;

	for_each_option(option, state & scopex_hooks.undo)
		option->undo(scope, work);
}

/**
 * scopex_option_again() - queue an item again
 * @scope: the scope
 * @work: the item, whose function has returned SCOPEX_AGAIN
 * @state: the scope's state, with a bit of @scopex_hooks.again
 *
 * Context: the worker, which holds a reference for the item.
 */
void scopex_option_again(struct scopex_scope *scope, struct scopex_work *work, u64 state)
{
	const struct scopex_option *option;

	for_each_option(option, state & scopex_hooks.again)
		option->again(scope, work);
}

/**
 * scopex_option_poll() - let the owner do the work that is left to it
 * @w: the owner, if it is a worker, else NULL
 * @scope: the scope
 * @state: its state, with a bit of @scopex_hooks.poll
 *
 * Context: the owner, which waits; running.
 */
void scopex_option_poll(struct scopex_worker *w, struct scopex_scope *scope, u64 state)
{
	const struct scopex_option *option;

	for_each_option(option, state & scopex_hooks.poll)
		option->poll(w, scope);
}

/**
 * scopex_option_idle() - ask whether the owner may sleep
 * @scope: the scope
 * @state: as for scopex_option_poll()
 *
 * Context: the owner, which waits, and has set its task state.
 *
 * Return: true if no work is left to the owner.
 */
bool scopex_option_idle(struct scopex_scope *scope, u64 state)
{
	const struct scopex_option *option;

	for_each_option(option, state & scopex_hooks.poll)
		if (!option->idle(scope))
			return false;
	return true;
}

/**
 * scopex_option_release() - end a scope together with its last item
 * @w: the worker
 * @scope: the scope, which may be freed by this
 * @state: the scope's state, with a bit of @scopex_hooks.release
 *
 * Context: the worker; sleeps.
 */
void scopex_option_release(struct scopex_worker *w, struct scopex_scope *scope, u64 state)
{
	const struct scopex_option *option;

	for_each_option(option, state & scopex_hooks.release) {
		option->release(w, scope);
		return;
	}
}
