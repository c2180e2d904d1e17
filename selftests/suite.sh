#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs suites of scopex_test.ko and shows their results, nested in the caller's:
#
#	. "$(dirname "$0")/suite.sh"
#	ktap_plan 2
#	suite_load
#	suite_run api
#	suite_unload		# a result too
#	ktap_finish
. "$(dirname "$0")/ktap.sh"
. "$(dirname "$0")/load.sh"

DEBUGFS=/sys/kernel/debug
SCOPEX=$DEBUGFS/scopex
SCOPEX_TEST=$DEBUGFS/scopex_test

# The modules with injected delays, which modprobe must not find.
INJECT_DIR=${SCOPEX_INJECT_DIR:-/lib/modules/$(uname -r)/extra-inject}

suite_is_root()
{
	[ "$(id -u)" -eq 0 ] || ktap_skip_all "needs root"
	grep -q " $DEBUGFS debugfs " /proc/mounts ||
		mount -t debugfs debugfs "$DEBUGFS"
}

# suite_need MODULE [PARAMETER]... - load it, or end the script with a failure
suite_need()
{
	ktap_head
	load "$@" && return
	ktap_not_ok "load $*"
	exit "$KSFT_FAIL"
}

# suite_load [PARAMETER]... - load scopex, with its parameters, and the tests
suite_load()
{
	suite_is_root
	suite_need scopex "$@"
	suite_need scopex_test
}

# suite_load_injected [PARAMETER]... - the same with the modules that have injected delays
suite_load_injected()
{
	suite_is_root
	[ -f "$INJECT_DIR/scopex.ko" ] ||
		ktap_skip_all "no modules with injected delays in $INJECT_DIR"
	suite_need "$INJECT_DIR/scopex.ko" "$@"
	suite_need "$INJECT_DIR/scopex_test.ko"
}

# suite_open_files - what the suite "file" needs: a FIFO that is open for both directions under the
# number 7; and where there is networking, the loopback device
suite_open_files()
{
	suite_fifo=/tmp/scopex-fifo.$$
	mkfifo "$suite_fifo" && exec 7<>"$suite_fifo"
	rm -f "$suite_fifo"
	ip link set lo up 2>/dev/null
}

# suite_run SUITE - run it; one result, with the cases nested; skipped if each case is
suite_run()
{
	if ! echo "$1" > "$SCOPEX_TEST/run"; then
		ktap_msg "can't run suite $1"
		ktap_not_ok "$1"
		return
	fi
	sed 's/^/  /' "$SCOPEX_TEST/results"

	suite_plan=$(sed -n 's/^1\.\.//p' "$SCOPEX_TEST/results")
	suite_ok=$(grep -c '^ok ' "$SCOPEX_TEST/results")
	suite_skips=$(grep -c '^ok .* # SKIP ' "$SCOPEX_TEST/results")
	if [ "${suite_plan:-0}" -eq 0 ] || [ "$suite_ok" -ne "$suite_plan" ]; then
		ktap_not_ok "$1"
	elif [ "$suite_skips" -lt "$suite_plan" ]; then
		ktap_ok "$1"
	else
		ktap_skip "$1" "$(sed -n 's/^ok .* # SKIP //p' "$SCOPEX_TEST/results" | head -n 1)"
	fi
}

suite_rmmod()
{
	unload scopex_test scopex
}

# suite_unload - unload what suite_load has loaded; one result
suite_unload()
{
	ktap_check "modules unload" suite_rmmod
}

WARNINGS=

# suite_only [PARAMETER]... - a whole script: load scopex with these, run the suite that has the
# script's name, unload. With WARNINGS=must, the suite expects warnings, which name the culprit;
# with WARNINGS=may, it does so where the kernel has what it takes.
suite_only()
{
	ktap_plan "$([ "$WARNINGS" ] && echo 3 || echo 2)"
	suite_load "$@"
	log_mark
	suite_run "$(basename "$0" .sh)"
	if [ "$WARNINGS" = may ] && ! log_since_mark | grep -q 'scopex_test: expect "'; then
		ktap_skip "warnings name the culprit" "none are expected here"
	elif [ "$WARNINGS" ]; then
		ktap_check "warnings name the culprit" warnings_name_the_culprit
	fi
	suite_unload
	ktap_finish
}

# suite_cases SUITE - run it as part of a check; true if a case passed and none failed
suite_cases()
{
	echo "$1" > "$SCOPEX_TEST/run" && suite_succeeded "$1"
}

# suite_succeeded SUITE - show the results of its last run; true as for suite_cases
suite_succeeded()
{
	sed 's/^/# /' "$SCOPEX_TEST/results"
	expect "suite $1: cases that passed" "$(grep -c '^ok ' "$SCOPEX_TEST/results")" -gt 0 &&
		expect "suite $1: cases that failed" \
			"$(grep -c '^not ok ' "$SCOPEX_TEST/results")" -eq 0
}

# suite_passes SUITE [PARAMETER]... - load scopex with these, suite_cases, unload
suite_passes()
{
	suite_name=$1
	shift
	suite_load "$@" && suite_cases "$suite_name" && suite_rmmod
}

# suite_passes_injected SUITE [PARAMETER]... - the same with injected delays, if there are
suite_passes_injected()
{
	suite_name=$1
	shift
	if [ -f "$INJECT_DIR/scopex.ko" ]; then
		suite_load_injected "$@"
	else
		suite_load "$@"
	fi
	suite_cases "$suite_name" && suite_rmmod
}

# suite_begin SUITE - run a suite that waits until it is released, in the background
suite_begin()
{
	echo "$1" > "$SCOPEX_TEST/run" &
	suite_pid=$!
}

# suite_release - let the suite of suite_begin end, and wait for it
suite_release()
{
	echo 1 > "$SCOPEX_TEST/release"
	wait "$suite_pid"
}

# log_mark - begin to look at the kernel log here
log_mark()
{
	echo "scopex_test: $0 $$ looks at the log" > /dev/kmsg
}

# log_since_mark - the kernel log since the last log_mark
log_since_mark()
{
	dmesg | awk -v mark="scopex_test: $0 $$ looks at the log" '
	index($0, mark) { n = 0; next }
	{ line[n++] = $0 }
	END { for (i = 0; i < n; i++) print line[i] }'
}

# warnings_name_the_culprit - each EXPECT_WARNING() since the last log_mark had its
# warning
warnings_name_the_culprit()
{
	suite_said=$(log_since_mark | awk -f "$(dirname "$0")/warnings.awk")
	suite_status=$?
	ktap_msg "$suite_said"
	return "$suite_status"
}

# counter NAME - a value of the file "counters"
counter()
{
	sed -n "s/^$1 //p" "$SCOPEX/counters"
}

# expect_counter NAME OPERATOR WANT
expect_counter()
{
	expect "$1" "$(counter "$1")" "$2" "$3"
}

# expect_grown NAME OPERATOR WANT - since the last counters_mark
expect_grown()
{
	expect "growth of $1" "$(grown "$1")" "$2" "$3"
}

# counters_mark - begin to count here
counters_mark()
{
	suite_counters=$(cat "$SCOPEX/counters")
}

# grown NAME - by how much a counter has grown since the last counters_mark
grown()
{
	echo $(($(counter "$1") - $(echo "$suite_counters" | sed -n "s/^$1 //p")))
}

# few_are_relieved - since the last counters_mark: items that wait have handed over by
# themselves, and have not left it to the watchdog
few_are_relieved()
{
	suite_relieved=$(grown total.relieved)
	[ "$suite_relieved" -lt 20 ] && return
	ktap_msg "$suite_relieved workers were relieved by the watchdog"
	return 1
}

# sum_of REGEX - of all values of the counters whose name matches
sum_of()
{
	awk -v regex="^($1)\$" '
	$1 ~ regex { for (i = 2; i <= NF; i++) sum += $i }
	END { printf "%.0f\n", sum }' "$SCOPEX/counters"
}

# profile_agrees ITEMS ERRORS CANCELLED - that many in the profile, of the call sites and
# of the CPUs, and a time of each
profile_agrees()
{
	bad=0
	for who in site cpu; do
		for pair in "items:$1" "errors:$2" "cancelled:$3"; do
			found=$(sum_of "${who}[0-9]+\\.profile\\.${pair%:*}")
			expect "$who: ${pair%:*}" "$found" = "${pair#*:}" || bad=1
		done
		found=$(sum_of "${who}[0-9]+\\.profile\\.delay_log2")
		expect "$who: delays" "$found" = "$1" || bad=1
		found=$(sum_of "${who}[0-9]+\\.profile\\.run_log2")
		chunks=$(sum_of "${who}[0-9]+\\.profile\\.chunks")
		expect "$who: run times of items and $chunks chunks" "$found" = "$(($1 + chunks))" ||
			bad=1
	done
	return "$bad"
}

# held_row - the row of the scope that the suite "hold" keeps open
held_row()
{
	grep '^held ' "$SCOPEX/scopes"
}

held_scope_waits()
{
	held_row | awk '$2 == 5 && $4 == "open" { found = 1 } END { exit !found }'
}

wait_for_held_scope()
{
	wait_until 60 held_scope_waits
}
