# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# LANES=hardware of "make bench": the same as the lane "native", but on this machine, with its
# running kernel. As root; it needs the headers of that kernel (or KDIR=), gcc and python3. It
# leaves OUT/hardware-report.txt, with all figures and what there is to say about the machine.
#
#	DEBUGFS= where debugfs is mounted (default: /sys/kernel/debug)

# describe_machine - what times depend on. Nothing that names the machine or its users
describe_machine()
{
	local governors=(/sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor)

	echo "kernel: $(uname -srvm)"
	lscpu | grep -E '^ *(Architecture|CPU\(s\)|Model name|Thread|Core|Socket|NUMA|L[123]|CPU m|Hypervisor|Vulnerab)'
	echo "governor of each CPU: $(cat "${governors[@]}" 2>/dev/null | sort | uniq -c | tr -s ' \n' ' ')"
	echo "clock: $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
	echo "load, which should be 0: $(</proc/loadavg)"
}

is_loaded()
{
	grep -q "^$1 " /proc/modules 2>/dev/null
}

# select_running_kernel - in place of select_kernel; stop unless modules can be loaded here
select_running_kernel()
{
	local tree

	KERNEL_RELEASE=$(uname -r)
	tree=${KDIR:-/lib/modules/$KERNEL_RELEASE/build}
	[[ $(id -u) == 0 ]] ||
		die "LANES=hardware loads modules into the running kernel, so it has to be root's"
	! is_loaded scopex || die "scopex is loaded: unload it first (rmmod)"
	[[ -e $tree/Makefile ]] ||
		die "no headers of the running kernel: install linux-headers-$KERNEL_RELEASE, or give KDIR="
	! grep -qE '\[(integrity|confidentiality)\]' /sys/kernel/security/lockdown 2>/dev/null ||
		die "the running kernel is locked down (Secure Boot), and takes no module that is not signed"
	make_cache
	use_tree "$tree"
	[[ $(built_release "$tree") == "$KERNEL_RELEASE" ]] ||
		die "$tree is not of the running kernel, $KERNEL_RELEASE"
	KERNEL_ID=running-$KERNEL_RELEASE
	need_programs gcc:gcc make:make rsync:rsync python3:python3 lscpu:util-linux
}

# end_hardware - at the end of the script, for whatever reason
end_hardware()
{
	local module

	for module in scopex_bench scopex; do
		! is_loaded "$module" || rmmod "$module" || true
	done
	end_work
}

# measure_here NAME RUNS [SPIN_US] - what measure does in a VM, by the same script; a case
measure_here()
{
	local name=$1 output=$WORK/$1

	say "make bench: $name"
	mkdir "$output"
	if env RUNS="$2" SPIN_US="${3:-0}" VERITY='' OUT="$output" MODULES="$WORK/modules" \
			LOAD="$ROOT/selftests/load.sh" sh "$ROOT/qemu/guest/bench.sh" >&2; then
		ktap_ok "$name is measured"
		mv "$output/results.csv" "$OUT/$name.csv"
	else
		ktap_not_ok "$name is measured"
	fi
}

lane_hardware()
{
	build_scopex release
	install_modules "$STAGE" "$WORK/modules"
	describe_machine >"$OUT/machine.txt"
	cat >&2 <<-END
	scopex: the machine, as the report will have it:
	$(sed 's/^/  | /' "$OUT/machine.txt")
	scopex: now this machine will, for some minutes,
	  * load scopex.ko and scopex_bench.ko, which were built from this tree, into its
	    running kernel: that taints the kernel (out-of-tree, unsigned) until the next boot,
	  * have all of its CPUs busy: do nothing else on it, and let it be on mains power,
	  * unload both modules, also if you interrupt this. It changes nothing else.
	END
	[[ ! -t 0 ]] || { say "in 10 seconds; Ctrl-C ends it"; sleep 10; }
	on_exit end_hardware
	measure_here native "$NATIVE_RUNS"
	measure_here spin "$SPIN_RUNS" 50
}

# hardware_report - one file, to be sent in
hardware_report()
{
	local part report=$OUT/hardware-report.txt

	{
		echo "scopex, make bench LANES=hardware, $(date -u +%F), commit $(
			git -C "$ROOT" describe --always --dirty 2>/dev/null || echo unknown)"
		for part in machine.txt table.txt native.csv spin.csv; do
			printf '\n== %s\n' "$part"
			cat "$OUT/$part" 2>/dev/null
		done
	} >"$report"
	[[ -z ${SUDO_UID:-} ]] || chown -R "$SUDO_UID" "$OUT"
	say "to be sent in: $report"
}
