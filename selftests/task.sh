#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# tasks wait without a thread, and are woken
. "$(dirname "$0")/suite.sh"

reads_scopes()
{
	while cat "$SCOPEX/scopes" > /dev/null; do :; done
}

# A reader holds each scope for a moment, so it may be the one that wakes the task.
with_a_reader()
{
	reads_scopes &
	suite_cases task
	reader_result=$?
	kill $!
	wait
	return "$reader_result"
}

# task_rows - the rows of "tasks" that wait
task_rows()
{
	grep -cE '^waiting +[0-9]+ +[0-9]+ bell +test_task_fn \[scopex_test\]:[0-9]+ sleepers tasks_are_asleep\(\) task\.c:' \
		"$SCOPEX/tasks"
}

all_are_shown()
{
	[ "$(task_rows)" = 32 ]
}

tasks_are_shown()
{
	suite_begin asleep
	wait_until 60 all_are_shown
	shown=$?
	ktap_msg "$(head -4 "$SCOPEX/tasks")"
	left=$(grep -c '^# and more' "$SCOPEX/tasks")
	counted=$(grep -cx 'task[0-9]*\.for bell' "$SCOPEX/counters")
	suite_release
	[ "$shown" = 0 ] && expect "remarks that tasks are left out" "$left" = 1 &&
		expect "tasks among the counters" "$counted" = 32 &&
		expect "tasks in the end" "$(task_rows)" = 0
}

# The owner gives the queue to another worker by itself, and not only when the watchdog sees it.
serial_owner_hands_over()
{
	suite_load cpus=0 workers=2 standby=1 || return 1
	counters_mark
	suite_cases task_bound && expect_grown total.relieved -eq 0 && suite_rmmod
}

ktap_plan 6
suite_load
suite_run task
ktap_check "those that wait are shown" tasks_are_shown
ktap_check "a reader of debugfs does no harm" with_a_reader
suite_unload
ktap_check "tasks of a serial scope" suite_passes task_serial workers=1 standby=0
ktap_check "a serial scope of tasks lets the queue go" serial_owner_hands_over
ktap_finish
