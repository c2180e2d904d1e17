// SPDX-License-Identifier: GPL-2.0
/* Suite "misuse", in part: tasks and wakers that break the rules */

#include <linux/delay.h>
#include <linux/file.h>
#include <linux/irqflags.h>
#include <linux/preempt.h>
#include <linux/scopex_direct.h>
#include <linux/scopex_task.h>
#include <linux/vmalloc.h>

#include "direct.h"
#include "file.h"
#include "task.h"
#include "test.h"

#define TRACKED		IS_ENABLED(CONFIG_DEBUG_OBJECTS)

static void wake_of_a_completed_task(struct scopex_test *test)
{
	struct test_item gated;
	struct test_bell bell;
	struct test_gate gate;
	struct test_task t;

	test_bell_init(&bell);
	test_task_init(&t, &bell);
	test_gated_item_init(&gated, &gate);
	bell.rung = true;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &t.task.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
		EXPECT_WARNING("wakes task test_task_fn [scopex_test], which is completed",
			       EXPECT(test, !scopex_wake_claim(&t.task)));
		EXPECT_WARNING("wakes task test_task_fn [scopex_test], which is completed",
			       scopex_wake(&t.task));
		test_expect_task(test, &t, 0, 1);

		/* It is no mistake to wake it once it is submitted again. */
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &gated.work), 0);
		wait_for_completion(&gate.reached);
		EXPECT_EQ(test, scopex_submit_on(s, gated.cpu, &t.task.work), 0);
		EXPECT(test, !scopex_wake_claim(&t.task));
		EXPECT(test, !scopex_wake_claim(&t.task));
		complete(&gate.go);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	test_expect_task(test, &t, 0, 2);
}

static void wake_in_an_nmi(struct scopex_test *test)
{
	struct test_bell bell;
	unsigned long flags;
	struct test_task t;

	test_bell_init(&bell);
	test_task_init(&t, &bell);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &t.task.work), 0);
		test_until_waiting(&t.task);
		/* As far as a waker can tell, this is one. */
		local_irq_save(flags);
		__preempt_count_add(NMI_OFFSET);
		EXPECT_WARNING("wakes task test_task_fn [scopex_test] in an NMI",
			       scopex_wake(&t.task));
		__preempt_count_sub(NMI_OFFSET);
		local_irq_restore(flags);
		EXPECT_EQ(test, atomic_read(&t.task.state), SCOPEX_TASK_WAITING);
		test_bell_ring(&bell);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	test_expect_task(test, &t, 0, 2);
}

/* Only a task can wait. */
static void item_that_returns_pending(struct scopex_test *test)
{
	struct test_item item;

	test_item_init(&item);
	item.ret = SCOPEX_PENDING;
	scopex_scope(odd) {
		EXPECT_WARNING("item test_item_fn [scopex_test] of scope odd returned",
			       EXPECT_EQ(test, scopex_submit_on(odd, SCOPEX_CPU_LOCAL, &item.work),
					 0);
			       EXPECT_EQ(test, scopex_join(odd), -EINVAL));
	}
	EXPECT_EQ(test, atomic_read(&item.runs), 1);
}

static void task_whose_result_is_no_errno(struct scopex_test *test)
{
	struct test_bell bell;
	struct test_task t;

	test_bell_init(&bell);
	test_task_init(&t, &bell);
	bell.rung = true;
	t.ret = 7;
	scopex_scope(odd) {
		EXPECT_WARNING("item test_task_fn [scopex_test] of scope odd returned 7",
			       EXPECT_EQ(test, scopex_submit(odd, &t.task.work), 0);
			       EXPECT_EQ(test, scopex_join(odd), -EINVAL));
	}
	test_expect_task(test, &t, -EINVAL, 1);
}

/**
 * struct careless - a task that breaks a rule in its first call
 * @task: the task
 * @first: what it waits for then
 * @second: what it waits for, too
 * @bells: the bells of both
 * @step: what it does
 * @calls: how often it was called
 * @err: what the last poll has returned
 */
struct careless {
	struct scopex_task	task;
	struct test_hearing	first;
	struct test_hearing	second;
	struct test_bell	bells[2];
	int			(*step)(struct careless *careless);
	unsigned int		calls;
	int			err;
};

static int careless_fn(struct scopex_task *task)
{
	struct careless *careless = container_of(task, struct careless, task);

	careless->calls++;
	return careless->step(careless);
}

static void careless_init(struct careless *careless, int (*step)(struct careless *careless))
{
	*careless = (struct careless){ .task = SCOPEX_TASK_INIT(careless_fn), .step = step };
	test_bell_init(&careless->bells[0]);
	test_bell_init(&careless->bells[1]);
}

static int ends_while_it_waits(struct careless *careless)
{
	careless->err = scopex_poll(&careless->task,
				    test_hear(&careless->first, &careless->bells[0]));
	return 0;
}

/* Nobody wakes it afterwards: the bell has forgotten it. */
static void task_is_completed_while_it_waits(struct scopex_test *test)
{
	struct careless careless;

	careless_init(&careless, ends_while_it_waits);
	scopex_scope(s) {
		EXPECT_WARNING("task careless_fn [scopex_test] is completed while it waits for a bell",
			       EXPECT_EQ(test, scopex_submit(s, &careless.task.work), 0);
			       EXPECT_EQ(test, scopex_join(s), 0));
		EXPECT(test, list_empty(&careless.bells[0].waiters));
		test_bell_ring(&careless.bells[0]);
	}
	EXPECT_EQ(test, careless.err, SCOPEX_PENDING);
	EXPECT_EQ(test, careless.calls, 1);
}

static int ends_while_it_must_wait(struct careless *careless)
{
	careless->err = scopex_poll(&careless->task,
				    test_hear_for_sure(&careless->first, &careless->bells[0]));
	return 0;
}

/* Its worker waits, as the wait can't be broken off. */
static void task_is_completed_while_it_must_wait(struct scopex_test *test)
{
	struct careless careless;

	careless_init(&careless, ends_while_it_must_wait);
	scopex_scope(s) {
		EXPECT_WARNING("task careless_fn [scopex_test] is completed while it waits for a sure bell",
			       EXPECT_EQ(test, scopex_submit(s, &careless.task.work), 0);
			       msleep(50);
			       EXPECT(test, scopex_work_busy(&careless.task.work));
			       test_bell_ring(&careless.bells[0]);
			       EXPECT_EQ(test, scopex_join(s), 0));
	}
	EXPECT(test, list_empty(&careless.bells[0].waiters));
	EXPECT_EQ(test, careless.calls, 1);
}

static int waits_for_two(struct careless *careless)
{
	struct scopex_await *await = careless->task.await;

	if (!await) {
		careless->err = scopex_poll(&careless->task,
					    test_hear(&careless->first, &careless->bells[0]));
		await = test_hear(&careless->second, &careless->bells[1]);
	}
	return scopex_poll(&careless->task, await);
}

/* It waits for the second one only. */
static void task_waits_for_two_things(struct scopex_test *test)
{
	struct careless careless;

	careless_init(&careless, waits_for_two);
	scopex_scope(s) {
		EXPECT_WARNING("task careless_fn [scopex_test] waits for a second await",
			       EXPECT_EQ(test, scopex_submit(s, &careless.task.work), 0);
			       test_until_waiting(&careless.task));
		EXPECT(test, list_empty(&careless.bells[0].waiters));
		test_bell_ring(&careless.bells[0]);
		EXPECT_EQ(test, careless.calls, 1);
		test_bell_ring(&careless.bells[1]);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, careless.calls, 2);
}

static struct test_hearing far_away;

static int waits_elsewhere(struct careless *careless)
{
	return scopex_poll(&careless->task, test_hear(&far_away, &careless->bells[0]));
}

static void await_is_not_in_the_object(struct scopex_test *test)
{
	struct careless careless;
	long away = (void *)&far_away - (void *)&careless;

	if (away == (s32)away) {
		scopex_test_skip(test, "nothing is far enough from the stack");
		return;
	}
	careless_init(&careless, waits_elsewhere);
	scopex_scope(s) {
		EXPECT_WARNING("waits for a bell that is not in the task's object",
			       EXPECT_EQ(test, scopex_submit(s, &careless.task.work), 0);
			       EXPECT_EQ(test, scopex_join(s), -EINVAL));
	}
	EXPECT(test, list_empty(&careless.bells[0].waiters));
}

static void task_is_initialised_while_it_waits(struct scopex_test *test)
{
	struct test_bell bell;
	struct test_task t;

	if (TRACKED) {
		scopex_test_skip(test, "not where the kernel tells an item from its copy");
		return;
	}
	test_bell_init(&bell);
	test_task_init(&t, &bell);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &t.task.work), 0);
		test_until_waiting(&t.task);
		EXPECT_WARNING(", which is in use by scope s of",
			       scopex_task_init(&t.task, careless_fn));
		test_bell_ring(&bell);
		EXPECT_EQ(test, scopex_join(s), 0);
		test_expect_task(test, &t, 0, 2);
		/* Now it may be. */
		scopex_task_init(&t.task, test_task_fn);
		EXPECT_EQ(test, scopex_work_result(&t.task.work), -ENODATA);
	}
}

static int initialises_itself(struct careless *careless)
{
	if (careless->calls == 2)
		scopex_task_init(&careless->task, careless_fn);
	return scopex_poll(&careless->task, careless->task.await ?:
			   test_hear(&careless->first, &careless->bells[0]));
}

/* It stays in the list of its scope, and waits for the same thing. */
static void task_initialises_itself(struct scopex_test *test)
{
	struct careless careless;

	/* The kernel says so there, but five times at most. */
	if (TRACKED) {
		scopex_test_skip(test, "not where the kernel tells an item from its copy");
		return;
	}
	careless_init(&careless, initialises_itself);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &careless.task.work), 0);
		test_until_waiting(&careless.task);
		EXPECT_WARNING("task careless_fn [scopex_test] initialises itself",
			       scopex_wake(&careless.task);
			       test_until_waiting(&careless.task));
		scopex_cancel(s, -EPIPE);
		EXPECT_EQ(test, scopex_join(s), -EPIPE);
	}
	EXPECT(test, list_empty(&careless.bells[0].waiters));
	EXPECT_EQ(test, scopex_work_result(&careless.task.work), -ECANCELED);
	EXPECT_EQ(test, careless.calls, 3);
}

/* A task that gives a device memory that is mapped page by page */
struct mapped_reader {
	struct scopex_task		task;
	struct scopex_direct_await	io;
	void				*buf;
	int				err;
};

static int mapped_reader_fn(struct scopex_task *task)
{
	struct mapped_reader *r = container_of(task, struct mapped_reader, task);

	scopex_coroutine(task) {
		/* The memory is looked at before the file. */
		scopex_await(task, r->err, scopex_direct_read(&r->io, NULL, r->buf, PAGE_SIZE, 0));
	}
	return r->err;
}

static void direct_read_to_mapped_memory(struct scopex_test *test)
{
	struct mapped_reader r = {
		.task = SCOPEX_TASK_INIT(mapped_reader_fn), .buf = vmalloc(PAGE_SIZE),
	};

	if (!EXPECT(test, r.buf))
		return;
	scopex_scope(s) {
		EXPECT_WARNING("task mapped_reader_fn [scopex_test] gives a direct read memory",
			       EXPECT_EQ(test, scopex_submit(s, &r.task.work), 0);
			       EXPECT_EQ(test, scopex_join(s), -EINVAL));
	}
	EXPECT_EQ(test, r.io.result, 0);
	vfree(r.buf);
}

/**
 * struct hasty - a task that does the wrong thing while its request is in flight
 * @test: the test
 * @leaves: it returns a result; else it prepares a second request
 * @task: the task
 * @io: how it waits for both
 * @file: what it reads, and then writes
 * @buf: where the bytes go
 * @calls: how often its function was called
 */
struct hasty {
	struct scopex_test		*test;
	bool				leaves;
	struct scopex_task		task;
	struct scopex_direct_await	io;
	struct file			*file;
	u8				*buf;
	atomic_t			calls;
};

static int hasty_fn(struct scopex_task *task)
{
	struct hasty *h = container_of(task, struct hasty, task);
	struct scopex_await *await = task->await;

	switch (atomic_inc_return(&h->calls)) {
	case 1:
		await = scopex_direct_read(&h->io, h->file, h->buf, PAGE_SIZE, 0);
		break;
	case 2:
		if (h->leaves)
			return 0;
		EXPECT_WARNING("[scopex_test] prepares a direct read for which a task waits",
			       await = scopex_direct_write(&h->io, NULL, h->buf + 1, 1, 1));
		EXPECT(h->test, await == &h->io.await);
		break;
	}
	return scopex_poll(task, await);
}

static bool hasty_open(struct scopex_test *test, struct hasty *h, struct test_disk *disk)
{
	*h = (struct hasty){
		.test = test, .task = SCOPEX_TASK_INIT(hasty_fn),
		.buf = (u8 *)get_zeroed_page(GFP_KERNEL),
	};
	h->file = test_disk_open(test, disk);
	return EXPECT(test, h->buf) && h->file;
}

static void hasty_close(struct hasty *h)
{
	free_page((unsigned long)h->buf);
	if (h->file)
		fput(h->file);
}

/* The request that is in flight ends as it would have ended. */
static void direct_read_is_prepared_twice(struct scopex_test *test)
{
	struct test_disk disk;
	struct hasty h;

	if (!hasty_open(test, &h, &disk))
		goto out;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &h.task.work), 0);
		EXPECT(test, test_waits(&h, 1));
		scopex_wake(&h.task);
		EXPECT(test, test_waits(&h, 2));
		EXPECT(test, h.io.iocb.ki_filp == h.file);
		test_disk_end(&disk, PAGE_SIZE);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, h.io.result, PAGE_SIZE);
	EXPECT_EQ(test, atomic_read(&h.calls), 3);
	EXPECT_EQ(test, disk.asked, 1);
	EXPECT(test, !disk.writes);

	/* Now it may be. */
	EXPECT(test, scopex_direct_write(&h.io, h.file, h.buf, 1, 1) == &h.io.await);
	EXPECT_EQ(test, h.io.pos, 1);
out:
	hasty_close(&h);
}

/* Its worker waits for the request, and does not make it again. */
static void task_is_completed_while_it_reads(struct scopex_test *test)
{
	struct test_disk disk;
	struct hasty h;

	if (!hasty_open(test, &h, &disk))
		goto out;
	h.leaves = true;
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &h.task.work), 0);
		EXPECT(test, test_waits(&h, 1));
		/* One more request would be over at once. */
		disk.reply = AT_ONCE;
		EXPECT_WARNING("hasty_fn [scopex_test] is completed while it waits for a direct",
			       scopex_wake(&h.task);
			       msleep(50);
			       EXPECT(test, scopex_work_busy(&h.task.work));
			       test_disk_end(&disk, -EAGAIN);
			       EXPECT_EQ(test, scopex_join(s), 0));
	}
	EXPECT_EQ(test, atomic_read(&h.calls), 2);
	EXPECT_EQ(test, disk.asked, 1);
out:
	hasty_close(&h);
}

static const struct scopex_case task_misuse_cases[] = {
	SCOPEX_CASE(wake_of_a_completed_task),
	SCOPEX_CASE(wake_in_an_nmi),
	SCOPEX_CASE(item_that_returns_pending),
	SCOPEX_CASE(task_whose_result_is_no_errno),
	SCOPEX_CASE(task_is_completed_while_it_waits),
	SCOPEX_CASE(task_is_completed_while_it_must_wait),
	SCOPEX_CASE(task_waits_for_two_things),
	SCOPEX_CASE(await_is_not_in_the_object),
	SCOPEX_CASE(task_is_initialised_while_it_waits),
	SCOPEX_CASE(task_initialises_itself),
	SCOPEX_CASE(direct_read_to_mapped_memory),
	SCOPEX_CASE(direct_read_is_prepared_twice),
	SCOPEX_CASE(task_is_completed_while_it_reads),
};

SCOPEX_SUITE_PART(misuse, task_misuse, task_misuse_cases);
