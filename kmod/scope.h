/* SPDX-License-Identifier: GPL-2.0 */
/* Scopes that scopex opens or ends in other ways than the API does */
#ifndef _SCOPEX_SCOPE_H
#define _SCOPEX_SCOPE_H

#include <linux/scopex.h>

void scopex_open_parallel(struct scopex_scope *scope, struct scopex_site *site);
void scopex_open_timed(struct scopex_custom_scope *custom, struct scopex_site *site,
		       unsigned int flags, s64 timeout_us, ktime_t deadline);
bool scopex_abandon_scope(struct scopex_scope *scope);

#endif /* _SCOPEX_SCOPE_H */
