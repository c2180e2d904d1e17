// SPDX-License-Identifier: GPL-2.0
/*
 * Suites "steal", "stopped" and "crowded": items that name no CPU do not wait while a CPU is idle
 *
 * The cases hold CPUs by long items, and let them go only when all that has to run beside them
 * is completed. With injected delays they also hold the watchdog, which would ask an idle worker
 * again that was not asked when it should have been.
 */

#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/preempt.h>
#include <linux/scopex.h>
#include <linux/slab.h>

#include "test.h"

/* For how long a case waits for what has to come. The watchdog is held for longer. */
#define PATIENCE	(6 * HZ)

#define SHORT_ITEMS	64

/* How long a case lets workers fall asleep, where no event tells that they have. */
#define SETTLE_MS	20

/**
 * struct errand - a short item
 * @work: the item
 * @left: counts the errands that have not run
 * @done: completed by the last one
 * @cpu: where it ran
 */
struct errand {
	struct scopex_work	work;
	atomic_t		*left;
	struct completion	*done;
	unsigned int		cpu;
};

/**
 * struct town - CPUs held by long items, and errands beside them
 * @test: the test
 * @cpus: the CPUs that take items
 * @nr: how many
 * @holder: the item that holds a CPU
 * @gate: where it stands
 * @held: the CPU is held
 * @errand: the errands
 * @left: how many have not run
 * @done: all have run
 */
struct town {
	struct scopex_test	*test;
	unsigned int		*cpus;
	unsigned int		nr;
	struct test_item	*holder;
	struct test_gate	*gate;
	bool			*held;
	struct errand		errand[SHORT_ITEMS];
	atomic_t		left;
	struct completion	done;
};

static int errand_fn(struct scopex_work *work)
{
	struct errand *errand = container_of(work, struct errand, work);

	errand->cpu = raw_smp_processor_id();
	if (atomic_dec_and_test(errand->left))
		complete(errand->done);
	return 0;
}

/* Begin a round of @nr errands. */
static void errands_init(struct town *town, unsigned int nr)
{
	unsigned int i;

	atomic_set(&town->left, nr);
	init_completion(&town->done);
	for (i = 0; i < nr; i++) {
		town->errand[i] = (struct errand){ .left = &town->left, .done = &town->done };
		scopex_work_init(&town->errand[i].work, errand_fn);
	}
}

static void submit_errands(struct town *town, struct scopex_scope *scope, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		EXPECT_EQ(town->test, scopex_submit(scope, &town->errand[i].work), 0);
}

static void expect_errands(struct town *town)
{
	if (!EXPECT(town->test, wait_for_completion_timeout(&town->done, PATIENCE)))
		scopex_test_note(town->test, "%d of them have not run", atomic_read(&town->left));
}

static void town_free(struct town *town)
{
	scopex_inject_release(SCOPEX_INJECT_LOOK);
	kfree(town->cpus);
	kfree(town->holder);
	kfree(town->gate);
	kfree(town->held);
	kvfree(town);
}

/* Returns NULL, and the case is over, if fewer than @min CPUs take items. */
static struct town *town_alloc(struct scopex_test *test, unsigned int min)
{
	struct town *town = kvzalloc(sizeof(*town), GFP_KERNEL);
	unsigned int cpu;

	if (!EXPECT(test, town))
		return NULL;
	town->test = test;
	town->cpus = kcalloc(nr_cpu_ids, sizeof(*town->cpus), GFP_KERNEL);
	town->holder = kcalloc(nr_cpu_ids, sizeof(*town->holder), GFP_KERNEL);
	town->gate = kcalloc(nr_cpu_ids, sizeof(*town->gate), GFP_KERNEL);
	town->held = kcalloc(nr_cpu_ids, sizeof(*town->held), GFP_KERNEL);
	if (!EXPECT(test, town->cpus && town->holder && town->gate && town->held)) {
		town_free(town);
		return NULL;
	}
	for_each_online_cpu(cpu)
		if (test_served(cpu))
			town->cpus[town->nr++] = cpu;
	if (town->nr < min) {
		scopex_test_skip(test, "needs more CPUs");
		town_free(town);
		return NULL;
	}
	scopex_inject_set(SCOPEX_INJECT_LOOK, SCOPEX_INJECT_HOLD_ONE);
	return town;
}

/* Hold a CPU, awake. */
static void hold(struct town *town, struct scopex_scope *scope, unsigned int i)
{
	test_gated_item_init(&town->holder[i], &town->gate[i]);
	if (!EXPECT_EQ(town->test,
		       scopex_submit_on(scope, town->cpus[i], &town->holder[i].work), 0))
		return;
	wait_for_completion(&town->gate[i].reached);
	town->held[i] = true;
}

static void let_go(struct town *town, unsigned int i)
{
	if (town->held[i])
		complete(&town->gate[i].go);
	town->held[i] = false;
}

static void hold_all_but(struct town *town, struct scopex_scope *scope, unsigned int but)
{
	unsigned int i;

	for (i = 0; i < town->nr; i++)
		if (i != but)
			hold(town, scope, i);
}

static void let_all_go(struct town *town)
{
	unsigned int i;

	for (i = 0; i < town->nr; i++)
		let_go(town, i);
}

struct resident {
	struct town		*town;
	void			(*fn)(struct town *town);
};

static int resident_fn(void *data)
{
	struct resident *resident = data;

	resident->fn(resident->town);
	test_thread_until_stopped();
	return 0;
}

static void on_cpu(struct town *town, unsigned int i, void (*fn)(struct town *town))
{
	struct resident resident = { .town = town, .fn = fn };

	test_thread_stop(test_thread(town->test, resident_fn, &resident, town->cpus[i]));
}

static void on_each_cpu_in_turn(struct scopex_test *test, void (*fn)(struct town *town))
{
	struct town *town = town_alloc(test, 2);
	unsigned int i;

	if (!town)
		return;
	for (i = 0; i < town->nr; i++)
		on_cpu(town, i, fn);
	town_free(town);
}

/* Each CPU in turn is the only one that is not held. */
static void submit_beside_held(struct town *town)
{
	static const unsigned int sizes[] = { 1, 2, SHORT_ITEMS };
	unsigned int i, but;

	for (but = 0; but < town->nr; but++)
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			scopex_scope(long_ones) {
				hold_all_but(town, long_ones, but);
				errands_init(town, sizes[i]);
				scopex_scope(s) {
					submit_errands(town, s, sizes[i]);
					expect_errands(town);
					if (!scopex_test_failed(town->test))
						EXPECT_EQ(town->test, scopex_join(s), 0);
					let_all_go(town);
				}
			}
		}
}

static void idle_cpu_takes_what_waits(struct scopex_test *test)
{
	on_each_cpu_in_turn(test, submit_beside_held);
}

/* Nobody is idle at the time of the submit: the CPU that is let go first takes all. */
static void next_idle_cpu_takes_what_waits(struct scopex_test *test)
{
	struct town *town = town_alloc(test, 2);
	unsigned int i;

	if (!town)
		return;
	for (i = 0; i < town->nr; i++) {
		scopex_scope(long_ones) {
			hold_all_but(town, long_ones, town->nr);
			errands_init(town, SHORT_ITEMS);
			scopex_scope(s) {
				submit_errands(town, s, SHORT_ITEMS);
				EXPECT_EQ(test, atomic_read(&town->left), SHORT_ITEMS);
				let_go(town, i);
				expect_errands(town);
				let_all_go(town);
			}
		}
	}
	town_free(town);
}

/* A long item is the first one of a batch: the others of the batch do not wait for it. */
static void batch_is_not_held_up(struct town *town)
{
	struct test_item *first = &town->holder[0];
	unsigned int round;

	for (round = 0; round < 10; round++) {
		test_gated_item_init(first, &town->gate[0]);
		errands_init(town, SHORT_ITEMS);
		scopex_scope(s) {
			EXPECT_EQ(town->test, scopex_submit(s, &first->work), 0);
			submit_errands(town, s, SHORT_ITEMS);
			expect_errands(town);
			complete(&town->gate[0].go);
		}
	}
}

static void rest_of_a_batch_is_taken(struct scopex_test *test)
{
	on_each_cpu_in_turn(test, batch_is_not_held_up);
}

/* The submitter goes on computing, and keeps the worker of its CPU off it. */
static void submit_and_compute(struct town *town)
{
	unsigned int round;

	for (round = 0; round < 5; round++) {
		errands_init(town, SHORT_ITEMS);
		scopex_scope(s) {
			unsigned long end = jiffies + PATIENCE;

			preempt_disable();
			submit_errands(town, s, SHORT_ITEMS);
			while (atomic_read(&town->left) && time_before(jiffies, end))
				cpu_relax();
			EXPECT_EQ(town->test, atomic_read(&town->left), 0);
			preempt_enable();
		}
	}
}

static void submitter_goes_on_computing(struct scopex_test *test)
{
	on_each_cpu_in_turn(test, submit_and_compute);
}

/**
 * struct guest - an item that waits until all have come
 * @work: the item
 * @missing: how many have not come
 * @late: an item has waited for too long
 */
struct guest {
	struct scopex_work	work;
	atomic_t		*missing;
	bool			*late;
};

static int guest_fn(struct scopex_work *work)
{
	struct guest *guest = container_of(work, struct guest, work);
	unsigned long end = jiffies + PATIENCE;

	atomic_dec(guest->missing);
	while (atomic_read(guest->missing) && time_before(jiffies, end))
		cond_resched_tasks_rcu_qs();
	if (atomic_read(guest->missing))
		WRITE_ONCE(*guest->late, true);
	return 0;
}

/* As many long items as CPUs, in one push: each one that is asked asks the next one. */
static void each_idle_cpu_takes_one(struct scopex_test *test)
{
	struct town *town = town_alloc(test, 2);
	struct guest *guests;
	unsigned int i, round;
	atomic_t missing;
	bool late = false;

	if (!town)
		return;
	guests = kcalloc(town->nr, sizeof(*guests), GFP_KERNEL);
	for (round = 0; EXPECT(test, guests) && round < 20 && !late; round++) {
		atomic_set(&missing, town->nr);
		for (i = 0; i < town->nr; i++) {
			guests[i] = (struct guest){ .missing = &missing, .late = &late };
			scopex_work_init(&guests[i].work, guest_fn);
		}
		scopex_scope(s)
			EXPECT_EQ(test, scopex_submit_array(s, SCOPEX_CPU_ANY, guests, town->nr,
							    work), 0);
		EXPECT(test, !late);
	}
	kfree(guests);
	town_free(town);
}

/**
 * struct repeater - an item that runs again, first behind a long item
 * @work: the item
 * @holder: that item; NULL: none
 * @runs: how often it has run
 * @rounds: how often it has to
 * @cpu: where it has to run; nr_cpu_ids for anywhere
 * @strayed: it has run elsewhere
 * @done: completed by its last run
 */
struct repeater {
	struct scopex_work	work;
	struct test_item	*holder;
	unsigned int		runs;
	unsigned int		rounds;
	unsigned int		cpu;
	bool			strayed;
	struct completion	done;
};

static int repeater_fn(struct scopex_work *work)
{
	struct repeater *repeater = container_of(work, struct repeater, work);

	if (repeater->cpu < nr_cpu_ids && repeater->cpu != raw_smp_processor_id())
		repeater->strayed = true;
	if (!repeater->runs && repeater->holder)
		WARN_ON(scopex_submit_on(scopex_work_scope(work), SCOPEX_CPU_LOCAL,
					 &repeater->holder->work));
	if (++repeater->runs < repeater->rounds)
		return SCOPEX_AGAIN;
	complete(&repeater->done);
	return 0;
}

/* An item that runs again does not wait for a long item that came to its CPU, either. */
static void item_that_runs_again_is_taken(struct scopex_test *test)
{
	struct town *town = town_alloc(test, 2);
	struct repeater repeater;
	unsigned int round;

	if (!town)
		return;
	for (round = 0; round < 10; round++) {
		repeater = (struct repeater){ .holder = &town->holder[0], .rounds = 2,
					      .cpu = nr_cpu_ids };
		scopex_work_init(&repeater.work, repeater_fn);
		init_completion(&repeater.done);
		test_gated_item_init(&town->holder[0], &town->gate[0]);
		scopex_scope(s) {
			EXPECT_EQ(test, scopex_submit(s, &repeater.work), 0);
			wait_for_completion(&town->gate[0].reached);
			EXPECT(test, wait_for_completion_timeout(&repeater.done, PATIENCE));
			complete(&town->gate[0].go);
		}
	}
	town_free(town);
}

#define MIXED		200
#define MIXED_ROUNDS	10

/* Items that name a CPU stay there, beside many that are stolen, and also if they run again. */
static void named_items_never_move(struct scopex_test *test)
{
	struct repeater *named = kvcalloc(MIXED, sizeof(*named), GFP_KERNEL);
	struct test_item *any = test_items(MIXED);
	struct town *town = town_alloc(test, 2);
	unsigned int i, round;

	for (round = 0; town && EXPECT(test, named && any) && round < MIXED_ROUNDS; round++) {
		for (i = 0; i < MIXED; i++) {
			named[i] = (struct repeater){ .rounds = 1 + i % 3,
						      .cpu = town->cpus[i % town->nr] };
			scopex_work_init(&named[i].work, repeater_fn);
			init_completion(&named[i].done);
		}
		scopex_scope(s) {
			for (i = 0; i < MIXED; i++) {
				EXPECT_EQ(test, scopex_submit_on(s, named[i].cpu, &named[i].work),
					  0);
				EXPECT_EQ(test, scopex_submit(s, &any[i].work), 0);
			}
		}
		for (i = 0; i < MIXED; i++) {
			EXPECT(test, !named[i].strayed);
			EXPECT_EQ(test, named[i].runs, named[i].rounds);
			EXPECT_EQ(test, atomic_read(&any[i].runs), round + 1);
		}
	}
	if (town)
		town_free(town);
	kvfree(any);
	kvfree(named);
}

/* Wait until a thread is held at a point. */
static void until_held(struct scopex_test *test, enum scopex_inject_point point)
{
	unsigned long end = jiffies + PATIENCE;

	while (!scopex_inject_hits(point) && time_before(jiffies, end))
		usleep_range(100, 200);
	EXPECT(test, scopex_inject_hits(point));
}

/*
 * All CPUs but this one are held, then its worker is held at @point, with the errands and a long
 * item behind the first of them; then the others are let go, fall asleep, and the worker goes on.
 * If @last, the worker is held with the long item alone, and the errands come after that.
 */
static void stopped_at(struct town *town, enum scopex_inject_point point, bool last)
{
	unsigned int i, here = raw_smp_processor_id();
	struct test_item *second;

	for (i = 0; i < town->nr && town->cpus[i] != here; i++)
		;
	if (!EXPECT(town->test, i < town->nr))
		return;
	scopex_scope(long_ones) {
		hold_all_but(town, long_ones, i);
		second = &town->holder[i];
		test_gated_item_init(second, &town->gate[i]);
		errands_init(town, SHORT_ITEMS);
		scopex_scope(s) {
			scopex_inject_set(point, SCOPEX_INJECT_HOLD_ONE);
			/* The worker of this CPU takes all of them at once. */
			migrate_disable();
			if (!last)
				submit_errands(town, s, 1);
			EXPECT_EQ(town->test, scopex_submit(s, &second->work), 0);
			if (last)
				until_held(town->test, point);
			EXPECT_EQ(town->test, scopex_submit_array(s, SCOPEX_CPU_ANY,
								  &town->errand[!last],
								  SHORT_ITEMS - !last, work), 0);
			migrate_enable();
			until_held(town->test, point);
			for (i = 0; i < town->nr; i++)
				if (town->cpus[i] != here)
					let_go(town, i);
			msleep(SETTLE_MS);
			scopex_inject_release(point);
			expect_errands(town);
			complete(&second->gate->go);
		}
	}
}

/* The thieves find the mark of a worker that was stopped between the two steps of a pop. */
static void stopped_in_a_pop(struct town *town)
{
	stopped_at(town, SCOPEX_INJECT_POP, false);
}

/* They find the mark of a worker that holds all items of its CPU. */
static void stopped_in_a_refill(struct town *town)
{
	stopped_at(town, SCOPEX_INJECT_GIVE, false);
}

/* They find the mark of a worker that holds one item, behind which others come. */
static void stopped_with_the_last_item(struct town *town)
{
	stopped_at(town, SCOPEX_INJECT_GIVE, true);
}

static void on_each_cpu_injected(struct scopex_test *test, void (*fn)(struct town *town))
{
	if (TEST_INJECT)
		on_each_cpu_in_turn(test, fn);
	else
		scopex_test_skip(test, "needs injected delays");
}

static void worker_is_stopped_with_the_last_item(struct scopex_test *test)
{
	on_each_cpu_injected(test, stopped_with_the_last_item);
}

static void worker_is_stopped_in_a_pop(struct scopex_test *test)
{
	on_each_cpu_injected(test, stopped_in_a_pop);
}

static void worker_is_stopped_in_a_refill(struct scopex_test *test)
{
	on_each_cpu_injected(test, stopped_in_a_refill);
}

static const struct scopex_case steal_cases[] = {
	SCOPEX_CASE(idle_cpu_takes_what_waits),
	SCOPEX_CASE(next_idle_cpu_takes_what_waits),
	SCOPEX_CASE(rest_of_a_batch_is_taken),
	SCOPEX_CASE(submitter_goes_on_computing),
	SCOPEX_CASE(each_idle_cpu_takes_one),
	SCOPEX_CASE(item_that_runs_again_is_taken),
	SCOPEX_CASE(named_items_never_move),
};

SCOPEX_SUITE(steal, steal_cases);

/* With injected delays only. */
static const struct scopex_case stopped_cases[] = {
	SCOPEX_CASE(worker_is_stopped_in_a_pop),
	SCOPEX_CASE(worker_is_stopped_in_a_refill),
	SCOPEX_CASE(worker_is_stopped_with_the_last_item),
};

SCOPEX_SUITE(stopped, stopped_cases);

/* All CPUs are held until the script has looked at the counters: nobody can be asked. */
static void nobody_is_idle(struct scopex_test *test)
{
	struct town *town = town_alloc(test, 1);

	if (!town)
		return;
	scopex_scope(long_ones) {
		hold_all_but(town, long_ones, town->nr);
		errands_init(town, SHORT_ITEMS);
		scopex_scope(s) {
			submit_errands(town, s, SHORT_ITEMS);
			pr_info("scopex_test: all CPUs are held\n");
			scopex_test_until_released();
			EXPECT_EQ(test, atomic_read(&town->left), SHORT_ITEMS);
			let_all_go(town);
		}
	}
	town_free(town);
}

static const struct scopex_case crowded_cases[] = {
	SCOPEX_CASE(nobody_is_idle),
};

SCOPEX_SUITE(crowded, crowded_cases);
