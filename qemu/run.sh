#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make run: build FILE's verity tree in a VM, and compare it with veritysetup's.
#
#	FILE=	the data (default: the package of the kernel that is booted)
#	SALT=	in hex; "-" for none
#	CPUS=	how many the VM has
#	TIMEOUT= in seconds

. "$(dirname "$0")/lib/kernel.sh"
. "$ROOT/qemu/lib/jobs.sh"

SALT=${SALT:--}
[[ $SALT == - || $SALT =~ ^([0-9a-fA-F]{2}){1,256}$ ]] ||
	die "SALT has to be pairs of hex digits, 256 at most, or -: '$SALT'"
[[ -z ${FILE:-} ]] || check_file FILE "$FILE"

select_kernel
work_dir
verity_data

say "asking veritysetup for the root hash"
veritysetup format --no-superblock --format=1 --hash=sha256 --salt="$SALT" \
	--data-block-size=4096 --hash-block-size=4096 \
	"$WORK/data" "$WORK/hash" >"$WORK/out" 2>&1 ||
	die "veritysetup failed: $(<"$WORK/out")"
oracle=$(sed -n 's/^Root hash:[[:space:]]*//p' "$WORK/out")
[[ -n $oracle ]] || die "veritysetup printed no root hash"

say "building the verity tree of $DATA"
options=()
[[ -z ${CPUS:-} ]] || options+=(--cpus "$CPUS")
run_vm --job "$ROOT/qemu/guest/run.sh" --disk "$WORK/data" \
	--env "ORACLE=$oracle" --env "SALT=$SALT" --timeout "${TIMEOUT:-600}" \
	"${options[@]}" || {
	say "make run: FAILED"
	exit 1
}
say "make run: OK, same root hash as veritysetup's: $oracle"
