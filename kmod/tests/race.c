// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "race": the windows of the protocol, held open where the module can
 *
 * With CONFIG_SCOPEX_INJECT=y each case delays the one side of a race and checks
 * that the delay was hit. Without, those that make sense without a delay run as a
 * stress test. Time decides nothing: a case fails by a count, by a
 * pattern in memory, or by hanging.
 */

#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../state.h"
#include "test.h"

#define PATTERN	0x5a

/* Wakes a task again and again, without keeping it alive, as any code might. */
struct waker {
	struct task_struct	*thread;
	pid_t			pid;
};

static int waker_thread(void *data)
{
	struct waker *waker = data;
	struct task_struct *task;

	while (!kthread_should_stop()) {
		rcu_read_lock();
		task = pid_task(find_vpid(waker->pid), PIDTYPE_PID);
		if (task)
			wake_up_process(task);
		rcu_read_unlock();
		usleep_range(50, 200);
	}
	return 0;
}

static void waker_start(struct scopex_test *test, struct waker *waker,
			pid_t pid)
{
	waker->pid = pid;
	waker->thread = test_thread(test, waker_thread, waker, nr_cpu_ids);
}

static int slow_fn(struct scopex_work *work)
{
	struct test_item *item = container_of(work, struct test_item, work);

	/* Many stray wake-ups long, and until the owner waits. */
	msleep(20);
	atomic_inc(&item->runs);
	return 0;
}

/* Returns the address of a scope that has ended; its callers look at the memory there. */
static noinline unsigned long short_scope(struct scopex_test *test,
					  unsigned int cpu,
					  struct test_item *item)
{
	unsigned long address;

	scopex_scope(s) {
		address = (unsigned long)s;
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &item->work), 0);
	}
	return address;
}

/*
 * Use the stack where short_scope() had its scope. Returns true if the pattern there is
 * unchanged. Not instrumented, as KASAN's redzones around the array would be where the
 * scope was.
 */
static noinline __no_sanitize_address bool frame_is_ours(unsigned int msecs, unsigned long scope)
{
	u8 frame[640];
	unsigned long start = (unsigned long)frame;

	/* Another layout of the frames would prove nothing. */
	if (scope < start || scope + sizeof(struct scopex_scope) >
			     start + sizeof(frame))
		return false;

	memset(frame, PATTERN, sizeof(frame));
	barrier_data(frame);
	msleep(msecs);
	barrier_data(frame);
	return !memchr_inv(frame, PATTERN, sizeof(frame));
}

/*
 * Hazards 1 to 3. The worker of the last item is held up right after it has dropped the
 * reference; a stray wake-up lets the owner see that, go on, and use its stack for
 * something else.
 */
static void last_put_leaves_the_scope_alone(struct scopex_test *test)
{
	unsigned int cpu = test_other_cpu(raw_smp_processor_id());
	unsigned int round, rounds = 5;
	struct test_item item;
	struct waker waker;
	unsigned long scope;

	if (cpu >= nr_cpu_ids) {
		scopex_test_skip(test, "needs two CPUs");
		return;
	}
	test_item_init(&item);
	item.work.fn = slow_fn;
	waker_start(test, &waker, current->pid);
	scopex_inject_set(SCOPEX_INJECT_LAST_PUT, 30000);
	for (round = 0; round < rounds; round++) {
		scope = short_scope(test, cpu, &item);
		EXPECT(test, frame_is_ours(TEST_INJECT ? 60 : 1, scope));
	}
	test_inject_end(test, SCOPEX_INJECT_LAST_PUT);
	test_thread_stop(waker.thread);
	EXPECT_EQ(test, atomic_read(&item.runs), rounds);
}

/* A task that has one scope, and then exits. */
struct mayfly {
	struct scopex_test	*test;
	struct test_gate	gate;
	struct test_item	item;
	struct completion	born;
	pid_t			pid;
	unsigned int		cpu;
};

static int mayfly_thread(void *data)
{
	struct mayfly *mayfly = data;

	mayfly->pid = current->pid;
	complete(&mayfly->born);
	short_scope(mayfly->test, mayfly->cpu, &mayfly->item);
	return 0;
}

/*
 * Hazard 2. The owner exits while the worker is about to wake it: only RCU keeps
 * the task_struct. (Without it, a kernel that poisons freed objects reports the access.)
 */
static void owner_exits_before_it_is_woken(struct scopex_test *test)
{
	unsigned int cpu = test_other_cpu(raw_smp_processor_id());
	struct mayfly mayfly = { .test = test, .cpu = cpu };
	unsigned int round, rounds = 3;
	struct task_struct *thread;
	struct waker waker;

	if (cpu >= nr_cpu_ids) {
		scopex_test_skip(test, "needs two CPUs");
		return;
	}
	test_item_init(&mayfly.item);
	scopex_inject_set(SCOPEX_INJECT_LAST_PUT, 400000);
	for (round = 1; round <= rounds; round++) {
		/* An item at a gate, so that the owner waits before the item is completed. */
		test_gate_init(&mayfly.gate);
		mayfly.item.gate = &mayfly.gate;
		init_completion(&mayfly.born);
		thread = kthread_run(mayfly_thread, &mayfly, "scopex_mayfly");
		if (!EXPECT(test, !IS_ERR(thread)))
			break;
		wait_for_completion(&mayfly.born);
		wait_for_completion(&mayfly.gate.reached);
		msleep(20);
		waker_start(test, &waker, mayfly.pid);
		complete(&mayfly.gate.go);
		/* Until the worker is through with the delay. */
		short_scope(test, cpu, &(struct test_item){
				.work = SCOPEX_WORK_INIT(test_item_fn) });
		test_thread_stop(waker.thread);
		EXPECT_EQ(test, atomic_read(&mayfly.item.runs), round);
	}
	test_inject_end(test, SCOPEX_INJECT_LAST_PUT);
}

#ifdef CONFIG_SCOPEX_INJECT
/* A submit from a task that is not the owner. */
struct stranger {
	struct scopex_scope	*scope;
	struct test_item	item;
	unsigned int		cpu;
	int			err;
};

static int stranger_thread(void *data)
{
	struct stranger *stranger = data;

	stranger->err = scopex_submit_on(stranger->scope, stranger->cpu,
					 &stranger->item.work);
	test_thread_until_stopped();
	return stranger->err;
}

static struct scopex_site late_site = {
	.name = "late", .func = "submit_races_close", .file = __FILE__, .line = 1,
	__SCOPEX_SITE_MAP("late", &late_site)
};

static int close_meanwhile(struct scopex_test *test, struct stranger *stranger)
{
	struct task_struct *thread;

	thread = test_thread(test, stranger_thread, stranger, nr_cpu_ids);
	while (!scopex_inject_hits(SCOPEX_INJECT_TRYGET))
		usleep_range(50, 200);
	__scopex_close(stranger->scope);
	scopex_inject_release(SCOPEX_INJECT_TRYGET);
	return test_thread_stop(thread);
}

/*
 * Hazard 9. A submit has looked at the scope and found it open; it is closed
 * before the submit takes its reference. Once with a submit before, once as
 * the first submit of the scope: each has code of its own.
 */
static void submit_races_close(struct scopex_test *test)
{
	struct stranger stranger = { .cpu = test_this_cpu() };
	struct scopex_scope scope;
	struct test_item item;
	int used, err;

	stranger.scope = &scope;
	for (used = 0; used <= 1; used++) {
		test_item_init(&item);
		test_item_init(&stranger.item);
		__scopex_open(&scope, &late_site, NULL);
		if (used) {
			EXPECT_EQ(test, scopex_submit_on(&scope, SCOPEX_CPU_LOCAL, &item.work), 0);
			scopex_join(&scope);
		}
		scopex_inject_set(SCOPEX_INJECT_TRYGET, SCOPEX_INJECT_HOLD);
		EXPECT_WARNING("submits test_item_fn [scopex_test] to a closed scope",
			       err = close_meanwhile(test, &stranger));
		EXPECT_EQ(test, err, -ESHUTDOWN);
		test_inject_end(test, SCOPEX_INJECT_TRYGET);
		EXPECT_EQ(test, atomic_read(&stranger.item.runs), 0);
		EXPECT_EQ(test, scopex_work_result(&stranger.item.work), -ENODATA);
		EXPECT_EQ(test, atomic64_read(&scope.state) & SCOPEX_COUNT_MASK, 0);
	}
}

static int late_stranger_thread(void *data)
{
	struct stranger *stranger = data;
	struct test_gate *gate = stranger->item.gate;

	while (!scopex_inject_hits(SCOPEX_INJECT_CLOSE))
		usleep_range(50, 200);
	stranger->err = scopex_submit_on(stranger->scope, stranger->cpu,
					 &stranger->item.work);
	wait_for_completion(&gate->reached);
	scopex_inject_release(SCOPEX_INJECT_CLOSE);
	/* Long enough for the owner to return, if it does not drain again. */
	msleep(100);
	complete(&gate->go);
	test_thread_until_stopped();
	return stranger->err;
}

/*
 * Hazard 9, the other way round. The owner has found the scope drained; a submit takes its
 * reference before the owner closes the scope: the owner has to wait for that item, too.
 */
static void close_races_submit(struct scopex_test *test)
{
	struct stranger stranger = { .cpu = test_this_cpu() };
	struct scopex_scope scope;
	struct task_struct *thread;
	struct test_gate gate;
	struct test_item item;

	test_item_init(&item);
	test_gated_item_init(&stranger.item, &gate);
	stranger.scope = &scope;
	__scopex_open(&scope, &late_site, NULL);
	EXPECT_EQ(test, scopex_submit_on(&scope, SCOPEX_CPU_LOCAL, &item.work), 0);
	scopex_inject_set(SCOPEX_INJECT_CLOSE, SCOPEX_INJECT_HOLD);
	thread = test_thread(test, late_stranger_thread, &stranger, nr_cpu_ids);
	__scopex_close(&scope);
	EXPECT(test, !scopex_work_busy(&stranger.item.work));
	EXPECT_EQ(test, test_thread_stop(thread), 0);
	test_inject_end(test, SCOPEX_INJECT_CLOSE);
	EXPECT_EQ(test, atomic_read(&stranger.item.runs), 1);
	EXPECT_EQ(test, atomic64_read(&scope.state) & SCOPEX_COUNT_MASK, 0);
}

static void submit_races_cancel(struct scopex_test *test)
{
	struct stranger stranger = { .cpu = test_this_cpu() };
	struct task_struct *thread;

	test_item_init(&stranger.item);
	scopex_scope(s) {
		stranger.scope = s;
		scopex_inject_set(SCOPEX_INJECT_TRYGET, SCOPEX_INJECT_HOLD);
		thread = test_thread(test, stranger_thread, &stranger,
				     nr_cpu_ids);
		while (!scopex_inject_hits(SCOPEX_INJECT_TRYGET))
			usleep_range(50, 200);
		scopex_cancel(s, 0);
		scopex_inject_release(SCOPEX_INJECT_TRYGET);
		EXPECT_EQ(test, test_thread_stop(thread), -ECANCELED);
		test_inject_end(test, SCOPEX_INJECT_TRYGET);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, atomic_read(&stranger.item.runs), 0);
}
#endif /* CONFIG_SCOPEX_INJECT */

/*
 * Hazard 13. A completed item belongs to its owner, which may overwrite it while the worker
 * is not yet through with the batch.
 */
static void item_that_is_out_may_be_reused(struct scopex_test *test)
{
	unsigned int cpu = test_other_cpu(raw_smp_processor_id());
	struct test_item first, reused, next;
	struct test_gate gate;

	if (cpu >= nr_cpu_ids) {
		scopex_test_skip(test, "needs two CPUs");
		return;
	}
	test_gate_init(&gate);
	test_item_init(&first);
	test_item_init(&reused);
	test_item_init(&next);
	first.gate = &gate;
	scopex_scope(s) {
		/* One at the gate, so that the others come as one batch. */
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &first.work), 0);
		wait_for_completion(&gate.reached);
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &reused.work), 0);
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &next.work), 0);
		scopex_inject_set(SCOPEX_INJECT_COMPLETED, 30000);
		complete(&gate.go);
		while (scopex_work_busy(&reused.work))
			cpu_relax();
		memset(&reused, PATTERN, sizeof(reused));
	}
	test_inject_end(test, SCOPEX_INJECT_COMPLETED);
	EXPECT(test, !memchr_inv(&reused, PATTERN, sizeof(reused)));
	EXPECT_EQ(test, atomic_read(&next.runs), 1);
}

/* Long enough for the owner to wait. */
static int nap_fn(struct scopex_work *work)
{
	usleep_range(200, 400);
	return test_item_fn(work);
}

/* One item after the other, with one side of the park held up. */
static void ping_pong(struct scopex_test *test, enum scopex_inject_point point,
		      scopex_fn_t fn)
{
	unsigned int cpu, runs = 0, i, rounds = TEST_INJECT ? 50 : 2000;
	struct test_item item;

	test_item_init(&item);
	item.work.fn = fn;
	scopex_inject_set(point, 1000);
	for_each_online_cpu(cpu) {
		if (!test_served(cpu))
			continue;
		for (i = 0; i < rounds; i++) {
			short_scope(test, cpu, &item);
			EXPECT_EQ(test, atomic_read(&item.runs), ++runs);
		}
	}
	test_inject_end(test, point);
}

/* Hazard 19: a lost wake-up would leave the owner waiting for good. */
static void no_wakeup_is_lost(struct scopex_test *test)
{
	ping_pong(test, SCOPEX_INJECT_PARK, test_item_fn);
	ping_pong(test, SCOPEX_INJECT_WAKE, test_item_fn);
	ping_pong(test, SCOPEX_INJECT_LAST_PUT, TEST_INJECT ? nap_fn : test_item_fn);
}

static int name_worker_fn(struct scopex_work *work)
{
	struct test_item *item = container_of(work, struct test_item, work);

	item->order = current->pid;
	return 0;
}

/* Hazard 19: neither owner nor worker takes a wake-up for more than a hint. */
static void stray_wakeups_change_nothing(struct scopex_test *test)
{
	struct waker owner_waker, worker_waker;
	struct test_item item;
	unsigned int round;

	test_item_init(&item);
	item.work.fn = name_worker_fn;
	short_scope(test, test_this_cpu(), &item);
	waker_start(test, &owner_waker, current->pid);
	waker_start(test, &worker_waker, item.order);

	item.work.fn = slow_fn;
	for (round = 1; round <= 5; round++) {
		short_scope(test, test_this_cpu(), &item);
		EXPECT_EQ(test, atomic_read(&item.runs), round);
		/* Idle for a while: stray wake-ups for the parked worker. */
		msleep(20);
	}
	test_thread_stop(owner_waker.thread);
	test_thread_stop(worker_waker.thread);
}

/* An owner with a signal pending, before or while it waits. */
struct signalled {
	struct scopex_test	*test;
	struct test_gate	gate;
	struct test_item	item;
	bool			early;
	bool			back;
};

static int signalled_thread(void *data)
{
	struct signalled *signalled = data;

	allow_signal(SIGUSR1);
	if (signalled->early)
		send_sig(SIGUSR1, current, 1);
	short_scope(signalled->test, test_this_cpu(), &signalled->item);
	WRITE_ONCE(signalled->back, true);
	EXPECT_EQ(signalled->test, atomic_read(&signalled->item.runs), 1);
	EXPECT(signalled->test, signal_pending(current));
	test_thread_until_stopped();
	return 0;
}

/* Hazard 4: a signal does not end a wait. */
static void signals_do_not_end_the_wait(struct scopex_test *test)
{
	struct signalled signalled = { .test = test };
	struct task_struct *thread;
	int early;

	for (early = 0; early <= 1; early++) {
		signalled.early = early;
		signalled.back = false;
		test_gated_item_init(&signalled.item, &signalled.gate);
		thread = test_thread(test, signalled_thread, &signalled,
				     nr_cpu_ids);
		if (!thread)
			return;
		wait_for_completion(&signalled.gate.reached);
		if (!early)
			send_sig(SIGUSR1, thread, 1);
		/* Time for a wait that ends early to do so. */
		msleep(20);
		wake_up_process(thread);
		msleep(20);
		EXPECT(test, !READ_ONCE(signalled.back));
		complete(&signalled.gate.go);
		test_thread_stop(thread);
	}
}

/* An item for each CPU that leaves something for the owner to see. */
struct payload {
	struct scopex_work	work;
	unsigned long		round;
	unsigned long		seen;
};

static int payload_fn(struct scopex_work *work)
{
	struct payload *payload = container_of(work, struct payload, work);

	payload->seen = payload->round;
	return 0;
}

static void owner_sees_every_payload(struct scopex_test *test)
{
	unsigned long round, rounds = TEST_INJECT ? 100 : 1000;
	struct payload *payloads;
	unsigned int cpu;

	payloads = kcalloc(nr_cpu_ids, sizeof(*payloads), GFP_KERNEL);
	if (!EXPECT(test, payloads))
		return;
	for_each_online_cpu(cpu)
		scopex_work_init(&payloads[cpu].work, payload_fn);
	for (round = 1; round <= rounds; round++) {
		scopex_scope(s)
			for_each_online_cpu(cpu) {
				payloads[cpu].round = round;
				EXPECT_EQ(test, scopex_submit_on(s, cpu, &payloads[cpu].work), 0);
			}
		for_each_online_cpu(cpu)
			if (scopex_work_result(&payloads[cpu].work) == 0)
				EXPECT_EQ(test, payloads[cpu].seen, round);
	}
	kfree(payloads);
}

static const struct scopex_case race_cases[] = {
	SCOPEX_CASE(last_put_leaves_the_scope_alone),
	SCOPEX_CASE(owner_exits_before_it_is_woken),
#ifdef CONFIG_SCOPEX_INJECT
	SCOPEX_CASE(submit_races_close),
	SCOPEX_CASE(close_races_submit),
	SCOPEX_CASE(submit_races_cancel),
#endif
	SCOPEX_CASE(item_that_is_out_may_be_reused),
	SCOPEX_CASE(no_wakeup_is_lost),
	SCOPEX_CASE(stray_wakeups_change_nothing),
	SCOPEX_CASE(signals_do_not_end_the_wait),
	SCOPEX_CASE(owner_sees_every_payload),
};

SCOPEX_SUITE(race, race_cases);
