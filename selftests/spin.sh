#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# workers and owners that spin before they sleep
. "$(dirname "$0")/suite.sh"

# Without it a task of a real-time class that spins lets others have the CPU now and then.
throttle=/proc/sys/kernel/sched_rt_runtime_us
throttled=$(cat $throttle 2>/dev/null)
trap '[ -z "$throttled" ] || echo "$throttled" > $throttle' EXIT

# A host that takes its CPUs away for longer may let some sleep.
owners_spin()
{
	slept=$(sed -n 's/^# of 100 waits, \([0-9]*\) slept$/\1/p' "$SCOPEX_TEST/results")
	expect "waits of 100 that slept" "${slept:-100}" -le 50
}

workers_spin()
{
	expect_counter total.wakeups -le 50
}

suite_is_root
[ "$(grep -c ^processor /proc/cpuinfo)" -gt 1 ] || ktap_skip_all "needs two CPUs"
ktap_plan 7
suite_load spin_us=100000
echo 1 > "$SCOPEX/reset"
[ -z "$throttled" ] || echo -1 > $throttle
suite_run spin
[ -z "$throttled" ] || echo "$throttled" > $throttle
ktap_check "owners spin" owners_spin
ktap_check "workers spin" workers_spin
for suite in nest loop race; do
	suite_run $suite
done
suite_unload
ktap_finish
