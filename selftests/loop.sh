#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# arrays of items, parallel loops, a function on each CPU
. "$(dirname "$0")/ktap.sh"
. "$(dirname "$0")/suite.sh"

counted()
{
	[ "$(counter "total.$1")" -gt 0 ]
}

ktap_plan 3
suite_load
suite_run loop
if [ "$(nproc)" -gt 1 ]; then
	ktap_check "helpers are counted" counted helps
else
	ktap_skip "helpers are counted" "needs two CPUs"
fi
suite_unload
ktap_finish
