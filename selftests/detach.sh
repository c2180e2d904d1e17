#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# items that outlive who submits them
. "$(dirname "$0")/ktap.sh"
. "$(dirname "$0")/suite.sh"

# One is because of its scope, one is a copy; else it is out (twice), or ends, or runs, or
# its module goes.
refused_ones_are_counted()
{
	refused=$(grown total.refused)
	[ "$refused" -eq 7 ] && return
	ktap_msg "total.refused has grown by $refused, not 7"
	return 1
}

# passes SUITE [PARAMETER]... - with scopex loaded for it, and who waits hands over by
# itself
passes()
{
	passes_suite=$1
	shift
	suite_load "$@" || return 1
	counters_mark
	echo "$passes_suite" > "$SCOPEX_TEST/run" || return 1
	sed 's/^/# /' "$SCOPEX_TEST/results"
	grep -q '^ok ' "$SCOPEX_TEST/results" && ! grep -q '^not ok' "$SCOPEX_TEST/results" &&
		few_are_relieved && suite_rmmod
}

# The module is freed when modprobe returns. What it has detached is out by then.
failed_init_is_waited_for()
{
	modprobe scopex || return 1
	log_mark
	modprobe scopex_test_fails 2>/dev/null && return 1
	log_since_mark | grep -q 'scopex_test_fails: init fails' || return 1
	log_since_mark | tail -n 1 | grep -q 'scopex_test_fails: the item is released' ||
		return 1
	# Nor does it have anybody wait later.
	rmmod scopex
}

# All counters are of modules that are being loaded, and whose items do not end. One that
# has no item left must not wait for these. (It would until they do.)
init_fails_beside_others()
{
	suite_load || return 1
	beside_end=$(mktemp -u)
	echo coming > "$SCOPEX_TEST/run" &
	beside_pid=$!
	for _ in $(seq 300); do
		[ "$(grep -c ' coming_fn ' "$SCOPEX/workers")" -eq 16 ] && break
		pause
	done
	{
		modprobe scopex_test_fails 2>/dev/null
		: > "$beside_end"
	} &
	for _ in $(seq 100); do
		[ -e "$beside_end" ] && break
		pause
	done
	[ -e "$beside_end" ]
	beside_status=$?
	echo 1 > "$SCOPEX_TEST/release"
	wait "$beside_pid"
	wait
	rm -f "$beside_end"
	sed 's/^/# /' "$SCOPEX_TEST/results"
	grep -q '^ok ' "$SCOPEX_TEST/results" && suite_rmmod && return "$beside_status"
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
