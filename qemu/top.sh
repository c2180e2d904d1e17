#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make top: kmod/tools/scopex-top in a VM that builds verity trees all the time.
#
#	TOP=	options of scopex-top, as "--once" or "--json --interval 1 --once";
#		without, it needs a terminal
#	CPUS=	how many the VM has

. "$(dirname "$0")/lib/kernel.sh"
. "$ROOT/qemu/lib/initramfs.sh"

TOP=${TOP:-}
[[ $TOP =~ ^[A-Za-z0-9./\ -]*$ ]] || die "TOP='$TOP' are no options of scopex-top"
options=()
if [[ " $TOP " != *" --once "* ]]; then
	[[ -t 0 && -t 1 ]] || die 'make top needs a terminal, or TOP=--once'
	read -r rows columns < <(stty size)
	options+=(--interactive --env "ROWS=$rows" --env "COLUMNS=$columns")
fi
[[ -z ${CPUS:-} ]] || options+=(--cpus "$CPUS")

select_kernel python3:python3
work_dir

say "putting python into the VM"
mkdir "$WORK/root"
copy_python "$WORK/root" "$ROOT/kmod/tools/scopex-top"
truncate -s 64M "$WORK/data"

run_vm --job "$ROOT/qemu/guest/top.sh" --overlay "$WORK/root" --disk "$WORK/data" \
	--env "TOP=$TOP" --env "TERM=${TERM:-vt100}" --timeout "${TIMEOUT:-300}" \
	"${options[@]}" || {
	say "make top: FAILED"
	exit 1
}
say "make top: OK"
