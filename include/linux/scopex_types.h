/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The types of scopex: items, scopes, options
 *
 * <linux/scopex.h> has the calls. The structures are public because they live in their users'
 * objects and on their stacks. Their fields are private.
 */
#ifndef _LINUX_SCOPEX_TYPES_H
#define _LINUX_SCOPEX_TYPES_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/lockdep.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct scopex_scope;
struct scopex_work;
struct task_struct;

/**
 * typedef scopex_fn_t - the function of a work item
 * @work: the item; container_of() leads to the caller's own object
 *
 * Runs in process context on a worker thread, and never twice at a time for one item. It may
 * open scopes and wait for them, to any depth; the items that are queued behind it go on
 * during the wait. It may also sleep for other reasons, but then it holds up the other items
 * of its CPU, unless it calls scopex_will_block() first.
 *
 * If the submit names a CPU, it normally runs there. While that CPU goes offline, it may run, or
 * go on, on another one: an item that depends on its CPU has to hold off hotplug
 * or migration itself. It must not exit the thread, and must leave the thread as it was, as
 * the next items run on it: with no lock held, with interrupts and preemption as at entry, and
 * with all that the table names. Kernels with CONFIG_DEBUG_ATOMIC_SLEEP look after each item,
 * warn and name the item, and restore all that a module can. They do not see a change of
 * cgroups, namespaces, I/O priority, NUMA policy and signal handlers.
 *
 * The context of an item is that of a kernel thread. Nothing of it comes from the task that
 * has submitted the item, or that waits for it. If an item needs something of these tasks, its
 * submitter puts it into the caller's object, with a reference. A part of a loop (see
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
 * cgroups         the root; memory is charged to it      the caller's
 *                 except within set_active_memcg(), I/O
 *                 except after
 *                 kthread_associate_blkcg(), which has
 *                 to be undone
 * namespaces      the initial ones                       the caller's
 * files           those of kthreadd                      the caller's
 * NOFS, NOIO      item: not restricted, whatever the     the caller's
 *                 owner may do; it may need
 *                 memalloc_nofs_save() of its own.
 *                 Helper: as the caller of the loop
 * PF_MEMALLOC     no                                     the caller's
 * signals         none, so no signal ends it: look at    the caller's; see
 *                 scopex_cancelled()                     SCOPEX_KILLABLE
 * priority        SCHED_NORMAL, the module's parameter   the caller's
 *                 "nice"; an owner of high priority
 *                 does not lend it
 * CPUs            one, except while it goes offline      the caller's
 * freezer         not frozen: it goes on in a suspend    as the caller: not before
 *                                                        the loop has ended
 * reclaim         may wait for memory, but must not be   the same for the loop
 *                 needed to free some
 * ==============  =====================================  ==========================
 *
 * About the last row: do not wait for an item, or submit one and rely on it, where memory is
 * being freed (a shrinker, the writing of dirty pages, a block device that may hold swap). A
 * submit allocates no memory, but there is no rescuer: the item runs after the items that are
 * queued before it. These may wait for memory; and if they block, the pool may have to create
 * a worker, which takes memory. Use a workqueue with WQ_MEM_RECLAIM for that.
 *
 * About locks: an item may sleep on a mutex whose holder waits for a scope, of which an item
 * is queued behind the first one on the same CPU. Lockdep does not see that. It is no
 * deadlock: the queue of a worker that sleeps in an item goes to another worker within a
 * period of the watchdog, or at once if the item has called scopex_will_block().
 *
 * Return: one of these:
 *
 * * 0, or a negative errno. It becomes the item's result. The first error of an item becomes
 *   that of the scope. An item must not return -EINPROGRESS or -ENODATA, as
 *   scopex_work_result() uses them for an item without a result. The worker warns, and makes
 *   -EINVAL of these two and of any other number; an item that returns the result of another
 *   call has to translate them. The same holds for the functions of detached items, but not
 *   for those of loops and of scopex_each_cpu(), nor for the body of a scope.
 * * SCOPEX_AGAIN: the worker queues the item again, on its own CPU and behind the items that
 *   are queued there. The item stays busy, and the scope keeps waiting for it. An item submits
 *   itself again in this way, as a submit of a busy item is refused with -EBUSY. If the scope
 *   is cancelled, the item is completed with -ECANCELED. The item keeps its place under
 *   scopex_options.limit, and gives back the one under scopex_options.limit_per_cpu. Not for
 *   detached items. An item is busy while it runs: it must not initialise itself for the next
 *   run, but look at its own data to see what to do then.
 */
typedef int (*scopex_fn_t)(struct scopex_work *work);

/**
 * enum scopex_again - values that an item's function may return instead of a result
 * @SCOPEX_AGAIN: queue the item again; see &typedef scopex_fn_t. A function does not return
 *	this number by mistake, as it may return a count or "true".
 * @SCOPEX_PENDING: the item waits, and is queued again when it is woken; only for a task, see
 *	&typedef scopex_task_fn_t
 */
enum scopex_again {
	SCOPEX_AGAIN	= 0x5c0a6a1,
	SCOPEX_PENDING	= 0x5c0a6a2,
};

/**
 * enum scopex_status - the word scopex_work.status
 * @SCOPEX_WORK_CODE: these bits are the result of the item, less its sign; ENODATA if no
 *	scope has ever accepted the item
 * @SCOPEX_WORK_FREE: the item may be submitted: it has a function, and is not busy
 * @SCOPEX_WORK_BUSY: the other bits of an initialised item, and all bits but those of the code
 *	from its submit until it is completed. No memory has this number by chance (see
 *	scopex_work_init()).
 */
enum scopex_status {
	SCOPEX_WORK_CODE	= 0xfff,
	SCOPEX_WORK_FREE	= 0x1000,
	SCOPEX_WORK_BUSY	= 0x5c0a6000,
};

/**
 * typedef scopex_body_t - the function that scopex_run() calls in the caller's context
 * @scope: the open scope
 * @arg: the argument given to scopex_run()
 *
 * Return: 0 or a negative errno.
 */
typedef int (*scopex_body_t)(struct scopex_scope *scope, void *arg);

/**
 * struct scopex_work - a work item, embedded in the caller's own object
 * @node: link in the one list that the item is in, of a CPU, a scope, or a worker, while it
 *	is busy and not running
 * @fn: the function of the item
 * @scope: the scope that the item was submitted to last
 * @status: is the item busy, and what is its result; see &enum scopex_status
 * @cpu: the CPU where the item will run; only while it waits for its turn in a scope with a
 *	limit
 * @queued: the time at which the item was queued, or 0 if that was not measured; at all other
 *	times
 *
 * The object may live on the stack, in an array or on the heap. It belongs to scopex from a
 * successful submit until the item is completed. scopex_work_busy() tells this for one item,
 * the end of the scope for all of them. Then the caller may submit it again, reuse it or free
 * it. The function of an item must not free its own item.
 */
struct scopex_work {
	struct llist_node	node;
	scopex_fn_t		fn;
	struct scopex_scope	*scope;
	u32			status;
	union {
		unsigned int	cpu;
		u32		queued;
	};
};

/**
 * struct scopex_site - the place in the code that opens a scope
 * @name: the scope's name
 * @func: the function that opens it
 * @file: the source file
 * @line: the line
 * @profile: the number of its profile; 0: none yet
 * @part: how long a number took in the last loop of the place that lasted, in ticks (see
 *	kmod/gain.h); 0 if that was short
 * @map: lockdep map: acquired around each item, acquired and released by each wait
 */
struct scopex_site {
	const char		*name;
	const char		*func;
	const char		*file;
	unsigned int		line;
	unsigned int		profile;
	u32			part;
#ifdef CONFIG_LOCKDEP
	struct lockdep_map	map;
#endif
};

/**
 * struct scopex_scope - a scope; use scopex_run() or scopex_scope() to have one
 * @state: the kind of the object, flags and the number of references, in one word
 * @error: the first error; 0: none so far
 * @flags: SCOPEX_FAIL_FAST and the like
 * @depth: the number of scopes that it is nested in
 * @rounds: the number of waits for its items that have ended, the lowest bits
 * @rises: how often the watchdog has seen new items in a wait
 * @owner: the task on whose stack the scope lives, the only one that waits; of a detached
 *	item, the worker that runs the item, and NULL before
 * @site: the place in the code that opened it
 * @parent: the scope of the item that opened this one; NULL outside of items, and in the
 *	release function of a detached item
 * @node: link among the parent's children, or in the registry of open scopes
 * @children: scopes that items of this one have opened
 * @tasks: the tasks that have waited, and were not told of a cancellation; its link is NULL
 *	before the first one has waited
 * @outer: the scope that the same worker opened before, and that is still open; only if the
 *	owner is a worker, as is @own
 * @own: the queue of a serial scope
 * @exit: drains the scope if its owner exits; only if the owner is not a worker, so none of
 *	the two above is in use
 * @since: the time at which it was listed, in jiffies, the lower half
 * @wait_low: the fewest references that the watchdog has seen in a wait; U16_MAX for more
 * @wait_round: the value of @rounds in that wait
 * @wait_looks: how often the watchdog has seen that wait
 * @opened: the time at which it was opened, or 0 if that was not measured, or if @walk has
 *	been used; only while SCOPEX_WALK is not set in @state
 * @walk: link among the scopes whose children are still to be cancelled; only while
 *	SCOPEX_WALK is set in @state: then the scope is open and can't close, and @opened is
 *	read at the close only
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
	struct list_head		tasks;
	union {
		struct {
			struct scopex_scope	*outer;
			struct llist_node	*own;
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

/**
 * enum scopex_flags - for scopex_options.flags
 * @SCOPEX_FAIL_FAST: an item that fails cancels the scope
 * @SCOPEX_KILLABLE: a fatal signal for the owner, while it waits, cancels the scope with
 *	-EINTR; not if the owner is an item, as workers have no signals
 * @SCOPEX_JOINABLE: scopex_join_item() may be used
 * @SCOPEX_NOT_SERIAL: where the scope could only be serial (see scopex_scope()), it is
 *	refused with -EDEADLK
 * @SCOPEX_CANCEL_ON_EXIT: if the owner leaves the block while items are not completed, for
 *	example by an early return without a join, items that have not started are cancelled;
 *	the wait for the others is as long as always. A block that joins after its last submit
 *	has nothing left to cancel.
 */
enum scopex_flags {
	SCOPEX_FAIL_FAST	= 1,
	SCOPEX_KILLABLE		= 2,
	SCOPEX_JOINABLE		= 4,
	SCOPEX_NOT_SERIAL	= 8,
	SCOPEX_CANCEL_ON_EXIT	= 16,
};

/**
 * enum scopex_cpu_choice - values to use instead of a CPU's number
 * @SCOPEX_CPU_LOCAL: the CPU of the caller, or the nearest one that has a worker
 * @SCOPEX_CPU_ANY: any CPU may run the items, as after scopex_submit()
 *
 * Not -1, which often stands for "no CPU": as a CPU that is refused.
 */
enum scopex_cpu_choice {
	SCOPEX_CPU_LOCAL	= -5001,
	SCOPEX_CPU_ANY		= -5002,
};

/**
 * struct scopex_options - the options of a scope, and its name
 * @name: its name in debugfs, events and messages, instead of the one in the code: a string
 *	that lives as long as the module
 * @flags: any of &enum scopex_flags; scopex warns of others, and ignores them
 * @limit: the number of its items that are queued or run at a time, while the others wait in
 *	the scope for their turn; 0: any number
 * @limit_per_cpu: the number of its items that have begun, and are not completed, on each CPU
 *	at a time; 0: any number. The items of a CPU run one after the other, so this matters
 *	for items that block: see scopex_will_block(). An item that waits for its turn there
 *	counts as queued for @limit.
 * @timeout_us: microseconds from the opening until the scope is cancelled with -ETIME;
 *	negative: at once; 0: never. USEC_PER_SEC is a long: write 3600LL * USEC_PER_SEC for
 *	an hour, where a long may have 32 bits.
 * @deadline: the same as a time of CLOCK_MONOTONIC, see ktime_get(); 0: none. With both,
 *	the earlier one counts.
 *
 * The end of its time cancels a scope as scopex_cancel() does: also the scopes that its items
 * have opened, but not the scopes that the owner has opened beside it.
 *
 * No option makes a wait end before every item is completed. An item of a scope that is
 * SCOPEX_JOINABLE or has a limit costs more.
 */
struct scopex_options {
	const char	*name;
	unsigned int	flags;
	unsigned int	limit;
	unsigned int	limit_per_cpu;
	s64		timeout_us;
	ktime_t		deadline;
};

/**
 * struct scopex_custom_scope - a scope with options
 * @scope: the scope
 * @timer: cancels it
 * @deadline: the time at which @timer does that, if the scope has a deadline
 * @expired: true if that time has passed
 * @joined: the item that the owner waits for, or NULL
 * @limit_per_cpu: the number of items that may have begun on a CPU
 * @limit: the number of items that may be queued or run
 * @lock: protects the following fields
 * @running: the number of items that are queued or run
 * @waiting: the items that wait for their turn, the first one
 * @last: the link of the last one of them, where the next one is appended
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

/* A bit of scopex_scope.state; kmod/state.h has the others. */
#define SCOPEX_CANCELLED	(1ULL << 33)

#endif /* _LINUX_SCOPEX_TYPES_H */
