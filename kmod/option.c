// SPDX-License-Identifier: GPL-2.0
/* Options of scopes: the core calls their functions by way of a table; see option.h */

#include <linux/atomic.h>

#include "option.h"

struct scopex_hooks scopex_hooks;

static const struct scopex_option *const scopex_no_options[] = { NULL };
static const struct scopex_option *const *scopex_options = scopex_no_options;

/*
 * The option after @at that has a bit of @state, or the first such one if @at is NULL. NULL
 * if no option has.
 */
static const struct scopex_option *const *
scopex_next_option(const struct scopex_option *const *at, u64 state)
{
	at = at ? at + 1 : scopex_options;
	while (*at && !((*at)->flag & state))
		at++;
	return *at ? at : NULL;
}

/**
 * scopex_options_init() - give the core the table of all options
 * @options: the options, and NULL after the last one
 *
 * Context: the init of the module.
 */
void scopex_options_init(const struct scopex_option *const *options)
{
	const struct scopex_option *const *at = NULL;

	scopex_options = options;
	while ((at = scopex_next_option(at, ~0ULL))) {
		scopex_hooks.enqueue |= (*at)->enqueue ? (*at)->flag : 0;
		scopex_hooks.begin |= (*at)->begin ? (*at)->flag : 0;
		scopex_hooks.done |= (*at)->done ? (*at)->flag : 0;
		scopex_hooks.undo |= (*at)->undo ? (*at)->flag : 0;
		scopex_hooks.again |= (*at)->again ? (*at)->flag : 0;
		scopex_hooks.wake |= (*at)->wake ? (*at)->flag : 0;
		scopex_hooks.poll |= (*at)->poll ? (*at)->flag : 0;
		scopex_hooks.put |= (*at)->put ? (*at)->flag : 0;
		scopex_hooks.release |= (*at)->release ? (*at)->flag : 0;
	}
}

/**
 * scopex_option_open() - prepare the options of a scope
 * @custom: the scope, which is not open yet
 * @options: the caller's choice
 *
 * Context: process context of the owner.
 *
 * Return: the bits of the options that the scope has, for its state.
 */
u64 scopex_option_open(struct scopex_custom_scope *custom,
		       const struct scopex_options *options)
{
	const struct scopex_option *const *at = NULL;
	u64 state = 0;

	while ((at = scopex_next_option(at, ~0ULL)))
		if ((*at)->open && (*at)->open(custom, options))
			state |= (*at)->flag;
	return state;
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
	const struct scopex_option *const *at = NULL;

	while ((at = scopex_next_option(at, state)))
		if ((*at)->enqueue)
			return (*at)->enqueue(scope, sc, first, nr, stride, where);
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
	const struct scopex_option *const *at =
		scopex_next_option(NULL, state & scopex_hooks.begin);

	return !at || (*at)->begin(w, scope, work);
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
	const struct scopex_option *const *at =
		scopex_next_option(NULL, state & scopex_hooks.begin);

	return at ? (*at)->next(w, scope) : NULL;
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
	const struct scopex_option *const *at = NULL;

	while ((at = scopex_next_option(at, state & scopex_hooks.done)))
		(*at)->done(scope, work);
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
	const struct scopex_option *const *at = NULL;

	while ((at = scopex_next_option(at, state & scopex_hooks.undo)))
		(*at)->undo(scope, work);
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
	const struct scopex_option *const *at = NULL;

	while ((at = scopex_next_option(at, state & scopex_hooks.again)))
		(*at)->again(scope, work);
}

/**
 * scopex_option_wake() - queue a task that was woken
 * @scope: the scope
 * @work: the item of the task
 * @state: the scope's state, with a bit of @scopex_hooks.wake
 *
 * Context: any but NMI; the caller owns the task, which holds a reference.
 */
void scopex_option_wake(struct scopex_scope *scope, struct scopex_work *work, u64 state)
{
	const struct scopex_option *const *at =
		scopex_next_option(NULL, state & scopex_hooks.wake);

	if (at)
		(*at)->wake(scope, work);
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
	const struct scopex_option *const *at = NULL;

	while ((at = scopex_next_option(at, state & scopex_hooks.poll)))
		(*at)->poll(w, scope);
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
	const struct scopex_option *const *at = NULL;

	while ((at = scopex_next_option(at, state & scopex_hooks.poll)))
		if (!(*at)->idle(scope))
			return false;
	return true;
}

/**
 * scopex_option_put() - give a reference on a scope back
 * @scope: the scope, which the caller must not touch afterwards
 * @state: its state, with a bit of @scopex_hooks.put
 *
 * Context: any but NMI.
 */
void scopex_option_put(struct scopex_scope *scope, u64 state)
{
	const struct scopex_option *const *at =
		scopex_next_option(NULL, state & scopex_hooks.put);

	if (at)
		(*at)->put(scope);
}

/**
 * scopex_option_leave() - end a scope that its owner, a task, has left open
 * @scope: the scope
 * @state: its state, with a bit of @scopex_hooks.put
 *
 * Context: the worker, in the task; sleeps.
 */
void scopex_option_leave(struct scopex_scope *scope, u64 state)
{
	const struct scopex_option *const *at =
		scopex_next_option(NULL, state & scopex_hooks.put);

	if (at)
		(*at)->leave(scope);
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
	const struct scopex_option *const *at =
		scopex_next_option(NULL, state & scopex_hooks.release);

	if (at)
		(*at)->release(w, scope);
}
