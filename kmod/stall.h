/* SPDX-License-Identifier: GPL-2.0 */
/* Items that hold up their CPU */
#ifndef _SCOPEX_STALL_H
#define _SCOPEX_STALL_H

struct scopex_worker;

unsigned long scopex_stall_threshold(void);
void scopex_look_for_stall(struct scopex_worker *w);
unsigned long scopex_stall_age(struct scopex_worker *w);
bool scopex_is_stalled(struct scopex_worker *w);

#endif /* _SCOPEX_STALL_H */
