/* SPDX-License-Identifier: GPL-2.0 */
/*
 * scopex: structured concurrency on per-CPU worker threads
 *
 * A scope owns the work items that are submitted to it and does not end before
 * every one of them is out. Its object lives on the stack of the task that
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
 *		for (i = 0; i < ARRAY_SIZE(part); i++) {
 *			scopex_work_init(&part[i].work, sum_part);
 *			scopex_submit_any(s, &part[i].work);
 *		}
 *		err = scopex_join(s);
 *	}
 *
 * There are two ways to have a scope, and both drain it whatever happens:
 * scopex_run() calls a body with it, scopex_scope() opens a block with it.
 */
#ifndef _LINUX_SCOPEX_H
#define _LINUX_SCOPEX_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/cleanup.h>
#include <linux/compiler.h>
#include <linux/completion.h>
#include <linux/errno.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/lockdep.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct cpumask;
struct module;
struct scopex_scope;
struct scopex_work;
struct task_struct;

/**
 * typedef scopex_fn_t - what a work item does
 * @work: the item; container_of() leads to the caller's own object
 *
 * Runs in process context on a worker thread, and is never run twice at a time
 * for one item. It may open scopes and wait for them, to any depth; what is queued
 * behind it goes on meanwhile. It may sleep otherwise, too, but holds its CPU's
 * other items up unless it says so by scopex_will_block().
 *
 * Normally it runs on the CPU that the item was submitted to, but while that CPU
 * goes offline it may run, or go on, on another one: an item that depends on its
 * CPU has to hold off hotplug or migration itself. It must not exit the thread,
 * and must leave it as it was, as the next items run on the same thread: no lock held,
 * interrupts and preemption as at entry, and so with what the table names. Kernels with
 * CONFIG_DEBUG_ATOMIC_SLEEP look after each item, warn by its name, and restore what a
 * module can; not seen are a change of cgroups, namespaces, I/O priority, NUMA policy and
 * signal handlers.
 *
 * The context of an item is that of a kernel thread. Nothing of it comes from the task
 * that has submitted the item, or that waits for it; what an item needs of these, its
 * submitter puts into the caller's object, with a reference. A part of a loop (see
 * scopex_for()) runs in one of two contexts:
 *
 * ==============  =====================================  ==========================
 * ``current``     in an item, in a part on a helper      in a part on the caller's
 *                                                        own thread
 * ==============  =====================================  ==========================
 * address space   none; kthread_use_mm(), and            the caller's
 *                 kthread_unuse_mm() before it returns
 * credentials     the kernel's own, with all             the caller's
 *                 capabilities; override_creds() and
 *                 revert_creds()
 * cgroups         the root; memory is charged to it but  the caller's
 *                 within set_active_memcg(), I/O but
 *                 after kthread_associate_blkcg(); that
 *                 has to be undone
 * namespaces      the initial ones                       the caller's
 * files           those of kthreadd                      the caller's
 * NOFS, NOIO      item: not restricted, whatever the     the caller's
 *                 owner may do; it may need
 *                 memalloc_nofs_save() of its own.
 *                 Helper: as the caller of the loop
 * PF_MEMALLOC     no                                     the caller's
 * signals         none, so nothing kills it: look at     the caller's; see
 *                 scopex_cancelled()                     SCOPEX_KILLABLE
 * priority        SCHED_NORMAL, the module's parameter   the caller's
 *                 "nice"; an owner of high priority
 *                 does not lend it
 * CPUs            one, but while that goes offline       the caller's
 * freezer         not frozen: it goes on in a suspend    as the caller: not before
 *                                                        the loop has ended
 * reclaim         may wait for memory, but nobody may    the same for the loop
 *                 need it to free some
 * ==============  =====================================  ==========================
 *
 * About the last row: do not wait for an item, or submit one and rely on it, where memory
 * is being freed (a shrinker, the writing of dirty pages, a block device that may hold
 * swap). To submit allocates nothing, but there is no rescuer: the item runs after those
 * that are queued before it, and these may wait for memory; and if they block, a worker
 * more may have to be made, which allocates. A workqueue with WQ_MEM_RECLAIM is for that.
 *
 * About locks: an item may sleep on a mutex whose holder waits for a scope, of which an
 * item is queued behind the first one on the same CPU. Lockdep does not know of that. It
 * is no deadlock: the queue of a worker that sleeps in an item is given to another one
 * within a period of the watchdog; or at once, if the item has called scopex_will_block().
 *
 * Return: 0, or a negative errno, which becomes the item's result and, when it
 * is the first one, that of the scope. Two of them are not for items, as
 * scopex_work_result() says them of an item that has no result: -EINPROGRESS and
 * -ENODATA. The worker warns, and makes -EINVAL of them, as it does of what is no errno;
 * an item that hands on what it was told by others has to translate them. This goes for
 * the functions of detached items, too; not for those of loops and of
 * scopex_each_cpu(), nor for the body of a scope, which are no items.
 */
typedef int (*scopex_fn_t)(struct scopex_work *work);

/**
 * typedef scopex_body_t - what scopex_run() runs in the caller's context
 * @scope: the open scope
 * @arg: the argument given to scopex_run()
 *
 * Return: 0 or a negative errno.
 */
typedef int (*scopex_body_t)(struct scopex_scope *scope, void *arg);

/**
 * struct scopex_work - a work item, embedded in the caller's own object
 * @node: link in the queue of a CPU; scopex's while the item is busy
 * @fn: the function
 * @scope: the scope that the item was submitted to last
 * @cpu: where it is to run, while it waits for its turn in a scope with a limit; what
 *	@status was, while an array that it is in is being submitted
 * @queued: when it was queued, if that is measured; while it runs, the upper half of
 *	when it was started
 * @status: SCOPEX_WORK_BUSY from submit until the item is out, else its result
 *
 * The object may live on the stack, in an array or on the heap. It belongs to
 * scopex from a successful submit until the item is out, which
 * scopex_work_busy() tells for one item and the end of the scope for all; then
 * it may be submitted again, reused or freed. An item function must not free
 * its own item.
 */
struct scopex_work {
	struct llist_node	node;
	scopex_fn_t		fn;
	struct scopex_scope	*scope;
	union {
		unsigned int	cpu;
		u32		queued;
	};
	int			status;
};

/* An item's result is 0 or negative, so that one word tells busy from done. */
#define SCOPEX_WORK_BUSY	1

/**
 * struct scopex_site - the place in the code that a scope comes from
 * @name: the scope's name
 * @func: the function it is opened in
 * @file: the source file
 * @line: the line
 * @profile: what its profile is known by; 0 for none yet
 * @map: held, for lockdep, by who runs an item of such a scope, and taken by who waits
 */
struct scopex_site {
	const char		*name;
	const char		*func;
	const char		*file;
	unsigned int		line;
	unsigned int		profile;
#ifdef CONFIG_LOCKDEP
	struct lockdep_map	map;
#endif
};

#ifdef CONFIG_LOCKDEP
#define __SCOPEX_SITE_MAP(_name, _site)					\
	.map = STATIC_LOCKDEP_MAP_INIT("scopex:" _name, _site),
#else
#define __SCOPEX_SITE_MAP(_name, _site)
#endif

/**
 * struct scopex_scope - a scope; use scopex_run() or scopex_scope() to have one
 * @state: what the object is, flags and the number of references, in one word
 * @error: the first error, 0 while there is none
 * @flags: SCOPEX_FAIL_FAST and the like
 * @depth: how many scopes it is nested in
 * @rounds: how many waits for its items have ended, the lowest bits
 * @rises: how often the watchdog saw that items had come in a wait
 * @owner: the task on whose stack the scope lives, the only one that waits; for that of
 *	a detached item, the worker that runs the item, NULL before
 * @site: where it was opened
 * @parent: the scope of the item that opened this one; NULL outside of items, and in
 *	the release of a detached one
 * @node: link among the parent's children, or in the registry of open scopes
 * @children: scopes that items of this one have opened
 * @outer: the scope that the same worker opened before, and that is still open
 * @own: the items of a serial scope, newest first
 * @exit: drains the scope if its owner exits, and is no worker
 * @since: jiffies when it was listed, the lower half
 * @wait_low: the fewest references that the watchdog has seen in a wait; U16_MAX for more
 * @wait_round: the value of @rounds in that wait
 * @wait_looks: how often the watchdog has seen that wait
 * @opened: when it was opened, if that is measured, else 0
 * @walk: link among those whose children are still to be cancelled; @opened is lost
 *
 * All fields are private to scopex.
 */
struct scopex_scope {
	atomic64_t			state;
	int				error;
	u8				flags;
	u8				depth;
	u8				rounds;
	u8				rises;
	struct task_struct		*owner;
	struct scopex_site		*site;
	struct scopex_scope		*parent;
	struct hlist_node		node;
	struct hlist_head		children;
	union {
		struct {
			struct scopex_scope	*outer;
			struct llist_head	own;
		};
		struct callback_head	exit;
	};
	u32				since;
	u16				wait_low;
	u8				wait_round;
	u8				wait_looks;
	union {
		u64			opened;
		struct llist_node	walk;
	};
};

/* What a scope does by itself; for scopex_scope_with() and scopex_run_with(). */
#define SCOPEX_FAIL_FAST	BIT(0)	/* the first error cancels the siblings */
#define SCOPEX_KILLABLE		BIT(1)	/* a fatal signal cancels while it waits */
#define SCOPEX_JOINABLE		BIT(2)	/* for scopex_join_item() */
#define SCOPEX_NOT_SERIAL	BIT(3)	/* refused where it had to be serial */
#define __SCOPEX_LISTED		BIT(5)	/* of a detached item: it is in the registry */
#define __SCOPEX_ON_WORKER	BIT(6)	/* the owner is a worker, in an item */
#define __SCOPEX_TIMED		BIT(7)	/* has a deadline */

/**
 * struct scopex_options - what a scope does by itself
 * @flags: any of these; others are told of with a warning, and ignored.
 *	SCOPEX_FAIL_FAST: an item that fails cancels the scope.
 *	SCOPEX_KILLABLE: a fatal signal for the owner, while it waits, cancels it with
 *	-EINTR (not so where the owner is in an item: workers have no signals).
 *	SCOPEX_JOINABLE: scopex_join_item() may be used.
 *	SCOPEX_NOT_SERIAL: where the scope could only be serial, see scopex_scope(), it is
 *	refused with -EDEADLK.
 * @timeout: after that time the scope is cancelled with -ETIME, at once if it is
 *	negative; 0 for never. As with any cancellation, the scopes that its items have
 *	opened are cancelled, too, those that the owner opens beside them are not.
 * @limit: how many of its items are queued or run at a time, the others waiting in
 *	the scope for their turn; 0 for any number
 * @limit_per_cpu: how many of its items have begun, and are not out, on each CPU at a
 *	time; 0 for any number. As a CPU's items run one after the other, this is about
 *	those that block: see scopex_will_block(). One that waits for its turn there
 *	counts as queued for @limit.
 *
 * In each case the scope is drained as ever: the wait does not end before every
 * item is out. An item of a scope that is SCOPEX_JOINABLE or has a limit costs more.
 */
struct scopex_options {
	unsigned int	flags;
	ktime_t		timeout;
	unsigned int	limit;
	unsigned int	limit_per_cpu;
};

/**
 * struct scopex_custom_scope - a scope with options
 * @scope: the scope
 * @timer: cancels it
 * @deadline: when; set if it has one
 * @expired: the deadline has passed
 * @joined: the item that the owner waits for, or NULL
 * @limit_per_cpu: how many items may have begun on a CPU
 * @limit: how many items may be queued or run
 * @lock: protects what follows
 * @running: how many are
 * @waiting: those that wait for their turn, the first one
 * @last: where the next one of them is hung on
 *
 * All fields are private to scopex.
 */
struct scopex_custom_scope {
	struct scopex_scope	scope;
	struct hrtimer		timer;
	ktime_t			deadline;
	bool			expired;
	struct scopex_work	*joined;
	unsigned int		limit_per_cpu;
	unsigned int		limit;
	raw_spinlock_t		lock;
	unsigned int		running;
	struct llist_node	*waiting;
	struct llist_node	**last;
};

/*
 * scopex_scope.state. The upper half says what the object is. The lower half
 * counts references, one for each item that is not out yet and one for the owner,
 * above the lowest bit, which is set while the owner waits. So the usual submit
 * is one comparison, whether the owner waits or not.
 *
 * The kind is stored less the object's own address (see __scopex_address()). So an open
 * scope is open at its own place only, and a copy of it is no scope: that costs the
 * submit no look of its own.
 */
#define SCOPEX_WAITING		BIT_ULL(0)
#define SCOPEX_ONE		BIT_ULL(1)	/* reference */
#define SCOPEX_COUNT_MAX	BIT_ULL(30)	/* references */
#define SCOPEX_COUNT_MASK	GENMASK_ULL(31, 1)
#define SCOPEX_UNLISTED		BIT_ULL(32)	/* not in the list of open scopes */
#define SCOPEX_CANCELLED	BIT_ULL(33)
#define SCOPEX_SERIAL		BIT_ULL(34)	/* the owner runs the items */
#define __SCOPEX_JOINABLE	BIT_ULL(35)	/* who ends an item looks for joiners */
#define SCOPEX_LIMITED		BIT_ULL(36)	/* who ends an item lets others start */
#define SCOPEX_DETACHED		BIT_ULL(37)	/* is a struct scopex_detached */
#define SCOPEX_CPU_LIMITED	BIT_ULL(38)	/* who starts an item asks for a turn */
#define SCOPEX_WALK		BIT_ULL(39)	/* its children are still to be cancelled */
/* All of those that are options; see kmod/option.h. */
#define SCOPEX_OPTIONS		(SCOPEX_SERIAL | __SCOPEX_JOINABLE | SCOPEX_LIMITED |	\
				 SCOPEX_DETACHED | SCOPEX_CPU_LIMITED)
#define SCOPEX_KIND_MASK	GENMASK_ULL(63, 40)
#define SCOPEX_OPEN		0ULL
#define SCOPEX_CLOSED		0xdead5c0000000000ULL
#define SCOPEX_REFUSED		0x0bad5c0000000000ULL

/* What the address adds to the kind: all of its bits from 3 (it is aligned) to 26. */
static inline u64 __scopex_address(const struct scopex_scope *scope)
{
	return (u64)(unsigned long)scope << 37;
}

/* What an object is, with the flags and the count as they are in @state. */
static inline u64 __scopex_decode(const struct scopex_scope *scope, u64 state)
{
	return state + __scopex_address(scope);
}

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

int scopex_submit(struct scopex_scope *scope, struct scopex_work *work);
int scopex_submit_on(struct scopex_scope *scope, unsigned int cpu,
		     struct scopex_work *work);
int scopex_submit_any(struct scopex_scope *scope, struct scopex_work *work);
int scopex_try_submit(struct scopex_scope *scope, struct scopex_work *work);
int scopex_join_item(struct scopex_work *work);
int __scopex_submit_array(struct scopex_scope *scope, int cpu,
			  struct scopex_work *first, unsigned int nr,
			  size_t stride);
void scopex_cancel(struct scopex_scope *scope);
void scopex_cancel_with(struct scopex_scope *scope, int err);
int scopex_join(struct scopex_scope *scope);
void scopex_will_block(void);

struct scopex_scope *__scopex_open(struct scopex_scope *scope,
				   struct scopex_site *site);
void __scopex_close(struct scopex_scope *scope);
struct scopex_scope *
__scopex_open_custom(struct scopex_custom_scope *custom,
		     struct scopex_site *site,
		     const struct scopex_options *options);
void __scopex_close_custom(struct scopex_custom_scope *custom);
int __scopex_run(scopex_body_t body, void *arg,
		 struct scopex_site *site);
int __scopex_run_with(scopex_body_t body, void *arg,
		      struct scopex_site *site,
		      const struct scopex_options *options);

/* Instead of a CPU's number. */
#define SCOPEX_THIS_CPU		(-1)	/* or the nearest one */
#define SCOPEX_SPREAD		(-2)	/* over the CPUs of scopex_submit_any() */

/**
 * scopex_submit_array() - submit an array of items at once
 * @scope: an open scope
 * @cpu: the number of the CPU that gets all; SCOPEX_THIS_CPU; or SCOPEX_SPREAD for
 *	an equal part to each
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
	__scopex_submit_array(scope, cpu, &(array)->member, nr,		\
			      sizeof(*(array)))

/**
 * scopex_run() - run a body with a scope, return when every item is out
 * @body: a &typedef scopex_body_t, called once in the caller's context
 * @arg: its argument
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
#define scopex_run(body, arg)	scopex_run_named(body, arg, #body)

/**
 * scopex_run_named() - scopex_run() with a name for debugfs
 * @body: a &typedef scopex_body_t, called once in the caller's context
 * @arg: its argument
 * @name: a string constant
 *
 * Context: as for scopex_run().
 *
 * Return: as for scopex_run().
 */
#define scopex_run_named(body, arg, name)				\
	__scopex_run(body, arg, __SCOPEX_SITE(name))

/**
 * scopex_run_with() - scopex_run() with options
 * @body: a &typedef scopex_body_t, called once in the caller's context
 * @arg: its argument
 * @...: fields of &struct scopex_options, as ".flags = SCOPEX_FAIL_FAST"
 *
 * Context: as for scopex_run().
 *
 * Return: as for scopex_run(); -ETIME if the deadline passed, -EINTR if the owner
 * was killed, and nothing failed before.
 */
#define scopex_run_with(body, arg, ...)					\
	__scopex_run_with(body, arg, __SCOPEX_SITE(#body),		\
			  &(const struct scopex_options){ __VA_ARGS__ })

/**
 * scopex_scope() - open a scope for the block that follows
 * @s: the name of the scope, in the block a &struct scopex_scope pointer
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
 * one of its items has returned -ETIME, or a caller of scopex_cancel_with() has given it;
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
#define scopex_scope(s)		scopex_scope_named(s, #s)

/**
 * scopex_scope_named() - scopex_scope() with a name for debugfs
 * @s: the name of the scope in the code
 * @name: a string constant
 *
 * Context: as for scopex_scope().
 */
#define scopex_scope_named(s, name)					\
	__scopex_block(s, name, __UNIQUE_ID(scopex_end_))

/**
 * scopex_scope_with() - scopex_scope() with options
 * @s: the name of the scope, in the block a &struct scopex_scope pointer
 * @...: fields of &struct scopex_options, as ".timeout = ms_to_ktime(5)"
 *
 * Context: as for scopex_scope().
 */
#define scopex_scope_with(s, ...)					\
	__scopex_custom_block(s, #s, __UNIQUE_ID(scopex_end_), __VA_ARGS__)

/*
 * On kernels that have locals zeroed by the compiler: not what is going to be set by the
 * opening, as that would take as long as all the rest of it.
 */
#if __has_attribute(__uninitialized__)
#define __scopex_uninitialized	__attribute__((__uninitialized__))
#else
#define __scopex_uninitialized
#endif

/*
 * A loop that the compiler sees no end of, so that it knows that the block is
 * executed, and left by its own ways out only. It is left for good by the jump
 * to the label when the block has come to its end.
 */
#define __scopex_block(s, name, end)					\
	for (struct scopex_scope __scopex_of_##s __scopex_uninitialized	\
	     __cleanup(__scopex_close),					\
	     *s __always_unused = __scopex_open(&__scopex_of_##s,	\
						__SCOPEX_SITE(name));	\
	     ; ({ goto end; }))						\
		if (0) {						\
end:			break;						\
		} else

/* Of two loops, as one can't declare a scope and a pointer to a part of it. */
#define __scopex_custom_block(s, name, end, ...)				\
	for (struct scopex_custom_scope __scopex_of_##s __scopex_uninitialized	\
	     __cleanup(__scopex_close_custom); ; ({ goto end; }))	\
		if (0) {						\
end:			break;						\
		} else							\
			for (struct scopex_scope *s __always_unused =	\
			     __scopex_open_custom(&__scopex_of_##s,	\
				__SCOPEX_SITE(name),			\
				&(const struct scopex_options){ __VA_ARGS__ }); \
			     ; ({ goto end; }))

/**
 * struct scopex_range - a part of a parallel loop
 * @first: its first number
 * @count: how many numbers it has, at least 1
 * @scope: the loop's scope, for scopex_cancelled()
 * @arg: the caller's argument
 * @result: where this thread gathers its result, in scopex_reduce(); else NULL
 * @since: scopex's: when it was begun, if that is measured
 */
struct scopex_range {
	unsigned long		first;
	unsigned long		count;
	struct scopex_scope	*scope;
	void			*arg;
	void			*result;
	u64			since;
};

/**
 * typedef scopex_range_fn_t - what does a part of a parallel loop
 * @range: the part
 *
 * Runs in process context, on the caller's thread or a worker's, and may do what an
 * item may.
 *
 * Return: 0 or any negative errno, which ends the loop unless it is to run all.
 */
typedef int (*scopex_range_fn_t)(const struct scopex_range *range);

/* The most that a thread can gather in scopex_range.result, in bytes. */
#define SCOPEX_RESULT_MAX	64

/**
 * struct scopex_reduction - how the results of a loop's threads become one
 * @size: of a result, in bytes; SCOPEX_RESULT_MAX at most
 * @init: makes @result what does not change a total; NULL if that is all zeroes
 * @join: adds @result to @total; the order of the results is not known. Called
 *	under a spinlock: must not sleep.
 */
struct scopex_reduction {
	size_t	size;
	void	(*init)(void *result, void *arg);
	void	(*join)(void *total, const void *result, void *arg);
};

/**
 * struct scopex_for_params - the rest of what a parallel loop can be told
 * @arg: for the function
 * @grain: how many numbers a chunk has; 0 for some chunks per CPU
 * @flags: SCOPEX_KILLABLE
 * @timeout: as in &struct scopex_options
 * @run_all: go on after an error
 * @reduction: how results are joined, or NULL
 * @total: where to
 */
struct scopex_for_params {
	void				*arg;
	unsigned long			grain;
	unsigned int			flags;
	ktime_t				timeout;
	bool				run_all;
	const struct scopex_reduction	*reduction;
	void				*total;
};

int __scopex_for(unsigned long first, unsigned long count, scopex_range_fn_t fn,
		 const struct scopex_for_params *params,
		 struct scopex_site *site);

/**
 * scopex_for() - a loop over numbers, on this CPU and those that are idle
 * @start: the first number
 * @nr: how many numbers; after ULONG_MAX comes 0
 * @fn: a &typedef scopex_range_fn_t, called for parts of them
 * @...: fields of &struct scopex_for_params, as ".arg = buffer, .grain = 16"
 *
 * The caller does its share of the work: on a machine where no other CPU is idle,
 * all of it. Isolated CPUs do not help, see scopex_submit_any(). Parts are given out as
 * threads come for them, so that they may take different times. Nothing is allocated.
 *
 * A part should take a microsecond or more, and there should be several for each
 * CPU. Scopes that the function opens are the loop's children where it runs on a
 * worker, or in a caller that is an item; not where it runs on the caller's thread
 * outside of items.
 *
 * What the caller's memalloc_nofs_save() and memalloc_noio_save() forbid is forbidden to
 * its helpers, too.
 *
 * Context: process context; sleeps, uninterruptibly. The caller must not hold a lock
 * that the function needs, as its helpers could not take it.
 *
 * Return: 0 if the function was called for all numbers, and returned 0 each time;
 * else the first error. -ECANCELED if the loop was cancelled before its end, -ETIME or
 * -EINTR if that was because of its deadline or a fatal signal; what scopex_scope()
 * says where a scope is refused.
 */
#define scopex_for(start, nr, fn, ...)					\
	__scopex_for(start, nr, fn,					\
		     &(const struct scopex_for_params){ __VA_ARGS__ },	\
		     __SCOPEX_SITE(#fn))

/**
 * scopex_reduce() - scopex_for() with a result
 * @start: the first number
 * @nr: how many numbers
 * @fn: a &typedef scopex_range_fn_t, which adds to what is at its range's result
 * @how: a &struct scopex_reduction
 * @to: the address of the total, which has a value before
 * @...: further fields of &struct scopex_for_params
 *
 * Each thread gathers a result of its own, and adds it to the total at its end.
 *
 * Context: as for scopex_for().
 *
 * Return: as scopex_for(); after an error, the total has the results of those parts
 * that were done.
 */
#define scopex_reduce(start, nr, fn, how, to, ...)			\
	scopex_for(start, nr, fn, .reduction = (how), .total = (to), ##__VA_ARGS__)

/**
 * typedef scopex_cpu_fn_t - what scopex_each_cpu() calls
 * @cpu: the CPU that it is called for
 * @arg: the caller's argument
 *
 * Return: 0 or a negative errno.
 */
typedef int (*scopex_cpu_fn_t)(unsigned int cpu, void *arg);

int __scopex_each_cpu(const struct cpumask *mask, scopex_cpu_fn_t fn, void *arg,
		      struct scopex_site *site);

/**
 * scopex_each_cpu() - call a function once on each CPU of a mask
 * @mask: the CPUs
 * @fn: a &typedef scopex_cpu_fn_t, which may do what an item may
 * @arg: its argument
 *
 * Up to twelve CPUs call it at the same time; more take their turn. Nothing is
 * allocated. While a CPU goes offline, the function may run on another one; a caller
 * that can't have that holds off hotplug.
 *
 * Context: process context; sleeps, uninterruptibly. The caller must not hold a lock
 * that the function needs.
 *
 * Return: the first error of the function; -ENODEV if a CPU is offline or has no
 * worker, -EINVAL if there can be no such CPU (it was called for the others then);
 * -EDEADLK, without calling it, in an item where all workers of the CPU wait; else 0.
 */
#define scopex_each_cpu(mask, fn, arg)					\
	__scopex_each_cpu(mask, fn, arg, __SCOPEX_SITE(#fn))

/**
 * struct scopex_detached - an item that outlives who submits it
 * @work: the item
 * @scope: its scope, with nobody who waits for it
 * @refs: who uses the object
 * @submitted: whether it was submitted
 * @coming: whether that was while the init function of its module ran
 * @done: completed when the item is out, and again by each that has waited for it
 * @fn: the function
 * @release: frees the object
 * @owner: the module that both are in
 *
 * To be embedded in an object that was allocated, and not to be copied once it is
 * initialised. All fields are private to scopex.
 */
struct scopex_detached {
	struct scopex_work	work;
	struct scopex_scope	scope;
	refcount_t		refs;
	atomic_t		submitted;
	bool			coming;
	struct completion	done;
	int			(*fn)(struct scopex_detached *detached);
	void			(*release)(struct scopex_detached *detached);
	struct module		*owner;
};

/**
 * scopex_detached_init() - initialise a detached item, with one reference
 * @detached: the object
 * @fn: what it does, in process context, as an item
 * @release: called with the last reference gone, in the context of who gives it back;
 *	frees the object
 *
 * If the last reference is the one of scopex itself, @release is called by the worker,
 * in process context. It may then do what an item may: open scopes, run loops, detach
 * items and wait for them. It is no part of the item: what it opens is not cancelled
 * with the item, and the scope of the item need not exist any more.
 *
 * Context: any.
 */
#define scopex_detached_init(detached, fn, release)			\
	__scopex_detached_init(detached, fn, release, THIS_MODULE,	\
			       __SCOPEX_SITE(#fn))

void __scopex_detached_init(struct scopex_detached *detached,
			    int (*fn)(struct scopex_detached *detached),
			    void (*release)(struct scopex_detached *detached),
			    struct module *owner, struct scopex_site *site);
int scopex_detach(struct scopex_detached *detached);
void scopex_detached_get(struct scopex_detached *detached);
void scopex_detached_put(struct scopex_detached *detached);
int scopex_detached_wait(struct scopex_detached *detached);
int scopex_detached_cancel(struct scopex_detached *detached);
int scopex_detached_cancel_nowait(struct scopex_detached *detached);

/**
 * scopex_detached_result() - how the item ended, without waiting for it
 * @detached: the item
 *
 * Context: any, with a reference.
 *
 * Return: -ENODATA if it was never submitted; -EINPROGRESS until it is out; then what
 * its function returned, or -ECANCELED if it did not run.
 */
static inline int scopex_detached_result(const struct scopex_detached *detached)
{
	return scopex_work_result(&detached->work);
}

/**
 * scopex_detached_cancelled() - was the item cancelled?
 * @detached: the item
 *
 * Context: any, with a reference; so the item's function.
 *
 * Return: true after scopex_detached_cancel() or scopex_detached_cancel_nowait() was
 * called for it, once it was submitted.
 */
static inline bool
scopex_detached_cancelled(const struct scopex_detached *detached)
{
	return scopex_cancelled(&detached->scope);
}

/* What people know an item by: its function, or the one that it calls if it is detached. */
static inline void *__scopex_work_fn(const struct scopex_scope *scope,
				     const struct scopex_work *work)
{
	if (atomic64_read(&scope->state) & SCOPEX_DETACHED)
		return (void *)container_of(scope, struct scopex_detached, scope)->fn;
	return (void *)work->fn;
}

#endif /* _LINUX_SCOPEX_H */
