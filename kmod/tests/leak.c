// SPDX-License-Identifier: GPL-2.0
/* Suite "exit", in part: items that leave their worker in another state */

#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/kthread.h>
#include <linux/memcontrol.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/scopex_detached.h>
#include <linux/scopex_loop.h>

#include "../lockdep.h"
#include "test.h"

#if SCOPEX_CHECK_ITEMS
/* Hazard 23: each leak is reported, and the next item finds everything in order. */
static int leaks_softirqs(struct scopex_work *work)
{
	local_bh_disable();
	local_bh_disable();
	return 0;
}

static int leaks_rcu(struct scopex_work *work)
{
	rcu_read_lock();
	rcu_read_lock();
	/* For sparse: the worker ends it. */
	__release(RCU);
	__release(RCU);
	return 0;
}

static int leaks_preemption(struct scopex_work *work)
{
	preempt_disable();
	return 0;
}

static int leaks_interrupts(struct scopex_work *work)
{
	local_irq_disable();
	return 0;
}

static int leaks_task_state(struct scopex_work *work)
{
	set_current_state(TASK_UNINTERRUPTIBLE);
	return 0;
}

static int leaks_nofs(struct scopex_work *work)
{
	memalloc_nofs_save();
	return 0;
}

static int leaks_noio(struct scopex_work *work)
{
	memalloc_noio_save();
	return 0;
}

static int leaks_noreclaim(struct scopex_work *work)
{
	memalloc_noreclaim_save();
	return 0;
}

static int leaks_nofreeze(struct scopex_work *work)
{
	current->flags &= ~PF_NOFREEZE;
	return 0;
}

static int leaks_affinity(struct scopex_work *work)
{
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	return 0;
}

static int leaks_migration(struct scopex_work *work)
{
	migrate_disable();
	return 0;
}

static int leaks_nice(struct scopex_work *work)
{
	set_user_nice(current, 7);
	return 0;
}

static int leaks_policy(struct scopex_work *work)
{
	sched_set_fifo_low(current);
	return 0;
}

static struct cred *leaked_cred;

static int leaks_overridden_creds(struct scopex_work *work)
{
	override_creds(leaked_cred);
	return 0;
}

static int leaks_creds(struct scopex_work *work)
{
	return commit_creds((struct cred *)get_cred(leaked_cred));
}

static struct mm_struct *leaked_mm;

static int leaks_mm(struct scopex_work *work)
{
	kthread_use_mm(leaked_mm);
	return 0;
}

static int leaks_plug(struct scopex_work *work)
{
	current->plug = (void *)work;
	return 0;
}

static int leaks_journal(struct scopex_work *work)
{
	current->journal_info = work;
	return 0;
}

#ifdef CONFIG_MEMCG
static int leaks_memcg(struct scopex_work *work)
{
	current->active_memcg = get_mem_cgroup_from_mm(NULL);
	return 0;
}
#endif

/**
 * struct heir - what the item that comes after one that leaks finds
 * @work: the item
 * @preempt: preemption is on
 * @softirqs: so are softirqs
 * @rcu: how many RCU read sections it is in
 * @irqs: interrupts are on
 * @running: the task state is TASK_RUNNING
 * @mm: the address space
 * @flags: the task's flags
 * @bound: to its CPU
 * @migrates: migration is on
 * @nice: the nice level
 * @policy: the scheduling policy
 * @cred: the credentials that it acts by
 * @real_cred: the credentials that others see
 * @pointers: nothing of the item before is left in the task
 */
struct heir {
	struct scopex_work	work;
	bool			preempt;
	bool			softirqs;
	int			rcu;
	bool			irqs;
	bool			running;
	void			*mm;
	unsigned int		flags;
	bool			bound;
	bool			migrates;
	int			nice;
	unsigned int		policy;
	const struct cred	*cred;
	const struct cred	*real_cred;
	bool			pointers;
};

#define HEIR_FLAGS	(PF_MEMALLOC | PF_MEMALLOC_NOFS | PF_MEMALLOC_NOIO | PF_NOFREEZE)

static int heir_fn(struct scopex_work *work)
{
	struct heir *heir = container_of(work, struct heir, work);

	heir->preempt = !(preempt_count() & PREEMPT_MASK);
	heir->softirqs = !softirq_count();
	heir->rcu = rcu_preempt_depth();
	heir->irqs = !irqs_disabled();
	heir->running = get_current_state() == TASK_RUNNING;
	heir->mm = current->mm;
	heir->flags = current->flags & HEIR_FLAGS;
	heir->bound = cpumask_equal(&current->cpus_mask, cpumask_of(raw_smp_processor_id()));
	heir->migrates = true;
#ifdef CONFIG_SMP
	heir->migrates = !current->migration_disabled;
#endif
	heir->nice = task_nice(current);
	heir->policy = current->policy;
	heir->cred = current_cred();
	heir->real_cred = current_real_cred();
	heir->pointers = !current->plug && !current->journal_info;
#ifdef CONFIG_MEMCG
	heir->pointers = heir->pointers && !current->active_memcg;
#endif
	return 0;
}

/* Without @fn, no item runs before the heir. */
static void inherit(struct scopex_test *test, unsigned int cpu, scopex_fn_t fn,
		    struct heir *heir)
{
	struct scopex_work leaky;

	*heir = (struct heir){ .work = SCOPEX_WORK_INIT(heir_fn) };
	scopex_work_init(&leaky, fn);
	scopex_scope(s) {
		if (fn)
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &leaky), 0);
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &heir->work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
}

static void leak(struct scopex_test *test, scopex_fn_t fn)
{
	unsigned int cpu = test_this_cpu();
	struct heir before, after;

	inherit(test, cpu, NULL, &before);
	inherit(test, cpu, fn, &after);
	EXPECT(test, after.preempt);
	EXPECT(test, after.softirqs);
	EXPECT_EQ(test, after.rcu, 0);
	EXPECT(test, after.irqs);
	EXPECT(test, after.running);
	EXPECT(test, !after.mm);
	EXPECT_EQ(test, after.flags, before.flags);
	EXPECT(test, after.bound || !before.bound);
	EXPECT(test, after.migrates);
	EXPECT_EQ(test, after.nice, before.nice);
	EXPECT_EQ(test, after.policy, before.policy);
	EXPECT(test, after.cred == before.cred);
	EXPECT(test, after.real_cred == before.real_cred);
	EXPECT(test, after.pointers);
}

#define EXPECT_LEAK(test, fn, what)						\
	EXPECT_WARNING("item " #fn " [scopex_test] of scope s returned with " what,	\
		       leak(test, fn))

/* A detached item that its worker releases; the worker's next item would find the leak. */
struct leaky_release {
	struct scopex_detached	detached;
	struct completion	go;
	struct completion	released;
	unsigned int		cpu;
};

static int waits_for_its_creator(struct scopex_detached *detached)
{
	struct leaky_release *leaky = container_of(detached, struct leaky_release, detached);

	leaky->cpu = raw_smp_processor_id();
	wait_for_completion(&leaky->go);
	return 0;
}

static void leaks_in_release(struct scopex_detached *detached)
{
	memalloc_nofs_save();
	complete(&container_of(detached, struct leaky_release, detached)->released);
}

static void leak_in_release(struct scopex_test *test, struct leaky_release *leaky)
{
	struct heir heir;

	init_completion(&leaky->go);
	init_completion(&leaky->released);
	scopex_detached_init(&leaky->detached, waits_for_its_creator, leaks_in_release);
	EXPECT_EQ(test, scopex_detached_submit(&leaky->detached), 0);
	scopex_detached_put(&leaky->detached);
	complete(&leaky->go);
	wait_for_completion(&leaky->released);
	inherit(test, leaky->cpu, NULL, &heir);
	EXPECT(test, !(heir.flags & PF_MEMALLOC_NOFS));
}

static void release_leaks_state(struct scopex_test *test)
{
	static const char named[] =
		"item leaks_in_release [scopex_test] of scope release returned with task flags";
	struct leaky_release *leaky = kzalloc(sizeof(*leaky), GFP_KERNEL);

	if (!EXPECT(test, leaky))
		return;
	EXPECT_WARNING(named, leak_in_release(test, leaky));
	kfree(leaky);
}

static void item_leaks_state(struct scopex_test *test)
{
	if (IS_ENABLED(CONFIG_PREEMPT_COUNT))
		EXPECT_LEAK(test, leaks_preemption, "preempt count 0x1");
	EXPECT_WARNING("softirqs off", leak(test, leaks_softirqs));
	if (IS_ENABLED(CONFIG_PREEMPT_RCU))
		EXPECT_LEAK(test, leaks_rcu, "RCU nesting 2");
	EXPECT_LEAK(test, leaks_interrupts, "interrupts off");
	EXPECT_LEAK(test, leaks_task_state, "task state 0x2");
}

static void item_leaks_a_memory_scope(struct scopex_test *test)
{
	EXPECT_LEAK(test, leaks_nofs, "task flags");
	EXPECT_LEAK(test, leaks_noio, "task flags");
	EXPECT_LEAK(test, leaks_noreclaim, "task flags");
	EXPECT_LEAK(test, leaks_nofreeze, "task flags");
}

static void item_leaks_a_pointer(struct scopex_test *test)
{
	EXPECT_LEAK(test, leaks_plug, "a block plug");
	EXPECT_LEAK(test, leaks_journal, "a journal handle");
#ifdef CONFIG_MEMCG
	EXPECT_LEAK(test, leaks_memcg, "an active memory cgroup");
#endif
}

static void item_leaks_scheduling(struct scopex_test *test)
{
	/* With one possible CPU, the worker's affinity can't change. */
	if (num_possible_cpus() > 1)
		EXPECT_LEAK(test, leaks_affinity, "CPU affinity");
	if (IS_ENABLED(CONFIG_SMP))
		EXPECT_LEAK(test, leaks_migration, "migration off");
	EXPECT_LEAK(test, leaks_nice, "nice level 7");
	EXPECT_LEAK(test, leaks_policy, "scheduling policy 1, priority 1");
}

static void item_leaks_credentials(struct scopex_test *test)
{
	leaked_cred = prepare_kernel_cred(&init_task);
	if (!EXPECT(test, leaked_cred))
		return;
	EXPECT_LEAK(test, leaks_overridden_creds, "overridden credentials");
	EXPECT_LEAK(test, leaks_creds, "overridden credentials, other credentials");
	put_cred(leaked_cred);
}

static void item_leaks_an_address_space(struct scopex_test *test)
{
	leaked_mm = get_task_mm(current);
	if (!leaked_mm) {
		scopex_test_skip(test, "needs a task with an address space");
		return;
	}
	EXPECT_LEAK(test, leaks_mm, "an address space");
	mmput(leaked_mm);
}

/* The loop's caller, and whether a helper has leaked. */
struct leaky_loop {
	struct task_struct	*caller;
	atomic_t		leaked;
};

/* A part of a loop on a helper counts like an item. One leaks, and ends the loop. */
static int leaks_in_chunk(const struct scopex_range *range)
{
	struct leaky_loop *loop = range->arg;

	if (current != loop->caller && !atomic_xchg(&loop->leaked, true)) {
		memalloc_nofs_save();
		scopex_cancel(range->scope, 0);
	} else {
		usleep_range(100, 500);
	}
	return 0;
}

static void chunk_leaks_state(struct scopex_test *test)
{
	struct leaky_loop loop = { .caller = current };

	if (test_other_cpu(test_this_cpu()) >= nr_cpu_ids) {
		scopex_test_skip(test, "needs two CPUs");
		return;
	}
	EXPECT_WARNING("item leaks_in_chunk [scopex_test] of scope leaks_in_chunk returned with",
		       EXPECT_EQ(test, scopex_for(0, ULONG_MAX, leaks_in_chunk, .grain = 1,
						  .arg = &loop), -ECANCELED));
}

#endif /* SCOPEX_CHECK_ITEMS */

static const struct scopex_case leak_cases[] = {
#if SCOPEX_CHECK_ITEMS
	SCOPEX_CASE(item_leaks_state),
	SCOPEX_CASE(item_leaks_a_memory_scope),
	SCOPEX_CASE(item_leaks_a_pointer),
	SCOPEX_CASE(item_leaks_scheduling),
	SCOPEX_CASE(item_leaks_credentials),
	SCOPEX_CASE(item_leaks_an_address_space),
	SCOPEX_CASE(chunk_leaks_state),
	SCOPEX_CASE(release_leaks_state),
#endif
};

SCOPEX_SUITE_PART(exit, leak, leak_cases);
