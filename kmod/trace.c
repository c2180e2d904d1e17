// SPDX-License-Identifier: GPL-2.0
/* The trace events: see include/trace/events/scopex.h */

#include <linux/string.h>

#include "compat/assign_str.h"
#include "item.h"

#define CREATE_TRACE_POINTS
#include <trace/events/scopex.h>
