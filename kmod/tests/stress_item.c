// SPDX-License-Identifier: GPL-2.0
/* Suite "stress": an item, and the ways to submit it */

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "stress.h"
#include "test.h"

/* Use the stack where an ended frame had its scope, its timer, its loop. */
void stress_scorch(u64 *rnd)
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
void stress_dawdle(u64 *rnd)
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
 * Submit @nr items in a way. @inside: the owner or an item submits, so that no join can
 * end before the call does: the scope stays as it is seen here.
 */
int stress_submit_by(struct stress_frame *frame, struct stress_item *items,
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
		/* Other threads may submit other items in other ways at the same time. */
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

/* The same in a random way. */
int stress_submit(struct stress_frame *frame, struct stress_item *items, unsigned int nr,
		  bool inside, u64 *rnd)
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
void stress_submit_some(struct stress_frame *frame, u64 *rnd)
{
	unsigned int first = below(rnd, frame->nr);
	unsigned int nr = one_in(rnd, 3) ? 1 + below(rnd, frame->nr - first) : 1;

	stress_submit(frame, &frame->items[first], nr, true, rnd);
}

void stress_cancel(struct stress_frame *frame, u64 *rnd)
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

/* An item that has siblings and a frame. */
void stress_act(struct stress_item *item)
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
		/* In other scopes a cancelled call and a refused one look alike. */
		if (frame->calm && !frame->depth)
			stress_each(true, rnd);
		break;
	default:
		stress_dawdle(rnd);
	}
}

/* An item that interrupts submit; it knows nothing of its siblings. */
void stress_idle(struct stress_item *item)
{
	stress_dawdle(&item->rnd);
}

/* Is this a worker of @cpu, and is it there, if no CPU comes or goes just now? */
void stress_check_cpu(unsigned int cpu)
{
	unsigned int of;

	EXPECT(stress_test, sscanf(current->comm, "scopex/%u", &of) == 1 && of == cpu);
	if (!cpus_read_trylock())
		return;
	EXPECT(stress_test, !cpu_online(cpu) || raw_smp_processor_id() == cpu);
	cpus_read_unlock();
}

/*
 * Shall the item run again? Not one of a burst: others count on what it does. It counts as a
 * submit that was accepted, by scopex as well.
 */
static bool stress_again(struct stress_item *item)
{
	if (item->frame->burst || !item->agains || !one_in(&item->rnd, 4))
		return false;
	item->agains--;
	atomic_inc(&item->granted);
	count(SUBMITTED, 1);
	count(AGAINS, 1);
	return true;
}

static int stress_fn(struct scopex_work *work)
{
	struct stress_item *item = container_of(work, struct stress_item, work);
	struct stress_frame *frame = item->frame;
	u32 cookie = item->cookie;
	bool again;

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

	again = stress_again(item);
	if (!again)
		item->ret = one_in(&item->rnd, 8) ? -EIO : 0;
	if (!again && item->ret) {
		atomic_inc(&frame->failed);
		count(ERRORS, 1);
	}
	EXPECT(stress_test, READ_ONCE(frame->cookie) == cookie);
	EXPECT(stress_test, item->cookie == cookie && item->frame == frame);
	EXPECT_EQ(stress_test, atomic_dec_return(&item->inside), 0);
	return again ? SCOPEX_AGAIN : item->ret;
}

void stress_items_init(struct stress_frame *frame, struct stress_item *items,
		       unsigned int nr, void (*act)(struct stress_item *item), u64 *rnd)
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
			.agains = below(rnd, AGAINS_MAX + 1),
		};
}

/* Check items after the join, when no thread submits them. Returns how many dropped. */
int stress_items_check(struct stress_item *items, unsigned int nr)
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
