# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154
#
# For tests of commands, run in the tree's root: KTAP, and "work", a directory of the
# test's own.

. selftests/ktap.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# readme_module DIR - make DIR, with the module that README tells to try
readme_module()
{
	mkdir "$1"
	cp kmod/sample/Kbuild kmod/sample/sum.c "$1/"
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
		ktap_msg "not refused: $*"
		return 1
	fi
	[[ $(grep -c 'scopex: error: ' "$work/out") == 1 ]] &&
		grep -q "scopex: error: .*$text" "$work/out" && return
	ktap_msg "$(cat "$work/out")"
	return 1
}
