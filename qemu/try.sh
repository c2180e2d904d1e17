#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make try M=DIR: build somebody's external modules against scopex, load them in
# a VM, show the log, unload them, and judge.
#
#	PARAMS=	parameters for scopex, as "stall_ms=100"
#	CPUS=	how many the VM has
#	TIMEOUT= in seconds

. "$(dirname "$0")/lib/kernel.sh"
. "$ROOT/qemu/lib/build.sh"
. "$ROOT/qemu/lib/jobs.sh"

[[ -n ${M:-} ]] || die "make try needs M=DIR, the directory of your module"
check_module_dir "$M"
options=()
[[ -z ${CPUS:-} ]] || options+=(--cpus "$CPUS")

select_kernel
work_dir
build_theirs "$M"
run_vm --job "$ROOT/qemu/guest/try.sh" --modules "$WORK/modules" \
	--env "MODULES=$MODULE_NAMES" --env "PARAMS=${PARAMS:-}" \
	--timeout "${TIMEOUT:-300}" "${options[@]}" || {
	say "make try: FAILED"
	exit 1
}
say "make try: OK"
