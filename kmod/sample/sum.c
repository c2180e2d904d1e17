// SPDX-License-Identifier: GPL-2.0
/*
 * sum.ko: a complete module that uses scopex, to be copied
 *
 *	make try M=kmod/sample
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/scopex.h>

struct part {
	struct scopex_work	work;
	unsigned long		first, last;
	u64			sum;
};

/* Runs on a worker, in process context; may sleep (for long: after scopex_will_block()). */
static int sum_part(struct scopex_work *work)
{
	struct part *p = container_of(work, struct part, work);

	for (unsigned long n = p->first; n <= p->last; n++)
		p->sum += n;
	return 0;
}

static int __init sum_init(void)
{
	struct part parts[8] = { };
	u64 sum = 0;
	int err = 0;

	scopex_scope(s) {
		for (int i = 0; i < ARRAY_SIZE(parts); i++) {
			parts[i].first = i * 1000 + 1;
			parts[i].last = (i + 1) * 1000;
			scopex_work_init(&parts[i].work, sum_part);
			err = scopex_submit(s, &parts[i].work);
			if (err)
				return err;	/* drains the scope */
		}
		err = scopex_join(s);
	}
	for (int i = 0; i < ARRAY_SIZE(parts); i++)
		sum += parts[i].sum;
	pr_info("sum of 1 to 8000: %llu\n", sum);
	return err;
}

static void __exit sum_exit(void)
{
}

module_init(sum_init);
module_exit(sum_exit);
MODULE_DESCRIPTION("Sums numbers on all CPUs");
MODULE_LICENSE("GPL");
