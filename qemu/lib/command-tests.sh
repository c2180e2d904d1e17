# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154
#
# For tests of commands, run in the tree's root: KTAP, and "work", a directory of the
# test's own.

. selftests/ktap.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# readme_module DIR - make DIR, with the module that is README's example
readme_module()
{
	mkdir -p "$1" "$work/readme"
	awk -v out="$work/readme" -f selftests/readme-code.awk README.md |
		xargs grep -l 'MODULE_LICENSE(' | head -n 1 | xargs -I{} mv {} "$1/sum.c"
	echo 'obj-m := sum.o' >"$1/Kbuild"
}

# refused TEXT [NAME=VALUE]... COMMAND [ARG]... - it must fail, and say TEXT in
# its one line that is an error
refused()
{
	local text=$1

	shift
	if env -u KERNEL -u KERNEL_IMAGE -u KERNEL_MODULES -u KDIR -u ACCEL -u CPUS -u TIMEOUT -u TEST \
			-u WITHOUT -u WHAT \
			"$@" >"$work/out" 2>&1 </dev/null; then
		ktap_msg "expected refusal, found success of: $*"
		return 1
	fi
	expect_line -E "scopex: error: .*$text" <"$work/out" &&
		expect errors "$(grep -c 'scopex: error: ' "$work/out")" -eq 1
}
