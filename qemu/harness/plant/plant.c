// SPDX-License-Identifier: GPL-2.0
/*
 * plant.ko: does what a broken module would do, for qemu/check-harness.sh to see
 * whether the VM's verdict turns red. The parameter "what" says which.
 */

#include <linux/bug.h>
#include <linux/debug_locks.h>
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/panic.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

static char *what = "";
module_param(what, charp, 0444);
MODULE_PARM_DESC(what, "warn, lockdep, silent, kasan, race, leak, hang, panic or pinned");

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static unsigned long counter;
static void *lost;

static void plant_warn(void)
{
	WARN(1, "scopex: planted warning\n");
}

static void plant_lockdep(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);

	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static void plant_silent(void)
{
	debug_locks_off();
}

static void plant_kasan(void)
{
	char *object = kmalloc(32, GFP_KERNEL);

	if (!object)
		return;
	kfree(object);
	counter += READ_ONCE(object[8]);
}

static int count(void *unused)
{
	while (!kthread_should_stop()) {
		counter++;
		cond_resched();
	}
	return 0;
}

static void plant_race(void)
{
	struct task_struct *counters[2];
	int i;

	for (i = 0; i < ARRAY_SIZE(counters); i++)
		counters[i] = kthread_run(count, NULL, "plant/%d", i);
	msleep(3000);
	for (i = 0; i < ARRAY_SIZE(counters); i++)
		if (!IS_ERR(counters[i]))
			kthread_stop(counters[i]);
}

/* Several, as kmemleak may find the address of one on a stack. */
static void plant_leak(void)
{
	int i;

	for (i = 0; i < 16; i++)
		WRITE_ONCE(lost, kmalloc(64, GFP_KERNEL));
	WRITE_ONCE(lost, NULL);
}

static void plant_hang(void)
{
	set_current_state(TASK_UNINTERRUPTIBLE);
	schedule();
}

static void plant_panic(void)
{
	panic("planted panic");
}

static void plant_pinned(void)
{
	__module_get(THIS_MODULE);
}

static void plant_says(void)
{
	pr_err("FAIL: planted\n");
}

static const struct {
	const char	*name;
	void		(*plant)(void);
} plants[] = {
	{ "warn", plant_warn },
	{ "lockdep", plant_lockdep },
	{ "silent", plant_silent },
	{ "kasan", plant_kasan },
	{ "race", plant_race },
	{ "leak", plant_leak },
	{ "hang", plant_hang },
	{ "panic", plant_panic },
	{ "pinned", plant_pinned },
	{ "says", plant_says },
};

static int __init plant_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(plants); i++) {
		if (strcmp(what, plants[i].name))
			continue;
		plants[i].plant();
		return 0;
	}
	pr_err("plant: what=%s is unknown\n", what);
	return -EINVAL;
}

static void __exit plant_exit(void)
{
}

module_init(plant_init);
module_exit(plant_exit);
MODULE_DESCRIPTION("Does what a broken module would do");
MODULE_LICENSE("GPL");
