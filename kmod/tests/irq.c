// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "irq": hazard 15, submits from hard irq, softirq and atomic context
 *
 * The test stops the source of the interrupts before it closes the scope, as every caller
 * has to.
 */

#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "../compat/hrtimer.h"
#include "task.h"
#include "test.h"

/* A source of submits, and their accounting. */
struct source {
	struct irq_work		irq_work;
	struct tasklet_struct	tasklet;
	struct hrtimer		timer;
	struct scopex_scope	*scope;
	struct test_item	*items;
	struct completion	done;
	unsigned int		nr;
	unsigned int		next;
	unsigned int		refused;
	bool			wrong_context;
};

static void source_submit(struct source *source)
{
	struct test_item *item = &source->items[source->next++];

	if (scopex_submit(source->scope, &item->work))
		source->refused++;
	if (source->next == source->nr)
		complete(&source->done);
}

static bool source_init(struct scopex_test *test, struct source *source,
			unsigned int nr)
{
	*source = (struct source){ .nr = nr, .items = test_items(nr) };
	init_completion(&source->done);
	return EXPECT(test, source->items);
}

static void source_check(struct scopex_test *test, struct source *source)
{
	unsigned int i;

	EXPECT_EQ(test, source->next, source->nr);
	EXPECT_EQ(test, source->refused, 0);
	EXPECT(test, !source->wrong_context);
	for (i = 0; i < source->nr; i++)
		EXPECT_EQ(test, atomic_read(&source->items[i].runs), 1);
	kvfree(source->items);
}

static void source_irq_work(struct irq_work *irq_work)
{
	struct source *source = container_of(irq_work, struct source, irq_work);

	if (!in_hardirq())
		source->wrong_context = true;
	source_submit(source);
}

static void submit_from_hard_irq(struct scopex_test *test)
{
	struct source source;

	if (!source_init(test, &source, 100))
		return;
	source.irq_work = IRQ_WORK_INIT_HARD(source_irq_work);
	scopex_scope(s) {
		source.scope = s;
		while (source.next < source.nr) {
			irq_work_queue(&source.irq_work);
			irq_work_sync(&source.irq_work);
		}
	}
	source_check(test, &source);
}

static void source_tasklet(struct tasklet_struct *tasklet)
{
	struct source *source = from_tasklet(source, tasklet, tasklet);

	if (!in_softirq())
		source->wrong_context = true;
	source_submit(source);
	if (source->next < source->nr)
		tasklet_schedule(tasklet);
}

static void submit_from_softirq(struct scopex_test *test)
{
	struct source source;

	if (!source_init(test, &source, 200))
		return;
	tasklet_setup(&source.tasklet, source_tasklet);
	scopex_scope(s) {
		source.scope = s;
		tasklet_schedule(&source.tasklet);
		wait_for_completion(&source.done);
		tasklet_kill(&source.tasklet);
	}
	source_check(test, &source);
}

static enum hrtimer_restart source_timer(struct hrtimer *timer)
{
	struct source *source = container_of(timer, struct source, timer);

	if (!in_hardirq())
		source->wrong_context = true;
	source_submit(source);
	if (source->next == source->nr)
		return HRTIMER_NORESTART;
	hrtimer_forward_now(timer, ns_to_ktime(100 * NSEC_PER_USEC));
	return HRTIMER_RESTART;
}

static void source_timer_setup(struct source *source)
{
	hrtimer_setup_on_stack(&source->timer, source_timer, CLOCK_MONOTONIC,
			       HRTIMER_MODE_REL_PINNED_HARD);
}

static void source_timer_end(struct source *source)
{
	hrtimer_cancel(&source->timer);
	destroy_hrtimer_on_stack(&source->timer);
}

/* A timer interrupts the owner's own submits to the same scope and CPU. */
static void timer_interrupts_submits(struct scopex_test *test)
{
	struct test_item items[4];
	unsigned long own = 0;
	struct source source;
	unsigned int i;

	if (!source_init(test, &source, 200))
		return;
	for (i = 0; i < ARRAY_SIZE(items); i++)
		test_item_init(&items[i]);
	source_timer_setup(&source);
	scopex_scope(s) {
		source.scope = s;
		hrtimer_start(&source.timer, ns_to_ktime(100 * NSEC_PER_USEC),
			      HRTIMER_MODE_REL_PINNED_HARD);
		while (!completion_done(&source.done)) {
			for (i = 0; i < ARRAY_SIZE(items); i++)
				own += !scopex_submit_on(s, SCOPEX_CPU_LOCAL, &items[i].work);
			cond_resched();
		}
		source_timer_end(&source);
	}
	for (i = 0; i < ARRAY_SIZE(items); i++)
		own -= atomic_read(&items[i].runs);
	EXPECT_EQ(test, own, 0);
	source_check(test, &source);
}

/*
 * A join does not close the scope: an item that an interrupt submits during the join is
 * accepted and runs, in this round or in the next.
 */
static void timer_submits_while_owner_joins(struct scopex_test *test)
{
	struct test_item item;
	unsigned int rounds = 0;
	struct source source;

	if (!source_init(test, &source, 500))
		return;
	test_item_init(&item);
	source_timer_setup(&source);
	scopex_scope(s) {
		source.scope = s;
		hrtimer_start(&source.timer, ns_to_ktime(100 * NSEC_PER_USEC),
			      HRTIMER_MODE_REL_PINNED_HARD);
		while (!completion_done(&source.done)) {
			EXPECT_EQ(test, scopex_submit(s, &item.work), 0);
			EXPECT_EQ(test, scopex_join(s), 0);
			rounds++;
			EXPECT(test, !scopex_work_busy(&item.work));
		}
		source_timer_end(&source);
	}
	EXPECT_EQ(test, atomic_read(&item.runs), rounds);
	source_check(test, &source);
}

/*
 * The first submit of a scope takes a lock. Here one is delayed while it holds
 * it, and a timer on the same CPU makes the first submit of another scope: if the
 * lock did not keep interrupts off, this CPU would wait for itself.
 */
static void timer_interrupts_first_submit(struct scopex_test *test)
{
	struct test_item item;
	struct source source;

	if (!source_init(test, &source, 1))
		return;
	test_item_init(&item);
	source_timer_setup(&source);
	scopex_scope(theirs) {
		source.scope = theirs;
		scopex_scope(ours) {
			/* Where time runs fast, the timer is even faster. */
			scopex_inject_set(SCOPEX_INJECT_REGISTER, 60000);
			hrtimer_start(&source.timer, ms_to_ktime(2),
				      HRTIMER_MODE_REL_PINNED_HARD);
			EXPECT_EQ(test, scopex_submit_on(ours, SCOPEX_CPU_LOCAL, &item.work), 0);
		}
		wait_for_completion(&source.done);
		source_timer_end(&source);
		test_inject_end(test, SCOPEX_INJECT_REGISTER);
	}
	EXPECT_EQ(test, atomic_read(&item.runs), 1);
	source_check(test, &source);
}

/* With a spinlock held and interrupts off, as a driver may have to. */
static void submit_under_a_spinlock(struct scopex_test *test)
{
	static DEFINE_RAW_SPINLOCK(lock);
	struct test_item items[8];
	unsigned long flags;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(items); i++)
		test_item_init(&items[i]);
	scopex_scope(s) {
		raw_spin_lock_irqsave(&lock, flags);
		for (i = 0; i < ARRAY_SIZE(items); i++)
			EXPECT_EQ(test, scopex_submit(s, &items[i].work), 0);
		raw_spin_unlock_irqrestore(&lock, flags);
	}
	for (i = 0; i < ARRAY_SIZE(items); i++)
		EXPECT_EQ(test, atomic_read(&items[i].runs), 1);
}

/**
 * struct ticker - a timer that wakes a task, and their accounts
 * @task: the task, which waits until it has seen all
 * @timer: the timer
 * @nr: how often it fires
 * @fired: how often it has
 * @seen: the task has seen as many
 * @calls: how often the task was called
 * @backwards: a call has seen fewer than the one before
 */
struct ticker {
	struct scopex_task	task;
	struct hrtimer		timer;
	unsigned int		nr;
	unsigned int		fired;
	unsigned int		seen;
	unsigned int		calls;
	bool			backwards;
};

static enum hrtimer_restart ticker_fires(struct hrtimer *timer)
{
	struct ticker *ticker = container_of(timer, struct ticker, timer);
	bool last = ticker->fired + 1 == ticker->nr;

	/* After the last wake the task may be gone. */
	WRITE_ONCE(ticker->fired, ticker->fired + 1);
	if (!last)
		hrtimer_forward_now(timer, ns_to_ktime(30 * NSEC_PER_USEC));
	scopex_wake(&ticker->task);
	return last ? HRTIMER_NORESTART : HRTIMER_RESTART;
}

static int ticker_fn(struct scopex_task *task)
{
	struct ticker *ticker = container_of(task, struct ticker, task);
	unsigned int fired = READ_ONCE(ticker->fired);

	ticker->calls++;
	ticker->backwards |= fired < ticker->seen;
	ticker->seen = fired;
	/* The timer is off before the task is completed, which it would wake otherwise. */
	if (fired == ticker->nr)
		hrtimer_cancel(&ticker->timer);
	return fired == ticker->nr ? 0 : SCOPEX_PENDING;
}

/* No wake is lost, whatever the task is doing: the last one is seen, too. */
static void timer_wakes_a_task(struct scopex_test *test)
{
	struct ticker ticker = { .task = SCOPEX_TASK_INIT(ticker_fn), .nr = 1000 };

	hrtimer_setup_on_stack(&ticker.timer, ticker_fires, CLOCK_MONOTONIC,
			       HRTIMER_MODE_REL_HARD);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, test_other_cpu(test_this_cpu()),
						 &ticker.task.work), 0);
		hrtimer_start(&ticker.timer, ns_to_ktime(30 * NSEC_PER_USEC),
			      HRTIMER_MODE_REL_HARD);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	destroy_hrtimer_on_stack(&ticker.timer);
	EXPECT_EQ(test, ticker.seen, ticker.nr);
	EXPECT(test, !ticker.backwards);
	EXPECT(test, ticker.calls <= ticker.nr + 1);
}

/**
 * struct chime - a bell that is rung in a hard interrupt
 * @irq_work: the interrupt
 * @bell: the bell
 * @wrong_context: it was none
 */
struct chime {
	struct irq_work		irq_work;
	struct test_bell	bell;
	bool			wrong_context;
};

static void chime_rings(struct irq_work *irq_work)
{
	struct chime *chime = container_of(irq_work, struct chime, irq_work);

	if (!in_hardirq())
		chime->wrong_context = true;
	test_bell_ring(&chime->bell);
}

static void hard_irq_wakes_tasks(struct scopex_test *test)
{
	struct chime chime = { };
	struct test_task t;
	unsigned int i;

	chime.irq_work = IRQ_WORK_INIT_HARD(chime_rings);
	test_bell_init(&chime.bell);
	scopex_scope(s) {
		for (i = 0; i < 100; i++) {
			test_task_init(&t, &chime.bell);
			chime.bell.rung = false;
			EXPECT_EQ(test, scopex_submit(s, &t.task.work), 0);
			if (i % 2)
				test_until_waiting(&t.task);
			irq_work_queue(&chime.irq_work);
			EXPECT_EQ(test, scopex_join(s), 0);
			irq_work_sync(&chime.irq_work);
			EXPECT_EQ(test, t.err, 0);
		}
	}
	EXPECT(test, !chime.wrong_context);
}

static const struct scopex_case irq_cases[] = {
	SCOPEX_CASE(submit_from_hard_irq),
	SCOPEX_CASE(submit_from_softirq),
	SCOPEX_CASE(timer_interrupts_submits),
	SCOPEX_CASE(timer_submits_while_owner_joins),
	SCOPEX_CASE(timer_interrupts_first_submit),
	SCOPEX_CASE(submit_under_a_spinlock),
	SCOPEX_CASE(timer_wakes_a_task),
	SCOPEX_CASE(hard_irq_wakes_tasks),
};

SCOPEX_SUITE(irq, irq_cases);
