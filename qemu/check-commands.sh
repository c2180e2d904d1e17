#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests of the commands themselves, on the host: bad input gets one clear line
# and a status. A part of "make check".

set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. qemu/lib/command-tests.sh

# A search path with the programs that the scripts always need, and no others.
mkdir "$work/bin"
for program in bash basename cat cut dirname df env make mkdir mktemp realpath \
		rm sed sha1sum sh sort stat tail uname; do
	ln -s "$(command -v $program)" "$work/bin/"
done

# A file system that df says is full.
full_cache()
{
	local bin=$work/full

	mkdir "$bin"
	printf '#!/bin/sh\necho Avail\necho 2048\n' >"$bin/df"
	chmod +x "$bin/df"
	refused "needs .* MiB of free space, but has 2 MiB" PATH="$bin:$PATH" \
		XDG_CACHE_HOME="$work/cache" make run
}

# emulator - the program that this machine's architecture is emulated by
emulator()
(
	. qemu/lib/arch.sh
	load_arch "$(host_arch)"
	echo "$QEMU_PROGRAM"
)

# A QEMU that aborts, as it may with a broken KVM, must not bother the user.
probe_aborts()
{
	mkdir "$work/aborts"
	printf '%s\n' '#!/bin/sh' 'kill -ABRT $$' >"$work/aborts/emulator"
	chmod +x "$work/aborts/emulator"
	expect_failure "$work/out" probe "$work/aborts/emulator" &&
		expect_no_line -E . <"$work/out"
}

# probe EMULATOR
probe()
(
	. qemu/lib/arch.sh
	. qemu/lib/accel.sh
	load_arch "$(host_arch)"
	QEMU_PROGRAM=$1
	accel_works kvm
)

# compiler_of PACKAGE... - the choice for gcc-12 where apt knows these, and none is installed
compiler_of()
{
	mkdir -p "$work/apt"
	printf '%s\n' '#!/bin/sh' "case ' $* ' in *\" \$2 \"*) echo \"Package: \$2\" ;; esac" \
		>"$work/apt/apt-cache"
	chmod +x "$work/apt/apt-cache"
	(
		. qemu/lib/kernel.sh
		COMPILER=gcc-12 PATH=$work/apt:$work/bin
		choose_compiler
		echo "$COMPILER"
	)
}

chosen_compilers()
{
	expect "the chosen compilers" \
		"$(compiler_of gcc-12 gcc), $(compiler_of gcc), $(compiler_of)" \
		= "gcc-12, gcc, gcc-12"
}

: >"$work/empty"
ktap_plan 30
ktap_check "unknown KERNEL" \
	refused "unknown KERNEL=none; known: .*stock-6.1" KERNEL=none make run
ktap_check "KERNEL with a path" refused "unknown KERNEL=" KERNEL=../x make check
ktap_check "KERNEL_IMAGE without KDIR" \
	refused "needs both KERNEL_IMAGE=FILE and KDIR=DIR" KERNEL_IMAGE=x make run
ktap_check "KERNEL_IMAGE that is no file" \
	refused "not a readable file" KERNEL_IMAGE=/none KDIR=/ make run
ktap_check "KDIR that is no build tree" \
	refused "not a kernel's build tree" KERNEL_IMAGE=/bin/sh KDIR=/none make run
ktap_check "make with such a KDIR" \
	refused "not a kernel's build tree" KDIR=/none make
ktap_check "missing FILE" refused "FILE=/none does not exist" FILE=/none make run
ktap_check "FILE is a directory" refused "not a regular file" FILE=/ make run
ktap_check "empty FILE" refused "is empty" FILE="$work/empty" make run
ktap_check "unknown JOB" refused "unknown JOB=none; known: verity echo" JOB=none make run
ktap_check "bad SALT" refused "SALT has to be" SALT=0g make run
ktap_check "bad CPUS" refused "CPUS has to be a positive number" CPUS=0 make run
ktap_check "bad TIMEOUT" \
	refused "TIMEOUT has to be a positive number" TIMEOUT=1s make check
ktap_check "bad ACCEL" refused "ACCEL has to be" ACCEL=fast make run
ktap_check "unknown TEST" refused "unknown TEST=none" TEST=none make check
ktap_check "TEST that names nothing" refused "names no test" TEST=" " make check
ktap_check "unknown WITHOUT" refused "unknown WITHOUT=none" WITHOUT=none make check
ktap_check "TEST without what it names" \
	refused "names no test" TEST=api WITHOUT=api make check
ktap_check "unknown WHAT" \
	refused "unknown WHAT=none; known: tests matrix .* ci all" WHAT="lint none" make check
ktap_check "WHAT=all with others" refused "WHAT=all goes alone" WHAT="lint all" make check
ktap_check "cache with a blank in its path" \
	refused "blanks in the cache's path" XDG_CACHE_HOME="$work/a b" make run
ktap_check "try without M" refused "needs M=DIR" make try
ktap_check "missing SCRIPT" \
	refused "SCRIPT=/none does not exist" SCRIPT=/none M=kmod make try
ktap_check "shell without a terminal" refused "needs a terminal" make shell
ktap_check "top without a terminal" refused "needs a terminal, or TOP=--once" make top
ktap_check "unusable cache" \
	refused "cannot write to the cache directory" XDG_CACHE_HOME=/proc make run
ktap_check "full cache" full_cache
ktap_check "missing programs, no apt" \
	refused "missing programs .*no apt.* $(emulator)" \
	PATH="$work/bin" make run
ktap_check "a probe that aborts" probe_aborts
ktap_check "the compiler that there is" chosen_compilers
ktap_finish
