/* SPDX-License-Identifier: GPL-2.0 */
/* Tasks that wait for an RCU grace period; see grace.c */
#ifndef _SCOPEX_GRACE_H
#define _SCOPEX_GRACE_H

void scopex_grace_init(void);
void scopex_grace_exit(void);

#endif /* _SCOPEX_GRACE_H */
