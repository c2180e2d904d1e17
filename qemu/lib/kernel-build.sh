# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# Build a kernel of KIND=source, out of tree: allnoconfig and fragments. The cache keeps it
# by its inputs. Part of lib/kernel.sh.

. "$(dirname "${BASH_SOURCE[0]}")/source.sh"

# find_source - set SOURCE_NAME, SOURCE_VERSION, and SOURCE_TREE, where
# need_source puts it
find_source()
{
	local newest

	newest=$(newest_known 'linux-source-[0-9.]+') ||
		unavailable "there is no $PACKAGE in ${SUITE:-"this machine's suite"}"
	read -r SOURCE_NAME SOURCE_VERSION <<<"$newest"
	SOURCE_TREE=$CACHE/source/$SOURCE_NAME-$SOURCE_VERSION
}

need_source()
{
	kept "$SOURCE_TREE" 4000 unpack_whole || unavailable "could not fetch $SOURCE_NAME"
}

unpack_whole()
{
	# Other versions.
	rm -rf "$CACHE/source/$SOURCE_NAME"-*
	unpack_parts "$1" "$SUITE" "$SOURCE_NAME"
}

# replace_files - put the architecture's own files in the source, if they are not there
replace_files()
{
	local pair

	for pair in $REPLACED; do
		cmp -s "$ROOT/qemu/arch/${pair#*:}" "$SOURCE_TREE/${pair%:*}" ||
			cp "$ROOT/qemu/arch/${pair#*:}" "$SOURCE_TREE/${pair%:*}"
	done
}

# configure SOURCE BUILD - and look whether all that was wanted is there
configure()
{
	local source=$1 build=$2 line lost=()
	local -A last=()

	make -s -C "$source" O="$build" "${KERNEL_MAKE[@]}" \
		KCONFIG_ALLCONFIG="$build/wanted" allnoconfig >"$build/config.log" 2>&1 || {
		cat "$build/config.log" >&2
		die "the configuration failed"
	}
	# A fragment may undo an option of an earlier one.
	while read -r line; do
		[[ $line != CONFIG_* ]] || last[${line%%=*}]=$line
	done <"$build/wanted"
	for line in "${last[@]}"; do
		case $line in
		*=n) ! grep -q "^${line%n}" "$build/.config" || lost+=("$line") ;;
		*) grep -qxF "$line" "$build/.config" || lost+=("$line") ;;
		esac
	done
	((!${#lost[@]})) || die "not in the kernel's configuration: ${lost[*]}"
}

# Show that something is going on.
count_objects()
{
	awk '/^  (CC|AS) / && !(++n % 500) {
		print "scopex: ... " n " files"
		fflush()
	}' >&2
}

# make_kernel SOURCE BUILD TARGET...
make_kernel()
{
	local source=$1 build=$2

	shift 2
	make -C "$source" O="$build" "${KERNEL_MAKE[@]}" -j "$(nproc)" "$@" \
		2>"$build/errors.log" | count_objects || {
		tail -n 20 "$build/errors.log" >&2
		die "the kernel does not build: $build/errors.log"
	}
}

build_kernel()
{
	local dir=$1 start=$SECONDS

	if [[ -e $dir/release ]]; then
		# Kbuild's files have absolute paths, of the source's true place.
		if grep -qF " $(realpath -m "$SOURCE_TREE")/Makefile" "$dir/Makefile"; then
			# The source may have been unpacked again.
			replace_files
			return
		fi
		say "$dir was built with a source that is elsewhere: building it again"
	fi
	need_source
	replace_files
	need_space 4000
	# Builds of other versions or configurations of this flavour.
	rm -rf "$CACHE/kernels/$KERNEL_ID"-*
	mkdir -p "$dir"
	cp "$WANTED" "$dir/wanted"
	configure "$SOURCE_TREE" "$dir"

	say "building the kernel $KERNEL_ID from $SOURCE_NAME: some minutes"
	make_kernel "$SOURCE_TREE" "$dir" modules "$IMAGE_TARGET"
	# Not every architecture's build makes one.
	[[ -e $dir/Module.symvers ]] || cp "$dir/vmlinux.symvers" "$dir/Module.symvers"
	# If the configuration has some, the VM finds them where a package has them.
	[[ ! -s $dir/modules.order ]] ||
		make_kernel "$SOURCE_TREE" "$dir" modules_install INSTALL_MOD_PATH="$dir/root"
	# What modules and the VM do not need is most of it.
	find "$dir" \( -path "$dir/scripts" -o -path "$dir/tools" \) -prune -o \
		\( -name '*.o' -o -name '*.a' -o -name '.*.cmd' \) -type f \
		-exec rm -f {} +
	built_release "$dir" >"$dir/release"
	say "built the kernel $KERNEL_ID in $((SECONDS - start)) s"
}

# kernel_make - set KERNEL_MAKE
kernel_make()
{
	KERNEL_MAKE=(ARCH="$KBUILD_ARCH" CC="$COMPILER" HOSTCC="$COMPILER")
}

# select_built NAME - for select_kernel
select_built()
{
	local key fragment pair fragments=()

	need_apt "$1"
	find_source

	for fragment in $FRAGMENTS; do
		fragments+=("$ROOT/qemu/kernels/fragments/$fragment.config")
	done
	WANTED=$(mktemp)
	cat "$ROOT/qemu/kernels/fragments/common.config" "$ROOT/qemu/arch/$ARCH.config" \
		"${fragments[@]}" >"$WANTED"
	key=$({
		echo "$SOURCE_NAME $SOURCE_VERSION $KBUILD_ARCH"
		"$COMPILER" --version
		cat "$WANTED"
		for pair in $REPLACED; do
			cat "$ROOT/qemu/arch/${pair#*:}"
		done
	} | sha1sum | cut -c1-8)

	kernel_make
	KERNEL_BUILD=$CACHE/kernels/$1-$key
	with_lock "kernel-$1" build_kernel "$KERNEL_BUILD"
	rm -f "$WANTED"
	KERNEL_RELEASE=$(<"$KERNEL_BUILD/release")
	KERNEL_BOOT=$KERNEL_BUILD/$IMAGE
	[[ ! -d $KERNEL_BUILD/root ]] || KERNEL_ROOT=$KERNEL_BUILD/root
}
