#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# KTAP output, for the scripts next to this file and for all checks in qemu/; each sources
# it:
#
#	. "$(dirname "$0")/ktap.sh"
#	ktap_plan 2
#	ktap_check "one and one" expect "the sum" "$((1 + 1))" -eq 2
#	ktap_skip "other case" "tool not found"
#	ktap_finish
#
# A check that fails says what it expected and what it got: expect, expect_line and the
# others below do so.
#
# POSIX only: it runs in busybox ash.
# shellcheck disable=SC2034	# the KSFT_ constants are for the scripts

KSFT_PASS=0
KSFT_FAIL=1
KSFT_SKIP=4

ktap_planned=
ktap_begun=
ktap_passed=0
ktap_failed=0
ktap_skipped=0

# ktap_head - print the header, if that is still to be done
ktap_head()
{
	[ "$ktap_begun" ] || echo "TAP version 13"
	ktap_begun=y
}

# ktap_plan N - print the header and the plan: N results will follow
ktap_plan()
{
	ktap_head
	ktap_planned=$1
	echo "1..$1"
}

# ktap_skip_all REASON - nothing can be tested here: say why, and exit
ktap_skip_all()
{
	ktap_head
	echo "1..0 # SKIP $*"
	exit "$KSFT_SKIP"
}

# ktap_msg TEXT - a diagnostic line, or several
ktap_msg()
{
	ktap_head
	printf '%s\n' "$*" | sed 's/^/# /'
}

# ktap_result ok|"not ok" TEXT - with the number of the next result
ktap_result()
{
	ktap_head
	echo "$1 $((ktap_passed + ktap_failed + ktap_skipped + 1)) $2"
}

# ktap_ok NAME
ktap_ok()
{
	ktap_result ok "$*"
	ktap_passed=$((ktap_passed + 1))
}

# ktap_not_ok NAME
ktap_not_ok()
{
	ktap_result "not ok" "$*"
	ktap_failed=$((ktap_failed + 1))
}

# ktap_skip NAME REASON
ktap_skip()
{
	ktap_result ok "$1 # SKIP $2"
	ktap_skipped=$((ktap_skipped + 1))
}

# ktap_check NAME COMMAND [ARG]... - ok if the command succeeds
#
# The command runs in this shell. What it prints must be diagnostics: ktap_msg.
ktap_check()
{
	ktap_name=$1
	shift
	if "$@"; then
		ktap_ok "$ktap_name"
	else
		ktap_not_ok "$ktap_name"
	fi
}

# expect WHAT GOT OPERATOR WANT - compare as test(1) does, and say so if it does not hold:
#	expect workers "$(worker_pids | wc -l)" -eq 3
expect()
{
	test "$2" "$3" "$4" && return
	ktap_msg "$1: expected $3 $4, got ${2:-nothing}"
	return 1
}

# expect_line [-E] REGEX - true if standard input has such a line; shows the end of it if not
expect_line()
{
	expect_text=$(tr -d '\000')
	# Through no pipe, which grep would leave too early for some shells.
	grep -q "$@" <<END && return
$expect_text
END
	ktap_msg "expected a line like: $*"
	ktap_msg "got, in the end: $(printf '%s\n' "$expect_text" | tail -n 40)"
	return 1
}

# expect_no_line [-E] REGEX - true if standard input has no such line
expect_no_line()
{
	expect_text=$(grep "$@") || return 0
	ktap_msg "expected no line like: $*"
	ktap_msg "got: $expect_text"
	return 1
}

# expect_success FILE COMMAND [ARG]... - its output is left in FILE, and shown if it fails
expect_success()
{
	expect_file=$1
	shift
	"$@" >"$expect_file" 2>&1 && return
	ktap_msg "expected success, got status $? of: $*"
	ktap_msg "$(tail -n 40 "$expect_file")"
	return 1
}

# expect_failure FILE COMMAND [ARG]... - the same for a command that has to fail
expect_failure()
{
	expect_file=$1
	shift
	"$@" >"$expect_file" 2>&1 || return 0
	ktap_msg "expected failure, got success of: $*"
	ktap_msg "$(tail -n 40 "$expect_file")"
	return 1
}

# wait_until SECONDS COMMAND [ARG]... - wait until the command succeeds, but no longer than that
wait_until()
{
	wait_end=$(($(ktap_uptime) + $1))
	shift
	until "$@"; do
		if [ "$(ktap_uptime)" -ge "$wait_end" ]; then
			ktap_msg "waited in vain for: $*"
			return 1
		fi
		pause
	done
}

# ktap_uptime - in seconds
ktap_uptime()
{
	cut -d . -f 1 /proc/uptime
}

# pause - a tenth of a second, where that can be had
pause()
{
	sleep 0.1 2>/dev/null || sleep 1
}

# ktap_finish - print the totals, compare with the plan, and exit
#
# Status: 1 if a result was not ok or their number is not the planned one, 4 if
# all were skipped, else 0.
ktap_finish()
{
	ktap_run=$((ktap_passed + ktap_failed + ktap_skipped))
	echo "# Totals: pass:$ktap_passed fail:$ktap_failed xfail:0" \
		"xpass:0 skip:$ktap_skipped error:0"
	if [ "$ktap_run" -ne "${ktap_planned:-0}" ]; then
		echo "# planned ${ktap_planned:-no} results, got $ktap_run"
		exit "$KSFT_FAIL"
	fi
	[ "$ktap_failed" -eq 0 ] || exit "$KSFT_FAIL"
	[ "$ktap_passed" -gt 0 ] || exit "$KSFT_SKIP"
	exit "$KSFT_PASS"
}
