// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "stress": all there is, mixed at random, and accounts that have to balance
 *
 * Several threads open scopes (frames, here: a scope and the items that are used with
 * it) and submit items in every way there is, some of which open further ones.
 * Nothing is known of what happens when, but this is, of each item and in total:
 *
 *	- A submit is accepted or refused. An accepted item is run once, or cancelled;
 *	  cancelled only if somebody cancelled its scope.
 *	- After the join nothing touches an item, its frame or its scope.
 *	- What the join returns has a reason, and nothing that failed is kept quiet.
 *	- A loop sees no number twice, and all of them if it returns 0.
 *	- An item that was submitted to a CPU by its number runs on a worker of that CPU.
 *
 * Some scopes get a burst: many items at about the same moment, of which each waits, in
 * one of the ways that there are. See stress_burst_body() for what is known of these.
 *
 * selftests/stress.sh compares the totals, which are noted in the results, with what
 * the module has counted, and has CPUs come and go meanwhile.
 *
 * All is drawn from one seed, which is noted, too. It does not repeat a run, as the
 * threads' timing is not in it, but it repeats what kind of run it was.
 */

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/percpu.h>
#include <linux/random.h>
#include <linux/rwsem.h>
#include <linux/sched/signal.h>
#include <linux/scopex_detached.h>
#include <linux/scopex_loop.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../compat/hrtimer.h"
#include "../state.h"
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

static unsigned int stress_workers = 64;
module_param(stress_workers, uint, 0644);
MODULE_PARM_DESC(stress_workers, "what scopex's parameter \"workers\" is (default: 64)");

#define POISON		0xa5
#define MAX_DEPTH	3	/* of frames and loops in each other */
#define TOP_ITEMS	24	/* of a thread's frame */
#define NESTED_ITEMS	4	/* of a frame in an item */
#define SOURCE_ITEMS	2	/* that interrupts submit */
#define SOURCE_SHOTS	12	/* how often */
#define LOOP_MAX	200	/* numbers */
#define MIN_TURNS	9	/* of each thread, however slow it is */
#define BURST_ITEMS	80	/* of a burst that wait */
#define BURST_TURNS	3	/* of a thread, and one of them is of bursts */
#define BURSTS_IN_TURN	2
#define BURST_CPUS	16	/* that a burst names; the first ones */
#define BURST_LIMIT	(30 * HZ)	/* for what is promised to go on */

/* The first ones are as in the module's counters. */
enum count {
	SUBMITTED, RUN, CANCELLED, ERRORS, REFUSED,
	FRAMES, LOOPS, SHOTS, DETACHED, BURSTS,
	/* There may be none of these. */
	KILLS, PROMISES, TIMEOUTS, SERIAL, DEADLOCKS,
	COUNTS,
};

static const char * const count_names[COUNTS] = {
	"submitted", "run", "cancelled", "errors", "refused",
	"frames", "loops", "shots", "detached", "bursts",
	"kills", "promises", "timeouts", "serial", "deadlocks",
};

/* Counted in interrupts, too. */
static DEFINE_PER_CPU(unsigned long [COUNTS], stress_counts);

static void count(enum count what, long nr)
{
	this_cpu_add(stress_counts[what], nr);
}

static unsigned long counted(enum count what)
{
	unsigned long sum = 0;
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu(stress_counts, cpu)[what];
	return sum;
}

/* The run: one at a time. */
static struct scopex_test *stress_test;
static bool stress_over;
static atomic_t stress_detached;

/* Held for reading by each thread in its turn, for writing by one that wants to be alone. */
static DECLARE_RWSEM(stress_turns);

/* So few workers are needed that no scope may be serial. */
static bool stress_roomy;

/* Splitmix64: any seed will do, so that each item has one of its own. */
static u64 draw(u64 *rnd)
{
	u64 z = *rnd += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static unsigned int below(u64 *rnd, unsigned int limit)
{
	return ((draw(rnd) >> 32) * limit) >> 32;
}

static bool one_in(u64 *rnd, unsigned int n)
{
	return !below(rnd, n);
}

static ktime_t usecs(unsigned int n)
{
	return ns_to_ktime(n * NSEC_PER_USEC);
}

/**
 * struct stress_item - an item that does anything
 * @work: the item
 * @frame: where it belongs to
 * @cookie: that of the frame
 * @act: what it does
 * @cpu: the CPU that it was submitted to; nr_cpu_ids if that is not known
 * @rnd: what it draws from; of who runs it
 * @granted: submits that were accepted, or are under way
 * @ran: how often it ran
 * @inside: who is in its function
 * @ret: what it returned last
 */
struct stress_item {
	struct scopex_work	work;
	struct stress_frame	*frame;
	u32			cookie;
	void			(*act)(struct stress_item *item);
	unsigned int		cpu;
	u64			rnd;
	atomic_t		granted;
	atomic_t		ran;
	atomic_t		inside;
	int			ret;
};

/**
 * struct stress_frame - a scope, and what is used with it
 * @cookie: no two frames have the same; 0 when it is over
 * @scope: the scope
 * @owner: the thread
 * @parent: the frame that it was opened in; may be NULL
 * @outer: the scope that it was opened in; may be NULL
 * @burst: it gets one; else NULL
 * @items: the items, poisoned when they are not in use
 * @nr: how many
 * @depth: how many frames and loops it is in
 * @rnd: what the owner draws from
 * @flags: the scope's
 * @limit: the scope's
 * @limit_per_cpu: likewise
 * @timeout_us: the scope's
 * @calm: it is not cancelled by anybody
 * @loose: interrupts submit at any time, so what belongs to a round is not exact
 * @called: the body was called
 * @err: what it returned
 * @in_use: the items are
 * @cancelled: somebody has cancelled it in this round
 * @budget: how many submits the items have left
 * @failed: items that failed in this round
 */
struct stress_frame {
	u32			cookie;
	struct scopex_scope	*scope;
	struct task_struct	*owner;
	struct stress_frame	*parent;
	struct scopex_scope	*outer;
	struct stress_burst	*burst;
	struct stress_item	*items;
	unsigned int		nr;
	unsigned int		depth;
	u64			rnd;
	unsigned int		flags;
	unsigned int		limit;
	unsigned int		limit_per_cpu;
	s64			timeout_us;
	bool			calm;
	bool			loose;
	bool			called;
	int			err;
	bool			in_use;
	bool			cancelled;
	atomic_t		budget;
	atomic_t		failed;
};

static void stress_nested(struct stress_frame *parent, struct scopex_scope *outer,
			  unsigned int depth, u64 *rnd);
static void stress_loop(struct stress_frame *parent, unsigned int depth, u64 *rnd);
static void stress_each(bool in_item, u64 *rnd);

/* Where a frame was that is over now: its scope, its timer, its loop. */
static noinline void stress_scorch(u64 *rnd)
{
	u8 ashes[768];

	memset(ashes, POISON, sizeof(ashes));
	barrier_data(ashes);
	if (one_in(rnd, 16))
		usleep_range(20, 100);
	else
		udelay(1);
	barrier_data(ashes);
	EXPECT(stress_test, !memchr_inv(ashes, POISON, sizeof(ashes)));
}

/* Take some time. */
static void stress_dawdle(u64 *rnd)
{
	switch (below(rnd, 8)) {
	case 0:
		scopex_will_block();
		fallthrough;
	case 1:
		usleep_range(10, 200);
		break;
	case 2:
		scopex_will_block();
		cond_resched();
		break;
	case 3:
		udelay(below(rnd, 20));
		break;
	}
}

/* A way to submit: which function, and to where if it wants to know. */
struct stress_way {
	enum { HERE, ANY, TRY, ON, ARRAY } how;
	int	cpu;
};

static int stress_call_submit(struct scopex_scope *s, struct stress_item *items,
			      unsigned int nr, struct stress_way way)
{
	switch (way.how) {
	case HERE:
		return scopex_submit_on(s, SCOPEX_CPU_LOCAL, &items->work);
	case ANY:
		return scopex_submit(s, &items->work);
	case TRY:
		return scopex_try_submit(s, &items->work);
	case ON:
		return scopex_submit_on(s, way.cpu, &items->work);
	default:
		return scopex_submit_array(s, way.cpu, items, nr, work);
	}
}

/*
 * Submit @nr items in a way. @inside: by the owner or an item, until whose end the
 * scope is not joined; so what it is seen to be, it stays.
 */
static int stress_submit_by(struct stress_frame *frame, struct stress_item *items,
			    unsigned int nr, bool inside, struct stress_way way)
{
	struct scopex_scope *s = frame->scope;
	bool cancelled = inside && scopex_cancelled(s);
	bool named = way.how == ON || (way.how == ARRAY && way.cpu >= 0);
	bool impossible = named && (way.cpu >= nr_cpu_ids || !cpu_possible(way.cpu));
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++) {
		atomic_inc(&items[i].granted);
		/* Others may submit other items by another way, and meanwhile. */
		if (named && frame->burst)
			items[i].cpu = way.cpu;
	}
	err = stress_call_submit(s, items, nr, way);
	if (err) {
		for (i = 0; i < nr; i++)
			atomic_dec(&items[i].granted);
		count(REFUSED, 1);
	} else {
		count(SUBMITTED, nr);
	}

	switch (err) {
	case 0:
	case -ECANCELED:
		EXPECT(stress_test, !impossible);
		EXPECT(stress_test, err || !cancelled);
		EXPECT(stress_test, !err || !inside || scopex_cancelled(s));
		EXPECT(stress_test, !err || !frame->calm);
		break;
	case -EBUSY:
		EXPECT(stress_test, !frame->burst);
		break;
	case -EAGAIN:
		EXPECT(stress_test, way.how == TRY && frame->limit);
		break;
	case -ENODEV:
		EXPECT(stress_test, named);
		break;
	case -EINVAL:
		EXPECT(stress_test, impossible);
		break;
	case -EDEADLK:
		EXPECT(stress_test, frame->depth && !stress_roomy);
		count(DEADLOCKS, 1);
		break;
	case -EUSERS:
		/* The scope is serial, and its owner on another CPU. */
		EXPECT(stress_test, frame->depth && !stress_roomy);
		EXPECT(stress_test, way.how != ANY && way.how != TRY);
		EXPECT(stress_test, way.how != ARRAY || way.cpu != SCOPEX_CPU_ANY);
		count(SERIAL, 1);
		break;
	default:
		EXPECT_EQ(stress_test, err, 0);
	}
	return err;
}

/* The same in any way. */
static int stress_submit(struct stress_frame *frame, struct stress_item *items,
			 unsigned int nr, bool inside, u64 *rnd)
{
	struct stress_way way = { .how = min_t(int, ARRAY, below(rnd, 7)) };

	if (nr > 1)
		way.how = ARRAY;
	way.cpu = below(rnd, nr_cpu_ids + 1);
	if (way.how == ARRAY && !one_in(rnd, 3))
		way.cpu = one_in(rnd, 2) ? SCOPEX_CPU_ANY : SCOPEX_CPU_LOCAL;
	return stress_submit_by(frame, items, nr, inside, way);
}

/* Some item of the frame, or several; they may be busy. */
static void stress_submit_some(struct stress_frame *frame, u64 *rnd)
{
	unsigned int first = below(rnd, frame->nr);
	unsigned int nr = one_in(rnd, 3) ? 1 + below(rnd, frame->nr - first) : 1;

	stress_submit(frame, &frame->items[first], nr, true, rnd);
}

static void stress_cancel(struct stress_frame *frame, u64 *rnd)
{
	struct scopex_scope *s = frame->scope;

	WRITE_ONCE(frame->cancelled, true);
	if (one_in(rnd, 2)) {
		scopex_cancel(s, 0);
	} else {
		scopex_cancel(s, -ESTALE);
		EXPECT(stress_test, scopex_error(s));
	}
	EXPECT(stress_test, scopex_cancelled(s) || scopex_error(s) == -EDEADLK);
}

/* What an item does that has siblings and a frame. */
static void stress_act(struct stress_item *item)
{
	struct stress_frame *frame = item->frame;
	unsigned int depth = frame->depth + 1;
	u64 *rnd = &item->rnd;
	unsigned int i;

	switch (below(rnd, 12)) {
	case 0:
	case 1:
		/* To the frame of the item that this one is for, at times. */
		if (frame->parent && one_in(rnd, 3))
			frame = frame->parent;
		for (i = below(rnd, 4); i > 0; i--)
			if (atomic_dec_if_positive(&frame->budget) >= 0)
				stress_submit_some(frame, rnd);
		break;
	case 2:
	case 3:
		if (depth < MAX_DEPTH) {
			stress_nested(frame, frame->scope, depth, rnd);
			stress_scorch(rnd);
		}
		break;
	case 4:
		if (depth < MAX_DEPTH) {
			stress_loop(frame, depth, rnd);
			stress_scorch(rnd);
		}
		break;
	case 5:
		if (!frame->calm && one_in(rnd, 2))
			stress_cancel(frame, rnd);
		break;
	case 6:
		if (frame->flags & SCOPEX_KILLABLE && !frame->depth &&
		    one_in(rnd, 4)) {
			send_sig(SIGKILL, frame->owner, 1);
			count(KILLS, 1);
		}
		break;
	case 7:
		/* In others a call that is cancelled and one that is refused look alike. */
		if (frame->calm && !frame->depth)
			stress_each(true, rnd);
		break;
	default:
		stress_dawdle(rnd);
	}
}

/* What one does that interrupts submit, and that knows nothing of its siblings. */
static void stress_idle(struct stress_item *item)
{
	stress_dawdle(&item->rnd);
}

/* Is this a worker of @cpu, and is it there, if no CPU comes or goes just now? */
static void stress_check_cpu(unsigned int cpu)
{
	unsigned int of;

	EXPECT(stress_test, sscanf(current->comm, "scopex/%u", &of) == 1 && of == cpu);
	if (!cpus_read_trylock())
		return;
	EXPECT(stress_test, !cpu_online(cpu) || raw_smp_processor_id() == cpu);
	cpus_read_unlock();
}

static int stress_fn(struct scopex_work *work)
{
	struct stress_item *item = container_of(work, struct stress_item, work);
	struct stress_frame *frame = item->frame;
	u32 cookie = item->cookie;

	EXPECT(stress_test, cookie && READ_ONCE(frame->cookie) == cookie);
	EXPECT_EQ(stress_test, atomic_inc_return(&item->inside), 1);
	EXPECT(stress_test,
	       atomic_inc_return(&item->ran) <= atomic_read(&item->granted));
	EXPECT(stress_test, scopex_work_busy(work));
	EXPECT(stress_test, scopex_work_scope(work) == frame->scope);
	count(RUN, 1);

	if (item->cpu < nr_cpu_ids)
		stress_check_cpu(item->cpu);
	item->act(item);

	item->ret = one_in(&item->rnd, 8) ? -EIO : 0;
	if (item->ret) {
		atomic_inc(&frame->failed);
		count(ERRORS, 1);
	}
	EXPECT(stress_test, READ_ONCE(frame->cookie) == cookie);
	EXPECT(stress_test, item->cookie == cookie && item->frame == frame);
	EXPECT_EQ(stress_test, atomic_dec_return(&item->inside), 0);
	return item->ret;
}

static void stress_items_init(struct stress_frame *frame, struct stress_item *items,
			      unsigned int nr, void (*act)(struct stress_item *item),
			      u64 *rnd)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		items[i] = (struct stress_item){
			.work = SCOPEX_WORK_INIT(stress_fn),
			.frame = frame,
			.cookie = frame->cookie,
			.act = act,
			.cpu = nr_cpu_ids,
			.rnd = draw(rnd),
		};
}

/* Check items that nobody submits any more, after the join. Return how many dropped. */
static int stress_items_check(struct stress_item *items, unsigned int nr)
{
	unsigned int i;
	int sum = 0;

	for (i = 0; i < nr; i++) {
		struct stress_item *item = &items[i];
		int granted = atomic_read(&item->granted);
		int ran = atomic_read(&item->ran);
		int result = scopex_work_result(&item->work);

		EXPECT(stress_test, !scopex_work_busy(&item->work));
		EXPECT_EQ(stress_test, atomic_read(&item->inside), 0);
		if (!EXPECT(stress_test, ran <= granted))
			EXPECT_EQ(stress_test, ran, granted);
		if (!granted)
			EXPECT_EQ(stress_test, result, -ENODATA);
		else if (!ran)
			EXPECT_EQ(stress_test, result, -ECANCELED);
		else if (ran == granted || result != -ECANCELED)
			EXPECT_EQ(stress_test, result, item->ret);
		sum += granted - ran;
	}
	count(CANCELLED, sum);
	return sum;
}

/* Was it cancelled with a scope that it is nested in? */
static bool stress_above_cancelled(const struct stress_frame *frame)
{
	for (; frame; frame = frame->parent) {
		if (frame->outer && scopex_cancelled(frame->outer))
			return true;
		if (frame->parent && scopex_cancelled(frame->parent->scope))
			return true;
	}
	return false;
}

/* May the frame's scope have been cancelled in this round? */
static bool stress_may_be_cancelled(const struct stress_frame *frame)
{
	return READ_ONCE(frame->cancelled) || frame->timeout_us ||
	       stress_above_cancelled(frame) ||
	       (frame->flags & SCOPEX_KILLABLE && fatal_signal_pending(current)) ||
	       (frame->flags & SCOPEX_FAIL_FAST && atomic_read(&frame->failed));
}

static void stress_poison(struct stress_frame *frame)
{
	memset(frame->items, POISON, frame->nr * sizeof(*frame->items));
	frame->in_use = false;
}

static void stress_check_poison(struct stress_frame *frame)
{
	EXPECT(stress_test, !memchr_inv(frame->items, POISON,
					frame->nr * sizeof(*frame->items)));
}

/* A round begins, with items as good as new. */
static void stress_begin(struct stress_frame *frame)
{
	stress_check_poison(frame);
	stress_items_init(frame, frame->items, frame->nr, stress_act, &frame->rnd);
	atomic_set(&frame->budget, 2 * frame->nr);
	atomic_set(&frame->failed, 0);
	WRITE_ONCE(frame->cancelled, false);
	frame->in_use = true;
}

/* A round is over, with @err if anybody was told. */
static void stress_end(struct stress_frame *frame, bool told, int err)
{
	int dropped = stress_items_check(frame->items, frame->nr);
	int failed = atomic_read(&frame->failed);

	if (!frame->loose) {
		if (dropped)
			EXPECT(stress_test, stress_may_be_cancelled(frame));
		if (told && !err)
			EXPECT_EQ(stress_test, failed + dropped, 0);
		if (err && err != -EDEADLK && !failed && !dropped)
			EXPECT(stress_test, stress_may_be_cancelled(frame));
		if (err == -EDEADLK)
			EXPECT(stress_test, frame->depth);
	}
	EXPECT(stress_test, !frame->calm || !dropped);
	stress_poison(frame);
}

/* One that others may submit, too, before it is joined and meanwhile. */
static void stress_join_item(struct stress_frame *frame)
{
	struct stress_item *item = &frame->items[below(&frame->rnd, frame->nr)];
	int err;

	if (stress_submit(frame, item, 1, true, &frame->rnd))
		return;
	err = scopex_join_item(&item->work);
	EXPECT(stress_test, !err || err == -EIO || err == -ECANCELED);
}

/* Submits, and whatever an owner may do before it joins. */
static void stress_round(struct stress_frame *frame)
{
	u64 *rnd = &frame->rnd;
	unsigned int i;

	stress_begin(frame);
	for (i = 1 + below(rnd, frame->nr); i > 0; i--) {
		stress_submit_some(frame, rnd);
		if (frame->flags & SCOPEX_JOINABLE && one_in(rnd, 4))
			stress_join_item(frame);
	}
	if (!frame->calm && one_in(rnd, 12))
		stress_cancel(frame, rnd);
	if (one_in(rnd, 8))
		stress_dawdle(rnd);
	if (frame->depth + 1 < MAX_DEPTH && one_in(rnd, 12))
		stress_loop(frame, frame->depth + 1, rnd);
}

static void stress_rounds(struct scopex_scope *s, struct stress_frame *frame)
{
	unsigned int i;

	for (i = below(&frame->rnd, 3); i > 0; i--) {
		stress_round(frame);
		stress_end(frame, true, scopex_join(s));
		if (one_in(&frame->rnd, 8))
			stress_dawdle(&frame->rnd);
	}
	/* The last one is left to the end of the scope. */
	stress_round(frame);
}

/**
 * struct stress_source - interrupts that submit
 * @frame: where to
 * @timer: one of them
 * @irq_work: the other
 * @items: what
 * @rnd: what the timer draws from, and the other one
 * @shots: how many the timer has left
 */
struct stress_source {
	struct stress_frame	*frame;
	struct hrtimer		timer;
	struct irq_work		irq_work;
	struct stress_item	items[SOURCE_ITEMS];
	u64			rnd[2];
	unsigned int		shots;
};

static void stress_shoot(struct stress_source *source, u64 *rnd)
{
	unsigned int first = below(rnd, SOURCE_ITEMS);

	count(SHOTS, 1);
	stress_submit(source->frame, &source->items[first],
		      1 + below(rnd, SOURCE_ITEMS - first), false, rnd);
}

static enum hrtimer_restart stress_timer(struct hrtimer *timer)
{
	struct stress_source *source =
		container_of(timer, struct stress_source, timer);

	stress_shoot(source, &source->rnd[0]);
	if (!--source->shots)
		return HRTIMER_NORESTART;
	hrtimer_forward_now(timer, usecs(50 + below(&source->rnd[0], 200)));
	return HRTIMER_RESTART;
}

static void stress_irq_work(struct irq_work *irq_work)
{
	struct stress_source *source =
		container_of(irq_work, struct stress_source, irq_work);

	stress_shoot(source, &source->rnd[1]);
}

/* As stress_rounds(), but joined at the end, and interrupts submit meanwhile. */
static noinline void stress_shot_at(struct scopex_scope *s,
				    struct stress_frame *frame)
{
	struct stress_source source = {
		.frame = frame,
		.irq_work = IRQ_WORK_INIT_HARD(stress_irq_work),
		.rnd = { draw(&frame->rnd), draw(&frame->rnd) },
		.shots = 1 + below(&frame->rnd, SOURCE_SHOTS),
	};
	unsigned int i;
	int dropped;

	frame->loose = true;
	stress_items_init(frame, source.items, SOURCE_ITEMS, stress_idle,
			  &frame->rnd);
	hrtimer_setup_on_stack(&source.timer, stress_timer, CLOCK_MONOTONIC,
			       HRTIMER_MODE_REL_PINNED_HARD);
	hrtimer_start(&source.timer, usecs(below(&frame->rnd, 100)),
		      HRTIMER_MODE_REL_PINNED_HARD);
	for (i = 1 + below(&frame->rnd, 4); i > 0; i--) {
		irq_work_queue(&source.irq_work);
		stress_round(frame);
		stress_end(frame, true, scopex_join(s));
	}
	hrtimer_cancel(&source.timer);
	destroy_hrtimer_on_stack(&source.timer);
	irq_work_sync(&source.irq_work);
	scopex_join(s);
	dropped = stress_items_check(source.items, SOURCE_ITEMS);
	EXPECT(stress_test, !dropped || !frame->calm);
	frame->loose = false;
}

static void stress_burst_body(struct scopex_scope *s, struct stress_frame *frame);

static int stress_body(struct scopex_scope *s, void *arg)
{
	struct stress_frame *frame = arg;
	u64 *rnd = &frame->rnd;

	frame->scope = s;
	frame->called = true;
	if (frame->burst) {
		stress_burst_body(s, frame);
		return 0;
	}
	if (one_in(rnd, 4))
		stress_shot_at(s, frame);
	if (one_in(rnd, 16))
		return 0;
	stress_rounds(s, frame);
	if (one_in(rnd, 8)) {
		/* As an item that fails. */
		WRITE_ONCE(frame->cancelled, true);
		frame->err = -EXDEV;
	}
	return frame->err;
}

static noinline void stress_in_block(struct stress_frame *frame)
{
	scopex_scope(s)
		stress_body(s, frame);
}

static noinline void stress_in_block_with(struct stress_frame *frame)
{
	scopex_scope(s, .flags = frame->flags, .timeout_us = frame->timeout_us,
		     .limit = frame->limit,
		     .limit_per_cpu = frame->limit_per_cpu)
		stress_body(s, frame);
}

/* The error of the body may have come before that of an item. */
static void stress_ran(struct stress_frame *frame, int err)
{
	EXPECT(stress_test, err || (frame->called && !frame->err));
	EXPECT(stress_test, err != -EDEADLK || !stress_roomy);
	if (!frame->in_use)
		return;
	if (err == -EXDEV) {
		EXPECT(stress_test, frame->err == err || stress_above_cancelled(frame));
		stress_end(frame, false, 0);
	} else {
		stress_end(frame, true, err);
	}
}

/* How a scope is to be, as far as it has options. */
static void stress_options(struct stress_frame *frame)
{
	u64 *rnd = &frame->rnd;

	if (frame->burst) {
		if (one_in(rnd, 2))
			frame->flags |= SCOPEX_NOT_SERIAL;
		return;
	}
	frame->limit = one_in(rnd, 3) ? 1 + below(rnd, 4) : 0;
	frame->limit_per_cpu = one_in(rnd, 3) ? 1 + below(rnd, 3) : 0;
	if (one_in(rnd, 3))
		frame->flags |= SCOPEX_JOINABLE;
	if (frame->calm)
		return;
	if (one_in(rnd, 3))
		frame->flags |= SCOPEX_FAIL_FAST;
	if (one_in(rnd, 3))
		frame->flags |= SCOPEX_KILLABLE;
	switch (below(rnd, 4)) {
	case 0:
		frame->timeout_us = 1 + below(rnd, 50);
		break;
	case 1:
		frame->timeout_us = 50 + below(rnd, 2000);
		break;
	case 2:
		frame->timeout_us = 100 * USEC_PER_SEC;
		break;
	}
}

/* A frame from its beginning to its end. */
static void stress_frame(struct stress_frame *frame)
{
	u64 *rnd = &frame->rnd;
	unsigned int way = below(rnd, 4);

	count(FRAMES, 1);
	frame->cookie = draw(rnd) | 1;
	frame->owner = current;
	frame->calm = frame->burst || (!frame->depth && one_in(rnd, 3));
	if (way & 1)
		stress_options(frame);
	stress_poison(frame);

	switch (way) {
	case 0:
		stress_in_block(frame);
		break;
	case 1:
		stress_in_block_with(frame);
		break;
	case 2:
		stress_ran(frame, scopex_run(stress_body, frame));
		break;
	case 3:
		stress_ran(frame, scopex_run(stress_body, frame,
					     .flags = frame->flags,
					     .timeout_us = frame->timeout_us,
					     .limit = frame->limit,
					     .limit_per_cpu = frame->limit_per_cpu));
		break;
	}
	if (frame->in_use)
		stress_end(frame, false, 0);
	stress_scorch(rnd);
	stress_check_poison(frame);
	WRITE_ONCE(frame->cookie, 0);
}

static noinline void stress_nested(struct stress_frame *parent,
				   struct scopex_scope *outer, unsigned int depth,
				   u64 *rnd)
{
	struct stress_item items[NESTED_ITEMS];
	struct stress_frame frame = {
		.parent = parent,
		.outer = outer,
		.items = items,
		.nr = 1 + below(rnd, NESTED_ITEMS),
		.depth = depth,
		.rnd = draw(rnd),
	};

	stress_frame(&frame);
}

/**
 * struct stress_numbers - the numbers that a loop goes over
 * @parent: the frame that it is in; may be NULL
 * @depth: how many frames and loops it is in
 * @cookie: of the loop
 * @rnd: what the parts draw from, together with their first number
 * @first: the first number
 * @reduces: the parts have results
 * @wild: parts may fail and cancel
 * @failed: parts that have
 * @cancelled: parts that have cancelled it
 * @seen: which numbers were seen
 */
struct stress_numbers {
	struct stress_frame	*parent;
	unsigned int		depth;
	u32			cookie;
	u64			rnd;
	unsigned long		first;
	bool			reduces;
	bool			wild;
	atomic_t		failed;
	atomic_t		cancelled;
	DECLARE_BITMAP(seen, LOOP_MAX);
};

static int stress_part(const struct scopex_range *range)
{
	struct stress_numbers *numbers = range->arg;
	u32 cookie = READ_ONCE(numbers->cookie);
	u64 rnd = numbers->rnd ^ range->first;
	unsigned long i, n;
	int err = 0;

	EXPECT(stress_test, cookie);
	for (i = 0; i < range->count; i++) {
		n = range->first - numbers->first + i;
		if (!EXPECT(stress_test, n < LOOP_MAX))
			break;
		EXPECT(stress_test, !test_and_set_bit(n, numbers->seen));
		if (numbers->reduces)
			*(u64 *)range->result += n;
	}

	if (numbers->depth + 1 < MAX_DEPTH && one_in(&rnd, 12)) {
		stress_nested(numbers->parent, range->scope, numbers->depth + 1, &rnd);
		stress_scorch(&rnd);
	} else {
		stress_dawdle(&rnd);
	}
	if (numbers->wild && one_in(&rnd, 16)) {
		atomic_inc(&numbers->cancelled);
		scopex_cancel(range->scope, 0);
	}
	if (numbers->wild && one_in(&rnd, 16)) {
		atomic_inc(&numbers->failed);
		err = -EPIPE;
	}
	EXPECT(stress_test, READ_ONCE(numbers->cookie) == cookie);
	return err;
}

static void stress_sum_join(void *total, const void *result, void *arg)
{
	*(u64 *)total += *(const u64 *)result;
}

static const struct scopex_reduction stress_sum = {
	.size = sizeof(u64), .join = stress_sum_join,
};

static noinline void stress_loop(struct stress_frame *parent, unsigned int depth,
				 u64 *rnd)
{
	struct stress_numbers numbers = {
		.parent = parent,
		.depth = depth,
		.cookie = draw(rnd) | 1,
		.rnd = draw(rnd),
		.first = below(rnd, UINT_MAX),
		.reduces = one_in(rnd, 2),
		.wild = one_in(rnd, 2),
	};
	unsigned long n, nr = below(rnd, LOOP_MAX);
	unsigned long grain = below(rnd, 1 + nr / 2);
	bool run_all = one_in(rnd, 2);
	u64 sum = 0, total = 0;
	s64 timeout_us = 0;
	int err;

	count(LOOPS, 1);
	if (numbers.wild && one_in(rnd, 4))
		timeout_us = 1 + below(rnd, 1000);
	if (numbers.reduces)
		err = scopex_reduce(numbers.first, nr, stress_part, &stress_sum, &total,
				    .arg = &numbers, .grain = grain,
				    .timeout_us = timeout_us, .run_all = run_all);
	else
		err = scopex_for(numbers.first, nr, stress_part, .arg = &numbers,
				 .grain = grain, .timeout_us = timeout_us,
				 .run_all = run_all);

	/* One that failed cancels the others unless all are to run. */
	if (!err) {
		EXPECT_EQ(stress_test, bitmap_weight(numbers.seen, LOOP_MAX), nr);
		EXPECT_EQ(stress_test, atomic_read(&numbers.failed), 0);
	}
	if (err == -EPIPE && run_all && !timeout_us && !atomic_read(&numbers.cancelled) &&
	    !(parent && (stress_above_cancelled(parent) ||
			 scopex_cancelled(parent->scope))))
		EXPECT_EQ(stress_test, bitmap_weight(numbers.seen, LOOP_MAX), nr);
	if (err && !atomic_read(&numbers.failed) && !atomic_read(&numbers.cancelled) &&
	    !timeout_us && err != -EDEADLK)
		EXPECT(stress_test, parent && (stress_above_cancelled(parent) ||
					       scopex_cancelled(parent->scope)));
	for_each_set_bit(n, numbers.seen, LOOP_MAX)
		sum += n;
	if (numbers.reduces)
		EXPECT_EQ(stress_test, total, sum);
	WRITE_ONCE(numbers.cookie, 0);
}

/* A function on some CPUs: which ones it saw, and how it went there. */
struct stress_cpus {
	cpumask_var_t	seen;
	atomic_t	calls;
	atomic_t	failed;
	u64		rnd;
};

static int stress_on_cpu(unsigned int cpu, void *arg)
{
	struct stress_cpus *cpus = arg;
	u64 rnd = cpus->rnd + cpu;

	EXPECT(stress_test, !cpumask_test_and_set_cpu(cpu, cpus->seen));
	atomic_inc(&cpus->calls);
	count(RUN, 1);
	stress_check_cpu(cpu);
	stress_dawdle(&rnd);
	if (!one_in(&rnd, 16))
		return 0;
	atomic_inc(&cpus->failed);
	count(ERRORS, 1);
	return -EMLINK;
}

/* Not where somebody cancels: so who was not called was refused. */
static void stress_each(bool in_item, u64 *rnd)
{
	struct stress_cpus cpus = { .rnd = draw(rnd) };
	unsigned int cpu, nr = 0;
	cpumask_var_t mask;
	int err, calls;

	if (!zalloc_cpumask_var(&mask, GFP_KERNEL))
		return;
	if (!zalloc_cpumask_var(&cpus.seen, GFP_KERNEL))
		goto out;
	for_each_possible_cpu(cpu) {
		if (one_in(rnd, 2)) {
			cpumask_set_cpu(cpu, mask);
			nr++;
		}
	}
	err = scopex_each_cpu(mask, stress_on_cpu, &cpus);
	calls = atomic_read(&cpus.calls);
	EXPECT(stress_test, cpumask_subset(cpus.seen, mask));
	/* It was serial, and has not tried. */
	if (in_item && err == -EDEADLK) {
		EXPECT_EQ(stress_test, calls, 0);
		EXPECT(stress_test, !stress_roomy);
		count(DEADLOCKS, 1);
	} else {
		EXPECT_EQ(stress_test, !err,
			  calls == nr && !atomic_read(&cpus.failed));
		EXPECT(stress_test, !err || err == -ENODEV || err == -EMLINK);
		count(SUBMITTED, calls);
		count(REFUSED, nr - calls);
	}
	free_cpumask_var(cpus.seen);
out:
	free_cpumask_var(mask);
}

/**
 * struct stress_detached - a detached item; the last reference does its accounts
 * @detached: the item
 * @accepted: it was submitted
 * @burst: the one that it waits in, or NULL
 * @nests: it opens scopes
 * @ran: how often it ran
 * @rnd: what it draws from
 */
struct stress_detached {
	struct scopex_detached	detached;
	bool			accepted;
	struct stress_burst	*burst;
	bool			nests;
	atomic_t		ran;
	u64			rnd;
};

static void stress_begun_in_burst(struct stress_burst *burst);
static void stress_wait_in_burst(struct stress_burst *burst, u64 *rnd);

static int stress_detached_fn(struct scopex_detached *detached)
{
	struct stress_detached *item =
		container_of(detached, struct stress_detached, detached);

	EXPECT_EQ(stress_test, atomic_inc_return(&item->ran), 1);
	count(RUN, 1);
	if (item->burst) {
		stress_begun_in_burst(item->burst);
		if (one_in(&item->rnd, 2))
			scopex_will_block();
		stress_wait_in_burst(item->burst, &item->rnd);
	} else if (item->nests) {
		stress_nested(NULL, &detached->scope, 1, &item->rnd);
		stress_scorch(&item->rnd);
	} else {
		stress_dawdle(&item->rnd);
	}
	if (!one_in(&item->rnd, 8))
		return 0;
	count(ERRORS, 1);
	return -EIO;
}

static void stress_detached_release(struct scopex_detached *detached)
{
	struct stress_detached *item =
		container_of(detached, struct stress_detached, detached);

	if (item->accepted && !atomic_read(&item->ran)) {
		EXPECT_EQ(stress_test, scopex_work_result(&detached->work),
			  -ECANCELED);
		count(CANCELLED, 1);
	}
	memset(item, POISON, sizeof(*item));
	kfree(item);
	atomic_dec(&stress_detached);
}

/* A new one, submitted, with a reference of the caller's. */
static struct stress_detached *stress_new_detached(struct stress_burst *burst, bool nests,
						   u64 *rnd)
{
	struct stress_detached *item = kzalloc(sizeof(*item), GFP_KERNEL);

	if (!item)
		return NULL;
	item->burst = burst;
	item->nests = nests;
	item->rnd = draw(rnd);
	atomic_inc(&stress_detached);
	count(DETACHED, 1);
	scopex_detached_init(&item->detached, stress_detached_fn,
			     stress_detached_release);
	item->accepted = true;
	if (EXPECT_EQ(stress_test, scopex_detached_submit(&item->detached), 0)) {
		count(SUBMITTED, 1);
		return item;
	}
	item->accepted = false;
	scopex_detached_put(&item->detached);
	return NULL;
}

/* Where to wait for it is not safe: it may need the worker that it would hold. */
static void stress_detached_poll(struct stress_detached *item, u64 *rnd)
{
	int result;

	scopex_will_block();
	usleep_range(10, 200 + below(rnd, 2000));
	result = scopex_detached_result(&item->detached);
	EXPECT(stress_test, !result || result == -EIO || result == -EINPROGRESS);
	if (result == -EINPROGRESS)
		count(TIMEOUTS, 1);
	if (one_in(rnd, 2))
		EXPECT_EQ(stress_test, scopex_detached_cancel_nowait(&item->detached), 0);
}

static void stress_detach(bool may_wait, bool nests, u64 *rnd)
{
	struct stress_detached *item = stress_new_detached(NULL, nests, rnd);
	unsigned int way = below(rnd, 3);
	int result;

	if (!item)
		return;
	if (!may_wait) {
		if (way)
			stress_detached_poll(item, rnd);
	} else if (way == 1) {
		result = scopex_detached_wait(&item->detached);
		EXPECT_EQ(stress_test, atomic_read(&item->ran), 1);
		EXPECT(stress_test, !result || result == -EIO);
	} else if (way == 2) {
		result = scopex_detached_cancel(&item->detached);
		EXPECT(stress_test, atomic_read(&item->ran) ?
				    !result || result == -EIO :
				    result == -ECANCELED);
	}
	scopex_detached_put(&item->detached);
}

/**
 * struct stress_burst - what the items of a burst share
 * @go: ends their waits
 * @behind: how many have to run before it is completed
 * @safe: a wait for it may be as long as it takes, as progress is promised
 * @alone: nothing else runs
 * @promised: scopex promises progress: there are more workers than items that wait
 * @detaches: some items wait for a detached one, which waits for @go
 * @detached: that one, or NULL
 * @begun: it runs
 */
struct stress_burst {
	struct completion	go;
	atomic_t		behind;
	bool			safe;
	bool			alone;
	bool			promised;
	bool			detaches;
	struct stress_detached	*detached;
	struct completion	begun;
};

static void stress_begun_in_burst(struct stress_burst *burst)
{
	complete(&burst->begun);
}

static void stress_wait_in_burst(struct stress_burst *burst, u64 *rnd)
{
	if (burst->safe)
		wait_for_completion(&burst->go);
	else if (!wait_for_completion_timeout(&burst->go, 1 + below(rnd, 3)))
		count(TIMEOUTS, 1);
}

static void stress_wait(struct stress_item *item)
{
	scopex_will_block();
	stress_wait_in_burst(item->frame->burst, &item->rnd);
}

/* The same without a word. */
static void stress_sleep(struct stress_item *item)
{
	stress_wait_in_burst(item->frame->burst, &item->rnd);
}

static void stress_wait_for_detached(struct stress_item *item)
{
	struct stress_detached *detached = item->frame->burst->detached;
	int result;

	if (!detached)
		return;
	result = scopex_detached_wait(&detached->detached);
	EXPECT(stress_test, !result || result == -EIO);
}

/* A scope with a few items, some of which are submitted to a CPU by its number. */
static noinline void stress_nest(struct stress_item *item)
{
	struct stress_item items[NESTED_ITEMS];
	struct stress_burst burst = { .alone = item->frame->burst->alone };
	struct stress_frame frame = {
		.outer = item->frame->scope,
		.burst = &burst,
		.items = items,
		.nr = 1 + below(&item->rnd, NESTED_ITEMS),
		.depth = item->frame->depth + 1,
		.rnd = draw(&item->rnd),
	};

	stress_frame(&frame);
	stress_scorch(&item->rnd);
}

/* A scope with anything in it. */
static void stress_nest_anything(struct stress_item *item)
{
	stress_nested(NULL, item->frame->scope, item->frame->depth + 1, &item->rnd);
	stress_scorch(&item->rnd);
}

static void stress_detach_in_burst(struct stress_item *item)
{
	stress_detach(item->frame->burst->promised, false, &item->rnd);
}

static void stress_call_each(struct stress_item *item)
{
	stress_each(true, &item->rnd);
}

/* It is in nobody's way for long. */
static void stress_nap(struct stress_item *item)
{
	if (one_in(&item->rnd, 3))
		usleep_range(10, 100);
	else
		udelay(below(&item->rnd, 20));
}

static void stress_let_go(struct stress_burst *burst)
{
	if (atomic_dec_and_test(&burst->behind))
		complete_all(&burst->go);
}

static void stress_come_behind(struct stress_item *item)
{
	stress_let_go(item->frame->burst);
}

/**
 * struct stress_kind - a kind of item that bursts are of
 * @act: what it does
 * @others: how many items of others, on any CPU, it may keep waiting at a time
 */
struct stress_kind {
	void		(*act)(struct stress_item *item);
	unsigned int	others;
};

static const struct stress_kind stress_kinds[] = {
	{ stress_wait },
	{ stress_sleep },
	{ stress_wait_for_detached },
	{ stress_nest, 1 },
	{ stress_detach_in_burst, 1 },
	{ stress_call_each, 1 },
	/* The last one: only where nothing is known of the others. */
	{ stress_nest_anything, 20 },
};

/* Which kinds there are in a burst. */
static unsigned int stress_draw_kinds(struct stress_burst *burst, u64 *rnd)
{
	unsigned int nr = ARRAY_SIZE(stress_kinds) - burst->alone;

	return one_in(rnd, 3) ? BIT(below(rnd, nr)) : 1 + below(rnd, BIT(nr) - 1);
}

static const struct stress_kind *stress_draw_kind(unsigned int kinds, u64 *rnd)
{
	unsigned int kind;

	do {
		kind = below(rnd, ARRAY_SIZE(stress_kinds));
	} while (!(kinds & BIT(kind)));
	return &stress_kinds[kind];
}

/* How many more workers a CPU needs for one, if it is not queued there. */
static unsigned int stress_needs_more(const struct stress_burst *burst,
				      const struct stress_kind *kind)
{
	/* The first one that waits for the detached item brings that. */
	return kind->others + (kind->act == stress_wait_for_detached && !burst->detaches);
}

/*
 * Choose the items of a burst. Return how many. @round: each CPU gets as many, else it may
 * be that one CPU gets all. If nothing else runs, it is known how many workers a CPU needs
 * at most, and so what is promised. Some bursts are as large as they may be for that.
 */
static unsigned int stress_burst_plan(struct stress_frame *frame, bool round)
{
	struct stress_burst *burst = frame->burst;
	u64 *rnd = &frame->rnd;
	unsigned int room[] = { UINT_MAX, stress_workers, stress_workers / 2 };
	unsigned int most = room[below(rnd, ARRAY_SIZE(room))];
	unsigned int max = 1 + below(rnd, 1 + below(rnd, BURST_ITEMS));
	unsigned int kinds = stress_draw_kinds(burst, rnd);
	unsigned int i, needs = 0, others = 1;	/* the one that serves */

	for (i = 0; i < max; i++) {
		const struct stress_kind *kind = stress_draw_kind(kinds, rnd);
		unsigned int own = round ? DIV_ROUND_UP(i + 1, nr_cpu_ids) : i + 1;
		unsigned int more = others + stress_needs_more(burst, kind);

		if (i && own + more > most)
			break;
		others = more;
		needs = own + others;
		frame->items[i].act = kind->act;
		if (kind->act == stress_wait_for_detached)
			burst->detaches = true;
	}
	burst->promised = burst->alone && needs <= stress_workers;
	if (burst->alone)
		stress_roomy = needs <= stress_workers / 2;
	return i;
}

static struct stress_way stress_draw_way(u64 *rnd, bool *round)
{
	struct stress_way way = { .how = below(rnd, ARRAY + 1), .cpu = below(rnd, nr_cpu_ids) };

	*round = way.how == ON && one_in(rnd, 2);
	if (way.how == ARRAY && one_in(rnd, 2))
		way.cpu = SCOPEX_CPU_ANY;
	return way;
}

static void stress_burst_submit(struct stress_frame *frame, unsigned int nr,
				struct stress_way way, bool round)
{
	unsigned int i;

	if (way.how == ARRAY) {
		stress_submit_by(frame, frame->items, nr, true, way);
		return;
	}
	for (i = 0; i < nr; i++) {
		if (round)
			way.cpu = i % nr_cpu_ids;
		stress_submit_by(frame, &frame->items[i], 1, true, way);
	}
}

/* Behind all others, on each CPU: the last of these ends all waits. */
static void stress_submit_behind(struct stress_frame *frame)
{
	struct stress_burst *burst = frame->burst;
	struct stress_way way = { .how = ON };
	struct stress_item *item;

	atomic_set(&burst->behind, 1);
	for (; way.cpu < min_t(int, nr_cpu_ids, BURST_CPUS); way.cpu++) {
		item = &frame->items[BURST_ITEMS + way.cpu];
		item->act = stress_come_behind;
		atomic_inc(&burst->behind);
		if (stress_submit_by(frame, item, 1, true, way))
			stress_let_go(burst);
	}
	stress_let_go(burst);
}

static void stress_burst_put_detached(struct stress_burst *burst)
{
	int result = scopex_detached_wait(&burst->detached->detached);

	EXPECT(stress_test, !result || result == -EIO);
	scopex_detached_put(&burst->detached->detached);
}

/* A burst in an item: of items that wait for nothing, but that one of them may nest, too. */
static void stress_small_burst(struct stress_frame *frame)
{
	struct stress_way way;
	unsigned int i;
	bool round;

	if (stress_roomy)
		EXPECT(stress_test,
		       !(atomic64_read(&frame->scope->state) & SCOPEX_SERIAL));
	for (i = 0; i < frame->nr; i++)
		frame->items[i].act = stress_nap;
	if (frame->depth + 1 < MAX_DEPTH && one_in(&frame->rnd, 3))
		frame->items[0].act = stress_nest;
	way = stress_draw_way(&frame->rnd, &round);
	stress_burst_submit(frame, frame->nr, way, round);
}

/*
 * A burst: many items at once, and of those that wait for each other so many that what is
 * behind them in the queue needs further workers. What ends their waits is behind them, or
 * it is the owner. As the owner does not wait for them before, that is always safe. What is
 * behind them needs one worker more than they have, and scopex promises it only if there
 * may be so many. If not, or if others may need some, the waits have an end by themselves.
 */
static void stress_large_burst(struct stress_frame *frame)
{
	struct stress_burst *burst = frame->burst;
	bool round, by_owner = one_in(&frame->rnd, 4);
	struct stress_way way = stress_draw_way(&frame->rnd, &round);
	unsigned int nr = stress_burst_plan(frame, round);

	burst->safe = by_owner || burst->promised;
	count(PROMISES, burst->promised && !by_owner);
	if (burst->detaches)
		burst->detached = stress_new_detached(burst, false, &frame->rnd);
	/* So that it does not need a worker that one of the others has. */
	if (burst->detached)
		wait_for_completion(&burst->begun);
	stress_burst_submit(frame, nr, way, round);
	if (by_owner) {
		usleep_range(0, 5000);
		complete_all(&burst->go);
	} else {
		stress_submit_behind(frame);
	}
	if (burst->promised &&
	    !EXPECT(stress_test, wait_for_completion_timeout(&burst->go, BURST_LIMIT)))
		complete_all(&burst->go);
}

static void stress_burst_body(struct scopex_scope *s, struct stress_frame *frame)
{
	struct stress_burst *burst = frame->burst;

	stress_begin(frame);
	if (frame->depth)
		stress_small_burst(frame);
	else
		stress_large_burst(frame);
	if (burst->detached || one_in(&frame->rnd, 2))
		stress_end(frame, true, scopex_join(s));
	if (burst->detached)
		stress_burst_put_detached(burst);
}

/**
 * struct stress_driver - a thread that begins all this
 * @thread: the thread
 * @rnd: what it draws from
 * @items: for its frames
 */
struct stress_driver {
	struct task_struct	*thread;
	u64			rnd;
	struct stress_item	items[BURST_ITEMS + BURST_CPUS];
};

static noinline void stress_top(struct stress_driver *driver)
{
	struct stress_frame frame = {
		.items = driver->items,
		.nr = 1 + below(&driver->rnd, TOP_ITEMS),
		.rnd = draw(&driver->rnd),
	};

	stress_frame(&frame);
}

/* The other threads are between turns; wait for what nobody else waits for. */
static bool stress_until_alone(void)
{
	unsigned long end = jiffies + BURST_LIMIT;

	while (atomic_read(&stress_detached)) {
		if (!EXPECT(stress_test, time_before(jiffies, end)))
			return false;
		usleep_range(100, 500);
	}
	/* Workers that have just ended an item stand by again. */
	usleep_range(1000, 2000);
	return true;
}

static noinline void stress_burst(struct stress_driver *driver, bool alone)
{
	struct stress_burst burst = { .alone = alone };
	struct stress_frame frame = {
		.burst = &burst,
		.items = driver->items,
		.nr = ARRAY_SIZE(driver->items),
		.rnd = draw(&driver->rnd),
	};

	count(BURSTS, 1);
	init_completion(&burst.go);
	init_completion(&burst.begun);
	if (!alone || stress_until_alone())
		stress_frame(&frame);
	if (alone)
		stress_roomy = false;
}

static void stress_burst_turn(struct stress_driver *driver)
{
	bool alone = !one_in(&driver->rnd, 3);
	unsigned int i;

	if (alone)
		down_write(&stress_turns);
	else
		down_read(&stress_turns);
	for (i = 0; i < BURSTS_IN_TURN && !scopex_test_failed(stress_test); i++)
		stress_burst(driver, alone);
	if (alone)
		up_write(&stress_turns);
	else
		up_read(&stress_turns);
}

static void stress_usual_turn(struct stress_driver *driver)
{
	u64 *rnd = &driver->rnd;

	switch (below(rnd, 12)) {
	case 0:
		stress_loop(NULL, 0, rnd);
		break;
	case 1:
		stress_each(false, rnd);
		break;
	case 2:
		stress_detach(true, one_in(rnd, 4), rnd);
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
	/* What has killed it was meant for the frame. */
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
		/* Some windows are open for longer, each for a while. */
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
	/* It has tried something of each kind. */
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
	/* Nobody waits for these; but in the end they have to be gone. */
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
