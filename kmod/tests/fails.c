// SPDX-License-Identifier: GPL-2.0
/*
 * scopex_test_fails.ko: a module whose init function detaches an item, and then fails
 *
 * The kernel frees such a module whatever its count. The item sleeps so long that its
 * code would be gone when it wakes up; see selftests/detached.sh.
 */

#include <linux/delay.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/scopex.h>
#include <linux/scopex_detached.h>
#include <linux/slab.h>

static int late_fn(struct scopex_detached *detached)
{
	msleep(300);
	pr_info("scopex_test_fails: the item is out\n");
	return 0;
}

static void late_release(struct scopex_detached *detached)
{
	msleep(20);
	kfree(detached);
	pr_info("scopex_test_fails: the item is released\n");
}

static int __init fails_init(void)
{
	struct scopex_detached *late = kzalloc(sizeof(*late), GFP_KERNEL);
	int err;

	if (!late)
		return -ENOMEM;
	scopex_detached_init(late, late_fn, late_release);
	err = scopex_detached_submit(late);
	scopex_detached_put(late);
	pr_info("scopex_test_fails: init fails\n");
	return err ?: -ECANCELED;
}

static void __exit fails_exit(void)
{
}

module_init(fails_init);
module_exit(fails_exit);

MODULE_DESCRIPTION("A module whose init fails after it detached an item");
MODULE_AUTHOR("The scopex authors");
MODULE_LICENSE("GPL");
