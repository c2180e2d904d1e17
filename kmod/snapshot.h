/* SPDX-License-Identifier: GPL-2.0 */
/* Snapshots of scopes and workers, for the files in debugfs */
#ifndef _SCOPEX_SNAPSHOT_H
#define _SCOPEX_SNAPSHOT_H

#include <linux/sched.h>
#include <linux/types.h>

#include "place.h"

/**
 * struct scopex_shown_scope - an open scope, as it is shown
 * @place: the site that opened it
 * @comm: its owner's name
 * @pid: its owner's number
 * @depth: the number of scopes that it is nested in
 * @pending: the number of items that are not completed
 * @age_ms: the time since it was listed
 * @error: its first error so far, or the reason of its cancellation
 * @deadline_ms: the time to its deadline; only if @timed
 * @timed: it has a deadline
 * @waiting: its owner waits
 * @cancelled: it is cancelled
 * @serial: its owner runs its items
 * @id: tells it from other scopes, and is not shown
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
 * struct scopex_shown_worker - a worker, as it is shown
 * @cpu: its CPU
 * @comm: its name
 * @pid: its number
 * @state: its state, in a word
 * @busy: it is in an item
 * @fn: the name of the item's function, "-" if that is not known
 * @place: the site that opened the item's scope; only if @busy
 * @ms: the time that it has been in the item, or -1 if that is not known
 * @or_more: the time may be longer
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
 * struct scopex_snapshot - the scopes and workers, as they are shown
 * @scope: the scopes, each one before those that are nested in it
 * @nr_scopes: the number of scopes
 * @scopes_left: some scopes are not shown, as there are too many
 * @worker: the workers
 * @nr_workers: the number of workers
 */
struct scopex_snapshot {
	struct scopex_shown_scope	*scope;
	unsigned int			nr_scopes;
	bool				scopes_left;
	struct scopex_shown_worker	*worker;
	unsigned int			nr_workers;
};

struct scopex_snapshot *scopex_take_snapshot(void);
void scopex_free_snapshot(struct scopex_snapshot *snapshot);

#endif /* _SCOPEX_SNAPSHOT_H */
