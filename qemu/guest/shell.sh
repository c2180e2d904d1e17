# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What "make shell" does in the VM.

modprobe scopex && modprobe scopex_verity || exit 1
stty -F /dev/ttyS1 sane
cat <<HELP

scopex and its example scopex_verity are loaded, scopex_test can be:
	cat /sys/kernel/debug/scopex/stats
	modprobe scopex_test
	echo api > /sys/kernel/debug/scopex_test/run
	cat /sys/kernel/debug/scopex_test/results
Leave with "exit": the modules are unloaded then, and the log is looked at.

HELP
setsid -c sh -i < /dev/ttyS1 > /dev/ttyS1 2>&1
exit 0
