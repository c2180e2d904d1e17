#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# items that wait: with workers enough, and with too few
. "$(dirname "$0")/suite.sh"

# NAME of the counters has counted anything
counted()
{
	expect_counter "total.$1" -gt 0
}

# More often than there can be workers: see hand_over_again_and_again(), which comes
# after scopes_without_items().
handed_over_again()
{
	expect_counter total.handoffs -gt $((64 * $(nproc)))
}

# The pool never has more workers than that, but more than at the start.
no_more_than()
{
	expect_counter cpu0.workers -gt "$1" && expect_counter cpu0.workers -le "$2"
}

# Scopes that can't have a worker are serial; items that block are counted.
runs_at_the_bound()
{
	suite_load "$@" && suite_cases bound && counted serials && suite_rmmod
}

ktap_plan 10
suite_load
suite_run nest
ktap_check "hand-overs are counted" counted handoffs
ktap_check "workers stand by again" handed_over_again
ktap_check "more workers are made" no_more_than 3 64
counters_mark
suite_run prompt
ktap_check "who waits hands over by itself" few_are_relieved
suite_unload
ktap_check "with one worker, and none on standby" \
	runs_at_the_bound workers=1 standby=0
ktap_check "with two workers" runs_at_the_bound workers=2 standby=1
ktap_check "with five workers" runs_at_the_bound workers=5 standby=4
ktap_finish
