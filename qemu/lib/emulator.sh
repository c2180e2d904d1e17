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

# fetch_emulator NEW - for kept; its libraries are those that the installed one has
fetch_emulator()
{
	# shellcheck disable=SC2086 # words
	fetch "$EMULATOR_SUITE" "$1/debs" "$1" $QEMU_PARTS || return
	rm -r "$1/debs"
	newer_qemu "$1"
	"${QEMU[@]}" --version >&2
}

# select_emulator - set QEMU, an array: the command that emulates; and QEMU_IS_SOUND
#
# A failure to get a newer one is remembered until the machine is booted again.
select_emulator()
{
	local dir=$CACHE/qemu-$ARCH codename='' failed

	failed=$dir-failed-$(</proc/sys/kernel/random/boot_id)
	QEMU=("$QEMU_PROGRAM") QEMU_IS_SOUND=y
	! qemu_is_sound "${QEMU[@]}" || return 0
	# Its libraries are those of that release.
	codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release 2>/dev/null) || true
	if [[ $codename == "${EMULATOR_SUITE%-backports}" && ! -e $failed ]]; then
		if kept "$dir" 300 fetch_emulator; then
			newer_qemu "$dir"
			! qemu_is_sound "${QEMU[@]}" || return 0
		fi
		: >"$failed"
	fi
	QEMU=("$QEMU_PROGRAM") QEMU_IS_SOUND=
	say "no QEMU $QEMU_SINCE or later to be had: a VM may die of \"$QEMU_BREAKS\", and not by our fault"
}
