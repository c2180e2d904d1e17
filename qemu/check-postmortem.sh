#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check WHAT=postmortem: does kmod/tools/scopex-drgn.py find in a dump what a kernel hangs in?
# qemu/postmortem/hang/ hangs a VM, which is dumped. The script's output has to be
# qemu/postmortem/expected.txt, but for times, numbers of tasks and the like. Then the
# script has to cope with other memory than the dump has, which lie.py shows it.
#
#	KERNEL=	one that runs in QEMU (default: debuginfo)
#	VMLINUX= its debug information, if it was not built here
#	TIMEOUT= for the VM, in seconds (default: 300)

[[ -n ${KERNEL_IMAGE:-} ]] || export KERNEL=${KERNEL:-debuginfo}
. "$(dirname "$0")/lib/kernel.sh"
. "$ROOT/qemu/lib/build.sh"
. "$ROOT/qemu/lib/jobs.sh"

SCRIPT=$ROOT/kmod/tools/scopex-drgn.py
POSTMORTEM=$ROOT/qemu/postmortem

dump()
{
	# It never is green.
	DUMP=$WORK/vmcore run_vm --job "$ROOT/qemu/guest/postmortem.sh" \
		--modules "$WORK/modules" --cpus 2 --memory 256 --log "$log" \
		--timeout "${TIMEOUT:-300}" >"$WORK/out" 2>"$WORK/err" || true
	expect_line -E 'FAIL: the job says that it hangs' <"$WORK/err" &&
		expect "the dump" "$(stat -c %s "$WORK/vmcore")" -gt 0
}

# look [FILE]... -- SCRIPT [OPTION]... - run drgn with the symbols in FILE; to be sure
# that it ends, with a limit
look()
{
	local symbols=()

	while [[ $1 != -- ]]; do
		symbols+=(-s "$1")
		shift
	done
	shift
	DRGN_USE_LIBKDUMPFILE_FOR_ELF=1 timeout 120 drgn -q \
		-c "$WORK/vmcore" --no-default-symbols "${symbols[@]}" "$@" \
		>"$WORK/out" 2>"$WORK/err"
}

# looks [FILE]... -- SCRIPT [OPTION]... - the same, which has to succeed
looks()
{
	look "$@" && return
	ktap_msg "expected success, found status $? of drgn:"
	ktap_msg "$(tail -n 40 "$WORK"/{out,err})"
	return 1
}

# Replace what differs from one hang to the next. A line of the source has to be one that
# opens a scope.
normalise()
{
	awk -v source="$POSTMORTEM/hang/hang.c" '
	BEGIN {
		while ((getline line <source) > 0)
			if (++n && line ~ /scopex_scope|scopex_detached_init/)
				opens[n]
	}
	match($0, /hang\.c:[0-9]+/) {
		n = substr($0, RSTART + 7, RLENGTH - 7)
		if (n in opens)
			sub(/hang\.c:[0-9]+/, "hang.c")
	}
	{ print }' | sed -E \
		-e '1s/Linux [^ ]+, /Linux, /' \
		-e 's/[0-9.]+ m?s\b/TIME/g' \
		-e 's/, line [0-9]+/, line N/' \
		-e 's/([a-z]\/[0-9]+)(:[0-9]+){1,2} \(/\1 (/g' \
		-e 's/\((R|running)\)/(R)/g'
}

found()
{
	# The names of what is in hang.ko are found without its debug information.
	looks "$VMLINUX" "$MODULE" -- "$SCRIPT" --no-stacks || return
	normalise <"$WORK/out" >"$WORK/found.txt"
	expect_success "$WORK/diff" diff "$POSTMORTEM/expected.txt" "$WORK/found.txt"
}

# stack TASK TEXT... - is there a stack of such a task, with all of these in it?
stack()
{
	local stack text

	stack=$(awk -v RS='' -v task="^stack of $1[:0-9]* " '$0 ~ task' "$WORK/out")
	for text in "${@:2}"; do
		[[ $stack == *"$text"* ]] && continue
		ktap_msg "expected $text in a stack of $1, found: $stack"
		return 1
	done
}

stacks()
{
	looks "$VMLINUX" "$MODULE" "$HANG" -- "$SCRIPT" || return
	# Drgn does not find the registers of what runs in QEMU's dumps.
	stack hang/0 outer_thread scopex_drain_scope &&
		stack scopex/0 nests_fn scopex_drain_scope has_turn_fn detached_fn &&
		stack scopex/1 'on a CPU'
}

json()
{
	looks "$VMLINUX" "$MODULE" -- "$SCRIPT" --json || return
	expect_success "$WORK/err" /usr/bin/python3 - "$WORK/out" <<-'END'
	import json, sys
	data = json.load(open(sys.argv[1]))
	scopes = {scope["name"]: scope for scope in data["scopes"]}
	inner, limited = scopes["inner"], scopes["limited"]
	assert inner["parent"] == scopes["outer"]["address"] and inner["pending"] == 3
	assert limited["limit_waiting"][0]["count"] == 2 and limited["deadline_ms"] > 0
	assert scopes["cancelled"]["error"] == "EIO" and not data["problems"]
	assert any(task["comm"] == "hang/0" and task["stack"] for task in data["stacks"])
	END
}

# refused TEXT ARG... - one clear line, and no traceback
refused()
{
	! look "${@:2}" || {
		ktap_msg "expected failure, found success of drgn"
		return 1
	}
	expect_no_line Traceback <"$WORK/err" && expect_line -E "^scopex-drgn: .*$1" <"$WORK/err"
}

# A field that the script wants, and scopex.ko lacks, stands for a scopex.ko of another version.
other_version()
{
	sed 's/ stall_since / stalled_since /' "$SCRIPT" >"$WORK/other.py" &&
		refused "scopex.ko has no scopex_worker.stalled_since" \
			"$VMLINUX" "$MODULE" -- "$WORK/other.py"
}

# lied_to LIE TEXT... - the script reports what can't be true, and shows the rest
lied_to()
{
	local text

	LIE=$1 looks "$VMLINUX" "$MODULE" -- "$POSTMORTEM/lie.py" "$SCRIPT" || return
	shift
	expect_no_line Traceback <"$WORK/err" || return
	for text in "$@" 'in spins_fn of scope inner' 'stack of hang/0'; do
		expect_line -E "$text" <"$WORK/out" || return
	done
}

select_kernel drgn:python3-drgn
VMLINUX=${VMLINUX:-$KERNEL_BUILD/vmlinux}
[[ $MACHINE == qemu ]] || die "KERNEL=$KERNEL_ID does not run in QEMU"
[[ -e $VMLINUX ]] || die "the debug information of KERNEL=$KERNEL_ID is not in $VMLINUX"
need_space 1000
work_dir

build_theirs "$POSTMORTEM/hang"
MODULE=$WORK/modules/scopex.ko HANG=$WORK/modules/hang.ko
log=$CACHE/logs/check-postmortem-$TREE_KEY
rm -rf "$log"

say "hanging a VM"
ktap_check "a VM that hangs is dumped" dump
if [[ -s $WORK/vmcore ]]; then
	ktap_check "what hangs is found" found
	ktap_check "stacks" stacks
	ktap_check "--json" json
	ktap_check "no vmlinux" refused "no debug information of the kernel" -- "$SCRIPT"
	ktap_check "no scopex.ko" refused "no debug information of scopex" \
		"$VMLINUX" -- "$SCRIPT"
	ktap_check "another version of scopex" other_version
	LIE=unloaded ktap_check "scopex is not loaded" refused "scopex is not loaded" \
		"$VMLINUX" -- "$POSTMORTEM/lie.py" "$SCRIPT"
	ktap_check "a queue that goes in a circle" lied_to circle \
		'queue of CPU 1: goes in a circle'
	ktap_check "a list that leads nowhere" lied_to nowhere \
		"bucket [0-9]+ of open scopes: can't be followed"
	ktap_check "a scope that is none" lied_to none 'is none: its state is'
	ktap_check "an owner that is none" lied_to owner 'owner of scope turns: '
	ktap_check "scopes that are nested in each other" lied_to nested \
		'outer, opened in'
else
	echo "# logs: $log"
fi
conclude "make check WHAT=postmortem"
