// SPDX-License-Identifier: GPL-2.0
/* The CPUs, and the function by which their workers are known; see cpu.h */

#include <linux/completion.h>

#include "cpu.h"

DEFINE_PER_CPU_ALIGNED(struct scopex_cpu, scopex_cpus);

/**
 * scopex_worker_thread() - the function of all threads that are workers, and of no others
 * @data: the &struct scopex_worker
 *
 * Return: 0, when it was stopped and has nothing left to do.
 */
int scopex_worker_thread(void *data)
{
	struct scopex_worker *w = data;

	complete(&w->started);
	w->sc->main(w);
	return 0;
}
