// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "stress": the whole API, mixed at random, and accounts that have to balance
 *
 * Several threads open scopes (here in frames: a scope and the items that are used with
 * it) and submit items in every way there is; some items open further frames. The order
 * of events is not known, but these rules hold for each item and in total:
 *
 *	- A submit is accepted or refused. An accepted item is run once, or cancelled;
 *	  cancelled only if somebody cancelled its scope. An item that runs again was as good as
 *	  submitted once more.
 *	- After the join no other thread touches an item, its frame or its scope.
 *	- Each error that a join returns has a cause, and each failure is returned.
 *	- A loop sees no number twice, and all of them if it returns 0.
 *	- An item that was submitted to a CPU by its number runs on a worker of that CPU.
 *
 * Some scopes get a burst: many items at about the same moment, each of which waits in one
 * way or another. See stress_burst_body() for the rules that hold for these.
 *
 * selftests/stress.sh takes CPUs offline and back during the run, and compares the totals in
 * the results with the module's counters.
 *
 * All random numbers come from one seed, which is in the results, too. The same seed does
 * not repeat a run, as it does not fix the threads' timing, but it repeats the kind of run.
 */

#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/percpu.h>
#include <linux/random.h>
#include <linux/rwsem.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "stress.h"
#include "test.h"

static unsigned int stress_seconds = 5;
module_param(stress_seconds, uint, 0644);
MODULE_PARM_DESC(stress_seconds, "how long the suite \"stress\" takes (default: 5)");

static unsigned int stress_threads;
module_param(stress_threads, uint, 0644);
MODULE_PARM_DESC(stress_threads, "its threads; 0: one per CPU, and one (default: 0)");

static unsigned long stress_seed;
module_param(stress_seed, ulong, 0644);
MODULE_PARM_DESC(stress_seed, "what it draws from; 0: a new seed (default: 0)");

unsigned int stress_workers = 64;
module_param(stress_workers, uint, 0644);
MODULE_PARM_DESC(stress_workers, "what scopex's parameter \"workers\" is (default: 64)");

static const char * const count_names[COUNTS] = {
	"submitted", "run", "cancelled", "errors", "refused",
	"frames", "loops", "shots", "detached", "bursts", "agains", "tasks",
	"kills", "promises", "timeouts", "serial", "deadlocks",
};

/* Counted in interrupts, too. */
DEFINE_PER_CPU(unsigned long [COUNTS], stress_counts);

static unsigned long counted(enum count what)
{
	unsigned long sum = 0;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu(stress_counts, cpu)[what];
	return sum;
}

/* The run: one at a time. */
struct scopex_test *stress_test;
static bool stress_over;
atomic_t stress_detached;

/* Held for reading by each thread in its turn, for writing by one that wants to be alone. */
DECLARE_RWSEM(stress_turns);

/* The run needs so few workers that no scope may be serial. */
bool stress_roomy;

static noinline void stress_top(struct stress_driver *driver)
{
	struct stress_frame frame = {
		.items = driver->items,
		.nr = 1 + below(&driver->rnd, TOP_ITEMS),
		.rnd = draw(&driver->rnd),
	};

	stress_frame(&frame);
}

static void stress_usual_turn(struct stress_driver *driver)
{
	u64 *rnd = &driver->rnd;

	switch (below(rnd, 14)) {
	case 0:
		stress_loop(NULL, 0, rnd);
		break;
	case 1:
		stress_each(false, rnd);
		break;
	case 2:
		stress_detach(true, one_in(rnd, 4), rnd);
		break;
	case 3:
	case 4:
		stress_tasks(rnd);
		break;
	default:
		stress_top(driver);
	}
}

static void stress_turn(struct stress_driver *driver, bool burst)
{
	if (burst) {
		stress_burst_turn(driver);
	} else {
		down_read(&stress_turns);
		stress_usual_turn(driver);
		up_read(&stress_turns);
	}
	stress_scorch(&driver->rnd);
	/* The signal that killed it was meant for the frame. */
	flush_signals(current);
}

static int stress_thread(void *data)
{
	struct stress_driver *driver = data;
	unsigned int turns;

	allow_signal(SIGKILL);
	for (turns = 0; turns < MIN_TURNS || !READ_ONCE(stress_over); turns++) {
		if (scopex_test_failed(stress_test))
			break;
		stress_turn(driver, turns % BURST_TURNS == 0);
		cond_resched();
	}
	test_thread_until_stopped();
	return 0;
}

/* Until the time is over, or something has failed: one failure brings others. */
static void stress_until_over(u64 *rnd)
{
	unsigned long end = jiffies + stress_seconds * HZ;
	unsigned int i;

	while (time_before(jiffies, end) && !scopex_test_failed(stress_test)) {
		/* Hold some windows of the protocol open for longer, each for a while. */
		scopex_inject_set(below(rnd, SCOPEX_INJECT_POINTS), below(rnd, 50));
		msleep(20);
	}
	for (i = 0; i < SCOPEX_INJECT_POINTS; i++)
		scopex_inject_set(i, 0);
}

static void stress_note(struct scopex_test *test)
{
	unsigned int i;

	for (i = 0; i < COUNTS; i++)
		scopex_test_note(test, "stress.%s %lu", count_names[i], counted(i));
	/* Each thread has tried something of each kind. */
	for (i = 0; i < COUNTS && !scopex_test_failed(test); i++)
		EXPECT(test, counted(i) > 0 || i >= KILLS);
}

static void everything_at_random(struct scopex_test *test)
{
	unsigned int nr = stress_threads ?: num_online_cpus() + 1;
	u64 seed = stress_seed ?: get_random_long(), rnd = seed;
	struct stress_driver *drivers;
	unsigned int i, cpu;

	drivers = kvcalloc(nr, sizeof(*drivers), GFP_KERNEL);
	if (!EXPECT(test, drivers))
		return;
	for_each_possible_cpu(cpu)
		memset(per_cpu(stress_counts, cpu), 0, sizeof(stress_counts));
	stress_test = test;
	stress_over = false;
	scopex_test_note(test, "stress_seed=%lu stress_seconds=%u stress_threads=%u",
			 (unsigned long)seed, stress_seconds, nr);
	/* In the log, too, as a run that hangs has no results. */
	pr_info("scopex_test: stress_seed=%lu stress_workers=%u\n", (unsigned long)seed,
		stress_workers);

	for (i = 0; i < nr; i++) {
		drivers[i].rnd = draw(&rnd);
		drivers[i].thread = test_thread(test, stress_thread, &drivers[i],
						nr_cpu_ids);
	}
	stress_until_over(&rnd);
	WRITE_ONCE(stress_over, true);
	for (i = 0; i < nr; i++)
		test_thread_stop(drivers[i].thread);
	/* No task waits for detached items; but in the end all have to be released. */
	for (i = 0; i < 3000 && atomic_read(&stress_detached); i++)
		msleep(20);
	EXPECT_EQ(test, atomic_read(&stress_detached), 0);
	stress_note(test);
	kvfree(drivers);
}

static const struct scopex_case stress_cases[] = {
	SCOPEX_CASE(everything_at_random),
};

SCOPEX_SUITE(stress, stress_cases);
