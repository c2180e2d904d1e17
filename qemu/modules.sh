#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make: build the modules in the tree, for KDIR= or the running kernel; where
# there is no build tree of that one, for the kernel that the VM boots.

. "$(dirname "$0")/lib/kernel.sh"
. "$ROOT/qemu/lib/build.sh"

running=/lib/modules/$(uname -r)/build
if [[ -n ${KDIR:-} ]]; then
	use_tree "$KDIR"
elif [[ -z ${KERNEL:-} && -e $running/Makefile ]]; then
	use_tree "$running"
else
	[[ -n ${KERNEL:-} ]] ||
		say "no build tree of the running kernel ($(uname -r)): building for the VM's"
	select_kernel
fi

say "building the modules for $KERNEL_BUILD"
kbuild "$ROOT" || die "the modules do not build"
find "$ROOT/kmod" -name '*.ko' | sed "s|^$ROOT/|  |"
