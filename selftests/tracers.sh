#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# a task that waits for all threads gets on beside long batches
. "$(dirname "$0")/suite.sh"

ktap_plan 4
# On a slow machine, the stall detector would report an item of these.
suite_load stall_ms=0
suite_run tracers
suite_unload
suite_load workers=1 standby=0 stall_ms=0
suite_run serial_tracers
suite_unload
ktap_finish
