// SPDX-License-Identifier: GPL-2.0
#include <linux/scopex.h>
#include <linux/slab.h>

struct item {
	struct scopex_work	work;
	struct scopex_work	more[2];
	struct scopex_scope	*scope;
};

int item_fn(struct scopex_work *work);

static int submits_work(struct scopex_scope *s)
{
	struct scopex_work work = SCOPEX_WORK_INIT(item_fn);

	return scopex_submit(s, &work);		/* flag: item-on-inner-frame */
}

static void submits_item(int nr, struct scopex_scope *scope, unsigned int cpu)
{
	struct item item, items[2];
	struct scopex_work works[2];

	scopex_submit_on(scope, cpu, &item.work);	/* flag: item-on-inner-frame */
	if (nr > 1)
		scopex_submit(scope, &items[nr].work); /* flag: item-on-inner-frame */
	scopex_submit(scope, &item.more[1]);		/* flag: item-on-inner-frame */
	scopex_submit(scope, &works[1]);		/* flag: item-on-inner-frame */
	scopex_submit(scope, works);			/* flag: item-on-inner-frame */
	scopex_submit(scope, &(struct scopex_work){ .fn = item_fn }); /* flag: item-on-inner-frame */
}

static void by_all_submits(struct scopex_scope *scope, int nr)
{
	struct item item, items[4];

	scopex_try_submit(scope, &item.work);		/* flag: item-on-inner-frame */
	scopex_submit_array(scope, 0, items, nr, work);	/* flag: item-on-inner-frame */
	scopex_submit_array(scope, 0, &items[1], 2, work); /* flag: item-on-inner-frame */
}

static int body(struct scopex_scope *scope, void *arg)
{
	struct item item;

	scopex_work_init(&item.work, item_fn);
	return scopex_submit(scope, &item.work);	/* flag: item-on-inner-frame */
}

static int item_submits(struct scopex_work *work)
{
	struct scopex_work sub;

	scopex_work_init(&sub, item_fn);
	return scopex_submit(scopex_work_scope(work), &sub); /* flag: item-on-inner-frame */
}

static int item_submits_by_name(struct scopex_work *work)
{
	struct scopex_scope *scope = scopex_work_scope(work);
	struct item item;

	return scopex_submit(scope, &item.work);	/* flag: item-on-inner-frame */
}

static int kept_elsewhere(struct item *item)
{
	struct scopex_work work;

	return scopex_submit(item->scope, &work);	/* flag: item-on-inner-frame */
}

static int waits_sometimes(struct scopex_scope *scope, bool wait)
{
	struct item item;
	int err = scopex_submit(scope, &item.work);	/* flag: item-on-inner-frame */

	if (wait)
		err = scopex_join(scope);
	return err;
}

static int leaves_the_first(struct scopex_scope *scope)
{
	struct item first, second;
	int err;

	err = scopex_submit(scope, &first.work);	/* flag: item-on-inner-frame */
	if (err)
		return err;
	err = scopex_submit(scope, &second.work);
	if (err)
		return err;
	return scopex_join(scope);
}

/* From here on, all is well. */

static int waits(struct scopex_scope *scope)
{
	struct item item;
	int err;

	err = scopex_submit(scope, &item.work);
	scopex_join(scope);
	return err;
}

static int waits_if_accepted(struct scopex_scope *scope)
{
	struct item item, other;
	int err;

	err = scopex_submit(scope, &item.work);
	if (err)
		return err;
	scopex_join(scope);
	if (scopex_submit(scope, &other.work))
		return -EIO;
	return scopex_join(scope);
}

static void polls(struct scopex_scope *scope)
{
	struct item item;

	scopex_submit(scope, &item.work);
	while (scopex_work_busy(&item.work))
		cpu_relax();
}

static int not_on_this_frame(struct scopex_scope *scope, struct item *item)
{
	static struct item kept;
	struct item *heap = kmalloc(sizeof(*heap), GFP_KERNEL);
	struct item *items = item->scope ? item : heap;
	struct scopex_work *work = &item->work;

	scopex_submit(scope, &item->work);
	scopex_submit(scope, &kept.work);
	scopex_submit(scope, &heap->work);
	scopex_submit(scope, &items[1].work);
	scopex_submit(scope, items->more);
	scopex_try_submit(scope, &heap->work);
	scopex_submit_array(scope, SCOPEX_CPU_ANY, items, 2, work);
	return scopex_submit(scope, work);
}

static void own_scope(struct scopex_scope *other)
{
	struct item item, *items = &item;

	scopex_scope(s) {
		scopex_submit(s, &item.work);
		scopex_submit(other, items->more);
	}
}
