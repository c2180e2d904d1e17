#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# scopex_echo, in each of its ways, with clients that compare each byte: echo-load.c. Connections
# that end as they should, and others: closed or reset at once, half-closed, with urgent data, of
# clients that send and do not receive. And what its parameters promise.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/suite.sh"

ECHO=$DEBUGFS/scopex_echo
WAYS="tasks threads workqueue"
PORT=7007
# Of TEST-NET-1, so nobody else's
OTHER=192.0.2.1

# What is unloaded while it is open; slow kernels have fewer
MANY=${ECHO_MANY:-10000}
SOME=200

# So many of these send all the time, while others come and go.
BUSY=50

dir=
holder=

cleanup()
{
	[ -z "$holder" ] || kill "$holder" 2>/dev/null
	ip addr del "$OTHER/32" dev lo 2>/dev/null
	rm -rf "$dir"
}

# client ARG... - run echo-load; what it says is in $dir/out
client()
{
	client_mode=$1
	shift
	"$(dirname "$0")/echo-load" "$client_mode" "${ADDRESS:-127.0.0.1}" "$PORT" "$@" \
		> "$dir/out" 2>&1 && return
	ktap_msg "echo-load $client_mode $*: $(cat "$dir/out")"
	return 1
}

# stat_of NAME
stat_of()
{
	sed -n "s/^$1 //p" "$ECHO/stats"
}

# expect_stat NAME OPERATOR WANT
expect_stat()
{
	expect "$1" "$(stat_of "$1")" "$2" "$3"
}

are_open()
{
	[ "$(stat_of open)" -eq "$1" ]
}

# serve [PARAMETER]... - load the server
serve()
{
	load scopex_echo "$@" > "$dir/load" && return
	ktap_msg "$(cat "$dir/load")"
	return 1
}

# done_with - the server goes, with whatever it has
done_with()
{
	unload scopex_echo > "$dir/load" || {
		ktap_msg "$(cat "$dir/load")"
		return 1
	}
	expect "debugfs of scopex_echo" "$(ls -d "$ECHO" 2>/dev/null)" = ""
}

# served CHECK [PARAMETER]... - load the server, check, unload it in any case
served()
{
	check=$1
	shift
	serve "$@" || return 1
	served_status=0
	"$check" || served_status=1
	done_with && return "$served_status"
}

# begin INPUT ARG... - run echo-load in the background
begin()
{
	input=$1
	shift
	"$(dirname "$0")/echo-load" "$@" < "$input" > "$dir/begun" 2>&1 &
	holder=$!
}

# has_begun NUMBER - wait until so many connections of it are open
has_begun()
{
	wait_until 120 grep -q "^open $1\$" "$dir/begun" && return
	ktap_msg "$(cat "$dir/begun")"
	return 1
}

# has_ended - wait until it ends; true if all was well
has_ended()
{
	# Where it is killed, the shell says so.
	wait "$holder" 2>/dev/null
	ended_status=$?
	holder=
	return "$ended_status"
}

# hold NUMBER - open so many connections, in the background
hold()
{
	mkfifo "$dir/end"
	begin "$dir/end" hold 127.0.0.1 "$PORT" "$1"
	exec 8> "$dir/end"
	rm "$dir/end"
	has_begun "$1"
}

# held_end - the connections of hold() end; true if they were there to the end
held_end()
{
	exec 8>&-
	has_ended
}

# all_over CONNECTIONS BYTES - all of them have ended, and were what they should be
all_over()
{
	wait_until 60 are_open 0 && expect_stat accepted -eq "$1" && expect_stat bytes -eq "$2" &&
		expect_stat refused -eq 0 && expect_stat failed -eq 0 && expect_stat idled -eq 0
}

echoes_messages()
{
	client load 16 50 0 64 2 && expect_line "^messages 800\$" < "$dir/out" &&
		all_over 16 $((800 * 64))
}

echoes_large_messages()
{
	client load 4 5 0 50000 2 && expect_line "^messages 20\$" < "$dir/out" &&
		all_over 4 $((20 * 50000))
}

# The urgent byte is no part of the stream.
echoes_odd_ones()
{
	client half 3 200000 && client urgent 4 1001 && all_over 7 $((3 * 200000 + 4 * 1001))
}

# The server waits for room: how much there was is up to the kernel.
waits_for_room()
{
	client deaf 2 && wait_until 60 are_open 0 && expect_stat accepted -eq 2 &&
		expect_stat bytes -gt 100000
}

# What comes in the middle of a reset is up to the kernel, and what comes after it is served.
survives_resets()
{
	client abrupt 20 && client reset 20 5000 && client load 2 10 0 64 &&
		wait_until 60 are_open 0 && expect_stat accepted -le 42 &&
		expect_stat accepted -ge 22 && expect_stat refused -eq 0
}

# Those over the limit are closed; when there is room, others come in.
keeps_its_limit()
{
	hold 4 || return 1
	client refused 3 && expect_stat refused -eq 3 && expect_stat open -eq 4
	limit_status=$?
	held_end && [ "$limit_status" -eq 0 ] && wait_until 60 are_open 0 && client load 4 10 0 64
}

ends_the_silent()
{
	client closed 5 && expect_stat idled -eq 5 && wait_until 60 are_open 0
}

pauses_after_failures()
{
	client load 2 10 0 64 && expect_stat failed -eq 3 && expect_stat accepted -eq 2
}

uptime_ms()
{
	awk '{ printf "%d\n", $1 * 1000 }' /proc/uptime
}

# most_failures MS - how many accepts can fail in this time. After each there is a pause: of 10 ms,
# then each one twice as long as the one before, but none longer than 1 s. A sleep in jiffies may
# end a jiffy early, which takes 10 ms at most.
most_failures()
{
	failures=1
	left=$1
	next_pause=10
	while [ "$left" -ge $((next_pause - 10)) ]; do
		failures=$((failures + 1))
		left=$((left - next_pause + 10))
		next_pause=$((2 * next_pause))
		[ "$next_pause" -le 1000 ] || next_pause=1000
	done
	echo "$failures"
}

have_failed()
{
	[ "$(stat_of failed)" -ge "$1" ]
}

# A client waits in the backlog, so the socket is ready all the time, and no accept succeeds.
pauses_get_longer()
{
	begin /dev/null load 127.0.0.1 "$PORT" 1 1 0 1
	wait_until 60 have_failed 4
	longer_status=$?
	sleep 2
	had_failed=$(stat_of failed)
	# After that, and $since is before the first accept: so this is not less than the time was.
	most=$(most_failures $(($(uptime_ms) - since)))
	expect "accepts that have failed" "$had_failed" -le "$most" || longer_status=1
	expect_stat accepted -eq 0 || longer_status=1
	kill "$holder"
	has_ended
	return "$longer_status"
}

fails_for_long()
{
	since=$(uptime_ms)
	served pauses_get_longer "$@" fail_accepts=1000000000
}

# goes_with NUMBER [PARAMETER]... - unload it while so many connections are open; the clients see
# that they have ended
goes_with()
{
	number=$1
	shift
	serve "$@" || return 1
	hold "$number" && expect_stat open -eq "$number"
	goes_status=$?
	[ "$goes_status" -eq 0 ] || ktap_msg "$(cat "$ECHO/stats")"
	done_with || goes_status=1
	if held_end; then
		ktap_msg "the connections have outlived the server"
		goes_status=1
	fi
	return "$goes_status"
}

# goes_in_traffic [PARAMETER]... - unload it while some connections send all the time, and others
# come and go
goes_in_traffic()
{
	serve "$@" || return 1
	begin /dev/null traffic 127.0.0.1 "$PORT" "$BUSY" 5000
	has_begun "$BUSY" && wait_until 120 have_come $((BUSY + 10))
	traffic_status=$?
	done_with || traffic_status=1
	has_ended && expect_line "^traffic ok $BUSY\$" < "$dir/begun" && return "$traffic_status"
	ktap_msg "$(cat "$dir/begun")"
	return 1
}

have_come()
{
	[ "$(stat_of accepted)" -ge "$1" ]
}

check_way()
{
	for check in echoes_messages echoes_large_messages echoes_odd_ones waits_for_room \
			survives_resets; do
		ktap_check "$1: $check" served "$check" by="$1"
	done
	ktap_check "$1: keeps_its_limit" served keeps_its_limit by="$1" limit=4
	ktap_check "$1: ends_the_silent" served ends_the_silent by="$1" idle_ms=2000
	ktap_check "$1: pauses_after_failures" served pauses_after_failures by="$1" fail_accepts=3
	ktap_check "$1: pauses_get_longer" fails_for_long by="$1"
	ktap_check "$1: unloads with $SOME connections" goes_with "$SOME" by="$1"
	ktap_check "$1: unloads in traffic" goes_in_traffic by="$1"
}

# Packets from one CPU, and then from another one
follows_its_packets()
{
	client hop 4 400 && wait_until 60 are_open 0 && expect_stat moved -ge 4 &&
		expect_stat bytes -eq $((4 * 2 * 400))
}

# reachable ADDRESS
reachable()
{
	ADDRESS=$1 client load 1 1 0 64 > /dev/null
}

is_local_only()
{
	expect_stat address = 127.0.0.1:7007 && reachable 127.0.0.1 || return 1
	if reachable "$OTHER"; then
		ktap_msg "$OTHER is served, too"
		return 1
	fi
}

is_where_it_was_told()
{
	expect_stat address = "$OTHER:7008" && PORT=7008 && reachable "$OTHER"
	told_status=$?
	if reachable 127.0.0.1; then
		ktap_msg "127.0.0.1 is served, too"
		told_status=1
	fi
	PORT=7007
	return "$told_status"
}

# It is loaded in another network namespace, whose loopback device is another one.
is_in_its_namespace()
{
	unshare -n sh -c "ip link set lo up && modprobe scopex_echo &&
		'$(dirname "$0")/echo-load' load 127.0.0.1 $PORT 2 10 0 64" > "$dir/out" 2>&1
	inside=$?
	[ "$inside" -eq 0 ] || ktap_msg "$(cat "$dir/out")"
	if reachable 127.0.0.1; then
		ktap_msg "it is served in this namespace"
		inside=1
	fi
	done_with && [ "$inside" -eq 0 ]
}

# refuses TEXT PARAMETER... - it must not load, and say why
refuses()
{
	text=$1
	shift
	log_mark
	if modprobe scopex_echo "$@" 2>/dev/null; then
		ktap_msg "it loads with $*"
		unload scopex_echo
		return 1
	fi
	log_since_mark | expect_line "scopex_echo: $text"
}

suite_is_root
[ -e /proc/net/tcp ] || ktap_skip_all "the kernel has no networking"
trap cleanup EXIT
trap 'exit 1' HUP INT TERM
dir=$(mktemp -d) || exit "$KSFT_FAIL"
ip link set lo up
suite_need scopex
ip addr add "$OTHER/32" dev lo || exit "$KSFT_FAIL"

ktap_plan $((11 * 3 + 10))
for way in $WAYS; do
	check_way "$way"
done
# At a port of its own, so no client has the address of one that has just ended
PORT=7009
ktap_check "unloads with $MANY connections" goes_with "$MANY" port="$PORT"
PORT=7007
if [ "$(nproc)" -ge 2 ]; then
	ktap_check "a task follows its packets" served follows_its_packets
else
	ktap_skip "a task follows its packets" "needs two CPUs"
fi
ktap_check "it listens on the loopback device" served is_local_only
ktap_check "it listens where it is told" served is_where_it_was_told address="$OTHER" port=7008
ktap_check "it listens in the network namespace of its loader" is_in_its_namespace
ktap_check "refuses a bad address" refuses "address=here port=7007: not an address" address=here
ktap_check "refuses an address of others" refuses "can't listen on 192.0.2.2:7007" address=192.0.2.2
ktap_check "refuses too many connections" refuses "by=tasks limit=4294967295: not a way" limit=4294967295
ktap_check "refuses an unknown way" refuses "by=magic limit=16384: not a way" by=magic
ktap_check "scopex unloads" unload scopex
ktap_finish
