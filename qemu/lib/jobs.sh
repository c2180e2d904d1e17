# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# What the commands that run a job in a VM share: "make run", "make try", "make shell",
# "make timeline", which records a job, and "make check WHAT=postmortem". After lib/build.sh.

# check_file NAME FILE - stop unless FILE, given as NAME=, can be read and has anything
check_file()
{
	[[ -e $2 ]] || die "$1=$2 does not exist"
	[[ -f $2 ]] || die "$1=$2 is not a regular file"
	[[ -r $2 ]] || die "$1=$2 is not readable"
	[[ -s $2 ]] || die "$1=$2 is empty"
}

# verity_data - set DATA, the input of the verity tree: FILE=, or the kernel's package; and
# make WORK/data of it, in whole blocks. After work_dir.
verity_data()
{
	local size

	DATA=$(realpath "${FILE:-${KERNEL_DEB:-$KERNEL_BOOT}}")
	size=$(stat -c %s "$DATA")
	if ((size % 4096 == 0)); then
		ln -s "$DATA" "$WORK/data"
		return
	fi
	say "$DATA is no multiple of 4096 bytes: using a copy padded with zeros"
	need_space $((size / 1048576 + 1))
	cp --reflink=auto "$DATA" "$WORK/data"
	chmod u+w "$WORK/data"
	truncate -s %4096 "$WORK/data"
}

# check_module_dir DIR - stop unless DIR, given as M=, can have a user's modules
check_module_dir()
{
	[[ -d $1 ]] || die "M=$1 is not a directory"
	[[ -e $1/Kbuild || -e $1/Makefile ]] || die "M=$1 has neither Kbuild nor Makefile"
}

# build_theirs DIR - build ours, and the modules in DIR against them; put all into
# WORK/modules, and the names of those in DIR into MODULE_NAMES. After work_dir.
build_theirs()
{
	local source theirs module

	build_scopex release
	source=$(realpath "$1")
	theirs=$(stage_dir "try-$(sha1sum <<<"$source" | cut -c1-8)")
	stage "$source" "$theirs"
	say "building the modules in $source for $KERNEL_RELEASE"
	kbuild "$theirs" KBUILD_EXTRA_SYMBOLS="$STAGE/Module.symvers" \
		KCPPFLAGS="-I$STAGE/include" || die "the modules in $source do not build"

	install_modules "$STAGE" "$WORK/modules"
	install_modules "$theirs" "$WORK/modules"
	MODULE_NAMES=$(
		for module in $(built_modules "$theirs"); do
			basename "$module" .ko
		done | tr '\n-' ' _'
	)
}
