// SPDX-License-Identifier: GPL-2.0
#include <linux/scopex.h>

struct item {
	struct scopex_work	work;
};

int item_fn(struct scopex_work *work);

static void in_block(void)
{
	scopex_scope(s) {
		struct scopex_work work = SCOPEX_WORK_INIT(item_fn);

		scopex_submit(s, &work);		/* flag: item-in-block */
	}
}

static void in_loop(unsigned int nr)
{
	unsigned int cpu;

	scopex_scope(s, .name = "a loop")
		for (cpu = 0; cpu < nr; cpu++) {
			struct item item;

			scopex_work_init(&item.work, item_fn);
			scopex_submit_on(s, cpu, &item.work); /* flag: item-in-block */
		}
}

static int with_a_late_wait(int nr)
{
	scopex_scope(s) {
		struct item items[4];

		if (nr) {
			struct item item;

			scopex_submit(s, &item.work); /* flag: item-in-block */
		}
		if (scopex_submit(s, &items[nr].work)) /* flag: item-in-block */
			return -EIO;
		if (nr > 1)
			return 0;
		scopex_join(s);
	}
	return 0;
}

static void by_all_submits(int nr)
{
	scopex_scope(s) {
		struct item item, items[4];

		scopex_try_submit(s, &item.work);	/* flag: item-in-block */
		scopex_submit_array(s, 0, items, 4, work); /* flag: item-in-block */
		scopex_submit_array(s, 1, &items[nr], 2, work); /* flag: item-in-block */
		scopex_submit_array(s, SCOPEX_CPU_LOCAL, &item, 1, work); /* flag: item-in-block */
	}
}

static void joins_another_one(struct item *other)
{
	scopex_scope(s, .flags = SCOPEX_JOINABLE) {
		struct item item;

		scopex_submit(s, &item.work);		/* flag: item-in-block */
		scopex_submit(s, &other->work);
		scopex_join_item(&other->work);
	}
}

static void without_a_name(void)
{
	scopex_scope(s)
		scopex_submit(s, &(struct scopex_work){ .fn = item_fn }); /* flag: item-in-block */
	scopex_scope(s)
		scopex_submit(s, &(struct scopex_work)SCOPEX_WORK_INIT(item_fn)); /* flag: item-in-block */
}

static void inner_item_of_outer_scope(void)
{
	scopex_scope(outer)
		scopex_scope(inner) {
			struct item item;

			scopex_submit(outer, &item.work);	/* flag: item-in-block */
		}
}

/* From here on, all is well. */

static int before_block(struct item *param)
{
	struct item item, items[4];
	static struct item kept;

	scopex_scope(s) {
		struct item *same = &item;
		static struct item inside;

		scopex_submit(s, &item.work);
		scopex_submit(s, &items[1].work);
		scopex_submit(s, &kept.work);
		scopex_submit(s, &inside.work);
		scopex_submit(s, &param->work);
		scopex_submit(s, &same->work);
		scopex_submit(s, &same[1].work);
	}
	return 0;
}

static int with_a_wait(int nr)
{
	int i, err = 0;

	scopex_scope(s) {
		struct item item;

		if (nr > 4)
			return 0;
		err = scopex_submit(s, &item.work);
		if (err)
			return err;
		err = scopex_join(s);
	}
	scopex_scope(s)
		for (i = 0; i < nr; i++) {
			struct item item;

			scopex_submit(s, &item.work);
			while (scopex_work_busy(&item.work))
				cpu_relax();
		}
	return err;
}

static int with_a_wait_for_it(void)
{
	int err = 0;

	scopex_scope(s, .flags = SCOPEX_JOINABLE) {
		struct item item, other, items[4];

		scopex_submit(s, &item.work);
		scopex_join_item(&item.work);
		err = scopex_try_submit(s, &other.work);
		if (err)
			return err;
		err = scopex_join_item(&other.work);
		scopex_submit_array(s, SCOPEX_CPU_ANY, items, 4, work);
		scopex_join(s);
	}
	return err;
}

static void arrays_before_block(struct item *param, int nr)
{
	struct item items[4];

	scopex_scope(s) {
		struct item *same = items;

		scopex_submit_array(s, 0, items, 4, work);
		scopex_submit_array(s, 0, param, nr, work);
		scopex_submit_array(s, 0, same, 4, work);
		scopex_try_submit(s, &items[nr].work);
	}
}

static void of_the_outer_block(void)
{
	scopex_scope(outer) {
		struct item item;

		scopex_scope(inner)
			scopex_submit(inner, &item.work);
	}
}

static void in_another_block(void)
{
	struct item item;

	if (item.work.fn) {
		struct item other = item;

		scopex_work_init(&other.work, item_fn);
	}
	scopex_scope(s)
		scopex_submit(s, &item.work);
}
