/* SPDX-License-Identifier: GPL-2.0 */
/* Tasks in wait queues of the kernel; see wait_queue.c */
#ifndef _SCOPEX_WAIT_QUEUE_H
#define _SCOPEX_WAIT_QUEUE_H

#include <linux/scopex_file.h>

bool scopex_wait_is_off(const struct scopex_wait_entry *wait);
bool scopex_wait_is_off_now(struct scopex_wait_entry *wait);
bool scopex_wait_leave(struct scopex_wait_entry *wait);
int scopex_wait_wake(struct scopex_wait_entry *wait, struct scopex_task *task, bool gone);

#endif /* _SCOPEX_WAIT_QUEUE_H */
