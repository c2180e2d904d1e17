#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests of make try: README's example is as good as README says, and the verdict is that of the
# module. A part of "make check".

set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. qemu/lib/command-tests.sh

# A module with parameters. It does not log FAIL, only words that look like it.
told_module()
{
	mkdir "$work/told"
	echo 'obj-m := told.o' >"$work/told/Kbuild"
	cat >"$work/told/told.c" <<-'END'
	#include <linux/module.h>
	static int one, two;
	module_param(one, int, 0444);
	module_param(two, int, 0444);
	static int __init told_init(void)
	{
		pr_info("told %d and %d: no FAILURE, no FAIL_FAST\n", one, two);
		return 0;
	}
	static void __exit told_exit(void) { }
	module_init(told_init);
	module_exit(told_exit);
	MODULE_LICENSE("GPL");
	MODULE_DESCRIPTION("Says what it is told");
	END
}

# One parameter comes with modprobe, the other one by way of the kernel's command line.
try_told()
{
	expect_success "$work/out" \
		make try M="$work/told" MODULE_PARAMS=one=1 APPEND="quiet told.two=2" &&
		expect_line -E 'told 1 and 2: no FAILURE' <"$work/out"
}

# Its status is the job's.
try_script()
{
	cat >"$work/script" <<-'END'
	. /load.sh
	load $MODULES $MODULE_PARAMS
	unload_all
	dmesg | grep 'told 3 and 0' || exit 4
	echo "$PARAMS"
	exit 5
	END
	expect_failure "$work/out" make try M="$work/told" SCRIPT="$work/script" \
		MODULE_PARAMS=one=3 PARAMS="its own" &&
		expect_line -E '^its own$' <"$work/out" &&
		expect_line -E 'FAIL: the job ended with status 5' <"$work/out"
}

# The verdict has what a module reports about itself.
try_fails()
{
	expect_failure "$work/out" make try M=qemu/harness/plant MODULE_PARAMS=what=says &&
		expect_line -E 'scopex: FAIL: a module says so: .* FAIL: planted$' <"$work/out" &&
		expect_line -E 'scopex: make try: FAILED' <"$work/out"
}

# The README's example, in a kernel that is given as a user's own kernel is
try_readme()
{
	readme_module "$work/sum"
	expect_success "$work/out" try_in_own_kernel "$work/sum" &&
		expect_line -E 'sum of 1 to 8000: 32004000$' <"$work/out"
}

try_in_own_kernel()
(
	. qemu/lib/kernel.sh
	select_kernel
	env -u KERNEL KERNEL_IMAGE="$KERNEL_BOOT" KDIR="$KERNEL_BUILD" \
		KERNEL_MODULES="$KERNEL_ROOT" make try M="$1"
)

# A module that can't be loaded must not pass.
try_broken()
{
	mkdir "$work/broken"
	echo 'obj-m := broken.o' >"$work/broken/Kbuild"
	printf '%s\n' '#include <linux/module.h>' \
		'static int __init broken_init(void) { return -EIO; }' \
		'module_init(broken_init);' 'MODULE_LICENSE("GPL");' \
		'MODULE_DESCRIPTION("Fails");' >"$work/broken/broken.c"
	expect_failure "$work/out" make try M="$work/broken" &&
		expect_line -E 'FAIL: the job ended with status 1' <"$work/out"
}

ktap_plan 5
ktap_check "README's example" try_readme
ktap_check "a module that does not load" try_broken
told_module
ktap_check "MODULE_PARAMS and APPEND" try_told
ktap_check "SCRIPT" try_script
ktap_check "a module that says FAIL" try_fails
ktap_finish
