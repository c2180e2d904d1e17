/* SPDX-License-Identifier: GPL-2.0 */
/* Items that outlive what has submitted them */
#ifndef _SCOPEX_DETACHED_H
#define _SCOPEX_DETACHED_H

int scopex_detach_init(void);
void scopex_detach_exit(void);

#endif /* _SCOPEX_DETACHED_H */
