// SPDX-License-Identifier: GPL-2.0
/* Busy items: refuse to initialise or to submit them again; see track.h */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugobjects.h>
#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/irqflags.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/sched/task_stack.h>
#include <linux/scopex.h>
#include <linux/uaccess.h>

#include "current.h"
#include "mark.h"
#include "misuse.h"
#include "state.h"
#include "text.h"
#include "track.h"

/*
 * Copy the scope of a busy item. The item may be completed at this moment and its scope be
 * gone, or it may be no item at all. So copy without a fault, and accept the copy only if it
 * is an open scope that has items. Returns false otherwise.
 */
static bool scopex_copy_scope(struct scopex_work *work, struct scopex_scope *copy)
{
	struct scopex_scope *scope = scopex_unmarked(READ_ONCE(work->scope));
	u64 state;

	if (!scope || copy_from_kernel_nofault(copy, scope, sizeof(*copy)))
		return false;
	state = atomic64_read(&copy->state);
	return scopex_kind(scope, state) == SCOPEX_OPEN &&
	       (state & SCOPEX_COUNT_MASK) > SCOPEX_ONE && copy->site;
}

#ifdef CONFIG_DEBUG_OBJECTS
/* The kernel has found that the object that is being initialised on this CPU is in use. */
static DEFINE_PER_CPU(bool, scopex_is_in_use);

static void *scopex_work_hint(void *addr)
{
	return (void *)((struct scopex_work *)addr)->fn;
}

/* The kernel has warned before this call, with the stack of the culprit. */
static bool scopex_fixup_init(void *addr, enum debug_obj_state state)
{
	__this_cpu_write(scopex_is_in_use, true);
	return true;
}

static const struct debug_obj_descr scopex_work_descr = {
	.name = "scopex_work",
	.debug_hint = scopex_work_hint,
	.fixup_init = scopex_fixup_init,
};

/*
 * Make an item an object that the kernel knows. Returns false if it is one already. The
 * kernel calls the fixup function in between, and tells it nothing but the address.
 * Interrupts are off so that no other item comes in between on this CPU.
 */
static bool scopex_init_object(struct scopex_work *work)
{
	unsigned long flags;
	bool in_use;

	local_irq_save(flags);
	__this_cpu_write(scopex_is_in_use, false);
	if (object_is_on_stack(work))
		debug_object_init_on_stack(work, &scopex_work_descr);
	else
		debug_object_init(work, &scopex_work_descr);
	in_use = __this_cpu_read(scopex_is_in_use);
	local_irq_restore(flags);
	return !in_use;
}

static noinline void scopex_tell_in_use(struct scopex_work *work, const char *what, void *caller)
{
	struct scopex_scope copy;

	if (scopex_copy_scope(work, &copy))
		pr_err_ratelimited("item %ps, in use by scope %s of %s(), is %s %pS: refused\n",
				   work->fn, scopex_name(copy.site->name),
				   scopex_name(copy.site->func), what, caller);
	else
		pr_err_ratelimited("item %ps, which is in use, is %s %pS: refused\n",
				   work->fn, what, caller);
}

/**
 * __scopex_work_may_init() - check for scopex_work_init() that an item is not busy
 * @work: the item, or memory that is to become one
 *
 * Context: any but NMI.
 *
 * Return: true if it may be initialised; false, with a warning, if it is busy.
 */
bool __scopex_work_may_init(struct scopex_work *work)
{
	if (likely(scopex_init_object(work))) {
		debug_object_free(work, &scopex_work_descr);
		return true;
	}
	scopex_tell_in_use(work, "initialised by", (void *)_RET_IP_);
	return false;
}
EXPORT_SYMBOL_GPL(__scopex_work_may_init);

/**
 * scopex_track() - make an item known to the kernel as busy
 * @work: the item, which the caller has claimed
 *
 * Context: as for scopex_submit().
 *
 * Return: true, or false, with a warning, if it was busy before: its status was overwritten.
 */
bool scopex_track(struct scopex_work *work)
{
	if (unlikely(!scopex_init_object(work))) {
		scopex_tell_in_use(work, "submitted by", (void *)_RET_IP_);
		return false;
	}
	debug_object_activate(work, &scopex_work_descr);
	return true;
}

/**
 * scopex_untrack() - make an item unknown to the kernel, as it is not busy any more
 * @work: the item, whose status is still that of a claimed one
 *
 * Context: any but NMI.
 */
void scopex_untrack(struct scopex_work *work)
{
	debug_object_deactivate(work, &scopex_work_descr);
	debug_object_free(work, &scopex_work_descr);
}

#else
/**
 * __scopex_work_may_init() - check for scopex_work_init() that an item is not busy
 * @work: the item, or memory that is to become one; its status is that of a busy item
 *
 * Context: any but NMI.
 *
 * Return: true if it may be initialised; false, with a warning, if it is busy.
 */
bool __scopex_work_may_init(struct scopex_work *work)
{
	struct scopex_scope copy;

	if (likely(!scopex_copy_scope(work, &copy)))
		return true;
	/* An item may have copied the object that it is in, and the copy looks busy, too. */
	if (scopex_is_within(scopex_unmarked(READ_ONCE(work->scope))))
		return true;
	scopex_misuse("%pS initialises item %ps, which is in use by scope %s of %s(): refused",
		      (void *)_RET_IP_, work->fn, scopex_name(copy.site->name),
		      scopex_name(copy.site->func));
	return false;
}
EXPORT_SYMBOL_GPL(__scopex_work_may_init);
#endif /* CONFIG_DEBUG_OBJECTS */
