/* SPDX-License-Identifier: GPL-2.0 */
/* Scopes that are cancelled at a point in time */
#ifndef _SCOPEX_DEADLINE_H
#define _SCOPEX_DEADLINE_H

#include <linux/scopex.h>

void scopex_set_deadline(struct scopex_custom_scope *custom, s64 timeout_us,
			 ktime_t deadline);
void scopex_start_deadline(struct scopex_custom_scope *custom);
void scopex_stop_deadline(struct scopex_custom_scope *custom);

#endif /* _SCOPEX_DEADLINE_H */
