/* SPDX-License-Identifier: GPL-2.0 */
/* The options; main.c has them in a table */
#ifndef _SCOPEX_OPTIONS_H
#define _SCOPEX_OPTIONS_H

struct scopex_option;

extern const struct scopex_option scopex_serial_option;
extern const struct scopex_option scopex_limit_option;
extern const struct scopex_option scopex_cpu_limit_option;
extern const struct scopex_option scopex_joinable_option;
extern const struct scopex_option scopex_detached_option;
extern const struct scopex_option scopex_task_scope_option;

#endif /* _SCOPEX_OPTIONS_H */
