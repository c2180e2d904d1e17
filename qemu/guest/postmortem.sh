# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What "make check WHAT=postmortem" does in the VM: hang, wait until the owners have gone to
# sleep and the item that never returns was noticed, and say so. If the host does
# nothing about it, that is a failure.

# shellcheck source=../../selftests/load.sh
. /load.sh

load scopex stall_ms=1000 && load hang || exit 1
for _ in $(seq 120); do
	! dmesg | grep 'holds up CPU 1' || break
	sleep 1
done
cat /sys/kernel/debug/scopex/scopes
echo hung > /dev/verdict
sleep 1000
exit 1
