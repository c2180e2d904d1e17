/* SPDX-License-Identifier: GPL-2.0 */
/* Direct reads and writes: what main.c calls */
#ifndef _SCOPEX_DIRECT_H
#define _SCOPEX_DIRECT_H

void scopex_direct_exit(void);

#endif /* _SCOPEX_DIRECT_H */
