# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What "make shell" does in the VM: PARAMS are for scopex, MODULES are the user's.

# shellcheck source=../../selftests/load.sh
. /load.sh

# shellcheck disable=SC2086 # words
load scopex $PARAMS && load scopex_verity || exit 1
stty -F /dev/job sane
cat <<HELP

scopex and its example scopex_verity are loaded, scopex_test can be:
	cat /sys/kernel/debug/scopex/stats
	modprobe scopex_test
	echo api > /sys/kernel/debug/scopex_test/run
	cat /sys/kernel/debug/scopex_test/results
Leave with "exit": the modules are unloaded then, and the log is looked at.

HELP
[ -z "$MODULES" ] || echo "Your own are for modprobe, as they come: $MODULES"
setsid -c sh -i < /dev/job > /dev/job 2>&1
exit 0
