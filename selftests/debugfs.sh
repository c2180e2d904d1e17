#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# what debugfs shows against what was really done: see kmod/tests/load.c
. "$(dirname "$0")/suite.sh"

counters_are_exact()
{
	bad=0
	expect_counter version = 1 || bad=1
	for who in cpu0 total; do
		expect_counter "$who.submitted" = 151 || bad=1
		expect_counter "$who.run" = 121 || bad=1
		expect_counter "$who.errors" = 20 || bad=1
		expect_counter "$who.cancelled" = 30 || bad=1
		expect_counter "$who.depth" = 0 || bad=1
		expect_counter "$who.depth_max" = 119 || bad=1
		expect_counter "$who.batches" = 4 || bad=1
	done
	expect_counter total.refused = 10 || bad=1
	# One at least, and no more than there were batches.
	wakeups=$(counter cpu0.wakeups)
	expect cpu0.wakeups "$wakeups" -ge 1 && expect cpu0.wakeups "$wakeups" -le 4 || bad=1
	expect_counter cpu0.sleeps -ge "$wakeups" || bad=1
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
	echo "$row" | expect_line ":$suite_pid .* held_scope() load\.c:[0-9]" &&
		expect_counter cpu0.depth = 5
}

# The test module can't be unloaded, nor scopex, which it uses: rmmod itself has to fail.
open_scope_pins_its_module()
{
	! rmmod scopex_test 2>/dev/null && ! rmmod scopex 2>/dev/null &&
		module_loaded scopex && module_loaded scopex_test
}

released_scope_is_gone()
{
	suite_release && expect "row of the scope" "$(held_row)" = "" &&
		expect_counter cpu0.depth = 0 && suite_succeeded hold
}

FILES="stats counters scopes tasks workers profile histograms config"

# No user but root may read or write any of the files.
files_are_for_root()
{
	for file in $FILES reset; do
		case $file in
		profile) mode=600 ;;
		reset) mode=200 ;;
		*) mode=400 ;;
		esac
		expect "mode of $file" "$(stat -c %a "$SCOPEX/$file")" = "$mode" || return 1
	done
	set -- "$SCOPEX"/*
	expect files $# -eq 9
}

# rows_of PLACE - the rows of the file "profile" that a place has
rows_of()
{
	grep " $1" "$SCOPEX/profile"
}

# expect_rows PLACE NUMBER
expect_rows()
{
	expect "rows of $1" "$(rows_of "$1" | wc -l)" = "$2"
}

# Nor a hash of one
files_show_no_address()
{
	for file in $FILES; do
		! tr -c '0-9a-z_' '\n' < "$SCOPEX/$file" |
			grep -E '^(0x[0-9a-f]{6,}|[0-9a-f]{12,16})$' | grep '[a-fx]' || return 1
	done
}

files_have_a_header()
{
	for file in $FILES; do
		head -n 1 "$SCOPEX/$file" | expect_line '^# .\|^version 1$' || return 1
	done
}

# Each line is a key, once, and a value.
keys_are_unique()
{
	awk 'NF < 2 || seen[$1]++ { print "# " $0; bad = 1 }
	     END { exit bad || NR < 20 }' "$SCOPEX/counters"
}

known_load()
{
	suite_cases load
}

reset()
{
	echo 1 > "$SCOPEX/reset"
}

counters_begin_anew()
{
	reset && expect_counter total.submitted = 0 && expect_counter total.refused = 0 && expect_counter cpu0.depth_max = 0 &&
		expect_counter cpu0.batches = 0 && known_load && counters_are_exact
}

switch_profile()
{
	echo "$1" > "$SCOPEX/profile" && expect_counter config.profile = "$1"
}

# The same figures as in counters_are_exact().
profile_is_exact()
{
	switch_profile 1 && reset && known_load && profile_agrees 121 20 30 || return 1
	# All of them were run by CPU 0. The owner may have closed its scope on another one.
	expect "CPUs with a profile" "$(grep -c '^cpu[0-9]*\.profile\.items ' "$SCOPEX/counters")" \
		-le 2 || return 1
	awk '$1 == 1 && $2 == 121 && $3 == 0 && $4 == 20 && $5 == 30 &&
	     / load known_load\(\) load\.c:[0-9]+, test_item_fn / { found++ }
	     END { exit found != 1 }' "$SCOPEX/profile" || return 1
	awk '/^load known_load\(\) / { on = 1; next }
	     /^$/ { on = 0 }
	     on && $1 == "<" { delay += $3; run += $4; scope += $5 }
	     END { exit delay != 121 || run != 121 || scope != 1 }' "$SCOPEX/histograms"
}

# An item that runs again is timed in each run, from its submit on.
rounds_are_profiled()
{
	switch_profile 1 && reset && echo rounds > "$SCOPEX_TEST/run" &&
		profile_agrees 300 0 0
}

# An item that waits for its turn, as its scope has a limit, is timed from then on.
limited_items_are_profiled()
{
	switch_profile 1 && reset && suite_cases options &&
		profile_agrees "$(counter total.run)" "$(counter total.errors)" \
			"$(counter total.cancelled)"
}

# The old measurements stay, and no new ones are added.
profile_is_off()
{
	switch_profile 0 && known_load && profile_agrees 121 20 30
}

# expect_of_sites NAME SUM - in the profile of all call sites
expect_of_sites()
{
	expect "$1 of all sites" "$(sum_of "site[0-9]+\\.profile\\.$1")" = "$2"
}

# An item that was submitted before the profile was on has no time.
profile_switched_on_late()
{
	reset
	suite_begin hold
	wait_for_held_scope && switch_profile 1 || return 1
	suite_release
	switch_profile 0 && expect_of_sites items 5 && expect_of_sites delay_log2 0 &&
		expect_of_sites run_log2 4 && expect_of_sites latency_log2 0
}

bad_input_is_refused()
{
	for text in 2 maybe ''; do
		! echo "$text" 2>/dev/null > "$SCOPEX/profile" || return 1
	done
	for text in 0 2 maybe; do
		! echo "$text" 2>/dev/null > "$SCOPEX/reset" || return 1
	done
	expect_counter config.profile = 0 && expect_counter total.run = 5
}

# More than 31 bits of ns
long_item_has_its_time()
{
	switch_profile 1 && reset
	long_begun=$(date +%s)
	suite_begin hold
	wait_for_held_scope || return 1
	sleep 3
	suite_release
	ktap_msg "$(rows_of 'held held_scope()')"
	rows_of 'held held_scope()' |
		awk -v most="$(($(date +%s) - long_begun + 1))" '
		$2 == 5 && $10 >= 3e9 && $10 <= most * 1e9 { found++ }
		END { exit found != 1 }' &&
		expect_of_sites run_log2 5 && switch_profile 0
}

# A row of "scopes" that begins with a regular expression
scope_row()
{
	grep -E "^$1" "$SCOPEX/scopes"
}

tree_is_there()
{
	[ "$(grep -Ec ' cancelled .*-(ENOSPC|28|ECANCELED|125) ' "$SCOPEX/scopes")" = 2 ]
}

tree_is_shown()
{
	wait_until 60 tree_is_there || return 1
	ktap_msg "$(cat "$SCOPEX/scopes")"
	# The second one is nested in the one above it.
	expect "names in the tree" \
		"$(sed -n '3s/ .*//p;4s/^\(  [a-z]*\) .*/\1/p' "$SCOPEX/scopes")" = "outer
  inner" || return 1
	scope_row 'outer  *1 .* cancelled .*:'"$suite_pid"' .* scope_tree\(\) load\.c:' |
		awk '$7 > 3000000 && $7 <= 3600000 && $8 == 0 { found = 1 }
		     END { exit !found }' || return 1
	scope_row '  inner  *1 .* cancelled .*scopex/0' |
		awk '$7 == "-" && $8 == 0 { found = 1 } END { exit !found }' || return 1
	expect "depths of scopes" \
		"$(sed -n 's/^scope[01]\.depth //p' "$SCOPEX/counters" | tr '\n' ' ')" = "0 1 "
}

# One runs the item at the gate, the one that has opened the scope is blocked.
workers_are_shown()
{
	ktap_msg "$(grep load.c "$SCOPEX/workers")"
	expect "workers in the inner scope" "$(grep -c '^ *0 scopex/0.* running .* test_item_fn .* inner branch_fn() load\.c:' \
		"$SCOPEX/workers")" = 1 &&
	expect "workers in the outer one" "$(grep -c '^ *0 scopex/0.* blocked .* branch_fn .* outer scope_tree() load\.c:' \
		"$SCOPEX/workers")" = 1 &&
	expect "workers on standby" "$(grep -c ' standby  *-' "$SCOPEX/workers")" -ge 2
}

# ages - how long the items run, as far as that is known
ages()
{
	sed -n 's/^worker[0-9]*\.ms //p' "$SCOPEX/counters" | sort -n
}

# How long an item runs is known exactly while it is measured; not so if it was begun
# before that.
age_is_exact()
{
	age=$(ages | head -n 1)
	sleep 2
	expect "ms more after 2 s" "$(($(ages | head -n 1) - age))" -ge 1900 &&
		expect "ages" "$(ages | wc -l)" = 2 &&
		switch_profile 0 && switch_profile 1 && expect "ages then" "$(ages)" = ""
}

# TEST_ODD of kmod/tests/test.h as it has to be in a column, and in "counters"
ODD='a\040b\012\033[1m<&"\134\377\043'
ODD_TEXT='a b\012\033[1m<&"\134\377#'

# Opens scopes with odd names, in a task that has one; that is in $odd_pid.
open_odd_scopes()
{
	(
		printf 'a b\n\033[1m<&"\\\377#' > /proc/self/comm
		echo odd > "$SCOPEX_TEST/run"
	) &
	odd_pid=$!
	wait_until 60 odd_scopes_are_open
}

odd_scopes_are_open()
{
	[ "$(grep -c ' nameless_fn() \| odd_fn' "$SCOPEX/scopes")" = 2 ]
}

# only_text - there is nothing in the files that is neither printable nor ends a line
only_text()
{
	for file in $FILES; do
		[ "$(LC_ALL=C tr -d '\n -~' < "$SCOPEX/$file" | wc -c)" = 0 ] && continue
		ktap_msg "$file: $(LC_ALL=C tr -c '\n -~' '?' < "$SCOPEX/$file" | grep -F '?')"
		return 1
	done
}

# has FILE LINE - there is such a line, or such an end of one
has()
{
	line=$2 awk '
	{ at = length($0) - length(ENVIRON["line"]) + 1 }
	at > 0 && substr($0, at) == ENVIRON["line"] { found = 1 }
	END { exit !found }' "$SCOPEX/$1" && return
	ktap_msg "$1 has no line $2"
	return 1
}

odd_names_are_escaped()
{
	switch_profile 1 && reset && open_odd_scopes || return 1
	only_text && keys_are_unique || return 1
	ktap_msg "$(cat "$SCOPEX/scopes")"
	# Each scope is a line, each column a word.
	expect "scopes of ten words" "$(sed 1,2d "$SCOPEX/scopes" | awk 'NF == 10' | wc -l)" = 2 &&
		expect "lines of scopes" "$(wc -l < "$SCOPEX/scopes")" = 4 || return 1
	name="odd\\040$ODD" owner="$ODD:$odd_pid" awk '
	$1 == ENVIRON["name"] && $5 == ENVIRON["owner"] { odd++ }
	$1 == "-" && $5 == ENVIRON["owner"] { nameless++ }
	END { exit odd != 1 || nameless != 1 }' "$SCOPEX/scopes" || return 1
	worker=$ODD awk '$2 == ENVIRON["worker"] && $4 == "running" { found++ }
		END { exit found != 1 }' "$SCOPEX/workers" || return 1
	has scopes "odd_fn\\040$ODD() odd.c\\040$ODD:1" &&
		has counters ".name odd $ODD_TEXT" && has counters ".name -" &&
		has counters ".owner $ODD_TEXT" && has counters ".name $ODD_TEXT" &&
		has counters ".place odd_fn\\040$ODD() odd.c\\040$ODD:1"
}

# They are in the profile when they have ended.
odd_names_are_profiled()
{
	echo 1 > "$SCOPEX_TEST/release"
	wait
	only_text && keys_are_unique &&
		has profile " odd\\040$ODD odd_fn\\040$ODD() odd.c\\040$ODD:1, test_item_fn [scopex_test]" &&
		has histograms "odd\\040$ODD odd_fn\\040$ODD() odd.c\\040$ODD:1" &&
		has histograms "- nameless_fn() nameless.c:1"
}

config_is_shown()
{
	suite_load nice=-5 standby=1 workers=9 stall_ms=1234 spin_us=7 || return 1
	ktap_msg "$(cat "$SCOPEX/config")"
	expect_line '^nice -5$' < "$SCOPEX/config" && expect_line '^standby 1$' < "$SCOPEX/config" &&
		expect_counter config.workers = 9 && expect_counter config.stall_ms = 1234 && expect_counter config.spin_us = 7 &&
		expect_counter config.profile = 0 &&
		expect_counter config.cpus = "$(cat /sys/devices/system/cpu/possible)" &&
		suite_rmmod
}

# At least that long, as the stall detector tells, which looks every 100 ms.
age_is_bounded()
{
	suite_load stall_ms=400 || return 1
	echo 'scopex_test: expect report "holds up CPU 0"' > /dev/kmsg
	suite_begin hold
	wait_for_held_scope
	wait_until 60 grep -q ' stalled  *>=[0-9][0-9][0-9]* test_item_fn' "$SCOPEX/workers"
	age_status=$?
	ktap_msg "$(grep test_item_fn "$SCOPEX/workers")"
	echo 'scopex_test: expected' > /dev/kmsg
	suite_release
	suite_rmmod && return "$age_status"
}

# Its profile goes on where it was.
module_comes_back()
{
	suite_load && switch_profile 1 && known_load && unload scopex_test &&
		expect_rows 'load known_load() load\.c:' 1 && load scopex_test &&
		known_load && expect_rows 'load known_load() load\.c:' 1 &&
		profile_agrees 242 40 60
}

# Call sites without room of their own are counted together as others.
more_sites_than_there_is_room_for()
{
	room=$((128 - $(grep -c '^site[0-9]*\.name ' "$SCOPEX/counters")))
	reset
	echo sites > "$SCOPEX_TEST/run" && profile_agrees 150 0 0 &&
		expect sites "$(grep -c '^site[0-9]*\.name place-' "$SCOPEX/counters")" = "$room" &&
		expect_counter site0.profile.items = "$((150 - room))" &&
		expect_rows 'place-0 many_sites() load\.c:' 1 && expect_rows 'place-149 ' 0 && suite_rmmod
}

# switch_on_without_memory N - with the Nth allocation failing
switch_on_without_memory()
{
	(
		exec 3> "$SCOPEX/profile"
		echo "$1" > /proc/self/fail-nth
		echo 1 >&3
	) 2>/dev/null
}

# That of the table, then that of each probe: it is off after that, or does without.
each_allocation_fails_once()
{
	refused=0
	! switch_on_without_memory 1 && expect_counter config.profile = 0 &&
		switch_profile 1 && switch_profile 0 || return 1
	for n in $(seq 30); do
		if switch_on_without_memory "$n"; then
			expect_counter config.profile = 1 && switch_profile 0 || return 1
		else
			expect_counter config.profile = 0 || return 1
			refused=$((refused + 1))
		fi
	done
	expect "refused of 30" "$refused" -ge 8
}

no_memory_is_told()
{
	suite_load
	read -r verbose < "$DEBUGFS/failslab/verbose"
	echo 0 > "$DEBUGFS/failslab/verbose"
	echo N > "$DEBUGFS/failslab/ignore-gfp-wait"
	each_allocation_fails_once
	status=$?
	echo Y > "$DEBUGFS/failslab/ignore-gfp-wait"
	echo "$verbose" > "$DEBUGFS/failslab/verbose"
	[ "$status" = 0 ] && profile_is_exact && suite_rmmod
}

ktap_plan 30
# Items are held for as long as it takes.
suite_load stall_ms=0
suite_run load
ktap_check "counters are exact" counters_are_exact
ktap_check "the table agrees with the counters" table_agrees
suite_begin hold
ktap_check "an open scope is listed" open_scope_is_listed
ktap_check "an open scope pins its module" open_scope_pins_its_module
ktap_check "files show no address" files_show_no_address
ktap_check "a scope that has ended is gone" released_scope_is_gone
ktap_check "files are for root" files_are_for_root
ktap_check "files have a header" files_have_a_header
ktap_check "after a reset, counters are exact again" counters_begin_anew
ktap_check "items that run again are profiled" rounds_are_profiled
ktap_check "items that wait for their turn are profiled" limited_items_are_profiled
ktap_check "the profile is exact" profile_is_exact
ktap_check "when it is off, the profile stays" profile_is_off
ktap_check "the profile is switched on while items wait" profile_switched_on_late
ktap_check "bad input is refused" bad_input_is_refused
ktap_check "an item of seconds has its whole time" long_item_has_its_time
switch_profile 1
suite_begin tree
ktap_check "scopes are shown as a tree" tree_is_shown
ktap_check "workers are shown with what they run" workers_are_shown
ktap_check "how long an item runs is known" age_is_exact
ktap_check "keys are unique" keys_are_unique
ktap_check "files show no address of what runs" files_show_no_address
suite_release
ktap_check "odd names break no line and no column" odd_names_are_escaped
ktap_check "nor in the profile" odd_names_are_profiled
suite_unload
ktap_check "the configuration is shown" config_is_shown
ktap_check "without a profile, there is a lower bound" age_is_bounded
ktap_check "a module that comes back has its profile" module_comes_back
ktap_check "more sites than there is room for" more_sites_than_there_is_room_for
if [ -d "$DEBUGFS/failslab" ]; then
	ktap_check "without memory, the profile stays off" no_memory_is_told
else
	ktap_skip "without memory, the profile stays off" "this kernel has no failslab"
fi
ktap_finish
