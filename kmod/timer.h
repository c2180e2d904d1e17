/* SPDX-License-Identifier: GPL-2.0 */
/* Awaits for a point in time; see timer.c */
#ifndef _SCOPEX_TIMER_H
#define _SCOPEX_TIMER_H

void scopex_timer_init(void);
void scopex_timer_exit(void);

#endif /* _SCOPEX_TIMER_H */
