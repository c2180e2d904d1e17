// SPDX-License-Identifier: GPL-2.0
/*
 * The state that an item leaves behind on its worker's thread: see context.h
 *
 * The worker does not look at the cgroups, namespaces, I/O priority, NUMA policy and signal
 * handlers of the thread. A module can't read these, or can't tell whether the item has
 * changed them: an administrator may enable a cgroup controller at the same time.
 */

#include <linux/bottom_half.h>
#include <linux/bug.h>
#include <linux/cpumask.h>
#include <linux/cred.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/preempt.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>

#include "context.h"
#include "cpu.h"
#include "lockdep.h"
#include "text.h"
#include "thread.h"

/*
 * The flags of memory allocation, and PF_NOFREEZE: a worker without it would be freezable,
 * and a suspend would wait for it for ever (see set_freezable()).
 */
#define SCOPEX_CONTEXT_FLAGS	(PF_MEMALLOC | PF_MEMALLOC_NOFS | PF_MEMALLOC_NOIO |	\
				 PF_MEMALLOC_PIN | PF_LOCAL_THROTTLE | PF_NOFREEZE)

/* The differences that an item has left behind, as text. */
struct scopex_leaks {
	char		text[256];
	unsigned int	len;
};

static __printf(2, 3) void scopex_leak(struct scopex_leaks *leaks, const char *fmt, ...)
{
	va_list args;

	if (leaks->len)
		leaks->len += scnprintf(leaks->text + leaks->len,
					sizeof(leaks->text) - leaks->len, ", ");
	va_start(args, fmt);
	leaks->len += vscnprintf(leaks->text + leaks->len,
				 sizeof(leaks->text) - leaks->len, fmt, args);
	va_end(args);
}

static void *scopex_active_memcg(void)
{
#ifdef CONFIG_MEMCG
	return current->active_memcg;
#else
	return NULL;
#endif
}

static unsigned int scopex_migration_disabled(void)
{
#ifdef CONFIG_SMP
	return current->migration_disabled;
#else
	return 0;
#endif
}

/**
 * scopex_context_save() - note the state of the current thread, before an item
 * @before: stores the state; scopex_context_check() has to follow
 *
 * Context: the worker's thread.
 */
void scopex_context_save(struct scopex_context *before)
{
	*before = (struct scopex_context){
		.locks = scopex_locks_held(),
		.flags = current->flags & SCOPEX_CONTEXT_FLAGS,
		.nice = task_nice(current),
		.policy = current->policy,
		.rt_priority = current->rt_priority,
		/* With a reference, as scopex_check_creds() may have to restore them. */
		.real_cred = get_cred(current_real_cred()),
		.cred = current_cred(),
		.mm = current->mm,
		.memcg = scopex_active_memcg(),
		.plug = current->plug,
		.journal_info = current->journal_info,
	};
}

/*
 * Enable bottom halves first. With PREEMPT_RT, local_bh_disable() takes a lock, enters an
 * RCU read section and disables migration, and local_bh_enable() undoes all three. Without
 * PREEMPT_RT it is part of the preempt count.
 */
static void scopex_end_atomic(void)
{
	if (irqs_disabled())
		local_irq_enable();
	while (softirq_count() >= SOFTIRQ_DISABLE_OFFSET)
		local_bh_enable();
	while (rcu_preempt_depth() > 0) {
		/* For sparse: the item has entered it. */
		__acquire(RCU);
		rcu_read_unlock();
	}
	while (IS_ENABLED(CONFIG_PREEMPT_COUNT) && (preempt_count() & PREEMPT_MASK))
		preempt_enable();
}

/* Check and restore this first: the other checks must not run in atomic context. */
static void scopex_check_atomic(struct scopex_leaks *leaks, int locks)
{
	unsigned int state = get_current_state();

	if (preempt_count())
		scopex_leak(leaks, "preempt count %#x", preempt_count());
	if (irqs_disabled())
		scopex_leak(leaks, "interrupts off");
	if (softirq_count())
		scopex_leak(leaks, "softirqs off");
	if (rcu_preempt_depth())
		scopex_leak(leaks, "RCU nesting %d", rcu_preempt_depth());
	if (scopex_locks_held() != locks)
		scopex_leak(leaks, "%d locks held", scopex_locks_held() - locks);
	if (state != TASK_RUNNING)
		scopex_leak(leaks, "task state %#x", state);

	__set_current_state(TASK_RUNNING);
	scopex_end_atomic();
}

static void scopex_check_memory(struct scopex_leaks *leaks,
				const struct scopex_context *before)
{
	unsigned int flags = current->flags & SCOPEX_CONTEXT_FLAGS;

	/* Others read them: so they are written only if that is needed. */
	if (flags != before->flags) {
		scopex_leak(leaks, "task flags %#x instead of %#x", flags, before->flags);
		current_restore_flags(before->flags, SCOPEX_CONTEXT_FLAGS);
	}
	if (current->mm != before->mm)
		scopex_leak(leaks, "an address space");
	if (scopex_active_memcg() != before->memcg)
		scopex_leak(leaks, "an active memory cgroup");
	/* Both may point into the stack frame of the item's function; interrupts read the first. */
	if (current->plug != before->plug) {
		scopex_leak(leaks, "a block plug");
		WRITE_ONCE(current->plug, before->plug);
	}
	if (current->journal_info != before->journal_info) {
		scopex_leak(leaks, "a journal handle");
		current->journal_info = before->journal_info;
	}

	if (current->mm && !before->mm)
		kthread_unuse_mm(current->mm);
#ifdef CONFIG_MEMCG
	current->active_memcg = before->memcg;
#endif
	/* The block layer exports only this setter of its cgroup to modules. */
	kthread_associate_blkcg(NULL);
}

/*
 * Returns true if the item has let its thread run on other CPUs. The scheduler does so, too,
 * when the CPU goes offline: to a worker that wakes up, as soon as the CPU is dying; to all
 * workers, after the CPU is no longer active. The worker is bound again before the CPU is
 * active again and no longer dying.
 */
static bool scopex_unbound(struct scopex_worker *w)
{
	const struct cpumask *mask = cpumask_of(w->sc->cpu);

	/* data_race() - the scheduler may write the mask; the look below corrects a wrong answer */
	if (current != w->task || data_race(cpumask_equal(&current->cpus_mask, mask)))
		return false;
	/* The mask, then the CPU, then the mask again: the CPU may come online in between. */
	smp_rmb();
	if (!cpu_active(w->sc->cpu) || cpu_dying(w->sc->cpu))
		return false;
	/* data_race() - as above; the scheduler does not write the mask while the CPU is active */
	return !data_race(cpumask_equal(&current->cpus_mask, mask));
}

static void scopex_check_sched(struct scopex_leaks *leaks, struct scopex_worker *w,
			       const struct scopex_context *before)
{
	bool policy = current->policy != before->policy ||
		      current->rt_priority != before->rt_priority;

	if (policy)
		scopex_leak(leaks, "scheduling policy %u, priority %u", current->policy,
			    current->rt_priority);
	if (task_nice(current) != before->nice)
		scopex_leak(leaks, "nice level %d", task_nice(current));
	/* A module can set no other policy together with its nice level. */
	if (policy && before->policy == SCHED_NORMAL)
		sched_set_normal(current, before->nice);
	else if (task_nice(current) != before->nice)
		set_user_nice(current, before->nice);

	if (scopex_migration_disabled()) {
		scopex_leak(leaks, "migration off");
		while (scopex_migration_disabled())
			migrate_enable();
	}
	if (scopex_unbound(w)) {
		scopex_leak(leaks, "CPU affinity %*pbl", cpumask_pr_args(&current->cpus_mask));
		set_cpus_allowed_ptr(current, cpumask_of(w->sc->cpu));
	}
}

static void scopex_check_creds(struct scopex_leaks *leaks,
			       const struct scopex_context *before)
{
	bool overridden = current_cred() != before->cred;
	bool replaced = current_real_cred() != before->real_cred;

	if (overridden)
		scopex_leak(leaks, "overridden credentials");
	if (replaced)
		scopex_leak(leaks, "other credentials");

	/*
	 * Do not commit and then revert to @before->cred: before 6.13, revert_creds() gives
	 * back a reference, which commit_creds() has taken.
	 */
	if (replaced) {
		if (current_cred() != current_real_cred())
			revert_creds(current_real_cred());
		commit_creds((struct cred *)get_cred(before->real_cred));
	} else if (overridden) {
		revert_creds(before->cred);
	}
	put_cred(before->real_cred);
}

/**
 * scopex_context_check() - check that an item has left its thread as it was
 * @w: the worker
 * @site: the site of the item's scope
 * @fn: the item's function, or that of a loop, or a release function
 * @before: from scopex_context_save()
 *
 * If not, name the item in a warning, and restore as much as a module can.
 *
 * Context: the worker's thread.
 */
void scopex_context_check(struct scopex_worker *w, const struct scopex_site *site, void *fn,
			  const struct scopex_context *before)
{
	/* The same limit as of scopex_misuse(), but one for all kinds of leaks. */
	static DEFINE_RATELIMIT_STATE(told, DEFAULT_RATELIMIT_INTERVAL,
				      4 * DEFAULT_RATELIMIT_BURST);
	struct scopex_leaks leaks = { };

	scopex_check_atomic(&leaks, before->locks);
	scopex_check_memory(&leaks, before);
	scopex_check_sched(&leaks, w, before);
	scopex_check_creds(&leaks, before);
	WARN(unlikely(leaks.len) && __ratelimit(&told),
	     "scopex: item %ps of scope %s returned with %s\n", fn,
	     scopex_name(site->name), leaks.text);
}
