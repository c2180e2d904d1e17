#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# isolated CPUs get the items that name them, and no others
. "$(dirname "$0")/suite.sh"

# cpus_in FILE - the numbers in a list of CPUs as 1,3-5, one a line
cpus_in()
{
	tr ',' '\n' < "$1" | awk -F - '/^[0-9]/ { for (i = $1; i <= $NF; i++) print i }'
}

# isolated_cpus - those that the kernel's command line isolates
isolated_cpus()
{
	for file in isolated nohz_full; do
		file=/sys/devices/system/cpu/$file
		[ ! -r "$file" ] || cpus_in "$file"
	done | sort -nu
}

# got_items CPU... - each of these has been given or has stolen an item, or has helped with a loop
got_items()
{
	for cpu; do
		ktap_msg "CPU $cpu: $(grown "cpu$cpu.submitted") items, $(grown "cpu$cpu.helps") helps," \
			"$(grown "cpu$cpu.steals") steals"
		[ "$(grown "cpu$cpu.submitted")" -gt 0 ] || [ "$(grown "cpu$cpu.helps")" -gt 0 ] ||
			[ "$(grown "cpu$cpu.steals")" -gt 0 ] || return 1
	done
}

got_nothing()
{
	for cpu; do
		! got_items "$cpu" || return 1
	done
}

# runs SUITE - run it, and count anew
runs()
{
	counters_mark
	suite_cases "$1"
}

# shellcheck disable=SC2086 # words
what_names_no_cpu()
{
	runs anywhere && got_nothing $isolated && got_items $others &&
		counter config.ring_cpus > "$work" &&
		expect config.ring_cpus "$(cpus_in "$work")" = "$others"
}

# shellcheck disable=SC2086 # words
what_names_a_cpu()
{
	runs named && got_items $isolated $others
}

is_in_the_log()
{
	suite_rmmod || return 1
	log_mark
	suite_load && log_since_mark | expect_line 'scopex: what names no CPU goes to CPUs '
}

# shellcheck disable=SC2086 # words
cpus_overrides()
{
	suite_load cpus="$(cat /sys/devices/system/cpu/online)" &&
		runs anywhere && got_items $isolated $others && suite_rmmod
}

suite_is_root
isolated=$(isolated_cpus)
[ -n "$isolated" ] || ktap_skip_all "no CPU is isolated"
work=$(mktemp)
trap 'rm -f "$work"' EXIT
others=$(cpus_in /sys/devices/system/cpu/online | grep -vxF "$isolated")
ktap_plan 5
suite_load
ktap_check "what names no CPU goes to the others" what_names_no_cpu
ktap_check "what names one goes there" what_names_a_cpu
ktap_check "the log says so" is_in_the_log
suite_unload
ktap_check "cpus= overrides" cpus_overrides
ktap_finish
