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

# need_tools [COMMAND:PACKAGE]... - these and TOOLS have to be there
need_tools()
{
	local pair commands=() packages=()

	for pair in $TOOLS "$@"; do
		have "${pair%:*}" && continue
		commands+=("${pair%:*}")
		packages+=("${pair#*:}")
	done
	((${#commands[@]})) || return 0

	have apt-get ||
		die "missing programs (and no apt to install them): ${commands[*]}"
	mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)
	say "installing what is missing on this machine: ${packages[*]}"
	apt_try apt_install "${packages[@]}" || die "could not install ${packages[*]}"
	for pair in "${commands[@]}"; do
		have "$pair" || die "$pair is still missing after the installation"
	done
}
