# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What "make check WHAT=latency" does in the VM: for each of RUNS, which are CASE:N:WORKERS,
# load scopex and latency with so many workers and objects; or, for STRESS_SECONDS, do the
# stress test. What was measured is in the log.

# shellcheck source=../../selftests/load.sh
. /load.sh

# text - the addresses of scopex's first and last function
text()
{
	awk '$4 == "[scopex]" && tolower($2) == "t" { print "0x" $1 }' /proc/kallsyms |
		sort | sed -n '1p;$p' | tr '\n' ' ' | sed 's/ $//;s/ /,/'
}

# stress - measure during the stress test, while files are read
stress()
{
	load scopex
	load scopex_test stress_seconds="$STRESS_SECONDS"
	load latency text="$(text)"
	while [ ! -e /tmp/stop ]; do
		cat /sys/kernel/debug/scopex/* >/dev/null 2>&1
	done &
	echo stress >/sys/kernel/debug/scopex_test/run || failed=1
	touch /tmp/stop
	wait
	unload_all
}

[ -z "${STRESS_SECONDS:-}" ] || stress
for run in $RUNS; do
	workers=${run##*:} n=${run%:*} n=${n#*:}
	load scopex standby="$workers" workers="$((workers + 64))"
	load latency text="$(text)" run="${run%%:*}" n="$n"
	unload_all
done
dmesg | sed -n 's/^.*\] latency: /latency: /p'
exit "$failed"
