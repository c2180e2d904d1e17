#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check WHAT=matrix: make check with one kernel after the other, and a table.
#
#	KERNELS= names (default: all in qemu/kernels/ but those that say MATRIX=no)
#	TEST=, TIMEOUT= as for make check
#
# A kernel that can't be had here, or that no VM was booted with, is shown as not run,
# and counts as a failure. The last line sums up.

. "$(dirname "$0")/lib/kernel.sh"

# Names are checked before anything is run.
kernels=''
for kernel in ${KERNELS:-$(known_kernels)}; do
	load_flavour "$kernel"
	[[ -z ${KERNELS:-} && $MATRIX == no ]] || kernels+=" $kernel"
done
make_cache
work=$(mktemp -d)
on_exit rm -rf "$work"

row()
{
	printf '%-12s %-24s %-7s %-34s %-8s %6s\n' "$@" >>"$work/table"
}

# Kernels that failed without a failed result.
bad=()
row kernel version runs-on tests verdict time
for kernel in $kernels; do
	say "make check KERNEL=$kernel"
	# shellcheck disable=SC2154 # common.sh sets it
	start=$SECONDS status=0 version=- accel=- before=$failed
	log=$CACHE/logs/check-$kernel-$TREE_KEY
	rm -f "$log/machine"
	KERNEL=$kernel "$ROOT/qemu/check.sh" | tee "$work/out" || status=$?
	count "$work/out"
	tests=$(tail -n 1 "$work/out" | grep -xE '[0-9]+ passed, .* skipped') || tests=-
	[[ ! -e $log/machine ]] || read -r version accel <"$log/machine"
	case $status in
	0)
		verdict=passed
		[[ -e $log/machine ]] || verdict='not run' status=$UNAVAILABLE
		;;
	"$UNAVAILABLE") verdict='not run' ;;
	*) verdict=FAILED ;;
	esac
	((!status || failed > before)) || bad+=("make check KERNEL=$kernel: $verdict")
	row "$kernel" "$version" "$accel" "$tests" "$verdict" "$((SECONDS - start))s"
done

echo
cat "$work/table"
for kernel in "${bad[@]}"; do
	ktap_not_ok "$kernel"
done
conclude "make check WHAT=matrix"
