/* SPDX-License-Identifier: GPL-2.0 */
/* What live.c has seen of scopes and workers, for the files in debugfs */
#ifndef _SCOPEX_LIVE_H
#define _SCOPEX_LIVE_H

#include <linux/sched.h>
#include <linux/types.h>

#include "place.h"

/**
 * struct scopex_shown_scope - what is shown of an open scope
 * @place: where it was opened
 * @comm: its owner's name
 * @pid: its owner's number
 * @depth: how many scopes it is nested in
 * @pending: items that are not out
 * @age_ms: since it is listed
 * @error: its first error so far, or why it was cancelled
 * @deadline_ms: what is left of its time; only if @timed
 * @timed: it has a deadline
 * @waiting: its owner waits
 * @cancelled: it is cancelled
 * @serial: its owner runs its items
 * @id: tells it from others, and is not shown
 */
struct scopex_shown_scope {
	struct scopex_place		place;
	char				comm[TASK_COMM_LEN];
	pid_t				pid;
	unsigned int			depth;
	unsigned long			pending;
	unsigned int			age_ms;
	int				error;
	s64				deadline_ms;
	bool				timed;
	bool				waiting;
	bool				cancelled;
	bool				serial;
	const void			*id;
};

/**
 * struct scopex_shown_worker - what is shown of a worker
 * @cpu: its CPU
 * @comm: its name
 * @pid: its number
 * @state: what it is doing, in a word
 * @busy: it is in an item
 * @fn: the name of the item's function, "-" if that is not known
 * @place: where the item's scope was opened; only if there is an item
 * @ms: for how long it has been in the item, or -1 if that is not known
 * @or_more: it may be longer
 * @scope_id: the item's scope
 */
struct scopex_shown_worker {
	unsigned int			cpu;
	char				comm[TASK_COMM_LEN];
	pid_t				pid;
	const char			*state;
	bool				busy;
	char				fn[56];
	struct scopex_place		place;
	s64				ms;
	bool				or_more;
	const void			*scope_id;
};

/**
 * struct scopex_snapshot - what was seen
 * @scope: the scopes, each before those that are nested in it
 * @nr_scopes: how many
 * @scopes_left: some are not shown, as there are too many
 * @worker: the workers
 * @nr_workers: how many
 */
struct scopex_snapshot {
	struct scopex_shown_scope	*scope;
	unsigned int			nr_scopes;
	bool				scopes_left;
	struct scopex_shown_worker	*worker;
	unsigned int			nr_workers;
};

struct scopex_snapshot *scopex_take_snapshot(void);
void scopex_free_snapshot(struct scopex_snapshot *live);

#endif /* _SCOPEX_LIVE_H */
