# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# Build modules in a copy of the tree in the cache, so that the tree itself
# stays clean and several kernels can share it. After select_kernel.

# The products of a build: rsync neither copies them into the staged tree nor deletes them
# there.
BUILD_FILTER=(
	--exclude='*.o' --exclude='*.o.d' --exclude='*.ko' --exclude='*.mod'
	--exclude='*.mod.c' --exclude='.*.cmd' --exclude='*.order'
	--exclude='Module.symvers' --exclude='.tmp_*'
)

# stage_dir NAME - where NAME (a variant, or a user's module) is built
stage_dir()
{
	echo "$CACHE/build/$KERNEL_ID/$TREE_KEY/$1"
}

# stage SOURCE DIR [RSYNC-OPTION]... - bring DIR up to date
#
# By content and with new times, so that a file that goes back to an older
# version is compiled again.
stage()
{
	local source=$1 dir=$2

	shift 2
	mkdir -p "$dir"
	rsync -rlp --checksum --delete "${BUILD_FILTER[@]}" "$@" "$source/" "$dir/"
}

# kbuild DIR [ARG]... - build the external modules in DIR
kbuild()
{
	local dir=$1

	shift
	# Without the kernel's vmlinux there is no BTF to be had, only a complaint.
	make -s -C "$KERNEL_BUILD" -j "$(nproc)" M="$dir" \
		CONFIG_DEBUG_INFO_BTF_MODULES= "${KERNEL_MAKE[@]}" "$@" modules >&2
}

# built_modules DIR - the modules of the last build, in the order to load them
built_modules()
{
	sed -e 's/\.o$/.ko/' -e "/^\//!s|^|$1/|" "$1/modules.order"
}

# kbuild_scopex VARIANT DIR [ARG]... - build our own modules in DIR: release, or
# inject, with fault injection points
kbuild_scopex()
{
	local variant=$1 dir=$2 inject=

	shift 2
	[[ $variant == release ]] || inject=y
	stage "$ROOT" "$dir" --include=/Kbuild --include='/kmod/***' \
		--include='/include/***' --exclude='/*' || return
	kbuild "$dir" CONFIG_SCOPEX_INJECT="$inject" "$@"
}

build_variant()
{
	say "building the modules for $KERNEL_RELEASE ($1)"
	kbuild_scopex "$@"
}

# build_scopex VARIANT - build our own modules, in STAGE
build_scopex()
{
	STAGE=$(stage_dir "$1")
	with_lock "build-$KERNEL_ID-$TREE_KEY-$1" build_variant "$1" "$STAGE" ||
		die "the modules do not build ($1)"
}

# install_modules DIR TARGET - copy the modules built in DIR into TARGET
install_modules()
{
	local modules

	mkdir -p "$2"
	mapfile -t modules < <(built_modules "$1")
	((${#modules[@]})) || die "nothing was built in $1"
	cp -t "$2" "${modules[@]}"
}
