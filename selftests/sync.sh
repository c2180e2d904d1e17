#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# events, semaphores and channels between tasks
. "$(dirname "$0")/suite.sh"

ktap_plan 4
suite_load
log_mark
counters_mark
suite_run sync
ktap_check "warnings name the culprit" warnings_name_the_culprit
ktap_check "items that wait for an event hand over" few_are_relieved
suite_unload
ktap_finish
