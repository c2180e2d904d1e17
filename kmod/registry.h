/* SPDX-License-Identifier: GPL-2.0 */
/* The open scopes: lists, and walks through them */
#ifndef _SCOPEX_REGISTRY_H
#define _SCOPEX_REGISTRY_H

#include <linux/scopex.h>

void scopex_register_once(struct scopex_scope *scope);

void scopex_register(struct scopex_scope *scope);
void scopex_unregister(struct scopex_scope *scope);
bool scopex_unregister_exiting(struct scopex_scope *scope);
bool scopex_close_listed(struct scopex_scope *scope, u64 state);
struct scopex_scope *scopex_scope_of(struct task_struct *task);
void scopex_registry_init(void);

/**
 * struct scopex_walk - a walk through the scopes below one, each one before its children
 * @top: the scope where the walk began
 * @at: the scope that the walk has reached, with a reference unless it is @top
 * @up: the walk has visited the children of @at
 */
struct scopex_walk {
	struct scopex_scope	*top;
	struct scopex_scope	*at;
	bool			up;
};

bool scopex_walk_step(struct scopex_walk *walk);
void scopex_walk_end(struct scopex_walk *walk);

/* The type of @visit of scopex_visit_open(): returns false to end the visit. */
typedef bool (*scopex_visit_fn_t)(struct scopex_scope *scope, void *arg);
void scopex_visit_open(scopex_visit_fn_t visit, void *arg);

static inline bool scopex_walk_over(const struct scopex_walk *walk)
{
	return walk->up && walk->at == walk->top;
}

#endif /* _SCOPEX_REGISTRY_H */
