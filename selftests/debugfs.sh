#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# what debugfs shows against what was really done: see kmod/tests/load.c
. "$(dirname "$0")/ktap.sh"
. "$(dirname "$0")/suite.sh"

# is NAME VALUE - compare a counter
is()
{
	is_now=$(counter "$1")
	[ "$is_now" = "$2" ] && return
	ktap_msg "$1 is $is_now, not $2"
	return 1
}

counters_are_exact()
{
	bad=0
	is version 1 || bad=1
	for who in cpu0 total; do
		is "$who.submitted" 151 || bad=1
		is "$who.run" 121 || bad=1
		is "$who.errors" 20 || bad=1
		is "$who.cancelled" 30 || bad=1
		is "$who.depth" 0 || bad=1
		is "$who.depth_max" 119 || bad=1
		is "$who.batches" 4 || bad=1
	done
	is total.refused 10 || bad=1
	# One at least, and no more than there were batches.
	wakeups=$(counter cpu0.wakeups)
	[ "$wakeups" -ge 1 ] && [ "$wakeups" -le 4 ] || bad=1
	[ "$(counter cpu0.sleeps)" -ge "$wakeups" ] || bad=1
	return "$bad"
}

# The table has the same figures, by the names in its header.
table_agrees()
{
	awk '
	FILENAME ~ /counters$/ { counter[$1] = $2; next }
	/^ *cpu / { for (i = 1; i <= NF; i++) name[i] = $i; next }
	/^ *[0-9]/ || /^total/ {
		who = $1 == "total" ? "total" : "cpu" $1
		shift = $1 == "total" ? 1 : 0
		rows++
		for (i = 3; i <= 12; i++) {
			key = who "." name[i]
			# Workers go to sleep while this reads.
			if (name[i] == "sleeps")
				continue
			if (counter[key] != $(i - shift)) {
				print "# " key, counter[key], $(i - shift)
				bad = 1
			}
		}
	}
	END { exit bad || rows < 2 }
	' "$SCOPEX/counters" "$SCOPEX/stats"
}

open_scope_is_listed()
{
	wait_for_held_scope || return 1
	row=$(held_row)
	ktap_msg "$row"
	echo "$row" | grep -q ":$hold_pid .* held_scope() load\.c:[0-9]" || return 1
	is cpu0.depth 5 || return 1
}

# Its module can't go, nor the one that it uses.
open_scope_pins_its_module()
{
	! rmmod scopex_test 2>/dev/null && ! rmmod scopex 2>/dev/null &&
		module_loaded scopex && module_loaded scopex_test
}

released_scope_is_gone()
{
	echo 1 > "$SCOPEX_TEST/release"
	wait "$hold_pid" || return 1
	! held_row && is cpu0.depth 0 && grep -q '^ok 1 ' "$SCOPEX_TEST/results"
}

files_are_for_root()
{
	for file in "$SCOPEX/stats" "$SCOPEX/counters" "$SCOPEX/scopes"; do
		[ "$(stat -c %a "$file")" = 400 ] || return 1
	done
}

files_show_no_address()
{
	! grep -E '[0-9a-f]{12}' "$SCOPEX/stats" "$SCOPEX/counters" \
		"$SCOPEX/scopes"
}

ktap_plan 9
suite_load
suite_run load
ktap_check "counters are exact" counters_are_exact
ktap_check "the table agrees with the counters" table_agrees
echo hold > "$SCOPEX_TEST/run" &
hold_pid=$!
ktap_check "an open scope is listed" open_scope_is_listed
ktap_check "an open scope pins its module" open_scope_pins_its_module
ktap_check "files show no address" files_show_no_address
ktap_check "a scope that has ended is gone" released_scope_is_gone
ktap_check "files are for root" files_are_for_root
suite_unload
ktap_finish
