/* SPDX-License-Identifier: GPL-2.0 */
/* The in-kernel tests of scopex: cases, expectations, helpers */
#ifndef _SCOPEX_TEST_H
#define _SCOPEX_TEST_H

#include <linux/completion.h>
#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/scopex.h>
#include <linux/smp.h>

#include "../inject.h"

struct scopex_test;

/*
 * A name that would break a table, a terminal or a picture: blanks, the end of a line, an
 * escape sequence, signs of XML, a backslash, bytes that are not UTF-8; and the same as the
 * kernel log has to show it. It fits into the name of a task.
 */
#define TEST_ODD	"a b\n\033[1m<&\"\\\377#"
#define TEST_ODD_SHOWN	"a b\\012\\033[1m<&\"\\134\\377#"
#define TEST_ODD_SITE(_site) {						\
	.name = "odd " TEST_ODD, .func = "odd_fn " TEST_ODD,		\
	.file = "dir/odd.c " TEST_ODD, .line = 1,			\
	__SCOPEX_SITE_MAP("odd", _site)					\
}

/**
 * struct scopex_case - one test case
 * @name: what the reader of the results sees
 * @run: the test; reports through the macros below
 */
struct scopex_case {
	const char	*name;
	void		(*run)(struct scopex_test *test);
};

#define SCOPEX_CASE(_fn)	{ .name = #_fn, .run = _fn }

/**
 * struct scopex_suite - cases that are run together
 * @name: what is written to the file "run"; suites with the same name are parts of one
 * @cases: the cases
 * @nr: how many
 */
struct scopex_suite {
	const char			*name;
	const struct scopex_case	*cases;
	unsigned int			nr;
};

#define SCOPEX_SUITE_PART(_name, _part, _cases)				\
	const struct scopex_suite _part##_suite = {			\
		.name = #_name,						\
		.cases = _cases,					\
		.nr = ARRAY_SIZE(_cases),				\
	}

#define SCOPEX_SUITE(_name, _cases)	SCOPEX_SUITE_PART(_name, _name, _cases)

extern const struct scopex_suite api_suite;
extern const struct scopex_suite api_cancel_suite;
extern const struct scopex_suite misuse_suite;
extern const struct scopex_suite misuse_item_suite;
extern const struct scopex_suite irq_suite;
extern const struct scopex_suite race_suite;
extern const struct scopex_suite race_claim_suite;
extern const struct scopex_suite hotplug_suite;
extern const struct scopex_suite nowhere_suite;
extern const struct scopex_suite nest_suite;
extern const struct scopex_suite nest_block_suite;
extern const struct scopex_suite bound_suite;
extern const struct scopex_suite prompt_suite;
extern const struct scopex_suite fresh_suite;
extern const struct scopex_suite cancel_suite;
extern const struct scopex_suite cancel_deadline_suite;
extern const struct scopex_suite cancel_signal_suite;
extern const struct scopex_suite walk_suite;
extern const struct scopex_suite walk_detached_suite;
extern const struct scopex_suite serial_walk_suite;
extern const struct scopex_suite array_suite;
extern const struct scopex_suite loop_suite;
extern const struct scopex_suite reduce_suite;
extern const struct scopex_suite each_cpu_suite;
extern const struct scopex_suite loop_helpers_suite;
extern const struct scopex_suite lone_suite;
extern const struct scopex_suite short_suite;
extern const struct scopex_suite tracers_suite;
extern const struct scopex_suite serial_tracers_suite;
extern const struct scopex_suite join_item_suite;
extern const struct scopex_suite limit_suite;
extern const struct scopex_suite limit_per_cpu_suite;
extern const struct scopex_suite turn_suite;
extern const struct scopex_suite detached_suite;
extern const struct scopex_suite detached_module_suite;
extern const struct scopex_suite detached_release_suite;
extern const struct scopex_suite detached_misuse_suite;
extern const struct scopex_suite release_suite;
extern const struct scopex_suite lingers_suite;
extern const struct scopex_suite coming_suite;
extern const struct scopex_suite exit_suite;
extern const struct scopex_suite leak_suite;
extern const struct scopex_suite undead_suite;
extern const struct scopex_suite oops_suite;
extern const struct scopex_suite deadlock_suite;
extern const struct scopex_suite waits_suite;
extern const struct scopex_suite anywhere_suite;
extern const struct scopex_suite named_suite;
extern const struct scopex_suite stress_suite;
extern const struct scopex_suite load_suite;
extern const struct scopex_suite hold_suite;
extern const struct scopex_suite tree_suite;
extern const struct scopex_suite sites_suite;
extern const struct scopex_suite odd_suite;
extern const struct scopex_suite odd_hold_suite;
extern const struct scopex_suite slow_suite;
extern const struct scopex_suite convoy_suite;
extern const struct scopex_suite memory_suite;
extern const struct scopex_suite allocates_suite;
extern const struct scopex_suite spin_suite;
extern const struct scopex_suite wait_queue_suite;
extern const struct scopex_suite file_suite;
extern const struct scopex_suite socket_suite;
extern const struct scopex_suite grace_suite;
extern const struct scopex_suite direct_suite;
extern const struct scopex_suite disk_suite;
extern const struct scopex_suite frozen_suite;
extern const struct scopex_suite crowd_suite;
extern const struct scopex_suite sleepers_suite;
extern const struct scopex_suite awake_suite;
extern const struct scopex_suite senders_suite;
extern const struct scopex_suite full_suite;
extern const struct scopex_suite serial_suite;
extern const struct scopex_suite reclaim_suite;
extern const struct scopex_suite unmade_suite;
extern const struct scopex_suite unserved_suite;
extern const struct scopex_suite beside_suite;
extern const struct scopex_suite late_suite;
extern const struct scopex_suite mortal_suite;
extern const struct scopex_suite mourned_suite;
extern const struct scopex_suite tight_suite;
extern const struct scopex_suite again_suite;
extern const struct scopex_suite again_serial_suite;
extern const struct scopex_suite again_bound_suite;
extern const struct scopex_suite away_suite;
extern const struct scopex_suite rounds_suite;
extern const struct scopex_suite leave_suite;
extern const struct scopex_suite placed_suite;
extern const struct scopex_suite steal_suite;
extern const struct scopex_suite task_suite;
extern const struct scopex_suite batch_suite;
extern const struct scopex_suite batch_alone_suite;
extern const struct scopex_suite task_cancel_suite;
extern const struct scopex_suite task_serial_suite;
extern const struct scopex_suite task_bound_suite;
extern const struct scopex_suite task_misuse_suite;
extern const struct scopex_suite task_scope_suite;
extern const struct scopex_suite asleep_suite;
extern const struct scopex_suite task_leave_suite;
extern const struct scopex_suite timer_suite;
extern const struct scopex_suite timer_race_suite;
extern const struct scopex_suite timer_many_suite;
extern const struct scopex_suite timer_hotplug_suite;
extern const struct scopex_suite set_suite;
extern const struct scopex_suite million_suite;
extern const struct scopex_suite sync_suite;
extern const struct scopex_suite sync_channel_suite;
extern const struct scopex_suite sync_mix_suite;
extern const struct scopex_suite several_suite;
extern const struct scopex_suite several_scope_suite;
extern const struct scopex_suite stopped_suite;
extern const struct scopex_suite crowded_suite;
extern const struct scopex_suite flood_suite;
extern const struct scopex_suite partial_suite;
extern const struct scopex_suite endless_suite;
extern const struct scopex_suite chain_suite;
extern const struct scopex_suite among_suite;
extern const struct scopex_suite newcomer_suite;
extern const struct scopex_suite finite_suite;

__printf(2, 3)
void scopex_test_fail(struct scopex_test *test, const char *fmt, ...);
bool scopex_test_failed(struct scopex_test *test);
__printf(2, 3)
void scopex_test_note(struct scopex_test *test, const char *fmt, ...);
void scopex_test_skip(struct scopex_test *test, const char *why);
void scopex_test_until_released(void);

/* Each macro evaluates its arguments once, and the case goes on after a failure. */
#define EXPECT(test, cond) ({						\
	bool __ok = (cond);						\
	if (!__ok)							\
		scopex_test_fail(test, "%s:%d: %s", kbasename(__FILE__),	\
				 __LINE__, #cond);			\
	__ok;								\
})

#define EXPECT_EQ(test, left, right) ({					\
	long long __left = (left), __right = (right);			\
	if (__left != __right)						\
		scopex_test_fail(test, "%s:%d: %s is %lld, not %lld (%s)", \
				 kbasename(__FILE__), __LINE__, #left,	\
				 __left, __right, #right);		\
	__left == __right;						\
})

/*
 * The statement has to cause exactly one kernel warning with this text. The marks in the
 * log are for selftests/misuse.sh, and for the VM, which takes any other warning for a
 * failure.
 */
#define EXPECT_WARNING(text, statement) do {				\
	pr_info("scopex_test: expect \"%s\"\n", text);			\
	statement;							\
	pr_info("scopex_test: expected\n");				\
} while (0)

/* The same with two warnings, in this order. */
#define EXPECT_WARNINGS(first, second, statement) do {			\
	pr_info("scopex_test: expect \"%s\" and \"%s\"\n", first, second);	\
	statement;							\
	pr_info("scopex_test: expected\n");				\
} while (0)

/**
 * struct test_item - a work item for tests
 * @work: the item
 * @ret: what its function returns
 * @runs: how often it ran
 * @cpu: where it ran last
 * @order: its place among the items that count in @turn
 * @turn: counts the items that ran; may be NULL
 * @gate: what it waits for; may be NULL
 */
struct test_item {
	struct scopex_work	work;
	int			ret;
	atomic_t		runs;
	unsigned int		cpu;
	int			order;
	atomic_t		*turn;
	struct test_gate	*gate;
};

/**
 * struct test_gate - stops items until the test lets them go on
 * @reached: completed by an item that stands at the gate
 * @go: completed by the test
 */
struct test_gate {
	struct completion	reached;
	struct completion	go;
};

static inline void test_gate_init(struct test_gate *gate)
{
	init_completion(&gate->reached);
	init_completion(&gate->go);
}

/*
 * An item waits for the test, awake: the watchdog gives the queue of a sleeping item to another
 * worker.
 */
static inline void until_told(struct completion *tell)
{
	while (!try_wait_for_completion(tell))
		cond_resched_tasks_rcu_qs();
}

int test_item_fn(struct scopex_work *work);

/* Of scopes that a test opens without the macros. */
extern struct scopex_site test_site;

void nest_to(struct scopex_test *test, unsigned int cpu, unsigned int depth);

#ifndef MODULE
void test_before_the_init(struct scopex_test *test);
#endif

static inline void test_item_init(struct test_item *item)
{
	*item = (struct test_item){ .work = SCOPEX_WORK_INIT(test_item_fn) };
}

/* An item that stops at a gate of its own. */
static inline void test_gated_item_init(struct test_item *item, struct test_gate *gate)
{
	test_gate_init(gate);
	test_item_init(item);
	item->gate = gate;
}

struct test_item *test_items(unsigned int nr);
void test_gate_shut(struct scopex_test *test, struct scopex_scope *scope, unsigned int cpu,
		    struct test_item *item, struct test_gate *gate);
unsigned int test_hold_cpus(struct scopex_scope *scope, struct test_item *items,
			    struct test_gate *gate);
bool test_served(unsigned int cpu);
/**
 * struct holder - an item that waits for the test, and says so
 * @work: the item
 * @begun: completed when it runs
 * @go: ends it
 * @in: it runs, or has run
 */
struct holder {
	struct scopex_work	work;
	struct completion	*begun;
	struct completion	go;
	bool			in;
};

int holds_worker_fn(struct scopex_work *work);
void holder_init(struct holder *holder, struct completion *begun);

unsigned int test_this_cpu(void);
unsigned int test_other_cpu(unsigned int cpu);
unsigned int test_hotplug_cpu(struct scopex_test *test);

struct task_struct *test_thread(struct scopex_test *test,
				int (*fn)(void *data), void *data,
				unsigned int cpu);
int test_thread_stop(struct task_struct *thread);
void test_thread_until_stopped(void);

/* Delays at points of the protocol, where the module has them. */
#ifdef CONFIG_SCOPEX_INJECT
#define TEST_INJECT	true
#else
#define TEST_INJECT	false
static inline void scopex_inject_set(enum scopex_inject_point point,
				     unsigned int usecs) { }
static inline void scopex_inject_release(enum scopex_inject_point point) { }
static inline unsigned int scopex_inject_hits(enum scopex_inject_point point)
{
	return 0;
}

static inline void scopex_inject_no_workers(unsigned int nr) { }
#endif

/* End a delay. A thread must have hit it, or the test has tested nothing. */
static inline void test_inject_end(struct scopex_test *test,
				   enum scopex_inject_point point)
{
	EXPECT(test, !TEST_INJECT || scopex_inject_hits(point) > 0);
	scopex_inject_set(point, 0);
}

#endif /* _SCOPEX_TEST_H */
