# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# How a VM is started, for vm.sh: machine_NAME sets the array "command", and ACCEL. The
# others are in qemu/arch/.

# guest_names - for the guest: what its terminals for the job and the verdict are called,
# its disk, and the one for the output
guest_names()
{
	vars+=("JOB_TTY=$JOB_TTY" "VERDICT_TTY=$VERDICT_TTY" "DISK=${DISKS}a")
	[[ -z $output ]] || vars+=("OUTPUT=$DISKS$([[ -n $disk ]] && echo b || echo a)")
}

# machine_qemu
machine_qemu()
{
	local flags

	if [[ -n $icount ]]; then
		# With a clock that never waits.
		ACCEL=icount
		ACCEL_FLAGS="-accel tcg,thread=single -icount shift=0,sleep=off -cpu $QEMU_ICOUNT_CPU"
		say "running under emulation, one instruction per nanosecond"
	else
		select_accel
	fi
	QEMU=("$QEMU_PROGRAM")
	if [[ $ACCEL != kvm ]]; then
		select_emulator
		cmdline+=" $EMULATED_WORDS"
	fi
	read -ra flags <<<"$ACCEL_FLAGS"
	command=(
		"${QEMU[@]}" "${flags[@]}" -nodefaults -no-user-config
		-display none -no-reboot -m "$memory" -smp "$cpus"
		-kernel "$KERNEL_BOOT" -initrd "$dir/initramfs"
		-append "console=$CONSOLE $cmdline"
		-chardev "file,id=console,path=$dir/console"
		-chardev "file,id=verdict,path=$dir/verdict" "${QEMU_TTYS[@]}"
	)
	if [[ -n $interactive ]]; then
		command+=(-chardev "stdio,id=job,mux=on,signal=off")
	else
		command+=(-chardev "file,id=job,path=$dir/job.log")
	fi
	if [[ -n $disk ]]; then
		command+=(
			-drive "if=none,id=disk,format=raw,readonly=on,file=$dir/disk"
			-device "$QEMU_DISK,drive=disk"
		)
	fi
	if [[ -n $output ]]; then
		command+=(
			-drive "if=none,id=output,format=raw,cache=unsafe,file=$dir/output"
			-device "$QEMU_DISK,drive=output"
		)
	fi
	((nodes == 1)) || add_nodes
	[[ -z $dump ]] || add_monitor
}

# add_nodes - divide CPUs and memory among NUMA nodes
add_nodes()
{
	local node

	# A socket is in one node, or Linux complains; the last -smp counts.
	command+=(-smp "$cpus,sockets=$nodes")
	((cpus % nodes == 0 && memory % nodes == 0)) ||
		die "$cpus CPUs and $memory MiB are no equal parts for $nodes NUMA nodes"
	for ((node = 0; node < nodes; node++)); do
		command+=(
			-object "memory-backend-ram,id=node$node,size=$((memory / nodes))M"
			-numa "node,nodeid=$node,memdev=node$node,cpus=$((
				node * cpus / nodes))-$(((node + 1) * cpus / nodes - 1))"
		)
	done
}

# add_monitor - what vm.sh asks for a dump; with the device by which the guest's kernel
# says where in memory it is, so that debuggers find it
add_monitor()
{
	[[ $dump != *[\"\\]* ]] || die "can't dump to $dump"
	mkfifo "$dir"/monitor.{in,out}
	command+=(
		-device vmcoreinfo
		-chardev "pipe,id=monitor,path=$dir/monitor"
		-mon "chardev=monitor,mode=control"
	)
}
