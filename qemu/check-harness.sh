#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check WHAT=harness: can the checks fail? Everything that must turn a verdict red
# is planted, and must, with a line that says which; a clean run must be green.
#
# On the host: logs in qemu/harness/. In VMs: qemu/harness/plant/; faults that every kernel
# notices with the default kernel, the others with the debug kernels that look for them.
# The cases of a kernel that can't be had, or is left out, count as skipped.
#
#	KERNELS= the debug kernels to use, or none if it is empty (default: kasan kcsan)

. "$(dirname "$0")/lib/kernel.sh"
. "$ROOT/qemu/lib/build.sh"

debug_kernels=${KERNELS-kasan kcsan}
for kernel in $debug_kernels; do
	[[ $kernel == kasan || $kernel == kcsan ]] ||
		die "KERNELS=$kernel has no cases of its own; known: kasan kcsan"
done
work=$(mktemp -d)
on_exit rm -rf "$work"

# log good|bad NAME - scan a log with these lines in it
log()
{
	{
		echo "[    0.0] Linux version 6.1.0 (x) #1 SMP"
		cat
		echo "[    9.0] reboot: Power down"
	} >"$work/log"
	ktap_check "log: $2" scan "$1"
}

# raw good|bad NAME - scan this log
raw()
{
	cat >"$work/log"
	ktap_check "log: $2" scan "$1"
}

scan()
{
	local status=good

	"$ROOT/qemu/scan-log/scan.sh" "$work/log" >"$work/out" 2>&1 || status=bad
	expect "the log" "$status" = "$1" || {
		ktap_msg "$(cat "$work/out")"
		return 1
	}
	[[ $1 == good ]] || expect_line -E . <"$work/out"
}

# results NAME EXPECT [MAY_SKIP [TESTS]] - count these results
results()
{
	cat >"$work/log"
	ktap_check "results: $1" counted "$2" "${3:-}" "${4-scopex:a.sh}"
}

counted()
{
	expect_success "$work/out" awk -v tests="$3" -v may_skip="$2" \
		-f "$ROOT/qemu/count-tests.awk" "$work/log" || return
	expect "the counts" "$(tail -n 1 "$work/out")" = "$1" || {
		ktap_msg "$(cat "$work/out")"
		return 1
	}
	# Each result that has not passed is named.
	[[ $1 == *" 0 "* ]] || expect_line -E '^not ok: ' <"$work/out"
}

# vm green|red EXPECT JOB [OPTION]... - boot one; a red one has to say EXPECT
vm()
{
	vm_own "${@:1:3}" --modules "$work/modules" "${@:4}"
}

# vm_own green|red EXPECT JOB [OPTION]... - the same with the tree's own modules
vm_own()
{
	local colour=$1 expect=$2 status=green

	echo "$3" >"$work/job.sh"
	shift 3
	"$ROOT/qemu/vm.sh" --job "$work/job.sh" --timeout 300 "$@" >"$work/out" 2>&1 ||
		status=red
	expect "the VM" "$status" = "$colour" || status=
	expect_line -E "$expect" <"$work/out" && [[ $status ]]
}

# plant NAME EXPECT [OPTION]... - what plant.ko does turns the VM red
plant()
{
	local name=$1 expect=$2

	shift 2
	ktap_check "VM ($KERNEL_ID): $name" \
		vm red "$expect" "modprobe plant what=$name; true" "$@"
}

# own NAME EXPECT SUITE [PARAMETER]... - what the suite of scopex_test.ko does turns the
# VM red, with these parameters for scopex.ko
own()
{
	ktap_check "VM ($KERNEL_ID): $1" vm_own red "$2" \
		"modprobe scopex ${*:4}; modprobe scopex_test; echo $3 >/sys/kernel/debug/scopex_test/run" \
		--append sysctl.kernel.hung_task_timeout_secs=5
}

# build_plant - for the kernel KERNEL
build_plant()
{
	select_kernel
	stage "$ROOT/qemu/harness/plant" "$(stage_dir plant)"
	kbuild "$(stage_dir plant)" || die "plant.ko does not build"
	rm -rf "$work/modules"
	install_modules "$(stage_dir plant)" "$work/modules"
}

# with_kernel NAME COUNT FUNCTION - the COUNT cases in FUNCTION, on that kernel
with_kernel()
{
	local status

	export KERNEL=$1
	# In a condition, it would go on after what fails.
	set +e
	(
		set -e
		build_plant
	)
	status=$?
	set -e
	if ((status == UNAVAILABLE)); then
		leave_out "KERNEL=$1" "$2"
		return
	fi
	((status == 0)) || die "plant.ko is not there for KERNEL=$1"
	select_kernel
	"$3"
}

# leave_out WHAT COUNT - the COUNT cases that need it
leave_out()
{
	local number

	for ((number = 1; number <= $2; number++)); do
		ktap_skip "case $number of $2 that need $1" "not here"
	done
}

# with_debug_kernel NAME COUNT FUNCTION - if it is one of those to use
with_debug_kernel()
{
	if [[ " $debug_kernels " == *" $1 "* ]]; then
		with_kernel "$@"
	else
		leave_out "KERNEL=$1" "$2"
	fi
}

# A KVM that runs boot sectors, but no kernel: here, a QEMU that sleeps.
kvm_runs_nothing()
{
	local known=$work/accel

	echo kvm >"$known"
	mkdir "$work/bin"
	cat >"$work/bin/$QEMU_PROGRAM" <<-END
	#!/bin/sh
	[ "\$2" != kvm ] || exec sleep 1000
	exec $(command -v "$QEMU_PROGRAM") "\$@"
	END
	chmod +x "$work/bin/$QEMU_PROGRAM"
	ACCEL='' ACCEL_KNOWN=$known PATH=$work/bin:$PATH KVM_TIMEOUT=1 \
		vm green "KVM does not work here" true &&
		expect "what is known of KVM" "$(<"$known")" = tcg
}

default_cases()
{
	local clean="VM: job done, modules unloaded, kernel log clean, powered off"

	ktap_check "VM ($KERNEL_ID): clean run" vm green "$clean" true
	ktap_check "VM ($KERNEL_ID): failing job" \
		vm red "FAIL: the job ended with status 3" "exit 3"
	ktap_check "VM ($KERNEL_ID): reboot" \
		vm red "the log does not end with a power-off" "reboot -f"
	ktap_check "VM ($KERNEL_ID): power-off before the verdict" \
		vm red "FAIL: the VM died before its verdict" "poweroff -f"
	ktap_check "VM ($KERNEL_ID): endless job" \
		vm red "FAIL: not done within 20 s" "sleep 1000" --timeout 20
	BOOT_TIMEOUT=0 ktap_check "VM ($KERNEL_ID): never boots" \
		vm red "FAIL: no sign of life from the VM's init in 0 s" true
	KERNEL='' KERNEL_IMAGE=$0 KDIR=$KERNEL_BUILD \
		ktap_check "VM ($KERNEL_ID): no kernel" \
		vm red "FAIL: the VM's process ended with status" true
	if [[ $MACHINE == qemu ]]; then
		ktap_check "VM ($KERNEL_ID): a KVM that runs nothing" kvm_runs_nothing
	else
		leave_out "QEMU" 1
	fi
	plant warn "FAIL: the kernel log is not clean: scopex: planted warning"
	plant hang "blocked for more than 5 seconds" \
		--append sysctl.kernel.hung_task_timeout_secs=5
	plant panic "Kernel panic - not syncing: planted panic"
	plant pinned "FAIL: still in use: plant"
	plant says "FAIL: a module says so: .* FAIL: planted" --modules-judge
	# It warns when the item that is queued behind that has run.
	own "item that ends its thread" "WARNING.*item_ends_its_thread" undead
	own "item that ends its thread, and none stands by" \
		"WARNING.*item_ends_its_thread" undead standby=0 workers=1
	# Elsewhere a task exits with its frames in place after an oops, and drains its scope.
	if [[ $MACHINE == qemu ]]; then
		own "oops in the frame of a scope" \
			"Kernel panic - not syncing: scopex: task scopex_oops:.* in the open scope oopsed of oops_thread" \
			oops
	else
		leave_out "a kernel that goes back to the top of the stack after an oops" 1
	fi
}

kasan_cases()
{
	plant lockdep "possible circular locking dependency"
	plant silent "FAIL: lockdep is off"
	plant kasan "KASAN: slab-use-after-free in plant_kasan"
	# As make check has it; free lists would refer to what is lost.
	own "scope waited for under a lock" "possible circular locking" deadlock
	own "detached item waited for under a lock" "possible circular locking" waits
	plant leak "FAIL: kmemleak found leaks" --append slub_debug=FZP
}

kcsan_cases()
{
	plant race "KCSAN: data-race in count"
}

# A skipped case is not a success.
only_skips()
{
	expect_failure "$work/out" conclude_skips &&
		expect_line -E 'nothing was tested' <"$work/out"
}

conclude_skips()
(
	# shellcheck disable=SC2034 # by conclude
	ktap_passed=0 ktap_failed=0 ktap_skipped=2
	conclude "only skips"
)

# A make check that passes without a VM has not tested a kernel.
matrix_without_vm()
{
	local tree=$work/matrix

	mkdir "$tree"
	cp -r "$ROOT"/{qemu,selftests} "$tree"
	printf '%s\n' '#!/bin/sh' 'echo 1 passed, 0 failed, 0 skipped' >"$tree/qemu/check.sh"
	KERNELS=uml expect_failure "$work/out" "$tree/qemu/check-matrix.sh" &&
		expect_line -E '^uml .* 0 skipped .*not run ' <"$work/out"
}

# A tree with a test that fails, one that dies half way, and one that is skipped though no
# kernel may: make check is red.
broken_tests()
{
	local tree=$work/tree

	mkdir "$tree"
	cp -r "$ROOT"/{Kbuild,Makefile,include,kmod,qemu,selftests} "$tree"
	cat >"$tree/selftests/Makefile" <<-'END'
	TEST_PROGS := good.sh fails.sh dies.sh skips.sh
	TEST_FILES := ktap.sh
	include ../lib.mk
	END
	write_test good 'ktap_ok one'
	write_test fails 'ktap_not_ok one'
	write_test dies 'kill -KILL $$'
	write_test skips 'ktap_skip one "no reason"'
	expect_failure "$work/out" make -C "$tree" check TEST="good fails dies skips" &&
		expect_line -E 'not ok: scopex: fails.sh: one' <"$work/out" &&
		expect_line -E 'not ok: planned 1 results, got 0 in scopex: dies.sh' <"$work/out" &&
		expect_line -E 'not ok: scopex: skips.sh: one # SKIP no reason' <"$work/out" &&
		expect_line -E '^2 passed, 4 failed, 1 skipped$' <"$work/out"
}

# write_test NAME COMMAND
write_test()
{
	# shellcheck disable=SC2016
	printf '%s\n' '#!/bin/sh' '. "$(dirname "$0")/ktap.sh"' 'ktap_plan 1' "$2" \
		ktap_finish >"$work/tree/selftests/$1.sh"
	chmod +x "$work/tree/selftests/$1.sh"
}

. "$ROOT/qemu/harness/logs.sh"
. "$ROOT/qemu/harness/results.sh"
ktap_check "results: only skips" only_skips
ktap_check "results: make check WHAT=matrix without a VM" matrix_without_vm
kernel=${KERNEL:-stock-6.1}
with_kernel "$kernel" 16 default_cases
ktap_check "make check with broken tests" broken_tests
with_debug_kernel kasan 6 kasan_cases
with_debug_kernel kcsan 1 kcsan_cases

conclude "make check WHAT=harness"
