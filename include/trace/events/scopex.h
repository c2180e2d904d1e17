/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trace events of scopex
 *
 * An event that is off costs one instruction, which does nothing. A scope or an item is
 * known by a number that stays the same as long as it exists: its address, hashed where it
 * is shown as text. A scope also has its name and its place in the code.
 *
 * Events that belong together:
 *
 *	scopex_open ... scopex_close		a scope, while it is open
 *	scopex_wait ... scopex_waited		its owner waits for items
 *	scopex_submit, scopex_run_start, scopex_run_end
 *						an item; or, instead of the last two,
 *						scopex_item_cancelled
 *	scopex_task_wait ... scopex_submit	a task that waits, until it is woken
 *	scopex_chunk_start, scopex_chunk_end	a chunk of a parallel loop
 *	scopex_park ... scopex_wake		a worker that sleeps for want of items
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM scopex

#if !defined(_TRACE_SCOPEX_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_SCOPEX_H

#include <linux/scopex_loop.h>
#include <linux/scopex_task.h>
#include <linux/tracepoint.h>

DECLARE_EVENT_CLASS(scopex_scope,

	TP_PROTO(struct scopex_scope *scope),

	TP_ARGS(scope),

	TP_STRUCT__entry(
		__field(const void *,	scope)
		__field(const void *,	parent)
		__field(u32,		pending)
		__field(int,		error)
		__field(bool,		serial)
		__field(u32,		line)
		__string(name,		scope->site->name)
		__string(func,		scope->site->func)
		__string(file,		kbasename(scope->site->file))
	),

	TP_fast_assign(
		u64 state = atomic64_read(&scope->state);
		u32 count = (u32)(state & SCOPEX_COUNT_MASK) / SCOPEX_ONE;

		__entry->scope = scope;
		__entry->parent = scope->parent;
		/* One reference is the owner's; a closed scope has none. */
		__entry->pending = count ? count - 1 : 0;
		__entry->error = scopex_error(scope);
		__entry->serial = !!(state & SCOPEX_SERIAL);
		__entry->line = scope->site->line;
		scopex_assign_str(name, scope->site->name);
		scopex_assign_str(func, scope->site->func);
		scopex_assign_str(file, kbasename(scope->site->file));
	),

	TP_printk("scope=%p name=%s parent=%p pending=%u error=%d%s at %s() %s:%u",
		  __entry->scope, __get_str(name), __entry->parent,
		  __entry->pending, __entry->error,
		  __entry->serial ? " serial" : "", __get_str(func),
		  __get_str(file), __entry->line)
);

#define DEFINE_SCOPEX_SCOPE_EVENT(name)					\
	DEFINE_EVENT(scopex_scope, name,				\
		     TP_PROTO(struct scopex_scope *scope),		\
		     TP_ARGS(scope))

/* The owner has opened a scope. */
DEFINE_SCOPEX_SCOPE_EVENT(scopex_open);
/* The owner is about to wait, for all items or for one. */
DEFINE_SCOPEX_SCOPE_EVENT(scopex_wait);
/* The owner's wait is over. */
DEFINE_SCOPEX_SCOPE_EVENT(scopex_waited);
/* The owner has closed the scope; all items are completed. */
DEFINE_SCOPEX_SCOPE_EVENT(scopex_close);

DECLARE_EVENT_CLASS(scopex_scope_errno,

	TP_PROTO(const struct scopex_scope *scope, int err),

	TP_ARGS(scope, err),

	TP_STRUCT__entry(
		__field(const void *,	scope)
		__field(int,		err)
		__string(name,		scope->site->name)
	),

	TP_fast_assign(
		__entry->scope = scope;
		__entry->err = err;
		scopex_assign_str(name, scope->site->name);
	),

	TP_printk("scope=%p name=%s err=%d",
		  __entry->scope, __get_str(name), __entry->err)
);

/* A scope is cancelled; err is the reason, or 0. */
DEFINE_EVENT(scopex_scope_errno, scopex_cancel,
	     TP_PROTO(const struct scopex_scope *scope, int err),
	     TP_ARGS(scope, err));

/* An item, a chunk, or the body of a scope has failed. */
DEFINE_EVENT(scopex_scope_errno, scopex_error,
	     TP_PROTO(const struct scopex_scope *scope, int err),
	     TP_ARGS(scope, err));

/* A submitter had an item accepted, to be run on a CPU. */
TRACE_EVENT(scopex_submit,

	TP_PROTO(const struct scopex_scope *scope, struct scopex_work *work,
		 unsigned int target),

	TP_ARGS(scope, work, target),

	TP_STRUCT__entry(
		__field(const void *,	scope)
		__field(const void *,	work)
		__field(void *,		fn)
		__field(unsigned int,	target)
		__string(name,		scope->site->name)
	),

	TP_fast_assign(
		__entry->scope = scope;
		__entry->work = work;
		__entry->fn = __scopex_work_fn(scope, work);
		__entry->target = target;
		scopex_assign_str(name, scope->site->name);
	),

	TP_printk("scope=%p name=%s work=%p fn=%ps target=%u",
		  __entry->scope, __get_str(name), __entry->work, __entry->fn,
		  __entry->target)
);

DECLARE_EVENT_CLASS(scopex_item,

	TP_PROTO(const struct scopex_scope *scope, struct scopex_work *work, int ret),

	TP_ARGS(scope, work, ret),

	TP_STRUCT__entry(
		__field(const void *,	scope)
		__field(const void *,	work)
		__field(void *,		fn)
		__field(int,		ret)
		__string(name,		scope->site->name)
	),

	TP_fast_assign(
		__entry->scope = scope;
		__entry->work = work;
		__entry->fn = __scopex_work_fn(scope, work);
		__entry->ret = ret;
		scopex_assign_str(name, scope->site->name);
	),

	TP_printk("scope=%p name=%s work=%p fn=%ps ret=%d",
		  __entry->scope, __get_str(name), __entry->work, __entry->fn,
		  __entry->ret)
);

#define DEFINE_SCOPEX_ITEM_EVENT(name)					\
	DEFINE_EVENT(scopex_item, name,					\
		     TP_PROTO(const struct scopex_scope *scope,		\
			      struct scopex_work *work, int ret),	\
		     TP_ARGS(scope, work, ret))

/* The worker calls an item's function; ret is 0. */
DEFINE_SCOPEX_ITEM_EVENT(scopex_run_start);
/* The function has returned. */
DEFINE_SCOPEX_ITEM_EVENT(scopex_run_end);
/* An item is completed without having run. */
DEFINE_SCOPEX_ITEM_EVENT(scopex_item_cancelled);

/* A task waits from now on; "for" is the kind of its await, or "-". */
TRACE_EVENT(scopex_task_wait,

	TP_PROTO(const struct scopex_scope *scope, struct scopex_task *task),

	TP_ARGS(scope, task),

	TP_STRUCT__entry(
		__field(const void *,	scope)
		__field(const void *,	work)
		__field(void *,		fn)
		__field(unsigned int,	at)
		__string(name,		scope->site->name)
		__string(kind,		task->await ? task->await->ops->name : "-")
	),

	TP_fast_assign(
		__entry->scope = scope;
		__entry->work = &task->work;
		__entry->fn = (void *)task->fn;
		__entry->at = task->at;
		scopex_assign_str(name, scope->site->name);
		scopex_assign_str(kind, task->await ? task->await->ops->name : "-");
	),

	TP_printk("scope=%p name=%s work=%p fn=%ps at=%u for=%s",
		  __entry->scope, __get_str(name), __entry->work, __entry->fn,
		  __entry->at, __get_str(kind))
);

TRACE_EVENT(scopex_chunk_start,

	TP_PROTO(struct scopex_range *range, scopex_range_fn_t fn),

	TP_ARGS(range, fn),

	TP_STRUCT__entry(
		__field(const void *,	scope)
		__field(void *,		fn)
		__field(unsigned long,	first)
		__field(unsigned long,	count)
		__string(name,		range->scope->site->name)
	),

	TP_fast_assign(
		__entry->scope = range->scope;
		__entry->fn = (void *)fn;
		__entry->first = range->first;
		__entry->count = range->count;
		scopex_assign_str(name, range->scope->site->name);
	),

	TP_printk("scope=%p name=%s fn=%ps first=%lu count=%lu",
		  __entry->scope, __get_str(name), __entry->fn, __entry->first,
		  __entry->count)
);

TRACE_EVENT(scopex_chunk_end,

	TP_PROTO(struct scopex_range *range, scopex_range_fn_t fn, int ret),

	TP_ARGS(range, fn, ret),

	TP_STRUCT__entry(
		__field(const void *,	scope)
		__field(void *,		fn)
		__field(int,		ret)
		__string(name,		range->scope->site->name)
	),

	TP_fast_assign(
		__entry->scope = range->scope;
		__entry->fn = (void *)fn;
		__entry->ret = ret;
		scopex_assign_str(name, range->scope->site->name);
	),

	TP_printk("scope=%p name=%s fn=%ps ret=%d",
		  __entry->scope, __get_str(name), __entry->fn, __entry->ret)
);

/* A worker that is about to sleep in an item hands its queue over to another one. */
TRACE_EVENT(scopex_hand_off,

	TP_PROTO(unsigned int target, pid_t from, pid_t to),

	TP_ARGS(target, from, to),

	TP_STRUCT__entry(
		__field(unsigned int,	target)
		__field(pid_t,		from)
		__field(pid_t,		to)
	),

	TP_fast_assign(
		__entry->target = target;
		__entry->from = from;
		__entry->to = to;
	),

	TP_printk("target=%u from=%d to=%d",
		  __entry->target, __entry->from, __entry->to)
);

/* An item holds up its CPU for longer than stall_ms. */
TRACE_EVENT(scopex_stall,

	TP_PROTO(unsigned int target, pid_t worker, const struct scopex_site *site,
		 void *fn),

	TP_ARGS(target, worker, site, fn),

	TP_STRUCT__entry(
		__field(unsigned int,	target)
		__field(pid_t,		worker)
		__field(void *,		fn)
		__field(u32,		line)
		__string(name,		site->name)
		__string(func,		site->func)
		__string(file,		kbasename(site->file))
	),

	TP_fast_assign(
		__entry->target = target;
		__entry->worker = worker;
		__entry->fn = fn;
		__entry->line = site->line;
		scopex_assign_str(name, site->name);
		scopex_assign_str(func, site->func);
		scopex_assign_str(file, kbasename(site->file));
	),

	TP_printk("target=%u worker=%d fn=%ps name=%s at %s() %s:%u",
		  __entry->target, __entry->worker, __entry->fn,
		  __get_str(name), __get_str(func), __get_str(file),
		  __entry->line)
);

DECLARE_EVENT_CLASS(scopex_worker,

	TP_PROTO(unsigned int target),

	TP_ARGS(target),

	TP_STRUCT__entry(
		__field(unsigned int,	target)
	),

	TP_fast_assign(
		__entry->target = target;
	),

	TP_printk("target=%u", __entry->target)
);

/* The worker of a CPU has no items, and is about to sleep. */
DEFINE_EVENT(scopex_worker, scopex_park,
	     TP_PROTO(unsigned int target), TP_ARGS(target));

/* A submitter has woken the worker. */
DEFINE_EVENT(scopex_worker, scopex_wake,
	     TP_PROTO(unsigned int target), TP_ARGS(target));

#endif /* _TRACE_SCOPEX_H */

/* This part must be outside of the guard. */
#include <trace/define_trace.h>
