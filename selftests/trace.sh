#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# what the trace events say against the counters in debugfs
. "$(dirname "$0")/suite.sh"

TRACEFS=/sys/kernel/tracing

trace_is_there()
{
	grep -q " $TRACEFS tracefs " /proc/mounts ||
		mount -t tracefs tracefs $TRACEFS 2>/dev/null ||
		ktap_skip_all "this kernel has no trace events"
	# It is only a page as long as nobody has asked for more.
	echo 1408 > $TRACEFS/buffer_size_kb
}

EVENTS="open wait waited close cancel error submit run_start run_end item_cancelled
	chunk_start chunk_end hand_off stall park wake"

# An instance of the tracer for each event, so that they can be counted without being
# written out; "errors" has the items that fail.
INSTANCES=$TRACEFS/instances
log=$(mktemp)

drop_instances()
{
	for event in $EVENTS errors; do
		[ ! -d "$INSTANCES/scopex_$event" ] || rmdir "$INSTANCES/scopex_$event"
	done
}
trap 'drop_instances; rm -f "$log"' EXIT

# count_one NAME EVENT - have an instance NAME that counts EVENT, from now on
count_one()
{
	instance=$INSTANCES/scopex_$1
	[ -d "$instance" ] || mkdir "$instance" || return
	echo 0 > "$instance/events/scopex/scopex_$2/enable"
	echo 64 > "$instance/buffer_size_kb"
	echo > "$instance/trace"
	[ "$1" != errors ] ||
		echo 'ret < 0' > "$instance/events/scopex/scopex_$2/filter"
	echo 1 > "$instance/events/scopex/scopex_$2/enable"
}

# count_all COMMAND [ARG]... - run it, and count what it does
count_all()
{
	for event in $EVENTS; do
		count_one "$event" "$event" || return
	done
	count_one errors run_end || return
	counters_mark
	"$@"
	count_status=$?
	for event in $EVENTS errors; do
		echo 0 > "$INSTANCES/scopex_$event/events/scopex/enable"
	done
	return $count_status
}

# events NAME - how many there were, those that had no room any more included
events()
{
	awk '/^(entries|overrun|dropped events): / { n += $NF } END { print n + 0 }' \
		"$INSTANCES/scopex_$1"/per_cpu/cpu*/stats
}

# same WHAT NUMBER WHAT NUMBER - are they?
same()
{
	expect "$1, as $3" "$2" = "$4"
}

agree_on_all()
{
	bad=0
	for pair in submitted:submit run:run_start run:run_end errors:errors \
			cancelled:item_cancelled wakeups:wake handoffs:hand_off \
			stalls:stall; do
		same "counter ${pair%:*}" "$(grown "total.${pair%:*}")" \
			"events ${pair#*:}" "$(events "${pair#*:}")" || bad=1
	done
	for pair in open:close wait:waited chunk_start:chunk_end; do
		same "events ${pair%:*}" "$(events "${pair%:*}")" \
			"events ${pair#*:}" "$(events "${pair#*:}")" || bad=1
	done
	return "$bad"
}

# The figures that debugfs.sh has, too
load_agrees()
{
	bad=0
	for pair in submit:151 item_cancelled:30 error:20 errors:20 cancel:1 open:1; do
		same "events ${pair%:*}" "$(events "${pair%:*}")" expected "${pair#*:}" ||
			bad=1
	done
	agree_on_all && return "$bad"
}

# Items that run again, as often as the suite says: each run is submitted, and has no error.
rounds_agree()
{
	bad=0
	for pair in submit:300 run_start:300 run_end:300 error:0 errors:0; do
		same "events ${pair%:*}" "$(events "${pair%:*}")" expected "${pair#*:}" ||
			bad=1
	done
	agree_on_all || bad=1
	return "$bad"
}

# Only the last run of each has a result.
rounds_have_no_errors()
{
	traced known_rounds || return 1
	expect "runs with a result" "$(grep -c 'scopex_run_end: .* ret=0$' "$log")" -eq 300
}

# traced COMMAND [ARG]... - run it, with what it traced in $log
traced()
{
	echo > "$TRACEFS/trace"
	echo 1 > "$TRACEFS/events/scopex/enable"
	"$@"
	traced_status=$?
	echo 0 > "$TRACEFS/events/scopex/enable"
	grep ' scopex_[a-z_]*: ' "$TRACEFS/trace" > "$log"
	return $traced_status
}

# line REGEX - was such a line traced?
line()
{
	grep -q -e " scopex_$1" "$log" && return
	ktap_msg "no event scopex_$1"
	ktap_msg "$(grep " scopex_${1%%:*}: " "$log" | head -n 3)"
	return 1
}

names_are_resolved()
{
	bad=0
	line 'open: scope=[0-9a-f]* name=load parent=[0(][^ ]* pending=0 error=0 at known_load() load\.c:[0-9]*$' || bad=1
	line 'submit: scope=[0-9a-f]* name=load work=[0-9a-f]* fn=test_item_fn .*target=0$' || bad=1
	line 'run_end: scope=[0-9a-f]* name=load work=[0-9a-f]* fn=test_item_fn .*ret=-5$' || bad=1
	line 'close: .* error=0 at known_load() ' || bad=1
	return "$bad"
}

events_ask_for_hashes()
{
	formats=$(cat "$TRACEFS"/events/scopex/*/format) || return
	case $formats in
	*%px* | *%lx* | *%llx*) ;;
	*%p*) return ;;
	esac
	ktap_msg "expected %p, and no %px or %lx, in: $formats"
	return 1
}

# A hash has 32 bits, and so have the addresses of the kernel uml.
no_address_is_shown()
{
	expect "lines of the trace" "$(wc -l < "$log")" -gt 0 || return 1
	found=$(grep -oE '\<(0x)?[0-9a-f]{16}\>' "$log" | grep -vE '^(0x)?0{8}')
	expect "addresses in the trace" "$found" = ""
}

# why_not_told_apart - why an address is no mistake here, or can't be told from a hash
#
# Slub's debugging has kernels before 6.17 show addresses in their own files too.
why_not_told_apart()
{
	if grep -q 'User Mode Linux' /proc/cpuinfo; then
		echo "an address looks like a hash here"
	elif [ "$(cat /proc/sys/kernel/kptr_restrict)" != 0 ]; then
		echo "kptr_restrict is set"
	elif grep -q '\.base: ' /proc/timer_list && ! grep -q '\.base: *0\{8\}' /proc/timer_list; then
		echo "this kernel was told to show addresses"
	fi
}

stalled()
{
	[ "$(counter total.stalls)" -ne 0 ]
}

# hold_stalls - until the item that is held is told to stall
hold_stalls()
{
	echo 'scopex_test: expect report "holds up CPU 0"' > /dev/kmsg
	suite_begin hold
	wait_until 60 stalled
	stalls_status=$?
	echo 'scopex_test: expected' > /dev/kmsg
	suite_release
	return "$stalls_status"
}

# The stress test has accounts of its own; so there are four that have to agree.
stress_agrees()
{
	echo 2 > /sys/module/scopex_test/parameters/stress_seconds
	count_all suite_run stress && agree_on_all && profile_agrees "$(grown total.run)" \
		"$(grown total.errors)" "$(grown total.cancelled)" || return 1
	for pair in submitted:submit run:run_end errors:errors cancelled:item_cancelled; do
		same "stress ${pair%:*}" \
			"$(sed -n "s/^# stress\.${pair%:*} //p" "$SCOPEX_TEST/results")" \
			"events ${pair#*:}" "$(events "${pair#*:}")" || return 1
	done
}

stall_is_traced()
{
	suite_load stall_ms=100 && count_all traced hold_stalls || return 1
	line 'stall: target=0 worker=[0-9]* fn=test_item_fn .*name=held at held_scope() load\.c:[0-9]*$' &&
		same stalls "$(grown total.stalls)" events "$(events stall)" &&
		drop_instances && suite_rmmod
}

known_rounds()
{
	echo rounds > "$SCOPEX_TEST/run"
}

known_load()
{
	echo load > "$SCOPEX_TEST/run"
}

run_detach()
{
	echo detached > "$SCOPEX_TEST/run"
}

# What a detached item calls is shown, not the function of scopex's that calls it.
detached_items_are_resolved()
{
	traced run_detach && line 'submit: .* name=lone_fn .* fn=lone_fn ' &&
		line 'run_start: .* name=lone_fn .* fn=lone_fn ' &&
		expect "events with fn=scopex_detached_fn" \
			"$(grep -c 'fn=scopex_detached_fn' "$log")" -eq 0
}

nothing_is_traced_when_off()
{
	echo > "$TRACEFS/trace"
	known_load && expect "events" "$(grep -c scopex_ "$TRACEFS/trace")" -eq 0
}

run_bound()
{
	echo bound > "$SCOPEX_TEST/run"
}

# A scope that is refused is not open.
bound_agrees()
{
	suite_load standby=0 workers=1 && count_all run_bound && agree_on_all &&
		expect "events open" "$(events open)" -gt 0 && drop_instances && suite_rmmod
}

trace_is_there
ktap_plan 23
suite_load
count_all suite_run load
ktap_check "the events of a known load are as many as were counted" load_agrees
for suite in nest cancel loop options; do
	count_all suite_run $suite
	ktap_check "$suite: as many events as were counted" agree_on_all
done
count_all suite_run rounds
ktap_check "items that run again: each run is an event" rounds_agree
ktap_check "none of them has an error" rounds_have_no_errors
traced known_load
ktap_check "names and places are resolved" names_are_resolved
ktap_check "events ask for hashes of addresses" events_ask_for_hashes
why=$(why_not_told_apart)
if [ -z "$why" ]; then
	ktap_check "no address is shown" no_address_is_shown
else
	ktap_skip "no address is shown" "$why"
fi
ktap_check "detached items are resolved" detached_items_are_resolved
ktap_check "nothing is traced when it is off" nothing_is_traced_when_off
echo 1 > "$SCOPEX/reset"
echo 1 > "$SCOPEX/profile"
ktap_check "stress: events, counters, profile and its own accounts agree" stress_agrees
drop_instances
suite_unload
ktap_check "a stall is traced" stall_is_traced
ktap_check "no worker to be had: as many events as were counted" bound_agrees
ktap_finish
