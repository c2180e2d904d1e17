#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The whole API, mixed at random, while CPUs come and go and debugfs is read: see
# kmod/tests/stress.c.
#
#	STRESS_SECONDS=	how long in all (default: 10)
#	STRESS_SEED=	what it draws from (default: a new seed)
. "$(dirname "$0")/suite.sh"

PARAMETERS=/sys/module/scopex_test/parameters
EXACT="submitted run cancelled errors refused"

suite_is_root
dir=$(mktemp -d)
PARTS=7
seed=${STRESS_SEED:-$(od -An -N 3 -t u1 /dev/urandom |
	awk '{ print 1 + $1 * 65536 + $2 * 256 + $3 }')}
rnd=$seed
seconds=$(((${STRESS_SECONDS:-10} + PARTS - 1) / PARTS))

# draw N - a random number below that, in $drawn
draw()
{
	rnd=$(((rnd * 1103515245 + 12345) % 2147483648))
	drawn=$((rnd / 65536 % $1))
}

all_cpus_online()
{
	for file in /sys/devices/system/cpu/cpu[0-9]*/online; do
		[ ! -w "$file" ] || [ "$(cat "$file")" = 1 ] ||
			echo 1 > "$file" || return 1
	done
}

# In any case leave no process behind, and no CPU offline.
cleanup()
{
	touch "$dir/stop"
	wait
	all_cpus_online
	rm -rf "$dir"
}
trap cleanup EXIT

# wrong TEXT - in the background; told by went_wrong
wrong()
{
	echo "$*" >> "$dir/wrong"
}

read_files()
{
	: > "$dir/then"
	while [ ! -e "$dir/stop" ]; do
		cat "$SCOPEX/counters" > "$dir/now" || wrong "can't read counters"
		for file in stats scopes workers profile histograms; do
			cat "$SCOPEX/$file" > "$dir/others" || wrong "can't read $file"
		done
		# A number below zero would be a very large one.
		awk -v exact=" $EXACT " '
		$2 ~ /^[0-9]{19}/ { print $0; next }
		NR == FNR { then[$1] = $2; next }
		{
			name = $1
			sub(/.*\./, "", name)
			if (index(exact, " " name " ") && $2 < then[$1])
				print $1, "was", then[$1], "and is", $2
		}' "$dir/then" "$dir/now" >> "$dir/wrong"
		mv "$dir/now" "$dir/then"
	done
}

# One CPU after the other, never the first one; there may be none that can.
change_cpus()
{
	set -- /sys/devices/system/cpu/cpu[1-9]*/online
	[ -w "$1" ] || return
	while [ ! -e "$dir/stop" ]; do
		draw $#
		eval "file=\${$((drawn + 1))}"
		read -r online < "$file"
		echo $((1 - online)) > "$file" ||
			wrong "can't write $((1 - online)) to $file"
		draw 2
		sleep "0.$drawn" 2>/dev/null || sleep "$drawn"
	done
}

# Not while the profile has to be exact
switch_profile()
{
	[ "$1" = off-and-on ] || return 0
	while [ ! -e "$dir/stop" ]; do
		draw 2
		echo "$drawn" > "$SCOPEX/profile" || wrong "can't switch the profile"
		sleep 0.2 2>/dev/null || sleep 1
	done
}

# The module and the test have counted the same.
totals_agree()
{
	status=0
	for name in $EXACT; do
		counted=$(grown "total.$name")
		ours=$(sed -n "s/^# stress\.$name //p" "$SCOPEX_TEST/results")
		ktap_msg "$name: scopex has counted $counted, the test ${ours:-nothing}"
		[ "$counted" = "$ours" ] || status=1
	done
	expect_counter total.depth = 0 || status=1
	return "$status"
}

# A profile that was on all the time has measured all that was counted.
profile_has_it_all()
{
	profile_agrees "$(grown total.run)" "$(grown total.errors)" \
		"$(grown total.cancelled)"
}

nothing_went_wrong()
{
	[ -s "$dir/wrong" ] || return 0
	ktap_msg "$(head -n 20 "$dir/wrong")"
	return 1
}

nothing_is_busy()
{
	awk 'FNR > 2 && $4 !~ /^(parked|idle|standby)$/' "$SCOPEX/workers" > "$dir/busy"
	awk 'FNR > 2' "$SCOPEX/scopes" >> "$dir/busy"
	[ ! -s "$dir/busy" ]
}

# In the end no worker is in an item, and no scope is open.
all_is_quiet()
{
	wait_until 10 nothing_is_busy && return
	ktap_msg "$(head -n 20 "$dir/busy")"
	return 1
}

# stress WORKERS STANDBY off|on|off-and-on - load scopex with these parameters, or with
# injected delays for the last one; six results, and one more if the profile is on
stress()
{
	ktap_msg "STRESS_SEED=$seed workers=$1 standby=$2, the profile is $3"
	if [ "$3" = off-and-on ]; then
		suite_load_injected workers="$1" standby="$2"
	else
		suite_load workers="$1" standby="$2"
	fi
	[ "$3" != on ] || echo 1 > "$SCOPEX/profile"
	rm -f "$dir/stop"
	: > "$dir/wrong"
	echo "$seconds" > "$PARAMETERS/stress_seconds"
	# Not the same in each part
	part=$((${part:-0} + 1))
	echo "$((seed + part))" > "$PARAMETERS/stress_seed"
	echo "$1" > "$PARAMETERS/stress_workers"
	counters_mark
	read_files &
	change_cpus &
	switch_profile "$3" &
	suite_run stress
	touch "$dir/stop"
	wait
	ktap_check "all CPUs come back" all_cpus_online
	ktap_check "all is quiet" all_is_quiet
	ktap_check "totals agree" totals_agree
	[ "$3" != on ] || ktap_check "so does the profile" profile_has_it_all
	ktap_check "files can be read, and CPUs come and go" nothing_went_wrong
	suite_unload
}

# stress_drawn off|off-and-on - with any number of workers
stress_drawn()
{
	draw 64
	workers=$((drawn + 1))
	draw $((workers < 4 ? workers : 4))
	stress "$workers" "$drawn" "$1"
}

ktap_plan $((6 * PARTS + 1))
stress 64 2 off
# Items that no other worker takes over from, and scopes that are serial
stress 1 0 off
stress 2 0 on
draw 3
stress 3 "$drawn" off
draw 4
stress 8 "$drawn" off
stress_drawn off
# Windows of the protocol that are held open
if [ -f "$INJECT_DIR/scopex.ko" ]; then
	stress_drawn off-and-on
else
	for name in stress "all CPUs come back" "all is quiet" "totals agree" \
			"files can be read, and CPUs come and go" "modules unload"; do
		ktap_skip "$name" "no modules with injected delays"
	done
fi
ktap_finish
