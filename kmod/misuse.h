/* SPDX-License-Identifier: GPL-2.0 */
/* Reports of a caller's bug */
#ifndef _SCOPEX_MISUSE_H
#define _SCOPEX_MISUSE_H

#include <linux/errno.h>
#include <linux/ratelimit.h>

/**
 * scopex_misuse() - report a bug of a caller
 * @fmt: a message that names the culprit, and says what it did
 *
 * A warning with the stack. It is rate-limited, because the culprit may be in a loop.
 */
#define scopex_misuse(fmt, ...)						\
	WARN_RATELIMIT(1, "scopex: " fmt "\n", ##__VA_ARGS__)

#endif /* _SCOPEX_MISUSE_H */
