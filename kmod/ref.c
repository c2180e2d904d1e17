// SPDX-License-Identifier: GPL-2.0
/* References on scopes, and their errors */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>

#include "inject.h"
#include "misuse.h"
#include "ref.h"
#include "state.h"
#include "text.h"

/*
 * Remember the first error, if there is one; visible to the owner by way of A; see
 * first-error.litmus.
 */
void scopex_set_error(struct scopex_scope *scope, int err)
{
	if (err)
		cmpxchg_relaxed(&scope->error, 0, err);
}

/**
 * scopex_put_items() - drop the references of a run of items that are out, or that of a walk
 * @scope: the scope; must not be touched any more by the caller
 * @nr: how many
 *
 * Context: any but NMI.
 */
void scopex_put_items(struct scopex_scope *scope, unsigned int nr)
{
	struct task_struct *owner;

	/*
	 * For the owner's task_struct: it may exit once the items are out; see
	 * owner-exit.litmus.
	 */
	rcu_read_lock();
	owner = scope->owner;

	if (scopex_state_put(scope, nr)) {
		/* The scope is gone; see last-touch.litmus. */
		scopex_inject(SCOPEX_INJECT_LAST_PUT);
		/*
		 * B: pairs with set_current_state() in scopex_drain_scope(); see
		 * drain-wake.litmus.
		 */
		wake_up_process(owner);
	}
	rcu_read_unlock();
}

/*
 * A caller has a wrong object. If that is a copy of a scope on this stack, its kind tells
 * where the original is: name that one.
 */
int scopex_not_open(const struct scopex_scope *scope, const char *what,
		    unsigned long caller)
{
	unsigned long mask = SCOPEX_KIND_MASK >> 37;
	u64 kind = atomic64_read(&scope->state) & SCOPEX_KIND_MASK;
	unsigned long here = (unsigned long)__builtin_frame_address(0);
	const struct scopex_scope *original = (void *)((here & ~(mask | 7)) |
						       (-(unsigned long)(kind >> 37) & mask));

	if (object_is_on_stack(original) && scopex_is_open(original))
		scopex_misuse("%pS %s a copy of scope %s of %s()", (void *)caller, what,
			      scopex_name(original->site->name),
			      scopex_name(original->site->func));
	else
		scopex_misuse("%pS %s what is no open scope", (void *)caller, what);
	return -EINVAL;
}
