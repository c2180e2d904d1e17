// SPDX-License-Identifier: GPL-2.0
/* Suite "cancel", in part: a fatal signal cancels a scope */

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/sched/signal.h>

#include "cancel.h"
#include "test.h"

/* A thread that is killed while it waits; it allows SIGKILL, as user tasks do. */
struct victim {
	struct scopex_test	*test;
	struct loop		loop;
	struct test_item	*stays;
	bool			dead_before;
	int			err;
};

static int victim_thread(void *data)
{
	struct victim *victim = data;

	allow_signal(SIGKILL);
	if (victim->dead_before)
		send_sig(SIGKILL, current, 1);
	scopex_scope(s, .flags = SCOPEX_KILLABLE) {
		EXPECT_EQ(victim->test, scopex_submit(s, &victim->loop.work), 0);
		if (victim->stays)
			EXPECT_EQ(victim->test,
				  scopex_submit(s, &victim->stays->work), 0);
		victim->err = scopex_join(s);
	}
	flush_signals(current);
	test_thread_until_stopped();
	return 0;
}

/* Hazard 4: a signal cancels, and the wait goes on. */
static void signal_cancels(struct scopex_test *test)
{
	struct victim victim = { .test = test };
	struct task_struct *thread;

	loop_init(&victim.loop);
	thread = test_thread(test, victim_thread, &victim, nr_cpu_ids);
	if (!thread)
		return;
	wait_for_completion(&victim.loop.started);
	msleep(20);
	send_sig(SIGKILL, thread, 1);
	test_thread_stop(thread);
	EXPECT_EQ(test, victim.err, -EINTR);
	EXPECT(test, victim.loop.ended);
}

static void signal_that_was_there_before(struct scopex_test *test)
{
	struct victim victim = { .test = test, .dead_before = true };

	loop_init(&victim.loop);
	test_thread_stop(test_thread(test, victim_thread, &victim, nr_cpu_ids));
	EXPECT_EQ(test, victim.err, -EINTR);
	/* The item had started, or was cancelled before. */
	if (!victim.loop.ended)
		EXPECT_EQ(test, scopex_work_result(&victim.loop.work), -ECANCELED);
}

/*
 * After the signal the owner sleeps uninterruptibly. (In a killable sleep it would find
 * the signal pending each time, and never sleep.)
 */
static void killed_owner_sleeps(struct scopex_test *test)
{
	struct test_gate gate;
	struct victim victim = { .test = test };
	struct test_item item;
	struct task_struct *thread;
	unsigned int looks;

	loop_init(&victim.loop);
	test_gate_init(&gate);
	test_item_init(&item);
	/* Unlike the loop, this item does not end with the cancel. */
	item.gate = &gate;
	victim.stays = &item;
	thread = test_thread(test, victim_thread, &victim, nr_cpu_ids);
	if (!thread)
		return;
	wait_for_completion(&gate.reached);
	wait_for_completion(&victim.loop.started);
	send_sig(SIGKILL, thread, 1);
	for (looks = 0; looks < 20000; looks++) {
		if (READ_ONCE(thread->__state) == TASK_UNINTERRUPTIBLE)
			break;
		usleep_range(200, 500);
	}
	EXPECT(test, looks < 20000);
	complete(&gate.go);
	test_thread_stop(thread);
	EXPECT_EQ(test, victim.err, -EINTR);
}

static const struct scopex_case cancel_signal_cases[] = {
	SCOPEX_CASE(signal_cancels),
	SCOPEX_CASE(signal_that_was_there_before),
	SCOPEX_CASE(killed_owner_sleeps),
};

SCOPEX_SUITE_PART(cancel, cancel_signal, cancel_signal_cases);
