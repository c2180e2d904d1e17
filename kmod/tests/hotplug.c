// SPDX-License-Identifier: GPL-2.0
/* Suite "hotplug": hazard 16, CPUs that come and go under load */

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "task.h"
#include "test.h"

/**
 * test_hotplug_cpu() - find a CPU that can go offline, and leave it online
 * @test: the test; it is skipped if no CPU can go
 *
 * Return: the CPU, or nr_cpu_ids.
 */
unsigned int test_hotplug_cpu(struct scopex_test *test)
{
	unsigned int cpu;

	for_each_online_cpu(cpu) {
		if (cpu == cpumask_first(cpu_online_mask) || !test_served(cpu))
			continue;
		if (!cpu_is_hotpluggable(cpu))
			continue;
		if (EXPECT_EQ(test, remove_cpu(cpu), 0) &&
		    EXPECT_EQ(test, add_cpu(cpu), 0))
			return cpu;
		return nr_cpu_ids;
	}
	scopex_test_skip(test, "no CPU can go offline");
	return nr_cpu_ids;
}

/* Notes where it runs, whose worker runs it, and whether that may go elsewhere. */
struct whereabouts {
	struct scopex_work	work;
	unsigned int		cpu;
	unsigned int		worker;
	unsigned int		allowed;
};

static int whereabouts_fn(struct scopex_work *work)
{
	struct whereabouts *here = container_of(work, struct whereabouts, work);

	here->cpu = raw_smp_processor_id();
	if (sscanf(current->comm, "scopex/%u", &here->worker) != 1)
		here->worker = nr_cpu_ids;
	here->allowed = cpumask_weight(current->cpus_ptr);
	return 0;
}

static void expect_pinned(struct scopex_test *test, unsigned int cpu)
{
	struct whereabouts here = { .work = SCOPEX_WORK_INIT(whereabouts_fn) };

	scopex_scope(s)
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &here.work), 0);
	EXPECT_EQ(test, here.cpu, cpu);
	EXPECT_EQ(test, here.worker, cpu);
	EXPECT_EQ(test, here.allowed, 1);
}

static void offline_cpu_refuses(struct scopex_test *test)
{
	struct whereabouts item = { .work = SCOPEX_WORK_INIT(whereabouts_fn) };
	unsigned int i, cpu = test_hotplug_cpu(test);

	if (cpu >= nr_cpu_ids)
		return;
	expect_pinned(test, cpu);
	EXPECT_EQ(test, remove_cpu(cpu), 0);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &item.work), -ENODEV);
		EXPECT_EQ(test, scopex_work_result(&item.work), -ENODATA);
		/* scopex never chooses an offline CPU either, whose worker would run elsewhere. */
		for (i = 0; i < 4 * nr_cpu_ids; i++) {
			EXPECT_EQ(test, scopex_submit(s, &item.work), 0);
			scopex_join(s);
			EXPECT(test, item.worker != cpu);
		}
	}
	EXPECT_EQ(test, add_cpu(cpu), 0);
	expect_pinned(test, cpu);
}

/* The worker has to run elsewhere, and is pinned again when the CPU is back. */
static void queued_items_outlive_their_cpu(struct scopex_test *test)
{
	unsigned int i, nr = 100, cpu = test_hotplug_cpu(test);
	struct test_item *items;
	struct test_gate gate;

	if (cpu >= nr_cpu_ids)
		return;
	items = test_items(nr);
	if (!EXPECT(test, items))
		return;
	test_gate_init(&gate);
	items[0].gate = &gate;
	scopex_scope(s) {
		for (i = 0; i < nr; i++) {
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &items[i].work), 0);
			/* Half of them in the batch that runs, half queued. */
			if (i == nr / 2)
				wait_for_completion(&gate.reached);
		}
		EXPECT_EQ(test, remove_cpu(cpu), 0);
		complete(&gate.go);
	}
	for (i = 0; i < nr; i++) {
		EXPECT_EQ(test, atomic_read(&items[i].runs), 1);
		if (i > 0)
			EXPECT(test, items[i].cpu != cpu);
	}
	EXPECT_EQ(test, add_cpu(cpu), 0);
	expect_pinned(test, cpu);
	kvfree(items);
}

/* An item that takes the hotplug lock while its CPU goes offline. */
struct lock_item {
	struct scopex_work	work;
	struct test_gate	gate;
	struct test_item	probe;
	unsigned int		cpu;
};

static int lock_item_fn(struct scopex_work *work)
{
	struct lock_item *item = container_of(work, struct lock_item, work);

	complete(&item->gate.reached);
	/*
	 * The probe is queued behind this very item, and busy, until the CPU's
	 * queue is closed: then the hotplug lock is held for writing.
	 */
	while (scopex_submit_on(scopex_work_scope(work), item->cpu,
				&item->probe.work) != -ENODEV)
		usleep_range(50, 200);
	cpus_read_lock();
	cpus_read_unlock();
	return 0;
}

/* Going offline must not wait for an item that waits for going offline. */
static void offline_does_not_wait_for_items(struct scopex_test *test)
{
	unsigned int round, cpu = test_hotplug_cpu(test);
	struct lock_item item = { .cpu = cpu };

	if (cpu >= nr_cpu_ids)
		return;
	for (round = 0; round < 3; round++) {
		scopex_work_init(&item.work, lock_item_fn);
		test_item_init(&item.probe);
		test_gate_init(&item.gate);
		scopex_scope(s) {
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &item.work), 0);
			wait_for_completion(&item.gate.reached);
			EXPECT_EQ(test, remove_cpu(cpu), 0);
		}
		EXPECT_EQ(test, scopex_work_result(&item.work), 0);
		EXPECT_EQ(test, atomic_read(&item.probe.runs), 1);
		EXPECT_EQ(test, add_cpu(cpu), 0);
		expect_pinned(test, cpu);
	}
}

/* A task that submits in every way while CPUs come and go, and its accounts. */
struct load {
	struct scopex_test	*test;
	struct test_item	items[24];
	unsigned long		accepted;
	unsigned long		refused;
};

static void load_round(struct load *load, unsigned int round)
{
	unsigned int i, cpu;
	int err;

	scopex_scope(s)
		for (i = 0; i < ARRAY_SIZE(load->items); i++) {
			cpu = (round + i) % nr_cpu_ids;
			if (i % 3 == 0)
				err = scopex_submit_on(s, SCOPEX_CPU_LOCAL, &load->items[i].work);
			else if (i % 3 == 1)
				err = scopex_submit(s, &load->items[i].work);
			else
				err = scopex_submit_on(s, cpu, &load->items[i].work);
			if (!err)
				load->accepted++;
			else if (EXPECT(load->test, err == -ENODEV || err == -EINVAL))
				load->refused++;
		}
}

static int load_thread(void *data)
{
	struct load *load = data;
	unsigned int i, round;

	for (i = 0; i < ARRAY_SIZE(load->items); i++)
		test_item_init(&load->items[i]);
	for (round = 0; !kthread_should_stop(); round++) {
		load_round(load, round);
		cond_resched();
	}
	for (i = 0; i < ARRAY_SIZE(load->items); i++)
		load->accepted -= atomic_read(&load->items[i].runs);
	return 0;
}

static void cpus_come_and_go_under_load(struct scopex_test *test)
{
	unsigned int i, round, cpu = test_hotplug_cpu(test);
	struct task_struct *threads[3];
	struct load *loads;

	if (cpu >= nr_cpu_ids)
		return;
	loads = kvcalloc(ARRAY_SIZE(threads), sizeof(*loads), GFP_KERNEL);
	if (!EXPECT(test, loads))
		return;
	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		loads[i].test = test;
		threads[i] = test_thread(test, load_thread, &loads[i], nr_cpu_ids);
	}
	for (round = 0; round < 8; round++) {
		EXPECT_EQ(test, remove_cpu(cpu), 0);
		msleep(20);
		EXPECT_EQ(test, add_cpu(cpu), 0);
		msleep(20);
	}
	for (i = 0; i < ARRAY_SIZE(threads); i++) {
		test_thread_stop(threads[i]);
		/* Accepted minus run; and the CPU was seen gone at least once. */
		EXPECT_EQ(test, loads[i].accepted, 0);
		EXPECT(test, loads[i].refused > 0);
	}
	expect_pinned(test, cpu);
	kvfree(loads);
}

/* For a script that has taken offline the only CPU that takes items. */
static void nowhere_to_submit_to(struct scopex_test *test)
{
	struct test_item item;

	test_item_init(&item);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &item.work), -ENODEV);
		EXPECT_EQ(test, scopex_submit(s, &item.work), -ENODEV);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, scopex_work_result(&item.work), -ENODATA);
}

static const struct scopex_case nowhere_cases[] = {
	SCOPEX_CASE(nowhere_to_submit_to),
};

SCOPEX_SUITE(nowhere, nowhere_cases);

static int goes_offline_thread(void *data)
{
	unsigned int cpu = *(unsigned int *)data;
	int err = remove_cpu(cpu) ?: add_cpu(cpu);

	test_thread_until_stopped();
	return err;
}

/*
 * An owner that holds hotplug off needs more workers than are on standby, while a CPU is
 * about to go offline: making the workers must not wait for hotplug.
 */
static void pool_grows_while_a_cpu_is_to_go(struct scopex_test *test)
{
	unsigned int i, cpu = test_hotplug_cpu(test);
	struct task_struct *thread;
	struct holder holders[6];
	struct completion begun;

	if (cpu >= nr_cpu_ids)
		return;
	init_completion(&begun);
	cpus_read_lock();
	thread = test_thread(test, goes_offline_thread, &cpu, nr_cpu_ids);
	/* Wait until the hotplug waits for the lock. */
	while (cpus_read_trylock()) {
		cpus_read_unlock();
		usleep_range(50, 200);
	}
	scopex_scope(s) {
		for (i = 0; i < ARRAY_SIZE(holders); i++) {
			holder_init(&holders[i], &begun);
			EXPECT_EQ(test, scopex_submit_on(s, cpumask_first(cpu_online_mask),
							 &holders[i].work), 0);
		}
		for (i = 0; i < ARRAY_SIZE(holders); i++)
			wait_for_completion(&begun);
		for (i = 0; i < ARRAY_SIZE(holders); i++)
			complete(&holders[i].go);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	cpus_read_unlock();
	EXPECT_EQ(test, test_thread_stop(thread), 0);
}

/* A task that is woken while its home is offline runs elsewhere, and stays there. */
static void task_gets_another_home(struct scopex_test *test)
{
	unsigned int home, cpu = test_hotplug_cpu(test);
	struct test_bell bell;
	struct test_task t;

	if (cpu >= nr_cpu_ids)
		return;
	test_bell_init(&bell);
	test_task_init(&t, &bell);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &t.task.work), 0);
		test_until_waiting(&t.task);
		EXPECT_EQ(test, t.cpu, cpu);
		EXPECT_EQ(test, remove_cpu(cpu), 0);
		scopex_wake(&t.task);
		test_until_waiting(&t.task);
		EXPECT_EQ(test, atomic_read(&t.calls), 2);
		EXPECT(test, t.cpu != cpu);
		home = t.task.work.cpu;
		EXPECT(test, home != cpu);
		EXPECT_EQ(test, add_cpu(cpu), 0);
		test_bell_ring(&bell);
		EXPECT_EQ(test, scopex_join(s), 0);
		EXPECT_EQ(test, t.cpu, home);
	}
	test_expect_task(test, &t, 0, 3);
}

static const struct scopex_case hotplug_cases[] = {
	SCOPEX_CASE(offline_cpu_refuses),
	SCOPEX_CASE(queued_items_outlive_their_cpu),
	SCOPEX_CASE(offline_does_not_wait_for_items),
	SCOPEX_CASE(cpus_come_and_go_under_load),
	SCOPEX_CASE(pool_grows_while_a_cpu_is_to_go),
	SCOPEX_CASE(task_gets_another_home),
};

SCOPEX_SUITE(hotplug, hotplug_cases);
