#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# nothing is allocated between the opening of a scope and its end
. "$(dirname "$0")/suite.sh"

TRACING=/sys/kernel/tracing
INSTANCE=$TRACING/instances/scopex_memory
FAILSLAB=$DEBUGFS/failslab
found=$(mktemp)

cleanup()
{
	[ ! -d "$INSTANCE" ] || rmdir "$INSTANCE"
	[ ! -d "$FAILSLAB" ] || echo 0 > "$FAILSLAB/probability"
	rm -f "$found"
}
trap cleanup EXIT

# Those that are named after a CPU are scopex's.
workers()
{
	for comm in /proc/[0-9]*/comm; do
		! grep -q '^scopex/' "$comm" 2>/dev/null || basename "${comm%/comm}"
	done
}

trace_is_there()
{
	grep -q " $TRACING tracefs " /proc/mounts ||
		mount -t tracefs tracefs $TRACING 2>/dev/null || return
	[ -d "$TRACING/instances" ]
}

trace_on()
{
	[ -d "$INSTANCE" ] || mkdir "$INSTANCE" || return
	echo 4096 > "$INSTANCE/buffer_size_kb"
	for event in kmem/kmalloc kmem/kmalloc_node kmem/kmem_cache_alloc \
			kmem/kmem_cache_alloc_node kmem/mm_page_alloc \
			percpu/percpu_alloc_percpu; do
		[ ! -d "$INSTANCE/events/$event" ] ||
			echo 1 > "$INSTANCE/events/$event/enable"
	done
	for event in open close run_start run_end; do
		echo 1 > "$INSTANCE/events/scopex/scopex_$event/enable" || return
	done
}

# Allocations of the tasks in set_event_pid: in which scope or item, and by which task;
# without those of interrupts on top of them. "lost" if the trace is not complete.
scopes_that_allocate()
{
	awk '
	/^# entries-in-buffer/ { sub(/.*written: */, ""); split($1, n, "/"); lost = n[1] != n[2] }
	/^#/ || $3 ~ /[hHsZz]/ { next }
	{
		pid = $1; sub(/.*-/, "", pid); event = $5; sub(/:$/, "", event)
		who = $1 ~ /^scopex\// ? "worker" : "owner"
	}
	match($0, / name=[^ ]*/) { name = substr($0, RSTART + 6, RLENGTH - 6) }
	event ~ /^scopex_(open|run_start)$/ { in_scope[pid, ++depth[pid]] = name }
	event ~ /^scopex_(close|run_end)$/ { depth[pid]-- }
	event ~ /alloc/ && depth[pid] > 0 { print in_scope[pid, depth[pid]], who }
	event ~ /alloc/ && who == "worker" && !depth[pid] { print "-", who }
	END { if (lost) print "lost" }' "$INSTANCE/trace" | sort -u > "$found"
}

# watched SUITE - run it, and list the allocations of its tasks in $found
watched()
{
	{ workers; sh -c 'echo "$PPID"'; } > "$INSTANCE/set_event_pid"
	echo > "$INSTANCE/trace"
	echo 1 > "$INSTANCE/tracing_on"
	echo "$1" > "$SCOPEX_TEST/run"
	watched_status=$?
	echo 0 > "$INSTANCE/tracing_on"
	scopes_that_allocate
	return "$watched_status"
}

# By the owner, and by the item: the trace does show it.
control_is_seen()
{
	trace_on && watched allocates &&
		expect "scopes that allocate" "$(tr '\n' ';' < "$found")" = "control owner;control worker;"
}

nothing_is_seen()
{
	watched memory && suite_succeeded memory &&
		expect "scopes that allocate" "$(tr '\n' ';' < "$found")" = ""
}

# For tasks that are marked so, and in any context.
fail_all()
{
	echo Y > "$FAILSLAB/task-filter" && echo N > "$FAILSLAB/ignore-gfp-wait" &&
		echo 0 > "$FAILSLAB/verbose" && echo -1 > "$FAILSLAB/times" &&
		echo 100 > "$FAILSLAB/probability" || return
	for pid in $(workers); do
		echo 1 > "/proc/$pid/make-it-fail" || return
	done
}

control_fails()
{
	fail_all && echo allocates > "$SCOPEX_TEST/run" || return 1
	expect "allocations that fail" \
		"$(grep -c 'an allocation fails$' "$SCOPEX_TEST/results")" -eq 2 && return
	ktap_msg "$(cat "$SCOPEX_TEST/results")"
	return 1
}

# What scopex allocates itself, while it is loaded and shows all that it has, until it is
# unloaded. Its symbols are known only before that.
use_all()
{
	suite_load && echo 1 > "$SCOPEX/profile" && suite_cases load || return
	for file in "$SCOPEX"/*; do
		[ ! -r "$file" ] || cat "$file" > /dev/null
	done
	awk '/ k[mz]*alloc[a-z_]*: .*\[scopex\] ptr=/' "$INSTANCE/trace" > "$found"
	suite_rmmod
}

# Each allocation, by its time, against what was freed at the same address later.
all_is_freed()
{
	echo 0 > "$INSTANCE/events/enable" &&
		echo > "$INSTANCE/set_event_pid" && echo > "$INSTANCE/trace" || return
	for event in kmalloc kmalloc_node kfree; do
		[ ! -d "$INSTANCE/events/kmem/$event" ] ||
			echo 1 > "$INSTANCE/events/kmem/$event/enable"
	done
	echo 1 > "$INSTANCE/tracing_on"
	use_all
	all_status=$?
	echo 0 > "$INSTANCE/tracing_on"
	kept=$(awk '
	match($0, /ptr=[^ ]*/) { ptr = substr($0, RSTART, RLENGTH) }
	NR == FNR { ours[$4 ptr] = $0; next }
	/^# entries-in-buffer/ { sub(/.*written: */, ""); split($1, n, "/"); lost = n[1] != n[2] }
	$4 ptr in ours { kept[ptr] = ours[$4 ptr] }
	/ kfree: / { delete kept[ptr] }
	END { if (lost) print "lost"; for (ptr in kept) print kept[ptr] }' \
		"$found" "$INSTANCE/trace")
	expect "allocations" "$(wc -l < "$found")" -gt 5 && expect "those kept" "$kept" = "" &&
		return "$all_status"
}

ktap_plan 6
suite_load
# The workers that it needs are there from now on.
echo memory > "$SCOPEX_TEST/run"
if trace_is_there; then
	ktap_check "an allocation in a scope is seen" control_is_seen
	ktap_check "nothing is allocated" nothing_is_seen
else
	ktap_skip "an allocation in a scope is seen" "no trace events"
	ktap_skip "nothing is allocated" "no trace events"
fi
if [ -d "$FAILSLAB" ]; then
	ktap_check "allocations fail in a scope" control_fails
	suite_run memory
	echo 0 > "$FAILSLAB/probability"
else
	ktap_skip "allocations fail in a scope" "no failslab"
	ktap_skip "memory" "no failslab"
fi
suite_unload
if [ -d "$INSTANCE" ]; then
	ktap_check "what scopex allocates itself is freed" all_is_freed
else
	ktap_skip "what scopex allocates itself is freed" "no trace events"
fi
ktap_finish
