#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check WHAT=builds: does scopex build in ways that no other check uses? As a part
# of a kernel's tree, built in and as modules, and with clang. The results are not run.
# Warnings are errors.
#
#	CASES=	which of the builds (default: "built-in modules clang"). The first two
#		compile a kernel, which takes 10 minutes the first time.
#	KERNEL=	a kernel that is built from source; of its source a copy is taken
#		(default: kasan)

. "$(dirname "$0")/lib/kernel.sh"
. "$ROOT/qemu/lib/build.sh"
. "$ROOT/qemu/lib/kernel-build.sh"

# The oldest that the newest kernels take, and that Debian 12 and 13 have.
LLVM=19

# builds NAME FUNCTION - a case
builds()
{
	say "building: $1"
	ktap_check "$1" expect_success "$WORK/out" in_subshell "$2"
}

# in_subshell FUNCTION - which may die
in_subshell()
(
	"$1"
)

# copy_tree - the kernel's source with scopex as drivers/scopex, in TREE
#
# The copy shares its files with the source, so a changed file has to be replaced.
copy_tree()
{
	local drivers=$TREE/drivers

	rm -rf "$TREE"
	cp -al "$SOURCE_TREE" "$TREE"
	mkdir "$drivers/scopex"
	cp -r "$ROOT"/{Kbuild,include,kmod} "$drivers/scopex"
	rm "$drivers"/{Kconfig,Makefile}
	{
		grep -v '^endmenu' "$SOURCE_TREE/drivers/Kconfig"
		echo 'source "drivers/scopex/kmod/Kconfig"'
		echo endmenu
	} >"$drivers/Kconfig"
	{
		cat "$SOURCE_TREE/drivers/Makefile"
		echo 'obj-y += scopex/'
	} >"$drivers/Makefile"
}

# in_tree VALUE TARGET... - configure with all of scopex as VALUE (y or m), build
in_tree()
{
	local value=$1 option

	shift
	{
		cat "$ROOT/qemu/kernels/fragments/in-tree.config"
		for option in SCOPEX SCOPEX_TEST SCOPEX_VERITY; do
			echo "CONFIG_$option=$value"
		done
		# It measures when it is loaded, so it can't be built in.
		[[ $value == y ]] || echo CONFIG_SCOPEX_BENCH=m
		echo CONFIG_SCOPEX_INJECT=y
	} >"$OBJECTS/wanted"
	configure "$TREE" "$OBJECTS"
	make_kernel "$TREE" "$OBJECTS" "$@"
}

built_in()
{
	local name

	in_tree y vmlinux
	for name in scopex_init scopex_submit scopex_test_init verity_init; do
		grep -q " $name\$" "$OBJECTS/System.map" || {
			echo "$name is not in the kernel"
			return 1
		}
	done
}

as_modules()
{
	local kmod=$OBJECTS/drivers/scopex/kmod

	rm -f "$kmod"/*.ko "$kmod"/*/*.ko
	in_tree m vmlinux modules
	! grep ' scopex_submit$' "$OBJECTS/System.map" || return
	ls "$kmod"/{,tests/}scopex*.ko "$kmod/verity/scopex_verity.ko" \
		"$kmod/bench/scopex_bench.ko"
}

# The modules are linked with the symbols of KERNEL=.
with_clang()
{
	local objects=$BUILDS/clang variant dir

	KERNEL_MAKE=(ARCH="$KBUILD_ARCH" "LLVM=-$LLVM")
	mkdir -p "$objects"
	cp "$ROOT/qemu/kernels/fragments/in-tree.config" "$objects/wanted"
	configure "$SOURCE_TREE" "$objects"
	make_kernel "$SOURCE_TREE" "$objects" modules_prepare
	cp "$KERNEL_BUILD/Module.symvers" "$objects/"
	# The kernel of KERNEL= has lockdep, which gives mutexes functions of other names.
	printf '0x00000000\t%s\tvmlinux\tEXPORT_SYMBOL\t\n' mutex_lock mutex_trylock \
		mutex_init_generic >>"$objects/Module.symvers"

	KERNEL_BUILD=$objects
	for variant in release inject; do
		dir=$(stage_dir "clang-$variant")
		rm -rf "$dir"
		kbuild_scopex "$variant" "$dir" KCFLAGS=-Werror || return
		readelf -p .comment "$dir/kmod/scopex.ko" | grep clang || return
	done
}

all_builds()
{
	local name

	mkdir -p "$OBJECTS"
	find "$(dirname "$BUILDS")" -mindepth 1 -maxdepth 1 ! -path "$BUILDS" -exec rm -rf {} +
	[[ $CASES == clang ]] || copy_tree
	for name in $CASES; do
		case $name in
		built-in) builds "in a kernel's tree, built in" built_in ;;
		modules) builds "in a kernel's tree, as modules" as_modules ;;
		clang) builds "with clang" with_clang ;;
		esac
	done
	rm -rf "$TREE"

	conclude "make check WHAT=builds"
}

CASES=${CASES:-built-in modules clang}
for name in $CASES; do
	[[ $name =~ ^(built-in|modules|clang)$ ]] ||
		die "unknown CASES=$name; known: built-in modules clang"
done

make_cache
KERNEL_ID=${KERNEL:-kasan}
load_flavour "$KERNEL_ID"
[[ $KIND == source && $MACHINE == qemu ]] ||
	die "KERNEL=$KERNEL_ID is not built from source, for QEMU"
need_apt "$KERNEL_ID"
need_flavour_tools "clang-$LLVM:clang-$LLVM" "ld.lld-$LLVM:lld-$LLVM" \
	"llvm-ar-$LLVM:llvm-$LLVM"
[[ " $CASES " != *" clang "* ]] || KERNEL=$KERNEL_ID select_kernel
find_source
need_source
need_space 2000
work_dir
# By version: files of a newer source may be older than the objects of the last one.
BUILDS=$CACHE/build/in-tree/$SOURCE_NAME-$SOURCE_VERSION
TREE=$BUILDS/source
OBJECTS=$BUILDS/objects
kernel_make

with_lock in-tree all_builds
