# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
#
# /load.sh in the VM: for jobs that load modules, and unload them.

failed=0 loaded=''

# load MODULE [PARAMETER]...
load()
{
	echo "# modprobe $*"
	# The kernel loads it all the same, and only says so.
	if ! modprobe "$@" || dmesg | grep "$1: unknown parameter"; then
		failed=1
	fi
	loaded="$1 $loaded"
}

# unload - those that are still there, the last one first, but for what others need
unload()
{
	for _ in $loaded; do
		for module in $loaded; do
			grep -q "^$module [0-9]* 0 " /proc/modules || continue
			echo "# rmmod $module"
			rmmod "$module" || failed=1
		done
	done
	for module in $loaded; do
		grep -q "^$module " /proc/modules || continue
		echo "$module can't be unloaded"
		failed=1
	done
}
