// SPDX-License-Identifier: GPL-2.0
/* May the current task wait for a scope? */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/sched.h>

#include "current.h"
#include "misuse.h"
#include "option.h"
#include "owner.h"
#include "ref.h"
#include "state.h"
#include "text.h"

/*
 * Returns true if the current task, which owns @scope, is in an item of @scope, and so would
 * wait for itself. An item of a serial scope runs on its owner's stack, also below items of
 * other serial scopes. A scope that ends with its last item has an owner only from the start
 * of that item on. A scope that a task has opened is ended by that task, not by a thread.
 */
static bool scopex_is_in_item_of(const struct scopex_scope *scope)
{
	u64 state = atomic64_read(&scope->state);

	if (likely(!(state & SCOPEX_OPTIONS)))
		return false;
	return state & (scopex_hooks.release | scopex_hooks.put) || scopex_is_within(scope);
}

static noinline int scopex_not_owner(const struct scopex_scope *scope, const char *what,
				     unsigned long caller)
{
	scopex_misuse("%pS %s scope %s of %s() in task %s:%d, which is not its owner",
		      (void *)caller, what, scopex_name(scope->site->name),
		      scopex_name(scope->site->func), scopex_comm(current), current->pid);
	return -EPERM;
}

static noinline int scopex_in_own_item(const struct scopex_scope *scope, const char *what,
				       unsigned long caller)
{
	scopex_misuse("%pS %s scope %s of %s() in an item of that scope, which would wait for itself",
		      (void *)caller, what, scopex_name(scope->site->name),
		      scopex_name(scope->site->func));
	return -EDEADLK;
}

/*
 * Returns 0 if the current task may join or close @scope. Else returns a negative errno,
 * with a warning unless the scope was refused when it was opened.
 */
int scopex_check_owner(struct scopex_scope *scope, const char *what,
		       unsigned long caller)
{
	u64 kind = scopex_kind(scope, atomic64_read(&scope->state));
	int err;

	if (unlikely(kind != SCOPEX_OPEN)) {
		if (kind == SCOPEX_REFUSED)
			return scope->error;
		err = scopex_not_open(scope, what, caller);
		return kind == SCOPEX_CLOSED ? -ESHUTDOWN : err;
	}
	if (unlikely(scope->owner != current))
		return scopex_not_owner(scope, what, caller);
	if (unlikely(scopex_is_in_item_of(scope)))
		return scopex_in_own_item(scope, what, caller);
	return 0;
}
