#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# items that outlive who submits them
. "$(dirname "$0")/ktap.sh"
. "$(dirname "$0")/suite.sh"

# In four cases one item is: it is out (twice), or ends, or runs, or its module goes.
refused_ones_are_counted()
{
	refused=$(($(counter total.refused) - refused_before))
	[ "$refused" -eq 5 ] && return
	ktap_msg "total.refused has grown by $refused, not 5"
	return 1
}

ktap_plan 3
suite_load
refused_before=$(counter total.refused)
suite_run detach
ktap_check "refused ones are counted" refused_ones_are_counted
suite_unload
ktap_finish
