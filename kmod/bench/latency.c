// SPDX-License-Identifier: GPL-2.0
/*
 * scopex_bench: for how long does a CPU answer nobody while very many tasks wake up?
 *
 * A timer fires again and again, and its interrupt wakes a thread that goes before all others. If
 * interrupts are off when the timer is due, the interrupt is late, and if the CPU can't be taken
 * from what runs there, the thread is. How late they were at worst is the longest section, but
 * for one period of the timer at most: a section may begin that long before the timer is due. The
 * sections of many tasks are as many, and the period varies, so that they begin anywhere in it. In
 * the figures is also what the kernel takes for an interrupt, and for the switch to a thread.
 *
 * A kernel that takes the CPU only from code that gives way ("voluntary") keeps the thread waiting
 * where preemption is on, too. So the figure has another name there.
 *
 * Whether the timer sees a section is tried with some that are as long as is known.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/irqflags.h>
#include <linux/kthread.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/scopex_timer.h>
#include <linux/slab.h>

#include "../compat/hrtimer.h"
#include "bench.h"

/* A period: so long, and up to 8191 ns more. */
#define LATENCY_PERIOD_NS	(16 * NSEC_PER_USEC)
#define LATENCY_MORE_NS		8191U

/* The sections that are tried: how long, and how many. */
#define LATENCY_KNOWN_NS	(50 * NSEC_PER_USEC)
#define LATENCY_KNOWN		1000

/* The timer is started so long before the tasks wake up. */
#define LATENCY_BEFORE_NS	NSEC_PER_MSEC

/**
 * struct latency_probe - the timer and the thread
 * @timer: the timer
 * @thread: the thread
 * @due: when the timer was due that has woken the thread
 * @seed: for the next period
 * @asked: the thread is woken, and has not run yet
 * @irq_late: how late an interrupt was at worst, in ns
 * @thread_late: how late the thread was
 */
static struct latency_probe {
	struct hrtimer		timer;
	struct task_struct	*thread;
	ktime_t			due;
	u32			seed;
	bool			asked;
	u64			irq_late;
	u64			thread_late;
} probe;

static enum hrtimer_restart probe_fires(struct hrtimer *timer)
{
	ktime_t due = hrtimer_get_expires(timer);
	u64 late = ktime_get() - due;

	probe.irq_late = max(probe.irq_late, late);
	if (!READ_ONCE(probe.asked)) {
		probe.due = due;
		WRITE_ONCE(probe.asked, true);
		wake_up_process(probe.thread);
	}
	/* Any numbers that do not repeat soon */
	probe.seed = probe.seed * 1664525 + 1013904223;
	hrtimer_forward_now(timer, LATENCY_PERIOD_NS + (probe.seed >> 8) % (LATENCY_MORE_NS + 1));
	return HRTIMER_RESTART;
}

static int probe_fn(void *unused)
{
	u64 late;

	for (;;) {
		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		if (!READ_ONCE(probe.asked)) {
			schedule();
			continue;
		}
		__set_current_state(TASK_RUNNING);
		late = ktime_get() - probe.due;
		probe.thread_late = max(probe.thread_late, late);
		WRITE_ONCE(probe.asked, false);
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

static void probe_start(ktime_t at)
{
	probe.irq_late = 0;
	probe.thread_late = 0;
	hrtimer_start(&probe.timer, at, HRTIMER_MODE_ABS_PINNED_HARD);
}

static void probe_stop(void)
{
	hrtimer_cancel(&probe.timer);
	while (READ_ONCE(probe.asked))
		msleep(20);
}

/**
 * struct sleeper - a task that sleeps
 * @task: the task
 * @timer: its timer
 */
struct sleeper {
	struct scopex_task	task;
	struct scopex_timer	timer;
};

static struct sleeper *sleepers;
static atomic_t nr_awake, nr_expired, nr_cancelled;
static ktime_t sleepers_until;
static DECLARE_COMPLETION(all_asleep);

static int sleeper_fn(struct scopex_task *task)
{
	struct sleeper *s = container_of(task, struct sleeper, task);
	int err;

	scopex_coroutine(task) {
		if (atomic_dec_and_test(&nr_awake))
			complete(&all_asleep);
		scopex_await(task, err, scopex_sleep_until(&s->timer, sleepers_until));
		atomic_inc(err ? &nr_cancelled : &nr_expired);
	}
	return err;
}

static int sleepers_begin(struct scopex_scope *scope, unsigned long n, ktime_t until)
{
	int err = 0;

	reinit_completion(&all_asleep);
	atomic_set(&nr_awake, n);
	atomic_set(&nr_expired, 0);
	atomic_set(&nr_cancelled, 0);
	sleepers_until = until;
	for (unsigned long i = 0; i < n && !err; i++) {
		scopex_task_init(&sleepers[i].task, sleeper_fn);
		err = scopex_submit_on(scope, bench.cpu[0], &sleepers[i].task.work);
		cond_resched();
	}
	if (err)
		scopex_cancel(scope, err);
	else
		wait_for_completion(&all_asleep);
	return err;
}

static int latency_cancel(unsigned long n)
{
	int err;

	scopex_scope(s) {
		err = sleepers_begin(s, n, ktime_add_ns(ktime_get(), 3600 * NSEC_PER_SEC));
		if (!err) {
			probe_start(ktime_get());
			scopex_cancel(s, 0);
			if (scopex_join(s) != -ECANCELED)
				err = -EIO;
			probe_stop();
		}
	}
	return err ?: atomic_read(&nr_cancelled) == n ? 0 : -EIO;
}

/* Are all asleep in good time? Else have it tried again with more of it. */
static bool expire_in(unsigned long n, u64 delay, int *err)
{
	ktime_t until = ktime_add_ns(ktime_get(), delay);
	ktime_t begin = ktime_sub_ns(until, LATENCY_BEFORE_NS);
	bool in_time = false;

	scopex_scope(s) {
		*err = sleepers_begin(s, n, until);
		in_time = *err || ktime_get() < begin;
		if (in_time && !*err)
			probe_start(begin);
		*err = *err ?: scopex_join(s);
		if (in_time)
			probe_stop();
	}
	return in_time;
}

static int latency_expire(unsigned long n)
{
	u64 delay = 10 * NSEC_PER_MSEC + n * 4 * NSEC_PER_USEC;
	int err;

	while (!expire_in(n, delay, &err) && !err)
		delay *= 2;
	return err ?: atomic_read(&nr_expired) == n ? 0 : -EIO;
}

static void known_section(bool interrupts)
{
	unsigned long flags = 0;
	u64 end;

	preempt_disable();
	if (interrupts)
		local_irq_save(flags);
	end = ktime_get_ns() + LATENCY_KNOWN_NS;
	while (ktime_get_ns() < end)
		cpu_relax();
	if (interrupts)
		local_irq_restore(flags);
	preempt_enable();
	cond_resched();
}

/* A section that is longer than a period is seen, but for a period at most. */
static int latency_known(bool interrupts)
{
	u64 late;

	probe_start(ktime_get());
	for (unsigned int i = 0; i < LATENCY_KNOWN; i++)
		known_section(interrupts);
	probe_stop();
	late = interrupts ? probe.irq_late : probe.thread_late;
	return late >= LATENCY_KNOWN_NS - LATENCY_PERIOD_NS - LATENCY_MORE_NS ? 0 : -EIO;
}

static int latency_known_irq(unsigned long n)
{
	return latency_known(true);
}

static int latency_known_preempt(unsigned long n)
{
	return latency_known(false);
}

static int latency_measure(const char *place, unsigned long n, int (*fn)(unsigned long n))
{
	struct bench_result result = {
		.workload = "latency", .peer = "scopex", .place = place, .n = n,
		.cpus = 1, .what = "irq", .ops = 1,
	};
	u64 irq_late = 0, thread_late = 0;
	int err = 0;

	for (unsigned int i = 0; i < bench.rounds && !err; i++) {
		err = fn(n);
		if (!err && bench_stopped())
			err = -EINTR;
		irq_late = max(irq_late, probe.irq_late);
		thread_late = max(thread_late, probe.thread_late);
	}
	if (err) {
		pr_err("latency, %s of %lu: %pe\n", place, n, ERR_PTR(err));
		return err;
	}
	err = bench_report(&result, &irq_late, 1);
	result.what = preempt_model_preemptible() ? "preempt" : "resched";
	return err ?: bench_report(&result, &thread_late, 1);
}

static int latency_of(unsigned long n)
{
	int err;

	sleepers = kvcalloc(n, sizeof(*sleepers), GFP_KERNEL);
	if (!sleepers)
		return -ENOMEM;
	err = latency_measure("cancel", n, latency_cancel) ?:
	      latency_measure("expire", n, latency_expire);
	kvfree(sleepers);
	return err;
}

/**
 * bench_latency() - interrupts and a thread that come late, while many sleepers wake up
 *
 * Return: 0 or a negative errno.
 */
int bench_latency(void)
{
	int err;

	hrtimer_setup(&probe.timer, probe_fires, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_PINNED_HARD);
	probe.thread = kthread_create_on_cpu(probe_fn, NULL, bench.cpu[0], "scopex_bench/%u");
	if (IS_ERR(probe.thread))
		return PTR_ERR(probe.thread);
	get_task_struct(probe.thread);
	sched_set_fifo(probe.thread);
	wake_up_process(probe.thread);
	err = latency_measure("known_irq", LATENCY_KNOWN_NS, latency_known_irq) ?:
	      latency_measure("known_preempt", LATENCY_KNOWN_NS, latency_known_preempt);
	for (unsigned int k = 0; k < bench.nr_n && !err; k++)
		err = latency_of(bench.n[k]);
	kthread_stop(probe.thread);
	put_task_struct(probe.thread);
	return err;
}
