# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What "make timeline" does in the VM: record the trace events of a job. That is to
# load and unload MODULES, if it names any, or else the verity tree of $DISK.
# BUFFER_KB is how large the tracer's buffer is, for each CPU; PARAMS are for scopex.

verity=/sys/kernel/debug/scopex_verity
# shellcheck source=../../selftests/load.sh
. /load.sh
# shellcheck source=disk.sh
. /disk.sh

# Nothing writes to a file while the job runs: what is recorded is in the buffer, and
# is read from there when it is over.
start_trace()
{
	trace-cmd start -q -C mono -b "$BUFFER_KB" -e scopex >/tmp/log 2>&1 && return
	cat /tmp/log
	echo "trace-cmd does not work with this kernel"
	exit 1
}

# As long as the modules are there: the names of their functions.
save_symbols()
{
	cat /proc/kallsyms >/tmp/kallsyms
}

save_trace()
{
	trace-cmd stop || failed=1
	mount --bind /tmp/kallsyms /proc/kallsyms || failed=1
	trace-cmd extract -o /output/trace.dat >/tmp/log 2>&1 || {
		cat /tmp/log
		failed=1
	}
	umount /proc/kallsyms
}

verity_job()
{
	need_disk
	load scopex_verity || exit 1
	# The first one reads the disk.
	echo "$DISK salt=-" >$verity/build || exit 1
	start_trace
	echo "$DISK salt=-" >$verity/build || failed=1
	save_symbols
	cat $verity/result
}

modules_job()
{
	start_trace
	for module in $MODULES; do
		load "$module"
	done
	save_symbols
	unload_all scopex
}

# Before anything is recorded, and until that is saved: the events are in it.
# shellcheck disable=SC2086 # words
load scopex $PARAMS || exit 1
if [ "$MODULES" ]; then
	modules_job
else
	verity_job
fi
save_trace
exit $failed
