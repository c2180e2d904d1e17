# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# The programs that the harness needs on the host: installed where there is apt,
# named where there is not.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# command:package that has it on Debian; or header.h:package, or module.py:package
TOOLS="
	busybox:busybox-static
	veritysetup:cryptsetup-bin
	cpio:cpio
	depmod:kmod
	modprobe:kmod
	rsync:rsync
	make:make
	ld:binutils
	xz:xz-utils
	flock:util-linux
"

apt_install()
{
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -q install -y --no-install-recommends "$@" >&2
}

# install_or_name PACKAGES WHAT - install them where there is apt, and we may; else stop
# and say what is missing
install_or_name()
{
	local packages

	have apt-get || die "missing programs (and no apt to install them): $2"
	# shellcheck disable=SC2086 # words
	packages=$(printf '%s\n' $1 | sort -u | paste -sd ' ')
	((EUID == 0)) || { have sudo && sudo true; } ||
		die "missing programs; as root: apt-get update && apt-get install -y --no-install-recommends $packages"
	say "installing what is missing on this machine: $packages"
	# shellcheck disable=SC2086
	apt_try apt_install $packages || die "could not install $packages"
}

# is_there NAME - a command, a header that the host's compiler has to find, or a module of
# the system's python3
is_there()
{
	case $1 in
	*.h) gcc -E -include "$1" -x c /dev/null >/dev/null 2>&1 ;;
	*.py) /usr/bin/python3 -c "import ${1%.py}" 2>/dev/null ;;
	*) have "$1" ;;
	esac
}

# need_tools [COMMAND:PACKAGE]... - these, TOOLS and the architecture's have to be there
need_tools()
{
	# shellcheck disable=SC2086 # words
	need_programs $TOOLS $ARCH_TOOLS "$@"
}

# need_programs COMMAND:PACKAGE... - these have to be there
need_programs()
{
	local pair commands=() packages=()

	for pair in "$@"; do
		is_there "${pair%:*}" && continue
		commands+=("${pair%:*}")
		packages+=("${pair#*:}")
	done
	((${#commands[@]})) || return 0

	install_or_name "${packages[*]}" "${commands[*]}"
	for pair in "${commands[@]}"; do
		is_there "$pair" || die "$pair is still missing after the installation"
	done
}
