#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# joining one item, limits, items that run again, leaving a block, times and places
. "$(dirname "$0")/suite.sh"

item_waits_for_its_turn()
{
	log_since_mark | grep -q "scopex_test: an item waits for its turn"
}

# The worker of the item that has its turn is shown in the scope; the worker of the item that
# waits is not, as another worker may run that item, and its scope may be gone. (Without
# injected delays that worker is in another item by then.)
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
