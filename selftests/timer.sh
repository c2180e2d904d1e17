#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# tasks sleep, and wake up at the right time
. "$(dirname "$0")/suite.sh"

# The hrtimer of a task that does not wait any more is left alone, but not when the module goes.
unloads_with_an_hrtimer_set()
{
	suite_passes set && sleep 2
}

ktap_plan 4
suite_load
log_mark
suite_run timer
ktap_check "warnings name the culprit" warnings_name_the_culprit
suite_unload
ktap_check "modules unload with an hrtimer set" unloads_with_an_hrtimer_set
ktap_finish
