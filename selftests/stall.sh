#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# an item that holds up its CPU: reported once, counted, or not looked for
. "$(dirname "$0")/suite.sh"

# The item of the suite "hold" sleeps until it is released, without saying so.
hold()
{
	suite_load "$@" || return 1
	# The detector has looked at the worker before, and found it idle; but not just now, as a
	# look at the beginning of the item would look like one inside it.
	sleep 0.75
	log_mark
	suite_begin hold
}

stalled()
{
	[ "$(counter total.stalls)" -ne 0 ]
}

# A stall is seen sooner or later; a minute is for the slowest of machines.
until_stalled()
{
	wait_until 60 stalled
}

is_reported()
{
	echo 'scopex_test: expect report "holds up CPU 0"' > /dev/kmsg
	hold stall_ms=2000 && until_stalled || return 1
	echo 'scopex_test: expected' > /dev/kmsg
	log_since_mark | expect_line 'scopex: item test_item_fn .*scope held of held_scope() holds up CPU 0 for more than 2000 ms, in task scopex/0'
}

# The report is true: by the clock of the log, the item began so long before. (Less a tick,
# the unit of the threshold.)
report_is_true()
{
	log_since_mark | sed -n 's/^\[ *\([0-9.]*\)\] scopex.*\(run hold\|holds up\).*/\1/p' |
		awk 'NR == 1 { begun = $1 }
		     NR == 2 { print "# reported after", $1 - begun; exit $1 - begun < 1.97 }
		     END { if (NR < 2) exit 1 }'
}

# Some thresholds later
is_reported_once()
{
	sleep 5
	expect_counter total.stalls -eq 1 && expect_counter cpu0.stalls -eq 1
}

# Looked at every 4 s, and held for less than a threshold
is_not_reported_early()
{
	hold stall_ms=16000 || return 1
	sleep 9
	expect_counter total.stalls -eq 0 && suite_release && suite_rmmod
}

# A release function does not belong to the item: it is shown by its own name.
release_is_reported()
{
	suite_load stall_ms=1000 || return 1
	echo 'scopex_test: expect report "holds up CPU"' > /dev/kmsg
	log_mark
	suite_begin lingers
	until_stalled || return 1
	row=$(grep lingering_release "$SCOPEX/workers")
	echo 'scopex_test: expected' > /dev/kmsg
	suite_release
	log_since_mark | expect_line 'scopex: item lingering_release .*scope release of scopex_detached_end() holds up CPU' &&
		echo "$row" | expect_line ' stalled .* lingering_release .* release scopex_detached_end() detached\.c:' &&
		suite_rmmod
}

# A worker that is made while an item waits has not been looked at before.
new_worker_is_no_stall()
{
	suite_load stall_ms=16000 standby=0 || return 1
	suite_cases fresh || return 1
	expect_counter total.stalls -eq 0 && suite_rmmod
}

is_not_looked_for()
{
	hold stall_ms=0 || return 1
	sleep 1
	expect_counter total.stalls -eq 0 && suite_release && suite_rmmod
}

# TEST_ODD of kmod/tests/test.h, as it is shown
ODD='a b\012\033[1m<&"\134\377#'

# odd_name_is_escaped SUITE TEXT - is it in the report?
odd_name_is_escaped()
{
	echo 'scopex_test: expect report "holds up CPU 0"' > /dev/kmsg
	suite_load stall_ms=400 || return 1
	log_mark
	suite_begin "$1"
	until_stalled || return 1
	echo 'scopex_test: expected' > /dev/kmsg
	suite_release && suite_rmmod || return 1
	log_since_mark | grep -qF "$2" && return
	ktap_msg "expected in the log: $2"
	ktap_msg "got: $(log_since_mark | grep 'holds up')"
	return 1
}

ktap_plan 11
ktap_check "a worker that is new is no stall" new_worker_is_no_stall
ktap_check "an item that stalls is reported" is_reported
ktap_check "not before its time" report_is_true
ktap_check "once" is_reported_once
ktap_check "it goes on when it is released" suite_release
suite_unload
ktap_check "a release function that stalls is reported" release_is_reported
ktap_check "an item that ends in time is no stall" is_not_reported_early
ktap_check "stall_ms=0 turns that off" is_not_looked_for
ktap_check "an odd name of a task is escaped" odd_name_is_escaped odd \
	"of nameless_fn() holds up CPU 0 for more than 400 ms, in task $ODD:"
ktap_check "odd names of a scope and a function are, too" odd_name_is_escaped odd_hold \
	"of scope odd $ODD of odd_fn $ODD() holds up CPU 0"
ktap_finish
