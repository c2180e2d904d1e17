/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tasks: items that wait without a thread
 *
 * A task is an item whose function may return before the task is completed. It returns
 * SCOPEX_PENDING, and then the task waits: it needs no thread and no stack, only its object. To
 * wake a task is to queue it: its function is called again, from the start, and finds in the
 * object how far it has come.
 *
 * A task belongs to its scope as any other item does. The scope ends when the task is completed,
 * however long it waits. So a task may borrow what the owner of the scope keeps.
 */
#ifndef _LINUX_SCOPEX_TASK_H
#define _LINUX_SCOPEX_TASK_H

#include <linux/build_bug.h>
#include <linux/scopex.h>

struct scopex_await;
struct scopex_task;

/**
 * typedef scopex_task_fn_t - the function of a task
 * @task: the task; container_of() leads to the caller's own object
 *
 * The rules for the function of an item hold for each call: see &typedef scopex_fn_t. Its
 * local variables do not last from one call to the next, so what lasts is in the task's object.
 * It must hold no lock, and no other state of its thread, when it returns.
 *
 * Calls of one task never overlap, and each one sees all that the one before has written. The
 * first call may be on any CPU, as for any item. The next ones are on the CPU of the first one,
 * unless that goes offline.
 *
 * Return: 0 or a negative errno, and the task is completed; SCOPEX_PENDING, after it has arranged
 * to be woken, mostly because scopex_poll() has returned that; or SCOPEX_AGAIN, to be called
 * again after the items that are queued on the CPU.
 */
typedef int (*scopex_task_fn_t)(struct scopex_task *task);

/**
 * enum scopex_task_state - what a task is doing
 * @SCOPEX_TASK_NEW: it was not called yet
 * @SCOPEX_TASK_QUEUED: it was woken, and is queued
 * @SCOPEX_TASK_RUNNING: its function runs; or it is queued again without having waited
 * @SCOPEX_TASK_NOTIFIED: the same, and it was woken since the call began, so it does not wait
 *	after this call
 * @SCOPEX_TASK_WAITING: it waits to be woken
 * @SCOPEX_TASK_COMPLETED: its function has returned the result
 */
enum scopex_task_state {
	SCOPEX_TASK_NEW,
	SCOPEX_TASK_QUEUED,
	SCOPEX_TASK_RUNNING,
	SCOPEX_TASK_NOTIFIED,
	SCOPEX_TASK_WAITING,
	SCOPEX_TASK_COMPLETED,
};

/**
 * struct scopex_task - a task, embedded in the caller's own object
 * @work: its item: submit this one
 * @fn: the function of the task
 * @state: see &enum scopex_task_state
 * @at: where a coroutine goes on; 0: at its beginning
 * @node: link among the tasks of its scope that have waited; see kmod/task.h
 * @await: what it waits for, or NULL
 * @since: when it began to wait, in jiffies, the lower half
 * @scope: the distance to the scope that it has opened last, in bytes; 0: none is open
 *
 * All fields but @work are private to scopex.
 */
struct scopex_task {
	struct scopex_work	work;
	scopex_task_fn_t	fn;
	atomic_t		state;
	unsigned int		at;
	struct list_head	node;
	struct scopex_await	*await;
	u32			since;
	s32			scope;
};

int scopex_task_step(struct scopex_work *work);

/**
 * SCOPEX_TASK_INIT() - initialiser for a task
 * @_fn: the function of the task
 */
#define SCOPEX_TASK_INIT(_fn) {						\
	.work = SCOPEX_WORK_INIT(scopex_task_step),			\
	.fn = (_fn),							\
}

void scopex_task_init(struct scopex_task *task, scopex_task_fn_t fn);

bool scopex_wake_claim(struct scopex_task *task);
void scopex_wake_push(struct scopex_task *task);
void scopex_wake(struct scopex_task *task);

/**
 * struct scopex_await_ops - what a task can wait for: the functions of one kind
 * @name: how the kind is shown to people
 * @arm: if what the task waits for is there, take it, and return the result. Else leave a pointer
 *	to the await where a waker finds it, and return SCOPEX_PENDING. From then on the task
 *	may be woken.
 * @ready: the task was woken, or looks for another reason: if what it waits for is there, take it,
 *	make sure that no waker has the await any more, and return the result. Else return
 *	SCOPEX_PENDING; the await stays where wakers find it.
 * @disarm: the task does not wait any more: make sure that no waker has the await, and will
 *	not wake the task. If the task was woken because of something that only it was to take,
 *	wake the next task that waits for that. NULL if that can't be done: then a
 *	cancellation does not end the wait.
 * @give_up: only without @disarm: as @ready, but the task does not want the result any more. So
 *	begin nothing, let the wait end soon, and return -ECANCELED if nothing has to be waited
 *	for. NULL if @ready does all that.
 * @begun: only without @disarm: what the task waits for has begun before the wait, and has to be
 *	ended by it, as a scope. So it is armed and given up also if another one of several has
 *	won before.
 *
 * All are called by the task, in process context, and must not sleep without having called
 * scopex_will_block(). A result is 0 or a negative errno.
 *
 * A waker calls scopex_wake_claim() while @disarm would wait for it, mostly under the lock that
 * @disarm takes, as the task may be gone after that. If the claim says so, the waker calls
 * scopex_wake_push() after it has released the lock. To wake means "look again": so @ready looks
 * at what the task waits for, not at whether the task was woken.
 */
struct scopex_await_ops {
	const char	*name;
	int		(*arm)(struct scopex_await *await);
	int		(*ready)(struct scopex_await *await);
	void		(*disarm)(struct scopex_await *await);
	int		(*give_up)(struct scopex_await *await);
	bool		begun;
};

/**
 * struct scopex_await - what a task waits for, as a part of the task's object
 * @ops: the functions of its kind
 * @from_task: the distance from the task, in bytes
 * @mark: for the kind
 *
 * A kind embeds this in a struct of its own. It lives in the object that the task is in, and is
 * used by one task. Its memory is used for nothing but awaits before the task is completed, as
 * debugfs looks at it.
 */
struct scopex_await {
	const struct scopex_await_ops	*ops;
	s32				from_task;
	u32				mark;
};

/**
 * scopex_await_task() - get the task that waits
 * @await: an await that is armed
 *
 * Context: any.
 *
 * Return: the task.
 */
static inline struct scopex_task *scopex_await_task(const struct scopex_await *await)
{
	return (void *)await - await->from_task;
}

int scopex_poll(struct scopex_task *task, struct scopex_await *await);
bool scopex_should_yield(void);

/**
 * struct scopex_task_scope - a scope that a task has opened, as a part of the task's object
 * @scope: the scope: submit items to it, and cancel it
 * @await: to wait for its end
 * @outer: the distance from the task to the scope that it has opened before, and that is still
 *	open; 0: none
 *
 * All fields but @scope are private to scopex.
 */
struct scopex_task_scope {
	struct scopex_scope	scope;
	struct scopex_await	await;
	s32			outer;
};

void __scopex_task_open(struct scopex_task *task, struct scopex_task_scope *inner,
			struct scopex_site *site, unsigned int flags);
struct scopex_await *scopex_task_close(struct scopex_task_scope *inner);

/**
 * scopex_task_open() - open a scope in a task
 * @task: the task that is running
 * @inner: the scope, a part of the task's object
 * @flags: SCOPEX_FAIL_FAST or 0
 *
 * The scope is nested in that of the task: it is cancelled with it. The task waits for the end of
 * the scope by the await scopex_task_close(), without a thread, before it returns its result. So
 * no item outlives the task, and no task the one that has opened its scope.
 *
 * Context: the function of the task.
 */
#define scopex_task_open(task, inner, flags)				\
	__scopex_task_open(task, inner, __SCOPEX_SITE(#inner), flags)

/*
 * Coroutines: the function of a task in straight-line code
 *
 *	static int greet(struct scopex_task *task)
 *	{
 *		struct greeter *g = container_of(task, struct greeter, task);
 *		int err;
 *
 *		scopex_coroutine(task) {
 *			for (g->i = 0; g->i < 3; g->i++) {
 *				scopex_await(task, err, scopex_sleep(&g->timer, 1000));
 *				if (err)
 *					return err;
 *				pr_info("hello %u\n", g->i);
 *			}
 *		}
 *		return 0;
 *	}
 *
 * The block is the body of a switch, and each place where the coroutine may leave it is a case. So
 * it needs neither an address of a label, which hardware that guards indirect jumps would have to
 * know, nor an end that people may forget; and scopex_await() is a statement, as its case could not
 * be in an expression. What this form forbids:
 *
 * * A local variable loses its value in each scopex_await() and scopex_yield(). So what lasts is
 *   in the task's object, as @i above. A local variable may be set before the block, from the task
 *   (as @g), or after the await and before the next one (as @err).
 * * No scopex_await() or scopex_yield() in a switch of the coroutine's own, and at most one in a
 *   line.
 * * None where a lock, an RCU read section, guard() or a variable with __cleanup is held: the
 *   coroutine returns there.
 *
 * The rules in selftests/coccinelle/coroutine.cocci flag what is against this.
 */

/**
 * scopex_coroutine() - begin the block of a coroutine
 * @task: the task
 *
 * The block that follows is entered at its beginning, or where the coroutine has left it the last
 * time. A return in the block with anything but SCOPEX_PENDING and SCOPEX_AGAIN completes the task.
 */
#define scopex_coroutine(task)						\
	switch ((task)->at)						\
	case 0:

/**
 * scopex_await() - wait for something, in a coroutine
 * @task: the task
 * @err: a variable for the result of scopex_poll()
 * @what: an expression for the &struct scopex_await; evaluated once
 *
 * Context: the block of scopex_coroutine(). The task may wait here without a thread.
 */
#define scopex_await(task, err, what)					\
	do {								\
		(err) = scopex_poll(task, what);			\
		if ((err) == SCOPEX_PENDING) {				\
			(task)->at = __LINE__;				\
			return SCOPEX_PENDING;				\
	case __LINE__:							\
			(err) = scopex_poll(task, (task)->await);	\
			if ((err) == SCOPEX_PENDING)			\
				return SCOPEX_PENDING;			\
		}							\
	} while (0)

/**
 * scopex_yield() - make way for the items that are queued on the CPU, in a coroutine
 * @task: the task
 *
 * Context: the block of scopex_coroutine().
 */
#define scopex_yield(task)						\
	do {								\
		(task)->at = __LINE__;					\
		return SCOPEX_AGAIN;					\
	case __LINE__:							\
		break;							\
	} while (0)

#endif /* _LINUX_SCOPEX_TASK_H */
