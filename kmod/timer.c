// SPDX-License-Identifier: GPL-2.0
/*
 * Awaits for a point in time
 *
 * Theory of operation
 *
 * Each CPU has a queue of timers, sorted by time, and one hrtimer for all of them. A task puts its
 * timer into the queue of the CPU on which it runs, and remembers the queue in the mark of its
 * await. The interrupt of the hrtimer takes the timers out that are over, and wakes their tasks.
 *
 * Ownership. The interrupt takes a timer out of the queue and claims its task in one
 * section under the queue's lock, and pushes the task after that. A task that does not wait any
 * more takes its timer out under the same lock. So if the timer is still in the queue, the
 * interrupt never sees the task; and if not, the interrupt is through with the task, or has claimed
 * it while it ran, and does not push it. Nothing has to wait for the interrupt, and the task may be
 * completed, and its object freed, at once.
 *
 * A wake-up means "look". A timer is over if the interrupt has taken it out of its queue, or if the
 * clock says so; nothing else ends the wait.
 *
 * The hrtimer. It is started if a timer comes before the point in time for which the hrtimer is set
 * already, and by its interrupt for the first timer that is left. Else it is left alone. If
 * the first timer leaves the queue, as a deadline does that was not needed, the hrtimer fires for
 * nothing at some time. That costs less than to set the hardware whenever a first timer comes and
 * goes. A timer at KTIME_MAX starts no hrtimer: such a task waits until it is cancelled.
 *
 * The time. An interrupt wakes a bounded number of tasks, and lets other interrupts in before it
 * wakes more. So a million tasks may wait for the same point in time.
 *
 * CPUs. An hrtimer can only be started on the CPU that does it, so a task queues its timer on its
 * own CPU, with interrupts off. If the CPU goes offline, the kernel moves the hrtimer to another
 * one, and its interrupt serves the queue to which it belongs, not that of the CPU on which it
 * fires. The hrtimer is pinned: the tasks that it wakes are at home on its CPU.
 *
 * A ticker has its points in time at multiples of its period, however late its task looks. The task
 * is told how many it has missed. It takes them when the wait ends, so a wait that is broken
 * off takes none.
 *
 * Locks. The queue's lock is a raw spinlock, as the interrupt is a hard one on PREEMPT_RT, too. The
 * lock of the kernel's hrtimers is taken below it. Tasks are pushed when it is released.
 */

#include <linux/bits.h>
#include <linux/container_of.h>
#include <linux/export.h>
#include <linux/hrtimer.h>
#include <linux/instruction_pointer.h>
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/percpu.h>
#include <linux/scopex_timer.h>
#include <linux/smp.h>
#include <linux/spinlock.h>

#include "compat/hrtimer.h"
#include "inject.h"
#include "misuse.h"
#include "text.h"
#include "timer.h"
#include "woken.h"

/* The pause before the next interrupt, if more tasks have to be woken. */
#define SCOPEX_TIMER_PAUSE	(20 * NSEC_PER_USEC)

/*
 * The mark of an await: the number of a CPU, and this bit while the task waits. Only the task
 * writes the mark.
 */
#define SCOPEX_TIMER_ARMED	BIT(31)

/**
 * struct scopex_timer_queue - the timers of a CPU
 * @lock: protects the other fields, and @node of the timers
 * @timers: the timers, sorted by time
 * @fires: when @hrtimer fires, or earlier than that; KTIME_MAX if it need not fire
 * @hrtimer: wakes the tasks
 */
struct scopex_timer_queue {
	/* protects the other fields, and @node of the timers */
	raw_spinlock_t		lock;
	struct timerqueue_head	timers;
	ktime_t			fires;
	struct hrtimer		hrtimer;
};

static DEFINE_PER_CPU_ALIGNED(struct scopex_timer_queue, scopex_timer_queues);

static inline struct scopex_timer *scopex_await_to_timer(struct scopex_await *await)
{
	return container_of(await, struct scopex_timer, await);
}

/* Have the hrtimer fire at this time, or earlier. */
static void scopex_start_hrtimer(struct scopex_timer_queue *q, ktime_t at)
{
	if (at >= q->fires)
		return;
	scopex_inject(SCOPEX_INJECT_TIMER_START);
	q->fires = at;
	hrtimer_start(&q->hrtimer, at, HRTIMER_MODE_ABS_PINNED_HARD);
}

static int scopex_timer_arm(struct scopex_await *await)
{
	struct scopex_timer *timer = scopex_await_to_timer(await);
	struct scopex_timer_queue *q;
	unsigned long flags;

	if (timer->node.expires <= ktime_get())
		return 0;
	local_irq_save(flags);
	q = this_cpu_ptr(&scopex_timer_queues);
	raw_spin_lock(&q->lock);
	await->mark = SCOPEX_TIMER_ARMED | smp_processor_id();
	timerqueue_add(&q->timers, &timer->node);
	scopex_start_hrtimer(q, timer->node.expires);
	raw_spin_unlock(&q->lock);
	local_irq_restore(flags);
	return SCOPEX_PENDING;
}

/*
 * Take a timer out of its queue if it is over by @now, or was taken out by the interrupt. Returns
 * true if it is in no queue afterwards: then no waker has the task any more.
 */
static bool scopex_timer_take(struct scopex_timer *timer, ktime_t now)
{
	unsigned int cpu = timer->await.mark & ~SCOPEX_TIMER_ARMED;
	struct scopex_timer_queue *q = per_cpu_ptr(&scopex_timer_queues, cpu);
	unsigned long flags;
	bool queued;

	raw_spin_lock_irqsave(&q->lock, flags);
	queued = !RB_EMPTY_NODE(&timer->node.node);
	if (queued && timer->node.expires <= now) {
		timerqueue_del(&q->timers, &timer->node);
		queued = false;
	}
	raw_spin_unlock_irqrestore(&q->lock, flags);
	if (!queued)
		timer->await.mark = cpu;
	return !queued;
}

static int scopex_timer_ready(struct scopex_await *await)
{
	return scopex_timer_take(scopex_await_to_timer(await), ktime_get()) ? 0 : SCOPEX_PENDING;
}

static void scopex_timer_disarm(struct scopex_await *await)
{
	scopex_timer_take(scopex_await_to_timer(await), KTIME_MAX);
}

static const struct scopex_await_ops scopex_timer_ops = {
	.name = "timer",
	.arm = scopex_timer_arm,
	.ready = scopex_timer_ready,
	.disarm = scopex_timer_disarm,
};

/* The next point in time is over: take it, and those after it that are over, too. */
static int scopex_tick_end(struct scopex_await *await, int ret)
{
	struct scopex_ticker *ticker = container_of(await, struct scopex_ticker, timer.await);
	ktime_t late;

	if (ret)
		return ret;
	ticker->last = ticker->timer.node.expires;
	late = ktime_sub(ktime_get(), ticker->last);
	ticker->missed = 0;
	if (unlikely(late >= ticker->period)) {
		ticker->missed = div64_s64(late, ticker->period);
		ticker->last = ktime_add_ns(ticker->last, ticker->missed * ticker->period);
	}
	return 0;
}

static int scopex_tick_arm(struct scopex_await *await)
{
	return scopex_tick_end(await, scopex_timer_arm(await));
}

static int scopex_tick_ready(struct scopex_await *await)
{
	return scopex_tick_end(await, scopex_timer_ready(await));
}

static const struct scopex_await_ops scopex_tick_ops = {
	.name = "tick",
	.arm = scopex_tick_arm,
	.ready = scopex_tick_ready,
	.disarm = scopex_timer_disarm,
};

/* Returns false if a task waits for the timer. Memory that was never a timer does not wait. */
static bool scopex_timer_may_set(const struct scopex_timer *timer, unsigned long caller)
{
	const struct scopex_await *await = &timer->await;

	if (likely(await->ops != &scopex_timer_ops && await->ops != &scopex_tick_ops) ||
	    likely(!(await->mark & SCOPEX_TIMER_ARMED)))
		return true;
	scopex_misuse("%pS sets a %s for which a task waits", (void *)caller,
		      scopex_name(await->ops->name));
	return false;
}

static struct scopex_await *scopex_timer_set(struct scopex_timer *timer, ktime_t at,
					     const struct scopex_await_ops *ops)
{
	timer->await.ops = ops;
	timer->await.mark = 0;
	timerqueue_init(&timer->node);
	timer->node.expires = at;
	return &timer->await;
}

/**
 * scopex_sleep() - wait for a time
 * @timer: a part of the task's object
 * @us: the time in microseconds from now on. If it is 0 or less, the wait is over at once, and
 *	the task goes on; if it goes beyond the end of time, the task waits until it is cancelled.
 *
 * The result of the wait is 0, or -ECANCELED if the scope is cancelled: see scopex_poll().
 *
 * A timer for which the task waits can't be set anew: this warns, and the wait goes on as it is.
 *
 * Context: the function of the task.
 *
 * Return: the await, for scopex_await() or scopex_poll().
 */
struct scopex_await *scopex_sleep(struct scopex_timer *timer, s64 us)
{
	ktime_t at = 0;

	if (unlikely(!scopex_timer_may_set(timer, _RET_IP_)))
		return &timer->await;
	if (us > 0)
		at = ktime_add_safe(ktime_get(),
				    min_t(s64, us, div_s64(KTIME_MAX, NSEC_PER_USEC)) *
				    NSEC_PER_USEC);
	return scopex_timer_set(timer, at, &scopex_timer_ops);
}
EXPORT_SYMBOL_GPL(scopex_sleep);

/**
 * scopex_sleep_until() - wait for a point in time
 * @timer: a part of the task's object
 * @deadline: of CLOCK_MONOTONIC; if it is over, the task goes on at once; KTIME_MAX: the task
 *	waits until it is cancelled
 *
 * See scopex_sleep().
 *
 * Context: the function of the task.
 *
 * Return: the await, for scopex_await() or scopex_poll().
 */
struct scopex_await *scopex_sleep_until(struct scopex_timer *timer, ktime_t deadline)
{
	if (unlikely(!scopex_timer_may_set(timer, _RET_IP_)))
		return &timer->await;
	return scopex_timer_set(timer, deadline, &scopex_timer_ops);
}
EXPORT_SYMBOL_GPL(scopex_sleep_until);

/**
 * scopex_ticker_start() - let periods begin
 * @ticker: a part of the task's object, for which the task does not wait
 * @period_us: the period in microseconds; less than 1 is taken for 1
 *
 * The first period begins now. scopex_tick() waits for its end.
 *
 * Context: any.
 */
void scopex_ticker_start(struct scopex_ticker *ticker, s64 period_us)
{
	if (unlikely(!scopex_timer_may_set(&ticker->timer, _RET_IP_)))
		return;
	ticker->last = ktime_get();
	ticker->period = clamp_t(s64, period_us, 1, div_s64(KTIME_MAX, NSEC_PER_USEC)) *
			 NSEC_PER_USEC;
	ticker->missed = 0;
	scopex_timer_set(&ticker->timer, ticker->last, &scopex_tick_ops);
}
EXPORT_SYMBOL_GPL(scopex_ticker_start);

/**
 * scopex_tick() - wait for the end of a period
 * @ticker: a part of the task's object
 *
 * The wait is for the end of the period that follows the last one that the task has had. All ends
 * are multiples of the period from the start on, so they do not drift. If more than one period is
 * over when the wait ends, the task has had the latest one of them, and @missed of the ticker is
 * the number of the others. So none is lost in the sum of 1 + @missed. A wait that does not end
 * with 0 takes none.
 *
 * Context: the function of the task.
 *
 * Return: the await, for scopex_await() or scopex_poll().
 */
struct scopex_await *scopex_tick(struct scopex_ticker *ticker)
{
	ktime_t next = ktime_add_safe(ticker->last, ticker->period);

	if (unlikely(!scopex_timer_may_set(&ticker->timer, _RET_IP_)))
		return &ticker->timer.await;
	return scopex_timer_set(&ticker->timer, next, &scopex_tick_ops);
}
EXPORT_SYMBOL_GPL(scopex_tick);

static struct timerqueue_node *scopex_timer_first_over(struct scopex_timer_queue *q, ktime_t now)
{
	struct timerqueue_node *node = timerqueue_getnext(&q->timers);

	return node && node->expires <= now ? node : NULL;
}

/* Take timers out of a queue and claim their tasks, as many as there is room for. */
static void scopex_timer_claim(struct scopex_timer_queue *q, ktime_t now,
			       struct scopex_woken *woken)
{
	struct timerqueue_node *node;
	struct scopex_timer *timer;

	while (woken->room) {
		node = scopex_timer_first_over(q, now);
		if (!node)
			break;
		timerqueue_del(&q->timers, node);
		timer = container_of(node, struct scopex_timer, node);
		scopex_inject(SCOPEX_INJECT_TIMER_POP);
		scopex_woken_add(woken, scopex_await_task(&timer->await));
	}
}

static enum hrtimer_restart scopex_timer_fire(struct hrtimer *hrtimer)
{
	/* If a CPU is offline, its hrtimer fires on another one. */
	struct scopex_timer_queue *q = container_of(hrtimer, struct scopex_timer_queue, hrtimer);
	struct timerqueue_node *node;
	struct scopex_woken woken;
	ktime_t now;

	scopex_woken_init(&woken, SCOPEX_WOKEN_MAX);
	raw_spin_lock(&q->lock);
	now = ktime_get();
	q->fires = KTIME_MAX;
	scopex_timer_claim(q, now, &woken);
	/* Not HRTIMER_RESTART: a task may have started the hrtimer by now. */
	node = timerqueue_getnext(&q->timers);
	if (node)
		scopex_start_hrtimer(q, node->expires > now ? node->expires :
				     ktime_add_ns(now, SCOPEX_TIMER_PAUSE));
	raw_spin_unlock(&q->lock);
	scopex_woken_push(&woken);
	return HRTIMER_NORESTART;
}

/**
 * scopex_timer_init() - set up the queue of each CPU
 */
void scopex_timer_init(void)
{
	struct scopex_timer_queue *q;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		q = per_cpu_ptr(&scopex_timer_queues, cpu);
		raw_spin_lock_init(&q->lock);
		timerqueue_init_head(&q->timers);
		q->fires = KTIME_MAX;
		hrtimer_setup(&q->hrtimer, scopex_timer_fire, CLOCK_MONOTONIC,
			      HRTIMER_MODE_ABS_PINNED_HARD);
	}
}

/**
 * scopex_timer_exit() - stop the hrtimers, which may still be set for timers that are gone
 *
 * Context: process context; sleeps. No scope is open, so no task waits.
 */
void scopex_timer_exit(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		hrtimer_cancel(&per_cpu_ptr(&scopex_timer_queues, cpu)->hrtimer);
}
