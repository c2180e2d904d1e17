/* SPDX-License-Identifier: GPL-2.0 */
/* Scopes, opened and closed in other ways than by the API */
#ifndef _SCOPEX_SCOPE_H
#define _SCOPEX_SCOPE_H

#include <linux/scopex.h>

struct scopex_scope *scopex_open_parallel(struct scopex_scope *scope,
					  struct scopex_site *site);
struct scopex_scope *scopex_open_timed(struct scopex_custom_scope *custom,
				       struct scopex_site *site, unsigned int flags,
				       ktime_t timeout);
void scopex_close_exiting(struct scopex_scope *scope);
bool scopex_abandon_scope(struct scopex_scope *scope);

#endif /* _SCOPEX_SCOPE_H */
