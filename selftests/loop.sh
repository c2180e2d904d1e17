#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# arrays of items, parallel loops, a function on each CPU
. "$(dirname "$0")/suite.sh"

counted()
{
	expect_counter "total.$1" -gt 0
}

# With no scope open, no worker is shown in an item or a loop.
all_have_left()
{
	expect "workers in a scope" "$(grep '^worker[0-9]*\.scope ' "$SCOPEX/counters")" = ""
}

ktap_plan 4
suite_load
suite_run loop
ktap_check "helpers have left their loops" all_have_left
if [ "$(nproc)" -gt 1 ]; then
	ktap_check "helpers are counted" counted helps
else
	ktap_skip "helpers are counted" "needs two CPUs"
fi
suite_unload
ktap_finish
