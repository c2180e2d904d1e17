#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# arrays of items, parallel loops, a function on each CPU
. "$(dirname "$0")/suite.sh"

counted()
{
	expect_counter "total.$1" -gt 0
}

# With no scope open, no worker is shown in an item or a loop.
all_have_left()
{
	expect "workers in a scope" "$(grep '^worker[0-9]*\.scope ' "$SCOPEX/counters")" = ""
}

# offers_of SUITE - run it, and say how many offers its loops have made
offers_of()
{
	echo 1 > "$SCOPEX/reset" && suite_cases "$1" >&2 || return
	sed -n 's/^total\.offers //p' "$SCOPEX/counters"
}

nobody_is_asked()
{
	expect "offers" "$(offers_of lone)" = 0
}

# Another task may come into one of the thousand loops, so that it lasts.
hardly_anybody_is_asked()
{
	expect "offers" "$(offers_of short)" -le 100
}

# Each offer was taken or withdrawn.
offers_are_settled()
{
	expect "helps and withdrawn offers" "$(sum_of 'total\.(helps|withdrawn)')" -eq \
		"$(sum_of 'total\.offers')"
}

ktap_plan 7
suite_load
suite_run loop
ktap_check "each offer is taken or withdrawn" offers_are_settled
ktap_check "helpers have left their loops" all_have_left
if [ "$(nproc)" -gt 1 ]; then
	ktap_check "helpers are counted" counted helps
else
	ktap_skip "helpers are counted" "needs two CPUs"
fi
ktap_check "a loop of one part asks nobody" nobody_is_asked
ktap_check "a short loop asks nobody" hardly_anybody_is_asked
suite_unload
ktap_finish
