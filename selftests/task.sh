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

ktap_plan 3
suite_load
suite_run task
ktap_check "a reader of debugfs does no harm" with_a_reader
suite_unload
ktap_finish
