/* SPDX-License-Identifier: GPL-2.0 */
/* Parallel loops */
#ifndef _SCOPEX_LOOP_H
#define _SCOPEX_LOOP_H

#include "cpu.h"

void scopex_help(struct scopex_worker *w);

#endif /* _SCOPEX_LOOP_H */
