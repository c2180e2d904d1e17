#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# items that outlive who submits them
. "$(dirname "$0")/ktap.sh"
. "$(dirname "$0")/suite.sh"

# One is because of its scope; else it is out (twice), or ends, or runs, or its module
# goes.
refused_ones_are_counted()
{
	refused=$(grown total.refused)
	[ "$refused" -eq 6 ] && return
	ktap_msg "total.refused has grown by $refused, not 6"
	return 1
}

ktap_plan 4
suite_load
counters_mark
log_mark
suite_run detach
ktap_check "refused ones are counted" refused_ones_are_counted
ktap_check "warnings name the culprit" warnings_name_the_culprit
suite_unload
ktap_finish
