# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# What all scripts of the harness share: messages, the cache, locks, packages.

# Once: the counters of a run must not begin anew.
[[ -z ${common_is_there:-} ]] || return 0
common_is_there=y

set -euo pipefail

# modprobe, depmod and veritysetup are not on the path of ordinary users.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export LC_ALL=C

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
CACHE=${XDG_CACHE_HOME:-${HOME:?is not set}/.cache}/scopex
# Copies of the tree share the cache but not the objects.
TREE_KEY=$(sha1sum <<<"$ROOT" | cut -c1-8)

# A make that called us must not leak its job server and its variables into the
# kernel's makefiles: the scripts pass on what these need explicitly.
unset MAKEFLAGS MAKEOVERRIDES MFLAGS MAKELEVEL

# Standard output is for results; all that tells of progress goes to stderr.
say()
{
	printf 'scopex: %s\n' "$*" >&2
}

die()
{
	printf 'scopex: error: %s\n' "$*" >&2
	exit 1
}

# What "make check WHAT=matrix" takes for "not run".
UNAVAILABLE=77

# unavailable TEXT - as die, for a kernel that can't be had here and now
unavailable()
{
	printf 'scopex: error: %s\n' "$*" >&2
	exit "$UNAVAILABLE"
}

have()
{
	command -v "$1" >/dev/null
}

# is_number WHAT VALUE - stop unless VALUE is a positive decimal number
is_number()
{
	[[ $2 =~ ^[1-9][0-9]{0,8}$ ]] || die "$1 has to be a positive number, not '$2'"
}

# make_cache - create the cache, or say why not
make_cache()
{
	[[ $CACHE != *[[:space:]]* ]] ||
		die "the kernel's makefiles do not take blanks in the cache's path: $CACHE"
	mkdir -p "$CACHE" 2>/dev/null && [[ -w $CACHE ]] ||
		die "cannot write to the cache directory $CACHE (XDG_CACHE_HOME moves it)"
}

# on_exit COMMAND [ARG]... - run it at the end of the script, for whatever reason that ends
on_exit()
{
	# shellcheck disable=SC2064 # these words, as they are now
	trap "$(printf '%q ' "$@")" EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

# work_dir - make WORK, a directory of this run's own in the cache; at the end of the script,
# for whatever reason, the directory is removed, and the VM of run_vm is ended
work_dir()
{
	VM_PID=
	WORK=$(mktemp -d "$CACHE/run.XXXXXX")
	on_exit end_work
}

end_work()
{
	[[ -z $VM_PID ]] || kill "$VM_PID" 2>/dev/null || true
	rm -rf "$WORK"
}

# run_vm ARG... - vm.sh, so that signals are heard while it runs. Unless told otherwise
# it leaves its logs where the command's next run replaces them. After select_kernel.
run_vm()
{
	local status=0 log

	log=$CACHE/logs/$(basename "$0" .sh)-$KERNEL_ID-$TREE_KEY
	# Its input may be a terminal, which is not for the background otherwise.
	"$ROOT/qemu/vm.sh" --log "$log" "$@" <&0 &
	VM_PID=$!
	wait "$VM_PID" || status=$?
	VM_PID=
	return $status
}

# need_space MIB - stop if the cache's file system is too full for what follows
need_space()
{
	local free

	free=$(($(df --output=avail -k "$CACHE" | tail -n 1) / 1024))
	((free >= $1)) || die "$CACHE needs $1 MiB of free space, but has $free MiB"
}

# with_lock NAME COMMAND [ARG]... - run COMMAND while no other script holds NAME
with_lock()
(
	local name=$1 fd

	shift
	mkdir -p "$CACHE/locks"
	exec {fd}>"$CACHE/locks/$name"
	if ! flock --nonblock "$fd"; then
		say "waiting for another run that is using $name"
		flock "$fd"
	fi
	"$@"
)

# kept DIR MIB COMMAND [ARG]... - have DIR in the cache: if it is not there, "COMMAND NEW
# ARG..." fills the directory NEW, which becomes DIR; false if it can't. It may take MIB.
kept()
{
	local name=${1#"$CACHE/"}

	[[ -e $1 ]] || with_lock "${name//\//-}" make_kept "$CACHE/new-${name//\//-}" "$@"
}

make_kept()
{
	local new=$1 dir=$2

	[[ ! -e $dir ]] || return 0
	need_space "$3"
	rm -rf "$new"
	mkdir -p "$new" "$(dirname "$dir")"
	if ! "$4" "$new" "${@:5}"; then
		rm -rf "$new"
		return 1
	fi
	mv "$new" "$dir"
}

# as_root COMMAND [ARG]...
as_root()
{
	if ((EUID == 0)); then
		"$@"
	elif have sudo; then
		sudo "$@"
	else
		die "this needs root, and there is no sudo: $*"
	fi
}

# apt_try COMMAND [ARG]... - run COMMAND; if it fails, refresh apt's lists and
# run it once more
apt_try()
{
	"$@" && return
	say "apt's package lists are missing or old: apt-get update"
	as_root apt-get -q update >&2 || die "apt-get update failed"
	"$@"
}

# Results are KTAP, in all commands that check anything: a command prints its own results by
# ktap.sh, and count-tests.awk counts those in the output of other programs.
. "$(dirname "${BASH_SOURCE[0]}")/../../selftests/ktap.sh"
passed=0 failed=0 skipped=0

# The tests that run on the host: qemu/check-NAME.sh
HOST_TESTS="commands tools try"

# test_programs - the kselftests, in the order in which they run, one a line
test_programs()
{
	sed -n 's/^TEST_PROGS [:+]= //p' "$ROOT/selftests/Makefile" | tr ' ' '\n'
}

# count FILE [TESTS [MAY_SKIP]] - add the results in the KTAP of others; for these variables,
# see count-tests.awk
count()
{
	local counts p f s

	counts=$(awk -v tests="${2:-}" -v may_skip="${3:-.}" -f "$ROOT/qemu/count-tests.awk" "$1")
	[[ -z ${2:-} ]] || head -n -1 <<<"$counts" >&2
	read -r p f s < <(tail -n 1 <<<"$counts")
	((passed += p, failed += f, skipped += s)) || true
}

# conclude NAME - the plan of the command's own results, its verdict, and all results as its
# last line; false if anything failed, or nothing was tested
conclude()
{
	local verdict=OK own=$((ktap_passed + ktap_failed + ktap_skipped))

	# How many results there are may depend on the tests that can run here.
	((own == 0)) || [[ $ktap_planned ]] || echo "1..$own"
	((passed += ktap_passed, failed += ktap_failed, skipped += ktap_skipped)) || true
	((failed == 0 && passed > 0)) || verdict=FAILED
	((failed + passed > 0)) || say "$1: nothing was tested"
	say "$1: $verdict"
	echo "$passed passed, $failed failed, $skipped skipped"
	[[ $verdict == OK ]]
}

# What all commands take.
[[ -z ${CPUS:-} ]] || is_number CPUS "$CPUS"
[[ -z ${TIMEOUT:-} ]] || is_number TIMEOUT "$TIMEOUT"
