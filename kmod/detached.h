/* SPDX-License-Identifier: GPL-2.0 */
/* Detached items: the calls for init and exit */
#ifndef _SCOPEX_DETACHED_H
#define _SCOPEX_DETACHED_H

int scopex_detached_init_modules(void);
void scopex_detached_exit_modules(void);

#endif /* _SCOPEX_DETACHED_H */
