#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make try M=DIR: build somebody's external modules against scopex, load them in
# a VM, show the log, unload them, and judge.

. "$(dirname "$0")/lib/kernel.sh"
. "$ROOT/qemu/lib/build.sh"

[[ -n ${M:-} ]] || die "make try needs M=DIR, the directory of your module"
[[ -d $M ]] || die "M=$M is not a directory"
[[ -e $M/Kbuild || -e $M/Makefile ]] || die "M=$M has neither Kbuild nor Makefile"
source=$(realpath "$M")

select_kernel
build_scopex release
work_dir

theirs=$(stage_dir "try-$(sha1sum <<<"$source" | cut -c1-8)")
stage "$source" "$theirs"
say "building the modules in $source for $KERNEL_RELEASE"
kbuild "$theirs" KBUILD_EXTRA_SYMBOLS="$STAGE/Module.symvers" \
	KCPPFLAGS="-I$STAGE/include" || die "the modules in $source do not build"

install_modules "$STAGE" "$WORK/modules"
install_modules "$theirs" "$WORK/modules"
module_names=$(for module in $(built_modules "$theirs"); do basename "$module" .ko; done |
	tr '\n-' ' _')
run_vm --job "$ROOT/qemu/guest/try.sh" --modules "$WORK/modules" \
	--env "MODULES=$module_names" --timeout "${TIMEOUT:-300}" || {
	say "make try: FAILED"
	exit 1
}
say "make try: OK"
