// SPDX-License-Identifier: GPL-2.0
#include <linux/scopex.h>
#include <linux/slab.h>

struct shared {
	struct scopex_scope		*scope;
	struct scopex_custom_scope	*custom;
};

static struct scopex_scope *last;
static struct scopex_scope *table[4];
static struct shared shared;
static struct shared *pointer = &shared;
extern struct shared elsewhere;

static void to_globals(struct scopex_work *work, int i)
{
	static struct scopex_scope *kept;
	static struct shared also_kept;

	scopex_scope(s) {
		last = s;			/* flag: scope-escapes */
		table[i] = s;			/* flag: scope-escapes */
		shared.scope = s;		/* flag: scope-escapes */
		elsewhere.scope = s;		/* flag: scope-escapes */
		pointer->scope = s;		/* flag: scope-escapes */
		kept = s;			/* flag: scope-escapes */
		also_kept.scope = s;		/* flag: scope-escapes */
		scopex_submit(s, work);
	}
	scopex_scope(s, .name = "stores in other ways") {
		WRITE_ONCE(last, s);		/* flag: scope-escapes */
		smp_store_release(&last, s);	/* flag: scope-escapes */
		scopex_submit(s, work);
	}
}

static void through_pointers(struct shared *param, struct scopex_scope **out,
			     struct scopex_work *work, int i)
{
	struct shared *heap = kmalloc(sizeof(*heap), GFP_KERNEL);

	scopex_scope(s) {
		if (work) {
			param->scope = s;	/* flag: scope-escapes */
			*out = s;		/* flag: scope-escapes */
			out[i] = s;		/* flag: scope-escapes */
			heap->scope = s;	/* flag: scope-escapes */
			scopex_submit(s, work);
		}
	}
}

static struct scopex_scope *returned(struct scopex_work *work)
{
	struct scopex_scope mine;

	scopex_scope(s) {
		scopex_submit(s, work);
		if (work)
			return s;		/* flag: scope-escapes */
	}
	return &mine;				/* flag: scope-escapes */
}

static void by_hand(struct shared *param)
{
	struct scopex_scope scope;

	last = &scope;				/* flag: scope-escapes */
	param->scope = &scope;			/* flag: scope-escapes */
}

static struct scopex_scope *custom_by_hand(struct shared *param)
{
	struct scopex_custom_scope custom;

	last = &custom.scope;			/* flag: scope-escapes */
	if (param)
		param->custom = &custom;	/* flag: scope-escapes */
	return &custom.scope;			/* flag: scope-escapes */
}

static int body(struct scopex_scope *scope, void *arg)
{
	struct shared *param = arg;

	param->scope = scope;			/* flag: scope-escapes */
	last = scope;				/* flag: scope-escapes */
	return 0;
}

static int run(struct shared *param)
{
	return scopex_run(body, param);
}

static void helper_keeps(struct scopex_scope *scope)
{
	last = scope;				/* flag: scope-escapes */
}

static void reset_not_always(struct shared *param, struct scopex_work *work)
{
	scopex_scope(s) {
		param->scope = s;		/* flag: scope-escapes */
		if (scopex_submit(s, work))
			return;
		param->scope = NULL;
	}
}

/* From here on, all is well. */

static void to_locals(struct scopex_work *work, int i)
{
	struct shared local, *to_local = &local, *later, many[4];
	struct scopex_scope *same, *locals[4];

	later = &local;
	scopex_scope(s) {
		struct scopex_scope *alias = s;

		same = s;
		locals[i] = s;
		local.scope = s;
		many[i].scope = s;
		to_local->scope = s;
		later->scope = s;
		scopex_submit(alias, work);
	}
}

static void reset_before_the_end(struct shared *param, struct scopex_work *work)
{
	scopex_scope(s) {
		param->scope = s;
		WRITE_ONCE(last, s);
		scopex_submit(s, work);
		param->scope = NULL;
		WRITE_ONCE(last, NULL);
	}
}

/* Its caller knows how long both live. */
static void helper(struct shared *param, struct scopex_scope *scope)
{
	param->scope = scope;
}

static struct scopex_scope *chosen(struct scopex_scope *scope,
				   struct scopex_scope *other)
{
	return other ?: scope;
}

static struct scopex_scope *passed_through(struct scopex_scope *scope)
{
	return scope;
}

/* Other things with the name of a scope. */
static void other_things(int s)
{
	static int kept;

	kept = s;
}
