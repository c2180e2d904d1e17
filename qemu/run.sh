#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make run: build FILE's verity tree in a VM, and compare it with veritysetup's; or, with
# JOB=echo, serve connections of a TCP echo server in each of its ways, and compare these.
#
#	JOB=	verity (the default) or echo
#	CONNECTIONS=, BUSY=, SECONDS_EACH=, PAYLOAD=  of the echo server: how many connections are
#		held, and on how many messages of so many bytes are sent for so many seconds
#	FILE=	the data (default: the package of the kernel that is booted)
#	SALT=	in hex; "-" for none
#	CPUS=	how many the VM has
#	TIMEOUT= in seconds

. "$(dirname "$0")/lib/kernel.sh"
. "$ROOT/qemu/lib/jobs.sh"

# run_echo - a VM with more memory than usual, for a thread for each connection
run_echo()
{
	local name vars=()

	CONNECTIONS=${CONNECTIONS:-10000} BUSY=${BUSY:-100}
	SECONDS_EACH=${SECONDS_EACH:-10} PAYLOAD=${PAYLOAD:-64}
	for name in CONNECTIONS BUSY SECONDS_EACH PAYLOAD; do
		is_number "$name" "${!name}"
		vars+=(--env "$name=${!name}")
	done

	select_kernel gcc:gcc stdio.h:libc6-dev
	work_dir
	mkdir -p "$WORK/root/bin"
	gcc -O2 -Wall -static -o "$WORK/root/bin/echo-load" "$ROOT/selftests/echo-load.c" ||
		die "selftests/echo-load.c does not compile"
	cp "$ROOT/selftests/ktap.sh" "$WORK/root/"
	run_vm --job "$ROOT/qemu/guest/echo.sh" --overlay "$WORK/root" --memory 2048 \
		--cpus "${CPUS:-4}" --timeout "${TIMEOUT:-900}" "${vars[@]}" || {
		say "make run: FAILED"
		exit 1
	}
	say "make run: OK, each way has held $CONNECTIONS connections, and echoed each byte"
}

case ${JOB:-verity} in
verity) ;;
echo)
	run_echo
	exit
	;;
*) die "unknown JOB=$JOB; known: verity echo" ;;
esac

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
