#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# CPUs that go offline and come back, before and after the module is loaded
. "$(dirname "$0")/suite.sh"

suite_is_root
cpu=$(sed 's/.*[-,]//' /sys/devices/system/cpu/online)
online=/sys/devices/system/cpu/cpu$cpu/online
[ -w "$online" ] || ktap_skip_all "no CPU can go offline"

trap 'echo 1 > "$online"' EXIT

# A CPU that was never online with scopex loaded has no worker, and gets one.
late_cpu_gets_a_worker()
{
	echo 0 > "$online" && suite_load || return 1
	expect_counter "cpu$cpu.open" = "" || return 1
	echo 1 > "$online" && expect_counter "cpu$cpu.open" = 1
}

# Nor does an offline CPU with a worker keep the module from going.
unloads_with_a_cpu_offline()
{
	echo 0 > "$online" && expect_counter "cpu$cpu.open" = 0 &&
		suite_rmmod && echo 1 > "$online"
}

serves_an_offline_cpu_only()
{
	suite_load cpus="$cpu" && echo 0 > "$online"
}

ktap_plan 7
ktap_check "a CPU that comes late gets a worker" late_cpu_gets_a_worker
suite_run hotplug
ktap_check "modules unload with a CPU offline" unloads_with_a_cpu_offline
ktap_check "the only CPU goes offline" serves_an_offline_cpu_only
suite_run nowhere
echo 1 > "$online"
suite_run api
suite_unload
ktap_finish
