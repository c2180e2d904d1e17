/* SPDX-License-Identifier: GPL-2.0 */
/* The tasks that wait, as they are shown; see waiting.c */
#ifndef _SCOPEX_WAITING_H
#define _SCOPEX_WAITING_H

struct scopex_place;
struct seq_file;

/* The number of tasks that are shown of a scope. */
#define SCOPEX_SHOWN_TASKS	32

/**
 * struct scopex_shown_task - a task, as it is shown
 * @fn: its function
 * @at: the line where it goes on, if it is a coroutine, or 0
 * @state: see &enum scopex_task_state
 * @name: the name of the state
 * @ms: the time since it began to wait
 * @cpu: where it will run
 * @kind: what it waits for
 * @item: the name of the function, with the line
 */
struct scopex_shown_task {
	void		*fn;
	unsigned int	at;
	int		state;
	const char	*name;
	unsigned int	ms;
	unsigned int	cpu;
	char		kind[20];
	char		item[72];
};

/* @i counts the tasks from 0 on. */
typedef void scopex_task_row_fn_t(struct seq_file *m, unsigned int i,
				  const struct scopex_shown_task *see,
				  const struct scopex_place *place);

int scopex_task_rows(struct seq_file *m, scopex_task_row_fn_t *row, unsigned int max);
int scopex_show_tasks(struct seq_file *m, void *unused);

#endif /* _SCOPEX_WAITING_H */
