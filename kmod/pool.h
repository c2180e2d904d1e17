/* SPDX-License-Identifier: GPL-2.0 */
/* The workers of a CPU are created: as many as are needed, up to a bound; see pool.c */
#ifndef _SCOPEX_POOL_H
#define _SCOPEX_POOL_H

struct scopex_cpu;
struct scopex_worker;

int scopex_create_worker(struct scopex_cpu *sc);
void scopex_fill_pool(struct scopex_cpu *sc);
void scopex_look_at_unserved(struct scopex_cpu *sc);
bool scopex_wait_for_pool(struct scopex_worker *w);
unsigned int scopex_home(const struct scopex_cpu *sc);
void scopex_pool_init(struct scopex_cpu *sc, void (*main)(struct scopex_worker *w));

#endif /* _SCOPEX_POOL_H */
