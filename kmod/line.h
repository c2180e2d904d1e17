/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A line: tasks that wait for things of which each is for one of them
 *
 * Theory of operation
 *
 * The things are permits of a semaphore, messages in a channel, or places for messages. The owner
 * of a line has a lock, and a count of the things that are there. All functions here are called
 * under that lock.
 *
 * To wait takes nothing. When a thing comes, the first task of the line leaves it, and is told that
 * there is one for it. The task takes the thing when it runs. Until then the thing is there and
 * counted, but nobody else takes it: "told" is the number of such things.
 *
 * Each section under the lock ends with scopex_line_serve(). So whenever the lock is free,
 *
 *	told <= things, and if told < things, nobody waits in the line.		(*)
 *
 * What follows from that:
 *
 * * Nothing gets lost. A task that was told, and then does not take the thing, as its scope is
 *   cancelled or as another await of its first-of was ready, leaves by scopex_line_leave(), and
 *   the thing is there for the next one: scopex_line_serve() tells that one.
 * * Nobody is overtaken. A newcomer takes a thing only if told < things, and then nobody waits. So
 *   things are promised in the order of the waits, and a task that waits behind n others gets one
 *   of the next n + 1 things. (These n + 1 tasks may take them in another order, as they may be on
 *   several CPUs.)
 * * No more tasks are woken than there are things.
 *
 * The end. When nothing will come any more, all that wait are woken, and are told nothing. That may
 * be many, so each section wakes only so many; each of them looks, and the section of its look
 * wakes the next ones.
 */
#ifndef _SCOPEX_LINE_H
#define _SCOPEX_LINE_H

#include <linux/list.h>
#include <linux/scopex_sync.h>

#include "woken.h"

static inline void scopex_line_init(struct scopex_line *line)
{
	INIT_LIST_HEAD(&line->waiters);
	line->told = 0;
}

/* Returns true if one of the things is for a newcomer. */
static inline bool scopex_line_has(const struct scopex_line *line, unsigned int things)
{
	return things > line->told;
}

static inline void scopex_line_enter(struct scopex_line *line, struct scopex_in_line *in_line)
{
	in_line->await.mark = false;
	list_add_tail(&in_line->node, &line->waiters);
}

/* Returns true if the task was told to come: one of the things is for it. */
static inline bool scopex_line_is_told(const struct scopex_in_line *in_line)
{
	return in_line->await.mark;
}

/* A task takes its thing, or does not wait any more. */
static inline void scopex_line_leave(struct scopex_line *line, struct scopex_in_line *in_line)
{
	list_del_init(&in_line->node);
	if (in_line->await.mark)
		line->told--;
	in_line->await.mark = false;
}

/**
 * scopex_line_serve() - wake tasks for the things that are there
 * @line: the line
 * @things: how many things there are, those included that tasks were told of
 * @over: nothing will come any more, and those that wait get nothing of what is there
 * @woken: the chain of the woken tasks
 */
static inline void scopex_line_serve(struct scopex_line *line, unsigned int things, bool over,
				     struct scopex_woken *woken)
{
	struct scopex_in_line *in_line;

	while (woken->room && (over || scopex_line_has(line, things))) {
		in_line = list_first_entry_or_null(&line->waiters, struct scopex_in_line, node);
		if (!in_line)
			break;
		list_del_init(&in_line->node);
		if (!over) {
			in_line->await.mark = true;
			line->told++;
		}
		scopex_woken_add(woken, scopex_await_task(&in_line->await));
	}
}

#endif /* _SCOPEX_LINE_H */
