/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Options of scopes: how they hang on the core
 *
 * An option is a bit of the scope's state, and a table of functions. The core does not
 * know any option by its name. The fast paths of the submit and of the worker test all the
 * bits of options at once. Their slow paths call the functions of those options that the
 * scope has, in the order of the table in options.c. A bit never changes while the scope
 * is open, so the caller needs no more than a reference on the scope.
 */
#ifndef _SCOPEX_OPTION_H
#define _SCOPEX_OPTION_H

#include <linux/scopex.h>
#include <linux/types.h>

struct scopex_cpu;
struct scopex_worker;

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

/**
 * struct scopex_option - an option
 * @flag: its bit in the state of a scope
 * @enqueue: queue @nr items, keep them, or refuse them all with a negative errno. The
 *	submitter has claimed and linked them, and holds a reference for each. Of several
 *	options that have this function the first one in the table decides.
 * @begin: may the worker begin the item? If not, the option has kept it.
 * @next: an item that @begin has kept, and that the worker runs now; NULL if there is none
 * @done: the item is completed; the worker still holds its reference
 * @undo: a submit was refused, and the claim of the item is taken back
 * @again: queue an item again whose function has returned SCOPEX_AGAIN; without this
 *	function, the worker queues it on its own CPU
 * @poll: the owner waits, and does here what is left to itself. It does not sleep.
 * @idle: nothing is left to the owner. It has set its task state before.
 * @release: the item was the last one, and the worker ends its scope, instead of giving the
 *	reference back
 */
struct scopex_option {
	u64	flag;
	int	(*enqueue)(struct scopex_scope *scope, struct scopex_cpu *sc,
			   struct scopex_work *first, unsigned int nr, size_t stride,
			   enum scopex_where where);
	bool	(*begin)(struct scopex_worker *w, struct scopex_scope *scope,
			 struct scopex_work *work);
	struct scopex_work *(*next)(struct scopex_worker *w, struct scopex_scope *scope);
	void	(*done)(struct scopex_scope *scope, struct scopex_work *work);
	void	(*undo)(struct scopex_scope *scope, struct scopex_work *work);
	void	(*again)(struct scopex_scope *scope, struct scopex_work *work);
	void	(*poll)(struct scopex_worker *w, struct scopex_scope *scope);
	bool	(*idle)(struct scopex_scope *scope);
	void	(*release)(struct scopex_worker *w, struct scopex_scope *scope);
};

/**
 * struct scopex_hooks - which options have which function, as their bits
 * @enqueue: see &struct scopex_option, and so for the others
 * @begin: has @next, too
 * @done: ...
 * @undo: ...
 * @again: ...
 * @poll: has @idle, too
 * @release: ...
 */
struct scopex_hooks {
	u64	enqueue;
	u64	begin;
	u64	done;
	u64	undo;
	u64	again;
	u64	poll;
	u64	release;
};

extern struct scopex_hooks scopex_hooks;

void scopex_options_init(const struct scopex_option *const *options);
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
void scopex_option_poll(struct scopex_worker *w, struct scopex_scope *scope, u64 state);
bool scopex_option_idle(struct scopex_scope *scope, u64 state);
void scopex_option_release(struct scopex_worker *w, struct scopex_scope *scope, u64 state);

#endif /* _SCOPEX_OPTION_H */
