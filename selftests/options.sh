#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# joining one item, limits, items that run again, leaving a block, times and places
. "$(dirname "$0")/suite.sh"

item_waits_for_its_turn()
{
	log_since_mark | grep -q "scopex_test: an item waits for its turn"
}

# The one that has its turn is in the scope, in a worker; the one that has to wait for it is
# in none, as it may be run elsewhere, and its scope be gone. (Without injected delays the
# worker has found something else to do by then.)
worker_leaves_what_waits()
{
	log_mark
	suite_begin turn
	wait_until 60 item_waits_for_its_turn
	turn_workers=$(grep ' taking_turns ' "$SCOPEX/workers")
	ktap_msg "$turn_workers"
	suite_release
	suite_succeeded turn &&
		expect "workers in taking_turns" "$(echo "$turn_workers" | wc -l)" -eq 1
}

ktap_plan 6
suite_load
suite_run options
suite_run again
suite_run leave
suite_run placed
ktap_check "the worker leaves the scope of an item that waits for its turn" \
	worker_leaves_what_waits
suite_unload
ktap_finish
