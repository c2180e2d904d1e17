// SPDX-License-Identifier: GPL-2.0
/* What tests of several suites use: items, CPUs, threads */

#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "test.h"

/**
 * test_item_fn() - the function of a test item
 * @work: its work item
 *
 * Return: the result that the test has set.
 */
int test_item_fn(struct scopex_work *work)
{
	struct test_item *item = container_of(work, struct test_item, work);

	item->cpu = raw_smp_processor_id();
	if (item->turn)
		item->order = atomic_inc_return(item->turn);
	if (item->gate) {
		complete(&item->gate->reached);
		until_told(&item->gate->go);
	}
	atomic_inc(&item->runs);
	return item->ret;
}

/**
 * test_items() - initialised test items
 * @nr: how many
 *
 * Return: the items, to be freed with kvfree(), or NULL.
 */
struct test_item *test_items(unsigned int nr)
{
	struct test_item *items = kvcalloc(nr, sizeof(*items), GFP_KERNEL);
	unsigned int i;

	for (i = 0; items && i < nr; i++)
		test_item_init(&items[i]);
	return items;
}

/**
 * test_gate_shut() - hold the worker of a CPU, so that what is queued there does not run
 * @test: the test
 * @scope: the scope
 * @cpu: the CPU
 * @item: what holds it
 * @gate: complete(&gate->go) ends it
 */
void test_gate_shut(struct scopex_test *test, struct scopex_scope *scope, unsigned int cpu,
		    struct test_item *item, struct test_gate *gate)
{
	test_gated_item_init(item, gate);
	EXPECT_EQ(test, scopex_submit_on(scope, cpu, &item->work), 0);
	wait_for_completion(&gate->reached);
}

/**
 * test_hold_cpus() - hold all CPUs, so that what is submitted does not start
 * @scope: the items' scope
 * @items: as many as CPUs can be, initialised
 * @gate: where they stand when this returns; complete_all(&gate->go) ends it
 *
 * Return: how many CPUs are held.
 */
unsigned int test_hold_cpus(struct scopex_scope *scope, struct test_item *items,
			    struct test_gate *gate)
{
	unsigned int cpu, nr = 0;

	test_gate_init(gate);
	for_each_online_cpu(cpu) {
		items[nr].gate = gate;
		/* A CPU that takes no items can't be held, and need not be. */
		if (scopex_submit_on(scope, cpu, &items[nr].work))
			continue;
		wait_for_completion(&gate->reached);
		nr++;
	}
	return nr;
}

static int test_probe_body(struct scopex_scope *scope, void *arg)
{
	struct test_item item;
	int err;

	test_item_init(&item);
	err = scopex_submit_on(scope, *(unsigned int *)arg, &item.work);
	/* The item is in this frame. */
	scopex_join(scope);
	return err;
}

/**
 * test_served() - does a CPU take items?
 * @cpu: the CPU
 *
 * Return: whether scopex_submit_on() accepts an item for it.
 */
bool test_served(unsigned int cpu)
{
	return !scopex_run(test_probe_body, &cpu);
}

/**
 * test_this_cpu() - a CPU to submit to by its number
 *
 * Return: this CPU, or another one if this one takes no items.
 */
unsigned int test_this_cpu(void)
{
	unsigned int cpu = raw_smp_processor_id();

	return test_served(cpu) ? cpu : test_other_cpu(cpu);
}

/**
 * test_other_cpu() - a CPU other than this one
 * @cpu: this one
 *
 * Return: the number of an online CPU that takes items, or nr_cpu_ids.
 */
unsigned int test_other_cpu(unsigned int cpu)
{
	unsigned int other;

	for_each_online_cpu(other)
		if (other != cpu && test_served(other))
			return other;
	return nr_cpu_ids;
}

/* What a thread of a test needs to start. */
struct test_start {
	int			(*fn)(void *data);
	void			*data;
	struct completion	started;
};

static int test_thread_fn(void *data)
{
	struct test_start *start = data;
	int (*fn)(void *data) = start->fn;

	data = start->data;
	complete(&start->started);
	return fn(data);
}

/**
 * test_thread() - start a thread bound to a CPU
 * @test: the test
 * @fn: its function, which has to wait for kthread_should_stop()
 * @data: its argument
 * @cpu: the CPU; nr_cpu_ids for any
 *
 * It runs when this returns, so that stopping it can't skip its function.
 *
 * Return: the thread, to be ended with test_thread_stop(), or NULL.
 */
struct task_struct *test_thread(struct scopex_test *test,
				int (*fn)(void *data), void *data,
				unsigned int cpu)
{
	struct test_start start = { .fn = fn, .data = data };
	struct task_struct *thread;

	init_completion(&start.started);
	thread = kthread_create(test_thread_fn, &start, "scopex_test");
	if (IS_ERR(thread)) {
		scopex_test_fail(test, "no thread: %pe", thread);
		return NULL;
	}
	if (cpu < nr_cpu_ids)
		kthread_bind(thread, cpu);
	get_task_struct(thread);
	wake_up_process(thread);
	wait_for_completion(&start.started);
	return thread;
}

/**
 * test_thread_stop() - end a thread
 * @thread: what test_thread() returned
 *
 * Return: what its function returned.
 */
int test_thread_stop(struct task_struct *thread)
{
	int ret;

	if (!thread)
		return 0;
	ret = kthread_stop(thread);
	put_task_struct(thread);
	return ret;
}

/**
 * test_thread_until_stopped() - the end of a thread's function
 *
 * Waits for test_thread_stop(), which comes even if the thread has nothing more
 * to do.
 */
void test_thread_until_stopped(void)
{
	for (;;) {
		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

/**
 * holds_worker_fn() - the function of a holder
 * @work: its item
 *
 * Return: 0.
 */
int holds_worker_fn(struct scopex_work *work)
{
	struct holder *holder = container_of(work, struct holder, work);

	WRITE_ONCE(holder->in, true);
	complete(holder->begun);
	scopex_will_block();
	wait_for_completion(&holder->go);
	return 0;
}

/**
 * holder_init() - initialise an item that holds a worker
 * @holder: the item
 * @begun: completed when it runs
 */
void holder_init(struct holder *holder, struct completion *begun)
{
	*holder = (struct holder){ .begun = begun };
	scopex_work_init(&holder->work, holds_worker_fn);
	init_completion(&holder->go);
}
