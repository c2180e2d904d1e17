// SPDX-License-Identifier: GPL-2.0
/* Suite "misuse": every mistake gets its error and a warning that names it */

#include <linux/irq_work.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "test.h"

struct scopex_site test_site = {
	.name = "misused", .func = "misuse_test", .file = __FILE__, .line = 1,
	__SCOPEX_SITE_MAP("misused", &test_site)
};

/* Hazards 9 and 10: the object is still there, the scope is not. */
static void closed_scope(struct scopex_test *test)
{
	struct scopex_scope scope;
	struct test_item item;

	test_item_init(&item);
	__scopex_open(&scope, &test_site, NULL);
	EXPECT_EQ(test, scopex_submit_on(&scope, SCOPEX_CPU_LOCAL, &item.work), 0);
	__scopex_close(&scope);
	EXPECT_EQ(test, atomic_read(&item.runs), 1);

	EXPECT_WARNING("submits test_item_fn [scopex_test] to a closed scope",
		       EXPECT_EQ(test, scopex_submit_on(&scope, SCOPEX_CPU_LOCAL, &item.work),
				 -ESHUTDOWN));
	EXPECT_WARNING("joins what is no open scope",
		       EXPECT_EQ(test, scopex_join(&scope), -ESHUTDOWN));
	EXPECT_WARNING("closes what is no open scope",
		       __scopex_close(&scope));
	EXPECT_WARNING("cancels what is no open scope",
		       scopex_cancel(&scope, 0));
	EXPECT_EQ(test, atomic_read(&item.runs), 1);
	EXPECT_EQ(test, scopex_work_result(&item.work), 0);
}

static void memory_that_is_no_scope(struct scopex_test *test)
{
	struct scopex_scope scope;
	struct test_item item;

	memset(&scope, 0xaa, sizeof(scope));
	test_item_init(&item);
	EXPECT_WARNING("submits an item to what is no open scope",
		       EXPECT_EQ(test, scopex_submit(&scope, &item.work),
				 -EINVAL));
	EXPECT_WARNING("joins what is no open scope",
		       EXPECT_EQ(test, scopex_join(&scope), -EINVAL));
	EXPECT_EQ(test, scopex_work_result(&item.work), -ENODATA);
}

static void copied_scope(struct scopex_test *test)
{
	struct scopex_scope copy;
	struct test_item item;

	test_item_init(&item);
	scopex_scope(original) {
		copy = *original;
		EXPECT_WARNING("submits an item to a copy of scope original",
			       EXPECT_EQ(test,
					 scopex_submit_on(&copy, SCOPEX_CPU_LOCAL, &item.work),
					 -EINVAL));
		EXPECT_EQ(test, scopex_work_result(&item.work), -ENODATA);
		EXPECT_WARNING("closes a copy of scope original",
			       __scopex_close(&copy));
		EXPECT_EQ(test, scopex_submit_on(original, SCOPEX_CPU_LOCAL, &item.work), 0);
		EXPECT_EQ(test, scopex_join(original), 0);
		/* A copy of a scope in use, too, which differs only by its address. */
		copy = *original;
		EXPECT_WARNING("submits an item to a copy of scope original",
			       EXPECT_EQ(test,
					 scopex_submit_on(&copy, SCOPEX_CPU_LOCAL, &item.work),
					 -EINVAL));
		EXPECT_EQ(test, scopex_submit_on(original, SCOPEX_CPU_LOCAL, &item.work), 0);
		copy = *original;
		EXPECT_WARNING("joins a copy of scope original",
			       EXPECT_EQ(test, scopex_join(&copy), -EINVAL));
		EXPECT_WARNING("closes a copy of scope original",
			       __scopex_close(&copy));
	}
	EXPECT_EQ(test, atomic_read(&item.runs), 2);
}

/* Wherever the copy is, and whichever task has it. */
struct copy {
	struct scopex_custom_scope	custom;
	struct test_item		item;
	int				err;
};

static int submit_copy_thread(void *data)
{
	struct copy *copy = data;

	copy->err = scopex_submit_on(&copy->custom.scope, SCOPEX_CPU_LOCAL, &copy->item.work);
	test_thread_until_stopped();
	return 0;
}

static struct scopex_site copied_site = {
	.name = "copied", .func = "copy_on_the_heap", .file = __FILE__, .line = 1,
	__SCOPEX_SITE_MAP("copied", &copied_site)
};

static void copy_on_the_heap(struct scopex_test *test)
{
	const struct scopex_options options = { .flags = SCOPEX_JOINABLE };
	struct copy *copy = kzalloc(sizeof(*copy), GFP_KERNEL);
	struct scopex_custom_scope custom;
	struct test_item item;

	if (!EXPECT(test, copy))
		return;
	test_item_init(&item);
	test_item_init(&copy->item);
	__scopex_open(&custom.scope, &copied_site, &options);
	EXPECT_EQ(test, scopex_submit_on(&custom.scope, SCOPEX_CPU_LOCAL, &item.work), 0);
	EXPECT_EQ(test, scopex_join(&custom.scope), 0);
	copy->custom = custom;
	EXPECT_WARNING("submits an item to a copy of scope copied",
		       EXPECT_EQ(test, scopex_submit_on(&copy->custom.scope, SCOPEX_CPU_LOCAL,
							&copy->item.work),
				 -EINVAL));
	/* Another task can't look for the original on its own stack. */
	EXPECT_WARNING("submits an item to what is no open scope",
		       test_thread_stop(test_thread(test, submit_copy_thread, copy,
						    nr_cpu_ids)));
	EXPECT_EQ(test, copy->err, -EINVAL);
	__scopex_close(&custom.scope);
	EXPECT_WARNING("submits an item to what is no open scope",
		       EXPECT_EQ(test, scopex_submit_on(&copy->custom.scope, SCOPEX_CPU_LOCAL,
							&copy->item.work),
				 -EINVAL));
	/* Another scope is where the original was. */
	__scopex_open(&custom.scope, &copied_site, &options);
	EXPECT_WARNING("submits an item to a copy of scope copied",
		       EXPECT_EQ(test, scopex_submit_on(&copy->custom.scope, SCOPEX_CPU_LOCAL,
							&copy->item.work),
				 -EINVAL));
	EXPECT_EQ(test, scopex_submit_on(&custom.scope, SCOPEX_CPU_LOCAL, &item.work), 0);
	EXPECT_EQ(test, scopex_join(&custom.scope), 0);
	__scopex_close(&custom.scope);
	EXPECT_EQ(test, atomic_read(&item.runs), 2);
	EXPECT_EQ(test, atomic_read(&copy->item.runs), 0);
	EXPECT_EQ(test, scopex_work_result(&copy->item.work), -ENODATA);
	kfree(copy);
}

static int odd_body(struct scopex_scope *scope, void *arg)
{
	return 1;
}

static void body_result_that_is_no_errno(struct scopex_test *test)
{
	EXPECT_WARNING("odd_body [scopex_test], the body of a scope, returned 1",
		       EXPECT_EQ(test, scopex_run(odd_body, NULL), -EINVAL));
}

static void scope_on_the_heap(struct scopex_test *test)
{
	struct scopex_scope *scope = kzalloc(sizeof(*scope), GFP_KERNEL);
	struct test_item item;

	if (!EXPECT(test, scope))
		return;
	test_item_init(&item);
	EXPECT_WARNING("scope misused of misuse_test() is not on the stack",
		       __scopex_open(scope, &test_site, NULL));
	EXPECT_EQ(test, scopex_submit_on(scope, SCOPEX_CPU_LOCAL, &item.work), -EINVAL);
	EXPECT_EQ(test, scopex_join(scope), -EINVAL);
	scopex_cancel(scope, 0);
	__scopex_close(scope);
	EXPECT_WARNING("submits test_item_fn [scopex_test] to a closed scope",
		       EXPECT_EQ(test, scopex_submit_on(scope, SCOPEX_CPU_LOCAL, &item.work),
				 -ESHUTDOWN));
	EXPECT_EQ(test, atomic_read(&item.runs), 0);
	kfree(scope);
}

/* A call that is made in another context, and its result. */
struct elsewhere {
	struct irq_work		irq_work;
	struct scopex_work	work;
	struct scopex_scope	*scope;
	struct test_item	item;
	struct completion	done;
	int			calls;
	int			err;
};

static int must_not_be_called(struct scopex_scope *scope, void *arg)
{
	struct elsewhere *elsewhere = arg;

	elsewhere->calls++;
	return 0;
}

static void open_in_irq(struct irq_work *irq_work)
{
	struct elsewhere *elsewhere =
		container_of(irq_work, struct elsewhere, irq_work);
	struct scopex_scope scope;

	__scopex_open(&scope, &test_site, NULL);
	elsewhere->err = scopex_submit_on(&scope, SCOPEX_CPU_LOCAL, &elsewhere->item.work);
	if (!elsewhere->err)
		elsewhere->err = scopex_join(&scope);
	__scopex_close(&scope);
	complete(&elsewhere->done);
}

static void run_in_irq(struct irq_work *irq_work)
{
	struct elsewhere *elsewhere =
		container_of(irq_work, struct elsewhere, irq_work);

	elsewhere->err = scopex_run(must_not_be_called, elsewhere);
	complete(&elsewhere->done);
}

static void scope_in_an_interrupt(struct scopex_test *test)
{
	struct elsewhere elsewhere = { };

	init_completion(&elsewhere.done);
	test_item_init(&elsewhere.item);
	elsewhere.irq_work = IRQ_WORK_INIT_HARD(open_in_irq);
	EXPECT_WARNING("scope misused of misuse_test() is opened in an interrupt",
		       irq_work_queue(&elsewhere.irq_work);
		       wait_for_completion(&elsewhere.done));
	irq_work_sync(&elsewhere.irq_work);
	EXPECT_EQ(test, elsewhere.err, -EINVAL);
	EXPECT_EQ(test, atomic_read(&elsewhere.item.runs), 0);

	reinit_completion(&elsewhere.done);
	elsewhere.irq_work = IRQ_WORK_INIT_HARD(run_in_irq);
	EXPECT_WARNING("scope must_not_be_called of run_in_irq() is opened in an interrupt",
		       irq_work_queue(&elsewhere.irq_work);
		       wait_for_completion(&elsewhere.done));
	irq_work_sync(&elsewhere.irq_work);
	EXPECT_EQ(test, elsewhere.err, -EINVAL);
	EXPECT_EQ(test, elsewhere.calls, 0);
}

static int join_fn(struct scopex_work *work)
{
	return scopex_join(scopex_work_scope(work));
}

static void item_joins_its_scope(struct scopex_test *test)
{
	struct scopex_work work;

	scopex_work_init(&work, join_fn);
	EXPECT_WARNING("joins scope own of item_joins",
		       scopex_scope(own)
			       EXPECT_EQ(test, scopex_submit_on(own, SCOPEX_CPU_LOCAL, &work), 0));
	EXPECT_EQ(test, scopex_work_result(&work), -EPERM);
}

static int close_thread(void *data)
{
	strscpy(current->comm, TEST_ODD, sizeof(current->comm));
	__scopex_close(data);
	test_thread_until_stopped();
	return 0;
}

static void other_task_closes(struct scopex_test *test)
{
	struct test_item item;

	test_item_init(&item);
	scopex_scope(mine) {
		EXPECT_WARNING("() in task " TEST_ODD_SHOWN ":",
			       test_thread_stop(test_thread(test, close_thread,
							    mine, nr_cpu_ids)));
		EXPECT_EQ(test, scopex_submit_on(mine, SCOPEX_CPU_LOCAL, &item.work), 0);
		EXPECT_EQ(test, scopex_join(mine), 0);
	}
	EXPECT_EQ(test, atomic_read(&item.runs), 1);
}

static struct scopex_site odd_site = TEST_ODD_SITE(&odd_site);

static void other_task_closes_an_odd_scope(struct scopex_test *test)
{
	struct scopex_scope odd;

	__scopex_open(&odd, &odd_site, NULL);
	EXPECT_WARNING("closes scope odd " TEST_ODD_SHOWN " of odd_fn " TEST_ODD_SHOWN "() in",
		       test_thread_stop(test_thread(test, close_thread, &odd, nr_cpu_ids)));
	__scopex_close(&odd);
}

static const struct scopex_case misuse_cases[] = {
	SCOPEX_CASE(closed_scope),
	SCOPEX_CASE(memory_that_is_no_scope),
	SCOPEX_CASE(copied_scope),
	SCOPEX_CASE(copy_on_the_heap),
	SCOPEX_CASE(body_result_that_is_no_errno),
	SCOPEX_CASE(scope_on_the_heap),
	SCOPEX_CASE(scope_in_an_interrupt),
	SCOPEX_CASE(item_joins_its_scope),
	SCOPEX_CASE(other_task_closes),
	SCOPEX_CASE(other_task_closes_an_odd_scope),
};

SCOPEX_SUITE(misuse, misuse_cases);
