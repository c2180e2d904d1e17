// SPDX-License-Identifier: GPL-2.0
/*
 * References on scopes, and their errors
 *
 * Theory of operation
 *
 * Each item that is not completed holds one reference on its scope, and the owner holds one
 * while the scope is open. A walk and the helper of a loop hold one while they need the
 * scope.
 *
 * The last reference. A worker gives the references of a run back in one step. If that step
 * leaves the owner's reference as the only one, and the owner waits, the worker has to wake
 * the owner. From that step on the scope may be gone: the owner may wake up for any other
 * reason, see that its items are completed, return, and exit. Its stack frame may then be
 * reused or freed. So the worker reads the owner before the step, and does not touch the
 * scope after it.
 *
 * The owner's task_struct. The worker is in an RCU read section from the read of the owner
 * to the end of the wake-up. The kernel frees the task_struct of an exited task only after
 * an RCU grace period. So the RCU section keeps the task_struct, and the scope need not.
 *
 * If the owner is awake already, it gets one stray wake-up. Every sleeper in the kernel has
 * to tolerate that.
 *
 * The error. Any holder of a reference may store an error, but only where there was 0: so
 * the scope keeps its first error. The owner takes it, and stores 0, when it joins.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>

#include "inject.h"
#include "misuse.h"
#include "option.h"
#include "ref.h"
#include "state.h"
#include "text.h"

/*
 * Keep the first error. It needs no barrier: the release in scopex_put_items() makes it
 * visible to the owner; see first-error.litmus.
 */
void scopex_set_error(struct scopex_scope *scope, int err)
{
	if (err)
		cmpxchg_relaxed(&scope->error, 0, err);
}

/**
 * scopex_put_items() - give back the references of a run of completed items
 * @scope: the scope, which the owner waits for in a thread; the caller must not touch it
 *	afterwards
 * @nr: the number of references
 *
 * Context: any but NMI.
 */
void scopex_put_items(struct scopex_scope *scope, unsigned int nr)
{
	struct task_struct *owner;

	/*
	 * Keep the owner's task_struct: the owner may exit as soon as the items are
	 * completed; see owner-exit.litmus.
	 */
	rcu_read_lock();
	owner = scope->owner;

	if (scopex_state_put(scope, nr)) {
		/* Do not touch the scope from here on: it may be gone; see last-touch.litmus. */
		scopex_inject(SCOPEX_INJECT_LAST_PUT);
		/*
		 * A full barrier, in wake_up_process(), orders the put before the look at
		 * the owner's task state; pairs with set_current_state() in
		 * scopex_set_waiting(); see drain-wake.litmus.
		 */
		wake_up_process(owner);
	}
	rcu_read_unlock();
}

/**
 * scopex_put() - give back a reference on any scope, for example that of a walk
 * @scope: the scope; the caller must not touch it afterwards
 *
 * Context: any but NMI.
 */
void scopex_put(struct scopex_scope *scope)
{
	u64 state = atomic64_read(&scope->state);

	if (unlikely(state & scopex_hooks.put))
		scopex_option_put(scope, state);
	else
		scopex_put_items(scope, 1);
}

/*
 * Report that a caller's object is no open scope. If the object is a copy of a scope on this
 * stack, the message names the original: the kind in the state word depends on the address
 * of the original, so it tells where that is.
 */
int scopex_not_open(const struct scopex_scope *scope, const char *what,
		    unsigned long caller)
{
	unsigned long mask = SCOPEX_KIND_MASK >> SCOPEX_ADDRESS_SHIFT;
	u64 kind = atomic64_read(&scope->state) & SCOPEX_KIND_MASK;
	unsigned long there = -(unsigned long)(kind >> SCOPEX_ADDRESS_SHIFT) & mask;
	unsigned long here = (unsigned long)__builtin_frame_address(0) & ~(mask | 7);
	const struct scopex_scope *original = (void *)(here | there);

	if (object_is_on_stack(original) && scopex_is_open(original))
		scopex_misuse("%pS %s a copy of scope %s of %s()", (void *)caller, what,
			      scopex_name(original->site->name),
			      scopex_name(original->site->func));
	else
		scopex_misuse("%pS %s what is no open scope", (void *)caller, what);
	return -EINVAL;
}
