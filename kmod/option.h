/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Options of scopes: how they hang on the core
 *
 * Theory of operation
 *
 * An option is a bit of the scope's state, and a table of functions. The fast paths of the
 * submit and of the worker test the bits of all options at once. Their slow paths call the
 * functions of those options that the scope has, in the order of the table in main.c. A bit
 * never changes while the scope is open, so the caller needs no more than a reference on the
 * scope.
 *
 * The submit, the worker, the wait and the join name no option. A few other places of the
 * core do: nested.c makes a scope serial, and takes the options with @enqueue and @begin from
 * it; share.c asks no helper for a serial scope; item.h knows where a detached item has its
 * item and its function; scope.c has the list of all flags of &enum scopex_flags; and what
 * shows scopes names what it shows.
 */
#ifndef _SCOPEX_OPTION_H
#define _SCOPEX_OPTION_H

#include <linux/scopex.h>
#include <linux/types.h>

struct scopex_cpu;
struct scopex_worker;

/**
 * enum scopex_where - how a submitter chose the CPU
 * @SCOPEX_NAMED: the submitter named the CPU by its number
 * @SCOPEX_LOCAL: the submitter is on the CPU, or near it
 * @SCOPEX_ANY: the submitter named no CPU: see scopex_is_stealable()
 * @SCOPEX_TRY: the same, and an item that would have to wait for its turn is refused
 */
enum scopex_where {
	SCOPEX_NAMED,
	SCOPEX_LOCAL,
	SCOPEX_ANY,
	SCOPEX_TRY,
};

/**
 * struct scopex_option - the functions of an option
 * @flag: its bit in the state of a scope
 * @open: return true if the caller's @options ask for this option, and prepare its fields of
 *	the scope. NULL for an option that the caller of a scope can't ask for.
 * @enqueue: queue @nr items, keep them, or refuse them all with a negative errno. The
 *	submitter has claimed and linked them, and holds a reference for each. If the scope
 *	has several options with this function, the first one in the table decides.
 * @begin: return true if the worker may begin the item, and false if the option keeps it. Such
 *	an option counts on each CPU: the items of its scopes are not stealable.
 * @next: return an item that @begin has kept, and that the worker runs now, or NULL
 * @done: the item is completed, and the worker still holds its reference
 * @undo: a submit was refused, and the submitter takes the claim of the item back
 * @again: queue an item again, as its function has returned SCOPEX_AGAIN. Without this
 *	function, the worker queues the item on its own CPU.
 * @wake: queue an item, a task, that was woken. Without this function, the waker queues it on the
 *	CPU where the task is at home.
 * @poll: the owner waits: do the work that is left to the owner, without sleeping
 * @idle: return true if no work is left to the owner, which has set its task state before
 * @put: give a reference back, as the worker or a walk can't; the scope may be gone afterwards
 * @leave: the task that has opened the scope is about to be completed, and has left it open: end
 *	it. Sleeps.
 * @release: the item is the scope's last one: end the scope. The worker does not give the
 *	reference back then.
 */
struct scopex_option {
	u64	flag;
	bool	(*open)(struct scopex_custom_scope *custom,
			const struct scopex_options *options);
	int	(*enqueue)(struct scopex_scope *scope, struct scopex_cpu *sc,
			   struct scopex_work *first, unsigned int nr, size_t stride,
			   enum scopex_where where);
	bool	(*begin)(struct scopex_worker *w, struct scopex_scope *scope,
			 struct scopex_work *work);
	struct scopex_work *(*next)(struct scopex_worker *w, struct scopex_scope *scope);
	void	(*done)(struct scopex_scope *scope, struct scopex_work *work);
	void	(*undo)(struct scopex_scope *scope, struct scopex_work *work);
	void	(*again)(struct scopex_scope *scope, struct scopex_work *work);
	void	(*wake)(struct scopex_scope *scope, struct scopex_work *work);
	void	(*poll)(struct scopex_worker *w, struct scopex_scope *scope);
	bool	(*idle)(struct scopex_scope *scope);
	void	(*put)(struct scopex_scope *scope);
	void	(*leave)(struct scopex_scope *scope);
	void	(*release)(struct scopex_worker *w, struct scopex_scope *scope);
};

/**
 * struct scopex_hooks - for each function, the bits of the options that have it
 * @enqueue: the options with @enqueue
 * @begin: the options with @begin and @next
 * @done: the options with @done
 * @undo: the options with @undo
 * @again: the options with @again
 * @wake: the options with @wake
 * @poll: the options with @poll and @idle
 * @put: the options with @put and @leave
 * @release: the options with @release
 */
struct scopex_hooks {
	u64	enqueue;
	u64	begin;
	u64	done;
	u64	undo;
	u64	again;
	u64	wake;
	u64	poll;
	u64	put;
	u64	release;
};

extern struct scopex_hooks scopex_hooks;

/*
 * Returns true if any worker may run the items of a submit. An option that lets items begin
 * counts on each CPU: its items go round the CPUs instead, and stay where they are queued.
 */
static inline bool scopex_is_stealable(u64 state, enum scopex_where where)
{
	return where >= SCOPEX_ANY && !(state & scopex_hooks.begin);
}

void scopex_options_init(const struct scopex_option *const *options);
u64 scopex_option_open(struct scopex_custom_scope *custom,
		       const struct scopex_options *options);
int scopex_option_enqueue(struct scopex_scope *scope, struct scopex_cpu *sc,
			  struct scopex_work *first, unsigned int nr, size_t stride,
			  enum scopex_where where);
bool scopex_option_begin(struct scopex_worker *w, struct scopex_scope *scope,
			 struct scopex_work *work, u64 state);
struct scopex_work *scopex_option_next(struct scopex_worker *w,
				       struct scopex_scope *scope, u64 state);
void scopex_option_done(struct scopex_scope *scope, struct scopex_work *work, u64 state);
void scopex_option_undo(struct scopex_scope *scope, struct scopex_work *work, u64 state);
void scopex_option_again(struct scopex_scope *scope, struct scopex_work *work, u64 state);
void scopex_option_wake(struct scopex_scope *scope, struct scopex_work *work, u64 state);
void scopex_option_poll(struct scopex_worker *w, struct scopex_scope *scope, u64 state);
bool scopex_option_idle(struct scopex_scope *scope, u64 state);
void scopex_option_put(struct scopex_scope *scope, u64 state);
void scopex_option_leave(struct scopex_scope *scope, u64 state);
void scopex_option_release(struct scopex_worker *w, struct scopex_scope *scope, u64 state);

#endif /* _SCOPEX_OPTION_H */
