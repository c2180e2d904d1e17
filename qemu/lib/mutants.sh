# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# What check-hazards.sh and check-mutants.sh share: they change copies of the tree, and run
# suites with each of these in a VM, several VMs at a time.

. "$(dirname "${BASH_SOURCE[0]}")/kernel.sh"
. "$(dirname "${BASH_SOURCE[0]}")/build.sh"
. "$(dirname "${BASH_SOURCE[0]}")/accel.sh"

# The cases need other CPUs to be busy with; 4 is what they were written for.
CPUS=4

# A mutant that hangs must not hang for long: a blocked task, or a CPU that is stuck, is a
# panic after this time.
STUCK=12

PARALLEL=${PARALLEL:-2}
is_number PARALLEL= "$PARALLEL"

# begin_mutants KIND - select the kernel; make the directories "log", which the next run
# replaces, and "work", with the tree and the overlay that has the suites. When the script ends,
# its function stop is called, which calls stop_mutants.
begin_mutants()
{
	local alone

	select_kernel python3:python3
	# Once, and not by each VM: the answer is in the cache afterwards.
	[[ $MACHINE != qemu ]] || select_accel
	[[ $MACHINE != qemu ]] || select_emulator

	# The places to build in are the same in each run, and so are the logs.
	mkdir -p "${CACHE:?}/locks"
	exec {alone}>"$CACHE/locks/$1-$KERNEL_ID-$TREE_KEY"
	flock --nonblock "$alone" || die "another run tries the $1 of this tree"

	log=$CACHE/logs/$1-$KERNEL_ID-$TREE_KEY
	rm -rf "$log"
	mkdir -p "$log"
	work=$(mktemp -d "$CACHE/$1.XXXXXX")
	on_exit stop
	mkdir -p "$work/overlay" "$work/tree"
	cp -r "$ROOT/selftests" "$work/overlay/"
	cp -r "$ROOT/Kbuild" "$ROOT/kmod" "$ROOT/include" "$work/tree/"
}

# stop_mutants [PID]... - end these processes, or the groups -PID, and remove "work"
stop_mutants()
{
	local pid

	for pid in "$@"; do
		kill -- "$pid" 2>/dev/null || true
	done
	wait
	rm -rf "$work"
}

# build_tree TREE VARIANT STAGE TARGET [ARG]... - build a tree, and leave the modules in TARGET
#
# Always in the same STAGE, so that only the files that a mutant changes are compiled.
build_tree()
{
	local stage

	stage=$(stage_dir "$3")
	ROOT=$1 build_variant "$2" "$stage" "${@:5}" && install_modules "$stage" "$4"
}

# write_job COMMAND SUITE... - print a job for the guest: it runs the suites, and the command
# each time that one fails
write_job()
{
	cat <<-END
	cd /proc/sys/kernel
	echo $STUCK >hung_task_timeout_secs
	echo 2 >hung_task_check_interval_secs
	echo $STUCK >/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout
	status=0
	for suite in ${*:2}; do
		echo "# suite \$suite"
		sh "/selftests/\$suite.sh"
		case \$? in
		0 | 4) ;;
		*) $1 ;;
		esac
	done
	exit \$status
	END
}

# mutant_vm JOB LOG SECONDS WORDS [OPTION]... - set the array "vm", the command that runs a job
# with the suites; with more WORDS for the kernel's command line, and OPTIONs of vm.sh
mutant_vm()
{
	# Freed memory is poisoned, so that its use is noticed.
	vm=(
		"$ROOT/qemu/vm.sh" --job "$1" --log "$2" --overlay "$work/overlay" --cpus "$CPUS"
		--timeout "$3" --append "slub_debug=FZP nohz=off $4" "${@:5}"
	)
	mkdir -p "$2"
}
