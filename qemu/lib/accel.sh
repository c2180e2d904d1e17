# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# KVM or emulation? A /dev/kvm that opens can still hang its user for good, so
# it has to prove itself by running a boot sector within seconds, several times, as some
# succeed only now and then. A KVM that runs boot sectors may still not run a kernel; vm.sh
# finds that out, and emulates until the machine is booted again. After load_arch.

. "$(dirname "${BASH_SOURCE[0]}")/emulator.sh"

accel_flags()
{
	case $1 in
	kvm) echo "-accel kvm -cpu $QEMU_CPU" ;;
	tcg) echo "-accel tcg,thread=multi -cpu $QEMU_CPU" ;;
	esac
}

# accel_works ACCEL - can it run a boot sector?
#
# A QEMU that spins in the kernel may survive even SIGKILL: so it is waited for
# here with a limit, and then left behind.
accel_works()
{
	local dir status tick

	dir=$(mktemp -d)
	write_probe "$dir/disk"
	# shellcheck disable=SC2046 # flags are words
	(
		status=0
		timeout -k 1 5 "$QEMU_PROGRAM" $(accel_flags "$1") -nodefaults \
			-no-user-config -display none -no-reboot -m 32 \
			-drive "file=$dir/disk,format=raw,if=$PROBE_DRIVE,readonly=off" \
			"${PROBE_FLAGS[@]}" </dev/null >/dev/null 2>&1 || status=$?
		echo "$status" >"$dir/status"
		# Without the shell's message about a QEMU that aborts.
	) 2>/dev/null &
	for ((tick = 0; tick < 80; tick++)); do
		[[ ! -s $dir/status ]] || break
		sleep 0.1
	done
	status=$(cat "$dir/status" 2>/dev/null || echo none)
	rm -rf "$dir"
	[[ $status == "$PROBE_STATUS" ]]
}

# How often it has to.
ACCEL_PROOFS=3

kvm_works()
{
	local proof

	[[ -w /dev/kvm ]] || return
	for ((proof = 0; proof < ACCEL_PROOFS; proof++)); do
		accel_works kvm || return
	done
}

# select_accel - set ACCEL and ACCEL_FLAGS; ACCEL= in the environment decides, or else the
# last result since the machine was booted, in the file ACCEL_KNOWN=
select_accel()
{
	case ${ACCEL:-} in
	kvm | tcg)
		ACCEL_KNOWN=
		say "running under ${ACCEL^^}, as ACCEL= says"
		ACCEL_FLAGS=$(accel_flags "$ACCEL")
		return
		;;
	"") ;;
	*) die "ACCEL has to be kvm or tcg, not '$ACCEL'" ;;
	esac

	: "${ACCEL_KNOWN:=$CACHE/accel-$EUID-$(</proc/sys/kernel/random/boot_id)}"
	ACCEL=$(cat "$ACCEL_KNOWN" 2>/dev/null || true)
	if [[ $ACCEL != kvm && $ACCEL != tcg ]]; then
		ACCEL=tcg
		if kvm_works; then
			ACCEL=kvm
		fi
		rm -f "$CACHE/accel-$EUID"-*
		echo "$ACCEL" >"$ACCEL_KNOWN"
	fi
	if [[ $ACCEL == kvm ]]; then
		say "running under KVM: /dev/kvm has proved itself since the last boot"
	elif [[ -e /dev/kvm ]]; then
		say "running under emulation (TCG): /dev/kvm is there but does not work"
	else
		say "running under emulation (TCG): there is no /dev/kvm"
	fi
	ACCEL_FLAGS=$(accel_flags "$ACCEL")
}
