# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# Choose the kernel and get it into the cache. select_kernel sets:
#	KERNEL_ID	names it in the cache
#	KERNEL_BOOT	the image that the VM boots
#	KERNEL_BUILD	the tree that modules are built against
#	KERNEL_RELEASE	what uname -r says there
#	KERNEL_ROOT	has lib/modules/RELEASE; empty if there are no modules
#	KERNEL_DEB	the image's package; empty if it did not come from one
#
# KERNEL=NAME is a file in qemu/kernels/. KERNEL_IMAGE=FILE with KDIR=DIR is a
# kernel of the user's own; its modules are in KERNEL_MODULES=DIR, the directory
# that has lib/modules/RELEASE (default: /), unless all that the VM needs is built
# in.

. "$(dirname "${BASH_SOURCE[0]}")/tools.sh"

known_kernels()
{
	local conf names=()

	for conf in "$ROOT"/qemu/kernels/*.conf; do
		names+=("$(basename "$conf" .conf)")
	done
	echo "${names[*]}"
}

# load_flavour NAME - read its file
load_flavour()
{
	local conf=$ROOT/qemu/kernels/$1.conf

	[[ $1 =~ ^[A-Za-z0-9._-]+$ && -r $conf ]] ||
		die "unknown KERNEL=$1; known: $(known_kernels)"
	# shellcheck source=../kernels/stock-6.1.conf
	. "$conf"
	[[ $KIND == package ]] || die "$conf: unknown KIND=$KIND"
}

# depends PACKAGE REGEX - the packages that PACKAGE depends on and REGEX matches
depends()
{
	apt-cache depends --important "$1" 2>/dev/null |
		sed -n 's/^ *Depends: //p' | grep -E "^($2)\$"
}

# flavour_packages - the packages of the flavour, the image's first
flavour_packages()
{
	local image headers

	image=$(depends "$IMAGE_PACKAGE" "linux-image-${RELEASE//./\\.}.*") || return
	headers=linux-headers-${image#linux-image-}
	echo "$image"
	echo "$headers"
	depends "$headers" 'linux-headers-.*-common|linux-kbuild-.*'
}

# download DIR PACKAGE... - into DIR
download()
{
	local dir=$1

	shift
	say "fetching $*"
	(cd "$dir" && apt-get -q download "$@" >&2)
}

# Debian's headers have absolute paths to where they would be installed.
relocate_headers()
{
	local root=$1 release=$2 link

	sed -i 's|/usr/src/|../|' "$root/usr/src/linux-headers-$release/Makefile"
	for link in build source; do
		ln -sfn "../../..$(readlink "$root/lib/modules/$release/$link")" \
			"$root/lib/modules/$release/$link"
	done
}

fetch_flavour()
{
	local dir=$1 packages release tmp deb

	[[ -e $dir/release ]] && return
	have apt-get && have dpkg-deb || die "KERNEL=$(basename "$dir") comes from Debian" \
		"packages, and there is no apt here; give KERNEL_IMAGE=FILE and KDIR=DIR"
	need_space 2000
	rm -rf "$dir" "$dir".tmp.*
	tmp=$dir.tmp.$$
	mkdir -p "$tmp/debs" "$tmp/root"

	packages=$(apt_try flavour_packages) ||
		die "apt knows no $IMAGE_PACKAGE of version ${RELEASE}x here;" \
			"give KERNEL_IMAGE=FILE and KDIR=DIR"
	mapfile -t packages <<<"$packages"
	release=${packages[0]#linux-image-}
	apt_try download "$tmp/debs" "${packages[@]}" ||
		die "could not fetch ${packages[*]}"
	say "unpacking the kernel $release"
	for deb in "$tmp"/debs/*.deb; do
		dpkg-deb -x "$deb" "$tmp/root"
	done
	relocate_headers "$tmp/root" "$release"
	depmod -b "$tmp/root" "$release"
	echo "$release" >"$tmp/release"
	mv "$tmp" "$dir"
}

select_flavour()
{
	local dir

	load_flavour "$1"
	need_tools "$COMPILER:$COMPILER"
	dir=$CACHE/kernels/$1
	with_lock "kernel-$1" fetch_flavour "$dir"

	KERNEL_ID=$1
	KERNEL_RELEASE=$(<"$dir/release")
	KERNEL_ROOT=$dir/root
	KERNEL_BOOT=$KERNEL_ROOT/boot/vmlinuz-$KERNEL_RELEASE
	KERNEL_BUILD=$KERNEL_ROOT/usr/src/linux-headers-$KERNEL_RELEASE
	KERNEL_DEB=$(echo "$dir"/debs/linux-image-*.deb)
}

select_own()
{
	[[ -n ${KERNEL_IMAGE:-} && -n ${KDIR:-} ]] ||
		die "a kernel of your own needs both KERNEL_IMAGE=FILE and KDIR=DIR"
	[[ -f $KERNEL_IMAGE && -r $KERNEL_IMAGE ]] ||
		die "KERNEL_IMAGE=$KERNEL_IMAGE is not a readable file"
	[[ -e $KDIR/Makefile ]] || die "KDIR=$KDIR is not a kernel's build tree"
	need_tools gcc:gcc

	KERNEL_BOOT=$(realpath "$KERNEL_IMAGE")
	KERNEL_BUILD=$(realpath "$KDIR")
	# What modules are stamped with; Debian's other files say something else.
	KERNEL_RELEASE=$(sed -n 's/^#define UTS_RELEASE "\(.*\)"$/\1/p' \
		"$KERNEL_BUILD/include/generated/utsrelease.h" 2>/dev/null) || true
	[[ -n $KERNEL_RELEASE ]] ||
		die "KDIR=$KDIR is not prepared for modules: no utsrelease.h"
	KERNEL_ID=own-$(sha1sum <<<"$KERNEL_BUILD" | cut -c1-8)
	KERNEL_DEB=
	KERNEL_ROOT=$(realpath "${KERNEL_MODULES:-/}")
	if [[ ! -e $KERNEL_ROOT/lib/modules/$KERNEL_RELEASE/modules.dep ]]; then
		[[ -z ${KERNEL_MODULES:-} ]] ||
			die "KERNEL_MODULES=$KERNEL_MODULES has no lib/modules/$KERNEL_RELEASE"
		KERNEL_ROOT=
	fi
}

# select_kernel - see the top of this file
select_kernel()
{
	make_cache
	need_tools
	if [[ -n ${KERNEL_IMAGE:-} || -n ${KDIR:-} ]]; then
		[[ -z ${KERNEL:-} ]] || die "KERNEL= and a kernel of your own exclude each other"
		select_own
	else
		select_flavour "${KERNEL:-stock-6.1}"
	fi
}
