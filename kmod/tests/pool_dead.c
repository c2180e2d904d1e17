// SPDX-License-Identifier: GPL-2.0
/*
 * Suites for selftests/pool.sh: workers whose thread an item has ended
 *
 * As in nest.c, a case that fails hangs, and the kernel's hung-task detector reports it.
 */

#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "../state.h"
#include "pool.h"
#include "test.h"

/**
 * struct mortal - an item that ends its thread, and one behind it
 * @work: the first
 * @behind: the second
 * @outer: an item that is the owner of a serial scope, with the first one in it
 * @serial: that scope
 * @worker: the worker of both
 * @go: ends it
 * @begun: completed by the first
 * @dead: completed when its thread ends
 * @served: completed by the second
 */
struct mortal {
	struct scopex_work	work;
	struct scopex_work	behind;
	struct scopex_work	outer;
	struct scopex_scope	*serial;
	struct task_struct	*worker;
	struct completion	go;
	struct completion	begun;
	struct completion	dead;
	struct completion	served;
};

static int dies_fn(struct scopex_work *work)
{
	struct mortal *mortal = container_of(work, struct mortal, work);

	complete(&mortal->begun);
	until_told(&mortal->go);
	kthread_complete_and_exit(&mortal->dead, 0);
}

static int is_served_fn(struct scopex_work *work)
{
	complete(&container_of(work, struct mortal, behind)->served);
	return 0;
}

/* The item is never completed, so its memory has to stay. */
static struct mortal *dead_man;

/* Complete the item in place of the dead worker, so that its scope can end. */
static void lay_to_rest(struct scopex_scope *scope, struct scopex_work *work)
{
	/* Release: as in scopex_complete_item(). */
	smp_store_release(&work->status, 0);
	atomic64_sub(SCOPEX_ONE, &scope->state);
}

static struct mortal *mortal_new(scopex_fn_t fn)
{
	struct mortal *mortal = kzalloc(sizeof(*mortal), GFP_KERNEL);

	if (!mortal)
		return NULL;
	dead_man = mortal;
	scopex_work_init(&mortal->work, fn);
	scopex_work_init(&mortal->behind, is_served_fn);
	init_completion(&mortal->go);
	init_completion(&mortal->begun);
	init_completion(&mortal->dead);
	init_completion(&mortal->served);
	return mortal;
}

static void dies_on(struct scopex_test *test, unsigned int cpu, bool offline)
{
	struct mortal *mortal = mortal_new(dies_fn);

	if (!EXPECT(test, mortal))
		return;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &mortal->work), 0);
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &mortal->behind), 0);
		wait_for_completion(&mortal->begun);
		if (offline)
			EXPECT_EQ(test, remove_cpu(cpu), 0);
		complete(&mortal->go);
		wait_for_completion(&mortal->dead);
		wait_for_completion(&mortal->served);
		lay_to_rest(s, &mortal->work);
		if (offline)
			EXPECT_EQ(test, add_cpu(cpu), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
}

static int serial_owner_fn(struct scopex_work *work)
{
	struct mortal *mortal = container_of(work, struct mortal, outer);
	int err = 0;

	scopex_scope(serial) {
		if (!is_serial(serial))
			return -ENOENT;
		mortal->serial = serial;
		mortal->worker = current;
		get_task_struct(current);
		err = scopex_submit(serial, &mortal->work);
		err = err ?: scopex_join(serial);
	}
	return err;
}

/* The work of the thread that ends closes the serial scope when its item is laid to rest. */
static void dies_in_a_serial_scope(struct scopex_test *test, unsigned int cpu)
{
	struct mortal *mortal = mortal_new(dies_fn);

	if (!EXPECT(test, mortal))
		return;
	scopex_work_init(&mortal->outer, serial_owner_fn);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &mortal->outer), 0);
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &mortal->behind), 0);
		wait_for_completion(&mortal->begun);
		complete(&mortal->go);
		wait_for_completion(&mortal->dead);
		wait_for_completion(&mortal->served);
		lay_to_rest(mortal->serial, &mortal->work);
		wake_up_process(mortal->worker);
		while (!READ_ONCE(mortal->worker->exit_state))
			usleep_range(500, 1000);
		put_task_struct(mortal->worker);
		lay_to_rest(s, &mortal->outer);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
}

static int dies_asleep_fn(struct scopex_work *work)
{
	struct mortal *mortal = container_of(work, struct mortal, work);

	complete(&mortal->begun);
	scopex_will_block();
	wait_for_completion(&mortal->go);
	kthread_complete_and_exit(&mortal->dead, 0);
}

/* An item ends its worker, which is not the active one, while the queue waits at the bound. */
static void dies_at_the_bound(struct scopex_test *test)
{
	struct mortal *mortal = mortal_new(dies_asleep_fn);
	struct holder holder;

	if (!EXPECT(test, mortal))
		return;
	holder_init(&holder, &mortal->begun);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &mortal->work), 0);
		EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &holder.work), 0);
		EXPECT_EQ(test, scopex_submit_on(s, CROWD_CPU, &mortal->behind), 0);
		wait_for_completion(&mortal->begun);
		wait_for_completion(&mortal->begun);
		complete(&mortal->go);
		wait_for_completion(&mortal->dead);
		wait_for_completion(&mortal->served);
		complete(&holder.go);
		lay_to_rest(s, &mortal->work);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
}

static bool can_die(struct scopex_test *test)
{
	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		scopex_test_skip(test, "needs tracepoints");
	else if (IS_ENABLED(CONFIG_LOCKDEP) || IS_ENABLED(CONFIG_DEBUG_OBJECTS))
		/* These debugging options keep records of a task, and of an item not completed. */
		scopex_test_skip(test, "not where all that is left behind is told");
	else
		return true;
	return false;
}

/* For a module with workers=1 standby=0: the pool replaces the dead worker. */
static void queue_of_a_dead_worker_is_served(struct scopex_test *test)
{
	unsigned int cpu;

	if (!can_die(test))
		return;
	for_each_online_cpu(cpu)
		EXPECT_WARNING("item dies_fn [scopex_test] of scope s of dies_on() ends the thread",
			       dies_on(test, cpu, false));
}

/* The same, while its CPU is offline. */
static void dead_worker_of_an_offline_cpu(struct scopex_test *test)
{
	unsigned int cpu = test_hotplug_cpu(test);

	if (cpu >= nr_cpu_ids)
		return;
	if (!can_die(test))
		return;
	EXPECT_WARNING("item dies_fn [scopex_test] of scope s of dies_on() ends the thread",
		       dies_on(test, cpu, true));
}

/* An item of a serial scope takes the owner with it, and the owner's item. */
static void worker_dies_in_a_serial_scope(struct scopex_test *test)
{
	if (can_die(test))
		EXPECT_WARNINGS("item dies_fn [scopex_test] of scope serial of",
				"exits with the open scope serial of serial_owner_fn()",
				dies_in_a_serial_scope(test, test_this_cpu()));
}

static const struct scopex_case mortal_cases[] = {
	SCOPEX_CASE(queue_of_a_dead_worker_is_served),
	SCOPEX_CASE(worker_dies_in_a_serial_scope),
	SCOPEX_CASE(dead_worker_of_an_offline_cpu),
};

SCOPEX_SUITE(mortal, mortal_cases);

/* For a module with workers=2 standby=1. */
static void dead_worker_leaves_room_at_the_bound(struct scopex_test *test)
{
	if (can_die(test))
		EXPECT_WARNING("item dies_asleep_fn [scopex_test] of scope s",
			       dies_at_the_bound(test));
}

static const struct scopex_case mourned_cases[] = {
	SCOPEX_CASE(dead_worker_leaves_room_at_the_bound),
};

SCOPEX_SUITE(mourned, mourned_cases);
