// SPDX-License-Identifier: GPL-2.0
/*
 * Semaphores: a number of permits, each for one task at a time
 *
 * Theory of operation
 *
 * Tasks wait in a line: see line.h, which also says why no permit gets lost, and why a newcomer
 * overtakes nobody. Permits do not inherit priority: a task that holds one may wait for its CPU
 * behind others, and so do those that wait for the permit.
 */

#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/scopex_sync.h>
#include <linux/spinlock.h>

#include "line.h"

static struct scopex_semaphore_waiter *scopex_semaphore_waiter(struct scopex_await *await)
{
	return container_of(await, struct scopex_semaphore_waiter, in_line.await);
}

static void scopex_semaphore_serve(struct scopex_semaphore *semaphore, struct scopex_woken *woken)
{
	scopex_line_serve(&semaphore->line, semaphore->permits, false, woken);
}

/* Take a permit, without a wait. */
static bool scopex_semaphore_take(struct scopex_semaphore *semaphore)
{
	if (!scopex_line_has(&semaphore->line, semaphore->permits))
		return false;
	semaphore->permits--;
	return true;
}

static int scopex_semaphore_arm(struct scopex_await *await)
{
	struct scopex_semaphore_waiter *waiter = scopex_semaphore_waiter(await);
	struct scopex_semaphore *semaphore = waiter->semaphore;
	unsigned long flags;
	bool taken;

	raw_spin_lock_irqsave(&semaphore->lock, flags);
	taken = scopex_semaphore_take(semaphore);
	if (!taken)
		scopex_line_enter(&semaphore->line, &waiter->in_line);
	raw_spin_unlock_irqrestore(&semaphore->lock, flags);
	return taken ? 0 : SCOPEX_PENDING;
}

static int scopex_semaphore_ready(struct scopex_await *await)
{
	struct scopex_semaphore_waiter *waiter = scopex_semaphore_waiter(await);
	struct scopex_semaphore *semaphore = waiter->semaphore;
	unsigned long flags;
	bool told;

	raw_spin_lock_irqsave(&semaphore->lock, flags);
	told = scopex_line_is_told(&waiter->in_line);
	if (told) {
		scopex_line_leave(&semaphore->line, &waiter->in_line);
		semaphore->permits--;
	}
	raw_spin_unlock_irqrestore(&semaphore->lock, flags);
	return told ? 0 : SCOPEX_PENDING;
}

static void scopex_semaphore_disarm(struct scopex_await *await)
{
	struct scopex_semaphore_waiter *waiter = scopex_semaphore_waiter(await);
	struct scopex_semaphore *semaphore = waiter->semaphore;
	struct scopex_woken woken;
	unsigned long flags;

	scopex_woken_init(&woken, SCOPEX_WOKEN_MAX);
	raw_spin_lock_irqsave(&semaphore->lock, flags);
	scopex_line_leave(&semaphore->line, &waiter->in_line);
	scopex_semaphore_serve(semaphore, &woken);
	raw_spin_unlock_irqrestore(&semaphore->lock, flags);
	scopex_woken_push(&woken);
}

static const struct scopex_await_ops scopex_semaphore_ops = {
	.name = "semaphore",
	.arm = scopex_semaphore_arm,
	.ready = scopex_semaphore_ready,
	.disarm = scopex_semaphore_disarm,
};

/**
 * scopex_semaphore_down() - an await: take a permit
 * @waiter: how the task waits, in the task's object
 * @semaphore: the semaphore
 *
 * Permits are given in the order in which the tasks began to wait, and a newcomer queues behind
 * those that wait. If the await ends with an error, no permit was taken.
 *
 * Context: any.
 *
 * Return: the await, for scopex_await() or scopex_poll(), which return 0 when the permit is taken.
 */
struct scopex_await *scopex_semaphore_down(struct scopex_semaphore_waiter *waiter,
					   struct scopex_semaphore *semaphore)
{
	waiter->in_line.await.ops = &scopex_semaphore_ops;
	waiter->semaphore = semaphore;
	return &waiter->in_line.await;
}
EXPORT_SYMBOL_GPL(scopex_semaphore_down);

/**
 * scopex_semaphore_init() - initialise a semaphore
 * @semaphore: the semaphore
 * @permits: how many permits there are
 *
 * Context: any.
 */
void scopex_semaphore_init(struct scopex_semaphore *semaphore, unsigned int permits)
{
	raw_spin_lock_init(&semaphore->lock);
	semaphore->permits = permits;
	scopex_line_init(&semaphore->line);
}
EXPORT_SYMBOL_GPL(scopex_semaphore_init);

/**
 * scopex_semaphore_try_down() - take a permit if one is there for a newcomer
 * @semaphore: the semaphore
 *
 * Context: any but NMI.
 *
 * Return: true if a permit was taken.
 */
bool scopex_semaphore_try_down(struct scopex_semaphore *semaphore)
{
	unsigned long flags;
	bool taken;

	raw_spin_lock_irqsave(&semaphore->lock, flags);
	taken = scopex_semaphore_take(semaphore);
	raw_spin_unlock_irqrestore(&semaphore->lock, flags);
	return taken;
}
EXPORT_SYMBOL_GPL(scopex_semaphore_try_down);

/**
 * scopex_semaphore_up() - give a permit, a new one, or one that was taken
 * @semaphore: the semaphore
 *
 * Context: any but NMI, hard interrupts included, under any lock under which a task may be woken.
 * Does not sleep.
 */
void scopex_semaphore_up(struct scopex_semaphore *semaphore)
{
	struct scopex_woken woken;
	unsigned long flags;

	scopex_woken_init(&woken, SCOPEX_WOKEN_MAX);
	raw_spin_lock_irqsave(&semaphore->lock, flags);
	semaphore->permits++;
	scopex_semaphore_serve(semaphore, &woken);
	raw_spin_unlock_irqrestore(&semaphore->lock, flags);
	scopex_woken_push(&woken);
}
EXPORT_SYMBOL_GPL(scopex_semaphore_up);
