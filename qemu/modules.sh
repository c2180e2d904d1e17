#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make: build the modules in the tree, for KDIR= or the running kernel; where
# there is no build tree of that one, for the kernel that the VM boots.

. "$(dirname "$0")/lib/kernel.sh"
. "$ROOT/qemu/lib/build.sh"

KERNEL_MAKE=()
running=/lib/modules/$(uname -r)/build
if [[ -n ${KDIR:-} ]]; then
	[[ -e $KDIR/Makefile ]] || die "KDIR=$KDIR is not a kernel's build tree"
	KERNEL_BUILD=$(realpath "$KDIR")
elif [[ -z ${KERNEL:-} && -e $running/Makefile ]]; then
	KERNEL_BUILD=$running
else
	[[ -n ${KERNEL:-} ]] ||
		say "no build tree of the running kernel ($(uname -r)): building for the VM's"
	select_kernel
fi

say "building the modules for $KERNEL_BUILD"
kbuild "$ROOT" || die "the modules do not build"
find "$ROOT/kmod" -name '*.ko' | sed "s|^$ROOT/|  |"
