// SPDX-License-Identifier: GPL-2.0
/* Suite "file": tasks in wait queues of the kernel; hazards 39 and 40 */

#include <linux/slab.h>
#include <linux/wait.h>

#include "file.h"
#include "test.h"

#define MANY	100

/**
 * struct waiter - a task that waits for a permit
 * @task: the task
 * @wait: how it waits
 * @head: the queue
 * @permits: how many there are
 * @exclusive: a wake-up wakes one of its kind
 * @look: what it does in place of taking a permit; may be NULL
 * @looks: how often it has looked
 * @err: what the wait has returned
 * @calls: how often its function was called
 */
struct waiter {
	struct scopex_task		task;
	struct scopex_wait_queue_await	wait;
	wait_queue_head_t		*head;
	atomic_t			*permits;
	bool				exclusive;
	int				(*look)(struct waiter *w);
	unsigned int			looks;
	int				err;
	atomic_t			calls;
};

static int waiter_take(struct waiter *w)
{
	return atomic_dec_if_positive(w->permits) < 0 ? SCOPEX_PENDING : 0;
}

static int waiter_look(struct scopex_wait_queue_await *wait)
{
	struct waiter *w = container_of(wait, struct waiter, wait);

	w->looks++;
	return w->look ? w->look(w) : waiter_take(w);
}

static int waiter_fn(struct scopex_task *task)
{
	struct waiter *w = container_of(task, struct waiter, task);

	atomic_inc(&w->calls);
	scopex_coroutine(task) {
		scopex_await(task, w->err, w->exclusive ?
			     scopex_wait_queue_exclusive(&w->wait, w->head, waiter_look) :
			     scopex_wait_queue(&w->wait, w->head, waiter_look));
	}
	return w->err;
}

static void waiter_init(struct waiter *w, wait_queue_head_t *head, atomic_t *permits,
			bool exclusive)
{
	*w = (struct waiter){
		.task = SCOPEX_TASK_INIT(waiter_fn),
		.head = head, .permits = permits, .exclusive = exclusive,
	};
}

static int test_waker_fn(void *data)
{
	struct test_waker *waker = data;

	if (waker->gone)
		wake_up_pollfree(waker->head);
	else
		wake_up(waker->head);
	waker->through = ktime_get();
	test_thread_until_stopped();
	return 0;
}

/* A waker that has claimed the task, and stays there for a while. */
struct task_struct *test_slow_waker(struct scopex_test *test, struct test_waker *waker,
				    unsigned int cpu)
{
	struct task_struct *thread;

	scopex_inject_set(SCOPEX_INJECT_WAIT_WAKE, TEST_WAKER_STAYS_MS * USEC_PER_MSEC);
	thread = test_thread(test, test_waker_fn, waker, test_other_cpu(cpu));
	EXPECT(test, test_soon(!TEST_INJECT || scopex_inject_hits(SCOPEX_INJECT_WAIT_WAKE)));
	return thread;
}

/* The task must have waited for the waker, or not for long after it. */
void test_slow_waker_ends(struct scopex_test *test, struct test_waker *waker,
			  struct task_struct *thread)
{
	ktime_t over = ktime_get();

	test_inject_end(test, SCOPEX_INJECT_WAIT_WAKE);
	EXPECT(test, test_soon(waker->through));
	test_thread_stop(thread);
	EXPECT(test, ktime_ms_delta(waker->through, over) < TEST_WAKER_STAYS_MS / 2);
}

static void wake_up_wakes_the_task(struct scopex_test *test)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(head);
	atomic_t permits = ATOMIC_INIT(0);
	struct waiter w;

	waiter_init(&w, &head, &permits, false);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &w.task.work), 0);
		EXPECT(test, test_waits(&w, 1));
		EXPECT(test, wq_has_sleeper(&head));
		atomic_inc(&permits);
		wake_up(&head);
		EXPECT_EQ(test, scopex_join(s), 0);
		EXPECT_EQ(test, atomic_read(&w.calls), 2);
		EXPECT(test, !wq_has_sleeper(&head));

		/* A permit is there already. */
		atomic_inc(&permits);
		EXPECT_EQ(test, scopex_submit(s, &w.task.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
		EXPECT_EQ(test, atomic_read(&w.calls), 3);
	}
}

/* Of a wake-up of all, each task takes one permit. */
static void wake_up_all_wakes_all_tasks(struct scopex_test *test)
{
	struct waiter *w = kvcalloc(MANY, sizeof(*w), GFP_KERNEL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(head);
	atomic_t permits = ATOMIC_INIT(0);
	unsigned int i;

	if (!EXPECT(test, w))
		return;
	scopex_scope(s) {
		for (i = 0; i < MANY; i++) {
			waiter_init(&w[i], &head, &permits, false);
			EXPECT_EQ(test, scopex_submit(s, &w[i].task.work), 0);
		}
		for (i = 0; i < MANY; i++)
			EXPECT(test, test_waits(&w[i], 1));
		atomic_set(&permits, MANY);
		wake_up_all(&head);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, atomic_read(&permits), 0);
	EXPECT(test, !wq_has_sleeper(&head));
	kvfree(w);
}

/* The task looks, enters the queue again, and can be woken again. */
static void wake_up_for_nothing_ends_no_wait(struct scopex_test *test)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(head);
	atomic_t permits = ATOMIC_INIT(0);
	struct waiter w;
	unsigned int i;

	waiter_init(&w, &head, &permits, false);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &w.task.work), 0);
		for (i = 1; i <= 20; i++) {
			EXPECT(test, test_waits(&w, i));
			if (!EXPECT(test, wq_has_sleeper(&head)))
				break;
			if (i % 4)
				wake_up(&head);
			else
				scopex_wake(&w.task);
		}
		atomic_inc(&permits);
		wake_up(&head);
		/* A test that fails has to end. */
		if (!EXPECT(test, test_is_over(&w)))
			scopex_wake(&w.task);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT(test, !wq_has_sleeper(&head));
}

/* The permit comes after the first look, and before the task is in the queue. */
static int look_too_early(struct waiter *w)
{
	int ret = waiter_take(w);

	if (w->looks == 1) {
		atomic_inc(w->permits);
		wake_up(w->head);
	}
	return ret;
}

static void wake_up_before_the_entry_is_not_lost(struct scopex_test *test)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(head);
	atomic_t permits = ATOMIC_INIT(0);
	struct waiter w;

	waiter_init(&w, &head, &permits, false);
	w.look = look_too_early;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &w.task.work), 0);
		if (!EXPECT(test, test_is_over(&w)))
			scopex_wake(&w.task);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, atomic_read(&w.calls), 1);
	EXPECT(test, !wq_has_sleeper(&head));
}

static void cancelled_tasks_leave_the_queue(struct scopex_test *test)
{
	struct waiter *w = kvcalloc(MANY, sizeof(*w), GFP_KERNEL);
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(head);
	atomic_t permits = ATOMIC_INIT(0);
	unsigned int i;

	if (!EXPECT(test, w))
		return;
	scopex_scope(s) {
		for (i = 0; i < MANY; i++) {
			waiter_init(&w[i], &head, &permits, i % 2);
			EXPECT_EQ(test, scopex_submit(s, &w[i].task.work), 0);
		}
		for (i = 0; i < MANY; i++)
			EXPECT(test, test_waits(&w[i], 1));
		scopex_cancel(s, -EPIPE);
		EXPECT_EQ(test, scopex_join(s), -EPIPE);
	}
	for (i = 0; i < MANY; i++)
		EXPECT_EQ(test, w[i].err, -ECANCELED);
	EXPECT(test, !wq_has_sleeper(&head));
	kvfree(w);
}

/* Tasks on one CPU, in the order of the array. */
static void wait_in_order(struct scopex_test *test, struct scopex_scope *s, unsigned int cpu,
			  struct waiter *w, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &w[i].task.work), 0);
		EXPECT(test, test_waits(&w[i], 1));
	}
}

static void wake_up_of_one_wakes_one(struct scopex_test *test)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(head);
	unsigned int i, cpu = test_this_cpu();
	atomic_t permits = ATOMIC_INIT(0);
	struct test_item gated;
	struct test_gate gate;
	static struct waiter w[4];

	for (i = 0; i < ARRAY_SIZE(w); i++)
		waiter_init(&w[i], &head, &permits, true);
	scopex_scope(s) {
		wait_in_order(test, s, cpu, w, ARRAY_SIZE(w));
		atomic_inc(&permits);
		wake_up(&head);
		EXPECT(test, test_is_over(&w[0]));
		for (i = 1; i < ARRAY_SIZE(w); i++)
			EXPECT_EQ(test, atomic_read(&w[i].calls), 1);

		/* Two wake-ups before a task runs are for two tasks. */
		test_gate_shut(test, s, cpu, &gated, &gate);
		atomic_set(&permits, 2);
		wake_up(&head);
		wake_up(&head);
		complete(&gate.go);
		EXPECT(test, test_is_over(&w[1]));
		EXPECT(test, test_is_over(&w[2]));
		EXPECT_EQ(test, atomic_read(&w[3].calls), 1);

		atomic_set(&permits, ARRAY_SIZE(w));
		wake_up_all(&head);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT(test, !wq_has_sleeper(&head));
}

/* The task that is chosen is cancelled before it runs. */
static void cancelled_task_passes_the_wake_up_on(struct scopex_test *test)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(head);
	atomic_t permits = ATOMIC_INIT(0);
	unsigned int cpu = test_this_cpu();
	struct test_item gated;
	struct test_gate gate;
	struct waiter w[2];

	waiter_init(&w[0], &head, &permits, true);
	waiter_init(&w[1], &head, &permits, true);
	scopex_scope(s) {
		scopex_scope(chosen) {
			wait_in_order(test, chosen, cpu, &w[0], 1);
			wait_in_order(test, s, cpu, &w[1], 1);
			test_gate_shut(test, s, cpu, &gated, &gate);
			atomic_inc(&permits);
			wake_up(&head);
			scopex_cancel(chosen, 0);
			complete(&gate.go);
			EXPECT_EQ(test, scopex_join(chosen), -ECANCELED);
		}
		EXPECT_EQ(test, w[0].err, -ECANCELED);
		if (!EXPECT(test, test_is_over(&w[1])))
			wake_up_all(&head);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, atomic_read(&permits), 0);
}

static int look_and_fail(struct waiter *w)
{
	return atomic_read(w->permits) ? -EXDEV : SCOPEX_PENDING;
}

/* The task takes a permit. Then another one comes, with a wake-up that chooses the same task. */
static int look_too_late(struct waiter *w)
{
	int ret = waiter_take(w);

	if (!ret) {
		atomic_inc(w->permits);
		__wake_up(w->head, TASK_NORMAL, 1, w->head);
	}
	return ret;
}

/* @stray: the task is not woken by the queue, and takes a permit all the same. */
static void passes_on(struct scopex_test *test, int (*look)(struct waiter *w), bool stray, int err)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(head);
	atomic_t permits = ATOMIC_INIT(0);
	unsigned int cpu = test_this_cpu();
	struct waiter w[2];

	waiter_init(&w[0], &head, &permits, true);
	waiter_init(&w[1], &head, &permits, true);
	w[0].look = look;
	scopex_scope(s) {
		wait_in_order(test, s, cpu, w, 2);
		atomic_inc(&permits);
		if (stray)
			scopex_wake(&w[0].task);
		else
			wake_up(&head);
		EXPECT(test, test_is_over(&w[0]));
		if (!EXPECT(test, test_is_over(&w[1])))
			wake_up_all(&head);
		EXPECT_EQ(test, scopex_join(s), err);
	}
	EXPECT_EQ(test, w[0].err, err);
	EXPECT_EQ(test, w[1].err, 0);
	EXPECT_EQ(test, atomic_read(&permits), 0);
	EXPECT(test, !wq_has_sleeper(&head));
}

static void failed_task_passes_the_wake_up_on(struct scopex_test *test)
{
	passes_on(test, look_and_fail, false, -EXDEV);
}

static void wake_up_for_another_permit_is_passed_on(struct scopex_test *test)
{
	passes_on(test, look_too_late, true, 0);
}

/**
 * struct newcomer - an exclusive waiter that enters the queue late
 * @w: the task before it
 * @entry: its entry
 * @key: that of the wake-up
 */
struct newcomer {
	struct waiter		w;
	wait_queue_entry_t	entry;
	void			*key;
};

static int newcomer_wake(wait_queue_entry_t *entry, unsigned int mode, int flags, void *key)
{
	container_of(entry, struct newcomer, entry)->key = key;
	return 1;
}

/* The task enters the queue, and finds a permit. Then another one comes, and another waiter. */
static int look_at_the_entry(struct waiter *w)
{
	struct newcomer *newcomer = container_of(w, struct newcomer, w);
	int ret;

	if (w->looks == 1)
		return SCOPEX_PENDING;
	ret = look_too_late(w);
	init_waitqueue_func_entry(&newcomer->entry, newcomer_wake);
	add_wait_queue_exclusive(w->head, &newcomer->entry);
	return ret;
}

static void wake_up_at_the_entry_is_passed_on(struct scopex_test *test)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(head);
	atomic_t permits = ATOMIC_INIT(1);
	struct newcomer newcomer = { };

	waiter_init(&newcomer.w, &head, &permits, true);
	newcomer.w.look = look_at_the_entry;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &newcomer.w.task.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	remove_wait_queue(&head, &newcomer.entry);
	EXPECT(test, newcomer.key == &head);
	EXPECT(test, !wq_has_sleeper(&head));
}

/*
 * A task is cancelled. Before it runs, a waker finds its entry, and stays in the function of the
 * entry: the task must not be completed until the waker is through.
 */
static void task_waits_for_its_waker(struct scopex_test *test)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(head);
	struct test_waker waker = { .head = &head };
	atomic_t permits = ATOMIC_INIT(0);
	unsigned int cpu = test_this_cpu();
	struct task_struct *thread;
	struct test_item gated;
	struct test_gate gate;
	struct waiter w;

	waiter_init(&w, &head, &permits, false);
	scopex_scope(s) {
		wait_in_order(test, s, cpu, &w, 1);
		scopex_scope(holds) {
			test_gate_shut(test, holds, cpu, &gated, &gate);
			scopex_cancel(s, 0);
			thread = test_slow_waker(test, &waker, cpu);
			complete(&gate.go);
		}
		EXPECT_EQ(test, scopex_join(s), -ECANCELED);
	}
	test_slow_waker_ends(test, &waker, thread);
}

/*
 * A task is queued for another reason. A waker claims it, which changes nothing, and has still to
 * take its entry off when the task looks, for nothing: the task must be in the queue after that.
 */
static void task_enters_again_behind_its_waker(struct scopex_test *test)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(head);
	struct test_waker waker = { .head = &head };
	atomic_t permits = ATOMIC_INIT(0);
	unsigned int cpu = test_this_cpu();
	struct task_struct *thread;
	struct test_item gated;
	struct test_gate gate;
	struct waiter w;

	waiter_init(&w, &head, &permits, false);
	scopex_scope(s) {
		wait_in_order(test, s, cpu, &w, 1);
		test_gate_shut(test, s, cpu, &gated, &gate);
		scopex_wake(&w.task);
		thread = test_slow_waker(test, &waker, cpu);
		complete(&gate.go);
		EXPECT(test, test_soon(waker.through));
		test_inject_end(test, SCOPEX_INJECT_WAIT_WAKE);
		EXPECT(test, test_soon(wq_has_sleeper(&head)));
		atomic_inc(&permits);
		wake_up(&head);
		if (!EXPECT(test, test_is_over(&w)))
			scopex_wake(&w.task);
		EXPECT_EQ(test, scopex_join(s), 0);
		test_thread_stop(thread);
	}
}

static const struct scopex_case wait_queue_cases[] = {
	SCOPEX_CASE(wake_up_wakes_the_task),
	SCOPEX_CASE(wake_up_all_wakes_all_tasks),
	SCOPEX_CASE(wake_up_for_nothing_ends_no_wait),
	SCOPEX_CASE(wake_up_before_the_entry_is_not_lost),
	SCOPEX_CASE(cancelled_tasks_leave_the_queue),
	SCOPEX_CASE(wake_up_of_one_wakes_one),
	SCOPEX_CASE(cancelled_task_passes_the_wake_up_on),
	SCOPEX_CASE(failed_task_passes_the_wake_up_on),
	SCOPEX_CASE(wake_up_for_another_permit_is_passed_on),
	SCOPEX_CASE(wake_up_at_the_entry_is_passed_on),
	SCOPEX_CASE(task_waits_for_its_waker),
	SCOPEX_CASE(task_enters_again_behind_its_waker),
};

SCOPEX_SUITE_PART(file, wait_queue, wait_queue_cases);
