/* SPDX-License-Identifier: GPL-2.0 */
/* A look at all workers, from time to time */
#ifndef _SCOPEX_WATCHDOG_H
#define _SCOPEX_WATCHDOG_H

void scopex_watchdog_init(void);
void scopex_watchdog_exit(void);

#endif /* _SCOPEX_WATCHDOG_H */
