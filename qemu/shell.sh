#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make shell: a shell in a VM that has the modules.
#
#	M=	a directory with your own modules, for modprobe there
#	PARAMS=	parameters for scopex, as "stall_ms=100"
#	CPUS=	how many the VM has

. "$(dirname "$0")/lib/kernel.sh"
. "$ROOT/qemu/lib/build.sh"
. "$ROOT/qemu/lib/jobs.sh"

[[ -t 0 && -t 1 ]] || die "make shell needs a terminal"
[[ -z ${M:-} ]] || check_module_dir "$M"
options=()
[[ -z ${CPUS:-} ]] || options+=(--cpus "$CPUS")

select_kernel
work_dir
if [[ -n ${M:-} ]]; then
	build_theirs "$M"
	options+=(--modules "$WORK/modules" --env "MODULES=$MODULE_NAMES")
fi
run_vm --job "$ROOT/qemu/guest/shell.sh" --interactive --env "PARAMS=${PARAMS:-}" \
	"${options[@]}" || {
	say "make shell: FAILED"
	exit 1
}
