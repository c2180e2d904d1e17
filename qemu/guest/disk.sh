# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# /disk.sh in the VM, for jobs that read a disk.

# need_disk - stop if there is no DISK
need_disk()
{
	[ -b "$DISK" ] && return
	echo "no $DISK: this kernel has no driver for the disks of this VM"
	exit 1
}
