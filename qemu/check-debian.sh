#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check WHAT=debian: are "make run", "make check" and "make try M=kmod/sample" the first
# commands that one can type on a minimal Debian with git and make? As root in a clone; as a user with sudo, and as one
# without, in an archive of the tree. Each in a chroot of its own, with an empty cache. The
# check uses the last commit.
#
#	SUITES=	of Debian (default: bookworm trixie testing)
#	TEST=	what make check runs there (default: all as root, "api" as the users)
#
# Needs root. Takes half an hour for each suite without KVM, so it is not for CI.

. "$(dirname "$0")/lib/tools.sh"
. "$ROOT/qemu/lib/suite.sh"

# Where the mirror's packages are kept, for debootstrap and for apt in the chroots.
DEBS=$CACHE/debian/debs

# make_base SUITE - the minimal installation, in BASE; a new one each week, as testing moves
make_base()
{
	local mirror include=git,make

	[[ -z $(find "$BASE" -maxdepth 0 -mtime -7 2>/dev/null) ]] || return 0
	need_space 6000
	mirror=$(apt_try suite_mirror) || return
	[[ $mirror != https:* ]] || include+=,ca-certificates
	rm -rf "$BASE" "$BASE.tmp"
	# It mounts things, too.
	unshare --mount --propagation private \
		debootstrap --variant=minbase --include="$include" \
		--cache-dir="$DEBS" "$1" "$BASE.tmp" "$mirror" || return
	mv "$BASE.tmp" "$BASE"
	touch "$BASE"
}

# new_machine - in CHROOT, with what it takes to reach the mirror
new_machine()
{
	local file

	rm -rf "$CHROOT"
	cp -a "$BASE" "$CHROOT"
	for file in /etc/hosts /etc/resolv.conf; do
		[[ ! -e $file ]] || cp -L "$file" "$CHROOT/etc/"
	done
	apt-config dump | grep -E '^Acquire::https?::' >"$CHROOT/etc/apt/apt.conf.d/proxies" || true
}

# inside USER COMMAND - in CHROOT, in namespaces, so that no mount and no process is left
inside()
{
	local status=0

	# shellcheck disable=SC2016
	unshare --mount --propagation private --pid --fork --kill-child sh -ec '
		mount -t proc proc "$1/proc"
		mount --rbind /sys "$1/sys"
		mount --rbind /dev "$1/dev"
		mount --bind "$2" "$1/var/cache/apt/archives"
		exec chroot "$1" su - "$3" -c "$4"
	' sh "$CHROOT" "$DEBS" "$1" "$2" </dev/null &
	job=$!
	wait "$job" || status=$?
	job=
	return $status
}

# prepare COMMAND - as root in CHROOT
prepare()
{
	inside root "$1" >"$work/out" 2>&1 || {
		cat "$work/out" >&2
		die "could not prepare the chroot: $1"
	}
}

# new_user NAME - with an archive of the tree
new_user()
{
	prepare "useradd --create-home --shell /bin/bash $1"
	mkdir "$CHROOT/home/$1/scopex"
	git -C "$ROOT" archive HEAD | tar -x -C "$CHROOT/home/$1/scopex"
	prepare "chown -R $1: /home/$1"
}

# works USER COMMAND - its verdict is OK, and the shell has printed no complaint
works()
{
	expect_success "$work/out" inside "$1" "cd scopex && $2" &&
		expect_line -E "^scopex: ${2%% [A-Z]*=*}: OK" <"$work/out" &&
		expect_no_line -E 'Aborted|command not found' <"$work/out"
}

# told USER COMMAND - it fails with one line, which says what to do
told()
{
	expect_failure "$work/out" inside "$1" "cd scopex && $2" &&
		expect_line -E '^scopex: error: .*; as root: apt-get ' <"$work/out" &&
		expect "lines that are not make's" "$(grep -vc '^make: ' "$work/out")" -eq 1
}

# first_commands USER WHO TEST
first_commands()
{
	ktap_check "$suite, $2: make run" works "$1" "make run"
	ktap_check "$suite, $2: make check" works "$1" "make check TEST='$3'"
	ktap_check "$suite, $2: make try" works "$1" "make try M=kmod/sample"
}

try_suite()
{
	new_machine
	git clone -q "file://$ROOT" "$CHROOT/root/scopex" || die "could not clone $ROOT"
	first_commands root "root" "${TEST:-}"

	new_machine
	new_user may
	prepare "apt-get install -y --no-install-recommends sudo"
	echo 'may ALL=(ALL) NOPASSWD: ALL' >"$CHROOT/etc/sudoers.d/may"
	first_commands may "a user with sudo" "${TEST:-api}"

	new_machine
	new_user plain
	ktap_check "$suite, a user without sudo: told what to install" told plain "make check"
	prepare "$(sed -n 's/.*; as root: //p' "$work/out")"
	first_commands plain "a user without sudo" "${TEST:-api}"
}

# Processes in a chroot end with the process that has started them.
stop()
{
	[[ -z $job ]] || kill -KILL "$job" 2>/dev/null || true
	rm -rf "$work"
}

((EUID == 0)) || die "make check WHAT=debian needs root, for chroots"
make_cache
need_programs debootstrap:debootstrap git:git
SUITES=${SUITES:-bookworm trixie testing}
mkdir -p "$DEBS/partial"
job=
work=$(mktemp -d "$CACHE/debian/run.XXXXXX")
on_exit stop
CHROOT=$work/root

for suite in $SUITES; do
	[[ $suite =~ ^[a-z]+$ ]] || die "SUITES=$suite: suites are known by one word"
	say "trying Debian $suite"
	BASE=$CACHE/debian/$suite
	if ! with_lock "debian-$suite" make_base "$suite" >"$work/out" 2>&1; then
		ktap_msg "$(cat "$work/out")"
		ktap_not_ok "$suite: debootstrap"
		continue
	fi
	try_suite
done
conclude "make check WHAT=debian"
