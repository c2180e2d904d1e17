// SPDX-License-Identifier: GPL-2.0
#include <linux/scopex.h>

int body(struct scopex_scope *scope, void *arg);

static void in_a_macro(struct scopex_work *work)
{
	EXPECT_WARNING("a block",
		       scopex_scope(s)			/* flag: not-seen */
			       scopex_submit(s, work));
	EXPECT_WARNING("another one",
		       scopex_scope(s, .limit = 1)	/* flag: not-seen */
			       scopex_submit(s, work));
	EXPECT_WARNING("a body",
		       work = NULL;
		       scopex_run(body, work));		/* flag: not-seen */
}

static void without_braces(struct shared *param, struct scopex_work *work)
{
	scopex_scope(s)		/* flag: not-seen */
		if (work) {
			param->scope = s;
			scopex_submit(s, work);
		}
}

/* From here on, all is well. */

#define RUN(work) do {							\
	might_sleep();							\
	scopex_scope(s)							\
		scopex_submit(s, work);					\
} while (0)

/* scopex_scope(s) opens one, scopex_run(body, work) runs one. */
static int seen(struct scopex_work *work)
{
	int err = scopex_run(body, work) ?: scopex_run(body, work, .name = "a body");

	scopex_scope(s)
		scopex_submit(s, work);
	scopex_scope(s, .name = "scopex_scope(s)")
		scopex_submit(s, work);
	scopex_scope(s, .limit = 1, .timeout_us = 1)
		scopex_submit(s, work);
	return err ?: scopex_run(body, work, .limit = 1);
}
