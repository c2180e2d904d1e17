#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# the races, with the windows of the protocol held open by injected delays
. "$(dirname "$0")/suite.sh"

suite_load_injected
ktap_plan 17
suite_open_files
suite_run race
suite_run irq
suite_run api
suite_run nest
suite_run cancel
suite_run loop
suite_run file
suite_run direct
suite_run options
suite_run detached
# These modules check in each kernel what an item leaves behind.
log_mark
suite_run exit
ktap_check "warnings name the culprit" warnings_name_the_culprit
suite_run task
suite_run timer
suite_run sync
suite_run several
suite_unload
ktap_finish
