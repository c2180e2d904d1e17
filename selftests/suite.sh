#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs suites of scopex_test.ko and shows their results, nested in the caller's:
#
#	. "$(dirname "$0")/ktap.sh"
#	. "$(dirname "$0")/suite.sh"
#	ktap_plan 2
#	suite_load
#	suite_run api
#	suite_unload		# a result too
#	ktap_finish

DEBUGFS=/sys/kernel/debug
SCOPEX=$DEBUGFS/scopex
SCOPEX_TEST=$DEBUGFS/scopex_test

# The modules with injected delays, which modprobe must not find.
INJECT_DIR=${SCOPEX_INJECT_DIR:-/lib/modules/$(uname -r)/extra-inject}

suite_is_root()
{
	[ "$(id -u)" -eq 0 ] || ktap_skip_all "needs root"
	grep -q " $DEBUGFS debugfs " /proc/mounts ||
		mount -t debugfs debugfs "$DEBUGFS"
}

module_loaded()
{
	grep -q "^$1 " /proc/modules
}

# suite_load [PARAMETER]... - load scopex, with its parameters, and the tests
suite_load()
{
	suite_is_root
	if ! modprobe scopex "$@"; then
		ktap_not_ok "modprobe scopex $*"
		exit "$KSFT_FAIL"
	fi
	if ! modprobe scopex_test; then
		ktap_not_ok "modprobe scopex_test"
		exit "$KSFT_FAIL"
	fi
}

# suite_load_injected [PARAMETER]... - the same with the modules that have injected delays
suite_load_injected()
{
	suite_is_root
	[ -f "$INJECT_DIR/scopex.ko" ] ||
		ktap_skip_all "no modules with injected delays in $INJECT_DIR"
	if ! insmod "$INJECT_DIR/scopex.ko" "$@" ||
	   ! insmod "$INJECT_DIR/scopex_test.ko"; then
		ktap_not_ok "insmod from $INJECT_DIR"
		exit "$KSFT_FAIL"
	fi
}

# suite_run SUITE - run it; one result, with the cases nested
suite_run()
{
	if ! echo "$1" > "$SCOPEX_TEST/run"; then
		ktap_msg "can't run suite $1"
		ktap_not_ok "$1"
		return
	fi
	sed 's/^/  /' "$SCOPEX_TEST/results"

	suite_plan=$(sed -n 's/^1\.\.//p' "$SCOPEX_TEST/results")
	suite_ok=$(grep -c '^ok ' "$SCOPEX_TEST/results")
	if [ "${suite_plan:-0}" -gt 0 ] && [ "$suite_ok" -eq "$suite_plan" ]; then
		ktap_ok "$1"
	else
		ktap_not_ok "$1"
	fi
}

suite_rmmod()
{
	rmmod scopex_test && rmmod scopex &&
		! module_loaded scopex && ! module_loaded scopex_test
}

# suite_unload - unload what suite_load has loaded; one result
suite_unload()
{
	ktap_check "modules unload" suite_rmmod
}

# log_mark - begin to look at the kernel log here
log_mark()
{
	echo "scopex_test: $0 $$ looks at the log" > /dev/kmsg
}

# log_since_mark - the kernel log since the last log_mark
log_since_mark()
{
	dmesg | awk -v mark="scopex_test: $0 $$ looks at the log" '
	index($0, mark) { n = 0; next }
	{ line[n++] = $0 }
	END { for (i = 0; i < n; i++) print line[i] }'
}

# warnings_name_the_culprit - each EXPECT_WARNING() since the last log_mark had its
# warning
warnings_name_the_culprit()
{
	suite_said=$(log_since_mark | awk -f "$(dirname "$0")/warnings.awk")
	suite_status=$?
	ktap_msg "$suite_said"
	return "$suite_status"
}

# counter NAME - a value of the file "counters"
counter()
{
	sed -n "s/^$1 //p" "$SCOPEX/counters"
}

# counters_mark - begin to count here
counters_mark()
{
	suite_counters=$(cat "$SCOPEX/counters")
}

# grown NAME - by how much a counter has grown since the last counters_mark
grown()
{
	echo $(($(counter "$1") - $(echo "$suite_counters" | sed -n "s/^$1 //p")))
}

# few_are_relieved - since the last counters_mark: who waits hands over by itself, and
# does not leave it to the watchdog
few_are_relieved()
{
	suite_relieved=$(grown total.relieved)
	[ "$suite_relieved" -lt 20 ] && return
	ktap_msg "$suite_relieved workers were relieved by the watchdog"
	return 1
}

# sum_of REGEX - of all values of the counters whose name matches
sum_of()
{
	awk -v regex="^($1)\$" '
	$1 ~ regex { for (i = 2; i <= NF; i++) sum += $i }
	END { printf "%.0f\n", sum }' "$SCOPEX/counters"
}

# profile_agrees ITEMS ERRORS CANCELLED - that many in the profile, of the call sites and
# of the CPUs, and a time of each
profile_agrees()
{
	bad=0
	for who in site cpu; do
		for pair in "items:$1" "errors:$2" "cancelled:$3"; do
			found=$(sum_of "${who}[0-9]+\\.profile\\.${pair%:*}")
			[ "$found" = "${pair#*:}" ] && continue
			ktap_msg "$who: ${pair%:*} is $found, not ${pair#*:}"
			bad=1
		done
		found=$(sum_of "${who}[0-9]+\\.profile\\.delay_log2")
		[ "$found" = "$1" ] || {
			ktap_msg "$who: $found delays of $1 items"
			bad=1
		}
		found=$(sum_of "${who}[0-9]+\\.profile\\.run_log2")
		chunks=$(sum_of "${who}[0-9]+\\.profile\\.chunks")
		[ "$found" = "$(($1 + chunks))" ] || {
			ktap_msg "$who: $found run times of $1 items and $chunks chunks"
			bad=1
		}
	done
	return "$bad"
}

# held_row - the row of the scope that the suite "hold" keeps open
held_row()
{
	grep '^held ' "$SCOPEX/scopes"
}

wait_for_held_scope()
{
	for _ in $(seq 300); do
		held_row | awk '$2 == 5 && $4 == "open" { found = 1 }
				END { exit !found }' && return
		pause
	done
	return 1
}
