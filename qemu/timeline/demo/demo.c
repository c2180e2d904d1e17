// SPDX-License-Identifier: GPL-2.0
/*
 * One of each thing that a timeline shows, for two CPUs or more
 *
 *	make timeline M=qemu/timeline/demo PARAMS=stall_ms=100
 *
 * draws it; the verdict is FAILED then, because of the stall. The traces beside this
 * directory are copies of such a recording.
 */
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/scopex.h>
#include <linux/scopex_loop.h>

struct demo_item {
	struct scopex_work	work;
	unsigned int		us;
	int			ret;
};

static void burn(unsigned int us)
{
	for (; us; us -= min(us, 100u)) {
		udelay(min(us, 100u));
		cond_resched();
	}
}

static int burn_fn(struct scopex_work *work)
{
	struct demo_item *item = container_of(work, struct demo_item, work);

	burn(item->us);
	return item->ret;
}

static int nap_fn(struct scopex_work *work)
{
	scopex_will_block();
	usleep_range(8000, 9000);
	return 0;
}

static int until_cancelled_fn(struct scopex_work *work)
{
	while (!scopex_cancelled(scopex_work_scope(work)))
		usleep_range(1000, 2000);
	return -EINTR;
}

/* Longer than stall_ms, and without scopex_will_block(). */
static int hog_fn(struct scopex_work *work)
{
	msleep(160);
	return 0;
}

static int parent_fn(struct scopex_work *work)
{
	struct demo_item items[4] = { };

	scopex_scope(inner) {
		for (int i = 0; i < ARRAY_SIZE(items); i++) {
			items[i].us = 1000;
			scopex_work_init(&items[i].work, burn_fn);
			WARN_ON(scopex_submit_on(inner, i % 2, &items[i].work));
		}
		burn(500);
	}
	return 0;
}

static int range_fn(const struct scopex_range *range)
{
	burn(300 * range->count);
	return 0;
}

static int __init demo_init(void)
{
	struct demo_item items[8] = { };
	struct scopex_work work[3];

	scopex_scope(three) {
		for (int i = 0; i < 3; i++) {
			items[i].us = 1000 * (i + 1);
			scopex_work_init(&items[i].work, burn_fn);
			WARN_ON(scopex_submit_on(three, SCOPEX_CPU_LOCAL, &items[i].work));
		}
	}
	/* Both of its parents wait, and hand their queues off. */
	scopex_scope(outer) {
		for (int i = 0; i < 2; i++) {
			scopex_work_init(&work[i], parent_fn);
			WARN_ON(scopex_submit_on(outer, i, &work[i]));
		}
		scopex_work_init(&work[2], nap_fn);
		WARN_ON(scopex_submit_on(outer, 1, &work[2]));
	}
	/* The third one fails, and that cancels the others. */
	scopex_scope(strict, .flags = SCOPEX_FAIL_FAST) {
		for (int i = 0; i < ARRAY_SIZE(items); i++) {
			items[i].us = 700;
			items[i].ret = i == 2 ? -EIO : 0;
			scopex_work_init(&items[i].work, burn_fn);
			WARN_ON(scopex_submit_on(strict, 1, &items[i].work) &&
				!scopex_cancelled(strict));
		}
	}
	scopex_scope(late, .timeout_us = 5 * USEC_PER_MSEC) {
		scopex_work_init(&work[0], until_cancelled_fn);
		WARN_ON(scopex_submit_on(late, 0, &work[0]) && !scopex_cancelled(late));
		WARN_ON(scopex_submit_on(late, 0, &items[0].work) && !scopex_cancelled(late));
	}
	scopex_for(0, 40, range_fn, .grain = 4);
	scopex_scope(held) {
		scopex_work_init(&work[0], hog_fn);
		WARN_ON(scopex_submit_on(held, 1, &work[0]));
	}
	return 0;
}

static void __exit demo_exit(void)
{
}

module_init(demo_init);
module_exit(demo_exit);
MODULE_DESCRIPTION("Shows what a timeline shows");
MODULE_LICENSE("GPL");
