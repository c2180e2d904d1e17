# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# Which QEMU emulates, where there is no KVM. One older than 8.1 translates code that
# another CPU is just changing, and runs a breakpoint that is gone ("int3: 0000" in the
# log): a kernel that patches its code under load, as tracing does, dies of that. So on
# Debian 12 a newer one is fetched from its backports, into the cache.

. "$(dirname "${BASH_SOURCE[0]}")/suite.sh"

EMULATOR_SUITE=bookworm-backports

# qemu_is_sound COMMAND... - is that QEMU 8.1 or later?
qemu_is_sound()
{
	local version

	version=$("$@" --version 2>/dev/null | sed -n '1s/.* version \([0-9.]*\).*/\1/p')
	[[ -n $version ]] &&
		printf '%s\n' 8.1 "$version" | sort --version-sort --check=quiet
}

fetch_emulator()
{
	local dir=$1 tmp=$1.tmp.$$ deb

	[[ ! -e $dir/root ]] || return 0
	rm -rf "$dir".tmp.*
	mkdir -p "$tmp/debs" "$tmp/root"
	suite_download "$EMULATOR_SUITE" "$tmp/debs" qemu-system-x86 qemu-system-common \
		qemu-system-data seabios || return
	for deb in "$tmp"/debs/*.deb; do
		dpkg-deb -x "$deb" "$tmp/root" || return
	done
	rm -r "$tmp/debs"
	mkdir -p "$dir" && mv "$tmp/root" "$dir/root"
	rm -rf "$tmp"
}

# select_emulator - set QEMU, an array: the command that emulates
select_emulator()
{
	local dir=$CACHE/qemu codename=''

	QEMU=(qemu-system-x86_64)
	! qemu_is_sound "${QEMU[@]}" || return 0
	# Its libraries are those of that release.
	codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release 2>/dev/null) || true
	if [[ $codename == "${EMULATOR_SUITE%-backports}" ]] && have dpkg-deb &&
	   with_lock qemu fetch_emulator "$dir"; then
		QEMU=("$dir/root/usr/bin/qemu-system-x86_64")
		for dir in "$dir"/root/usr/share/{qemu,seabios}; do
			QEMU+=(-L "$dir")
		done
		! qemu_is_sound "${QEMU[@]}" || return 0
		QEMU=(qemu-system-x86_64)
	fi
	say "no QEMU 8.1 or later to be had: a VM may die of \"int3: 0000\", and not by our fault"
}
