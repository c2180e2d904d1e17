// SPDX-License-Identifier: GPL-2.0
/*
 * Scopes that are cancelled at a point in time
 *
 * Theory of operation
 *
 * The timer of a scope does no more than any canceller: it cancels the scope, with -ETIME,
 * and the owner still waits until every item is completed. The timer needs no reference on
 * the scope. Instead, the owner stops the timer before it closes the scope, after the items
 * are completed: a timer that is stopped earlier could not shorten the wait.
 *
 * A deadline that has passed stays passed: the timer notes that before it cancels, and each
 * join looks at the note, so the next round of items is cancelled, too; see scope.c.
 */

#include <linux/container_of.h>
#include <linux/errno.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/minmax.h>

#include "compat/hrtimer.h"
#include "cancel.h"
#include "deadline.h"
#include "state.h"

static enum hrtimer_restart scopex_deadline(struct hrtimer *timer)
{
	struct scopex_custom_scope *custom =
		container_of(timer, struct scopex_custom_scope, timer);

	WRITE_ONCE(custom->expired, true);
	scopex_cancel(&custom->scope, -ETIME);
	return HRTIMER_NORESTART;
}

/**
 * scopex_set_deadline() - store the time at which a scope is cancelled
 * @custom: the scope, which is not open yet
 * @timeout_us: as in &struct scopex_options
 * @deadline: as in &struct scopex_options; at least one of the two is not 0
 *
 * Context: process context of the owner.
 */
void scopex_set_deadline(struct scopex_custom_scope *custom, s64 timeout_us,
			 ktime_t deadline)
{
	ktime_t now = ktime_get(), end = deadline ?: KTIME_MAX;
	ktime_t timeout;

	if (timeout_us > 0) {
		timeout = min_t(s64, timeout_us, div_s64(KTIME_MAX, NSEC_PER_USEC)) *
			  NSEC_PER_USEC;
		end = min(end, ktime_add_safe(now, timeout));
	}
	custom->expired = timeout_us < 0 || end <= now;
	custom->deadline = custom->expired ? now : end;
}

/**
 * scopex_start_deadline() - start the timer of a scope that was just opened
 * @custom: the scope, which has a deadline, and may be refused
 *
 * Context: process context of the owner.
 */
void scopex_start_deadline(struct scopex_custom_scope *custom)
{
	struct scopex_scope *scope = &custom->scope;

	hrtimer_setup_on_stack(&custom->timer, scopex_deadline, CLOCK_MONOTONIC,
			       HRTIMER_MODE_ABS);
	if (!scopex_is_open(scope))
		return;
	if (unlikely(custom->expired))
		scopex_cancel_tree(scope, -ETIME);
	else
		hrtimer_start(&custom->timer, custom->deadline, HRTIMER_MODE_ABS);
}

/**
 * scopex_stop_deadline() - stop the timer of a scope, and wait for its function if it runs
 * @custom: the scope, which has a deadline
 *
 * Context: process context of the owner.
 */
void scopex_stop_deadline(struct scopex_custom_scope *custom)
{
	hrtimer_cancel(&custom->timer);
	destroy_hrtimer_on_stack(&custom->timer);
}
