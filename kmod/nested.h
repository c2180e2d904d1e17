/* SPDX-License-Identifier: GPL-2.0 */
/* Scopes that are opened in an item */
#ifndef _SCOPEX_NESTED_H
#define _SCOPEX_NESTED_H

struct scopex_scope;
struct scopex_worker;

void scopex_open_nested(struct scopex_scope *scope, struct scopex_worker *w, u64 state);
void scopex_unlink_nested(struct scopex_worker *w, struct scopex_scope *scope);
void scopex_close_nested(struct scopex_worker *w, struct scopex_scope *scope);

#endif /* _SCOPEX_NESTED_H */
