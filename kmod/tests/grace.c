// SPDX-License-Identifier: GPL-2.0
/* Suite "file": tasks that wait for RCU grace periods; hazard 42 */

#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "file.h"
#include "test.h"

#define MANY	1000

/**
 * struct grace_task - a task that waits for a grace period
 * @task: the task
 * @grace: how it waits
 * @left: set by a reader before it leaves its section; may be NULL
 * @saw: the value of @left after the wait
 * @err: what the wait has returned
 * @calls: how often its function was called
 */
struct grace_task {
	struct scopex_task		task;
	struct scopex_grace_await	grace;
	bool				*left;
	bool				saw;
	int				err;
	atomic_t			calls;
};

static int grace_task_fn(struct scopex_task *task)
{
	struct grace_task *t = container_of(task, struct grace_task, task);

	atomic_inc(&t->calls);
	scopex_coroutine(task) {
		scopex_await(task, t->err, scopex_grace_period(&t->grace));
		if (t->left)
			t->saw = READ_ONCE(*t->left);
	}
	return t->err;
}

static void grace_task_init(struct grace_task *t, bool *left)
{
	*t = (struct grace_task){ .task = SCOPEX_TASK_INIT(grace_task_fn), .left = left };
}

/**
 * struct reader - a thread in an RCU read section
 * @entered: it is in the section
 * @go: it is to leave
 * @left: it is about to leave
 */
struct reader {
	bool	entered;
	bool	go;
	bool	left;
};

static int reader_fn(void *data)
{
	struct reader *reader = data;
	/* Not for longer than RCU is silent about it. */
	ktime_t end = ktime_add_ms(ktime_get(), 8 * MSEC_PER_SEC);

	rcu_read_lock();
	WRITE_ONCE(reader->entered, true);
	while (!READ_ONCE(reader->go) && ktime_before(ktime_get(), end))
		cpu_relax();
	WRITE_ONCE(reader->left, true);
	rcu_read_unlock();
	test_thread_until_stopped();
	return 0;
}

static struct task_struct *reader_start(struct scopex_test *test, struct reader *reader,
					unsigned int cpu)
{
	struct task_struct *thread = test_thread(test, reader_fn, reader, cpu);

	EXPECT(test, thread && test_soon(READ_ONCE(reader->entered)));
	return thread;
}

/* A test in a section of its own could not wait. So the reader is on another CPU. */
static void no_task_is_through_before_a_reader(struct scopex_test *test)
{
	unsigned int i, cpu = test_this_cpu(), other = test_other_cpu(cpu);
	struct reader reader = { };
	struct task_struct *thread;
	struct grace_task t[3];

	if (other >= nr_cpu_ids)
		return scopex_test_skip(test, "needs two CPUs");
	scopex_scope(s) {
		thread = reader_start(test, &reader, other);
		for (i = 0; i < ARRAY_SIZE(t); i++) {
			grace_task_init(&t[i], &reader.left);
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &t[i].task.work), 0);
			EXPECT(test, test_waits(&t[i], 1));
		}
		msleep(100);
		/* To be woken for another reason changes nothing. */
		scopex_wake(&t[1].task);
		EXPECT(test, test_waits(&t[1], 2));
		WRITE_ONCE(reader.go, true);
		EXPECT_EQ(test, scopex_join(s), 0);
		test_thread_stop(thread);
	}
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		EXPECT(test, t[i].saw);
		EXPECT_EQ(test, t[i].err, 0);
	}
}

/* A section lasts longer than RCU takes to end a grace period that the one before has held up. */
#define SECTION_MS	150

/**
 * struct readers - a thread that enters sections again and again
 * @section: the number of the section that it is in; 0 between two of them
 * @next: the number of the next one
 */
struct readers {
	unsigned int	section;
	unsigned int	next;
};

static int readers_fn(void *data)
{
	struct readers *readers = data;
	ktime_t end;

	while (!kthread_should_stop()) {
		rcu_read_lock();
		WRITE_ONCE(readers->section, ++readers->next);
		end = ktime_add_ms(ktime_get(), get_random_u32() % SECTION_MS);
		while (ktime_before(ktime_get(), end))
			cpu_relax();
		WRITE_ONCE(readers->section, 0);
		rcu_read_unlock();
		/* This ends the CPU's part in the grace period that runs. */
		cond_resched_tasks_rcu_qs();
		schedule_timeout_idle(get_random_u32() % 2);
	}
	return 0;
}

/**
 * struct late_task - a task that begins to wait at any time
 * @task: the task
 * @grace: how it waits
 * @readers: those that it looks at
 * @section: the section that it has found
 * @begin: when it will wait
 * @rounds: how often it still has to wait
 * @early: how often a section that it had found was not over yet
 */
struct late_task {
	struct scopex_task		task;
	struct scopex_grace_await	grace;
	struct readers			*readers;
	unsigned int			section;
	ktime_t				begin;
	unsigned int			rounds;
	unsigned int			early;
};

static int late_task_fn(struct scopex_task *task)
{
	struct late_task *late = container_of(task, struct late_task, task);
	int err;

	scopex_coroutine(task) {
		while (late->rounds--) {
			late->begin = ktime_add_ms(ktime_get(), get_random_u32() % SECTION_MS);
			while (ktime_before(ktime_get(), late->begin))
				scopex_yield(task);
			late->section = READ_ONCE(late->readers->section);
			scopex_await(task, err, scopex_grace_period(&late->grace));
			if (err)
				return err;
			if (late->section && READ_ONCE(late->readers->section) == late->section)
				late->early++;
		}
	}
	return 0;
}

/* Most tasks come while a grace period runs for another one: they have to wait for the next one. */
static void late_tasks_wait_for_the_next_grace_period(struct scopex_test *test)
{
	unsigned int i, cpu = test_this_cpu(), other = test_other_cpu(cpu);
	struct readers readers = { };
	struct task_struct *thread;
	static struct late_task late[4];

	if (other >= nr_cpu_ids)
		return scopex_test_skip(test, "needs two CPUs");
	thread = test_thread(test, readers_fn, &readers, other);
	if (!thread)
		return;
	scopex_scope(s) {
		for (i = 0; i < ARRAY_SIZE(late); i++) {
			late[i] = (struct late_task){
				.task = SCOPEX_TASK_INIT(late_task_fn),
				.readers = &readers, .rounds = 15,
			};
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &late[i].task.work), 0);
		}
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	test_thread_stop(thread);
	for (i = 0; i < ARRAY_SIZE(late); i++)
		EXPECT_EQ(test, late[i].early, 0);
}

static struct grace_task *grace_tasks(struct scopex_test *test, struct scopex_scope *s)
{
	unsigned int i, cpu = test_this_cpu();
	struct grace_task *t = kvcalloc(MANY, sizeof(*t), GFP_KERNEL);

	if (!EXPECT(test, t))
		return NULL;
	for (i = 0; i < MANY; i++) {
		grace_task_init(&t[i], NULL);
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &t[i].task.work), 0);
	}
	for (i = 0; i < MANY; i++)
		EXPECT(test, test_soon(atomic_read(&t[i].calls) > 0));
	return t;
}

/* The tasks come in one or two grace periods, and their callbacks are counted. */
static void tasks_share_a_callback(struct scopex_test *test)
{
	unsigned int i, other = test_other_cpu(test_this_cpu());
	struct reader reader = { };
	struct grace_task *t = NULL;
	struct task_struct *thread;

	if (other >= nr_cpu_ids)
		return scopex_test_skip(test, "needs two CPUs");
	scopex_inject_set(SCOPEX_INJECT_GRACE, 1);
	scopex_scope(s) {
		thread = reader_start(test, &reader, other);
		t = grace_tasks(test, s);
		WRITE_ONCE(reader.go, true);
		for (i = 0; t && i < MANY; i++)
			if (!EXPECT(test, test_is_over(&t[i])))
				break;
		scopex_cancel(s, 0);
		test_thread_stop(thread);
	}
	for (i = 0; t && i < MANY; i++) {
		EXPECT_EQ(test, t[i].err, 0);
		EXPECT_EQ(test, atomic_read(&t[i].calls), 2);
	}
	if (TEST_INJECT) {
		/* The first task alone, then the rest; twice if the test has moved. */
		EXPECT(test, scopex_inject_hits(SCOPEX_INJECT_GRACE) <= 4);
		scopex_test_note(test, "%u tasks, %u callbacks", MANY,
				 scopex_inject_hits(SCOPEX_INJECT_GRACE));
	}
	test_inject_end(test, SCOPEX_INJECT_GRACE);
	kvfree(t);
}

/* The reader stays in its section for longer than the tasks wait. */
static void cancelled_tasks_do_not_wait_for_readers(struct scopex_test *test)
{
	unsigned int i, other = test_other_cpu(test_this_cpu());
	struct reader reader = { };
	struct grace_task *t = NULL;
	struct task_struct *thread;
	struct grace_task again;

	if (other >= nr_cpu_ids)
		return scopex_test_skip(test, "needs two CPUs");
	thread = reader_start(test, &reader, other);
	scopex_scope(s) {
		t = grace_tasks(test, s);
		scopex_cancel(s, 0);
		EXPECT_EQ(test, scopex_join(s), -ECANCELED);
		EXPECT(test, !READ_ONCE(reader.left));
	}
	for (i = 0; t && i < MANY; i++)
		EXPECT_EQ(test, t[i].err, -ECANCELED);
	/* What the callback finds must not be the tasks of before. */
	if (t)
		memset(t, 0x6b, MANY * sizeof(*t));
	kvfree(t);

	grace_task_init(&again, &reader.left);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &again.task.work), 0);
		EXPECT(test, test_waits(&again, 1));
		WRITE_ONCE(reader.go, true);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT(test, again.saw);
	test_thread_stop(thread);
}

/*
 * Half of the tasks are cancelled when their grace period is over, before they run. A reader keeps
 * it from ending before all of them wait.
 */
static void cancelled_tasks_wake_the_others(struct scopex_test *test)
{
	unsigned int i, cpu = test_this_cpu(), other = test_other_cpu(cpu);
	struct reader reader = { };
	struct task_struct *thread;
	struct test_item gated;
	struct test_gate gate;
	struct grace_task *t;

	if (other >= nr_cpu_ids)
		return scopex_test_skip(test, "needs two CPUs");
	t = kvcalloc(MANY, sizeof(*t), GFP_KERNEL);
	if (!EXPECT(test, t))
		return;
	thread = reader_start(test, &reader, other);
	test_gated_item_init(&gated, &gate);
	scopex_scope(s) {
		scopex_scope(cancelled) {
			for (i = 0; i < MANY; i++) {
				grace_task_init(&t[i], NULL);
				/* They wait in this order, so the first ones are woken first. */
				EXPECT_EQ(test, scopex_submit_on(i < MANY / 2 ? cancelled : s, cpu,
								 &t[i].task.work), 0);
			}
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &gated.work), 0);
			wait_for_completion(&gate.reached);
			WRITE_ONCE(reader.go, true);
			synchronize_rcu();
			synchronize_rcu();
			rcu_barrier();
			scopex_cancel(cancelled, 0);
			complete(&gate.go);
			EXPECT_EQ(test, scopex_join(cancelled), -ECANCELED);
		}
		for (i = MANY / 2; i < MANY; i++)
			if (!EXPECT(test, test_is_over(&t[i])))
				break;
		scopex_cancel(s, 0);
	}
	test_thread_stop(thread);
	for (i = 0; i < MANY; i++)
		EXPECT_EQ(test, t[i].err, i < MANY / 2 ? -ECANCELED : 0);
	kvfree(t);
}

static const struct scopex_case grace_cases[] = {
	SCOPEX_CASE(no_task_is_through_before_a_reader),
	SCOPEX_CASE(late_tasks_wait_for_the_next_grace_period),
	SCOPEX_CASE(tasks_share_a_callback),
	SCOPEX_CASE(cancelled_tasks_do_not_wait_for_readers),
	SCOPEX_CASE(cancelled_tasks_wake_the_others),
};

SCOPEX_SUITE_PART(file, grace, grace_cases);
