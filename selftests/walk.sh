#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# cancellations and looks that go through many nested scopes
. "$(dirname "$0")/suite.sh"

# Thousands of nested scopes, each with a worker of its own.
[ ! -e /proc/lockdep_stats ] || ktap_skip_all "too slow with lockdep"

# injected-walk.sh has another one.
: "${WALK_LOAD:=suite_load}"

# on_cpu CPU COMMAND... - run it there and nowhere else
on_cpu()
{
	on_cpu_mask=$(printf '%x' $((1 << $1)))
	shift
	taskset "$on_cpu_mask" "$@"
}

# walks SUITE - run it, while somebody on another CPU looks at all scopes
#
# The watchdog is off, which would do so, too, and take a scope that waits for a stall.
walks()
{
	walks_end=$(mktemp -u)
	on_cpu "$walks_cpu" sh -c "until [ -e $walks_end ]; do cat $SCOPEX/scopes; done" \
		>/dev/null &
	walks_reader=$!
	suite_run "$1"
	: > "$walks_end"
	wait "$walks_reader"
	rm "$walks_end"
}

suite_is_root
if [ "$(nproc)" -lt 2 ]; then
	ktap_skip_all "needs two CPUs"
fi
# Before this shell may run on one CPU only, which would be counted as all.
walks_cpu=$(($(nproc) - 1))
taskset -p 1 $$ >/dev/null
ktap_plan 5
# Each level of a chain takes a worker, and all of them may be of one CPU.
"$WALK_LOAD" workers=400 stall_ms=0
counters_mark
walks walk
ktap_check "who waits hands over by itself" few_are_relieved
suite_unload
"$WALK_LOAD" workers=1 standby=0 stall_ms=0
walks serial_walk
suite_unload
ktap_finish
