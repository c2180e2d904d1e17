// SPDX-License-Identifier: GPL-2.0
/*
 * The first of several awaits, and all of several
 *
 * Theory of operation
 *
 * One await stands for several members. Their wakers know nothing of that: they wake the task. When
 * it looks, it asks the members, in their order.
 *
 * The first of several: when a member has a result, no other one is asked, as each that is asked
 * may take something. The others are disarmed before the task goes on. A loser that was woken
 * passes that on, as it does when it is cancelled: so a permit or a message that was for the loser
 * is for the next task that waits.
 *
 * A member that can't be disarmed is waited for, also as a loser, which begins nothing more. So the
 * whole ends when each member has a result, or is disarmed. As it can't be disarmed either,
 * scopex_poll() leaves a cancellation to it: it disarms the members with which it can, and waits
 * for the others.
 *
 * The end of a task's scope is such a member. As a loser it is given up, so the scope is cancelled:
 * the first of its end and of a sleep is a scope with a deadline. It is armed and given up also if
 * another one has won before, as the task believes the scope to be closed afterwards. If it is one
 * of several that are a member, these are armed, too, but ask no other member of theirs.
 *
 * A member that is not armed, as its result is known or as it was given up, has another result than
 * SCOPEX_PENDING. So no member is asked or disarmed that is not armed.
 */

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/scopex_sync.h>

#include "await.h"
#include "misuse.h"
#include "task.h"

/**
 * enum scopex_several_mark - the mark of an await that stands for several
 * @SCOPEX_FIRST_OF: it is over when one of them is
 * @SCOPEX_ALL_OF: it is over when all of them are
 * @SCOPEX_LOST: a bit: it is armed, but no result is wanted
 */
enum scopex_several_mark {
	SCOPEX_FIRST_OF,
	SCOPEX_ALL_OF,
	SCOPEX_LOST,
};

static struct scopex_several *scopex_await_to_several(struct scopex_await *await)
{
	return container_of(await, struct scopex_several, await);
}

/* Returns true if no further result is wanted. */
static bool scopex_several_is_won(const struct scopex_several *several)
{
	return several->await.mark == SCOPEX_FIRST_OF && several->winner >= 0;
}

/* Store what a member has returned. */
static void scopex_several_note(struct scopex_several *several, unsigned int i, int result)
{
	several->members[i].result = result;
	if (result == SCOPEX_PENDING)
		several->armed++;
	else if (several->winner < 0)
		several->winner = i;
}

/* Disarm the members with which that can be done, and ask the others whether they are over. */
static void scopex_several_leave(struct scopex_several *several)
{
	struct scopex_member *member;
	unsigned int i;

	for (i = 0; i < several->nr; i++) {
		member = &several->members[i];
		if (member->result != SCOPEX_PENDING)
			continue;
		several->armed--;
		if (member->await->ops->disarm)
			member->result = scopex_await_give_up(member->await);
		else
			scopex_several_note(several, i, scopex_await_give_up(member->await));
	}
}

static int scopex_several_result(const struct scopex_several *several)
{
	unsigned int i;

	if (several->armed)
		return SCOPEX_PENDING;
	if (several->await.mark == SCOPEX_FIRST_OF)
		return several->winner < 0 ? -ECANCELED :
					     several->members[several->winner].result;
	for (i = 0; i < several->nr; i++)
		if (several->members[i].result)
			return several->members[i].result;
	return 0;
}

static int scopex_several_give_up(struct scopex_await *await)
{
	struct scopex_several *several = scopex_await_to_several(await);

	scopex_several_leave(several);
	return scopex_several_result(several);
}

/* Is it over? If a cancellation is left to this await, it is looked at here. */
static int scopex_several_settle(struct scopex_several *several)
{
	const struct scopex_task *task = scopex_await_task(&several->await);

	if (scopex_several_is_won(several) ||
	    (!several->await.ops->disarm && scopex_cancelled(task->work.scope)))
		scopex_several_leave(several);
	return scopex_several_result(several);
}

static int scopex_several_arm(struct scopex_await *await)
{
	struct scopex_several *several = scopex_await_to_several(await);
	struct scopex_task *task = scopex_await_task(await);
	bool lost = await->mark & SCOPEX_LOST;
	struct scopex_await *member;
	unsigned int i;

	await->mark &= ~SCOPEX_LOST;
	several->winner = -1;
	several->armed = 0;
	if (unlikely(!several->nr && await->mark == SCOPEX_FIRST_OF)) {
		scopex_misuse("task %ps waits for the first of no awaits", task->fn);
		return -EINVAL;
	}
	for (i = 0; i < several->nr; i++) {
		member = several->members[i].await;
		if (lost || scopex_several_is_won(several)) {
			several->members[i].result = -ECANCELED;
			if (!member->ops->begun)
				continue;
			if (member->ops->arm == scopex_several_arm)
				member->mark |= SCOPEX_LOST;
		}
		scopex_several_note(several, i, scopex_await_arm(task, member));
	}
	return lost ? scopex_several_give_up(await) : scopex_several_settle(several);
}

static int scopex_several_ready(struct scopex_await *await)
{
	struct scopex_several *several = scopex_await_to_several(await);
	struct scopex_await *member;
	unsigned int i;

	for (i = 0; i < several->nr && !scopex_several_is_won(several); i++) {
		if (several->members[i].result != SCOPEX_PENDING)
			continue;
		member = several->members[i].await;
		several->armed--;
		scopex_several_note(several, i, member->ops->ready(member));
	}
	return scopex_several_settle(several);
}

static void scopex_several_disarm(struct scopex_await *await)
{
	scopex_several_leave(scopex_await_to_several(await));
}

/* The second one of each is for members of which one can't be disarmed. */
static const struct scopex_await_ops scopex_several_ops[][2] = {
	[SCOPEX_FIRST_OF] = {
		{
			.name = "first of several",
			.arm = scopex_several_arm,
			.ready = scopex_several_ready,
			.disarm = scopex_several_disarm,
		}, {
			.name = "first of several",
			.arm = scopex_several_arm,
			.ready = scopex_several_ready,
			.give_up = scopex_several_give_up,
			.begun = true,
		},
	},
	[SCOPEX_ALL_OF] = {
		{
			.name = "all of several",
			.arm = scopex_several_arm,
			.ready = scopex_several_ready,
			.disarm = scopex_several_disarm,
		}, {
			.name = "all of several",
			.arm = scopex_several_arm,
			.ready = scopex_several_ready,
			.give_up = scopex_several_give_up,
			.begun = true,
		},
	},
};

static struct scopex_await *scopex_several_await(struct scopex_several *several,
						 struct scopex_member *members, unsigned int nr,
						 enum scopex_several_mark mark)
{
	bool stays = false;
	unsigned int i;

	for (i = 0; i < nr; i++)
		stays |= !members[i].await->ops->disarm;
	several->await.ops = &scopex_several_ops[mark][stays];
	several->await.mark = mark;
	several->members = members;
	several->nr = nr;
	return &several->await;
}

/**
 * scopex_first_of() - an await: wait until the first one of several is over
 * @several: how the task waits, in the task's object
 * @members: the awaits, prepared by functions of their kinds, in the same object, each once
 * @nr: how many, at least 1
 *
 * If several are ready at the same time, the one that comes first in @members is the winner. The
 * others are given up, and have taken nothing: their results are -ECANCELED. Those that can't be
 * disarmed are waited for, and have their own result; a scope of the task is cancelled before
 * that. Then also a cancellation waits for these.
 *
 * Context: any.
 *
 * Return: the await, for scopex_await() or scopex_poll(), which return the result of the winner;
 * &scopex_several.winner is its number. -ECANCELED without a winner, as the scope is cancelled;
 * with a warning, -EINVAL if @nr is 0.
 */
struct scopex_await *scopex_first_of(struct scopex_several *several,
				     struct scopex_member *members, unsigned int nr)
{
	return scopex_several_await(several, members, nr, SCOPEX_FIRST_OF);
}
EXPORT_SYMBOL_GPL(scopex_first_of);

/**
 * scopex_all_of() - an await: wait until all of several are over
 * @several: how the task waits, in the task's object
 * @members: the awaits, prepared by functions of their kinds, in the same object, each once
 * @nr: how many
 *
 * An error of one does not end the wait for the others. After a cancellation, those that were over
 * keep what they have taken: see the result of each one.
 *
 * Context: any.
 *
 * Return: the await, for scopex_await() or scopex_poll(), which return the first result in @members
 * that is not 0; -ECANCELED if the scope is cancelled.
 */
struct scopex_await *scopex_all_of(struct scopex_several *several,
				   struct scopex_member *members, unsigned int nr)
{
	return scopex_several_await(several, members, nr, SCOPEX_ALL_OF);
}
EXPORT_SYMBOL_GPL(scopex_all_of);
