# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2031
#
# Architectures: qemu/arch/NAME.conf is all there is about one, and everything else reads
# these variables. qemu/arch/NAME.config is what its kernels need beyond
# qemu/kernels/fragments/common.config. "make check WHAT=lint" looks for the words of NAMES in
# other files.
#	NAMES		what no other file may name: an extended regular expression
#	UNAME		what "uname -m" says on such a machine; empty if no machine does
#	TREE		the line of include/config/auto.conf by which a kernel's build
#			tree is known to be for it
#	KBUILD_ARCH	kbuild's ARCH=
#	IMAGE_TARGET, IMAGE  what make builds to have something to boot, and where that
#			is in the build tree
#	DEB_ARCH	Debian's name, which its kernel packages end with
#	ARCH_TOOLS	what it takes to run a VM, as need_tools has it: COMMAND:PACKAGE
#	BUILD_TOOLS	what else it takes to build a kernel, as COMMAND:PACKAGE
#	REPLACED	what is replaced in the kernel's source by a file of qemu/arch/, as
#			PATH:FILE; may be empty
#	MACHINE		what a VM is: qemu, or um, for which machine_um() is in NAME.conf
#	CONSOLE		the kernel's console, as its command line has it
#	JOB_TTY, VERDICT_TTY  the guest's terminals for these, in /dev
#	DISKS		its disks, but for their letter
#	GUEST_MODULES	modules that these and the monitor need, where they are not built in
#	QEMU_PROGRAM, QEMU_PACKAGE  what emulates it, and Debian's package of that
#	QEMU_SINCE	the first version that does so soundly
#	QEMU_BREAKS	what the log has where an older one has broken the guest: an
#			extended regular expression
#	QEMU_PARTS	the packages of a newer one, for lib/emulator.sh
#	QEMU_DATA	where these have what QEMU's -L names
#	QEMU_CPU	the model of the CPU
#	QEMU_ICOUNT_CPU	the same where instructions are counted
#	QEMU_TTYS	an array: the options that make terminals of the character devices
#			console, job and verdict
#	QEMU_DISK	the device that a disk is
#	EMULATED_WORDS	for the kernel's command line, if there is no KVM
#	PROBE_DRIVE	the kind of disk that the firmware boots from, as QEMU's -drive has it
#	PROBE_FLAGS, PROBE_STATUS  the options that run what write_probe() writes to the
#			disk FILE, and the status with which QEMU ends then; see lib/accel.sh

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# first_arch TEST [ARG]... - the name of the first architecture for which TEST, which can
# see its variables, is true; false if no architecture has it
first_arch()
{
	local conf

	for conf in "$ROOT"/qemu/arch/*.conf; do
		(
			# shellcheck source=/dev/null
			. "$conf"
			"$@"
		) || continue
		basename "$conf" .conf
		return
	done
	return 1
}

is_host()
{
	[[ $UNAME == "$(uname -m)" ]]
}

# host_arch - the name of this machine's
host_arch()
{
	first_arch is_host || die "there is no qemu/arch/ for $(uname -m)"
}

is_of_tree()
{
	grep -qsxF "$TREE" "$1/include/config/auto.conf"
}

# tree_arch DIR - the name of that for which the kernel's build tree DIR is
tree_arch()
{
	first_arch is_of_tree "$1"
}

# load_arch NAME - read its file; sets ARCH
load_arch()
{
	ARCH=$1
	# shellcheck source=/dev/null
	. "$ROOT/qemu/arch/$ARCH.conf"
}
