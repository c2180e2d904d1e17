/* SPDX-License-Identifier: GPL-2.0 */
/* Tasks that exit with an open scope */
#ifndef _SCOPEX_EXIT_H
#define _SCOPEX_EXIT_H

int scopex_forget_init(void);
void scopex_forget_exit(void);

#endif /* _SCOPEX_EXIT_H */
