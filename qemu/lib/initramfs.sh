# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# Make the guest's root file system. After select_kernel.

# Modules that the VM can use besides GUEST_MODULES; with those that they depend on.
OTHER_MODULES="loop sha256_generic"

# The same, but a job or a suite loads them itself, with parameters.
LATER_MODULES="null_blk"

# copy_program ROOT PROGRAM [TARGET] - with the shared libraries it needs
copy_program()
{
	local root=$1 program lib

	program=$2
	[[ $program == /* ]] || program=$(command -v "$2") || die "$2 is missing"
	install -D -m 755 "$program" "$root/${3:-bin/$2}"
	# Static programs make ldd fail, and have none.
	{ ldd "$program" 2>/dev/null | grep -o '/[^ ]*' || true; } | while read -r lib; do
		[[ -e $root$lib ]] || install -D -m 755 "$lib" "$root$lib"
	done
}

# Modules that a Python program needs besides its imports, for help and for any locale; and
# the terminals that may show it.
PYTHON_MODULES="shutil locale encodings.ascii encodings.latin_1"
TERMINALS="vt100 vt102 linux xterm xterm-256color screen screen-256color tmux tmux-256color"

# copy_python ROOT PROGRAM - with the interpreter, and the modules that it imports
copy_python()
{
	# The system's, which finds its library where the system has it.
	local root=$1 program=$2 files file name PATH=/usr/bin:/bin:$PATH

	install -D -m 755 "$program" "$root/bin/${program##*/}"
	copy_program "$root" "$(realpath "$(command -v python3)")" usr/bin/python3
	copy_program "$root" env usr/bin/env
	# shellcheck disable=SC2086 # words
	files=$(python3 -B -S - "$program" $PYTHON_MODULES <<-'END'
		import importlib.util, importlib.machinery, sys
		loader = importlib.machinery.SourceFileLoader("program", sys.argv[1])
		loader.exec_module(importlib.util.module_from_spec(
		    importlib.util.spec_from_loader("program", loader)))
		for name in sys.argv[2:] + ["site"]:
		    __import__(name)
		for module in list(sys.modules.values()):
		    print(getattr(module, "__file__", None) or "")
	END
	) || die "$program can't be imported"
	for file in $files; do
		[[ ! -e $file || $file == "$program" ]] ||
			copy_program "$root" "$file" "${file#/}"
	done
	for name in $TERMINALS; do
		for file in {/etc,/lib,/usr/share}/terminfo/"${name:0:1}/$name"; do
			[[ ! -e $file ]] || install -D -m 644 "$file" \
				"$root/lib/terminfo/${name:0:1}/$name"
		done
	done
}

# copy_guest_modules ROOT - GUEST_MODULES, OTHER_MODULES and LATER_MODULES, and etc/modules that
# names those which are there, but for LATER_MODULES
copy_guest_modules()
{
	local root=$1 name lines word path

	: >"$root/etc/modules"
	[[ -n $KERNEL_ROOT ]] || return 0
	for name in $GUEST_MODULES $OTHER_MODULES $LATER_MODULES; do
		lines=$(modprobe -C /dev/null -d "$KERNEL_ROOT" -S "$KERNEL_RELEASE" \
			--show-depends "$name" 2>/dev/null) || continue
		[[ " $LATER_MODULES " == *" $name "* ]] || echo "$name" >>"$root/etc/modules"
		while read -r word path _; do
			[[ $word == insmod ]] || continue
			path=/lib/modules/${path##*/lib/modules/}
			[[ -e $root$path ]] ||
				install -D -m 644 "$KERNEL_ROOT$path" "$root$path"
		done <<<"$lines"
	done
}

# make_initramfs FILE MODULES_DIR OVERLAY... - MODULES_DIR becomes "extra", what
# modprobe finds; the overlays are copied over all
make_initramfs()
{
	local file=$1 extra=$2 root modules overlay

	shift 2
	root=$(mktemp -d "$file.XXXXXX")
	modules=$root/lib/modules/$KERNEL_RELEASE
	chmod 755 "$root"
	mkdir -p "$root"/{bin,dev,etc,proc,root,sbin,sys,tmp} \
		"$root"/usr/{bin,sbin} "$modules"
	copy_program "$root" busybox
	ln -s busybox "$root/bin/sh"
	# kselftest's runner wants options that busybox's own does not have.
	copy_program "$root" timeout usr/bin/timeout
	copy_program "$root" veritysetup sbin/veritysetup

	copy_guest_modules "$root"
	cp -r "$extra" "$modules/extra"
	if [[ -n $KERNEL_ROOT ]]; then
		cp -t "$modules" "$KERNEL_ROOT/lib/modules/$KERNEL_RELEASE"/modules.{order,builtin,builtin.modinfo}
	else
		touch "$modules"/modules.{order,builtin,builtin.modinfo}
	fi
	depmod -b "$root" "$KERNEL_RELEASE"

	install -m 755 "$ROOT/qemu/guest/init" "$root/init"
	install -m 644 -t "$root" "$ROOT/selftests/load.sh" "$ROOT/qemu/guest/disk.sh"
	for overlay in "$@"; do
		cp -r "$overlay/." "$root/"
	done
	(cd "$root" && find . -print0 |
		cpio --quiet --null --create --format=newc --owner=0:0) >"$file"
	rm -rf "$root"
}
