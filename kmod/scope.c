// SPDX-License-Identifier: GPL-2.0
/*
 * Scopes: open, submit, cancel, drain
 *
 * Theory of operation
 *
 * A scope is an object on the stack of the task that opened it. What makes that
 * sound is a single rule: the function that owns the object does not return
 * before every item that was accepted is out, and whoever takes the last item
 * out does not touch the object afterwards. No error, signal or cancellation
 * shortens the wait; they can only ask that it become short.
 *
 * All of a scope's life is in one 64-bit word, scopex_scope.state:
 *
 *	kind (24 bits) | flags (8 bits) | references (31 bits) | waiting (1 bit)
 *
 * An item that is not out yet holds one reference, the owner holds one as long as
 * the scope is open. The word moves like this:
 *
 *	OPEN|FRESH, 1		opened
 *	OPEN, 1 + n		n items are not out, the owner does something else
 *	OPEN, 1 + n, waiting	the owner waits for them
 *	OPEN, 1, waiting	drained: whoever brought this about wakes the owner
 *	OPEN, 1			joined: open for another round
 *	CLOSED			poisoned, for those who come too late
 *
 * plus CANCELLED from scopex_cancel() to the end of the round, SERIAL for a scope
 * whose owner runs the items, and REFUSED for one that was never opened because
 * its object or its context was wrong.
 *
 * A scope is open until the owner, in a single step, replaces "one reference" by
 * CLOSED: a submit from elsewhere either comes before, and is waited for, or finds
 * the scope closed. A join closes nothing: submits from interrupts may go on, and
 * belong to this round or to the next.
 *
 * Submit. An item is first claimed (status becomes BUSY, which only one
 * submitter can bring about), then associated (one more reference, taken only
 * from a state that allows it, so that a late submitter never changes the word
 * of a scope that is closed), then pushed. Every step that fails undoes the
 * ones before, and the item is as it was.
 *
 * Items may submit to their own scope, even while the owner waits: they hold a
 * reference, so it can't be closed.
 *
 * The last reference. A worker drops the references of a run of items at once.
 * If the owner's is the only one left and the owner waits, it has to be woken.
 * From that very moment it can wake for any reason, see that the items are out,
 * return, and have its stack reused or freed. So the worker reads the owner
 * first, and an RCU read section keeps the owner's task_struct, not the scope,
 * alive until it is woken. If it was awake already, it gets one stray wake-up,
 * which every sleeper has to tolerate.
 *
 * Nesting. An item may open scopes. Such a scope knows its parent, the scope of
 * the item, which can't end before: the item holds a reference on it. To wait, the
 * item's worker hands its queue over (see worker.c), or the scope is serial.
 *
 * A cancellation goes down the tree: see cancel.c.
 *
 * What can cancel by itself: an item that fails (SCOPEX_FAIL_FAST), a fatal signal
 * for the owner (SCOPEX_KILLABLE), which it notices when it waits, and a timer. They
 * do no more than that: the scope is drained as ever. The timer is off before the
 * scope is closed, and needs no reference.
 *
 * Who may touch what:
 *
 *	state		anybody who holds a reference, or to whom the caller
 *			guarantees that the scope is open; WAITING and CLOSED are
 *			the owner's to write
 *	error		cmpxchg from 0 by holders of a reference; xchg to 0 by the
 *			owner
 *	owner, site,	written by the owner before the scope is open, then
 *	parent, flags	constant (but of a detached item, its worker writes the owner
 *			before the function is called, and adds __SCOPEX_LISTED)
 *	since		written by the submitter, or owner, that lists the scope
 *	node, children	the lock of a bucket: see registry.c
 *	outer		the owner, which is a worker
 *	own		pushed to by holders of a reference; taken by the owner
 *	exit		the owner, when it exits
 *	walk		the canceller that has set SCOPEX_WALK, then the timer: see cancel.c
 *	rounds		the owner
 *	rises, wait_*	the watchdog, from the listing on
 *	opened		written and read by probes of scopex_open and scopex_close, which
 *			run in the owner
 *
 * Ordering:
 *
 *   A	The release of a reference (scopex_put_items) pairs with the acquire of
 *	the state that shows it gone (scopex_drain_scope): what the items wrote is
 *	visible to the owner when it goes on; see put-drain.litmus.
 *   B	The owner sets its task state, then reads the count; the worker writes
 *	the count, then reads the task state (in wake_up_process(), which has a
 *	full barrier before): no wake-up is lost; see drain-wake.litmus. That the
 *	worker sees WAITING if the owner did not see the count that it left needs
 *	no barrier, as both are in one word.
 *   C	The claim of an item (acquire) pairs with the store-release that ended
 *	it (scopex_end_item): its last user is through with it; see
 *	claim-reuse.litmus.
 *   K	The join takes CANCELLED away, then looks at what cancels for good (the
 *	deadline, the parent); a canceller for that reason says why (it notes that the time
 *	is over, or marks the parent) before it sets CANCELLED, or finds it set. A full
 *	barrier on both sides; see join-cancel.litmus, join-nested.litmus,
 *	join-skip.litmus.
 *   J	Who waits for one item says so, then looks at it; the worker ends the item,
 *	then looks for who waits. Full barriers in between; see join-item.litmus. So
 *	does who undoes the claim of an item; see join-refused.litmus.
 *
 * D and H are in worker.c, L and M in loop.c, N in debugfs.c, O and W in cpu.c, P in
 * internal.h, Q in queue.h, T in cancel.c. The litmus tests are in selftests/litmus/, and
 * "make check WHAT=model" runs them; each says which functions it models.
 *
 * Open scopes can be listed (debugfs). To keep an empty scope free of charge, a
 * scope is registered by its first submit: the FRESH flag sends that one to the
 * slow path, which clears the flag in the same step that takes the reference. (A scope
 * with a deadline, or a parent, or of a loop that is offered, has another hold on it
 * than items, and is listed then.)
 * Since the item holds it until it ran, registering is over before the owner
 * can close it, which takes it out of the list; see register-unregister.litmus.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bug.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/instruction_pointer.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>

#include <trace/events/scopex.h>

#include "compat/hrtimer.h"
#include "internal.h"
#include "track.h"

static struct scopex_custom_scope *scopex_custom(struct scopex_scope *scope)
{
	return container_of(scope, struct scopex_custom_scope, scope);
}

/**
 * scopex_list() - list a scope that takes references in another way than by a submit
 * @scope: the scope
 *
 * Context: its owner, before anybody else can submit to it.
 */
void scopex_list(struct scopex_scope *scope)
{
	if (likely(!(atomic64_read(&scope->state) & SCOPEX_FRESH)))
		return;
	atomic64_andnot(SCOPEX_FRESH, &scope->state);
	scopex_register(scope);
}

/*
 * A caller has a wrong object. If that is a copy of a scope on this stack, its kind tells
 * where the original is: name that one.
 */
static noinline int scopex_not_open(const struct scopex_scope *scope, const char *what,
				    unsigned long caller)
{
	unsigned long mask = SCOPEX_KIND_MASK >> 37;
	u64 kind = atomic64_read(&scope->state) & SCOPEX_KIND_MASK;
	unsigned long here = (unsigned long)__builtin_frame_address(0);
	const struct scopex_scope *original = (void *)((here & ~(mask | 7)) |
						       (-(unsigned long)(kind >> 37) & mask));

	if (object_is_on_stack(original) && scopex_is_open(original))
		scopex_misuse("%pS %s a copy of scope %s of %s()", (void *)caller, what,
			      scopex_name(original->site->name),
			      scopex_name(original->site->func));
	else
		scopex_misuse("%pS %s what is no open scope", (void *)caller, what);
	return -EINVAL;
}

/*
 * Of scopex_associate(): the item is not to be queued, but left to the owner; or to
 * be queued when the limit allows it.
 */
#define SCOPEX_FOR_OWNER	1
#define SCOPEX_FOR_LIMIT	2

/* Is @work the item that @scope, of a detached one, is there for? */
static bool scopex_is_detached(struct scopex_scope *scope, struct scopex_work *work)
{
	return work == &container_of(scope, struct scopex_detached, scope)->work;
}

static noinline int scopex_not_its_item(const struct scopex_scope *scope,
					const struct scopex_work *work, unsigned long caller)
{
	scopex_misuse("%pS submits %ps to the scope of a detached item, %s",
		      (void *)caller, work->fn, scopex_name(scope->site->name));
	return -EINVAL;
}

/* Everything but the usual case of scopex_associate(), which see. */
static noinline int scopex_associate_slow(struct scopex_scope *scope,
					  struct scopex_work *work,
					  unsigned int nr, u64 state,
					  unsigned long caller)
{
	do {
		switch (scopex_kind(scope, state)) {
		case SCOPEX_OPEN:
			break;
		case SCOPEX_REFUSED:
			return scope->error;
		case SCOPEX_CLOSED:
			scopex_misuse("%pS submits %ps to a closed scope",
				      (void *)caller, work->fn);
			return -ESHUTDOWN;
		default:
			return scopex_not_open(scope, "submits an item to", caller);
		}

		/*
		 * A detached item can be cancelled as soon as it is claimed, and then
		 * ends as one that is queued: its waiters need not know of a refusal.
		 */
		if (unlikely(state & SCOPEX_CANCELLED && !(state & SCOPEX_DETACHED)))
			return -ECANCELED;
		/* It ends with its one item, and may be freed then. */
		if (state & SCOPEX_DETACHED &&
		    (nr > 1 || !scopex_is_detached(scope, work)))
			return scopex_not_its_item(scope, work, caller);
		if ((state & SCOPEX_COUNT_MASK) >= SCOPEX_COUNT_MAX * SCOPEX_ONE)
			return -EOVERFLOW;
		scopex_inject(SCOPEX_INJECT_ASSOCIATE);
	} while (!atomic64_try_cmpxchg_relaxed(&scope->state, (s64 *)&state,
					       (state & ~SCOPEX_FRESH) +
					       nr * SCOPEX_ONE));

	if (state & SCOPEX_FRESH)
		scopex_register(scope);
	if (state & SCOPEX_SERIAL)
		return SCOPEX_FOR_OWNER;
	return state & SCOPEX_LIMITED ? SCOPEX_FOR_LIMIT : 0;
}

/*
 * Take a reference on the scope for each of @nr items if it is open, without flags, and
 * not full. Relaxed, as the item's push orders it before the worker's put; see
 * associate-drain.litmus. In one step with the look at the state; see
 * associate-close.litmus and cancel-submit.litmus. False, with what it is, if the scope
 * is not so.
 */
static __always_inline bool scopex_associate_usual(struct scopex_scope *scope,
						   unsigned int nr, u64 *state)
{
	*state = atomic64_read(&scope->state);
	do {
		/*
		 * Open, here, no flags, count < SCOPEX_COUNT_MAX: all in one. Less one, as
		 * that number is one that x86 compares with in one instruction.
		 */
		if (unlikely(__scopex_decode(scope, *state) >=
			     SCOPEX_COUNT_MAX * SCOPEX_ONE - 1))
			return false;
		scopex_inject(SCOPEX_INJECT_ASSOCIATE);
	} while (!atomic64_try_cmpxchg_relaxed(&scope->state, (s64 *)state,
					       *state + nr * SCOPEX_ONE));
	return true;
}

/*
 * The same for any scope, and @work is one of the items: 0, or what is to be done with
 * them, or why they are refused.
 */
static int scopex_associate(struct scopex_scope *scope, struct scopex_work *work,
			    unsigned int nr, unsigned long caller)
{
	u64 state;

	if (likely(scopex_associate_usual(scope, nr, &state)))
		return 0;
	return scopex_associate_slow(scope, work, nr, state, caller);
}

/* Leave items to the owner of a serial scope, who may run them at once. */
static noinline void scopex_push_own(struct scopex_scope *scope,
				     struct scopex_work *newest,
				     struct scopex_work *oldest)
{
	struct task_struct *owner;

	/* For the owner's task_struct, as in scopex_put_items(). */
	rcu_read_lock();
	owner = scope->owner;
	/*
	 * Release Q: by llist_add_batch(); pairs with llist_del_all() in
	 * scopex_run_own(); see push-take.litmus.
	 */
	if (llist_add_batch(&newest->node, &oldest->node, &scope->own))
		wake_up_process(owner);
	rcu_read_unlock();
}

/**
 * scopex_wake_joiner() - an item is out: is it one that the owner waits for?
 * @scope: the scope, which is SCOPEX_JOINABLE
 * @work: the item, which is not touched
 *
 * Context: the worker, which holds the item's reference on the scope; or a submitter,
 * who knows that it is open.
 */
void scopex_wake_joiner(struct scopex_scope *scope, struct scopex_work *work)
{
	/*
	 * J: between the item's result and the look for a joiner; pairs with
	 * scopex_join_item(); see join-item.litmus, and join-refused.litmus where it is
	 * a submitter who looks.
	 */
	smp_mb();
	if (READ_ONCE(scopex_custom(scope)->joined) == work)
		wake_up_process(scope->owner);
}

/*
 * A claim is undone, of a submit that was refused. Who joined the item meanwhile took
 * it for submitted, and waits; see join-refused.litmus. The caller knows that the scope
 * is open, if it is one.
 */
static void scopex_unclaim_item(struct scopex_scope *scope,
				struct scopex_work *work, int status)
{
	u64 state;

	scopex_untrack(work);
	/*
	 * Release C: pairs with the claim of another submitter; see
	 * claim-undo.litmus.
	 */
	smp_store_release(&work->status, status);
	state = atomic64_read(&scope->state);
	if (unlikely(scopex_kind(scope, state) == SCOPEX_OPEN && state & __SCOPEX_JOINABLE))
		scopex_wake_joiner(scope, work);
}

static void scopex_push(struct scopex_cpu *sc, struct scopex_work *newest,
			struct scopex_work *oldest)
{
	if (scopex_queue_push(&sc->queue, &newest->node, &oldest->node))
		scopex_wake(sc);
}

/*
 * Queue an item if fewer than the limit are queued or run; else let it wait for its
 * turn, or say no.
 */
static noinline int scopex_start(struct scopex_scope *scope,
				 struct scopex_cpu *sc,
				 struct scopex_work *work, bool try)
{
	struct scopex_custom_scope *custom = scopex_custom(scope);
	unsigned long flags;
	bool start;

	raw_spin_lock_irqsave(&custom->lock, flags);
	start = custom->running < custom->limit;
	if (start || !try)
		trace_scopex_submit(scope, work, sc->cpu);
	if (start) {
		custom->running++;
	} else if (!try) {
		work->cpu = sc->cpu;
		work->node.next = NULL;
		*custom->last = &work->node;
		custom->last = &work->node.next;
	}
	raw_spin_unlock_irqrestore(&custom->lock, flags);

	if (start)
		scopex_push(sc, work, work);
	return start || !try ? 0 : -EAGAIN;
}

/**
 * scopex_let_start() - an item of a scope with a limit is out: let another one start
 * @scope: the scope
 *
 * Context: the worker, which holds the item's reference on the scope.
 */
void scopex_let_start(struct scopex_scope *scope)
{
	struct scopex_custom_scope *custom = scopex_custom(scope);
	struct llist_node *node;
	struct scopex_work *work;
	struct scopex_cpu *sc;
	unsigned long flags;

	raw_spin_lock_irqsave(&custom->lock, flags);
	node = custom->waiting;
	if (node) {
		custom->waiting = node->next;
		if (!custom->waiting)
			custom->last = &custom->waiting;
	} else {
		custom->running--;
	}
	raw_spin_unlock_irqrestore(&custom->lock, flags);

	if (node) {
		work = scopex_node_to_work(node);
		sc = per_cpu_ptr(&scopex_cpus, work->cpu);
		scopex_profile_queued(work);
		scopex_push(sc, work, work);
	}
}

/**
 * scopex_take_turn() - may an item of a scope with a limit for each CPU begin?
 * @w: the worker
 * @scope: the scope
 * @work: the item
 *
 * Those that have begun and are not out are in the CPU's workers, so nobody has to
 * count. One that has to wait hangs on one of these, and is run by a worker that has its
 * turn already: see scopex_pass_turn(). There may be thousands of workers, so the lock is
 * one that leaves preemption on.
 *
 * Context: the worker, which holds the item's reference on the scope; sleeps.
 *
 * Return: whether it may; if not, it is not the worker's any more.
 */
bool scopex_take_turn(struct scopex_worker *w, struct scopex_scope *scope,
		      struct scopex_work *work)
{
	struct scopex_cpu *sc = w->sc;
	struct scopex_worker *other, *host = NULL;
	unsigned int begun = 0;
	bool begin;

	mutex_lock(&sc->turn_lock);
	/* W: pairs with scopex_make_worker(). */
	for (other = READ_ONCE(sc->workers); other; other = other->next) {
		if (other->turn != scope)
			continue;
		begun++;
		/* All of a scope's hang on the same worker. */
		if (!host || other->deferred)
			host = other;
	}
	begin = begun < scopex_custom(scope)->limit_per_cpu;
	if (begin) {
		w->turn = scope;
	} else {
		work->node.next = NULL;
		if (host->deferred)
			host->deferred_last->next = &work->node;
		else
			host->deferred = &work->node;
		host->deferred_last = &work->node;
	}
	mutex_unlock(&sc->turn_lock);
	return begin;
}

/**
 * scopex_pass_turn() - an item of such a scope is out: which one has its turn now?
 * @w: the worker that has run it
 * @scope: the scope
 *
 * As long as some wait, no turn is given back: so they are run in their order.
 *
 * Context: the worker, which holds the item's reference on the scope; sleeps.
 *
 * Return: the item to run, or NULL if there is none; then the turn is given back.
 */
struct scopex_work *scopex_pass_turn(struct scopex_worker *w,
				     struct scopex_scope *scope)
{
	struct scopex_cpu *sc = w->sc;
	struct scopex_worker *host = w;
	struct llist_node *node;

	mutex_lock(&sc->turn_lock);
	if (!w->deferred)
		/* W: pairs with scopex_make_worker(). */
		for (host = READ_ONCE(sc->workers); host; host = host->next)
			if (host->turn == scope && host->deferred)
				break;
	node = host ? host->deferred : NULL;
	if (node)
		host->deferred = node->next;
	else
		w->turn = NULL;
	mutex_unlock(&sc->turn_lock);
	return node ? scopex_node_to_work(node) : NULL;
}

static noinline int scopex_submit_nothing(unsigned long caller)
{
	scopex_misuse("%pS submits an item without a function", (void *)caller);
	return scopex_refuse(-EINVAL);
}

static noinline int scopex_submit_traced(struct scopex_scope *scope,
					 struct scopex_cpu *sc,
					 struct scopex_work *work)
{
	trace_scopex_submit(scope, work, sc->cpu);
	scopex_push(sc, work, work);
	return 0;
}

static noinline int scopex_submit_waking(struct scopex_cpu *sc)
{
	scopex_wake(sc);
	return 0;
}

/* The end of a submit, with the item claimed and the reference taken. */
static __always_inline int scopex_submit_push(struct scopex_scope *scope,
					      struct scopex_cpu *sc,
					      struct scopex_work *work)
{
	work->scope = scope;
	scopex_inject(SCOPEX_INJECT_PUSH);
	if (trace_scopex_submit_enabled())
		return scopex_submit_traced(scope, sc, work);
	if (scopex_queue_push(&sc->queue, &work->node, &work->node))
		return scopex_submit_waking(sc);
	return 0;
}

/**
 * enum scopex_where - what a submit says about the CPU
 * @SCOPEX_NAMED: it is this one, or its number was given
 * @SCOPEX_ANY: scopex has chosen it
 * @SCOPEX_TRY: likewise, and the item must not wait for its turn
 */
enum scopex_where {
	SCOPEX_NAMED,
	SCOPEX_ANY,
	SCOPEX_TRY,
};

/* The items of a serial scope run on its owner's CPU, and so can't run on another one. */
static bool scopex_is_misplaced(const struct scopex_scope *scope,
				const struct scopex_cpu *sc, enum scopex_where where)
{
	const struct scopex_worker *w = kthread_data(scope->owner);

	return where == SCOPEX_NAMED && w->sc != sc;
}

/* The rest of a submit to a scope that is not as usual, with the item claimed. */
static noinline int scopex_submit_slow(struct scopex_scope *scope,
				       struct scopex_cpu *sc,
				       struct scopex_work *work, int status,
				       unsigned long caller, enum scopex_where where)
{
	int err = scopex_associate(scope, work, 1, caller);

	if (!err)
		return scopex_submit_push(scope, sc, work);
	if (err < 0) {
		scopex_unclaim_item(scope, work, status);
		return scopex_refuse(err);
	}

	work->scope = scope;
	if (err == SCOPEX_FOR_LIMIT) {
		err = scopex_start(scope, sc, work, where == SCOPEX_TRY);
	} else if (scopex_is_misplaced(scope, sc, where)) {
		err = -EUSERS;
	} else {
		trace_scopex_submit(scope, work, sc->cpu);
		scopex_push_own(scope, work, work);
		return 0;
	}
	if (!err)
		return 0;
	scopex_unclaim_item(scope, work, status);
	/* As the item's, which nobody has seen; the last may wake the owner. */
	scopex_put_items(scope, 1);
	return scopex_refuse(err);
}

/*
 * The way of nearly all items, and so as short as it can be: it calls nothing, but goes
 * over to other functions for what is rare, so that no register has to be saved for
 * their sake.
 */
static __always_inline int scopex_submit_to(struct scopex_scope *scope,
					    struct scopex_cpu *sc,
					    struct scopex_work *work,
					    enum scopex_where where)
{
	int status;
	u64 state;

	if (unlikely(!work->fn))
		return scopex_submit_nothing(_RET_IP_);

	/* Acquire C: pairs with scopex_end_item(); see claim-reuse.litmus. */
	status = xchg_acquire(&work->status, SCOPEX_WORK_BUSY);
	if (unlikely(status == SCOPEX_WORK_BUSY || !scopex_track(work)))
		return scopex_refuse(-EBUSY);

	if (unlikely(!scopex_associate_usual(scope, 1, &state)))
		return scopex_submit_slow(scope, sc, work, status, _RET_IP_, where);

	return scopex_submit_push(scope, sc, work);
}

/**
 * scopex_submit() - submit an item to this CPU
 * @scope: an open scope
 * @work: an initialised item that is not busy
 *
 * The item starts at once, as soon as the CPU's worker gets to it; it does not
 * wait for the join (unless the scope is serial, see scopex_scope()). Where this
 * CPU has no worker (see the module's parameter "cpus"), the nearest CPU that has
 * one takes it.
 *
 * All that the caller wrote before is visible to the item. @work and what it
 * borrows must stay valid until the item is out.
 *
 * Context: process, softirq and hard-irq context, any lock held that a task may be
 * woken under (so none of the scheduler's own); not NMI. Does not sleep, allocates
 * nothing. In another context than the scope's owner or one of its items, the
 * caller has to know that the scope is open and stays so until this returns.
 *
 * Return: 0, or with nothing changed and the item as it was: -EBUSY if the item
 * is queued or running, or just being submitted by somebody else; -ECANCELED if
 * the scope was cancelled; -ENODEV if no CPU has a worker; -EUSERS if the scope is serial
 * (see scopex_scope()) and its owner is on another CPU; -EOVERFLOW if the scope
 * holds 2^30 references; with a warning, -ESHUTDOWN if the scope is closed,
 * -EINVAL if the item has no function or @scope is none, a copy, or that of a detached
 * item, which takes no other; and the reason
 * why a scope was refused when it was opened.
 */
int scopex_submit(struct scopex_scope *scope, struct scopex_work *work)
{
	/* O: pairs with scopex_direct_submits(); see publish-read.litmus. */
	struct scopex_cpu *sc = this_cpu_read(scopex_local);

	if (unlikely(!sc))
		return scopex_refuse(-ENODEV);
	return scopex_submit_to(scope, sc, work, SCOPEX_NAMED);
}
EXPORT_SYMBOL_GPL(scopex_submit);

/**
 * scopex_submit_on() - submit an item to a CPU
 * @scope: an open scope
 * @cpu: the CPU's number
 * @work: an initialised item that is not busy
 *
 * As scopex_submit(). If the CPU goes offline meanwhile, the item is run all the
 * same, on another one.
 *
 * Context: as for scopex_submit().
 *
 * Return: as scopex_submit(), and -EINVAL if there can be no such CPU, -ENODEV
 * if it is offline or has no worker.
 */
int scopex_submit_on(struct scopex_scope *scope, unsigned int cpu,
		     struct scopex_work *work)
{
	struct scopex_cpu *sc;

	if (unlikely(cpu >= nr_cpu_ids || !cpu_possible(cpu)))
		return scopex_refuse(-EINVAL);

	sc = per_cpu_ptr(&scopex_cpus, cpu);
	/* Acquire O: pairs with scopex_cpu_online(); see open-submit.litmus. */
	if (unlikely(!smp_load_acquire(&sc->open)))
		return scopex_refuse(-ENODEV);
	return scopex_submit_to(scope, sc, work, SCOPEX_NAMED);
}
EXPORT_SYMBOL_GPL(scopex_submit_on);

/**
 * scopex_submit_any() - submit an item to a CPU that scopex chooses
 * @scope: an open scope
 * @work: an initialised item that is not busy
 *
 * As scopex_submit(), but goes round the CPUs, those with a sleeping worker
 * first, so that a loop of submits spreads its items. Isolated CPUs are left out unless
 * the module's parameter "cpus" names CPUs, or there are no others.
 *
 * Context: as for scopex_submit().
 *
 * Return: as for scopex_submit().
 */
int scopex_submit_any(struct scopex_scope *scope, struct scopex_work *work)
{
	struct scopex_cpu *sc = scopex_choose_cpu();

	if (unlikely(!sc))
		return scopex_refuse(-ENODEV);
	return scopex_submit_to(scope, sc, work, SCOPEX_ANY);
}
EXPORT_SYMBOL_GPL(scopex_submit_any);

/**
 * scopex_try_submit() - submit an item unless it had to wait for its turn
 * @scope: an open scope, with a limit (without one it is scopex_submit_any())
 * @work: an initialised item that is not busy
 *
 * Context: as for scopex_submit().
 *
 * Return: as for scopex_submit(); -EAGAIN if as many items of the scope as its limit
 * allows are queued or run. The limit for each CPU is not asked: that is done when an
 * item is to begin.
 */
int scopex_try_submit(struct scopex_scope *scope, struct scopex_work *work)
{
	struct scopex_cpu *sc = scopex_choose_cpu();

	if (unlikely(!sc))
		return scopex_refuse(-ENODEV);
	return scopex_submit_to(scope, sc, work, SCOPEX_TRY);
}
EXPORT_SYMBOL_GPL(scopex_try_submit);

static struct scopex_work *scopex_array_item(struct scopex_work *first,
					     unsigned int i, size_t stride)
{
	return (void *)first + i * stride;
}

/* Until it is pushed, a claimed item of an array keeps what its status was in @cpu. */
static noinline void scopex_unclaim(struct scopex_scope *scope, struct scopex_work *first,
				    unsigned int nr, size_t stride)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct scopex_work *work = scopex_array_item(first, i, stride);

		scopex_unclaim_item(scope, work, (int)work->cpu);
	}
}

/*
 * Claim the items of an array, and link them, so that the first one is taken first, in
 * one pass. Return how many were claimed: fewer than @nr if the next one is busy, or has
 * no function.
 */
static unsigned int scopex_claim(struct scopex_work *first, unsigned int nr,
				 size_t stride, struct scopex_scope *scope)
{
	struct scopex_work *work = first;
	struct llist_node *prev = NULL;
	unsigned int i;

	for (i = 0; i < nr && likely(work->fn); i++) {
		/* Acquire C: as in scopex_submit_to(). */
		int status = xchg_acquire(&work->status, SCOPEX_WORK_BUSY);

		if (unlikely(status == SCOPEX_WORK_BUSY || !scopex_track(work)))
			break;
		/* Taken for a time (@queued), it is before the profile began, or short. */
		work->cpu = status;
		work->scope = scope;
		work->node.next = prev;
		prev = &work->node;
		work = (void *)work + stride;
	}
	return i;
}

/* Before anything is pushed: the scope may be gone after. */
static void scopex_trace_array(struct scopex_scope *scope, struct scopex_cpu *sc,
			       struct scopex_work *first, unsigned int nr,
			       size_t stride)
{
	unsigned int i;

	if (!trace_scopex_submit_enabled())
		return;
	for (i = 0; i < nr; i++)
		trace_scopex_submit(scope, scopex_array_item(first, i, stride),
				    sc->cpu);
}

static void scopex_push_array(struct scopex_scope *scope, struct scopex_cpu *sc,
			      struct scopex_work *first, unsigned int nr,
			      size_t stride)
{
	scopex_trace_array(scope, sc, first, nr, stride);
	scopex_push(sc, scopex_array_item(first, nr - 1, stride), first);
}

/* Those that do not get a turn at once wait in the scope. */
static void scopex_start_array(struct scopex_scope *scope, struct scopex_cpu *sc,
			       struct scopex_work *first, unsigned int nr,
			       size_t stride, bool spread)
{
	struct scopex_work *work;

	/* The reference of the last one keeps the scope; it may be gone after. */
	for (work = first; nr; nr--) {
		struct scopex_cpu *next = READ_ONCE(sc->next);

		scopex_start(scope, sc, work, false);
		work = (void *)work + stride;
		if (spread)
			sc = next ?: sc;
	}
}

/* Neighbours stay together, as they may share cache lines. */
static void scopex_spread(struct scopex_scope *scope, struct scopex_cpu *sc,
			  struct scopex_work *first, unsigned int nr,
			  size_t stride)
{
	unsigned int cpus = scopex_count_open();
	unsigned int each = DIV_ROUND_UP(nr, cpus);

	while (nr) {
		unsigned int part = min(each, nr);
		struct scopex_cpu *next = READ_ONCE(sc->next);

		/*
		 * Its items may be gone before this returns; the scope is kept by
		 * those that are left.
		 */
		nr -= part;
		scopex_push_array(scope, sc, first, part, stride);
		first = scopex_array_item(first, part, stride);
		/* The last one may have gone offline; it is served all the same. */
		sc = next ?: sc;
	}
}

/**
 * __scopex_submit_array() - submit many items; for scopex_submit_array()
 * @scope: an open scope
 * @cpu: a CPU, or SCOPEX_THIS_CPU, or SCOPEX_SPREAD (as scopex_submit_any())
 * @first: the first of the items
 * @nr: how many
 * @stride: how far they are from each other, in bytes
 *
 * Context: as for scopex_submit(). Takes time for each item.
 *
 * Return: as for scopex_submit() and scopex_submit_on(); either all items are
 * submitted, or none, and all are as they were.
 */
int __scopex_submit_array(struct scopex_scope *scope, int cpu,
			  struct scopex_work *first, unsigned int nr,
			  size_t stride)
{
	unsigned long caller = _RET_IP_;
	struct scopex_cpu *sc;
	unsigned int claimed;
	int err;

	if (unlikely(!nr))
		return 0;
	if (unlikely(nr > SCOPEX_COUNT_MAX))
		return scopex_refuse(-EOVERFLOW);

	if (cpu == SCOPEX_SPREAD) {
		sc = scopex_choose_cpu();
	} else if (cpu == SCOPEX_THIS_CPU) {
		/* O: as in scopex_submit(). */
		sc = this_cpu_read(scopex_local);
	} else {
		if (unlikely((unsigned int)cpu >= nr_cpu_ids || !cpu_possible(cpu)))
			return scopex_refuse(-EINVAL);
		sc = per_cpu_ptr(&scopex_cpus, cpu);
		/* Acquire O: as in scopex_submit_on(). */
		if (unlikely(!smp_load_acquire(&sc->open)))
			sc = NULL;
	}
	if (unlikely(!sc))
		return scopex_refuse(-ENODEV);

	claimed = scopex_claim(first, nr, stride, scope);
	if (unlikely(claimed < nr)) {
		scopex_unclaim(scope, first, claimed, stride);
		if (!scopex_array_item(first, claimed, stride)->fn)
			return scopex_submit_nothing(caller);
		return scopex_refuse(-EBUSY);
	}
	err = scopex_associate(scope, first, nr, caller);
	if (unlikely(err < 0)) {
		scopex_unclaim(scope, first, nr, stride);
		return scopex_refuse(err);
	}
	if (unlikely(err == SCOPEX_FOR_LIMIT)) {
		scopex_start_array(scope, sc, first, nr, stride,
				   cpu == SCOPEX_SPREAD);
		return 0;
	}
	if (unlikely(err == SCOPEX_FOR_OWNER)) {
		if (scopex_is_misplaced(scope, sc, cpu == SCOPEX_SPREAD ? SCOPEX_ANY :
							      SCOPEX_NAMED)) {
			scopex_unclaim(scope, first, nr, stride);
			scopex_put_items(scope, nr);
			return scopex_refuse(-EUSERS);
		}
		scopex_trace_array(scope, sc, first, nr, stride);
		scopex_push_own(scope, scopex_array_item(first, nr - 1, stride),
				first);
		return 0;
	}

	scopex_inject(SCOPEX_INJECT_PUSH);
	if (cpu == SCOPEX_SPREAD)
		scopex_spread(scope, sc, first, nr, stride);
	else
		scopex_push_array(scope, sc, first, nr, stride);
	return 0;
}
EXPORT_SYMBOL_GPL(__scopex_submit_array);

/*
 * Remember the first error, if there is one; visible to the owner by way of A; see
 * first-error.litmus.
 */
void scopex_set_error(struct scopex_scope *scope, int err)
{
	if (err)
		cmpxchg_relaxed(&scope->error, 0, err);
}

/**
 * scopex_fail() - an item of a scope has failed
 * @scope: the scope
 * @err: its error
 *
 * Context: the item's worker.
 */
void scopex_fail(struct scopex_scope *scope, int err)
{
	trace_scopex_error(scope, err);
	if (scope->flags & SCOPEX_FAIL_FAST)
		scopex_cancel_with(scope, err);
	else
		scopex_set_error(scope, err);
}

/**
 * scopex_put_items() - drop the references of a run of items that are out, or that of a walk
 * @scope: the scope; must not be touched any more by the caller
 * @nr: how many
 *
 * Context: any but NMI.
 */
void scopex_put_items(struct scopex_scope *scope, unsigned int nr)
{
	struct task_struct *owner;
	u64 state;

	/*
	 * For the owner's task_struct: it may exit once the items are out; see
	 * owner-exit.litmus.
	 */
	rcu_read_lock();
	owner = scope->owner;

	/* Release A: pairs with scopex_drain_scope(); see put-drain.litmus. */
	state = atomic64_sub_return_release(nr * SCOPEX_ONE, &scope->state);
	if ((u32)state == (SCOPEX_ONE | SCOPEX_WAITING)) {
		/* The scope is gone; see last-touch.litmus. */
		scopex_inject(SCOPEX_INJECT_LAST_PUT);
		/*
		 * B: pairs with set_current_state() in scopex_drain_scope(); see
		 * drain-wake.litmus.
		 */
		wake_up_process(owner);
	}
	rcu_read_unlock();
}

static bool scopex_drained(u64 state)
{
	return (state & SCOPEX_COUNT_MASK) == SCOPEX_ONE;
}

static unsigned int scopex_how_to_wait(const struct scopex_scope *scope)
{
	return scope->flags & SCOPEX_KILLABLE ? TASK_KILLABLE :
						TASK_UNINTERRUPTIBLE;
}

/* As set_current_state(); the first fatal signal cancels, and is the last heard. */
static void scopex_set_waiting(struct scopex_scope *scope, unsigned int *how)
{
	if (*how == TASK_KILLABLE && fatal_signal_pending(current)) {
		scopex_cancel_with(scope, -EINTR);
		*how = TASK_UNINTERRUPTIBLE;
	}
	set_current_state(*how);
}

/* A serial scope: what is left to be waited for is who just submits an item. */
static u64 scopex_drain_serial(struct scopex_scope *scope,
			       struct scopex_worker *w)
{
	u64 state;

	/* For a walk, which may hold the last reference, and for submits that are refused. */
	atomic64_or(SCOPEX_WAITING, &scope->state);
	for (;;) {
		scopex_run_own(w, scope);
		scopex_inject(SCOPEX_INJECT_OWN_RUN);
		cond_resched_tasks_rcu_qs();
		set_current_state(TASK_UNINTERRUPTIBLE);
		/* Acquire A: as below, though the items were this task's. */
		state = atomic64_read_acquire(&scope->state);
		if (scopex_drained(state))
			break;
		/* One that came before the state was set has woken nobody. */
		if (llist_empty(&scope->own))
			schedule();
		__set_current_state(TASK_RUNNING);
	}
	__set_current_state(TASK_RUNNING);
	return state;
}

/* Look for the end of the items before sleeping. If they need this CPU, they get it. */
static noinline u64 scopex_spin_for_items(struct scopex_scope *scope)
{
	bool killable = scope->flags & SCOPEX_KILLABLE;

	scopex_spin_while(!scopex_drained(atomic64_read(&scope->state)) &&
			  !(killable && fatal_signal_pending(current)));
	/* Acquire A: as in scopex_drain_scope(). */
	return atomic64_read_acquire(&scope->state);
}

/**
 * scopex_drain_scope() - wait until no reference but the owner's is left
 * @scope: the scope
 *
 * A signal can make it short, but not end it: a wait that ended early would leave items on
 * a dead frame.
 *
 * Context: process context of the owner; sleeps.
 *
 * Return: its state then.
 */
u64 scopex_drain_scope(struct scopex_scope *scope)
{
	unsigned int how;
	/* Acquire A: pairs with scopex_put_items(); see put-drain.litmus. */
	u64 state = atomic64_read_acquire(&scope->state);
	struct scopex_worker *w;

	if (scopex_drained(state))
		return state;

	trace_scopex_wait(scope);
	scope->rounds++;
	w = scopex_owner_worker(scope);
	if (state & SCOPEX_SERIAL) {
		state = scopex_drain_serial(scope, w);
		trace_scopex_waited(scope);
		return state;
	}
	if (w) {
		scopex_hand_over(w);
	} else if (scopex_config.spin_us) {
		state = scopex_spin_for_items(scope);
		if (scopex_drained(state)) {
			trace_scopex_waited(scope);
			return state;
		}
	}
	how = scopex_how_to_wait(scope);
	atomic64_or(SCOPEX_WAITING, &scope->state);
	for (;;) {
		/*
		 * B: pairs with wake_up_process() in scopex_put_items(); see
		 * drain-wake.litmus.
		 */
		scopex_set_waiting(scope, &how);
		/* Acquire A: as above. */
		state = atomic64_read_acquire(&scope->state);
		if (scopex_drained(state))
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	trace_scopex_waited(scope);
	return state;
}

/*
 * Is the current task in an item of a serial scope of its own? That one runs on the owner's
 * stack, as do the items of all serial scopes between it and the current one. The scope of
 * a detached item has an owner only because of the item.
 */
static bool scopex_is_in_item_of(const struct scopex_scope *scope)
{
	const struct scopex_scope *at;
	u64 state = atomic64_read(&scope->state);

	if (likely(!(state & (SCOPEX_SERIAL | SCOPEX_DETACHED))))
		return false;
	if (state & SCOPEX_DETACHED)
		return true;
	for (at = scopex_this_worker()->scope; at; at = at->parent)
		if (at == scope)
			return true;
	return false;
}

static noinline int scopex_not_owner(const struct scopex_scope *scope, const char *what,
				     unsigned long caller)
{
	scopex_misuse("%pS %s scope %s of %s() in task %s:%d, which is not its owner",
		      (void *)caller, what, scopex_name(scope->site->name),
		      scopex_name(scope->site->func), scopex_comm(current), current->pid);
	return -EPERM;
}

static noinline int scopex_in_own_item(const struct scopex_scope *scope, const char *what,
				       unsigned long caller)
{
	scopex_misuse("%pS %s scope %s of %s() in an item of that scope, which would wait for itself",
		      (void *)caller, what, scopex_name(scope->site->name),
		      scopex_name(scope->site->func));
	return -EDEADLK;
}

static noinline int scopex_not_joinable(const struct scopex_scope *scope,
					unsigned long caller)
{
	scopex_misuse("%pS joins an item of scope %s of %s(), which is not SCOPEX_JOINABLE",
		      (void *)caller, scopex_name(scope->site->name),
		      scopex_name(scope->site->func));
	return -EINVAL;
}

/* Is @scope one that the current task may join or close? 0, or why not. */
static int scopex_check_owner(struct scopex_scope *scope, const char *what,
			      unsigned long caller)
{
	u64 kind = scopex_kind(scope, atomic64_read(&scope->state));
	int err;

	if (unlikely(kind != SCOPEX_OPEN)) {
		if (kind == SCOPEX_REFUSED)
			return scope->error;
		err = scopex_not_open(scope, what, caller);
		return kind == SCOPEX_CLOSED ? -ESHUTDOWN : err;
	}
	if (unlikely(scope->owner != current))
		return scopex_not_owner(scope, what, caller);
	if (unlikely(scopex_is_in_item_of(scope)))
		return scopex_in_own_item(scope, what, caller);
	return 0;
}

/* What ended the last round for good ends the next one, too. */
static void scopex_cancel_again(struct scopex_scope *scope)
{
	if (scope->flags & __SCOPEX_TIMED) {
		/*
		 * K: the mark was taken away before the look at what may have set it, and
		 * does not do so again; pairs with scopex_do_cancel(); see
		 * join-cancel.litmus.
		 */
		smp_mb__after_atomic();
		if (READ_ONCE(scopex_custom(scope)->expired))
			scopex_do_cancel(scope, -ETIME);
	}
	scopex_look_up(scope);
}

/**
 * scopex_join() - wait until every item is out
 * @scope: a scope that the current task opened
 *
 * What the items wrote is then visible to the caller, and the scope is open for
 * another round of items, without an error and not cancelled (unless its deadline
 * has passed, or a scope that it is nested in is cancelled). A second join is
 * harmless. Submits from elsewhere, an interrupt say, need not stop meanwhile:
 * there was a moment at which no item was left, later ones are of the next round.
 * A cancel from elsewhere at the very moment of the join may hit both rounds: this one
 * with its reason, and the next one without.
 *
 * It drains: it does not wait for the items that were there when it was called, but until
 * there is none. With a submitter that never stops, it may never return; the watchdog
 * names such a wait in the kernel log (see the module's parameter "stall_ms"). To wait for
 * the items of a generation, and not for later ones, give each a scope of its own::
 *
 *	static int refresh(struct entry *entries, unsigned int nr)
 *	{
 *		scopex_scope(generation) {
 *			for (unsigned int i = 0; i < nr; i++)
 *				scopex_submit_any(generation, &entries[i].work);
 *			return scopex_join(generation);
 *		}
 *	}
 *
 * A suspend of the system waits for this wait. It freezes the tasks of users first, and
 * one that waits here, as in any uninterruptible sleep, can be frozen after it only. The
 * workers are not frozen, so the items go on, and usually end in time; if they take longer
 * than /sys/power/pm_freeze_timeout (20 s), the suspend fails. The wait can't be
 * freezable: the owner would be frozen with what it holds, a mutex say, that another
 * task needs to get to where it can be frozen, or an item to end. A module with items
 * that take long cancels them from a notifier (register_pm_notifier(), at
 * PM_SUSPEND_PREPARE), which comes before anything is frozen.
 *
 * Context: process context of the owner; sleeps, uninterruptibly. The caller
 * must not hold a lock that an item needs.
 *
 * Return: the first error of an item since the scope was opened or joined, or the
 * reason why it was cancelled, whichever came first; -ECANCELED if an item was
 * cancelled before it ran and none failed earlier;
 * with a warning, -EPERM in another task than the owner, -EDEADLK in an item that runs on
 * the owner's stack (of a serial scope) or is detached, for its own scope, and -ESHUTDOWN
 * or -EINVAL if @scope is not open, or a copy; the reason why a scope was refused
 * when it was opened; else 0.
 */
int scopex_join(struct scopex_scope *scope)
{
	int err = scopex_check_owner(scope, "joins", _RET_IP_);
	u64 state;

	if (err)
		return err;
	might_sleep();
	scopex_dep_wait(scope);

	state = scopex_drain_scope(scope);
	/*
	 * An item of the next round may be there by now, and fail; see
	 * next-round.litmus.
	 */
	if (READ_ONCE(scope->error))
		err = xchg_relaxed(&scope->error, 0);
	if (state & (SCOPEX_CANCELLED | SCOPEX_WAITING)) {
		atomic64_andnot(SCOPEX_CANCELLED | SCOPEX_WAITING, &scope->state);
		scopex_cancel_again(scope);
	}
	return err;
}
EXPORT_SYMBOL_GPL(scopex_join);

/* Is an item out, and how did it end? In one look, as others may submit it again. */
static bool scopex_is_out(const struct scopex_work *work, int *result)
{
	/* Acquire C: as in scopex_work_busy(). */
	*result = smp_load_acquire(&work->status);
	return *result != SCOPEX_WORK_BUSY;
}

/**
 * scopex_join_item() - wait until one item is out
 * @work: an item that the caller submitted to a scope of its own, opened with
 *	SCOPEX_JOINABLE
 *
 * The scope's other items go on; its error stays, and it has to be joined or closed
 * as ever. Nobody may submit the item to another scope meanwhile. What ends a wait
 * early (a deadline, a fatal signal) cancels the scope, here as well, and the item is
 * waited for all the same.
 *
 * Context: process context of the scope's owner; sleeps. The caller must not hold a
 * lock that the item needs.
 *
 * Return: as scopex_work_result() once the item is out; with a warning, -EPERM and
 * the like as for scopex_join(), or -EINVAL if the scope is not SCOPEX_JOINABLE.
 */
int scopex_join_item(struct scopex_work *work)
{
	struct scopex_custom_scope *custom;
	struct scopex_scope *scope;
	struct scopex_worker *w;
	unsigned int how;
	int err, result;
	u64 state;

	might_sleep();
	if (scopex_is_out(work, &result))
		return result;

	scope = scopex_unmarked(READ_ONCE(work->scope));
	err = scopex_check_owner(scope, "joins an item of", _RET_IP_);
	if (err)
		return err;
	state = atomic64_read(&scope->state);
	if (unlikely(!(state & __SCOPEX_JOINABLE)))
		return scopex_not_joinable(scope, _RET_IP_);

	scopex_dep_wait(scope);
	custom = scopex_custom(scope);
	w = scopex_owner_worker(scope);
	if (w && !(state & SCOPEX_SERIAL))
		scopex_hand_over(w);

	trace_scopex_wait(scope);
	how = scopex_how_to_wait(scope);
	WRITE_ONCE(custom->joined, work);
	for (;;) {
		/* Others may submit it again. */
		if (state & SCOPEX_SERIAL)
			scopex_run_own(w, scope);
		/*
		 * J: between the name of the item and the look at it; pairs with
		 * scopex_wake_joiner(); see join-item.litmus, join-refused.litmus.
		 */
		scopex_set_waiting(scope, &how);
		if (scopex_is_out(work, &result))
			break;
		if (llist_empty(&scope->own))
			schedule();
		__set_current_state(TASK_RUNNING);
	}
	__set_current_state(TASK_RUNNING);
	WRITE_ONCE(custom->joined, NULL);
	trace_scopex_waited(scope);
	return result;
}
EXPORT_SYMBOL_GPL(scopex_join_item);

static void scopex_try_cancel(struct scopex_scope *scope, int err,
			      unsigned long caller)
{
	u64 kind = scopex_kind(scope, atomic64_read(&scope->state));

	if (likely(kind == SCOPEX_OPEN))
		scopex_do_cancel(scope, err);
	else if (kind != SCOPEX_REFUSED)
		scopex_not_open(scope, "cancels", caller);
}

/**
 * scopex_cancel() - ask that a scope come to an end
 * @scope: an open scope
 *
 * Items that have not started end with -ECANCELED, without being run. Those that
 * run can ask scopex_cancelled() and return. Further submits are refused with
 * -ECANCELED until the scope was joined. The scopes that its items have opened, and
 * so on, are cancelled in the same way. This call does not wait: no item is known
 * to be out before the join, or the end of the scope.
 *
 * Context: any but NMI, in which the scope is known to be open: its owner, its
 * items. Takes time for each scope nested in it where the caller can be preempted;
 * elsewhere for some of them, and a timer cancels the others, eight of them each 20 us;
 * without high-resolution timers, eight each tick.
 */
void scopex_cancel(struct scopex_scope *scope)
{
	scopex_try_cancel(scope, 0, _RET_IP_);
}
EXPORT_SYMBOL_GPL(scopex_cancel);

/**
 * scopex_cancel_with() - cancel a scope for a reason
 * @scope: an open scope
 * @err: the reason, a negative errno
 *
 * As scopex_cancel(), and if nothing has failed before, the reason becomes the
 * scope's error, which scopex_error() tells at once and scopex_join() in the end,
 * even if all items had run. That of the scopes nested in it becomes -ECANCELED.
 *
 * Context: as for scopex_cancel().
 */
void scopex_cancel_with(struct scopex_scope *scope, int err)
{
	if (unlikely(!err || !IS_ERR_VALUE((long)err))) {
		scopex_misuse("%pS cancels a scope because of %d, which is no errno",
			      (void *)_RET_IP_, err);
		err = -EINVAL;
	}
	scopex_try_cancel(scope, err, _RET_IP_);
}
EXPORT_SYMBOL_GPL(scopex_cancel_with);

/* Is there room on the stack for the items of a serial scope? */
static bool scopex_stack_is_low(void)
{
	unsigned long here = (unsigned long)__builtin_frame_address(0);

	return here - (unsigned long)end_of_stack(current) < THREAD_SIZE / 4;
}

static noinline struct scopex_scope *
scopex_refuse_nested(struct scopex_scope *scope, struct scopex_worker *w, const char *why)
{
	pr_warn_ratelimited("scope %s of %s() is refused: no worker to be had on CPU %u, and %s\n",
			    scopex_name(scope->site->name), scopex_name(scope->site->func),
			    w->sc->cpu, why);
	scope->error = -EDEADLK;
	atomic64_set(&scope->state, scopex_encode(scope, SCOPEX_REFUSED));
	return scope;
}

static noinline void scopex_tell_serial(const struct scopex_scope *scope,
					const struct scopex_worker *w)
{
	pr_warn_ratelimited("scope %s of %s() is serial: no worker to be had on CPU %u\n",
			    scopex_name(scope->site->name), scopex_name(scope->site->func),
			    w->sc->cpu);
}

/* Wait for another worker, as long as one can be made. */
static bool scopex_reserve_waiting(struct scopex_worker *w)
{
	while (!scopex_reserve(w))
		if (!scopex_wait_for_pool(w))
			return false;
	return true;
}

/*
 * Open a scope in an item. To wait for it must be safe: there is another worker
 * that runs what is queued meanwhile, or the scope runs its items by itself.
 */
static noinline struct scopex_scope *
scopex_open_nested(struct scopex_scope *scope, struct scopex_worker *w, u64 state)
{
	/* None in the release of a detached item, which is outside of its scope. */
	struct scopex_scope *parent = w->scope;

	if (!scopex_reserve_waiting(w)) {
		if (scopex_stack_is_low())
			return scopex_refuse_nested(scope, w, "little stack left");
		if (scope->flags & SCOPEX_NOT_SERIAL)
			return scopex_refuse_nested(scope, w, "it must not be serial");
		scopex_tell_serial(scope, w);
		local_inc(&w->count[SCOPEX_SERIALS]);
		state |= SCOPEX_SERIAL;
	}
	w->nested++;
	/* An oops before it is in a list looks at this, too. */
	INIT_HLIST_NODE(&scope->node);
	scope->outer = w->innermost;
	w->innermost = scope;

	scope->flags |= __SCOPEX_ON_WORKER;
	scope->parent = parent;
	scope->depth = parent ? min(parent->depth + 1, U8_MAX) : 0;
	atomic64_set(&scope->state, scopex_encode(scope, state));
	trace_scopex_open(scope);
	/* So that a look at all open scopes finds what a detached item has opened. */
	if (parent && atomic64_read(&parent->state) & SCOPEX_DETACHED &&
	    !(parent->flags & __SCOPEX_LISTED)) {
		parent->flags |= __SCOPEX_LISTED;
		scopex_register(parent);
	}
	scopex_inject(SCOPEX_INJECT_OPEN_NESTED);
	scopex_register(scope);
	/* T: the scope is in the list before the look; see scopex_look_up(). */
	scopex_look_up(scope);
	return scope;
}

static noinline struct scopex_scope *scopex_trace_open(struct scopex_scope *scope)
{
	trace_scopex_open(scope);
	return scope;
}

/*
 * Open a scope outside of items. It is listed by its first submit, or now if there is
 * a timer which must not outlive it: forget.c finds only what is listed.
 */
static __always_inline struct scopex_scope *
scopex_open_first(struct scopex_scope *scope, u64 state)
{
	if (likely(!(scope->flags & __SCOPEX_TIMED))) {
		atomic64_set(&scope->state, scopex_encode(scope, state | SCOPEX_FRESH));
	} else {
		atomic64_set(&scope->state, scopex_encode(scope, state));
		scopex_register(scope);
	}
	if (trace_scopex_open_enabled())
		return scopex_trace_open(scope);
	return scope;
}

/* The worker's own list loses a scope, mostly the first one. */
static void scopex_unlink_nested(struct scopex_worker *w, struct scopex_scope *scope)
{
	struct scopex_scope **link = &w->innermost;

	while (*link != scope)
		link = &(*link)->outer;
	*link = scope->outer;
}

static void scopex_close_nested(struct scopex_worker *w, struct scopex_scope *scope)
{
	scopex_unlink_nested(w, scope);
	if (!--w->nested)
		scopex_unreserve(w);
}

static noinline struct scopex_scope *scopex_open_nowhere(struct scopex_scope *scope)
{
	scope->error = -EINVAL;
	atomic64_set(&scope->state, scopex_encode(scope, SCOPEX_REFUSED));
	scopex_misuse("scope %s of %s() %s", scopex_name(scope->site->name),
		      scopex_name(scope->site->func),
		      in_task() ? "is not on the stack of the task that opens it" :
				  "is opened in an interrupt, which can't wait");
	return scope;
}

static noinline struct scopex_scope *
scopex_open_in_kthread(struct scopex_scope *scope, u64 state)
{
	struct scopex_worker *w = scopex_this_worker();

	if (unlikely(w))
		return scopex_open_nested(scope, w, state);
	return scopex_open_first(scope, state);
}

static __always_inline struct scopex_scope *
scopex_open(struct scopex_scope *scope, struct scopex_site *site,
	    unsigned int flags, u64 state)
{
	scope->error = 0;
	scope->flags = flags;
	scope->depth = 0;
	/* Not needed, but in one word with what is above. */
	scope->rounds = 0;
	scope->rises = 0;
	scope->owner = current;
	scope->site = site;
	scope->parent = NULL;
	INIT_HLIST_HEAD(&scope->children);
	scope->opened = 0;
	init_llist_head(&scope->own);

	if (unlikely(!in_task() || !object_is_on_stack(scope)))
		return scopex_open_nowhere(scope);
	if (current->flags & PF_KTHREAD)
		return scopex_open_in_kthread(scope, state);
	return scopex_open_first(scope, state);
}

/**
 * __scopex_open() - open a scope; for scopex_scope() and scopex_run()
 * @scope: the object, on the current task's stack
 * @site: the place in the code
 *
 * Context: process context.
 *
 * Return: @scope, which is either open or refused.
 */
struct scopex_scope *__scopex_open(struct scopex_scope *scope,
				   struct scopex_site *site)
{
	return scopex_open(scope, site, 0, SCOPEX_OPEN | SCOPEX_ONE);
}
EXPORT_SYMBOL_GPL(__scopex_open);

/**
 * scopex_open_parallel() - the same, but rather refused than serial
 * @scope: the object, on the current task's stack
 * @site: the place in the code
 *
 * Context: process context.
 *
 * Return: @scope, which is either open or refused.
 */
struct scopex_scope *scopex_open_parallel(struct scopex_scope *scope,
					  struct scopex_site *site)
{
	return scopex_open(scope, site, SCOPEX_NOT_SERIAL, SCOPEX_OPEN | SCOPEX_ONE);
}

static noinline void scopex_trace_close(struct scopex_scope *scope)
{
	trace_scopex_close(scope);
}

/* False if a submit was faster, which then is waited for. */
static bool scopex_close_drained(struct scopex_scope *scope, u64 state)
{
	if (!(state & SCOPEX_FRESH))
		return scopex_close_listed(scope, state);
	/* Relaxed: as in scopex_close(). */
	return atomic64_try_cmpxchg_relaxed(&scope->state, (s64 *)&state,
					    scopex_encode(scope, SCOPEX_CLOSED));
}

static noinline void scopex_close_used(struct scopex_scope *scope, unsigned long caller)
{
	int err = scopex_check_owner(scope, "closes", caller);
	u64 state;

	if (unlikely(err)) {
		if (scopex_kind(scope, atomic64_read(&scope->state)) == SCOPEX_REFUSED)
			atomic64_set(&scope->state, scopex_encode(scope, SCOPEX_CLOSED));
		return;
	}

	might_sleep();
	scopex_dep_wait(scope);
	/* The timer makes a wait short, but must not find a scope that is closed. */
	if (scope->flags & __SCOPEX_TIMED) {
		scopex_drain_scope(scope);
		hrtimer_cancel(&scopex_custom(scope)->timer);
	}
	do
		state = scopex_drain_scope(scope);
	while (!scopex_close_drained(scope, state));
	trace_scopex_close(scope);
	if (scope->flags & __SCOPEX_ON_WORKER)
		scopex_close_nested(scopex_this_worker(), scope);
}

static __always_inline void scopex_close(struct scopex_scope *scope,
					 unsigned long caller)
{
	u64 state = scopex_encode(scope, SCOPEX_OPEN | SCOPEX_FRESH | SCOPEX_ONE);

	/*
	 * What is still FRESH has no parent, no timer, and no wait. Relaxed: no item has ever
	 * come, so there is nothing to be acquired (A); see close-fresh.litmus.
	 */
	if (SCOPEX_CHECK_WAITS || scope->owner != current ||
	    !atomic64_try_cmpxchg_relaxed(&scope->state, (s64 *)&state,
					  scopex_encode(scope, SCOPEX_CLOSED)))
		return scopex_close_used(scope, caller);
	if (trace_scopex_close_enabled())
		scopex_trace_close(scope);
}

/**
 * __scopex_close() - drain and end a scope; for scopex_scope()
 * @scope: what __scopex_open() was given
 *
 * Context: process context of the owner; sleeps, uninterruptibly.
 */
void __scopex_close(struct scopex_scope *scope)
{
	scopex_close(scope, _RET_IP_);
}
EXPORT_SYMBOL_GPL(__scopex_close);

/**
 * scopex_close_exiting() - drain and end a scope of a task that exits
 * @scope: the scope, which its owner, the current task, has left open
 *
 * Context: process context of the owner, on its way out.
 */
void scopex_close_exiting(struct scopex_scope *scope)
{
	struct hrtimer *timer = scope->flags & __SCOPEX_TIMED ?
				&scopex_custom(scope)->timer : NULL;

	scopex_close(scope, _RET_IP_);
	if (timer)
		destroy_hrtimer_on_stack(timer);
}

/**
 * scopex_forget_scope() - leave a scope that has no items where it is
 * @scope: a listed scope of the current task, whose stack is lost
 *
 * Context: any but NMI.
 *
 * Return: false if the scope can't be taken out of its list.
 */
bool scopex_forget_scope(struct scopex_scope *scope)
{
	if (!scopex_unregister_exiting(scope))
		return false;
	if (scope->flags & __SCOPEX_ON_WORKER)
		scopex_unlink_nested(scopex_this_worker(), scope);
	return true;
}

static enum hrtimer_restart scopex_deadline(struct hrtimer *timer)
{
	struct scopex_custom_scope *custom =
		container_of(timer, struct scopex_custom_scope, timer);

	WRITE_ONCE(custom->expired, true);
	scopex_cancel_with(&custom->scope, -ETIME);
	return HRTIMER_NORESTART;
}

#define SCOPEX_USER_FLAGS	(SCOPEX_FAIL_FAST | SCOPEX_KILLABLE | SCOPEX_JOINABLE |	\
				 SCOPEX_NOT_SERIAL)

/* Tell of flags that are not @known, and do without them. */
static noinline unsigned int scopex_drop_flags(struct scopex_site *site,
					       unsigned int flags, unsigned int known)
{
	scopex_misuse("scope %s of %s() has unknown flags %#x",
		      scopex_name(site->name), scopex_name(site->func), flags & ~known);
	return flags & known;
}

static noinline void scopex_start_timer(struct scopex_custom_scope *custom,
					ktime_t timeout)
{
	struct scopex_scope *scope = &custom->scope;

	hrtimer_setup_on_stack(&custom->timer, scopex_deadline, CLOCK_MONOTONIC,
			       HRTIMER_MODE_ABS);
	if (!scopex_is_open(scope))
		return;
	if (unlikely(timeout < 0)) {
		/* What a timer would take for an overflow has passed. */
		custom->expired = true;
		scopex_do_cancel(scope, -ETIME);
	} else {
		hrtimer_start(&custom->timer, custom->deadline, HRTIMER_MODE_ABS);
	}
}

static __always_inline struct scopex_scope *
scopex_open_with(struct scopex_custom_scope *custom, struct scopex_site *site,
		 unsigned int flags, u64 state, ktime_t timeout)
{
	custom->expired = false;
	if (timeout) {
		flags |= __SCOPEX_TIMED;
		custom->deadline = ktime_add_safe(ktime_get(),
						  max_t(ktime_t, timeout, 0));
	}
	scopex_open(&custom->scope, site, flags, state);
	if (timeout)
		scopex_start_timer(custom, timeout);
	return &custom->scope;
}

/**
 * scopex_open_timed() - open a scope with options that is no more than these
 * @custom: the object, on the current task's stack
 * @site: the place in the code
 * @flags: SCOPEX_FAIL_FAST, SCOPEX_KILLABLE
 * @timeout: as in &struct scopex_options
 *
 * Context: process context.
 *
 * Return: the scope, which is either open or refused.
 */
struct scopex_scope *scopex_open_timed(struct scopex_custom_scope *custom,
				       struct scopex_site *site, unsigned int flags,
				       ktime_t timeout)
{
	if (unlikely(flags & ~(SCOPEX_FAIL_FAST | SCOPEX_KILLABLE)))
		flags = scopex_drop_flags(site, flags, SCOPEX_FAIL_FAST | SCOPEX_KILLABLE);
	return scopex_open_with(custom, site, flags, SCOPEX_OPEN | SCOPEX_ONE, timeout);
}

/**
 * __scopex_open_custom() - open a scope with options; for scopex_scope_with()
 * @custom: the object, on the current task's stack
 * @site: the place in the code
 * @options: what it does by itself
 *
 * Context: process context.
 *
 * Return: the scope, which is either open or refused.
 */
struct scopex_scope *
__scopex_open_custom(struct scopex_custom_scope *custom,
		     struct scopex_site *site,
		     const struct scopex_options *options)
{
	u64 state = SCOPEX_OPEN | SCOPEX_ONE;
	unsigned int flags = options->flags;

	if (unlikely(flags & ~SCOPEX_USER_FLAGS))
		flags = scopex_drop_flags(site, flags, SCOPEX_USER_FLAGS);
	if (flags & SCOPEX_JOINABLE) {
		state |= __SCOPEX_JOINABLE;
		custom->joined = NULL;
	}
	if (options->limit) {
		state |= SCOPEX_LIMITED;
		custom->limit = options->limit;
		custom->running = 0;
		custom->waiting = NULL;
		custom->last = &custom->waiting;
		raw_spin_lock_init(&custom->lock);
	}
	if (options->limit_per_cpu) {
		state |= SCOPEX_CPU_LIMITED;
		custom->limit_per_cpu = options->limit_per_cpu;
	}
	return scopex_open_with(custom, site, flags, state, options->timeout);
}
EXPORT_SYMBOL_GPL(__scopex_open_custom);

/**
 * __scopex_close_custom() - drain and end a scope; for scopex_scope_with()
 * @custom: what __scopex_open_custom() was given
 *
 * Context: process context of the owner; sleeps, uninterruptibly.
 */
void __scopex_close_custom(struct scopex_custom_scope *custom)
{
	scopex_close(&custom->scope, _RET_IP_);
	if (custom->scope.flags & __SCOPEX_TIMED)
		destroy_hrtimer_on_stack(&custom->timer);
}
EXPORT_SYMBOL_GPL(__scopex_close_custom);

static void scopex_call_body(struct scopex_scope *scope, scopex_body_t body,
			     void *arg)
{
	int err;

	if (unlikely(!scopex_is_open(scope)))
		return;
	err = body(scope, arg);
	if (unlikely(err > 0)) {
		scopex_misuse("%ps, the body of a scope, returned %d, which is no errno",
			      body, err);
		err = -EINVAL;
	}
	if (err)
		scopex_fail(scope, err);
}

/**
 * __scopex_run() - open a scope, call a body, drain; for scopex_run()
 * @body: the body
 * @arg: its argument
 * @site: the place in the code
 *
 * Context: process context; sleeps, uninterruptibly.
 *
 * Return: as documented for scopex_run().
 */
int __scopex_run(scopex_body_t body, void *arg, struct scopex_site *site)
{
	struct scopex_scope scope __scopex_uninitialized;

	__scopex_open(&scope, site);
	scopex_call_body(&scope, body, arg);
	__scopex_close(&scope);
	return scope.error;
}
EXPORT_SYMBOL_GPL(__scopex_run);

/**
 * __scopex_run_with() - the same with options; for scopex_run_with()
 * @body: the body
 * @arg: its argument
 * @site: the place in the code
 * @options: what the scope does by itself
 *
 * Context: process context; sleeps, uninterruptibly.
 *
 * Return: as documented for scopex_run_with().
 */
int __scopex_run_with(scopex_body_t body, void *arg,
		      struct scopex_site *site,
		      const struct scopex_options *options)
{
	struct scopex_custom_scope custom __scopex_uninitialized;

	__scopex_open_custom(&custom, site, options);
	scopex_call_body(&custom.scope, body, arg);
	__scopex_close_custom(&custom);
	return custom.scope.error;
}
EXPORT_SYMBOL_GPL(__scopex_run_with);
