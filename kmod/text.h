/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How scopex shows texts that others have chosen: names of tasks, scopes and files, and
 * parameters
 *
 * A user may name a task, and could forge lines, or send control characters to the terminal
 * of a reader. So each byte that is no printable character of ASCII, and the backslash, is
 * shown as an octal number, as in /proc/mounts: \012 for a line feed.
 */
#ifndef _SCOPEX_TEXT_H
#define _SCOPEX_TEXT_H

#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/string_helpers.h>

/* For string_escape_mem() and seq_escape_str(), which take further characters as a string. */
#define SCOPEX_ESCAPE	(ESCAPE_OCTAL | ESCAPE_NAP | ESCAPE_APPEND)

/**
 * scopex_escape() - make a text fit for the kernel log
 * @to: stores the text; the end of a text that is too long is left out
 * @size: the size of @to, at least 1
 * @text: the text
 *
 * Context: any.
 *
 * Return: @to.
 */
static inline const char *scopex_escape(char *to, size_t size, const char *text)
{
	size_t room = size - 1;
	int len = string_escape_mem(text, strlen(text), to, room, SCOPEX_ESCAPE, "\\");

	to[min_t(size_t, len, room)] = '\0';
	return to;
}

#define SCOPEX_COMM_SIZE	(4 * TASK_COMM_LEN)

/**
 * scopex_comm() - get the name of a task, for the kernel log
 * @_task: the task
 *
 * Return: the name, which is valid until the end of the block.
 */
#define scopex_comm(_task)						\
	scopex_escape((char [SCOPEX_COMM_SIZE]) { }, SCOPEX_COMM_SIZE, (_task)->comm)

/* The room for a name that has to be escaped. Any other name is shown in full length. */
#define SCOPEX_NAME_SIZE	128

static inline const char *__scopex_name(char *to, const char *text)
{
	size_t len = strlen(text), room = SCOPEX_NAME_SIZE - 1;

	if (string_escape_mem(text, len, to, room, SCOPEX_ESCAPE, "\\") == len)
		return text;
	return scopex_escape(to, SCOPEX_NAME_SIZE, text);
}

/**
 * scopex_name() - get the name of a scope, a function or a file, for the kernel log
 * @_text: the name
 *
 * It takes room on the stack. So put the message into a function of its own, unless nothing
 * is called, or waited for, below it.
 *
 * Return: the name, which is valid until the end of the block.
 */
#define scopex_name(_text)	__scopex_name((char [SCOPEX_NAME_SIZE]) { }, _text)

#endif /* _SCOPEX_TEXT_H */
