#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# items that outlive their submitter
. "$(dirname "$0")/suite.sh"

# Refused for the item's scope, or as a copy; because the item is completed (twice), ends or
# runs; or because its module goes.
refused_ones_are_counted()
{
	expect_grown total.refused -eq 7
}

# passes SUITE [PARAMETER]... - load scopex and run it; each item that waits must hand over
# by itself
passes()
{
	passes_suite=$1
	shift
	suite_load "$@" || return 1
	counters_mark
	suite_cases "$passes_suite" && few_are_relieved && suite_rmmod
}

# The module is freed when modprobe returns, which has to fail, so that load() is not for it. Its
# detached items are completed by then.
failed_init_is_waited_for()
{
	load scopex || return 1
	log_mark
	modprobe scopex_test_fails 2>/dev/null && return 1
	log_since_mark | expect_line 'scopex_test_fails: init fails' || return 1
	log_since_mark | tail -n 1 | expect_line 'scopex_test_fails: the item is released' ||
		return 1
	# Nor does a later task wait for it.
	unload scopex
}

all_are_coming()
{
	[ "$(grep -c ' coming_fn ' "$SCOPEX/workers")" -eq 16 ]
}

# Modules that are being loaded, and whose items do not end, share all counters. A module
# that has no item left must not wait for those items.
init_fails_beside_others()
{
	suite_load || return 1
	beside_end=$(mktemp -u)
	suite_begin coming
	wait_until 60 all_are_coming
	{
		modprobe scopex_test_fails 2>/dev/null
		: > "$beside_end"
	} &
	wait_until 20 test -e "$beside_end"
	beside_status=$?
	suite_release
	wait
	rm -f "$beside_end"
	suite_succeeded coming && suite_rmmod && return "$beside_status"
}

ktap_plan 8
suite_load
counters_mark
log_mark
suite_run detached
ktap_check "refused ones are counted" refused_ones_are_counted
ktap_check "warnings name the culprit" warnings_name_the_culprit
suite_unload
ktap_check "a release function opens scopes" passes release
ktap_check "a release function opens scopes, and there is no other worker" \
	passes release workers=1 standby=0
ktap_check "a module whose init fails is kept until its items are out" \
	failed_init_is_waited_for
ktap_check "which does not wait for the items of others" init_fails_beside_others
ktap_finish
