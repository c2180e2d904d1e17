#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# items that name no CPU: idle CPUs take them, and few wake-ups are needed for it
. "$(dirname "$0")/suite.sh"

all_cpus_are_held()
{
	log_since_mark | grep -q "scopex_test: all CPUs are held"
}

# Nobody is asked for help while all CPUs have something to do.
nobody_is_asked()
{
	log_mark
	counters_mark
	suite_begin crowded
	wait_until 60 all_cpus_are_held
	asked=$(grown total.asked)
	depth=$(counter total.depth)
	suite_release
	suite_succeeded crowded && expect "asked" "$asked" -eq 0 && expect "depth" "$depth" -gt 63
}

# 20 times 1000 items: each push, each batch and each steal may ask one worker.
wakeups_are_rationed()
{
	counters_mark
	suite_cases flood || return
	ktap_msg "$(grown total.steals) of $(grown total.submitted) items were stolen, in" \
		"$(grown total.batches) batches; $(grown total.asked) times a worker was asked," \
		"$(grown total.vain) times in vain"
	expect_grown total.submitted -eq 20000 &&
		expect_grown total.steals -eq "$(grown total.stolen)" &&
		expect_grown total.run -eq 20000 &&
		expect_grown total.asked -le 2000 &&
		expect_counter total.depth -eq 0
}

ktap_plan 7
# Where a machine is slow, all CPUs are held for longer than an item may run by default.
suite_load stall_ms=60000
suite_run steal
ktap_check "items were stolen" expect_counter total.steals -gt 0
ktap_check "nobody is asked while nobody is idle" nobody_is_asked
ktap_check "wake-ups are rationed" wakeups_are_rationed
suite_unload
ktap_check "the same with injected delays" suite_passes_injected steal
ktap_check "workers that are stopped" suite_passes_injected stopped
ktap_finish
