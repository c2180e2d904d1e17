#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# the workers of a CPU: many that are needed at once, none to be had, some that die
. "$(dirname "$0")/suite.sh"

# More than the 40 that waited at the same time, and no more than there may be
as_many_as_needed()
{
	expect_counter cpu0.workers -gt 40 && expect_counter cpu0.workers -le 64
}

# The items of crowds() on each CPU, a helper, and a release function
each_was_relieved()
{
	expect_grown total.relieved -ge $((66 * $(nproc) + 2))
}

has_not_grown()
{
	expect_grown "total.$1" -eq 0
}

never_serial_without_standby()
{
	suite_load standby=0 || return 1
	counters_mark
	suite_cases senders && has_not_grown serials && suite_rmmod
}

# in_log REGEX - how often since the last log_mark
in_log()
{
	log_since_mark | grep -Ec "$1"
}

is_in_log()
{
	[ "$(in_log "$1")" -ne 0 ]
}

# expect_in_log REGEX TIMES
expect_in_log()
{
	expect "lines of the log like \"$1\"" "$(in_log "$1")" -eq "$2"
}

# until_in_log REGEX - within 8 s; after 12 s the kernel panics on a mutant's hung task
until_in_log()
{
	wait_until 8 is_in_log "$1"
}

WAITS='scopex: the queue of CPU [0-9]+ waits'
HOLDERS='scopex: the queue of CPU 0 waits, as its workers=4 are all in items that wait: 4 in holds_worker_fn .*of scope full of queue_waits_for_a_worker\(\)$'

# A burst at the bound, which the log reports
burst_is_told()
{
	log_mark
	suite_begin full
	until_in_log "$HOLDERS"
	told=$?
	# Until the watchdog has looked again.
	sleep 0.5
	suite_release
	suite_succeeded full && [ "$told" -eq 0 ]
}

bound_is_told_once()
{
	suite_load workers=4 standby=1 && burst_is_told &&
		expect_in_log "$WAITS" 1 && suite_rmmod
}

# Although it begins soon after the shortage that was reported
later_burst_is_told_too()
{
	suite_load workers=4 standby=1 stall_ms=3000 && burst_is_told && burst_is_told &&
		suite_rmmod
}

# Each serial scope is counted, logged, and in the profile. An item keeps its start while its
# worker runs the items of a serial scope, or a loop, so each item and each chunk has a time.
serial_is_told()
{
	suite_load "$@" || return 1
	log_mark
	echo 1 > "$SCOPEX/profile"
	suite_cases serial || return 1
	serials=$(counter total.serials)
	site=$(sed -n 's/^\(site[0-9]*\)\.name at_the_bound$/\1/p' "$SCOPEX/counters")
	ktap_msg "serial: $serials, of $site: $(counter "$site.profile.serial")"
	# In a suite of three cases the outermost one is so once for each.
	expect_counter "$site.profile.serial" -eq 3 &&
		expect "serial in all profiles" \
			"$(sum_of 'site[0-9]+\.profile\.serial')" -eq "$serials" &&
		expect "times of items and chunks" \
			"$(sum_of 'site[0-9]+\.profile\.run_log2')" -eq \
			"$(sum_of 'site[0-9]+\.profile\.(items|chunks)')" &&
		expect_in_log 'scope at_the_bound of bound_fn\(\) is serial: no worker to be had on CPU' 3 &&
		expect_in_log 'scope never_serial of rather_fails\(\) is refused: .* it must not be serial' 1 &&
		no_queue_is_left && warnings_name_the_culprit && suite_rmmod
}

# An owner hands its queue over for a wait only if another worker is reserved, and for a serial
# scope only when an item of it runs again.
no_queue_is_left()
{
	expect_counter total.serials -gt 0 && expect_counter total.unhanded -eq 0
}

# dead_do_not_count SUITE PARAMETER...
dead_do_not_count()
{
	log_mark
	suite_passes "$@" || return 1
	! log_since_mark | grep -q 'scopex_test: expect "' || warnings_name_the_culprit
}

NEWCOMERS='scopex: .* waits for scope .* as items are still submitted to it'

# endless_join_is_told_once SUITE FUNCTION
endless_join_is_told_once()
{
	suite_load stall_ms=1000 || return 1
	log_mark
	suite_begin "$1"
	until_in_log "$NEWCOMERS"
	told=$?
	[ "$told" -ne 0 ] || sleep 1.5
	suite_release
	suite_succeeded "$1" && [ "$told" -eq 0 ] && expect_in_log "$NEWCOMERS" 1 &&
		expect_in_log "waits for scope endless of $2\(\) for more than 1000 ms" 1 &&
		suite_rmmod
}

no_join_is_looked_for()
{
	suite_load stall_ms=0 || return 1
	log_mark
	suite_begin chain
	sleep 2
	suite_release
	suite_succeeded chain && expect_in_log "$NEWCOMERS" 0 && suite_rmmod
}

finite_joins_are_not_told()
{
	log_mark
	suite_passes finite stall_ms=400 && suite_passes newcomer stall_ms=1000 &&
		expect_in_log "$NEWCOMERS" 0
}

ktap_plan 34
suite_load
suite_run crowd
ktap_check "as many workers are made as are needed" as_many_as_needed
counters_mark
suite_run senders
ktap_check "no scope is serial meanwhile" has_not_grown serials
suite_unload
suite_load
counters_mark
suite_run sleepers
ktap_check "each that slept is counted" each_was_relieved
counters_mark
suite_run awake
ktap_check "no other one is" has_not_grown relieved
suite_unload
ktap_check "none on standby, many that wait" suite_passes crowd standby=0
ktap_check "none on standby, and no scope is serial" never_serial_without_standby
ktap_check "the log names who holds all workers, once" bound_is_told_once
ktap_check "and again if that was another time" later_burst_is_told_too
ktap_check "a scope with one worker" serial_is_told workers=1 standby=0
ktap_check "a scope with two workers" serial_is_told workers=2 standby=1
ktap_check "a scope with five workers" serial_is_told workers=5 standby=2
ktap_check "items of a serial scope that run again" suite_passes again_serial workers=1 standby=0
ktap_check "and a worker that can have the queue, or a turn" suite_passes again_bound \
	cpus=0 workers=2 standby=1
ktap_check "an owner whose CPU is offline" suite_passes away workers=1 standby=0
ktap_check "a scope in the reclaim of memory" suite_passes reclaim standby=0
ktap_check "workers that can't be made" suite_passes_injected unmade standby=0
ktap_check "races about an unserved queue" suite_passes_injected unserved workers=3 standby=2
ktap_check "a scope beside an unserved queue, at the bound" suite_passes beside cpus=0 workers=2 standby=1
ktap_check "an item that comes late to a serial scope" suite_passes_injected late workers=1 standby=0
ktap_check "a worker that dies leaves room for another one" dead_do_not_count mortal workers=1 standby=0
ktap_check "one that dies at the bound does, too" dead_do_not_count mourned workers=2 standby=1
ktap_check "a scope that is opened as the bound is reached" suite_passes tight workers=8 standby=0
ktap_check "each CPU, if one has no worker" suite_passes partial cpus=0
ktap_check "a join that newcomers keep from ending is told once" endless_join_is_told_once \
	endless join_that_newcomers_keep
ktap_check "a join that a chain of items keeps from ending is, too" endless_join_is_told_once \
	chain join_that_a_chain_keeps
ktap_check "one that is looked at after other scopes is, too" endless_join_is_told_once \
	among waits_for_chain_fn
ktap_check "no other join is" finite_joins_are_not_told
ktap_check "with stall_ms=0 none is" no_join_is_looked_for
ktap_finish
