// SPDX-License-Identifier: GPL-2.0
/* Suite "sync": tasks that talk to each other all the time, on all CPUs, and are cancelled */

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "stress.h"
#include "sync.h"

#define ROUNDS		10000
#define MESSAGES	131072
#define PERMITS		3
#define GROUPS		4
#define GROUP		12

/**
 * struct player - one of two tasks that send a message there and back
 * @task: the task
 * @transfer: how it waits
 * @in: where it receives
 * @out: where it sends
 * @buffer: the ring of @in
 * @message: the message, which counts the rounds
 * @rounds: how many it has made
 * @serves: it begins
 */
struct player {
	struct scopex_task	task;
	struct scopex_transfer	transfer;
	struct scopex_channel	in;
	struct scopex_channel	*out;
	unsigned long		buffer;
	unsigned long		message;
	unsigned long		rounds;
	bool			serves;
};

static int player_fn(struct scopex_task *task)
{
	struct player *p = container_of(task, struct player, task);
	int err;

	scopex_coroutine(task) {
		while (p->rounds < ROUNDS) {
			if (!p->serves || p->rounds) {
				scopex_await(task, err,
					     scopex_channel_receive(&p->transfer, &p->in,
								    &p->message));
				if (err)
					return err;
			}
			p->message++;
			WRITE_ONCE(p->rounds, p->rounds + 1);
			scopex_await(task, err, scopex_channel_send(&p->transfer, p->out,
								    &p->message));
			if (err)
				return err;
		}
	}
	return 0;
}

/* On one CPU, and on two. An item that comes in the middle runs in the middle. */
static void two_tasks_play(struct scopex_test *test)
{
	unsigned int i, apart, second, cpu = test_this_cpu();
	struct test_item item, gated;
	struct player players[2];
	struct test_gate gate;

	for (apart = 0; apart < 2; apart++) {
		for (i = 0; i < 2; i++) {
			players[i] = (struct player){
				.task = SCOPEX_TASK_INIT(player_fn),
				.out = &players[!i].in,
				.serves = !i,
			};
			scopex_channel_init(&players[i].in, &players[i].buffer, 1,
					    sizeof(unsigned long));
		}
		second = apart ? test_other_cpu(cpu) : cpu;
		test_item_init(&item);
		scopex_scope(theirs) {
			/* So that the item is queued before the game is over. */
			test_gate_shut(test, theirs, cpu, &gated, &gate);
			for (i = 0; i < 2; i++)
				EXPECT_EQ(test, scopex_submit_on(theirs, i ? second : cpu,
								 &players[i].task.work), 0);
			scopex_scope(s) {
				EXPECT_EQ(test, scopex_submit_on(s, cpu, &item.work), 0);
				complete(&gate.go);
				EXPECT_EQ(test, scopex_join(s), 0);
				EXPECT(test, READ_ONCE(players[0].rounds) < ROUNDS);
			}
			EXPECT_EQ(test, scopex_join(theirs), 0);
		}
		for (i = 0; i < 2; i++)
			EXPECT_EQ(test, players[i].rounds, ROUNDS);
		/* The last message is still on its way. */
		EXPECT_EQ(test, players[0].in.count, 1);
		EXPECT_EQ(test, players[0].buffer, 2 * ROUNDS);
	}
}

/**
 * struct reader - a task that reads a channel which is always full
 * @task: the task
 * @transfer: how it waits
 * @channel: the channel
 * @buffer: its ring
 * @message: what it has read
 * @nr: how many it has read
 */
struct reader {
	struct scopex_task	task;
	struct scopex_transfer	transfer;
	struct scopex_channel	channel;
	unsigned long		buffer[64];
	unsigned long		message;
	unsigned long		nr;
};

static int reader_fn(struct scopex_task *task)
{
	struct reader *r = container_of(task, struct reader, task);
	int err;

	scopex_coroutine(task) {
		for (;;) {
			scopex_await(task, err, scopex_channel_receive(&r->transfer, &r->channel,
								       &r->message));
			if (err)
				return err == -EPIPE ? 0 : err;
			r->nr++;
			/* Always full, also where no other CPU could make it so. */
			scopex_channel_try_send(&r->channel, &r->message);
			if (scopex_should_yield())
				scopex_yield(task);
		}
	}
	return 0;
}

/* The awaits are ready at once, so the task never waits. It asks, and makes way. */
static void reader_of_a_full_channel_makes_way(struct scopex_test *test)
{
	struct reader *r = kzalloc(sizeof(*r), GFP_KERNEL);
	unsigned int i, cpu = test_this_cpu();
	struct test_item item;

	if (!EXPECT(test, r))
		return;
	scopex_task_init(&r->task, reader_fn);
	scopex_channel_init(&r->channel, r->buffer, ARRAY_SIZE(r->buffer), sizeof(r->message));
	while (!scopex_channel_try_send(&r->channel, &r->message))
		;
	scopex_scope(theirs) {
		EXPECT_EQ(test, scopex_submit_on(theirs, cpu, &r->task.work), 0);
		for (i = 0; i < 20; i++) {
			test_item_init(&item);
			scopex_scope(s)
				EXPECT_EQ(test, scopex_submit_on(s, cpu, &item.work), 0);
			EXPECT_EQ(test, scopex_work_result(&item.work), 0);
		}
		EXPECT_EQ(test, scopex_work_result(&r->task.work), -EINPROGRESS);
		scopex_channel_close(&r->channel);
		EXPECT_EQ(test, scopex_join(theirs), 0);
	}
	EXPECT(test, r->nr);
	kfree(r);
}

/**
 * struct mix - what tasks that do all of it share
 * @test: the test
 * @channel: the messages, each of which has a number of its own
 * @buffer: its ring
 * @semaphore: PERMITS permits
 * @holders: how many tasks have one
 * @next: the number of the next message
 * @sent: which were sent
 * @received: how often each was received
 * @end: when it is over
 */
struct mix {
	struct scopex_test	*test;
	struct scopex_channel	channel;
	unsigned long		buffer[4];
	struct scopex_semaphore	semaphore;
	atomic_t		holders;
	atomic_long_t		next;
	u8			*sent;
	atomic_t		*received;
	unsigned long		end;
};

enum mixer_kind { SENDER, RECEIVER, HOLDER, EITHER, KINDS };

/**
 * struct mixer - one of the tasks, until its scope is cancelled
 * @task: the task
 * @kind: what it does
 * @mix: what it shares
 * @transfer: how it waits for a message, or to send one
 * @down: how it waits for a permit
 * @several: how it waits for either
 * @members: the two
 * @message: the message
 * @did: what it has done
 */
struct mixer {
	struct scopex_task		task;
	enum mixer_kind			kind;
	struct mix			*mix;
	struct scopex_transfer		transfer;
	struct scopex_semaphore_waiter	down;
	struct scopex_several		several;
	struct scopex_member		members[2];
	unsigned long			message;
	unsigned int			did;
};

static struct scopex_await *mixer_await(struct mixer *m)
{
	struct mix *mix = m->mix;

	switch (m->kind) {
	case SENDER:
		m->message = atomic_long_inc_return(&mix->next) - 1;
		return scopex_channel_send(&m->transfer, &mix->channel, &m->message);
	case RECEIVER:
		return scopex_channel_receive(&m->transfer, &mix->channel, &m->message);
	case HOLDER:
		return scopex_semaphore_down(&m->down, &mix->semaphore);
	default:
		/* One comes first half of the time. */
		m->members[m->did % 2].await =
			scopex_channel_receive(&m->transfer, &mix->channel, &m->message);
		m->members[(m->did + 1) % 2].await =
			scopex_semaphore_down(&m->down, &mix->semaphore);
		return scopex_first_of(&m->several, m->members, 2);
	}
}

static void mixer_received(struct mixer *m)
{
	struct scopex_test *test = m->mix->test;

	if (EXPECT(test, m->message < MESSAGES))
		atomic_inc(&m->mix->received[m->message]);
	m->message = ULONG_MAX;
}

static bool mixer_has_permit(struct mixer *m)
{
	return m->kind == HOLDER || (m->kind == EITHER && m->several.winner != m->did % 2);
}

static int mixer_fn(struct scopex_task *task)
{
	struct mixer *m = container_of(task, struct mixer, task);
	struct mix *mix = m->mix;
	int err;

	scopex_coroutine(task) {
		while (atomic_long_read(&mix->next) < MESSAGES - GROUPS * GROUP) {
			scopex_await(task, err, mixer_await(m));
			if (err)
				return err;
			if (mixer_has_permit(m)) {
				EXPECT(mix->test, atomic_inc_return(&mix->holders) <= PERMITS);
				if (m->did % 3)
					scopex_yield(task);
				atomic_dec(&mix->holders);
				scopex_semaphore_up(&mix->semaphore);
			} else if (m->kind == SENDER) {
				mix->sent[m->message] = 1;
			} else {
				mixer_received(m);
			}
			m->did++;
			if (scopex_should_yield())
				scopex_yield(task);
		}
	}
	return 0;
}

/* A thread that runs groups of tasks, and cancels each one after a while. */
static int mix_thread_fn(void *data)
{
	struct mixer *mixers = kmalloc_array(GROUP, sizeof(*mixers), GFP_KERNEL);
	struct mix *mix = data;
	struct scopex_test *test = mix->test;
	u64 rnd = get_random_long();
	unsigned int i;
	int err;

	while (EXPECT(test, mixers) && time_before(jiffies, mix->end)) {
		scopex_scope(s) {
			for (i = 0; i < GROUP; i++) {
				mixers[i] = (struct mixer){
					.task = SCOPEX_TASK_INIT(mixer_fn),
					.kind = below(&rnd, KINDS),
					.mix = mix,
					.message = ULONG_MAX,
				};
				EXPECT_EQ(test, scopex_submit(s, &mixers[i].task.work), 0);
			}
			if (one_in(&rnd, 2))
				usleep_range(1, 1 + below(&rnd, 500));
			scopex_cancel(s, -ECANCELED);
			EXPECT_EQ(test, scopex_join(s), -ECANCELED);
		}
		for (i = 0; i < GROUP; i++) {
			err = scopex_work_result(&mixers[i].task.work);
			EXPECT(test, !err || err == -ECANCELED);
		}
	}
	kfree(mixers);
	test_thread_until_stopped();
	return 0;
}

/* In a hard interrupt: take what is there, or add something. */
static void mix_shot(void *data)
{
	struct mix *mix = data;
	unsigned long message = atomic_long_inc_return(&mix->next) - 1;

	if (message < MESSAGES && !scopex_channel_try_send(&mix->channel, &message))
		mix->sent[message] = 1;
	if (scopex_semaphore_try_down(&mix->semaphore))
		scopex_semaphore_up(&mix->semaphore);
	if (!scopex_channel_try_receive(&mix->channel, &message) && message < MESSAGES)
		atomic_inc(&mix->received[message]);
}

static void mix_check(struct scopex_test *test, struct mix *mix)
{
	unsigned long i, nr = 0, message;

	while (!scopex_channel_try_receive(&mix->channel, &message))
		if (EXPECT(test, message < MESSAGES))
			atomic_inc(&mix->received[message]);
	for (i = 0; i < MESSAGES; i++) {
		EXPECT_EQ(test, atomic_read(&mix->received[i]), mix->sent[i]);
		nr += mix->sent[i];
	}
	scopex_test_note(test, "%lu messages were sent, of %lu that were tried", nr,
			 atomic_long_read(&mix->next));
	EXPECT(test, nr);
	EXPECT_EQ(test, atomic_read(&mix->holders), 0);
	EXPECT_EQ(test, mix->semaphore.permits, PERMITS);
	EXPECT_EQ(test, mix->semaphore.line.told, 0);
	EXPECT(test, list_empty(&mix->semaphore.line.waiters));
	for (i = 0; i < SCOPEX_CHANNEL_SIDES; i++) {
		EXPECT_EQ(test, mix->channel.lines[i].told, 0);
		EXPECT(test, list_empty(&mix->channel.lines[i].waiters));
	}
}

/* Each message that was sent is received once, and each permit comes back. */
static void cancels_lose_nothing(struct scopex_test *test)
{
	struct task_struct *threads[GROUPS];
	struct mix mix = { .test = test, .end = jiffies + HZ };
	unsigned int i;

	mix.sent = kvcalloc(MESSAGES, sizeof(*mix.sent), GFP_KERNEL);
	mix.received = kvcalloc(MESSAGES, sizeof(*mix.received), GFP_KERNEL);
	if (EXPECT(test, mix.sent) && EXPECT(test, mix.received)) {
		scopex_semaphore_init(&mix.semaphore, PERMITS);
		scopex_channel_init(&mix.channel, mix.buffer, ARRAY_SIZE(mix.buffer),
				    sizeof(*mix.buffer));
		for (i = 0; i < GROUPS; i++)
			threads[i] = test_thread(test, mix_thread_fn, &mix, nr_cpu_ids);
		while (time_before(jiffies, mix.end)) {
			test_shoot(test, mix_shot, &mix);
			usleep_range(10, 50);
		}
		for (i = 0; i < GROUPS; i++)
			test_thread_stop(threads[i]);
		mix_check(test, &mix);
	}
	kvfree(mix.sent);
	kvfree(mix.received);
}

static const struct scopex_case sync_mix_cases[] = {
	SCOPEX_CASE(two_tasks_play),
	SCOPEX_CASE(reader_of_a_full_channel_makes_way),
	SCOPEX_CASE(cancels_lose_nothing),
};

SCOPEX_SUITE_PART(sync, sync_mix, sync_mix_cases);
