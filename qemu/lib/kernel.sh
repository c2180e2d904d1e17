# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# Choose the kernel and get it into the cache. select_kernel sets:
#	KERNEL_ID	names it in the cache
#	what qemu/arch/ says about its architecture: see lib/arch.sh
#	KERNEL_BOOT	the image that the VM boots
#	KERNEL_BUILD	the tree that modules are built against
#	KERNEL_MAKE	what else make has to be told then
#	KERNEL_RELEASE	what uname -r says there
#	KERNEL_ROOT	has lib/modules/RELEASE; empty if there are no modules
#	KERNEL_DEB	the image's package; empty if it did not come from one
#
# KERNEL=NAME is a file in qemu/kernels/, with these fields:
#	SUMMARY		one line for people
#	KIND		package: a ready-made kernel; source: built here
#	SUITE		the Debian suite that has it, by its codename; empty for the
#			machine's own
#	PACKAGE		the metapackage that depends on what we want
#	VERSION		how the version has to begin (package)
#	COMPILER	what to compile with, if that can be had
#	ARCH		the architecture, a file in qemu/arch/ (default: this machine's)
#	FRAGMENTS	files in qemu/kernels/fragments/, beyond "common" (source)
#	MAY_SKIP	which tests may be skipped, as it can't run them: see
#			count-tests.awk
#	ECHO_MANY	how many connections the suite echo unloads (default: 10000)
#	MATRIX=no	not for make check WHAT=matrix, as it shows nothing that others don't
#
# KERNEL_IMAGE=FILE with KDIR=DIR is a kernel of the user's own; its modules are in
# KERNEL_MODULES=DIR, the directory that has lib/modules/RELEASE (default: /),
# unless all that the VM needs is built in. Tests may be skipped for any reason.

. "$(dirname "${BASH_SOURCE[0]}")/arch.sh"
. "$(dirname "${BASH_SOURCE[0]}")/tools.sh"
. "$(dirname "${BASH_SOURCE[0]}")/suite.sh"

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
	SUITE='' VERSION='' FRAGMENTS='' MATRIX=yes MAY_SKIP='' ECHO_MANY=
	ARCH=$(host_arch)
	load_arch "$ARCH"
	# shellcheck source=../kernels/stock-6.1.conf
	. "$conf"
	load_arch "$ARCH"
	SUITE=$(other_suite "$SUITE")
}

# apt_knows PACKAGE
apt_knows()
{
	[[ -n $(apt-cache show "$1" 2>/dev/null) ]]
}

# choose_compiler - set COMPILER: the flavour's, if it is there or can be had, else gcc, as
# releases of Debian drop old compilers sooner than this drops old kernels
choose_compiler()
{
	have "$COMPILER" || apt_knows "$COMPILER" && return
	# If apt knows nothing at all yet, it may know the flavour's later.
	! have gcc && ! apt_knows gcc || COMPILER=gcc
}

# need_flavour_tools [COMMAND:PACKAGE]... - the tools to build the flavour and its modules, and
# to run it; and these. All at once, as another person may have to install them.
need_flavour_tools()
{
	local tools=()

	choose_compiler
	if [[ $KIND == source ]]; then
		tools=(flex:flex bison:bison bc:bc perl:perl gcc:gcc openssl:openssl
			stdio.h:libc6-dev)
		# shellcheck disable=SC2206 # words
		tools+=($BUILD_TOOLS)
	fi
	need_tools "$COMPILER:$COMPILER" "${tools[@]}" "$@"
}

# depends PACKAGE REGEX - the packages that PACKAGE depends on and REGEX matches
depends()
{
	apt-cache depends --important "$1" 2>/dev/null |
		sed -n 's/^ *Depends: //p' | grep -E "^($2)\$"
}

# flavour_apt COMMAND [ARG]... - run what uses apt, on the flavour's suite
flavour_apt()
{
	any_suite "$SUITE" "$@"
}

# newest REGEX - the package that PACKAGE depends on and REGEX matches, and its version
newest()
{
	local package

	package=$(depends "$PACKAGE" "$1") &&
		apt-cache show --no-all-versions "$package" |
		sed -n "s/^Version: /$package /p"
}

# The same, asked for once in a while, not at every call: all flavours of a source, and
# the runs of a day, use the same answer, and a kernel in the cache needs no network.
newest_known()
{
	local known=$CACHE/source/$SUITE-$PACKAGE${VERSION:+-$VERSION}

	if [[ -z $(find "$known" -mmin -1440 2>/dev/null) ]]; then
		mkdir -p "$CACHE/source"
		(flavour_apt newest "$1") >"$known.new" && mv "$known.new" "$known"
	fi
	[[ -s $known ]] && cat "$known"
}

# flavour_packages IMAGE - the packages of the flavour, the image's first
flavour_packages()
{
	local image=$1 headers

	headers=linux-headers-${image#linux-image-}
	echo "$image"
	echo "$headers"
	depends "$headers" 'linux-headers-.*-common.*|linux-kbuild-.*'
}

# Debian's headers have absolute paths to where they would be installed.
relocate_headers()
{
	local root=$1 release=$2 link

	sed -i 's|/usr/src/|../|' "$root/usr/src/linux-headers-$release/Makefile"
	for link in build source; do
		ln -sfn "../../..$(readlink "$root/lib/modules/$release/$link")" \
			"$root/lib/modules/$release/$link" || return
	done
}

# need_apt NAME - or the flavour can't be had
need_apt()
{
	have_apt ||
		unavailable "KERNEL=$1 comes from Debian's packages, and there is no apt" \
			"here; give KERNEL_IMAGE=FILE and KDIR=DIR"
}

# fetch_flavour NEW NAME IMAGE - the kernel that is in the package IMAGE; for kept
fetch_flavour()
{
	local new=$1 name=$2 image=$3 release=${3#linux-image-} packages

	packages=$(flavour_apt flavour_packages "$image") ||
		unavailable "apt knows no headers for $image"
	mapfile -t packages <<<"$packages"
	fetch "$SUITE" "$new/debs" "$new/root" "${packages[@]}" ||
		unavailable "could not fetch ${packages[*]}"
	relocate_headers "$new/root" "$release" && depmod -b "$new/root" "$release" || return
	echo "$release" >"$new/release"
	# Other versions of this flavour.
	rm -rf "$CACHE/kernels/$name"-*
}

# select_package NAME - for select_kernel
select_package()
{
	local newest image dir

	need_apt "$1"
	newest=$(newest_known "linux-image-${VERSION//./\\.}.*") ||
		unavailable "apt knows no $PACKAGE of version ${VERSION}x in" \
			"${SUITE:-"this machine's suite"}; give KERNEL_IMAGE=FILE and KDIR=DIR"
	read -r image _ <<<"$newest"
	dir=$CACHE/kernels/$1-$(sha1sum <<<"$SUITE $PACKAGE $VERSION $newest" | cut -c1-8)
	kept "$dir" 2000 fetch_flavour "$1" "$image"
	KERNEL_RELEASE=$(<"$dir/release")
	KERNEL_ROOT=$dir/root
	KERNEL_BOOT=$KERNEL_ROOT/boot/vmlinuz-$KERNEL_RELEASE
	KERNEL_BUILD=$KERNEL_ROOT/usr/src/linux-headers-$KERNEL_RELEASE
	KERNEL_DEB=$(echo "$dir"/debs/linux-image-*.deb)
	# Its headers know theirs only.
	KERNEL_MAKE=(CC="$COMPILER")
}

# built_release TREE - what the modules built against TREE are stamped with;
# Debian's other files may say something else
built_release()
{
	sed -n 's/^#define UTS_RELEASE "\(.*\)"$/\1/p' \
		"$1/include/generated/utsrelease.h" 2>/dev/null
}

# use_tree DIR - a build tree of the user's own: set KERNEL_BUILD and what goes with it
#
# It may be for another architecture than this machine's: then kbuild has to be told.
use_tree()
{
	local host

	[[ -e $1/Makefile ]] || die "KDIR=$1 is not a kernel's build tree"
	KERNEL_BUILD=$(realpath "$1") KERNEL_MAKE=()
	host=$(host_arch)
	load_arch "$(tree_arch "$KERNEL_BUILD" || echo "$host")"
	[[ $ARCH == "$host" ]] || KERNEL_MAKE=(ARCH="$KBUILD_ARCH")
}

# select_own [COMMAND:PACKAGE]... - for select_kernel
select_own()
{
	[[ -n ${KERNEL_IMAGE:-} && -n ${KDIR:-} ]] ||
		die "a kernel of your own needs both KERNEL_IMAGE=FILE and KDIR=DIR"
	[[ -f $KERNEL_IMAGE && -r $KERNEL_IMAGE ]] ||
		die "KERNEL_IMAGE=$KERNEL_IMAGE is not a readable file"
	need_tools gcc:gcc "$@"
	MAY_SKIP=.

	KERNEL_BOOT=$(realpath "$KERNEL_IMAGE")
	use_tree "$KDIR"
	KERNEL_RELEASE=$(built_release "$KERNEL_BUILD") || true
	[[ -n $KERNEL_RELEASE ]] ||
		die "KDIR=$KDIR is not prepared for modules: no utsrelease.h"
	KERNEL_ID=own-$(sha1sum <<<"$KERNEL_BUILD" | cut -c1-8)
	KERNEL_ROOT=$(realpath "${KERNEL_MODULES:-/}")
	if [[ ! -e $KERNEL_ROOT/lib/modules/$KERNEL_RELEASE/modules.dep ]]; then
		[[ -z ${KERNEL_MODULES:-} ]] ||
			die "KERNEL_MODULES=$KERNEL_MODULES has no lib/modules/$KERNEL_RELEASE"
		KERNEL_ROOT=
	fi
}

# select_kernel [COMMAND:PACKAGE]... - see the top of this file; with programs that have to
# be there besides
select_kernel()
{
	make_cache
	KERNEL_ID=${KERNEL:-stock-6.1}
	load_flavour "$KERNEL_ID"
	KERNEL_MAKE=() KERNEL_ROOT='' KERNEL_DEB=''
	if [[ -n ${KERNEL_IMAGE:-} || -n ${KDIR:-} ]]; then
		[[ -z ${KERNEL:-} ]] || die "KERNEL= and a kernel of your own exclude each other"
		select_own "$@"
		return
	fi

	need_flavour_tools "$@"
	case $KIND in
	package) select_package "$KERNEL_ID" ;;
	source)
		. "$ROOT/qemu/lib/kernel-build.sh"
		select_built "$KERNEL_ID"
		;;
	esac
}
