// SPDX-License-Identifier: GPL-2.0
/* Suites for selftests/pool.sh: what the watchdog reports about joins that take long */

#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "test.h"

#define JOIN_CPU	0

/**
 * struct stream - items that are submitted to a scope while its owner waits
 * @scope: the scope
 * @first: keeps it from being drained
 * @stop: the test is over
 */
struct stream {
	struct scopex_scope	*scope;
	struct holder		first;
	bool			stop;
};

/* Sometimes there are some more, so that the watchdog sees them come and go. */
static int stream_thread(void *data)
{
	struct stream *stream = data;
	struct holder holders[4];
	struct completion begun;
	unsigned int i;

	while (!READ_ONCE(stream->stop)) {
		init_completion(&begun);
		for (i = 0; i < ARRAY_SIZE(holders); i++) {
			holder_init(&holders[i], &begun);
			WARN_ON(scopex_submit_on(stream->scope, JOIN_CPU, &holders[i].work));
		}
		for (i = 0; i < ARRAY_SIZE(holders); i++)
			wait_for_completion(&begun);
		msleep(300);
		for (i = 0; i < ARRAY_SIZE(holders); i++) {
			complete(&holders[i].go);
			while (scopex_work_busy(&holders[i].work))
				usleep_range(100, 500);
		}
		msleep(300);
	}
	complete(&stream->first.go);
	test_thread_until_stopped();
	return 0;
}

static int releaser_thread(void *data)
{
	scopex_test_until_released();
	WRITE_ONCE(*(bool *)data, true);
	test_thread_until_stopped();
	return 0;
}

/* pool.sh looks at the log, and ends it. */
static void join_that_newcomers_keep(struct scopex_test *test)
{
	struct task_struct *streamer, *releaser;
	struct stream stream = { .stop = false };
	struct completion begun;

	init_completion(&begun);
	holder_init(&stream.first, &begun);
	scopex_scope(endless) {
		stream.scope = endless;
		EXPECT_EQ(test, scopex_submit_on(endless, JOIN_CPU, &stream.first.work), 0);
		wait_for_completion(&begun);
		releaser = test_thread(test, releaser_thread, &stream.stop, nr_cpu_ids);
		streamer = test_thread(test, stream_thread, &stream, nr_cpu_ids);
		EXPECT_EQ(test, scopex_join(endless), 0);
	}
	test_thread_stop(streamer);
	test_thread_stop(releaser);
}

static const struct scopex_case endless_cases[] = {
	SCOPEX_CASE(join_that_newcomers_keep),
};

SCOPEX_SUITE(endless, endless_cases);

/* Two items that submit each other, so that there is always one, and never more. */
struct chain {
	struct scopex_work	work[2];
	bool			stop;
};

static int link_of_chain(struct scopex_work *work, struct chain *chain, unsigned int next)
{
	int err;

	scopex_will_block();
	msleep(20);
	if (READ_ONCE(chain->stop))
		return 0;
	/* The worker of the other item may not have completed it yet. */
	do {
		err = scopex_submit_on(scopex_work_scope(work), JOIN_CPU, &chain->work[next]);
		if (err == -EBUSY)
			usleep_range(50, 100);
	} while (err == -EBUSY);
	return err;
}

static int first_link_fn(struct scopex_work *work)
{
	return link_of_chain(work, container_of(work, struct chain, work[0]), 1);
}

static int second_link_fn(struct scopex_work *work)
{
	return link_of_chain(work, container_of(work, struct chain, work[1]), 0);
}

/* As above. */
static void join_that_a_chain_keeps(struct scopex_test *test)
{
	struct chain chain = { .work = { SCOPEX_WORK_INIT(first_link_fn),
					 SCOPEX_WORK_INIT(second_link_fn) } };
	struct task_struct *releaser;

	scopex_scope(endless) {
		EXPECT_EQ(test, scopex_submit_on(endless, JOIN_CPU, &chain.work[0]), 0);
		releaser = test_thread(test, releaser_thread, &chain.stop, nr_cpu_ids);
		EXPECT_EQ(test, scopex_join(endless), 0);
	}
	test_thread_stop(releaser);
}

static const struct scopex_case chain_cases[] = {
	SCOPEX_CASE(join_that_a_chain_keeps),
};

SCOPEX_SUITE(chain, chain_cases);

/**
 * struct among - an endless join among others
 * @endless: an item that waits for a chain
 * @patient: an item that waits for one other, all the time
 * @rounds: an item that waits in many short rounds
 * @chain: the chain; it ends everything
 * @begun: the item has opened its scope, and has submitted to it
 */
struct among {
	struct scopex_work	endless;
	struct scopex_work	patient;
	struct scopex_work	rounds;
	struct chain		chain;
	struct completion	begun;
};

struct nap {
	struct scopex_work	work;
	bool			*stop;
};

static int naps_on_fn(struct scopex_work *work)
{
	struct nap *nap = container_of(work, struct nap, work);

	scopex_will_block();
	do
		msleep(20);
	while (nap->stop && !READ_ONCE(*nap->stop));
	return 0;
}

static int waits_for_chain_fn(struct scopex_work *work)
{
	struct among *among = container_of(work, struct among, endless);
	int err;

	scopex_scope(endless) {
		err = scopex_submit_on(endless, JOIN_CPU, &among->chain.work[0]);
		complete(&among->begun);
		err = err ?: scopex_join(endless);
	}
	return err;
}

static int waits_patiently_fn(struct scopex_work *work)
{
	struct among *among = container_of(work, struct among, patient);
	struct nap nap = { .work = SCOPEX_WORK_INIT(naps_on_fn), .stop = &among->chain.stop };
	int err;

	scopex_scope(patient) {
		err = scopex_submit_on(patient, JOIN_CPU, &nap.work);
		complete(&among->begun);
		err = err ?: scopex_join(patient);
	}
	return err;
}

static int waits_in_rounds_fn(struct scopex_work *work)
{
	struct among *among = container_of(work, struct among, rounds);
	struct nap nap = { .work = SCOPEX_WORK_INIT(naps_on_fn) };
	int err = 0;

	scopex_scope(rounds) {
		complete(&among->begun);
		while (!err && !READ_ONCE(among->chain.stop)) {
			err = scopex_submit_on(rounds, JOIN_CPU, &nap.work);
			err = err ?: scopex_join(rounds);
		}
	}
	return err;
}

/*
 * As above. The watchdog comes to the endless join after the other scopes: the one that has all
 * of these in it, for which nobody waits, and then those that were opened later.
 */
static void endless_join_among_others(struct scopex_test *test)
{
	struct among among = {
		.endless = SCOPEX_WORK_INIT(waits_for_chain_fn),
		.patient = SCOPEX_WORK_INIT(waits_patiently_fn),
		.rounds = SCOPEX_WORK_INIT(waits_in_rounds_fn),
		.chain.work = { SCOPEX_WORK_INIT(first_link_fn),
				SCOPEX_WORK_INIT(second_link_fn) },
	};
	struct scopex_work *items[] = { &among.endless, &among.patient, &among.rounds };
	struct task_struct *releaser;
	unsigned int i;

	scopex_scope(outer) {
		for (i = 0; i < ARRAY_SIZE(items); i++) {
			init_completion(&among.begun);
			EXPECT_EQ(test, scopex_submit_on(outer, JOIN_CPU, items[i]), 0);
			wait_for_completion(&among.begun);
		}
		releaser = test_thread(test, releaser_thread, &among.chain.stop, nr_cpu_ids);
		while (!READ_ONCE(among.chain.stop))
			msleep(20);
		EXPECT_EQ(test, scopex_join(outer), 0);
	}
	test_thread_stop(releaser);
}

static const struct scopex_case among_cases[] = {
	SCOPEX_CASE(endless_join_among_others),
};

SCOPEX_SUITE(among, among_cases);

#define FINITE_ITEMS	24

static int naps_shortly_fn(struct scopex_work *work)
{
	scopex_will_block();
	msleep(150);
	return 0;
}

/* All items were submitted before the wait began: they end, one by one. */
static void join_of_a_long_batch(struct scopex_test *test)
{
	struct scopex_work *items = kcalloc(FINITE_ITEMS, sizeof(*items), GFP_KERNEL);
	unsigned int i;

	if (!EXPECT(test, items))
		return;
	scopex_scope(long_batch, .limit = 1) {
		for (i = 0; i < FINITE_ITEMS; i++) {
			scopex_work_init(&items[i], naps_shortly_fn);
			EXPECT_EQ(test, scopex_submit_on(long_batch, SCOPEX_CPU_LOCAL, &items[i]),
				  0);
		}
		EXPECT_EQ(test, scopex_join(long_batch), 0);
	}
	kfree(items);
}

/* More items than the watchdog counts. */
static void join_of_a_crowd(struct scopex_test *test)
{
	unsigned int nr = 2 * U16_MAX, i;
	struct scopex_work *items = kvcalloc(nr, sizeof(*items), GFP_KERNEL);

	if (!EXPECT(test, items))
		return;
	scopex_scope(crowd, .limit = 1, .timeout_us = 4000 * USEC_PER_MSEC) {
		for (i = 0; i < nr; i++) {
			scopex_work_init(&items[i], naps_shortly_fn);
			EXPECT(test, !scopex_submit_on(crowd, SCOPEX_CPU_LOCAL,
						       &items[i]) || scopex_cancelled(crowd));
		}
		EXPECT_EQ(test, scopex_join(crowd), -ETIME);
	}
	kvfree(items);
}

static int naps_long_fn(struct scopex_work *work)
{
	scopex_will_block();
	msleep(2000);
	return 0;
}

static void join_of_a_long_item(struct scopex_test *test)
{
	struct scopex_work item = SCOPEX_WORK_INIT(naps_long_fn);

	scopex_scope(long_item) {
		EXPECT_EQ(test, scopex_submit_on(long_item, SCOPEX_CPU_LOCAL, &item), 0);
		EXPECT_EQ(test, scopex_join(long_item), 0);
	}
}

/* Leave values on the stack that look as if the watchdog had seen a long wait. */
static void join_in_a_dirty_frame(struct scopex_test *test)
{
	struct scopex_work item = SCOPEX_WORK_INIT(naps_long_fn);
	struct scopex_scope dirty;

	memset(&dirty, 0, sizeof(dirty));
	/* The first wait is round 1. */
	dirty.wait_round = 1;
	dirty.wait_looks = U8_MAX;
	__scopex_open(&dirty, __SCOPEX_SITE("dirty"), NULL);
	EXPECT_EQ(test, scopex_submit_on(&dirty, SCOPEX_CPU_LOCAL, &item), 0);
	__scopex_close(&dirty);
}

/* More in one round than in another, so that there is a rise from one to the next. */
static void joins_of_many_rounds(struct scopex_test *test)
{
	struct scopex_work items[7];
	unsigned int i, round;

	for (i = 0; i < ARRAY_SIZE(items); i++)
		scopex_work_init(&items[i], naps_shortly_fn);
	scopex_scope(rounds) {
		for (round = 0; round < 20; round++) {
			for (i = 0; i < 1 + round % ARRAY_SIZE(items); i++)
				EXPECT_EQ(test,
					  scopex_submit_on(rounds, SCOPEX_CPU_LOCAL, &items[i]), 0);
			EXPECT_EQ(test, scopex_join(rounds), 0);
		}
	}
}

/* As long as nobody waits for the scope, newcomers keep no join from its end. */
static void newcomers_before_the_join(struct scopex_test *test)
{
	struct scopex_work *items = kcalloc(FINITE_ITEMS, sizeof(*items), GFP_KERNEL);
	unsigned int i;

	if (!EXPECT(test, items))
		return;
	scopex_scope(no_wait) {
		for (i = 0; i < FINITE_ITEMS; i++) {
			scopex_work_init(&items[i], naps_shortly_fn);
			EXPECT_EQ(test, scopex_submit_on(no_wait, SCOPEX_CPU_LOCAL, &items[i]), 0);
			msleep(100);
		}
		EXPECT_EQ(test, scopex_join(no_wait), 0);
	}
	kfree(items);
}

static const struct scopex_case finite_cases[] = {
	SCOPEX_CASE(join_of_a_long_batch),
	SCOPEX_CASE(join_of_a_crowd),
	SCOPEX_CASE(join_of_a_long_item),
	SCOPEX_CASE(join_in_a_dirty_frame),
	SCOPEX_CASE(joins_of_many_rounds),
	SCOPEX_CASE(newcomers_before_the_join),
};

SCOPEX_SUITE(finite, finite_cases);

/**
 * struct host - an item that submits one more to its scope
 * @work: the item
 * @guest: the other one
 */
struct host {
	struct scopex_work	work;
	struct scopex_work	guest;
};

/* Wait until the watchdog has seen what it has to see; not for long if it never does. */
#define UNTIL_SEEN(cond) do {						\
	for (unsigned int __i = 0; __i < 4000 && !(cond); __i++)	\
		usleep_range(500, 1000);				\
} while (0)

/* The guest runs until the first look that finds it, so one or two looks see it. */
static int guest_fn(struct scopex_work *work)
{
	struct scopex_scope *scope = scopex_work_scope(work);
	u8 rises = READ_ONCE(scope->rises);

	scopex_will_block();
	UNTIL_SEEN(READ_ONCE(scope->rises) != rises);
	return 0;
}

/* The wait is a long one by then. */
static int host_fn(struct scopex_work *work)
{
	struct host *host = container_of(work, struct host, work);
	struct scopex_scope *scope = scopex_work_scope(work);

	scopex_will_block();
	UNTIL_SEEN(READ_ONCE(scope->wait_round) == scope->rounds &&
		   READ_ONCE(scope->wait_looks) > 5);
	return scopex_submit_on(scope, JOIN_CPU, &host->guest);
}

/* Newcomers in some waits do not make any of them endless. */
static void joins_with_a_newcomer(struct scopex_test *test)
{
	struct host host;
	unsigned int round;

	scopex_work_init(&host.work, host_fn);
	scopex_work_init(&host.guest, guest_fn);
	scopex_scope(newcomer) {
		for (round = 0; round < 4; round++) {
			EXPECT_EQ(test, scopex_submit_on(newcomer, JOIN_CPU, &host.work), 0);
			EXPECT_EQ(test, scopex_join(newcomer), 0);
		}
	}
}

static const struct scopex_case newcomer_cases[] = {
	SCOPEX_CASE(joins_with_a_newcomer),
};

SCOPEX_SUITE(newcomer, newcomer_cases);
