// SPDX-License-Identifier: GPL-2.0
/*
 * The option SCOPEX_JOINABLE: the owner waits for one item
 *
 * Theory of operation
 *
 * The owner names the item in the scope ("joined"), sets its task state, and then looks at
 * the item. The worker completes the item, and then looks whether the owner has named it; if
 * so, the worker wakes the owner. Each side has a full barrier between its two steps. So the
 * owner sees the result, or the worker sees the name, and no wake-up is lost.
 *
 * The worker still holds the item's reference on the scope when it looks. It compares the
 * item's address, and does not touch the item: the owner may have reused it.
 *
 * A submitter whose submit is refused takes its claim back, and then looks and wakes in the
 * same way. The owner may have found the item claimed, and taken it for submitted.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/sched.h>

#include <trace/events/scopex.h>

#include "current.h"
#include "item.h"
#include "lockdep.h"
#include "mark.h"
#include "misuse.h"
#include "option.h"
#include "options.h"
#include "owner.h"
#include "state.h"
#include "text.h"
#include "wait.h"

/**
 * scopex_joinable_done() - wake the owner if it waits for this item
 * @scope: the scope, which is SCOPEX_JOINABLE
 * @work: the item, which is completed, or whose claim was taken back; it is not touched
 *
 * Context: the worker, which holds the item's reference on the scope; or a submitter that
 * knows that the scope is open.
 */
static void scopex_joinable_done(struct scopex_scope *scope, struct scopex_work *work)
{
	/*
	 * A full barrier between the store of the item's status and the look at the joined
	 * item; pairs with scopex_join_item(); see join-item.litmus, and join-refused.litmus
	 * for a submitter that takes its claim back.
	 */
	smp_mb();
	if (READ_ONCE(scopex_custom(scope)->joined) == work)
		wake_up_process(scope->owner);
}

static noinline int scopex_not_joinable(const struct scopex_scope *scope,
					unsigned long caller)
{
	scopex_misuse("%pS joins an item of scope %s of %s(), which is not SCOPEX_JOINABLE",
		      (void *)caller, scopex_name(scope->site->name),
		      scopex_name(scope->site->func));
	return -EINVAL;
}

static bool scopex_joined_is_completed(const struct scopex_scope *scope, void *result)
{
	return scopex_is_completed(container_of(scope, const struct scopex_custom_scope,
						scope)->joined, result);
}

/**
 * scopex_join_item() - wait until one item is completed
 * @work: an item that the caller submitted to a scope of its own, opened with
 *	SCOPEX_JOINABLE
 *
 * The scope's other items go on. The scope keeps its error, and its owner still has to join
 * or close it. No task may submit the item to another scope during the wait. A deadline or a
 * fatal signal cancels the scope during this wait, too, but does not end the wait.
 *
 * Context: process context of the scope's owner; sleeps. The caller must not hold a lock
 * that the item needs.
 *
 * Return: as scopex_work_result() once the item is completed; with a warning, the errors
 * that scopex_join() returns for misuse (such as -EPERM in another task), and -EINVAL if the
 * scope is not SCOPEX_JOINABLE.
 */
int scopex_join_item(struct scopex_work *work)
{
	struct scopex_custom_scope *custom;
	struct scopex_scope *scope;
	struct scopex_worker *w;
	int err, result;
	u64 state;

	might_sleep();
	if (scopex_is_completed(work, &result))
		return result;

	scope = scopex_unmarked(READ_ONCE(work->scope));
	err = scopex_check_owner(scope, "joins an item of", _RET_IP_);
	if (err)
		return err;
	state = atomic64_read(&scope->state);
	if (unlikely(!(state & __SCOPEX_JOINABLE)))
		return scopex_not_joinable(scope, _RET_IP_);

	scopex_lockdep_flush(scope);
	custom = scopex_custom(scope);
	w = scopex_owner_worker(scope);
	trace_scopex_wait(scope);
	WRITE_ONCE(custom->joined, work);
	/*
	 * The sleep has a full barrier between the name of the item and the look at it;
	 * pairs with scopex_joinable_done(); see join-item.litmus, join-refused.litmus. The
	 * loop stores the result from that look, as others may submit the item again.
	 */
	scopex_wait_until(scope, w, scopex_joined_is_completed, &result);
	WRITE_ONCE(custom->joined, NULL);
	trace_scopex_waited(scope);
	return result;
}
EXPORT_SYMBOL_GPL(scopex_join_item);

static bool scopex_joinable_open(struct scopex_custom_scope *custom,
				 const struct scopex_options *options)
{
	custom->joined = NULL;
	return options->flags & SCOPEX_JOINABLE;
}

const struct scopex_option scopex_joinable_option = {
	.flag = __SCOPEX_JOINABLE,
	.open = scopex_joinable_open,
	.done = scopex_joinable_done,
	.undo = scopex_joinable_done,
};
