// SPDX-License-Identifier: GPL-2.0
/* scopex_test: items that run again because their function returns SCOPEX_AGAIN */

#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/scopex.h>
#include <linux/scopex_detached.h>

#include "../state.h"
#include "test.h"

#define ROUNDS	100

/**
 * struct again - an item that runs several times
 * @work: the item
 * @rounds: how often it runs; 0: until it is cancelled
 * @ret: its result in the end
 * @blocks: it says in each round that it will block
 * @nests: it opens a scope in each round
 * @runs: how often it has run
 * @cpu: where it ran last
 * @last: its place in @turn when it ran last
 * @turn: counts the runs of several items; may be NULL
 */
struct again {
	struct scopex_work	work;
	unsigned int		rounds;
	int			ret;
	bool			blocks;
	bool			nests;
	atomic_t		runs;
	unsigned int		cpu;
	int			last;
	atomic_t		*turn;
};

static int again_fn(struct scopex_work *work)
{
	struct again *again = container_of(work, struct again, work);
	struct test_item inner;
	unsigned int runs = atomic_inc_return(&again->runs);
	int err = 0;

	again->cpu = raw_smp_processor_id();
	if (again->turn)
		again->last = atomic_inc_return(again->turn);
	if (again->blocks) {
		scopex_will_block();
		usleep_range(50, 100);
	}
	if (again->nests) {
		test_item_init(&inner);
		scopex_scope(s) {
			err = scopex_submit_on(s, SCOPEX_CPU_LOCAL, &inner.work);
			err = err ?: scopex_join(s);
		}
	}
	if (err || runs == again->rounds)
		return err ?: again->ret;
	return SCOPEX_AGAIN;
}

static struct again again_of(unsigned int rounds)
{
	return (struct again){ .work = SCOPEX_WORK_INIT(again_fn), .rounds = rounds };
}

static void expect_rounds(struct scopex_test *test, struct again *again)
{
	EXPECT_EQ(test, atomic_read(&again->runs), again->rounds);
	EXPECT_EQ(test, scopex_work_result(&again->work), again->ret);
	EXPECT(test, !scopex_work_busy(&again->work));
}

static void item_runs_again(struct scopex_test *test)
{
	unsigned int cpu = test_this_cpu();
	struct again again = again_of(ROUNDS);
	int round;

	scopex_scope(s) {
		for (round = 1; round <= 3; round++) {
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &again.work), 0);
			EXPECT_EQ(test, scopex_join(s), 0);
			expect_rounds(test, &again);
			EXPECT_EQ(test, again.cpu, cpu);
			atomic_set(&again.runs, 0);
		}
		again.ret = -EXDEV;
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &again.work), 0);
		EXPECT_EQ(test, scopex_join(s), -EXDEV);
	}
	expect_rounds(test, &again);
}

/* It is still the first submit: a second one is refused, and there is no result yet. */
static void item_is_busy_until_it_ends(struct scopex_test *test)
{
	struct again again = again_of(0);

	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &again.work), 0);
		while (atomic_read(&again.runs) < 3)
			usleep_range(50, 100);
		EXPECT_EQ(test, scopex_submit(s, &again.work), -EBUSY);
		EXPECT_EQ(test, scopex_work_result(&again.work), -EINPROGRESS);
		scopex_cancel(s, -EPIPE);
		EXPECT_EQ(test, scopex_join(s), -EPIPE);
		EXPECT_EQ(test, scopex_work_result(&again.work), -ECANCELED);
	}
}

static void cancel_ends_it(struct scopex_test *test)
{
	unsigned int i, cpu = test_this_cpu();

	for (i = 0; i < 100; i++) {
		struct again again = again_of(0);

		again.blocks = i % 2;
		scopex_scope(s) {
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &again.work), 0);
			while (!atomic_read(&again.runs))
				cond_resched();
			scopex_cancel(s, 0);
			EXPECT_EQ(test, scopex_join(s), -ECANCELED);
		}
		EXPECT_EQ(test, scopex_work_result(&again.work), -ECANCELED);
	}
}

/* Other items of the CPU run in between, of the same scope or another one. */
static void others_run_in_between(struct scopex_test *test)
{
	unsigned int i, cpu = test_this_cpu();
	atomic_t turn = ATOMIC_INIT(0);
	struct test_item gated;
	struct test_gate gate;
	struct again again[3];

	test_gated_item_init(&gated, &gate);
	scopex_scope(outer) {
		scopex_scope(s) {
			EXPECT_EQ(test, scopex_submit_on(outer, cpu, &gated.work), 0);
			wait_for_completion(&gate.reached);
			for (i = 0; i < ARRAY_SIZE(again); i++) {
				again[i] = again_of(ROUNDS);
				again[i].turn = &turn;
				EXPECT_EQ(test, scopex_submit_on(i == 1 ? outer : s, cpu,
								 &again[i].work), 0);
			}
			complete(&gate.go);
			EXPECT_EQ(test, scopex_join(s), 0);
		}
		EXPECT_EQ(test, scopex_join(outer), 0);
	}
	for (i = 0; i < ARRAY_SIZE(again); i++) {
		expect_rounds(test, &again[i]);
		EXPECT_EQ(test, again[i].last, (ROUNDS - 1) * ARRAY_SIZE(again) + i + 1);
	}
}

/* The item may have handed its queue to another worker, which must not run it earlier. */
static void item_that_blocks_runs_again(struct scopex_test *test)
{
	unsigned int i, cpu = test_this_cpu();
	struct again again[4];

	scopex_inject_set(SCOPEX_INJECT_AGAIN, 200);
	scopex_scope(s) {
		for (i = 0; i < ARRAY_SIZE(again); i++) {
			again[i] = again_of(ROUNDS);
			again[i].blocks = i != 1;
			again[i].nests = i != 2;
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &again[i].work), 0);
		}
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	test_inject_end(test, SCOPEX_INJECT_AGAIN);
	for (i = 0; i < ARRAY_SIZE(again); i++)
		expect_rounds(test, &again[i]);
}

/* One worker queues the item and is held up there, while another one runs it to its end. */
static void item_is_left_alone_once_it_is_queued(struct scopex_test *test)
{
	struct again again = again_of(2);

	again.blocks = true;
	scopex_inject_set(SCOPEX_INJECT_AGAIN, SCOPEX_INJECT_HOLD_ONE);
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, test_this_cpu(), &again.work), 0);
		while (scopex_work_busy(&again.work))
			usleep_range(50, 100);
		scopex_inject_release(SCOPEX_INJECT_AGAIN);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	test_inject_end(test, SCOPEX_INJECT_AGAIN);
	expect_rounds(test, &again);
}

/* It keeps its place: no other item begins before it has ended. */
static void item_keeps_its_place_under_a_limit(struct scopex_test *test)
{
	atomic_t turn = ATOMIC_INIT(0);
	struct again again[3];
	unsigned int i;

	scopex_scope(s, .limit = 1) {
		for (i = 0; i < ARRAY_SIZE(again); i++) {
			again[i] = again_of(ROUNDS);
			again[i].turn = &turn;
			again[i].blocks = i == 1;
			EXPECT_EQ(test, scopex_submit(s, &again[i].work), 0);
		}
		EXPECT_EQ(test, scopex_join(s), 0);
		/* The limit is the same afterwards. */
		EXPECT_EQ(test, scopex_try_submit(s, &again[0].work), 0);
		scopex_cancel(s, 0);
		scopex_join(s);
	}
	for (i = 1; i < ARRAY_SIZE(again); i++) {
		expect_rounds(test, &again[i]);
		EXPECT_EQ(test, again[i].last, (i + 1) * ROUNDS);
	}
}

static void item_takes_turns_on_a_cpu(struct scopex_test *test)
{
	unsigned int i, cpu = test_this_cpu();
	struct again again[5];

	scopex_scope(s, .limit_per_cpu = 2, .flags = SCOPEX_JOINABLE) {
		for (i = 0; i < ARRAY_SIZE(again); i++) {
			again[i] = again_of(ROUNDS / 2);
			again[i].blocks = i != 2;
			EXPECT_EQ(test, scopex_submit_on(s, cpu, &again[i].work), 0);
		}
		EXPECT_EQ(test, scopex_join_item(&again[3].work), 0);
		expect_rounds(test, &again[3]);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; i < ARRAY_SIZE(again); i++)
		expect_rounds(test, &again[i]);
}

static void join_item_waits_for_the_last_run(struct scopex_test *test)
{
	struct again again = again_of(ROUNDS);

	again.ret = -ESTALE;
	scopex_scope(s, .flags = SCOPEX_JOINABLE) {
		EXPECT_EQ(test, scopex_submit(s, &again.work), 0);
		EXPECT_EQ(test, scopex_join_item(&again.work), -ESTALE);
		expect_rounds(test, &again);
		EXPECT_EQ(test, scopex_join(s), -ESTALE);
	}
}

/**
 * struct cancels - an item that cancels its scope, and waits for another one of it
 * @work: the item
 * @first: the other one, which has returned SCOPEX_AGAIN just before
 * @gate: where that one waits
 * @held: where another worker of the CPU waits, until the scope is cancelled
 * @completed: it was completed while the item ran
 */
struct cancels {
	struct scopex_work	work;
	struct scopex_work	first;
	struct test_gate	gate;
	struct test_gate	held;
	bool			completed;
};

static int blocks_once_fn(struct scopex_work *work)
{
	struct cancels *cancels = container_of(work, struct cancels, first);

	complete(&cancels->gate.reached);
	scopex_will_block();
	wait_for_completion(&cancels->gate.go);
	return SCOPEX_AGAIN;
}

static int cancels_fn(struct scopex_work *work)
{
	struct cancels *cancels = container_of(work, struct cancels, work);
	unsigned int looks;

	scopex_cancel(scopex_work_scope(work), 0);
	complete(&cancels->held.go);
	for (looks = 0; looks < 5000 && scopex_work_busy(&cancels->first); looks++)
		usleep_range(1000, 1100);
	cancels->completed = !scopex_work_busy(&cancels->first);
	return 0;
}

/*
 * An item whose worker has handed over runs again. That worker runs a deferred item next,
 * and no other item of the scope has its turn: a cancelled item needs none.
 */
static void item_does_not_wait_for_its_worker(struct scopex_test *test)
{
	struct cancels cancels = {
		.work = SCOPEX_WORK_INIT(cancels_fn),
		.first = SCOPEX_WORK_INIT(blocks_once_fn),
	};
	unsigned int cpu = test_this_cpu();
	struct test_item last;

	test_gate_init(&cancels.gate);
	test_gated_item_init(&last, &cancels.held);
	scopex_scope(s, .limit_per_cpu = 1) {
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &cancels.first), 0);
		wait_for_completion(&cancels.gate.reached);
		EXPECT_EQ(test, scopex_submit_on(s, cpu, &cancels.work), 0);
		scopex_scope(t) {
			EXPECT_EQ(test, scopex_submit_on(t, cpu, &last.work), 0);
			/*
			 * The other worker has found that the item has to wait, and takes the
			 * first one only after the cancel: else that one would have to wait, too.
			 */
			wait_for_completion(&cancels.held.reached);
			complete(&cancels.gate.go);
		}
		EXPECT_EQ(test, scopex_join(s), -ECANCELED);
	}
	EXPECT(test, cancels.completed);
	EXPECT_EQ(test, scopex_work_result(&cancels.first), -ECANCELED);
	EXPECT_EQ(test, scopex_work_result(&cancels.work), 0);
}

/**
 * struct steps - an item that goes on with another function
 * @work: the item
 * @firsts: how often the first function ran
 * @seconds: how often the second one did
 * @busy: the item was busy then
 * @scope: it was of this scope then
 */
struct steps {
	struct scopex_work	work;
	unsigned int		firsts;
	unsigned int		seconds;
	bool			busy;
	struct scopex_scope	*scope;
};

static int second_step_fn(struct scopex_work *work)
{
	struct steps *steps = container_of(work, struct steps, work);

	steps->seconds++;
	steps->busy = scopex_work_busy(work);
	steps->scope = scopex_work_scope(work);
	return -EXFULL;
}

static int first_step_fn(struct scopex_work *work)
{
	container_of(work, struct steps, work)->firsts++;
	scopex_work_init(work, second_step_fn);
	return SCOPEX_AGAIN;
}

static void item_initialises_itself(struct scopex_test *test)
{
	struct steps steps = { .work = SCOPEX_WORK_INIT(first_step_fn) };

	if (IS_ENABLED(CONFIG_DEBUG_OBJECTS)) {
		scopex_test_skip(test, "not where the kernel tells an item from its copy");
		return;
	}
	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit(s, &steps.work), 0);
		EXPECT_EQ(test, scopex_join(s), -EXFULL);
		EXPECT(test, steps.scope == s);
	}
	EXPECT_EQ(test, steps.firsts, 1);
	EXPECT_EQ(test, steps.seconds, 1);
	EXPECT(test, steps.busy);
	EXPECT_EQ(test, scopex_work_result(&steps.work), -EXFULL);
}

static int detached_again_fn(struct scopex_detached *detached)
{
	return SCOPEX_AGAIN;
}

static void detached_release(struct scopex_detached *detached)
{
}

/* A detached item ends with its run. */
static void detached_item_does_not(struct scopex_test *test)
{
	struct scopex_detached detached;

	scopex_detached_init(&detached, detached_again_fn, detached_release);
	EXPECT_WARNING("item detached_again_fn [scopex_test] of scope detached_again_fn returned",
		       EXPECT_EQ(test, scopex_detached_submit(&detached), 0);
		       EXPECT_EQ(test, scopex_detached_wait(&detached), -EINVAL));
	while (refcount_read(&detached.refs) > 1)
		usleep_range(50, 100);
	scopex_detached_put(&detached);
}

static const struct scopex_case again_cases[] = {
	SCOPEX_CASE(item_runs_again),
	SCOPEX_CASE(item_is_busy_until_it_ends),
	SCOPEX_CASE(cancel_ends_it),
	SCOPEX_CASE(others_run_in_between),
	SCOPEX_CASE(item_that_blocks_runs_again),
	SCOPEX_CASE(item_is_left_alone_once_it_is_queued),
	SCOPEX_CASE(item_keeps_its_place_under_a_limit),
	SCOPEX_CASE(item_takes_turns_on_a_cpu),
	SCOPEX_CASE(join_item_waits_for_the_last_run),
	SCOPEX_CASE(item_does_not_wait_for_its_worker),
	SCOPEX_CASE(item_initialises_itself),
	SCOPEX_CASE(detached_item_does_not),
};

SCOPEX_SUITE(again, again_cases);

/* For trace.sh and debugfs.sh: so many submits and runs, no error. */
static void known_rounds(struct scopex_test *test)
{
	struct again again[3];
	unsigned int i;

	scopex_scope(s) {
		for (i = 0; i < ARRAY_SIZE(again); i++) {
			again[i] = again_of(ROUNDS);
			again[i].blocks = i == 1;
			EXPECT_EQ(test, scopex_submit(s, &again[i].work), 0);
		}
		EXPECT_EQ(test, scopex_join(s), 0);
	}
	for (i = 0; i < ARRAY_SIZE(again); i++)
		expect_rounds(test, &again[i]);
}

static const struct scopex_case rounds_cases[] = {
	SCOPEX_CASE(known_rounds),
};

SCOPEX_SUITE(rounds, rounds_cases);

/* For pool.sh, where there is one worker, so that a scope in an item is serial. */
struct serially {
	struct scopex_work	work;
	struct scopex_test	*test;
};

static int serially_fn(struct scopex_work *work)
{
	struct serially *serially = container_of(work, struct serially, work);
	struct scopex_test *test = serially->test;
	atomic_t turn = ATOMIC_INIT(0);
	struct again again[2];
	unsigned int i;

	scopex_scope(s, .limit = 1, .limit_per_cpu = 1) {
		EXPECT(test, atomic64_read(&s->state) & SCOPEX_SERIAL);
		EXPECT(test, !(atomic64_read(&s->state) & (SCOPEX_LIMITED | SCOPEX_CPU_LIMITED)));
		for (i = 0; i < ARRAY_SIZE(again); i++) {
			again[i] = again_of(ROUNDS);
			again[i].turn = &turn;
			EXPECT_EQ(test, scopex_try_submit(s, &again[i].work), 0);
		}
		EXPECT_EQ(test, scopex_join(s), 0);
		for (i = 0; i < ARRAY_SIZE(again); i++) {
			expect_rounds(test, &again[i]);
			EXPECT_EQ(test, again[i].last,
				  (ROUNDS - 1) * ARRAY_SIZE(again) + i + 1);
		}
		/* Only a cancellation ends it, which comes from an item of the scope. */
		again[0] = again_of(0);
		EXPECT_EQ(test, scopex_submit(s, &again[0].work), 0);
		scopex_cancel(s, -EPIPE);
		EXPECT_EQ(test, scopex_join(s), -EPIPE);
		EXPECT_EQ(test, scopex_work_result(&again[0].work), -ECANCELED);
	}
	return 0;
}

static void item_of_a_serial_scope_runs_again(struct scopex_test *test)
{
	struct serially serially = { .work = SCOPEX_WORK_INIT(serially_fn), .test = test };

	scopex_scope(s) {
		EXPECT_EQ(test, scopex_submit_on(s, SCOPEX_CPU_LOCAL, &serially.work), 0);
		EXPECT_EQ(test, scopex_join(s), 0);
	}
}

static const struct scopex_case again_serial_cases[] = {
	SCOPEX_CASE(item_of_a_serial_scope_runs_again),
};

SCOPEX_SUITE(again_serial, again_serial_cases);
