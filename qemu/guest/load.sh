# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
#
# /load.sh in the VM, for all that loads modules there, and unloads them. "failed" is 1 if
# anything of that has failed.

failed=0

# insert MODULE [PARAMETER]...
insert()
{
	echo "# modprobe $*"
	modprobe "$@" && return
	failed=1
	return 1
}

# knows_parameters MODULE - the kernel loads it with others all the same, and only says so
knows_parameters()
{
	dmesg | grep "$1: unknown parameter" || return 0
	failed=1
	return 1
}

# load MODULE [PARAMETER]...
load()
{
	insert "$@" && knows_parameters "$1"
}

# loaded [KEPT] - the modules that are not the kernel's own, but KEPT, and how many use each
loaded()
{
	awk -v kept="${1:-}" '$7 ~ /O/ && $1 != kept { print $1, $3 }' /proc/modules
}

# unload [KEPT] - all modules that are not the kernel's own, but KEPT; each before the modules
# that it needs. The last line says what has failed.
unload()
{
	while modules=$(loaded "$@" | sed -n 's/ 0$//p') && [ "$modules" ]; do
		for module in $modules; do
			echo "# rmmod $module"
			rmmod "$module" && continue
			echo "rmmod $module failed"
			failed=1
			return 1
		done
	done
	modules=$(loaded "$@" | sed 's/ .*//' | tr '\n' ' ')
	[ "$modules" ] || return 0
	echo "still in use: $modules"
	failed=1
	return 1
}

# need_disk - stop if there is no DISK
need_disk()
{
	[ -b "$DISK" ] && return
	echo "no $DISK: this kernel has no driver for the disks of this VM"
	exit 1
}
