// SPDX-License-Identifier: GPL-2.0
/* What opens a scope with options has arguments that are no C for spatch. */
#include <linux/scopex.h>

struct item {
	struct scopex_work	work;
};

/* Nothing here says scopex_scope before this does. */
static void stores(void **kept, struct scopex_work *work)
{
	scopex_scope(s, .flags = SCOPEX_FAIL_FAST) {
		*kept = s;				/* flag: scope-escapes */
		scopex_submit(s, work);
	}
}

static void stores_among_others(void **kept, struct scopex_work *work)
{
	scopex_scope(s)
		scopex_scope(t, .flags = SCOPEX_KILLABLE,
			     .timeout_us = 5 * USEC_PER_MSEC) {
			*kept = t;			/* flag: scope-escapes */
			scopex_submit(t, work);
		}
}

static int body(struct scopex_scope *scope, void *arg)
{
	struct item *item = arg;

	item->work.scope = scope;			/* flag: scope-escapes */
	return 0;
}

static int runs(struct item *item)
{
	return scopex_run(body, item, .limit = 1);
}

/* An item of the same name in each: one block's is not another one's. */
static void in_block(void)
{
	scopex_scope(s, .limit = 2) {
		struct item item;

		scopex_submit(s, &item.work);		/* flag: item-in-block */
	}
}

static void with_a_wait(void)
{
	scopex_scope(s, .limit = 2) {
		struct item item;

		scopex_submit(s, &item.work);
		scopex_join(s);
	}
}

static void before_block(void)
{
	struct item item;

	scopex_scope(s, .limit = 2)
		scopex_submit(s, &item.work);
}
