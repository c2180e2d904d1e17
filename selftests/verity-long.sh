# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
#
# Part of verity.sh: builds that take long, and are killed, or lose their data.

# Blocks of data of a build that takes long, 4 GiB
LONG=1048576

# Changes when a loop has a helper, or an item of a build has begun.
progress()
{
	grep -E "^total\.(chunks|handoffs|unhanded) " \
		/sys/kernel/debug/scopex/counters
}

# Wait until that is no longer $1; not for ever, as there may be no CPU to help.
wait_for_progress()
{
	polls=0
	while [ "$(progress)" = "$1" ] && [ $polls -lt 100 ]; do
		polls=$((polls + 1))
	done
}

# Is a build under way, in a scope or a loop of its own?
under_way()
{
	grep -q ' verity_' "$SCOPEX/scopes"
}

# start_long_build [OPTION]... - have one under way in process $writer, whose messages
# go to $dir/writer.err: it is, once another one is refused. Else $failure says why, or
# nothing, if the builds were too fast
start_long_build()
{
	failure=
	# Reading the holes of a file costs no memory.
	dd if=/dev/null of="$dir/holes" bs=4096 seek=$LONG 2>/dev/null
	echo "$dir/holes $*" > "$dir/request.long"
	data 1

	tries=0
	while [ $tries -lt 5 ]; do
		tries=$((tries + 1))
		before=$(progress)
		dd if="$dir/request.long" of="$VERITY/build" bs=16384 \
			conv=notrunc 2>"$dir/writer.err" &
		writer=$!
		while kill -0 "$writer" 2>/dev/null; do
			under_way && long=before || long=
			if build "$dir/data"; then
				# The long one was, and still is.
				[ -n "$long" ] && under_way || continue
				failure="a second build was not refused"
				kill -KILL "$writer"
				break
			fi
			grep -q "busy" "$dir/err" || continue
			wait_for_progress "$before"
			return 0
		done
		wait "$writer" || [ -n "$failure" ] ||
			# It may have come while the other one was under way.
			grep -q "busy" "$dir/writer.err" ||
			failure="a long build: $(cat "$dir/writer.err")"
		[ -z "$failure" ] || return 1
	done
	return 1
}

# no_long_build NAME - what could not be tested for that
no_long_build()
{
	if [ -n "$failure" ]; then
		ktap_msg "$failure"
		ktap_not_ok "$1"
	else
		ktap_skip "$1" "too fast"
	fi
}

# gave_up WHY - the log has one line, of a build that did not go on to its end; and
# there is no result, but the next build has one
gave_up()
{
	line=$(lines_since_mark)
	at=$(echo "$line" |
		sed -n "s/.*holes: $1, at data block \([0-9]*\) of $LONG\$/\1/p")
	if [ "$(echo "$line" | wc -l)" -ne 1 ] || [ -z "$at" ] ||
			[ "$at" -ge "$LONG" ]; then
		ktap_msg "expected: $1, before block $LONG"
		ktap_msg "got: $line"
		return 1
	fi
	no_result && builds "$dir/data"
}

# killed STATUS ACTUAL - the writer, and so the build
killed()
{
	same "status" "$1" "$2" && gave_up "the writer was killed"
}

# check_killed NAME SIGNAL STATUS [OPTION]...
check_killed()
{
	name=$1 signal=$2 expected=$3
	shift 3
	if ! start_long_build "$@"; then
		no_long_build "$name"
		return
	fi
	mark
	kill "-$signal" "$writer"
	wait "$writer"
	status=$?
	if [ $status -ne 0 ]; then
		ktap_check "$name" killed "$expected" $status
	else
		ktap_skip "$name" "too fast"
	fi
}

shrank()
{
	grep -Eq "$io_error" "$dir/writer.err" &&
		gave_up "can't read at byte [0-9]*: -[A-Z0-9]*"
}

# The second build is refused by the one that shrinks.
check_long_build()
{
	check_killed "ends when the writer is killed" KILL 137
	check_killed "ends when the writer is terminated, one CPU" TERM 143 \
		cpus="$cpu"
	check_killed "ends when the writer is terminated, a plain loop" TERM 143 \
		by=plain
	check_killed "ends when the writer is terminated, a workqueue" TERM 143 \
		by=workqueue

	name="ends at the first error"
	if start_long_build; then
		ktap_ok "refuses a second build at a time"
		mark
		: > "$dir/holes"
		# Errors that are lost are seen, too, where a file can't be read to its end.
		if wait "$writer"; then
			ktap_skip "$name" "too fast"
		else
			ktap_check "$name" shrank
		fi
	else
		no_long_build "refuses a second build at a time"
		no_long_build "$name"
	fi
	rm -f "$dir/holes"
}
