#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# a slow or stuck fan-out is found in the way that kmod/tools/README.md says
. "$(dirname "$0")/suite.sh"

# profiled SUITE - run it while it is measured
profiled()
{
	echo 1 > "$SCOPEX/profile" && echo 1 > "$SCOPEX/reset" &&
		suite_cases "$1"
}

# column NAME ROW - of the file "profile", in the row that ends with the regex ROW
column()
{
	awk -v name="$1" -v row=" $2$" '
	/^ *scopes / { for (i = 1; i <= NF; i++) if ($i == name) n = i }
	$0 ~ row { print $n }' "$SCOPEX/profile"
}

# One item took 50 ms, and longer than any other: it is named, and in the histogram.
slow_item_is_found()
{
	profiled slow || return 1
	row='planted_slow slow_item[(][)] plant[.]c:[0-9]+, planted_slow_fn .scopex_test.'
	ktap_msg "$(grep planted_slow "$SCOPEX/profile")"
	expect "items of slow_item" "$(column items "$row")" = 65 &&
		expect "its run_max" "$(column run_max "$row")" -ge 50000000 &&
		awk '/^planted_slow slow_item/ { on = 1; next }
		     /^$/ { on = 0 }
		     on && $1 == "<" { all += $4; if ($2 > 50000000) slow += $4 }
		     END { exit all != 65 || slow < 1 }' "$SCOPEX/histograms"
}

# All items were run by one CPU.
convoy_is_found()
{
	profiled convoy || return 1
	ktap_msg "$(sed -n '/ cpu$/,$p' "$SCOPEX/profile")"
	expect "items of CPU 0" "$(column items 0)" = 64 &&
		expect "items of all CPUs" "$(sum_of 'cpu[0-9]+\.profile\.items')" = 64 &&
		expect "items of convoy" \
			"$(column items 'planted_convoy convoy[(][)] plant[.]c:[0-9]+, planted_fn .*')" = 64
}

# An item that never returns is shown on its CPU, with other items behind it.
stuck_item_is_found()
{
	echo 1 > "$SCOPEX/profile"
	suite_begin hold
	wait_for_held_scope || return 1
	ktap_msg "$(held_row)"
	ktap_msg "$(grep ' held ' "$SCOPEX/workers")"
	found=0
	held_row | awk '$2 == 5 && $8 == 0 { found = 1 } END { exit !found }' || found=1
	expect_line ' running .* test_item_fn .* held held_scope() load\.c:' < "$SCOPEX/workers" ||
		found=1
	expect_counter cpu0.depth = 5 || found=1
	suite_release
	return "$found"
}

ktap_plan 4
# An item is held for as long as it takes.
suite_load stall_ms=0
ktap_check "a slow item is found" slow_item_is_found
ktap_check "a convoy is found" convoy_is_found
ktap_check "an item that is stuck is found" stuck_item_is_found
suite_unload
ktap_finish
