# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What "make top" does in the VM. TOP has options of scopex-top; with ROWS there is a
# terminal.

# shellcheck source=../../selftests/load.sh
. /load.sh

load scopex && load scopex_verity || exit 1
while [ ! -e /tmp/stop ]; do
	echo "$DISK" > /sys/kernel/debug/scopex_verity/build || exit 1
done &
load=$!

# shellcheck disable=SC2086 # words
if [ -n "${ROWS:-}" ]; then
	stty -F /dev/job sane rows "$ROWS" cols "$COLUMNS"
	unset COLUMNS
	[ -e "/lib/terminfo/$(echo "$TERM" | cut -c 1)/$TERM" ] || TERM=vt100
	setsid -c scopex-top $TOP < /dev/job > /dev/job 2>&1
else
	scopex-top $TOP
fi
status=$?
touch /tmp/stop
wait "$load" && exit "$status"
