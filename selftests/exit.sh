#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# scopes that are left open, items that leave a mess
. "$(dirname "$0")/suite.sh"

ktap_plan 3
suite_load
log_mark
suite_run exit
# Without tracepoints and the check of items there is nothing to warn of.
if log_since_mark | grep -q 'scopex_test: expect "'; then
	ktap_check "warnings name the culprit" warnings_name_the_culprit
else
	ktap_skip "warnings name the culprit" "none are expected here"
fi
suite_unload
ktap_finish
