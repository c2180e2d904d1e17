# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# How a VM is started, for vm.sh: machine_NAME sets the array "command", and
# ACCEL. All have ttyS1 for the job and ttyS2 for the verdict; the job finds the
# disk in DISK, init the one for the output in OUTPUT.

# machine_pc - QEMU
machine_pc()
{
	local flags

	if [[ -n $icount ]]; then
		# With a clock that never waits.
		ACCEL=icount
		ACCEL_FLAGS="-accel tcg,thread=single -icount shift=0,sleep=off -cpu max"
		say "running under emulation, one instruction per nanosecond"
	else
		select_accel
	fi
	QEMU=(qemu-system-x86_64)
	if [[ $ACCEL != kvm ]]; then
		select_emulator
		# An emulated clock is the same on all CPUs, so the kernel need not compare
		# them: 7.3 does so with interrupts off, and on a busy machine waits for
		# ever for a CPU that waits in stop_machine() for it to change clocks.
		# Nor has the kernel to see whether the timer's interrupt comes at all: it
		# counts ticks for a short while, and on a busy machine too few of them
		# come, which is a panic.
		cmdline+=" tsc=reliable no_timer_check"
	fi
	read -ra flags <<<"$ACCEL_FLAGS"
	command=(
		"${QEMU[@]}" "${flags[@]}" -nodefaults -no-user-config
		-display none -no-reboot -m "$memory" -smp "$cpus"
		-kernel "$KERNEL_BOOT" -initrd "$dir/initramfs"
		-append "console=ttyS0 $cmdline"
		-chardev "file,id=console,path=$dir/console" -serial chardev:console
	)
	if [[ -n $interactive ]]; then
		command+=(-chardev "stdio,id=job,mux=on,signal=off")
	else
		command+=(-chardev "file,id=job,path=$dir/job.log")
	fi
	command+=(
		-serial chardev:job
		-chardev "file,id=verdict,path=$dir/verdict" -serial chardev:verdict
	)
	if [[ -n $disk ]]; then
		command+=(
			-drive "if=none,id=disk,format=raw,readonly=on,file=$dir/disk"
			-device "virtio-blk-pci,drive=disk"
		)
	fi
	vars+=(DISK=/dev/vda)
	if [[ -n $output ]]; then
		command+=(
			-drive "if=none,id=output,format=raw,cache=unsafe,file=$dir/output"
			-device "virtio-blk-pci,drive=output"
		)
		vars+=("OUTPUT=/dev/vd$([[ -n $disk ]] && echo b || echo a)")
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

# machine_um - User-Mode Linux; the descriptors 5 to 7 are opened by vm.sh
machine_um()
{
	local job=null,fd:6

	[[ -z $icount && $nodes == 1 ]] || die "--icount and --nodes are for VMs in QEMU"
	[[ -z $dump ]] || say "DUMP= is for VMs in QEMU: there will be no dump"
	dump=
	ACCEL=native
	say "running as a process of this machine"
	[[ -z $interactive ]] || job=fd:0,fd:1
	# shellcheck disable=SC2206 # the kernel's command line is words
	command=(
		"$KERNEL_BOOT" "mem=${memory}M" "ncpus=$cpus" seccomp=on
		"initrd=$dir/initramfs" console=tty0 con=null "con0=null,fd:5"
		ssl=null "ssl1=$job" "ssl2=null,fd:7" $cmdline
	)
	[[ -z $disk ]] || command+=("ubd0r=$dir/disk")
	vars+=(DISK=/dev/ubda)
	[[ -n $output ]] || return 0
	command+=("ubd1=$dir/output")
	vars+=(OUTPUT=/dev/ubdb)
}
