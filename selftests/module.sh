#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# load, unload, parameters
. "$(dirname "$0")/ktap.sh"
. "$(dirname "$0")/suite.sh"

# worker_pids - the PIDs of the workers
worker_pids()
{
	grep -ls '^scopex/' /proc/[0-9]*/comm | sed 's|/proc/||; s|/comm||'
}

loads_and_unloads()
{
	for _ in $(seq 20); do
		modprobe scopex || return 1
		[ "$(worker_pids | wc -l)" -eq $((3 * $(nproc))) ] || return 1
		rmmod scopex || return 1
		[ -z "$(worker_pids)" ] || return 1
	done
	[ ! -d "$SCOPEX" ]
}

# The same with items run in between, so that there is something to drain.
unloads_after_work()
{
	for _ in $(seq 5); do
		modprobe scopex && modprobe scopex_test || return 1
		echo load > "$SCOPEX_TEST/run" || return 1
		suite_rmmod || return 1
	done
}

refused_while_used()
{
	modprobe scopex && modprobe scopex_test || return 1
	! rmmod scopex 2>/dev/null && module_loaded scopex && suite_rmmod
}

workers_are_pinned()
{
	modprobe scopex || return 1
	for pid in $(worker_pids); do
		cpu=$(sed 's|scopex/||; s|:.*||' "/proc/$pid/comm")
		grep -q "^Cpus_allowed_list:	$cpu\$" "/proc/$pid/status" ||
			return 1
	done
	rmmod scopex
}

# bad_parameter PARAMETER TEXT - the module must not load, and say why
bad_parameter()
{
	log_mark
	if modprobe scopex "$1" 2>/dev/null; then
		rmmod scopex
		return 1
	fi
	log_since_mark | grep -q "scopex: .*$2" && [ -z "$(worker_pids)" ]
}

one_cpu_only()
{
	suite_load cpus=0 || return 1
	[ "$(worker_pids | wc -l)" -eq 3 ] || return 1
	# Submits that name no CPU go to the one that is served.
	for suite in load api; do
		echo "$suite" > "$SCOPEX_TEST/run" || return 1
		grep -q '^ok ' "$SCOPEX_TEST/results" || return 1
		! grep -q '^not ok' "$SCOPEX_TEST/results" || return 1
	done
	[ "$(counter total.submitted)" -eq "$(counter cpu0.submitted)" ] || return 1
	suite_rmmod
}

nice_level()
{
	modprobe scopex nice=7 || return 1
	for pid in $(worker_pids); do
		[ "$(cut -d ' ' -f 19 "/proc/$pid/stat")" -eq 7 ] || return 1
	done
	rmmod scopex
}

suite_is_root
ktap_plan 17
ktap_check "loads and unloads" loads_and_unloads
ktap_check "unloads after work" unloads_after_work
ktap_check "unload is refused while in use" refused_while_used
ktap_check "workers are pinned" workers_are_pinned
ktap_check "cpus=0 serves one CPU" one_cpu_only
ktap_check "nice=7 sets the workers' level" nice_level
ktap_check "cpus=x is refused" bad_parameter cpus=x "cpus=x: not a list of CPUs"
ktap_check "cpus=3-1 is refused" bad_parameter cpus=3-1 "cpus=3-1: not a list"
ktap_check "cpus=99999 is refused" bad_parameter cpus=99999 "cpus=99999: not a list"
ktap_check "cpus= is refused" bad_parameter cpus= "cpus=: none of these CPUs"
ktap_check "an odd cpus= is escaped" \
	bad_parameter "cpus=$(printf '0\033[1m')" 'cpus=0\\033\[1m: not a list'
ktap_check "nice=20 is refused" bad_parameter nice=20 "nice=20: must be from -20"
ktap_check "nice=-21 is refused" bad_parameter nice=-21 "nice=-21: must be from"
ktap_check "workers=0 is refused" bad_parameter workers=0 "workers=0: must be from"
ktap_check "workers=4097 is refused" \
	bad_parameter workers=4097 "workers=4097: must be from"
ktap_check "standby=64 is refused" \
	bad_parameter standby=64 "standby=64: must be less than workers=64"
ktap_check "spin_us=100001 is refused" \
	bad_parameter spin_us=100001 "spin_us=100001: must be from 0 to 100000"
ktap_finish
