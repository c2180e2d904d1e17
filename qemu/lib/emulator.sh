# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# Which QEMU emulates, where there is no KVM. One older than QEMU_SINCE may break the
# guest; so on Debian 12 a newer one is fetched from its backports, into the cache. After
# load_arch.

. "$(dirname "${BASH_SOURCE[0]}")/suite.sh"

EMULATOR_SUITE=bookworm-backports

# qemu_is_sound COMMAND... - is that QEMU_SINCE or later?
qemu_is_sound()
{
	local version

	version=$("$@" --version 2>/dev/null | sed -n '1s/.* version \([0-9.]*\).*/\1/p')
	[[ -n $version ]] &&
		printf '%s\n' "$QEMU_SINCE" "$version" | sort --version-sort --check=quiet
}

# newer_qemu DIR - set QEMU to the one that was unpacked there
newer_qemu()
{
	local data

	QEMU=("$1/usr/bin/$QEMU_PROGRAM")
	for data in $QEMU_DATA; do
		QEMU+=(-L "$1/$data")
	done
}

# fetch_emulator DIR - with what it needs besides the libraries that the installed one has
fetch_emulator()
{
	local dir=$1 deb

	[[ ! -e $dir/usr ]] || return 0
	need_space 300
	tmp=$(mktemp -d "$CACHE/qemu.XXXXXX")
	# with_lock has made a subshell for this, at whose end no local is left.
	trap 'rm -rf "$tmp"' EXIT
	mkdir "$tmp/debs" "$tmp/root"
	suite_download "$EMULATOR_SUITE" "$tmp/debs" qemu-system-x86 qemu-system-common \
		qemu-system-data seabios || return
	for deb in "$tmp"/debs/*.deb; do
		dpkg-deb -x "$deb" "$tmp/root" || return
	done
	newer_qemu "$tmp/root"
	"${QEMU[@]}" --version >&2 || return
	rm -rf "$dir"
	mv "$tmp/root" "$dir"
}

# select_emulator - set QEMU, an array: the command that emulates; and QEMU_IS_SOUND
#
# Where a newer one can't be had, that is known until the machine is booted again.
select_emulator()
{
	local dir=$CACHE/qemu-$ARCH codename='' failed

	failed=$dir-failed-$(</proc/sys/kernel/random/boot_id)
	QEMU=("$QEMU_PROGRAM") QEMU_IS_SOUND=y
	! qemu_is_sound "${QEMU[@]}" || return 0
	# Its libraries are those of that release.
	codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release 2>/dev/null) || true
	if [[ $codename == "${EMULATOR_SUITE%-backports}" && ! -e $failed ]] &&
	   have dpkg-deb; then
		if with_lock "qemu-$ARCH" fetch_emulator "$dir"; then
			newer_qemu "$dir"
			! qemu_is_sound "${QEMU[@]}" || return 0
		fi
		: >"$failed"
	fi
	QEMU=("$QEMU_PROGRAM") QEMU_IS_SOUND=
	say "no QEMU $QEMU_SINCE or later to be had: a VM may die of \"$QEMU_BREAKS\", and not by our fault"
}
