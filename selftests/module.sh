#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# load, unload, parameters
. "$(dirname "$0")/suite.sh"

# worker_pids - the PIDs of the workers
worker_pids()
{
	grep -ls '^scopex/' /proc/[0-9]*/comm | sed 's|/proc/||; s|/comm||'
}

# expect_workers NUMBER
expect_workers()
{
	expect workers "$(worker_pids | wc -l)" -eq "$1"
}

loads_and_unloads()
{
	for _ in $(seq 20); do
		load scopex && expect_workers $((3 * $(nproc))) &&
			unload scopex && expect_workers 0 || return 1
	done
	expect "debugfs of scopex" "$(ls -d "$SCOPEX" 2>/dev/null)" = ""
}

# The same with items run in between, so that there is something to drain.
unloads_after_work()
{
	for _ in $(seq 5); do
		load scopex && load scopex_test || return 1
		echo load > "$SCOPEX_TEST/run" || return 1
		suite_rmmod || return 1
	done
}

# This calls the program itself, which has to fail.
refused_while_used()
{
	load scopex && load scopex_test || return 1
	! rmmod scopex 2>/dev/null && module_loaded scopex && suite_rmmod
}

workers_are_pinned()
{
	load scopex || return 1
	for pid in $(worker_pids); do
		cpu=$(sed 's|scopex/||; s|:.*||' "/proc/$pid/comm")
		expect_line "^Cpus_allowed_list:	$cpu\$" < "/proc/$pid/status" || return 1
	done
	unload scopex
}

# bad_parameter PARAMETER TEXT - the module must not load, and say why; this, too, calls the
# program that has to fail
bad_parameter()
{
	log_mark
	if modprobe scopex "$1" 2>/dev/null; then
		unload scopex
		ktap_msg "expected modprobe scopex $1 to fail"
		return 1
	fi
	log_since_mark | expect_line "scopex: .*$2" && expect_workers 0
}

one_cpu_only()
{
	suite_load cpus=0 && expect_workers 3 && suite_cases load && suite_cases api || return 1
	# Submits that name no CPU go to the one that is served.
	expect_counter total.submitted -eq "$(counter cpu0.submitted)" && suite_rmmod
}

nice_level()
{
	load scopex nice=7 || return 1
	for pid in $(worker_pids); do
		expect "nice of a worker" "$(cut -d ' ' -f 19 "/proc/$pid/stat")" -eq 7 || return 1
	done
	unload scopex
}

# load_with_threads NR - load scopex while only so many more threads can be had; nothing may be
# forked in between
load_with_threads()
{
	threads_max=$(cat /proc/sys/kernel/threads-max)
	sh -c 'read -r _ _ _ threads _ < /proc/loadavg
		echo $((${threads#*/} + $1)) > /proc/sys/kernel/threads-max
		exec modprobe scopex' sh "$1" 2>/dev/null
	threads_status=$?
	echo "$threads_max" > /proc/sys/kernel/threads-max
	return "$threads_status"
}

# Two for the workqueues, then the workers of one CPU after the other: each time that one is
# missing, all that was made before has to go.
no_threads_to_be_had()
{
	refused=0
	for threads in $(seq 0 5); do
		if load_with_threads "$threads"; then
			unload scopex || return 1
			continue
		fi
		refused=$((refused + 1))
		! module_loaded scopex && expect_workers 0 || return 1
	done
	expect "loads that were refused" "$refused" -ge 3 && load scopex && unload scopex
}

# The kernel ignores a parameter that the module does not have; load() must not.
unknown_parameter()
{
	if load scopex no_such=1; then
		ktap_msg "loaded with a parameter that it does not have"
		unload scopex
		return 1
	fi
	unload scopex && load scopex && unload scopex
}

suite_is_root
ktap_plan 19
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
ktap_check "without threads it does not load" no_threads_to_be_had
ktap_check "an unknown parameter is told" unknown_parameter
ktap_finish
