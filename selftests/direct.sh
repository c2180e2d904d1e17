#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# tasks wait for direct reads and writes, of a file of the tests, of a block device, and of a file,
# whose file system is frozen, too
. "$(dirname "$0")/suite.sh"

DISK_DIR=/tmp/scopex-disk.$$

# open_null_blk - under the number 8: a device that keeps what is written in memory, that takes
# 100 us for a request, and that completes it in an interrupt
open_null_blk()
{
	modprobe null_blk nr_devices=1 gb=1 memory_backed=1 irqmode=2 completion_nsec=100000 \
		2>/dev/null && wait_until 10 test -b /dev/nullb0 && exec 8<>/dev/nullb0
}

close_null_blk()
{
	exec 8>&-
	rmmod null_blk
}

# open_loop - the same number: a device that is a file, and that completes a request in a thread
open_loop()
{
	loop=$(losetup -f 2>/dev/null) && losetup "$loop" "$DISK_DIR/disk" 2>/dev/null &&
		exec 8<>"$loop"
}

close_loop()
{
	exec 8>&-
	losetup -d "$loop"
}

# run_on DEVICE - the suite on a device, if the kernel has it
run_on()
{
	if "open_$1"; then
		ktap_msg "disk is $1"
		suite_run disk
		"close_$1"
	else
		ktap_skip "disk is $1" "there is no $1"
	fi
}

make_file()
{
	mkdir "$DISK_DIR" && mount -t tmpfs none "$DISK_DIR" &&
		dd if=/dev/zero of="$DISK_DIR/disk" bs=4096 count=1024 2>/dev/null
}

remove_file()
{
	exec 8>&-
	umount "$DISK_DIR"
	rmdir "$DISK_DIR"
}

ktap_plan 7
suite_load
suite_run direct
ktap_check "a file can be made" make_file
run_on null_blk
run_on loop
ktap_msg "disk is a file"
exec 8<>"$DISK_DIR/disk"
suite_run disk
suite_run frozen
remove_file
suite_unload
ktap_finish
