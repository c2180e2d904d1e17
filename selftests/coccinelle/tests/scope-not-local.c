// SPDX-License-Identifier: GPL-2.0
#include <linux/scopex.h>
#include <linux/slab.h>

static struct scopex_scope global;		/* flag: scope-not-local */
struct scopex_scope visible;			/* flag: scope-not-local */
static struct scopex_scope several[4];		/* flag: scope-not-local */
static struct scopex_custom_scope custom;	/* flag: scope-not-local */
static struct scopex_custom_scope customs[2];	/* flag: scope-not-local */
static struct scopex_scope *pointer;
static struct scopex_custom_scope *custom_pointer;

struct holder {
	int			nr;
	struct scopex_scope	scope;		/* flag: scope-not-local */
};

struct several {
	int			nr;
	struct scopex_scope	scope[2];	/* flag: scope-not-local */
};

struct outer {
	int				before;
	struct {
		int			nr;
		struct scopex_scope	scope;	/* flag: scope-not-local */
	} inner;
	int				after;
};

struct either {
	int				nr;
	union {
		int			err;
		struct scopex_scope	scope;	/* flag: scope-not-local */
	};
};

union any {
	int			nr;
	struct scopex_scope	scope;		/* flag: scope-not-local */
};

typedef struct {
	struct scopex_scope	scope;		/* flag: scope-not-local */
} holder_t;

struct with_options {
	int				nr;
	struct scopex_custom_scope	scope;	/* flag: scope-not-local */
};

struct borrower {
	struct scopex_scope		*scope;
	struct scopex_custom_scope	*custom;
};

static const struct scopex_site site = { .name = "test" };
static const struct scopex_options options = { .limit = 1 };

static int in_static(struct scopex_work *work)
{
	static struct scopex_scope scope;	/* flag: scope-not-local */

	__scopex_open(&scope, &site, NULL);
	scopex_submit(&scope, work);
	__scopex_close(&scope);
	return 0;
}

static int on_heap(struct scopex_work *work)
{
	struct scopex_scope *scope = kzalloc(sizeof(*scope), GFP_KERNEL); /* flag: scope-not-local */
	struct scopex_scope *other;

	other = kvmalloc(sizeof(*other), GFP_KERNEL); /* flag: scope-not-local */
	if (!scope || !other)
		return -ENOMEM;
	__scopex_open(scope, &site, NULL);
	scopex_submit(scope, work);
	__scopex_close(scope);
	return 0;
}

static int custom_in_static(struct scopex_work *work)
{
	static struct scopex_custom_scope scope; /* flag: scope-not-local */

	scopex_submit(__scopex_open(&scope.scope, &site, &options), work);
	__scopex_close(&scope.scope);
	return 0;
}

static int custom_on_heap(struct scopex_work *work)
{
	struct scopex_custom_scope *scope;

	scope = kzalloc(sizeof(*scope), GFP_KERNEL); /* flag: scope-not-local */
	if (!scope)
		return -ENOMEM;
	scopex_submit(__scopex_open(&scope->scope, &site, &options), work);
	__scopex_close(&scope->scope);
	return 0;
}

static int plain_custom(struct scopex_work *work)
{
	struct scopex_custom_scope scope, *same = &scope;

	scopex_submit(__scopex_open(&same->scope, &site, &options), work);
	__scopex_close(&same->scope);
	return 0;
}

static int plain(struct scopex_work *work)
{
	struct scopex_scope scope;
	struct scopex_scope *same = &scope;

	if (work) {
		struct scopex_scope nested;

		__scopex_open(&nested, &site, NULL);
		scopex_submit(&nested, work);
		__scopex_close(&nested);
	}
	__scopex_open(&scope, &site, NULL);
	scopex_submit(same, work);
	__scopex_close(&scope);
	scopex_scope(s)
		scopex_submit(s, work);
	scopex_scope(named, .name = "name") {
		struct borrower *borrower = kzalloc(sizeof(*borrower), GFP_KERNEL);

		scopex_submit(named, work);
		kfree(borrower);
	}
	return 0;
}
