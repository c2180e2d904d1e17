/* SPDX-License-Identifier: GPL-2.0 */
/*
 * scopex: structured concurrency on per-CPU worker threads
 *
 * A scope owns the work items that are submitted to it and does not end before
 * every one of them is completed. Its object lives on the stack of the task that
 * opened it, so items may borrow that task's locals: there is nothing to
 * allocate, to count references on, or to free late.
 *
 *	static int sum_part(struct scopex_work *work)
 *	{
 *		struct part *p = container_of(work, struct part, work);
 *		...
 *		return 0;
 *	}
 *
 *	scopex_scope(s) {
 *		for (i = 0; i < ARRAY_SIZE(part) && !err; i++) {
 *			scopex_work_init(&part[i].work, sum_part);
 *			err = scopex_submit(s, &part[i].work);
 *		}
 *		err = scopex_join(s) ?: err;
 *	}
 *
 * There are two ways to have a scope, and both drain it whatever happens:
 * scopex_scope() opens a block with it, scopex_run() calls a body with it.
 *
 * Loops over numbers and CPUs are in <linux/scopex_loop.h>, items that outlive their
 * submitter in <linux/scopex_detached.h>.
 */
#ifndef _LINUX_SCOPEX_H
#define _LINUX_SCOPEX_H

#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/scopex_types.h>
#include <linux/types.h>

/*
 * The version of this interface. Changes of 2:
 *
 * - scopex_scope() and scopex_run() take the options; gone are scopex_scope_named(),
 *   scopex_scope_with(), scopex_run_named(), scopex_run_with().
 * - scopex_submit() chooses the CPU, as scopex_submit_any() did; SCOPEX_CPU_LOCAL is for
 *   scopex_submit_on(). Arrays: SCOPEX_CPU_LOCAL was SCOPEX_THIS_CPU, SCOPEX_CPU_ANY was
 *   SCOPEX_SPREAD; scopex_submit_strided() is new. No submit's result may be ignored.
 * - scopex_cancel() has a reason; gone is scopex_cancel_with().
 * - .timeout_us and .deadline instead of .timeout, for scopes and loops.
 * - scopex_detached_submit() was scopex_detach().
 * - SCOPEX_CANCEL_ON_EXIT and SCOPEX_AGAIN are new.
 * - Loops and detached items have headers of their own.
 */
#define SCOPEX_API	2

/**
 * DOC: Errors
 *
 * Calls return two groups of errors. The first is for races and limits that a correct
 * caller may meet, and has to handle:
 *
 * ==============  ===================================================================
 * ``-ECANCELED``  the scope was cancelled
 * ``-EBUSY``      the item is queued, runs, or is being submitted by another caller
 * ``-ENODEV``     the CPU is offline, or no CPU has a worker; of a detached item, its
 *                 module is being unloaded
 * ``-EAGAIN``     scopex_try_submit(): the limit is reached
 * ``-EUSERS``     the scope is serial, and its owner is on another CPU
 * ``-EDEADLK``    the scope was refused, as it is nested too deep
 * ``-EOVERFLOW``  the scope holds 2^30 references
 * ==============  ===================================================================
 *
 * The second is for bugs of the caller. Each comes with a warning in the kernel log that
 * names the culprit (but -EINVAL for a CPU that can't exist has none):
 *
 * ==============  ===================================================================
 * ``-EINVAL``     the object is no scope or item, or a copy of one; the item has no
 *                 function; the scope was opened in an interrupt, or lacks the option
 * ``-ESHUTDOWN``  the scope is closed
 * ``-EPERM``      the caller is not the scope's owner
 * ``-EDEADLK``    the caller would wait for itself
 * ==============  ===================================================================
 *
 * A submit that fails changes nothing, and leaves the item as it was.
 */

#ifdef CONFIG_LOCKDEP
#define __SCOPEX_SITE_MAP(_name, _site)					\
	.map = STATIC_LOCKDEP_MAP_INIT("scopex:" _name, _site),
#else
#define __SCOPEX_SITE_MAP(_name, _site)
#endif

#define __SCOPEX_SITE(_name) ({						\
	static struct scopex_site __scopex_site = {			\
		.name = (_name),					\
		.func = __func__,					\
		.file = __FILE__,					\
		.line = __LINE__,					\
		__SCOPEX_SITE_MAP(_name, &__scopex_site)		\
	};								\
	&__scopex_site;							\
})

/**
 * SCOPEX_WORK_INIT() - initialiser for a work item
 * @_fn: the function
 */
#define SCOPEX_WORK_INIT(_fn)	{ .fn = (_fn), .status = -ENODATA }

bool __scopex_work_may_init(struct scopex_work *work);

/* @work may be any memory: what looks like a busy item is looked at by the callee. */
static inline bool __scopex_may_init(struct scopex_work *work)
{
	/* It is no mistake that this is not initialised. */
	OPTIMIZER_HIDE_VAR(work);
	if (!IS_ENABLED(CONFIG_DEBUG_OBJECTS) &&
	    likely(READ_ONCE(work->status) != SCOPEX_WORK_BUSY))
		return true;
	return __scopex_work_may_init(work);
}

/**
 * scopex_work_init() - initialise a work item
 * @work: the item; must not be busy
 * @fn: the function
 *
 * To initialise a busy one is a bug of the caller. This call warns, names the culprit and
 * the item's scope, and leaves the item as it is: it runs once, for the scope that has it,
 * and a further submit is refused with -EBUSY. So no item of that scope or of others is
 * lost, or run twice. An item is known to be busy by its own status and by its scope, which
 * is open and has items. So where others than the items of that scope copy a busy item, as
 * a part of an object, the copy is taken for one; SCOPEX_WORK_INIT() makes an item of it.
 * Kernels with CONFIG_DEBUG_OBJECTS tell the two apart.
 *
 * Not found, but on those kernels, is what an item initialises of its own scope, as that may
 * be a copy of itself; and what somebody else submits at this very moment. Nor, as there is
 * no call, is an assignment of SCOPEX_WORK_INIT() to a busy item, or a memset(). If such an
 * item is queued, and was not submitted again, the worker warns, names its function and
 * the CPU, and skips it: its scope can't end. If it was submitted again, the items of
 * others may be lost, or run twice.
 *
 * Context: any but NMI.
 */
static inline void scopex_work_init(struct scopex_work *work, scopex_fn_t fn)
{
	if (unlikely(!__scopex_may_init(work)))
		return;
	/* All but @node, which other items hang on if it is queued after all. */
	work->fn = fn;
	work->scope = NULL;
	work->cpu = 0;
	work->status = -ENODATA;
}

/**
 * scopex_work_busy() - is the item still scopex's?
 * @work: an initialised item
 *
 * Context: any. When it returns false, all that the item did is visible to the
 * caller, and scopex touches the item no more.
 *
 * Return: true from a successful submit until the item is out.
 */
static inline bool scopex_work_busy(const struct scopex_work *work)
{
	/* Acquire C: pairs with scopex_complete_item(); see item-completed.litmus. */
	return smp_load_acquire(&work->status) == SCOPEX_WORK_BUSY;
}

/**
 * scopex_work_result() - how an item ended
 * @work: an initialised item
 *
 * Context: any.
 *
 * Return: what the item function returned; -ECANCELED if the item was
 * cancelled before it ran; -EINPROGRESS while it is busy; -ENODATA if it has
 * never been accepted by a scope.
 */
static inline int scopex_work_result(const struct scopex_work *work)
{
	/* Acquire C: pairs with scopex_complete_item(); see item-completed.litmus. */
	int status = smp_load_acquire(&work->status);

	return status == SCOPEX_WORK_BUSY ? -EINPROGRESS : status;
}

/**
 * scopex_work_scope() - the scope of the item that is running
 * @work: the item, in its own function
 *
 * Context: the item function, which may submit further items to that scope (but not to
 * that of a detached item) or cancel it.
 *
 * Return: the scope, which stays open at least until the function returns.
 */
static inline struct scopex_scope *
scopex_work_scope(const struct scopex_work *work)
{
	return work->scope;
}

/**
 * scopex_cancelled() - was the scope cancelled?
 * @scope: an open scope
 *
 * A single load: cheap enough for a loop in an item.
 *
 * Context: any in which the scope is known to be open: its owner, its items.
 *
 * Return: true after scopex_cancel(), of the scope itself or of the one of the item
 * that has opened it, and so on.
 */
static inline bool scopex_cancelled(const struct scopex_scope *scope)
{
	return atomic64_read(&scope->state) & SCOPEX_CANCELLED;
}

/**
 * scopex_error() - the first error of a scope so far
 * @scope: an open scope
 *
 * Context: any in which the scope is known to be open: its owner, its items. What
 * the item that failed wrote is visible after the join only.
 *
 * Return: what scopex_join() would return if every item were out now.
 */
static inline int scopex_error(const struct scopex_scope *scope)
{
	return READ_ONCE(scope->error);
}

int __must_check scopex_submit(struct scopex_scope *scope, struct scopex_work *work);
int __must_check scopex_try_submit(struct scopex_scope *scope, struct scopex_work *work);
int __must_check __scopex_submit_local(struct scopex_scope *scope, struct scopex_work *work);
int __must_check __scopex_submit_on(struct scopex_scope *scope, int cpu,
				    struct scopex_work *work);
int __must_check scopex_submit_strided(struct scopex_scope *scope, int cpu,
				       struct scopex_work *first, unsigned int nr,
				       size_t stride);
int scopex_join(struct scopex_scope *scope);
int scopex_join_item(struct scopex_work *work);
void scopex_cancel(struct scopex_scope *scope, int err);
void scopex_will_block(void);

/**
 * scopex_submit_on() - submit an item to a CPU
 * @scope: an open scope
 * @cpu: the CPU's number, or SCOPEX_CPU_LOCAL for the CPU of the caller; where that one has
 *	no worker (see the module's parameter "cpus"), the nearest CPU that has one
 * @work: an initialised item that is not busy
 *
 * As scopex_submit(). If the CPU goes offline afterwards, the item runs on another one.
 *
 * Context: as for scopex_submit().
 *
 * Return: as scopex_submit(), and -EINVAL if there can be no such CPU, -ENODEV
 * if it is offline or has no worker.
 */
static __always_inline int __must_check
scopex_submit_on(struct scopex_scope *scope, int cpu, struct scopex_work *work)
{
	/* What is known when this is compiled need not be asked when it runs. */
	if (__builtin_constant_p(cpu) && cpu == SCOPEX_CPU_LOCAL)
		return __scopex_submit_local(scope, work);
	return __scopex_submit_on(scope, cpu, work);
}

/**
 * scopex_submit_array() - submit an array of objects at once
 * @scope: an open scope
 * @cpu: the number of the CPU that gets all items; SCOPEX_CPU_LOCAL; or SCOPEX_CPU_ANY
 *	for an equal part to each CPU
 * @array: the address of the first object
 * @nr: how many there are
 * @member: the &struct scopex_work in an object
 *
 * The same as submitting one after the other, but each CPU's queue is touched
 * once, and either all items are submitted or none.
 *
 * Context: as for scopex_submit(); takes time for each item.
 *
 * Return: as for scopex_submit() and scopex_submit_on().
 */
#define scopex_submit_array(scope, cpu, array, nr, member)		\
	scopex_submit_strided(scope, cpu, &(array)->member, nr,		\
			      sizeof(*(array)))

void __scopex_open(struct scopex_scope *scope, struct scopex_site *site,
		   const struct scopex_options *options);
void __scopex_close(struct scopex_scope *scope);
int __scopex_run(scopex_body_t body, void *arg, struct scopex_site *site,
		 const struct scopex_options *options);

/* Are there options? Their text is empty if not, whatever they are. */
#define __SCOPEX_HAS_OPTIONS(...)	(sizeof(#__VA_ARGS__) > 1)

/*
 * NULL without options, so that a scope without any is opened by code that does not look
 * for them.
 */
#define __SCOPEX_OPTIONS(...)						\
	__builtin_choose_expr(__SCOPEX_HAS_OPTIONS(__VA_ARGS__),	\
			      (&(const struct scopex_options){ __VA_ARGS__ }), NULL)

/* What the stack has to hold: a scope with options needs room for more. */
#define __SCOPEX_FRAME(...)						\
	typeof(*__builtin_choose_expr(__SCOPEX_HAS_OPTIONS(__VA_ARGS__), \
				      (struct scopex_custom_scope *)NULL, \
				      (struct scopex_scope *)NULL))

/*
 * On kernels that have locals zeroed by the compiler: not the fields that the opening
 * sets, as that would take as long as all the rest of it.
 */
#if __has_attribute(__uninitialized__)
#define __scopex_uninitialized	__attribute__((__uninitialized__))
#else
#define __scopex_uninitialized
#endif

/* Inlined, so that the address of the pointer, and thereby a register, is not needed. */
static __always_inline void __scopex_leave(struct scopex_scope *const *scope)
{
	__scopex_close(*scope);
}

/**
 * scopex_run() - run a body with a scope, return when every item is out
 * @body: a &typedef scopex_body_t, called once in the caller's context
 * @arg: its argument
 * @...: fields of &struct scopex_options, as ".flags = SCOPEX_FAIL_FAST"
 *
 * The scope lives in scopex_run()'s own frame: no caller can leave it early,
 * forget to wait, or move it.
 *
 * Context: process context, may sleep; a work item, too.
 *
 * Return: the first error of an item or of the body, whichever came first (what
 * the body has joined was told to the body, and is the body's to return);
 * -ECANCELED if an item was cancelled before it ran and nothing failed earlier;
 * without calling the body, -EDEADLK in an item that is nested too deep (see
 * scopex_scope()), -EINVAL with a warning in interrupt context; -EINVAL with a
 * warning if the body returned what is no errno; else 0.
 */
#define scopex_run(body, arg, ...)					\
	__scopex_run(body, arg, __SCOPEX_SITE(#body),			\
		     __SCOPEX_OPTIONS(__VA_ARGS__))

/**
 * scopex_scope() - open a scope for the block that follows
 * @s: the name of the scope, in the block a &struct scopex_scope pointer
 * @...: fields of &struct scopex_options, as ".timeout_us = 5 * USEC_PER_MSEC"
 *
 * Every way out of the block drains the scope first: its end, return, goto,
 * break (which leaves this block only) and continue (likewise). Note that the
 * operand of a return is evaluated before the drain: to return what items
 * worked out, scopex_join() first.
 *
 * Declare what items borrow before the block. Inside it, a variable is dead
 * when the drain begins.
 *
 * Opened in a work item, it is a child of the item's scope, and cancelled when that
 * is: then its own error is -ECANCELED. So -ETIME means that its own time is over, or that
 * one of its items has returned -ETIME, or a caller of scopex_cancel() has given it;
 * that the time of an outer scope is over is not passed on as such.
 * Such scopes may be nested to any depth, each level in an item of its own, as
 * long as there are workers to be had (see the module's parameter "workers"); the opening
 * waits for one to be made. A scope becomes serial if all workers that are allowed are
 * taken, if none can be made, or if the item is part of reclaiming memory (PF_MEMALLOC, or
 * a NOFS or NOIO scope), as a new worker needs some. Its items then run on its owner's
 * stack, one after the other, when it waits; the kernel log and the profile tell. So in an
 * item do not wait for one's own items in another way than by the scope, nor for a sibling
 * that was submitted later. Submits to a serial scope that name another CPU than the
 * owner's are refused with -EUSERS: its items can't run there. And if the stack has
 * less than a quarter of its size left, or the scope is SCOPEX_NOT_SERIAL, it is refused:
 * every submit to it, and scopex_join(), return -EDEADLK.
 *
 * Context: process context, may sleep. Opened in interrupt context, the scope is
 * refused with a warning: every submit to it, and scopex_join(), return -EINVAL.
 */
#define scopex_scope(s, ...)						\
	__scopex_block(s, __UNIQUE_ID(scopex_end_), ##__VA_ARGS__)

/*
 * Loops that the compiler sees no end of, so that it knows that the block is executed, and
 * left by its own ways out only. They are left for good by the jump to the label when the
 * block has come to its end. Of two loops, as one can't declare a frame and a pointer to a
 * part of it.
 */
#define __scopex_block(s, end, ...)					\
	for (__SCOPEX_FRAME(__VA_ARGS__)				\
	     __scopex_of_##s __scopex_uninitialized; ; ({ goto end; }))	\
		if (0) {						\
end:			break;						\
		} else							\
			for (struct scopex_scope *const s		\
			     __cleanup(__scopex_leave) __always_unused = ({ \
				__scopex_open((void *)&__scopex_of_##s,	\
					      __SCOPEX_SITE(#s),	\
					      __SCOPEX_OPTIONS(__VA_ARGS__)); \
				(void *)&__scopex_of_##s; });		\
			     ; ({ goto end; }))

#endif /* _LINUX_SCOPEX_H */
