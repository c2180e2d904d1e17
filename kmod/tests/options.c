// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "options": joining one item, limits, scopes that are refused. Suite "turn": an item
 * that waits for its turn, and is not its worker's any more.
 */

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/slab.h>

#include "test.h"

/* Others go on while one is joined, and are joined later. */
static void joins_one_of_many(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu(), i;
	struct test_item first, others[8];
	struct test_gate gate;

	test_gate_init(&gate);
	test_item_init(&first);
	first.ret = -EXFULL;
	scopex_scope(s, .flags = SCOPEX_JOINABLE) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &first.work), 0);
		for (i = 0; i < ARRAY_SIZE(others); i++) {
			test_item_init(&others[i]);
			others[i].gate = &gate;
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &others[i].work), 0);
			others[i].gate = i ? NULL : &gate;
		}
		/* The next one in the same batch waits until this has returned. */
		EXPECT_EQ(test, scopex_join_item(&first.work), -EXFULL);
		EXPECT_EQ(test, atomic_read(&first.runs), 1);
		wait_for_completion(&gate.reached);
		EXPECT(test, scopex_work_busy(&others[1].work));
		/* It may be used again at once. */
		first.ret = 0;
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &first.work), 0);
		complete_all(&gate.go);
		EXPECT_EQ(test, scopex_join_item(&first.work), 0);
		EXPECT_EQ(test, scopex_join(s), -EXFULL);
	}
	EXPECT_EQ(test, atomic_read(&first.runs), 2);
	for (i = 0; i < ARRAY_SIZE(others); i++)
		EXPECT_EQ(test, atomic_read(&others[i].runs), 1);
}

static void join_item_again_and_again(struct scopex_test *test)
{
	struct test_item item;
	unsigned int i;

	test_item_init(&item);
	scopex_scope(s, .flags = SCOPEX_JOINABLE) {
		EXPECT_EQ(test, scopex_join_item(&item.work), -ENODATA);
		for (i = 0; i < 5000; i++) {
			EXPECT_EQ(test, scopex_submit(s, &item.work), 0);
			EXPECT_EQ(test, scopex_join_item(&item.work), 0);
		}
		EXPECT_EQ(test, scopex_join_item(&item.work), 0);
	}
	EXPECT_EQ(test, atomic_read(&item.runs), 5000);
}

static int joins_inner_fn(struct scopex_work *work)
{
	struct test_item inner;
	int err = 0, i;

	test_item_init(&inner);
	scopex_scope(s, .flags = SCOPEX_JOINABLE) {
		for (i = 0; i < 20 && !err; i++) {
			err = scopex_submit_on(s, SCOPEX_CPU_LOCAL, &inner.work);
			err = err ?: scopex_join_item(&inner.work);
		}
	}
	return err ?: atomic_read(&inner.runs) == 20 ? 0 : -EIO;
}

/* The item that is joined is queued behind the one that joins it. */
static void join_item_in_an_item(struct scopex_test *test)
{
	struct scopex_work work;

	scopex_work_init(&work, joins_inner_fn);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
}

static bool join_item_deadline(struct scopex_test *test, unsigned int ms)
{
	unsigned int cpu = test_this_cpu();
	struct test_item gated, behind;
	struct test_gate gate;
	bool ok = false;

	test_gate_init(&gate);
	test_item_init(&gated);
	test_item_init(&behind);
	gated.gate = &gate;
	scopex_scope(s, .flags = SCOPEX_JOINABLE, .timeout_us = ms * USEC_PER_MSEC) {
		if (!scopex_submit_on(s, cpu, &gated.work) &&
		    !scopex_submit_on(s, cpu, &behind.work)) {
			ok = true;
			while (!scopex_cancelled(s))
				usleep_range(100, 200);
			complete(&gate.go);
			EXPECT_EQ(test, scopex_join_item(&behind.work), -ECANCELED);
		}
		complete(&gate.go);
		EXPECT_EQ(test, scopex_join(s), -ETIME);
	}
	EXPECT_EQ(test, atomic_read(&behind.runs), 0);
	return ok;
}

/* The nearer ones may have passed before the items are submitted. */
static void join_item_has_a_deadline(struct scopex_test *test)
{
	bool hit = join_item_deadline(test, 5) ||
		   join_item_deadline(test, 200) ||
		   join_item_deadline(test, 5000);

	EXPECT(test, hit);
}

static void join_item_needs_the_flag(struct scopex_test *test)
{
	struct test_gate gate;
	struct test_item item;
	int err;

	test_gate_init(&gate);
	test_item_init(&item);
	item.gate = &gate;
	scopex_scope(unjoinable, .flags = SCOPEX_KILLABLE) {
		EXPECT_EQ(test, scopex_submit(unjoinable, &item.work), 0);
		wait_for_completion(&gate.reached);
		EXPECT_WARNING("(), which is not SCOPEX_JOINABLE",
			       err = scopex_join_item(&item.work));
		EXPECT_EQ(test, err, -EINVAL);
		complete(&gate.go);
	}
}

static void unknown_flag(struct scopex_test *test)
{
	struct test_item item;

	test_item_init(&item);
	EXPECT_WARNING("() has unknown flags 0x40",
		       scopex_scope(odd, .flags = 0x40)
			       EXPECT_EQ(test, scopex_submit(odd, &item.work), 0));
	EXPECT_EQ(test, atomic_read(&item.runs), 1);
}

/**
 * struct crowd - how many items run at once
 * @inside: how many now
 * @most: how many at most
 */
struct crowd {
	atomic_t	inside;
	atomic_t	most;
};

struct one {
	struct scopex_work	work;
	struct crowd		*crowd;
	atomic_t		runs;
};

static int crowd_fn(struct scopex_work *work)
{
	struct one *one = container_of(work, struct one, work);
	int inside = atomic_inc_return(&one->crowd->inside);
	int most = atomic_read(&one->crowd->most);

	while (inside > most &&
	       !atomic_try_cmpxchg(&one->crowd->most, &most, inside))
		;
	/* Makes room for others, if they are let. */
	scopex_will_block();
	usleep_range(100, 300);
	atomic_inc(&one->runs);
	atomic_dec(&one->crowd->inside);
	return 0;
}

#define CROWD	40

static void limit(struct scopex_test *test, unsigned int limit, bool array)
{
	struct one *ones = kcalloc(CROWD, sizeof(*ones), GFP_KERNEL);
	struct crowd crowd = { };
	unsigned int i;

	if (!EXPECT(test, ones))
		return;
	for (i = 0; i < CROWD; i++) {
		ones[i] = (struct one){ .work = SCOPEX_WORK_INIT(crowd_fn),
					.crowd = &crowd };
	}
	scopex_scope(s, .limit = limit) {
		if (array)
			EXPECT_EQ(test, scopex_submit_array(s, SCOPEX_CPU_ANY, ones,
							    CROWD, work), 0);
		for (i = 0; i < CROWD && !array; i++)
			EXPECT_EQ(test, scopex_submit(s, &ones[i].work), 0);
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &ones[CROWD - 1].work),
			  -EBUSY);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; i < CROWD; i++)
		EXPECT_EQ(test, atomic_read(&ones[i].runs), 1);
	EXPECT(test, atomic_read(&crowd.most) <= limit);
	EXPECT(test, atomic_read(&crowd.most) >= 1);
	kfree(ones);
}

static void no_more_than_the_limit(struct scopex_test *test)
{
	unsigned int n;

	for (n = 1; n <= 4; n++) {
		limit(test, n, false);
		limit(test, n, true);
	}
}

static void try_submit_says_full(struct scopex_test *test)
{
	struct test_item items[3];
	struct test_gate gate;
	unsigned int i;

	test_gate_init(&gate);
	for (i = 0; i < ARRAY_SIZE(items); i++)
		test_item_init(&items[i]);
	items[0].gate = &gate;
	items[1].gate = &gate;
	scopex_scope(s, .limit = 2) {
		EXPECT_EQ(test, scopex_try_submit(s, &items[0].work), 0);
		EXPECT_EQ(test, scopex_try_submit(s, &items[1].work), 0);
		EXPECT_EQ(test, scopex_try_submit(s, &items[2].work), -EAGAIN);
		EXPECT_EQ(test, scopex_work_result(&items[2].work), -ENODATA);
		complete_all(&gate.go);
		EXPECT_EQ(test, scopex_join(s), 0);
		EXPECT_EQ(test, scopex_try_submit(s, &items[2].work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	scopex_scope(s)
		EXPECT_EQ(test, scopex_try_submit(s, &items[2].work), 0);
	EXPECT_EQ(test, atomic_read(&items[2].runs), 2);
}

static void what_waits_for_its_turn_is_cancelled(struct scopex_test *test)
{
	struct test_item items[6];
	struct test_gate gate;
	unsigned int i;

	test_gate_init(&gate);
	for (i = 0; i < ARRAY_SIZE(items); i++)
		test_item_init(&items[i]);
	items[0].gate = &gate;
	scopex_scope(s, .limit = 1) {
		for (i = 0; i < ARRAY_SIZE(items); i++)
			EXPECT_EQ(test, scopex_submit(s, &items[i].work), 0);
		wait_for_completion(&gate.reached);
		scopex_cancel(s, 0);
		complete(&gate.go);
		EXPECT_EQ(test, scopex_join(s), -ECANCELED);
		/* And the limit is as it was. */
		EXPECT_EQ(test, scopex_try_submit(s, &items[1].work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, atomic_read(&items[0].runs), 1);
	EXPECT_EQ(test, atomic_read(&items[1].runs), 1);
	for (i = 2; i < ARRAY_SIZE(items); i++)
		EXPECT_EQ(test, scopex_work_result(&items[i].work), -ECANCELED);
}

static void order_is_kept_by_a_limit(struct scopex_test *test)
{
	atomic_t turn = ATOMIC_INIT(0);
	struct test_item items[8];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(items); i++) {
		test_item_init(&items[i]);
		items[i].turn = &turn;
	}
	scopex_scope(s, .limit = 1)
		for (i = 0; i < ARRAY_SIZE(items); i++)
			EXPECT_EQ(test, scopex_submit(s, &items[i].work), 0);
	for (i = 0; i < ARRAY_SIZE(items); i++)
		EXPECT_EQ(test, items[i].order, i + 1);
}

/* An item that blocks, so that others of its CPU can begin. */
struct sleeper {
	struct scopex_work	work;
	struct sleepers		*all;
	atomic_t		runs;
};

struct sleepers {
	atomic_t		begun;
	struct completion	began;
	struct completion	go;
};

static int sleeper_fn(struct scopex_work *work)
{
	struct sleeper *one = container_of(work, struct sleeper, work);

	atomic_inc(&one->runs);
	atomic_inc(&one->all->begun);
	complete(&one->all->began);
	/* Again, as there may have been no other worker yet. */
	do
		scopex_will_block();
	while (!wait_for_completion_timeout(&one->all->go, msecs_to_jiffies(20)));
	return 0;
}

#define SLEEPERS	6

/*
 * Submit sleepers to a CPU, wait until @limit of them have begun, and until the CPU
 * has gone through all that was queued. No more may have begun.
 */
static void fill_cpu(struct scopex_test *test, struct scopex_scope *scope,
		     struct sleeper *ones, unsigned int cpu, unsigned int limit)
{
	struct sleepers *all = ones->all;
	struct test_item last;
	unsigned int i;

	for (i = 0; i < SLEEPERS; i++)
		EXPECT_EQ(test, scopex_submit_on(scope, cpu, &ones[i].work), 0);
	for (i = 0; i < limit; i++)
		wait_for_completion(&all->began);
	test_item_init(&last);
	scopex_scope(s)
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &last.work), 0);
}

static struct sleeper *sleepers_get(struct scopex_test *test, unsigned int nr,
				    struct sleepers *all)
{
	struct sleeper *ones = kcalloc(nr, sizeof(*ones), GFP_KERNEL);
	unsigned int i;

	atomic_set(&all->begun, 0);
	init_completion(&all->began);
	init_completion(&all->go);
	if (!EXPECT(test, ones))
		return NULL;
	for (i = 0; i < nr; i++) {
		scopex_work_init(&ones[i].work, sleeper_fn);
		ones[i].all = all;
	}
	return ones;
}

static void no_more_than_the_limit_on_a_cpu(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu(), other = test_other_cpu(cpu), i, limit;
	struct sleeper *ones;
	struct sleepers all;

	for (limit = 1; limit <= 2; limit++) {
		ones = sleepers_get(test, 2 * SLEEPERS, &all);
		if (!ones)
			return;
		scopex_scope(s, .limit_per_cpu = limit) {
			fill_cpu(test, s, ones, cpu, limit);
			EXPECT_EQ(test, atomic_read(&all.begun), limit);
			/* Each CPU has its own count. */
			fill_cpu(test, s, ones + SLEEPERS, other, limit);
			EXPECT_EQ(test, atomic_read(&all.begun), 2 * limit);
			complete_all(&all.go);
			EXPECT_EQ(test, scopex_join(s), 0);
		}
		for (i = 0; i < 2 * SLEEPERS; i++)
			EXPECT_EQ(test, atomic_read(&ones[i].runs), 1);
		kfree(ones);
	}
}

/* Two scopes do not count, or wake, each other's items. */
static void limits_on_a_cpu_are_apart(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu(), i;
	struct sleepers first, second;
	struct sleeper *ones = sleepers_get(test, SLEEPERS, &first);
	struct sleeper *others = sleepers_get(test, SLEEPERS, &second);

	if (!ones || !others)
		goto out;
	scopex_scope(s, .limit_per_cpu = 1) {
		fill_cpu(test, s, ones, cpu, 1);
		scopex_scope(t, .limit_per_cpu = 1) {
			fill_cpu(test, t, others, cpu, 1);
			EXPECT_EQ(test, atomic_read(&second.begun), 1);
			complete_all(&second.go);
			EXPECT_EQ(test, scopex_join(t), 0);
		}
		EXPECT_EQ(test, atomic_read(&first.begun), 1);
		complete_all(&first.go);
	}
	for (i = 0; i < SLEEPERS; i++) {
		EXPECT_EQ(test, atomic_read(&ones[i].runs), 1);
		EXPECT_EQ(test, atomic_read(&others[i].runs), 1);
	}
out:
	kfree(ones);
	kfree(others);
}

static void order_is_kept_by_a_limit_on_a_cpu(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu(), i;
	atomic_t turn = ATOMIC_INIT(0);
	struct test_item items[6], last;
	struct sleepers all;
	struct sleeper *one = sleepers_get(test, 1, &all);

	if (!one)
		return;
	scopex_scope(s, .limit_per_cpu = 1) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &one->work), 0);
		wait_for_completion(&all.began);
		for (i = 0; i < ARRAY_SIZE(items); i++) {
			test_item_init(&items[i]);
			items[i].turn = &turn;
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &items[i].work), 0);
			/* When half of them wait for their turn, and the others are queued. */
			if (i != ARRAY_SIZE(items) / 2)
				continue;
			test_item_init(&last);
			scopex_scope(t)
				EXPECT_EQ(test, scopex_submit_on(t, cpu, &last.work), 0);
		}
		complete_all(&all.go);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; i < ARRAY_SIZE(items); i++)
		EXPECT_EQ(test, items[i].order, i + 1);
	kfree(one);
}

/* Whichever of those that have begun ends first, one that waits gets its turn. */
static void first_turn_that_ends_is_passed_on(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu(), first, i;
	struct sleeper *ones[2];
	struct sleepers each[2];
	struct test_item third, last;

	for (first = 0; first < 2; first++) {
		ones[0] = sleepers_get(test, 1, &each[0]);
		ones[1] = sleepers_get(test, 1, &each[1]);
		if (!ones[0] || !ones[1])
			return;
		test_item_init(&third);
		test_item_init(&last);
		scopex_scope(s, .flags = SCOPEX_JOINABLE, .limit_per_cpu = 2) {
			for (i = 0; i < 2; i++) {
				EXPECT_EQ(test, scopex_submit_on(s, cpu, &ones[i]->work), 0);
				wait_for_completion(&each[i].began);
			}
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &third.work), 0);
			/* When it was found to have to wait. */
			scopex_scope(t)
				EXPECT_EQ(test, scopex_submit_on(t, cpu, &last.work), 0);
			EXPECT(test, scopex_work_busy(&third.work));
			complete_all(&each[first].go);
			EXPECT_EQ(test, scopex_join_item(&third.work), 0);
			complete_all(&each[!first].go);
			EXPECT_EQ(test, scopex_join(s), 0);
		}
		kfree(ones[0]);
		kfree(ones[1]);
	}
}

/* Both limits, an array, and one that is waited for. */
static void limits_go_together(struct scopex_test *test)
{
	struct one *ones = kcalloc(CROWD, sizeof(*ones), GFP_KERNEL);
	struct crowd crowd = { };
	unsigned int i;

	if (!EXPECT(test, ones))
		return;
	for (i = 0; i < CROWD; i++)
		ones[i] = (struct one){ .work = SCOPEX_WORK_INIT(crowd_fn),
					.crowd = &crowd };
	scopex_scope(s, .flags = SCOPEX_JOINABLE, .limit = 3, .limit_per_cpu = 1) {
		EXPECT_EQ(test, scopex_submit_array(s, SCOPEX_CPU_ANY, ones, CROWD, work), 0);
		EXPECT_EQ(test, scopex_join_item(&ones[CROWD / 2].work), 0);
		EXPECT_EQ(test, atomic_read(&ones[CROWD / 2].runs), 1);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; i < CROWD; i++)
		EXPECT_EQ(test, atomic_read(&ones[i].runs), 1);
	EXPECT(test, atomic_read(&crowd.most) <= 3);
	kfree(ones);
}

static void what_waits_for_a_cpu_is_cancelled(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu(), i;
	struct sleepers all;
	struct sleeper *ones = sleepers_get(test, SLEEPERS, &all);

	if (!ones)
		return;
	scopex_scope(s, .limit_per_cpu = 2) {
		fill_cpu(test, s, ones, cpu, 2);
		scopex_cancel(s, 0);
		complete_all(&all.go);
		EXPECT_EQ(test, scopex_join(s), -ECANCELED);
		EXPECT_EQ(test, atomic_read(&all.begun), 2);
		/* And the limit is as it was. */
		for (i = 0; i < SLEEPERS; i++)
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &ones[i].work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, atomic_read(&all.begun), 2 + SLEEPERS);
	kfree(ones);
}

/* An item that has its turn, and waits for one that was cancelled before it had one. */
struct outlived {
	struct scopex_work	work;
	struct test_gate	gate;
	struct test_item	next;
};

static int outlives_fn(struct scopex_work *work)
{
	struct outlived *outlived = container_of(work, struct outlived, work);

	complete(&outlived->gate.reached);
	/* Awake, so that the next one stays in the queue until it is cancelled. */
	while (!try_wait_for_completion(&outlived->gate.go))
		cond_resched_tasks_rcu_qs();
	scopex_will_block();
	while (scopex_work_busy(&outlived->next.work))
		usleep_range(500, 1000);
	return 0;
}

/* What does not run needs no turn. */
static void cancelled_item_waits_for_no_turn(struct scopex_test *test)
{
	struct outlived outlived = { .work = SCOPEX_WORK_INIT(outlives_fn) };
	unsigned int cpu = test_this_cpu();

	test_gate_init(&outlived.gate);
	test_item_init(&outlived.next);
	scopex_scope(s, .limit_per_cpu = 1) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &outlived.work), 0);
		wait_for_completion(&outlived.gate.reached);
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &outlived.next.work), 0);
		scopex_cancel(s, 0);
		complete(&outlived.gate.go);
		EXPECT_EQ(test, scopex_join(s), -ECANCELED);
	}
	EXPECT_EQ(test, scopex_work_result(&outlived.next.work), -ECANCELED);
	EXPECT_EQ(test, atomic_read(&outlived.next.runs), 0);
}

/* An item that has its turn, and one that waits for it. */
struct turns {
	struct scopex_work	work;
	struct test_gate	gate;
	struct test_item	next;
};

static int has_its_turn(struct scopex_work *work)
{
	struct turns *turns = container_of(work, struct turns, work);

	complete(&turns->gate.reached);
	scopex_will_block();
	wait_for_completion(&turns->gate.go);
	return 0;
}

/* For options.sh, which looks where the workers are: one of them is in this scope. */
static void worker_leaves_what_waits(struct scopex_test *test)
{
	struct turns turns = { .work = SCOPEX_WORK_INIT(has_its_turn) };
	unsigned int cpu = test_this_cpu();

	test_gate_init(&turns.gate);
	test_item_init(&turns.next);
	scopex_scope(taking_turns, .limit_per_cpu = 1) {
		EXPECT_EQ(test, scopex_submit_on(taking_turns, cpu, &turns.work), 0);
		wait_for_completion(&turns.gate.reached);
		scopex_inject_set(SCOPEX_INJECT_NOT_COMPLETED, SCOPEX_INJECT_HOLD);
		EXPECT_EQ(test, scopex_submit_on(taking_turns, cpu, &turns.next.work), 0);
		while (TEST_INJECT && !scopex_inject_hits(SCOPEX_INJECT_NOT_COMPLETED))
			usleep_range(500, 1000);
		pr_info("scopex_test: an item waits for its turn\n");
		scopex_test_until_released();
		test_inject_end(test, SCOPEX_INJECT_NOT_COMPLETED);
		complete(&turns.gate.go);
		EXPECT_EQ(test, scopex_join(taking_turns), 0);
	}
	EXPECT_EQ(test, atomic_read(&turns.next.runs), 1);
}

static const struct scopex_case turn_cases[] = {
	SCOPEX_CASE(worker_leaves_what_waits),
};

SCOPEX_SUITE(turn, turn_cases);

#ifdef CONFIG_SCOPEX_INJECT
/* An item that is joined while its submit, by another task, is about to be refused. */
struct refused {
	struct scopex_scope	*scope;
	struct task_struct	*owner;
	struct test_item	item;
	int			err;
};

static int refused_thread(void *data)
{
	struct refused *refused = data;

	refused->err = scopex_submit(refused->scope, &refused->item.work);
	test_thread_until_stopped();
	return 0;
}

/* Cancels the scope when its owner waits for the item, and lets the submit go on. */
static int refuses_thread(void *data)
{
	struct refused *refused = data;
	struct scopex_custom_scope *custom =
		container_of(refused->scope, struct scopex_custom_scope, scope);

	while (READ_ONCE(custom->joined) != &refused->item.work ||
	       task_is_running(refused->owner))
		usleep_range(50, 200);
	scopex_cancel(refused->scope, 0);
	scopex_inject_release(SCOPEX_INJECT_TRYGET);
	test_thread_until_stopped();
	return 0;
}

static void join_item_whose_submit_is_refused(struct scopex_test *test)
{
	struct refused refused = { .owner = current };
	struct task_struct *submitter, *canceller;

	test_item_init(&refused.item);
	refused.item.ret = -EXFULL;
	scopex_scope(s, .flags = SCOPEX_JOINABLE) {
		refused.scope = s;
		/* So that it has been the scope's. */
		EXPECT_EQ(test, scopex_submit(s, &refused.item.work), 0);
		EXPECT_EQ(test, scopex_join(s), -EXFULL);
		scopex_inject_set(SCOPEX_INJECT_TRYGET, SCOPEX_INJECT_HOLD);
		submitter = test_thread(test, refused_thread, &refused, nr_cpu_ids);
		while (!scopex_inject_hits(SCOPEX_INJECT_TRYGET))
			usleep_range(50, 200);
		canceller = test_thread(test, refuses_thread, &refused, nr_cpu_ids);
		/* The wait ends, and the item is as it was. */
		EXPECT_EQ(test, scopex_join_item(&refused.item.work), -EXFULL);
		test_thread_stop(canceller);
		test_thread_stop(submitter);
		test_inject_end(test, SCOPEX_INJECT_TRYGET);
		EXPECT_EQ(test, refused.err, -ECANCELED);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	EXPECT_EQ(test, atomic_read(&refused.item.runs), 1);
}
#endif

static const struct scopex_case options_cases[] = {
	SCOPEX_CASE(joins_one_of_many),
	SCOPEX_CASE(join_item_again_and_again),
	SCOPEX_CASE(join_item_in_an_item),
	SCOPEX_CASE(join_item_has_a_deadline),
	SCOPEX_CASE(join_item_needs_the_flag),
	SCOPEX_CASE(unknown_flag),
	SCOPEX_CASE(no_more_than_the_limit),
	SCOPEX_CASE(try_submit_says_full),
	SCOPEX_CASE(what_waits_for_its_turn_is_cancelled),
	SCOPEX_CASE(order_is_kept_by_a_limit),
	SCOPEX_CASE(no_more_than_the_limit_on_a_cpu),
	SCOPEX_CASE(limits_on_a_cpu_are_apart),
	SCOPEX_CASE(order_is_kept_by_a_limit_on_a_cpu),
	SCOPEX_CASE(first_turn_that_ends_is_passed_on),
	SCOPEX_CASE(limits_go_together),
	SCOPEX_CASE(what_waits_for_a_cpu_is_cancelled),
	SCOPEX_CASE(cancelled_item_waits_for_no_turn),
#ifdef CONFIG_SCOPEX_INJECT
	SCOPEX_CASE(join_item_whose_submit_is_refused),
#endif
};

SCOPEX_SUITE(options, options_cases);
