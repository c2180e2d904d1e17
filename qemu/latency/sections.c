// SPDX-License-Identifier: GPL-2.0
/*
 * Sections: for how long the scheduler can't have a CPU, and which code is the reason
 *
 * Theory of operation
 *
 * A section begins where interrupts or preemption go off, and ends where both are on
 * again. The kernel has tracepoints there (CONFIG_PREEMPTIRQ_TRACEPOINTS), the same ones
 * that its own tracers irqsoff and preemptoff are built on; these report only the
 * longest section of all, in microseconds.
 *
 * An interrupt, or softirq, that comes into a section is a section of its own, and is not
 * counted in the other one. The time of these probes is not counted either. So
 * under QEMU's -icount, the same code gives the same length.
 *
 * A section belongs to the innermost function of scopex on the stack at its end, as that
 * function holds a lock, or calls a function of the kernel that does. Without a function of
 * scopex on the stack, the section belongs to the function that began it. An interrupt belongs
 * to scopex if one of scopex's timers ran in it. A section in which tasks were switched belongs
 * to the scheduler.
 *
 * Probes of sched_process_exit run without preemption on kernels before 7.0. This module does
 * the same on newer kernels: it is a section of before_exit_probes().
 */

#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/stacktrace.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/tracepoint.h>

#include "latency.h"

/* Shorter sections are not attributed: that would take many times as long. */
#define SHORT_NS	1000

/* So far from a section's end its culprit is looked for; the probes are a part of that. */
#define STACK_DEPTH	24

/**
 * struct section - the longest section of a function
 * @culprit: somewhere in the function; 0 for those that are not scopex's
 * @ns: how long it was
 * @from: where it has begun
 * @to: where it has ended
 */
struct section {
	unsigned long	culprit;
	u64		ns;
	unsigned long	from;
	unsigned long	to;
};

/**
 * struct cpu_sections - the sections of a CPU
 * @probing: a probe runs, whose own sections do not count
 * @irq: interrupts are off
 * @preempt: preemption is off
 * @idle: the idle task runs, which has preemption off all the time
 * @interrupt: interrupts are off because one is handled
 * @foreign: the section is not scopex's, whatever functions are on the stack
 * @start: when the section has begun
 * @from: where
 * @alien: time since then that is not to be counted
 * @timer: a function of scopex that a timer has called in the interrupt
 * @irq_start: when interrupts went off
 * @irq_from: where
 * @irq_alien: @alien then
 * @softirq_start: when the softirq has begun
 * @softirq_alien: @alien then
 * @softirq_timer: a function of scopex that a timer has called in it
 * @longest: of each culprit, in no order; the first one is of those that are not scopex's
 */
struct cpu_sections {
	bool		probing;
	bool		irq;
	bool		preempt;
	bool		idle;
	bool		interrupt;
	bool		foreign;
	u64		start;
	unsigned long	from;
	u64		alien;
	unsigned long	timer;
	u64		irq_start;
	unsigned long	irq_from;
	u64		irq_alien;
	u64		softirq_start;
	u64		softirq_alien;
	unsigned long	softirq_timer;
	struct section	longest[64];
};

static DEFINE_PER_CPU(struct cpu_sections, cpu_sections);
static DEFINE_PER_CPU(struct task_struct *, exiting);
static unsigned long scopex_limit_start, scopex_end;

static bool in_scopex(unsigned long ip)
{
	return ip >= scopex_limit_start && ip < scopex_end;
}

/* Functions of scopex that are on the stack are known by where they call from. */
static unsigned long culprit_on_stack(void)
{
	unsigned long stack[STACK_DEPTH];
	unsigned int i = 0, nr;

	nr = stack_trace_save(stack, ARRAY_SIZE(stack), 0);
	/* These probes */
	while (i < nr && within_module(stack[i], THIS_MODULE))
		i++;
	for (; i < nr && !within_module(stack[i], THIS_MODULE); i++)
		if (in_scopex(stack[i]))
			return stack[i];
	return 0;
}

/* Without room for another culprit, drop the one with the shortest section. */
static struct section *find_section(struct cpu_sections *cs, unsigned long culprit)
{
	struct section *s = cs->longest, *shortest = s + 1;

	if (!culprit)
		return s;
	while (++s < cs->longest + ARRAY_SIZE(cs->longest)) {
		if (!s->culprit || s->culprit == culprit)
			return s;
		if (s->ns < shortest->ns)
			shortest = s;
	}
	return shortest;
}

static void note(struct cpu_sections *cs, unsigned long culprit, u64 ns,
		 unsigned long from, unsigned long to)
{
	struct section *s = find_section(cs, culprit);

	if (ns > s->ns)
		*s = (struct section){ culprit, ns, from, to };
}

static bool is_off(const struct cpu_sections *cs)
{
	return cs->irq || (cs->preempt && !cs->idle);
}

static void begin(struct cpu_sections *cs, u64 now, unsigned long from)
{
	if (is_off(cs))
		return;
	cs->start = now;
	cs->from = from;
	cs->alien = 0;
	cs->timer = 0;
	cs->foreign = false;
}

static void end(struct cpu_sections *cs, u64 now, unsigned long to)
{
	u64 ns = now - cs->start - cs->alien;
	unsigned long culprit = 0;

	if (is_off(cs) || ns < SHORT_NS)
		return;
	if (!cs->foreign)
		culprit = culprit_on_stack();
	if (!cs->foreign && !culprit &&
	    (in_scopex(cs->from) || within_module(cs->from, THIS_MODULE)))
		culprit = cs->from;
	note(cs, culprit, ns, cs->from, to);
}

/* At the end of an interrupt or softirq: leave its time out of the interrupted section. */
static void end_alien(struct cpu_sections *cs, u64 now, u64 start, u64 alien,
		      unsigned long *timer, unsigned long from, unsigned long to)
{
	u64 ns = now - start - (cs->alien - alien);

	if (ns >= SHORT_NS)
		note(cs, *timer, ns, from, to);
	cs->alien = alien + now - start;
	*timer = 0;
}

/* Interrupts stay off in a probe, without a tracepoint. */
static struct cpu_sections *enter(unsigned long *flags, u64 *now)
{
	struct cpu_sections *cs;

	raw_local_irq_save(*flags);
	cs = this_cpu_ptr(&cpu_sections);
	if (cs->probing) {
		raw_local_irq_restore(*flags);
		return NULL;
	}
	cs->probing = true;
	*now = ktime_get_mono_fast_ns();
	return cs;
}

static void leave(struct cpu_sections *cs, unsigned long flags, u64 now)
{
	cs->alien += ktime_get_mono_fast_ns() - now;
	cs->probing = false;
	raw_local_irq_restore(flags);
}

static void on_irq_disable(void *data, unsigned long ip, unsigned long parent)
{
	unsigned long flags;
	u64 now;
	struct cpu_sections *cs = enter(&flags, &now);

	if (!cs)
		return;
	cs->irq_from = in_lock_functions(ip) ? parent : ip;
	begin(cs, now, cs->irq_from);
	cs->irq = true;
	cs->interrupt = false;
	cs->irq_start = now;
	cs->irq_alien = cs->alien;
	leave(cs, flags, now);
}

static void on_irq_enable(void *data, unsigned long ip, unsigned long parent)
{
	unsigned long flags;
	u64 now;
	struct cpu_sections *cs = enter(&flags, &now);

	if (!cs)
		return;
	if (cs->irq) {
		cs->irq = false;
		if (in_lock_functions(ip))
			ip = parent;
		if (cs->interrupt)
			end_alien(cs, now, cs->irq_start, cs->irq_alien, &cs->timer,
				  cs->irq_from, ip);
		else
			end(cs, now, ip);
	}
	leave(cs, flags, now);
}

static void on_preempt_disable(void *data, unsigned long ip, unsigned long parent)
{
	unsigned long flags;
	u64 now;
	struct cpu_sections *cs = enter(&flags, &now);

	if (!cs)
		return;
	begin(cs, now, parent);
	cs->preempt = true;
	leave(cs, flags, now);
}

static void on_preempt_enable(void *data, unsigned long ip, unsigned long parent)
{
	unsigned long flags;
	u64 now;
	struct cpu_sections *cs = enter(&flags, &now);

	if (!cs)
		return;
	if (cs->preempt) {
		cs->preempt = false;
		end(cs, now, parent);
	}
	leave(cs, flags, now);
}

static void on_interrupt(void)
{
	unsigned long flags;
	u64 now;
	struct cpu_sections *cs = enter(&flags, &now);

	if (!cs)
		return;
	cs->interrupt = true;
	/* What comes between it and the end is about it, too. */
	if (cs->start == cs->irq_start)
		cs->foreign = true;
	leave(cs, flags, now);
}

static void on_vector(void *data, int vector)
{
	on_interrupt();
}

static void on_irq_handler(void *data, int irq, struct irqaction *action)
{
	on_interrupt();
}

static void on_softirq_entry(void *data, unsigned int nr)
{
	unsigned long flags;
	u64 now;
	struct cpu_sections *cs = enter(&flags, &now);

	if (!cs)
		return;
	cs->softirq_start = now;
	cs->softirq_alien = cs->alien;
	leave(cs, flags, now);
}

static void on_softirq_exit(void *data, unsigned int nr)
{
	unsigned long flags;
	u64 now;
	struct cpu_sections *cs = enter(&flags, &now);

	if (!cs)
		return;
	if (cs->softirq_start)
		end_alien(cs, now, cs->softirq_start, cs->softirq_alien, &cs->softirq_timer,
			  _THIS_IP_, _THIS_IP_);
	cs->softirq_start = 0;
	leave(cs, flags, now);
}

static void on_hrtimer(void *data, struct hrtimer *timer, ktime_t expires)
{
	unsigned long flags, fn = (unsigned long)ACCESS_PRIVATE(timer, function);
	u64 now;
	struct cpu_sections *cs = enter(&flags, &now);

	if (!cs)
		return;
	/* An interrupt may come into a softirq. */
	if (in_scopex(fn) && in_hardirq())
		cs->timer = fn;
	else if (in_scopex(fn))
		cs->softirq_timer = fn;
	leave(cs, flags, now);
}

static void on_switch(void *data, bool preempt, struct task_struct *prev,
		      struct task_struct *next, unsigned int prev_state)
{
	unsigned long flags;
	u64 now;
	struct cpu_sections *cs = enter(&flags, &now);

	if (!cs)
		return;
	cs->idle = is_idle_task(next);
	cs->foreign = true;
	leave(cs, flags, now);
}

static void before_exit_probes(void *data, struct task_struct *task, bool group_dead)
{
	preempt_disable();
	__this_cpu_write(exiting, task);
}

/* A task that just exits may have met this one only. */
static void after_exit_probes(void *data, struct task_struct *task, bool group_dead)
{
	if (this_cpu_read(exiting) != task)
		return;
	__this_cpu_write(exiting, NULL);
	preempt_enable();
}

/**
 * struct hook - a probe of a tracepoint
 * @name: of the tracepoint
 * @probe: the function
 * @prio: the larger, the earlier
 * @point: the tracepoint, once it is found
 * @hooked: it is registered
 */
struct hook {
	const char		*name;
	void			*probe;
	int			prio;
	struct tracepoint	*point;
	bool			hooked;
};

static struct hook hooks[] = {
	{ "sched_switch", on_switch },
	{ "hrtimer_expire_entry", on_hrtimer },
	{ "softirq_entry", on_softirq_entry },
	{ "softirq_exit", on_softirq_exit },
	{ "irq_handler_entry", on_irq_handler },
	{ "local_timer_entry", on_vector },
	{ "reschedule_entry", on_vector },
	{ "call_function_entry", on_vector },
	{ "call_function_single_entry", on_vector },
	{ "irq_work_entry", on_vector },
	{ "irq_disable", on_irq_disable },
	{ "irq_enable", on_irq_enable },
	{ "preempt_disable", on_preempt_disable },
	{ "preempt_enable", on_preempt_enable },
	{ "sched_process_exit", after_exit_probes, -1 },
	{ "sched_process_exit", before_exit_probes, INT_MAX },
};

static void find_point(struct tracepoint *point, void *unused)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hooks); i++)
		if (!strcmp(point->name, hooks[i].name))
			hooks[i].point = point;
}

/**
 * sections_start() - begin to measure
 * @text_start: the address of scopex's first function
 * @text_end: the address of its last one
 *
 * Return: 0 or a negative errno; then nothing is measured.
 */
int sections_start(unsigned long text_start, unsigned long text_end)
{
	unsigned int i;
	int err = 0;

	scopex_limit_start = text_start;
	scopex_end = round_up(text_end + 1, PAGE_SIZE);
	for_each_kernel_tracepoint(find_point, NULL);
	for (i = 0; i < ARRAY_SIZE(hooks) && !err; i++) {
		err = -ENOENT;
		if (hooks[i].point)
			err = tracepoint_probe_register_prio(hooks[i].point, hooks[i].probe,
							     NULL, hooks[i].prio);
		hooks[i].hooked = !err;
		if (err)
			pr_err("latency: no probe of %s: %d\n", hooks[i].name, err);
	}
	if (err)
		sections_stop();
	return err;
}

/**
 * sections_stop() - measure no more
 */
void sections_stop(void)
{
	unsigned int i;

	for (i = ARRAY_SIZE(hooks); i--;)
		if (hooks[i].hooked)
			tracepoint_probe_unregister(hooks[i].point, hooks[i].probe, NULL);
	tracepoint_synchronize_unregister();
}

/**
 * sections_print() - log the longest section of each culprit
 * @name: the case
 * @n: of how many objects
 *
 * A culprit is there once for each place in it that has a section.
 */
void sections_print(const char *name, unsigned int n)
{
	unsigned int cpu, i;

	for_each_possible_cpu(cpu) {
		struct section *s = per_cpu(cpu_sections, cpu).longest;

		for (i = 0; i < ARRAY_SIZE(per_cpu(cpu_sections, cpu).longest); i++, s++) {
			if (!s->ns)
				continue;
			if (s->culprit)
				pr_info("latency: %s %u %llu %ps from %pS to %pS\n", name, n,
					s->ns, (void *)s->culprit, (void *)s->from,
					(void *)s->to);
			else
				pr_info("latency: %s %u %llu - from %pS to %pS\n", name, n,
					s->ns, (void *)s->from, (void *)s->to);
		}
	}
}
