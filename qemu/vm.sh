#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Boot a VM that runs one job, and judge it: the status is 0 only if the job
# succeeded, all modules could be unloaded, the kernel log is clean and the VM
# powered itself off.
#
#	qemu/vm.sh --job FILE [OPTION]...
#	  --job FILE	  shell script for the guest
#	  --log DIR	  leave console.log and job.log there
#	  --modules DIR	  modules for lib/modules/RELEASE/extra (default: those of
#			  the tree, built now)
#	  --overlay DIR	  copied over the guest's root; may be repeated
#	  --disk FILE	  a disk for the job, read-only: DISK names it there
#	  --output DIR	  what the job puts into /output of the guest is left in DIR,
#			  also if the job fails; it comes as a tar, on a disk
#	  --append WORDS  more for the kernel's command line
#	  --env NAME=VALUE  for the job; may be repeated
#	  --cpus N	  (default: as many as the host, but two at least)
#	  --memory MIB	  (default: 1024)
#	  --nodes N	  NUMA nodes, each with an equal part of both (default: 1)
#	  --icount	  emulate one CPU so that its clock counts instructions, a
#			  nanosecond for each
#	  --modules-judge a module that logs the word FAIL makes the VM fail
#	  --timeout S	  (default: 900)
#	  --interactive	  the job has the terminal, and no time limit
#
# The kernel is chosen by the environment: see qemu/lib/kernel.sh.
#
#	DUMP=	where the memory of a VM that hangs is left, for debuggers: one that is
#		not done in time, or whose job has written "hung" to /dev/verdict

. "$(dirname "$0")/lib/kernel.sh"
. "$ROOT/qemu/lib/build.sh"
. "$ROOT/qemu/lib/accel.sh"
. "$ROOT/qemu/lib/machine.sh"
. "$ROOT/qemu/lib/initramfs.sh"

# A VM whose init has not shown up by then never will.
BOOT_TIMEOUT=${BOOT_TIMEOUT:-180}
# A kernel that has printed nothing by then is not run by KVM.
KVM_TIMEOUT=${KVM_TIMEOUT:-30}

arguments=("$@")
job='' log='' modules='' overlays=() vars=() disk='' output='' interactive='' append=''
nodes=1 icount='' modules_judge=''
cpus=$(($(nproc) > 2 ? $(nproc) : 2)) memory=1024 limit=900
dump=${DUMP:+$(realpath -m "$DUMP")}
while (($#)); do
	case $1 in
	--interactive)
		interactive=y
		shift
		continue
		;;
	--icount)
		icount=y cpus=1
		shift
		continue
		;;
	--modules-judge)
		modules_judge=y
		shift
		continue
		;;
	--job) job=${2:?} ;;
	--log) log=${2:?} ;;
	--modules) modules=${2:?} ;;
	--overlay) overlays+=("${2:?}") ;;
	--disk) disk=${2:?} ;;
	--output) output=${2:?} ;;
	--append) append=${2:?} ;;
	--env) vars+=("${2:?}") ;;
	--cpus) cpus=${2:?} ;;
	--memory) memory=${2:?} ;;
	--nodes) nodes=${2:?} ;;
	--timeout) limit=${2:?} ;;
	*) die "vm.sh: unknown option $1" ;;
	esac
	shift 2
done
[[ -r $job ]] || die "vm.sh needs --job FILE"
is_number "the number of CPUs" "$cpus"
is_number "the size of the memory" "$memory"
is_number "the number of NUMA nodes" "$nodes"
is_number "the time limit" "$limit"

select_kernel

dir=$(mktemp -d "${TMPDIR:-/tmp}/scopex-vm.XXXXXX")
log=${log:-$dir}
vm='' terminal='' watcher=''
[[ -z $interactive ]] || terminal=$(stty -g)
# An existing one belongs to another run.
[[ -z $dump ]] || rm -f "$dump"
# The VM has to go with us, whatever ends us.
cleanup()
{
	[[ -z $vm ]] || kill -KILL "$vm" 2>/dev/null || true
	[[ -z $watcher ]] || kill "$watcher" 2>/dev/null || true
	# As it would have left its terminal.
	[[ -z $terminal ]] || stty "$terminal" 2>/dev/null || true
	rm -rf "$dir"
}
on_exit cleanup

cmdline="ignore_loglevel log_buf_len=4M"
cmdline+=" panic=-1 oops=panic hung_task_panic=1 softlockup_panic=1"
cmdline+=" sysctl.kernel.panic_on_rcu_stall=1"
cmdline+=" sysctl.kernel.hung_task_timeout_secs=60 $append"
[[ -z $disk ]] || ln -s "$(realpath "$disk")" "$dir/disk"
# As large as the guest's memory, so all output fits; unwritten blocks take no room.
[[ -z $output ]] || truncate -s "${memory}M" "$dir/output"
machine_"$MACHINE"
guest_names

if [[ -z $modules ]]; then
	build_scopex release
	modules=$dir/modules
	install_modules "$STAGE" "$modules"
fi
mkdir -p "$log" "$dir/job"
cp "$job" "$dir/job/job.sh"
for var in "${vars[@]}"; do
	[[ $var =~ ^[A-Za-z_]+=[^\']*$ ]] || die "vm.sh: can't pass on --env $var"
	printf "%s='%s'\n" "${var%%=*}" "${var#*=}"
done >"$dir/job/job.env"
make_initramfs "$dir/initramfs" "$modules" "$dir/job" "${overlays[@]}"

say "booting $KERNEL_RELEASE with $cpus CPUs"
echo "$KERNEL_RELEASE $ACCEL" >"$log/machine"
touch "$dir"/{console,job.log,verdict}
red=()

# dump_memory - to $dump, if that was asked for; by QEMU, the VM need not do anything
dump_memory()
{
	local line in out

	[[ -n $dump ]] || return 0
	# QEMU makes them read-only.
	rm -f "$dump"
	exec {in}<>"$dir/monitor.in" {out}<>"$dir/monitor.out"
	printf '%s\n' '{"execute": "qmp_capabilities"}' \
		"{\"execute\": \"dump-guest-memory\", \"id\": \"dump\", \"arguments\":
		{\"paging\": false, \"protocol\": \"file:$dump\"}}" >&"$in"
	while read -r -t 300 -u "$out" line; do
		case $line in
		*'"error"'*)
			say "the VM's memory could not be dumped: $line"
			return
			;;
		*'"id": "dump"'*)
			say "the VM's memory: $dump"
			return
			;;
		esac
	done
	say "the VM's memory could not be dumped: QEMU does not answer"
}

# first_bad FILE - the number of the first line that is bad, if there is one
first_bad()
{
	[[ -z $splats ]] || grep -anFm 1 -e "${splats%%$'\n'*}" "$1" | cut -d: -f1 || true
}

# first_said FILE - what scopex says in the warning that is the first bad thing
first_said()
{
	local bad

	bad=$(first_bad "$1")
	[[ -n $bad ]] || return 0
	# After its first line, or before it in older kernels.
	{
		sed -n "$bad,$((bad + 3))p" "$1"
		sed -n "$((bad > 2 ? bad - 2 : 1)),${bad}p" "$1" | tac
	} | tr -d '\r' | sed -n '/taint/d; s/^\[[^]]*\] \(scopex: \)/: \1/p' | head -n 1
}

# show_console FILE - what is in it around the first line that is bad, and at its end if
# the VM did not come to one
show_console()
{
	local bad from end

	bad=$(first_bad "$1")
	end=$(wc -l <"$1")
	{
		if [[ -n $bad ]]; then
			from=$((bad > 20 ? bad - 20 : 1))
			say "the VM's console, from its line $from on:"
			sed -n "$from,$((bad + 40))p" "$1"
		fi
		if [[ -z $bad ]] || { [[ -z $verdict ]] && ((end > bad + 40)); }; then
			say "the end of the VM's console:"
			tail -n 25 "$1"
		fi
	} | tr -d '\r' | sed 's/^/  | /' >&2
}

# module_fails FILE - the lines in which a module says FAIL. Few modules begin their lines
# with their names, but once the first one is loaded nothing else logs that word.
module_fails()
{
	awk -f "$ROOT/qemu/scan-log/whole-lines.awk" "$1" |
		sed -n '/: loading out-of-tree module /,$p' | grep -aw FAIL
}

# end_with_terminal PID - only the leader of the session is told that its terminal has gone,
# and that may be a make which waits for us
end_with_terminal()
{
	while kill -0 "$1" 2>/dev/null; do
		[[ -t 0 ]] || kill -KILL "$1"
		sleep 1
	done
}

# emulate_instead - all over again, if KVM, where that was our choice, has not run a single
# line of the kernel; a process that spins in KVM can't be waited for
emulate_instead()
{
	[[ $ACCEL == kvm && -n $ACCEL_KNOWN && ! -s $dir/console ]] || return 0
	say "the kernel has printed nothing: KVM does not work here, in spite of its proof"
	echo tcg >"$ACCEL_KNOWN"
	kill "$tail" 2>/dev/null || true
	cleanup
	trap - EXIT
	ACCEL='' exec "$ROOT/qemu/vm.sh" "${arguments[@]}"
}

# watch - wait for the end of the VM, or end it when its time is over
watch()
{
	local start=$SECONDS said

	while kill -0 "$vm" 2>/dev/null; do
		((SECONDS - start < KVM_TIMEOUT)) || emulate_instead
		if ((SECONDS - start >= BOOT_TIMEOUT)) && [[ ! -s $dir/verdict ]]; then
			red+=("no sign of life from the VM's init in $BOOT_TIMEOUT s")
			break
		fi
		if ((SECONDS - start >= limit)); then
			red+=("not done within $limit s (TIMEOUT= raises the limit)")
			dump_memory
			break
		fi
		mapfile -t said <"$dir/verdict"
		if [[ " ${said[*]} " == *" hung "* ]]; then
			red+=("the job says that it hangs")
			dump_memory
			break
		fi
		sleep 0.2
	done
	kill -KILL "$vm" 2>/dev/null || true
}

status=0
if [[ -n $interactive ]]; then
	# In the background, so that it goes with a terminal that goes.
	"${command[@]}" <&0 5>"$dir/console" 6>/dev/null 7>"$dir/verdict" &
	vm=$!
	end_with_terminal "$vm" <&0 &
	watcher=$!
	wait "$vm" || status=$?
	vm=
else
	"${command[@]}" </dev/null >"$dir/process" 2>&1 \
		5>"$dir/console" 6>"$dir/job.log" 7>"$dir/verdict" &
	vm=$!
	tail -n +1 -f --sleep-interval=0.2 --pid="$vm" "$dir/job.log" &
	tail=$!
	watch
	# Without the shell's word of a process that was killed.
	{ wait "$vm" || status=$?; } 2>/dev/null
	vm=
	wait "$tail" || true
	((status == 0 || ${#red[@]})) || cat "$dir/process" >&2
fi

verdict=$(tail -n 1 "$dir/verdict")
((${#red[@]})) || ((status == 0)) || red+=("the VM's process ended with status $status")
case $verdict in
pass) ;;
fail:*) red+=("${verdict#fail: }") ;;
*) ((${#red[@]} && status == 137)) || red+=("the VM died before its verdict") ;;
esac
if ! splats=$("$ROOT/qemu/scan-log/scan.sh" "$dir/console"); then
	red+=("the kernel log is not clean$(first_said "$dir/console")")
	printf '%s\n' "$splats" >&2
fi
if [[ -n $modules_judge ]] && words=$(module_fails "$dir/console"); then
	red+=("a module says so: ${words%%$'\n'*}")
fi
# Of what qemu/lib/emulator.sh is there for.
if [[ $ACCEL == tcg && -z $QEMU_IS_SOUND ]] && grep -qE "$QEMU_BREAKS" "$dir/console"; then
	red+=("a QEMU that is older than $QEMU_SINCE has broken the guest; run it again")
fi
if [[ -n $output ]]; then
	mkdir -p "$output"
	{ arrived=$(tar -x -v --no-same-owner -C "$output" -f "$dir/output") &&
		[[ -n $arrived ]]; } || red+=("the output of the VM did not arrive")
fi
((${#red[@]} == 0)) || show_console "$dir/console"
if [[ $log != "$dir" ]]; then
	mv -f "$dir/console" "$log/console.log"
	mv -f "$dir/job.log" "$log/job.log"
fi

if ((${#red[@]})); then
	for reason in "${red[@]}"; do
		say "FAIL: $reason"
	done
	[[ $log == "$dir" ]] || say "logs: $log"
	exit 1
fi
say "VM: job done, modules unloaded, kernel log clean, powered off"
