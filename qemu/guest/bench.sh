# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What "make bench" does in the VM: load scopex_bench with each of RUNS, parameters with
# semicolons between them, and leave its results in /output/results.csv.

results=/sys/kernel/debug/scopex_bench/results
failed=0

modprobe scopex || exit 1
IFS=';'
for run in $RUNS; do
	echo "# modprobe scopex_bench $run"
	# One line for each CPU list or the like: words again.
	IFS=' '
	# shellcheck disable=SC2086 # words
	modprobe scopex_bench $run || exit 1
	cat $results > /tmp/results || exit 1
	grep -v '^complete$' /tmp/results >> /output/results.csv
	[ "$(tail -n 1 /tmp/results)" = complete ] || {
		dmesg | grep 'scopex_bench: .*\(failed\|: -\|not \)'
		failed=1
	}
	rmmod scopex_bench || exit 1
done
exit $failed
