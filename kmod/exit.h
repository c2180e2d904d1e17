/* SPDX-License-Identifier: GPL-2.0 */
/* Tasks that exit with an open scope: see exit.c */
#ifndef _SCOPEX_EXIT_H
#define _SCOPEX_EXIT_H

int scopex_exit_init(void);
void scopex_exit_stop(void);

#endif /* _SCOPEX_EXIT_H */
