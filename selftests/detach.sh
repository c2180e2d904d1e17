#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# items that outlive who submits them
. "$(dirname "$0")/suite.sh"

# One is because of its scope, one is a copy; else it is out (twice), or ends, or runs, or
# its module goes.
refused_ones_are_counted()
{
	expect_grown total.refused -eq 7
}

# passes SUITE [PARAMETER]... - with scopex loaded for it, and who waits hands over by
# itself
passes()
{
	passes_suite=$1
	shift
	suite_load "$@" || return 1
	counters_mark
	suite_cases "$passes_suite" && few_are_relieved && suite_rmmod
}

# The module is freed when modprobe returns. What it has detached is out by then.
failed_init_is_waited_for()
{
	modprobe scopex || return 1
	log_mark
	modprobe scopex_test_fails 2>/dev/null && return 1
	log_since_mark | expect_line 'scopex_test_fails: init fails' || return 1
	log_since_mark | tail -n 1 | expect_line 'scopex_test_fails: the item is released' ||
		return 1
	# Nor does it have anybody wait later.
	rmmod scopex
}

all_are_coming()
{
	[ "$(grep -c ' coming_fn ' "$SCOPEX/workers")" -eq 16 ]
}

# All counters are of modules that are being loaded, and whose items do not end. One that
# has no item left must not wait for these. (It would until they do.)
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
suite_run detach
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
