# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# The programs that the harness needs on the host: installed where there is apt,
# named where there is not.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# command:package that has it on Debian
TOOLS="
	qemu-system-x86_64:qemu-system-x86
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

# install_or_name PACKAGES WHAT - install them where there is apt, else stop and
# say what is missing
install_or_name()
{
	local packages

	have apt-get || die "missing programs (and no apt to install them): $2"
	# shellcheck disable=SC2086 # words
	packages=$(printf '%s\n' $1 | sort -u | tr '\n' ' ')
	say "installing what is missing on this machine: $packages"
	# shellcheck disable=SC2086
	apt_try apt_install $packages || die "could not install $packages"
}

# need_header HEADER:PACKAGE - what the host's compiler has to find
need_header()
{
	header_is_there "${1%:*}" && return
	install_or_name "${1#*:}" "${1%:*}"
	header_is_there "${1%:*}" || die "${1%:*} is still missing after the installation"
}

header_is_there()
{
	gcc -E -include "$1" -x c /dev/null >/dev/null 2>&1
}

# need_tools [COMMAND:PACKAGE]... - these and TOOLS have to be there
need_tools()
{
	# shellcheck disable=SC2086 # words
	need_programs $TOOLS "$@"
}

# need_programs COMMAND:PACKAGE... - these have to be there
need_programs()
{
	local pair commands=() packages=()

	for pair in "$@"; do
		have "${pair%:*}" && continue
		commands+=("${pair%:*}")
		packages+=("${pair#*:}")
	done
	((${#commands[@]})) || return 0

	install_or_name "${packages[*]}" "${commands[*]}"
	for pair in "${commands[@]}"; do
		have "$pair" || die "$pair is still missing after the installation"
	done
}
