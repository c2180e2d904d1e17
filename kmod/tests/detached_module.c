// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "detached", in part: a module stays until its items are completed. Suite "coming":
 * items of modules that are being loaded.
 */

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/scopex_detached.h>
#include <linux/slab.h>

#include "detached.h"
#include "test.h"

static void pins_its_module(struct scopex_test *test)
{
	atomic_t runs = ATOMIC_INIT(0);
	struct test_gate gate;
	struct lone *lone;

	lone = lone_at_gate(test, &runs, &gate);
	if (!lone)
		return;
	EXPECT_EQ(test, module_refcount(THIS_MODULE), refs_idle);
	EXPECT_EQ(test, scopex_detached_submit(&lone->detached), 0);
	EXPECT_EQ(test, module_refcount(THIS_MODULE), refs_idle + 1);
	wait_for_completion(&gate.reached);
	complete(&gate.go);
	scopex_detached_wait(&lone->detached);
	scopex_detached_put(&lone->detached);
	until_released(1);
}

static void refused_by_a_module_that_goes(struct scopex_test *test)
{
	static struct module going = { .state = MODULE_STATE_GOING };
	static atomic_t runs;
	struct lone *lone = lone_new(test, &runs, NULL);

	if (!lone)
		return;
	atomic_set(&runs, 0);
	atomic_set(&lones_released, 0);
	lone->detached.owner = &going;
	EXPECT_EQ(test, scopex_detached_submit(&lone->detached), -ENODEV);
	EXPECT_EQ(test, scopex_work_result(&lone->detached.work), -ENODATA);
	scopex_detached_put(&lone->detached);
	EXPECT_EQ(test, atomic_read(&lones_released), 1);
	EXPECT_EQ(test, atomic_read(&runs), 0);
}

#if defined(CONFIG_MODULES) && defined(CONFIG_MODULE_UNLOAD)
/* As many counters as detached.c has. */
#define COMING_BITS	4
#define COMING		BIT(COMING_BITS)

/* So many addresses that each counter belongs to some of them. */
#define COMING_MODULES	512

/* Items that the init functions of as many modules have detached, and that do not end. */
struct coming {
	struct module		*module;
	struct scopex_detached	detached[COMING];
	struct completion	go;
};

static struct coming *coming;

static int coming_fn(struct scopex_detached *detached)
{
	scopex_will_block();
	wait_for_completion(&coming->go);
	return 0;
}

static void coming_release(struct scopex_detached *detached)
{
}

static void coming_detach(struct scopex_test *test, struct module *module)
{
	struct scopex_detached *detached = &coming->detached[hash_ptr(module, COMING_BITS)];

	if (detached->owner)
		return;
	module->state = MODULE_STATE_COMING;
	/* One reference is the module's own. */
	atomic_set(&module->refcnt, 1);
	scopex_detached_init(detached, coming_fn, coming_release);
	detached->owner = module;
	EXPECT_EQ(test, scopex_detached_submit(detached), 0);
}

/* Only the address of these modules is used, and their count. */
static void coming_hold(struct scopex_test *test)
{
	unsigned int i;

	init_completion(&coming->go);
	for (i = 0; i < COMING_MODULES; i++)
		coming_detach(test, &coming->module[i]);
	scopex_test_until_released();
	complete_all(&coming->go);
	for (i = 0; i < COMING; i++) {
		if (!EXPECT(test, coming->detached[i].owner))
			continue;
		EXPECT_EQ(test, scopex_detached_wait(&coming->detached[i]), 0);
		while (atomic_read(&coming->detached[i].owner->refcnt) > 1)
			usleep_range(50, 200);
		scopex_detached_put(&coming->detached[i]);
	}
}

static void items_of_others_are_coming(struct scopex_test *test)
{
	coming = kzalloc(sizeof(*coming), GFP_KERNEL);
	if (!EXPECT(test, coming))
		return;
	coming->module = kvcalloc(COMING_MODULES, sizeof(*coming->module), GFP_KERNEL);
	if (EXPECT(test, coming->module))
		coming_hold(test);
	kvfree(coming->module);
	kfree(coming);
}
#else
static void items_of_others_are_coming(struct scopex_test *test)
{
	scopex_test_skip(test, "needs modules that can be unloaded");
}
#endif

static const struct scopex_case coming_cases[] = {
	SCOPEX_CASE(items_of_others_are_coming),
};

SCOPEX_SUITE(coming, coming_cases);

static const struct scopex_case detached_module_cases[] = {
	SCOPEX_CASE(pins_its_module),
	SCOPEX_CASE(refused_by_a_module_that_goes),
};

SCOPEX_SUITE_PART(detached, detached_module, detached_module_cases);
