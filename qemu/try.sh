#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make try M=DIR: build somebody's external modules against scopex, load them in
# a VM, show the log, unload them, and judge. A module that logs the word FAIL makes it
# fail, too.
#
#	PARAMS=	parameters for scopex, as "stall_ms=100"
#	MODULE_PARAMS= parameters for each of the modules in DIR
#	APPEND=	more for the kernel's command line; NAME.PARAMETER=VALUE there is for one
#		of several modules
#	SCRIPT=	a script for the VM's shell, which is run instead of qemu/guest/try.sh: that
#		shows what it has to work with. Its status is the job's.
#	CPUS=	how many the VM has
#	TIMEOUT= in seconds

. "$(dirname "$0")/lib/kernel.sh"
. "$ROOT/qemu/lib/build.sh"
. "$ROOT/qemu/lib/jobs.sh"

[[ -n ${M:-} ]] || die "make try needs M=DIR, the directory of your module"
check_module_dir "$M"
[[ -z ${SCRIPT:-} ]] || check_file SCRIPT "$SCRIPT"
options=()
[[ -z ${CPUS:-} ]] || options+=(--cpus "$CPUS")
[[ -z ${APPEND:-} ]] || options+=(--append "$APPEND")

select_kernel
work_dir
build_theirs "$M"
run_vm --job "${SCRIPT:-$ROOT/qemu/guest/try.sh}" --modules "$WORK/modules" \
	--env "MODULES=$MODULE_NAMES" --env "PARAMS=${PARAMS:-}" \
	--env "MODULE_PARAMS=${MODULE_PARAMS:-}" --modules-judge \
	--timeout "${TIMEOUT:-300}" "${options[@]}" || {
	say "make try: FAILED"
	exit 1
}
say "make try: OK"
