// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "forget": what should not be possible, and what happens then
 *
 * The story that scopex comes from, told in the kernel: a task that ends without the
 * destructor of its scope having run, while items borrow from its stack.
 */

#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/kthread.h>
#include <linux/memcontrol.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/scopex_detached.h>
#include <linux/scopex_loop.h>

#include "../lockdep.h"
#include "test.h"

#define BORROWED	0x5c0be5c0

/**
 * struct forgetful - a task that forgets its scope
 * @cpu: where its item runs
 * @pid: the task
 * @gate: where its item waits
 * @seen: what the item has read in the task's frame
 * @written: whether it could write there
 */
struct forgetful {
	unsigned int		cpu;
	pid_t			pid;
	struct test_gate	gate;
	unsigned int		seen;
	bool			written;
};

/* In the frame of the forgetful task. */
struct borrower {
	struct scopex_work	work;
	struct forgetful	*forgetful;
	unsigned int		lent;
};

static int borrower_fn(struct scopex_work *work)
{
	struct borrower *borrower = container_of(work, struct borrower, work);
	struct forgetful *forgetful = borrower->forgetful;

	/* The task and the test wait for it. */
	complete_all(&forgetful->gate.reached);
	wait_for_completion(&forgetful->gate.go);
	forgetful->seen = borrower->lent;
	borrower->lent = ~BORROWED;
	forgetful->written = READ_ONCE(borrower->lent) == ~BORROWED;
	return 0;
}

static struct scopex_site guard_site = {
	.name = "forgotten", .func = "forgetful_thread", .file = __FILE__, .line = 1,
	__SCOPEX_SITE_MAP("forgotten", &guard_site)
};

/* The guard form without its guard. */
static int forgetful_thread(void *data)
{
	struct forgetful *forgetful = data;
	struct borrower borrower = { .forgetful = forgetful, .lent = BORROWED };
	struct scopex_scope scope;

	forgetful->pid = current->pid;
	scopex_work_init(&borrower.work, borrower_fn);
	__scopex_open(&scope, &guard_site, NULL);
	WARN_ON(scopex_submit_on(&scope, forgetful->cpu, &borrower.work));
	wait_for_completion(&forgetful->gate.reached);
	kthread_complete_and_exit(NULL, 0);
}

static bool alive(pid_t pid)
{
	bool found;

	rcu_read_lock();
	found = pid_task(find_vpid(pid), PIDTYPE_PID);
	rcu_read_unlock();
	return found;
}

static void run_forgetful(struct scopex_test *test, struct forgetful *forgetful)
{
	struct task_struct *thread;

	thread = kthread_run(forgetful_thread, forgetful, "scopex_forget");
	if (!EXPECT(test, !IS_ERR(thread)))
		return;
	wait_for_completion(&forgetful->gate.reached);
	/* It is on its way out, and does not get there. */
	msleep(100);
	EXPECT(test, alive(forgetful->pid));
	complete(&forgetful->gate.go);
	while (alive(forgetful->pid))
		usleep_range(100, 500);
}

/* Hazard 11. The frame is there as long as the item needs it. */
static void guard_that_is_skipped(struct scopex_test *test)
{
	struct forgetful forgetful = { .cpu = test_this_cpu() };

	if (!IS_ENABLED(CONFIG_TRACEPOINTS)) {
		scopex_test_skip(test, "needs tracepoints");
		return;
	}
	test_gate_init(&forgetful.gate);
	EXPECT_WARNING("exits with the open scope forgotten of forgetful_thread()",
		       run_forgetful(test, &forgetful));
	EXPECT_EQ(test, forgetful.seen, BORROWED);
	EXPECT(test, forgetful.written);
}

/* Until it waits for its item, on its way out; or is gone. */
static struct task_struct *start_forgetful(struct scopex_test *test,
					   struct forgetful *forgetful)
{
	struct task_struct *thread;

	thread = kthread_create(forgetful_thread, forgetful, "scopex_forget");
	if (!EXPECT(test, !IS_ERR(thread)))
		return NULL;
	get_task_struct(thread);
	wake_up_process(thread);
	wait_for_completion(&forgetful->gate.reached);
	while (!(READ_ONCE(thread->flags) & PF_EXITING &&
		 READ_ONCE(thread->__state) == TASK_UNINTERRUPTIBLE) &&
	       !READ_ONCE(thread->exit_state))
		usleep_range(100, 500);
	return thread;
}

/* Many are on their way out at the same time, and the scope of each is drained. */
#define FORGETFUL	18

/* The kernel does not print more warnings of one place, in 5 s, than 10. */
#define WARNINGS	9

static void many_guards_that_are_skipped(struct scopex_test *test)
{
	struct forgetful *all = kcalloc(FORGETFUL, sizeof(*all), GFP_KERNEL);
	struct task_struct *threads[FORGETFUL] = { };
	unsigned int i;

	if (!IS_ENABLED(CONFIG_TRACEPOINTS)) {
		scopex_test_skip(test, "needs tracepoints");
		goto out;
	}
	if (!EXPECT(test, all))
		return;
	for (i = 0; i < FORGETFUL; i++) {
		all[i].cpu = test_this_cpu();
		test_gate_init(&all[i].gate);
		if (i % WARNINGS == 0)
			msleep(5100);
		EXPECT_WARNING("exits with the open scope forgotten of forgetful_thread()",
			       threads[i] = start_forgetful(test, &all[i]));
	}
	for (i = 0; i < FORGETFUL; i++)
		EXPECT(test, threads[i] && !READ_ONCE(threads[i]->exit_state));
	for (i = 0; i < FORGETFUL && threads[i]; i++) {
		complete(&all[i].gate.go);
		while (!READ_ONCE(threads[i]->exit_state))
			usleep_range(100, 500);
		put_task_struct(threads[i]);
		EXPECT_EQ(test, all[i].seen, BORROWED);
		EXPECT(test, all[i].written);
	}
out:
	kfree(all);
}

/* A task that ends before the first submit leaves a timer in its frame. */
static int late_thread(void *data)
{
	const struct scopex_options options = { .timeout_us = 3600000 * USEC_PER_MSEC};
	struct scopex_custom_scope custom;
	pid_t *pid = data;

	__scopex_open(&custom.scope, &guard_site, &options);
	strscpy(current->comm, TEST_ODD, sizeof(current->comm));
	WRITE_ONCE(*pid, current->pid);
	kthread_complete_and_exit(NULL, 0);
}

static void until_gone(struct scopex_test *test, int (*fn)(void *data), void *data,
		       const pid_t *pid)
{
	struct task_struct *thread = kthread_run(fn, data, "scopex_forget");

	if (!EXPECT(test, !IS_ERR(thread)))
		return;
	while (!READ_ONCE(*pid) || alive(READ_ONCE(*pid)))
		usleep_range(100, 500);
}

static void deadline_without_an_item(struct scopex_test *test)
{
	pid_t pid = 0;

	if (!IS_ENABLED(CONFIG_TRACEPOINTS)) {
		scopex_test_skip(test, "needs tracepoints");
		return;
	}
	EXPECT_WARNING("task " TEST_ODD_SHOWN ":",
		       until_gone(test, late_thread, &pid, &pid));
}

/**
 * struct lost_loop - a loop whose caller ends in the middle of it
 * @caller: the task, while it has not ended
 * @pid: the task, once it ends
 * @helpers: how many helpers are in it
 * @gone: whether one of them has seen the caller go
 */
struct lost_loop {
	struct task_struct	*caller;
	pid_t			pid;
	atomic_t		helpers;
	bool			gone;
};

static int lost_chunk(const struct scopex_range *range)
{
	struct lost_loop *lost = range->arg;

	if (current == lost->caller) {
		if (!atomic_read(&lost->helpers)) {
			/* Ask again. */
			usleep_range(100, 500);
			return 0;
		}
		WRITE_ONCE(lost->pid, current->pid);
		kthread_complete_and_exit(NULL, 0);
	}
	atomic_inc(&lost->helpers);
	while (!READ_ONCE(lost->pid))
		usleep_range(100, 500);
	/* Time enough for it to go, if it does not wait. */
	msleep(200);
	if (!alive(lost->pid))
		WRITE_ONCE(lost->gone, true);
	return 0;
}

static int lost_thread(void *data)
{
	struct lost_loop *lost = data;

	lost->caller = current;
	scopex_for(0, ULONG_MAX, lost_chunk, .grain = 1, .arg = lost);
	WRITE_ONCE(lost->pid, current->pid);
	return 0;
}

static void loop_without_its_caller(struct scopex_test *test)
{
	struct lost_loop lost = { };

	if (!IS_ENABLED(CONFIG_TRACEPOINTS)) {
		scopex_test_skip(test, "needs tracepoints");
		return;
	}
	EXPECT_WARNING("exits with the open scope lost_chunk of lost_thread()",
		       until_gone(test, lost_thread, &lost, &lost.pid));
	EXPECT(test, !READ_ONCE(lost.gone));
}

static int callback_body(struct scopex_scope *scope, void *arg)
{
	struct test_item *item = arg;

	/* Whatever this does, short of not returning, it can't skip the wait. */
	return scopex_submit(scope, &item->work);
}

static void callback_that_can_not_be_skipped(struct scopex_test *test)
{
	struct test_item item;

	test_item_init(&item);
	EXPECT_EQ(test, scopex_run(callback_body, &item), 0);
	EXPECT_EQ(test, atomic_read(&item.runs), 1);
}

static int lets_thread_exit_fn(struct scopex_work *work)
{
	kthread_complete_and_exit(NULL, 0);
}

#if SCOPEX_CHECK_ITEMS
/* Hazard 23: each is named, and the items after it find all in order. */
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
	/* For sparse: somebody else ends it. */
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
 * @real_cred: and those that it has
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

/* Without @fn, the item has none before. */
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

/* A detached item that is released by its worker, for whose next item a leak would be. */
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
	/* With one CPU that can be, the worker has no other affinity to get. */
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

/* A part of a loop, on a helper: the same as an item. One leaks, and ends the loop. */
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

static const struct scopex_case forget_cases[] = {
	SCOPEX_CASE(guard_that_is_skipped),
	SCOPEX_CASE(deadline_without_an_item),
	SCOPEX_CASE(loop_without_its_caller),
	SCOPEX_CASE(callback_that_can_not_be_skipped),
	/* After these no more such warnings are printed for a while. */
	SCOPEX_CASE(many_guards_that_are_skipped),
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

SCOPEX_SUITE(forget, forget_cases);

/*
 * Hazard 20, on purpose: the item takes its thread with it. Its scope never drains, and
 * so this never returns; what is queued behind it runs.
 */
static void item_ends_its_thread(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu();
	struct scopex_work dead;
	struct test_item after;

	test_item_init(&after);
	scopex_work_init(&dead, lets_thread_exit_fn);
	scopex_scope(s, .name = "undead") {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &dead), 0);
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &after.work), 0);
		while (scopex_work_busy(&after.work))
			usleep_range(100, 500);
		WARN(1, "scopex_test: the item behind it has run\n");
	}
}

static const struct scopex_case undead_cases[] = {
	SCOPEX_CASE(item_ends_its_thread),
};

SCOPEX_SUITE(undead, undead_cases);

/* Hazard 11 at its worst: on x86, the frame is lost before the task's exit begins. */
static int oops_thread(void *data)
{
	struct forgetful *forgetful = data;
	struct borrower borrower = { .forgetful = forgetful, .lent = BORROWED };

	scopex_work_init(&borrower.work, borrower_fn);
	scopex_scope(s, .name = "oopsed") {
		WARN_ON(scopex_submit_on(s, forgetful->cpu, &borrower.work));
		wait_for_completion(&forgetful->gate.reached);
		__builtin_trap();
	}
	return 0;
}

static void oops_in_a_scope(struct scopex_test *test)
{
	struct forgetful forgetful = { .cpu = test_this_cpu() };
	struct task_struct *thread;

	test_gate_init(&forgetful.gate);
	thread = kthread_run(oops_thread, &forgetful, "scopex_oops");
	if (EXPECT(test, !IS_ERR(thread)))
		msleep(60000);
}

static const struct scopex_case oops_cases[] = {
	SCOPEX_CASE(oops_in_a_scope),
};

SCOPEX_SUITE(oops, oops_cases);

static DEFINE_MUTEX(deadlock_mutex);

static int locks_fn(struct scopex_work *work)
{
	mutex_lock(&deadlock_mutex);
	mutex_unlock(&deadlock_mutex);
	return 0;
}

/* One place in the code, so one class for lockdep; with an item, or without. */
static void run_one(scopex_fn_t fn)
{
	struct scopex_work work;

	scopex_work_init(&work, fn);
	scopex_scope(s)
		if (fn)
			WARN_ON(scopex_submit(s, &work));
}

/*
 * Hazard 8, without a deadlock: the lock and the item never meet, and the scope that ends
 * under the lock happens to have nothing to wait for.
 */
static void waits_under_a_lock(struct scopex_test *test)
{
	run_one(locks_fn);
	mutex_lock(&deadlock_mutex);
	run_one(NULL);
	mutex_unlock(&deadlock_mutex);
}

static const struct scopex_case deadlock_cases[] = {
	SCOPEX_CASE(waits_under_a_lock),
};

SCOPEX_SUITE(deadlock, deadlock_cases);

static int locks_detached_fn(struct scopex_detached *detached)
{
	return locks_fn(NULL);
}

static void nothing_to_release(struct scopex_detached *detached) { }

/* The same with a detached item: it was out before the lock was taken. */
static void waits_for_detached_under_a_lock(struct scopex_test *test)
{
	static struct scopex_detached detached;

	scopex_detached_init(&detached, locks_detached_fn, nothing_to_release);
	EXPECT_EQ(test, scopex_detached_submit(&detached), 0);
	EXPECT_EQ(test, scopex_detached_wait(&detached), 0);
	mutex_lock(&deadlock_mutex);
	EXPECT_EQ(test, scopex_detached_wait(&detached), 0);
	mutex_unlock(&deadlock_mutex);
}

static const struct scopex_case waits_cases[] = {
	SCOPEX_CASE(waits_for_detached_under_a_lock),
};

SCOPEX_SUITE(waits, waits_cases);
