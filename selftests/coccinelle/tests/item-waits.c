// SPDX-License-Identifier: GPL-2.0
#include <linux/scopex.h>

struct item {
	struct scopex_work	work;
	struct scopex_work	*others;
	struct scopex_scope	*scope;
};

static int body(struct scopex_scope *scope, void *arg)
{
	return scopex_submit(scope, arg);
}

static int joins(struct scopex_work *work)
{
	return scopex_join(scopex_work_scope(work));	/* flag: item-waits */
}

static int joins_after_submit(struct scopex_work *work)
{
	struct item *item = container_of(work, struct item, work);
	struct scopex_scope *scope = scopex_work_scope(work);
	int err = scopex_submit(scope, item->others);

	if (!err)
		err = scopex_join(scope);		/* flag: item-waits */
	return err;
}

static int joins_what_it_is_told(struct scopex_work *work)
{
	struct item *item = container_of(work, struct item, work);

	scopex_join(item->scope);			/* flag: item-waits */
	return 0;
}

/* From here on, all is well. */

static int opens(struct scopex_work *work)
{
	struct item *item = container_of(work, struct item, work);

	scopex_scope(s)
		scopex_submit(s, item->others);
	scopex_scope(s, .name = "named") {
		scopex_submit(s, item->others);
		scopex_join(s);
	}
	scopex_scope(s, .flags = SCOPEX_KILLABLE)
		scopex_join(s);
	return 0;
}

static int runs(struct scopex_work *work)
{
	struct item *item = container_of(work, struct item, work);
	int err = scopex_run(body, item->others);

	return err ?: scopex_run(body, item->others, .name = "x");
}

static void waits(struct scopex_work *work)
{
	scopex_scope(s)
		scopex_submit(s, work);
}

static int calls_what_waits(struct scopex_work *work)
{
	struct item *item = container_of(work, struct item, work);

	waits(item->others);
	return 0;
}

static int goes_on(struct scopex_work *work)
{
	struct item *item = container_of(work, struct item, work);

	if (scopex_cancelled(scopex_work_scope(work)))
		return -ECANCELED;
	return scopex_submit(scopex_work_scope(work), item->others);
}

static int cancels(struct scopex_work *work)
{
	scopex_cancel(scopex_work_scope(work), 0);
	return 0;
}

/* With the parameters of an item function, but not one. */
static int submits_and_waits(struct scopex_work *work)
{
	int err = -EINVAL;

	scopex_scope(s) {
		scopex_submit(s, work);
		err = scopex_join(s);
	}
	return err;
}

static struct item named = { .work = SCOPEX_WORK_INIT(joins_after_submit) };
static struct item by_hand = { .work = { .fn = calls_what_waits } };

int start(struct item *items)
{
	scopex_work_init(&items[0].work, joins_what_it_is_told);
	items[1].work.fn = opens;
	items[2] = (struct item){ .work = SCOPEX_WORK_INIT(runs) };
	scopex_work_init(&items[3].work, goes_on);
	scopex_work_init(&items[4].work, cancels);
	waits(&items[3].work);
	return submits_and_waits(&items[4].work);
}
