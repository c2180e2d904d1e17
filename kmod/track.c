// SPDX-License-Identifier: GPL-2.0
/* Items in use: what may not be initialised, or submitted; see track.h */

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

#include "cpu.h"
#include "item.h"
#include "misuse.h"
#include "state.h"
#include "text.h"
#include "track.h"

/*
 * Copy the scope that has an item which is not out. The item may be completed at this
 * moment, and its scope be gone, or be no item at all: so the scope is copied without a
 * fault, and believed if it is one that has items.
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
/* What the kernel has said of the object that is being initialised on this CPU. */
static DEFINE_PER_CPU(bool, scopex_is_in_use);

static void *scopex_work_hint(void *addr)
{
	return (void *)((struct scopex_work *)addr)->fn;
}

/* The kernel has warned, with the stack of the culprit. */
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
 * Make an object of an item, unless it is one. The fixup function is called in between,
 * and is told nothing but the address: interrupts are off so that no other item comes in.
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
 * __scopex_work_may_init() - may an item be initialised? For scopex_work_init()
 * @work: the item, or memory that is to become one
 *
 * Context: any but NMI.
 *
 * Return: false, with a warning, if it is in use.
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
 * scopex_track() - an item is in use from now on
 * @work: the item, which the caller has claimed
 *
 * Context: as for scopex_submit().
 *
 * Return: false, with a warning, if it was in use: its status was overwritten.
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
 * scopex_untrack() - an item is not in use any more
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
 * __scopex_work_may_init() - may an item be initialised? For scopex_work_init()
 * @work: the item, or memory that is to become one; its status is that of a busy item
 *
 * Context: any but NMI.
 *
 * Return: false, with a warning, if it is in use.
 */
bool __scopex_work_may_init(struct scopex_work *work)
{
	struct scopex_scope copy;

	if (likely(!scopex_copy_scope(work, &copy)))
		return true;
	/* An item may copy the object that it is in: that looks the same. */
	if (scopex_is_within(scopex_unmarked(READ_ONCE(work->scope))))
		return true;
	scopex_misuse("%pS initialises item %ps, which is in use by scope %s of %s(): refused",
		      (void *)_RET_IP_, work->fn, scopex_name(copy.site->name),
		      scopex_name(copy.site->func));
	return false;
}
EXPORT_SYMBOL_GPL(__scopex_work_may_init);
#endif /* CONFIG_DEBUG_OBJECTS */
