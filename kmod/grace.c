// SPDX-License-Identifier: GPL-2.0
/*
 * Tasks that wait for an RCU grace period
 *
 * Theory of operation
 *
 * RCU can't take a callback back. So no task has one of its own, or it could not stop waiting. Each
 * CPU has one callback, and lists of the tasks that wait there; a task stops waiting by leaving its
 * list.
 *
 *	now	the callback is queued for these: the grace period after which RCU calls it began
 *		after they had come
 *	next	these came when the callback was queued already, so they wait for the next one
 *	done	their grace period is over; they are to be woken
 *
 * The first task that comes has the callback queued, after it is in its list. The callback moves
 * now to done, and next to now, and is queued again if there are such tasks. So a task waits for up
 * to two grace periods, and any number of tasks cost one callback for each grace period.
 *
 * Grace periods are counted: a task remembers the number of its own, and is through when that
 * many are over. So to move a list takes the same time however long it is. And the callback, which
 * runs in softirq context, wakes a few tasks only. Each task that finds its grace period over
 * wakes as many, also if it stops waiting for another reason. So the rest is woken by the
 * workers, in short steps, and nobody is forgotten.
 */

#include <linux/container_of.h>
#include <linux/cpumask.h>
#include <linux/export.h>
#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/scopex_file.h>
#include <linux/spinlock.h>

#include "compat/rcu.h"
#include "grace.h"
#include "inject.h"
#include "woken.h"

/**
 * struct scopex_grace - the tasks that wait for a grace period, of a CPU
 * @lock: protects the other fields
 * @rcu: the callback; queued while @over is behind @begun
 * @begun: the number of the grace period for which the callback was queued last
 * @over: the number of the last one that is over
 * @now: tasks that wait for the grace period @begun
 * @next: tasks that wait for the one after that
 * @done: tasks that are to be woken
 */
struct scopex_grace {
	raw_spinlock_t		lock;
	struct rcu_head		rcu;
	u32			begun;
	u32			over;
	struct list_head	now;
	struct list_head	next;
	struct list_head	done;
};

static DEFINE_PER_CPU_ALIGNED(struct scopex_grace, scopex_graces);

static struct scopex_grace_await *scopex_await_to_grace(struct scopex_await *await)
{
	return container_of(await, struct scopex_grace_await, await);
}

/* Wake the next tasks that are to be woken, short of queueing them. */
static void scopex_grace_wake(struct scopex_grace *g, struct scopex_woken *woken)
{
	struct scopex_grace_await *grace;

	lockdep_assert_held(&g->lock);
	while (woken->room && !list_empty(&g->done)) {
		grace = list_first_entry(&g->done, struct scopex_grace_await, node);
		list_del_init(&grace->node);
		scopex_woken_add(woken, scopex_await_task(&grace->await));
	}
}

/* A grace period is over. */
static void scopex_grace_over(struct rcu_head *rcu)
{
	struct scopex_grace *g = container_of(rcu, struct scopex_grace, rcu);
	struct scopex_woken woken;
	unsigned long flags;
	bool again;

	scopex_inject(SCOPEX_INJECT_GRACE);
	scopex_woken_init(&woken, SCOPEX_WOKEN_MAX);
	raw_spin_lock_irqsave(&g->lock, flags);
	WRITE_ONCE(g->over, g->begun);
	list_splice_tail_init(&g->now, &g->done);
	again = !list_empty(&g->next);
	if (again) {
		list_splice_init(&g->next, &g->now);
		g->begun++;
	}
	scopex_grace_wake(g, &woken);
	raw_spin_unlock_irqrestore(&g->lock, flags);
	if (again)
		call_rcu_hurry(rcu, scopex_grace_over);
	scopex_woken_push(&woken);
}

static bool scopex_grace_is_over(const struct scopex_grace_await *grace)
{
	return (s32)(READ_ONCE(grace->grace->over) - grace->await.mark) >= 0;
}

static int scopex_grace_arm(struct scopex_await *await)
{
	struct scopex_grace_await *grace = scopex_await_to_grace(await);
	struct scopex_grace *g = raw_cpu_ptr(&scopex_graces);
	unsigned long flags;
	bool idle;

	grace->grace = g;
	raw_spin_lock_irqsave(&g->lock, flags);
	idle = g->begun == g->over;
	if (idle) {
		await->mark = ++g->begun;
		list_add_tail(&grace->node, &g->now);
	} else {
		await->mark = g->begun + 1;
		list_add_tail(&grace->node, &g->next);
	}
	raw_spin_unlock_irqrestore(&g->lock, flags);
	if (idle)
		call_rcu_hurry(&g->rcu, scopex_grace_over);
	return SCOPEX_PENDING;
}

static void scopex_grace_disarm(struct scopex_await *await)
{
	struct scopex_grace_await *grace = scopex_await_to_grace(await);
	struct scopex_grace *g = grace->grace;
	struct scopex_woken woken;
	unsigned long flags;

	scopex_woken_init(&woken, SCOPEX_WOKEN_MAX);
	raw_spin_lock_irqsave(&g->lock, flags);
	list_del_init(&grace->node);
	if (scopex_grace_is_over(grace))
		scopex_grace_wake(g, &woken);
	raw_spin_unlock_irqrestore(&g->lock, flags);
	scopex_woken_push(&woken);
}

static int scopex_grace_ready(struct scopex_await *await)
{
	if (!scopex_grace_is_over(scopex_await_to_grace(await)))
		return SCOPEX_PENDING;
	/* Its lock also orders the task behind the callback. */
	scopex_grace_disarm(await);
	return 0;
}

static const struct scopex_await_ops scopex_grace_ops = {
	.name = "grace period",
	.arm = scopex_grace_arm,
	.ready = scopex_grace_ready,
	.disarm = scopex_grace_disarm,
};

/**
 * scopex_grace_period() - wait for an RCU grace period, as synchronize_rcu() does
 * @grace: the await, a part of the task's object
 *
 * When the wait is over, all RCU read sections have ended that ran when the task began to wait.
 * The tasks of a CPU share a callback, so the wait may last for two grace periods. A
 * cancellation ends it at once.
 *
 * Context: the function of a task, in the argument of scopex_await() or of the first scopex_poll().
 *
 * Return: the await for scopex_poll(), which returns 0.
 */
struct scopex_await *scopex_grace_period(struct scopex_grace_await *grace)
{
	grace->await.ops = &scopex_grace_ops;
	return &grace->await;
}
EXPORT_SYMBOL_GPL(scopex_grace_period);

/**
 * scopex_grace_init() - prepare all CPUs
 */
void __init scopex_grace_init(void)
{
	struct scopex_grace *g;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		g = per_cpu_ptr(&scopex_graces, cpu);
		raw_spin_lock_init(&g->lock);
		INIT_LIST_HEAD(&g->now);
		INIT_LIST_HEAD(&g->next);
		INIT_LIST_HEAD(&g->done);
	}
}

/**
 * scopex_grace_exit() - wait for the callbacks that are queued, though no task waits any more
 */
void scopex_grace_exit(void)
{
	/* Of the wakers of wait queues, which hold a spinlock: they may still be in scopex. */
	synchronize_rcu();
	rcu_barrier();
	/* A callback may have queued itself once more, behind the barrier's own one. */
	rcu_barrier();
}
