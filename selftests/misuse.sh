#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# every mistake of a caller: its error, and a warning that names it
. "$(dirname "$0")/suite.sh"

ktap_plan 3
suite_load
log_mark
suite_run misuse
ktap_check "warnings name the culprit" warnings_name_the_culprit
suite_unload
ktap_finish
