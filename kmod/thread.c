// SPDX-License-Identifier: GPL-2.0
/* The function by which a worker is known; see thread.h */

#include <linux/completion.h>

#include "cpu.h"
#include "thread.h"

/**
 * scopex_worker_thread() - the thread function of all workers, and of no other thread
 * @data: the &struct scopex_worker
 *
 * Return: 0, after the worker was stopped and has nothing left to do.
 */
int scopex_worker_thread(void *data)
{
	struct scopex_worker *w = data;

	complete(&w->started);
	w->sc->main(w);
	return 0;
}
