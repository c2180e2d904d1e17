/* SPDX-License-Identifier: GPL-2.0 */
/*
 * scopex: structured concurrency on per-CPU worker threads
 *
 * A scope owns the work items that are submitted to it, and does not end before each of them
 * is completed. The scope lives on the stack of the task that opened it, so items may borrow
 * that task's locals. The caller has nothing to allocate, to count references on, or to free
 * late.
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
 * Two macros open a scope, and both drain it in any case: scopex_scope() for the block that
 * follows, scopex_run() for a function that it calls.
 *
 * <linux/scopex_loop.h> has loops over numbers and CPUs, <linux/scopex_detached.h> has items
 * that outlive their submitter.
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
 * - scopex_scope() and scopex_run() take the options. They replace scopex_scope_named(),
 *   scopex_scope_with(), scopex_run_named(), scopex_run_with().
 * - scopex_submit() chooses the CPU, as scopex_submit_any() did. scopex_submit_on() takes
 *   SCOPEX_CPU_LOCAL. For arrays, SCOPEX_CPU_LOCAL replaces SCOPEX_THIS_CPU, and
 *   SCOPEX_CPU_ANY replaces SCOPEX_SPREAD; scopex_submit_strided() is new. The result of a
 *   submit must not be ignored.
 * - scopex_cancel() has a reason, and replaces scopex_cancel_with().
 * - .timeout_us and .deadline replace .timeout, for scopes and loops.
 * - scopex_detached_submit() replaces scopex_detach().
 * - SCOPEX_CANCEL_ON_EXIT and SCOPEX_AGAIN are new.
 * - Loops and detached items have headers of their own.
 */
#define SCOPEX_API	2

/**
 * DOC: Errors
 *
 * Calls return two groups of errors. The first group is for races and limits. A correct
 * caller may get them, and has to handle them:
 *
 * ==============  ===================================================================
 * ``-ECANCELED``  the scope was cancelled
 * ``-EBUSY``      the item is queued, runs, or is being submitted by another caller
 * ``-ENODEV``     the CPU is offline, or no CPU has a worker; for a detached item, its
 *                 module is being unloaded
 * ``-EAGAIN``     scopex_try_submit(): the limit is reached
 * ``-EUSERS``     the scope is serial, and its owner is on another CPU
 * ``-EDEADLK``    the scope was refused, as it is nested too deep
 * ``-EOVERFLOW``  the scope holds 2^30 references
 * ==============  ===================================================================
 *
 * The second group is for bugs of the caller. Each error comes with a warning in the kernel
 * log that names the culprit (except -EINVAL for a CPU that can't exist):
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
 * @_fn: the function of the item
 */
#define SCOPEX_WORK_INIT(_fn)	{ .fn = (_fn), .status = ENODATA }

/* Is this the status of a busy item? */
static inline bool __scopex_is_busy(u32 status)
{
	return (status & ~SCOPEX_WORK_CODE) == SCOPEX_WORK_BUSY;
}

bool __scopex_work_may_init(struct scopex_work *work);

/* @work may be any memory. If it looks like a busy item, the callee looks closer. */
static inline bool __scopex_may_init(struct scopex_work *work)
{
	/* Hide that the memory may be uninitialised: the read of it is no mistake. */
	OPTIMIZER_HIDE_VAR(work);
	if (!IS_ENABLED(CONFIG_DEBUG_OBJECTS) &&
	    likely(!__scopex_is_busy(READ_ONCE(work->status))))
		return true;
	return __scopex_work_may_init(work);
}

/* Initialise an item that may be initialised. */
static inline void __scopex_work_set(struct scopex_work *work, scopex_fn_t fn)
{
	/* Not @node: other items hang on it if this one is queued after all. */
	work->fn = fn;
	work->scope = NULL;
	work->queued = 0;
	work->status = fn ? SCOPEX_WORK_BUSY | SCOPEX_WORK_FREE | ENODATA : ENODATA;
}

/**
 * scopex_work_init() - initialise a work item
 * @work: the item; must not be busy
 * @fn: the function of the item
 *
 * To initialise a busy item is a bug of the caller. This call then warns, names the culprit
 * and the item's scope, and leaves the item as it is: it runs once, for the scope that has it,
 * and a further submit is refused with -EBUSY. So no item, of that scope or of another one, is
 * lost or runs twice. An item is taken for busy if its status says so, and its scope is open
 * and has items. A copy of a busy item, for example as a part of an object, looks the same:
 * unless an item of that scope has made the copy, assign SCOPEX_WORK_INIT() to it instead.
 * Kernels with CONFIG_DEBUG_OBJECTS tell a copy from the item.
 *
 * Two cases are found on those kernels only: an item initialises an item of its own scope, as
 * that may be a copy of itself; and another caller submits the item at this very moment. Also
 * not found, as it makes no call: an assignment of SCOPEX_WORK_INIT() to a busy item, or a
 * memset(). If such an item is queued and was not submitted again, the worker warns, names its
 * function and the CPU, and skips it: its scope can't end. If it was submitted again, items of
 * others may be lost, or run twice.
 *
 * Context: any but NMI.
 */
static inline void scopex_work_init(struct scopex_work *work, scopex_fn_t fn)
{
	if (likely(__scopex_may_init(work)))
		__scopex_work_set(work, fn);
}

/**
 * scopex_work_busy() - ask whether an item is busy
 * @work: an initialised item
 *
 * An item is busy from a successful submit until it is completed. After this has returned
 * false, scopex does not touch the item, and all that the item wrote is visible to the caller.
 *
 * Context: any.
 *
 * Return: true if the item is busy.
 */
static inline bool scopex_work_busy(const struct scopex_work *work)
{
	/*
	 * Acquire: see what the item wrote; pairs with scopex_complete_item(); see
	 * item-completed.litmus.
	 */
	return __scopex_is_busy(smp_load_acquire(&work->status));
}

/**
 * scopex_work_result() - get the result of an item
 * @work: an initialised item
 *
 * Context: any.
 *
 * Return: the value that the item's function returned; -ECANCELED if the item was cancelled
 * before it ran; -EINPROGRESS while it is busy; -ENODATA if no scope has ever accepted it.
 */
static inline int scopex_work_result(const struct scopex_work *work)
{
	/* Acquire: as in scopex_work_busy(); see item-completed.litmus. */
	u32 status = smp_load_acquire(&work->status);

	return __scopex_is_busy(status) ? -EINPROGRESS : -(int)(status & SCOPEX_WORK_CODE);
}

/**
 * scopex_work_scope() - get the scope of the item that is running
 * @work: the item, in its own function
 *
 * Context: the item's function. It may submit further items to that scope (but not to the
 * scope of a detached item), and may cancel it.
 *
 * Return: the scope, which stays open at least until the function returns.
 */
static inline struct scopex_scope *
scopex_work_scope(const struct scopex_work *work)
{
	return work->scope;
}

/**
 * scopex_cancelled() - ask whether a scope was cancelled
 * @scope: an open scope
 *
 * A single load: cheap enough for a loop in an item.
 *
 * Context: any; the caller knows that the scope is open: it is the owner or an item.
 *
 * Return: true if the scope was cancelled in this round, or the scope of the item that has
 * opened it was, and so on.
 */
static inline bool scopex_cancelled(const struct scopex_scope *scope)
{
	return atomic64_read(&scope->state) & SCOPEX_CANCELLED;
}

/**
 * scopex_error() - get the first error of a scope so far
 * @scope: an open scope
 *
 * The data of the item that failed is visible to the caller only after the join.
 *
 * Context: any; the caller knows that the scope is open: it is the owner or an item.
 *
 * Return: the value that scopex_join() would return if every item were completed now.
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
 * @cpu: the CPU's number; or SCOPEX_CPU_LOCAL for the CPU of the caller, or for the nearest
 *	CPU with a worker if that one has none (see the module's parameter "cpus")
 * @work: an initialised item that is not busy
 *
 * The same as scopex_submit(), but the caller chooses the CPU. If the CPU goes offline
 * afterwards, the item runs on another one.
 *
 * Context: as for scopex_submit().
 *
 * Return: as for scopex_submit(); -EINVAL if there can be no such CPU; -ENODEV if it is
 * offline or has no worker; -EUSERS if the scope is serial (see scopex_scope()) and its owner
 * is on another CPU.
 */
static __always_inline int __must_check
scopex_submit_on(struct scopex_scope *scope, int cpu, struct scopex_work *work)
{
	/* Decide at compile time if the number is known then. */
	if (__builtin_constant_p(cpu) && cpu == SCOPEX_CPU_LOCAL)
		return __scopex_submit_local(scope, work);
	return __scopex_submit_on(scope, cpu, work);
}

/**
 * scopex_submit_array() - submit an array of objects at once
 * @scope: an open scope
 * @cpu: the number of the CPU that gets all items; SCOPEX_CPU_LOCAL; or SCOPEX_CPU_ANY
 *	for items that any CPU may run, as after scopex_submit()
 * @array: the address of the first object
 * @nr: the number of objects
 * @member: the &struct scopex_work in an object
 *
 * The same as a submit of one item after the other, but cheaper: the queue of each CPU is
 * changed once. Either all items are submitted, or none.
 *
 * Context: as for scopex_submit(). Takes time for each item.
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

/* True if there are options: without any, the string of the arguments is empty. */
#define __SCOPEX_HAS_OPTIONS(...)	(sizeof(#__VA_ARGS__) > 1)

/* NULL without options: so the opening of a usual scope does not look for any. */
#define __SCOPEX_OPTIONS(...)						\
	__builtin_choose_expr(__SCOPEX_HAS_OPTIONS(__VA_ARGS__),	\
			      (&(const struct scopex_options){ __VA_ARGS__ }), NULL)

/* The type of the object on the stack: a scope with options is larger. */
#define __SCOPEX_FRAME(...)						\
	typeof(*__builtin_choose_expr(__SCOPEX_HAS_OPTIONS(__VA_ARGS__), \
				      (struct scopex_custom_scope *)NULL, \
				      (struct scopex_scope *)NULL))

/*
 * Some kernels have the compiler zero all locals. Leave this one out: the opening sets the
 * fields that need it, and zeroes would cost as much as all the rest of the opening.
 */
#if __has_attribute(__uninitialized__)
#define __scopex_uninitialized	__attribute__((__uninitialized__))
#else
#define __scopex_uninitialized
#endif

/* Inline, so that the compiler need not store the pointer in memory for its address. */
static __always_inline void __scopex_leave(struct scopex_scope *const *scope)
{
	__scopex_close(*scope);
}

/**
 * scopex_run() - call a body with a scope, return when every item is completed
 * @body: a &typedef scopex_body_t, called once in the caller's context
 * @arg: its argument
 * @...: fields of &struct scopex_options, as ".flags = SCOPEX_FAIL_FAST"
 *
 * The scope lives in scopex_run()'s own frame: no caller can leave it early, forget to wait,
 * or move it.
 *
 * Context: process context, also in an item; sleeps.
 *
 * Return: the first error of an item or of the body, whichever came first (a body that joins
 * gets the errors of that round, and decides itself whether to return them); -ECANCELED if an
 * item was cancelled before it ran and nothing failed earlier; without a call of the body,
 * -EDEADLK in an item that is nested too deep (see scopex_scope()), and -EINVAL, with a
 * warning, in an interrupt; -EINVAL, with a warning, if the body returned a number that is no
 * errno; else 0.
 */
#define scopex_run(body, arg, ...)					\
	__scopex_run(body, arg, __SCOPEX_SITE(#body),			\
		     __SCOPEX_OPTIONS(__VA_ARGS__))

/**
 * scopex_scope() - open a scope for the block that follows
 * @s: the name of the scope, in the block a &struct scopex_scope pointer
 * @...: fields of &struct scopex_options, as ".timeout_us = 5 * USEC_PER_MSEC"
 *
 * Every way out of the block drains the scope first: its end, a return, a goto, and also a
 * break or a continue, which leave this block only. The compiler evaluates the operand of a
 * return before the drain: to return a value that items compute, call scopex_join() first.
 * One way out is left to the caller to avoid: a jump by an asm goto, as that of
 * unsafe_put_user() in older kernels, to a label outside of the block. GCC emits no clean-up
 * for it, neither here nor for guard(), and Clang refuses it.
 *
 * Declare all that items borrow before the block. The lifetime of a variable inside the block
 * ends before the drain.
 *
 * A scope that is opened in an item is a child of the item's scope, and is cancelled with it:
 * its own error is -ECANCELED then. So -ETIME means that its own time is over, or that one of
 * its items has returned -ETIME, or a caller has given that to scopex_cancel(). It never means
 * that the time of an outer scope is over.
 *
 * Such scopes may be nested to any depth, each level in an item of its own, as long as there
 * are workers (see the module's parameter "workers"). The opening waits until a worker is
 * created. A scope becomes serial if all workers that are allowed are taken, if none can be
 * created, or if the item is part of reclaiming memory (PF_MEMALLOC, or a NOFS or NOIO scope),
 * as a new worker needs memory. The items of a serial scope run on its owner's stack, one
 * after the other, when the owner waits; the kernel log and the profile show it. So an item
 * must wait for its own items by the scope only, and must not wait for a sibling that was
 * submitted later. A submit to a serial scope is refused with -EUSERS if it names another CPU
 * than the owner's, as the items can't run there. If less than a quarter of the stack is left,
 * or the scope is SCOPEX_NOT_SERIAL, a scope that would be serial is refused: every submit to
 * it, and scopex_join(), return -EDEADLK.
 *
 * Context: process context; sleeps. In an interrupt the scope is refused with a warning: every
 * submit to it, and scopex_join(), return -EINVAL.
 */
#define scopex_scope(s, ...)						\
	__scopex_block(s, __UNIQUE_ID(scopex_end_), ##__VA_ARGS__)

/*
 * The compiler sees loops without an end. So it knows that the block is executed, and is left
 * by its own ways out only. At the end of the block, the jump to the label leaves the loops.
 * There are two loops because one can't declare both a frame and a pointer to a part of it.
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
