// SPDX-License-Identifier: GPL-2.0
/*
 * scopex_bench: from a hard interrupt to the first instruction of what it wakes
 *
 * A timer interrupts the CPU while it is idle, or while items run that queue themselves again and
 * again. Its handler wakes a task, sets an event that a task waits for, or wakes a kernel thread,
 * all of which are at home on this CPU. A sample in which the interrupt came into something else
 * is taken again.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/scopex_sync.h>
#include <linux/scopex_task.h>

#include "../compat/hrtimer.h"
#include "bench.h"

/* From the start of the timer to the interrupt: until then, all others have gone to sleep. */
#define IRQ_DELAY_NS	(200 * NSEC_PER_USEC)

#define IRQ_BUSY_MAX	8

/* How long an item takes that keeps the CPU busy. */
#define IRQ_ITEM_NS	1000

/* How often a sample is taken again. */
#define IRQ_TRIES	100

/**
 * struct irq_way - what the interrupt does, and where it comes
 * @peer: what is woken
 * @wake: wakes it
 * @nr_busy: how many items run there; 0: the CPU is idle
 */
struct irq_way {
	const char	*peer;
	void		(*wake)(void);
	unsigned int	nr_busy;
};

/**
 * struct irq_state - an interrupt, and what it wakes
 * @timer: makes the interrupt
 * @way: what it does
 * @as_meant: it came while the CPU was idle, or an item ran there
 * @before: when it came
 * @items_before: how many items had begun by then
 * @after: when that ran which it woke
 * @items_after: how many items had begun by then
 * @done: completed then
 * @bare: a task that is woken without an event
 * @waiting: a task that waits for @event
 * @wait: how it waits
 * @event: set by the interrupt
 * @thread: a thread that is woken
 * @kicked: it was
 * @busy: items that keep the CPU busy
 * @worker: the thread that runs these
 * @items: how many of them have begun
 * @end: they are to end
 */
static struct irq_state {
	struct hrtimer			timer;
	const struct irq_way		*way;
	bool				as_meant;
	u64				before;
	unsigned int			items_before;
	u64				after;
	unsigned int			items_after;
	struct completion		done;
	struct scopex_task		bare;
	struct scopex_task		waiting;
	struct scopex_event_waiter	wait;
	struct scopex_event		event;
	struct task_struct		*thread;
	bool				kicked;
	struct scopex_work		busy[IRQ_BUSY_MAX];
	struct task_struct		*worker;
	unsigned int			items;
	bool				end;
} irq;

static enum hrtimer_restart irq_fires(struct hrtimer *timer)
{
	irq.as_meant = irq.way->nr_busy ? current == irq.worker : is_idle_task(current);
	irq.items_before = irq.items;
	irq.before = ktime_get_ns();
	irq.way->wake();
	return HRTIMER_NORESTART;
}

static void irq_woke(u64 now)
{
	irq.after = now;
	irq.items_after = irq.items;
	complete(&irq.done);
}

static int bare_fn(struct scopex_task *task)
{
	u64 now = ktime_get_ns();

	if (scopex_cancelled(scopex_work_scope(&task->work)))
		return -ECANCELED;
	irq_woke(now);
	return SCOPEX_PENDING;
}

static int waiting_fn(struct scopex_task *task)
{
	u64 now = ktime_get_ns();
	int err;

	scopex_coroutine(task) {
		for (;;) {
			irq_woke(now);
			scopex_await(task, err, scopex_event_wait(&irq.wait, &irq.event));
			if (err)
				return err;
			scopex_event_reset(&irq.event);
		}
	}
	return 0;
}

static int thread_fn(void *unused)
{
	u64 now;

	for (;;) {
		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		if (!READ_ONCE(irq.kicked))
			schedule();
		now = ktime_get_ns();
		__set_current_state(TASK_RUNNING);
		if (!READ_ONCE(irq.kicked))
			continue;
		WRITE_ONCE(irq.kicked, false);
		irq_woke(now);
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

static int busy_fn(struct scopex_work *work)
{
	irq.worker = current;
	irq.items++;
	if (READ_ONCE(irq.end))
		return 0;
	bench_burn();
	return SCOPEX_AGAIN;
}

static void wake_bare(void)
{
	scopex_wake(&irq.bare);
}

static void set_event(void)
{
	scopex_event_set(&irq.event);
}

static void wake_thread(void)
{
	WRITE_ONCE(irq.kicked, true);
	wake_up_process(irq.thread);
}

static const struct irq_way ways[] = {
	{ "scopex_task",	wake_bare,	0 },
	{ "scopex_event",	set_event,	0 },
	{ "kthread",		wake_thread,	0 },
	{ "scopex_task",	wake_bare,	1 },
	{ "scopex_event",	set_event,	1 },
	{ "kthread",		wake_thread,	1 },
	{ "scopex_task",	wake_bare,	IRQ_BUSY_MAX },
	{ "scopex_event",	set_event,	IRQ_BUSY_MAX },
	{ "kthread",		wake_thread,	IRQ_BUSY_MAX },
};

/* The most items that have begun before what was woken, in any round */
static u64 most_items[ARRAY_SIZE(ways)];

static int irq_try(const struct irq_way *way)
{
	int err = 0;

	irq.way = way;
	irq.worker = NULL;
	WRITE_ONCE(irq.end, false);
	scopex_scope(busy) {
		for (unsigned int i = 0; i < way->nr_busy && !err; i++)
			err = scopex_submit_on(busy, bench.cpu[0], &irq.busy[i]);
		if (!err) {
			hrtimer_start(&irq.timer, ns_to_ktime(IRQ_DELAY_NS),
				      HRTIMER_MODE_REL_PINNED_HARD);
			wait_for_completion(&irq.done);
		}
		WRITE_ONCE(irq.end, true);
	}
	return err;
}

static int irq_round(unsigned int nr, u64 *elapsed)
{
	const struct irq_way *way = &ways[nr];
	unsigned int tries = 0, items;
	int err;

	do {
		err = tries++ < IRQ_TRIES ? irq_try(way) : -EBUSY;
	} while (!err && !irq.as_meant);
	if (err)
		return err;
	*elapsed = irq.after - irq.before;
	items = irq.items_after - irq.items_before;
	most_items[nr] = max_t(u64, most_items[nr], items);
	/* A task waits for those that are queued, and for no second turn of any of them. */
	return way->wake != wake_thread && items > way->nr_busy ? -EIO : 0;
}

static int irq_report(void)
{
	struct bench_result results[ARRAY_SIZE(ways)];
	int err;

	for (unsigned int i = 0; i < ARRAY_SIZE(ways); i++)
		results[i] = (struct bench_result){
			.workload = "irq", .peer = ways[i].peer,
			.place = ways[i].nr_busy ? "busy" : "idle", .n = ways[i].nr_busy,
			.cpus = 1, .what = "total", .ops = 1,
		};
	err = bench_ways(results, ARRAY_SIZE(ways), irq_round);
	for (unsigned int i = 0; i < ARRAY_SIZE(ways) && !err; i++) {
		results[i].what = "items";
		results[i].unit = "items";
		if (ways[i].nr_busy)
			err = bench_report(&results[i], &most_items[i], 1);
	}
	return err;
}

static int irq_measure(void)
{
	int err;

	scopex_scope(s) {
		err = scopex_submit_on(s, bench.cpu[0], &irq.bare.work) ?:
		      scopex_submit_on(s, bench.cpu[0], &irq.waiting.work);
		/* Each of the two has a first call. */
		if (!err) {
			wait_for_completion(&irq.done);
			wait_for_completion(&irq.done);
			err = irq_report();
		}
		scopex_cancel(s, 0);
		if (scopex_join(s) != -ECANCELED)
			err = err ?: -EIO;
	}
	return err;
}

/**
 * bench_irq() - from an interrupt to what it wakes
 *
 * Return: 0 or a negative errno.
 */
int bench_irq(void)
{
	int err;

	init_completion(&irq.done);
	scopex_task_init(&irq.bare, bare_fn);
	scopex_task_init(&irq.waiting, waiting_fn);
	scopex_event_init(&irq.event);
	for (unsigned int i = 0; i < IRQ_BUSY_MAX; i++)
		scopex_work_init(&irq.busy[i], busy_fn);
	hrtimer_setup(&irq.timer, irq_fires, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	irq.thread = kthread_create_on_cpu(thread_fn, NULL, bench.cpu[0], "scopex_bench/%u");
	if (IS_ERR(irq.thread))
		return PTR_ERR(irq.thread);
	get_task_struct(irq.thread);
	wake_up_process(irq.thread);
	bench_burning = bench_turns(IRQ_ITEM_NS);
	err = irq_measure();
	bench_burning = 0;
	hrtimer_cancel(&irq.timer);
	kthread_stop(irq.thread);
	put_task_struct(irq.thread);
	if (err)
		pr_err("wake from an interrupt: %pe\n", ERR_PTR(err));
	return err;
}
