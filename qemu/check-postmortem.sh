#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check WHAT=postmortem: does kmod/tools/scopex-drgn.py find in a dump what a kernel hangs in?
# A VM is hung by qemu/postmortem/hang/, and dumped; what the script says about it has
# to be qemu/postmortem/expected.txt, but for times, numbers of tasks and the like. Then
# it is told lies.
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
	grep -q 'FAIL: the job says that it hangs' "$WORK/err" && [[ -s $WORK/vmcore ]]
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

# What differs from one hang to the next. A line of the source has to be one that a
# scope comes from.
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
		-e 's/([a-z]\/[0-9]+)(:[0-9]+){1,2} \(/\1 (/g' \
		-e 's/\((R|running)\)/(R)/g'
}

found()
{
	# The names of what is in hang.ko are found without its debug information.
	look "$VMLINUX" "$MODULE" -- "$SCRIPT" --no-stacks || return
	normalise <"$WORK/out" | diff "$POSTMORTEM/expected.txt" - >"$WORK/diff" && return
	cat "$WORK/diff" >>"$WORK/out"
	return 1
}

# stack TASK TEXT... - is there a stack of such a task, with all of these in it?
stack()
{
	local stack text

	stack=$(awk -v RS='' -v task="^stack of $1[:0-9]* " '$0 ~ task' "$WORK/out")
	for text in "${@:2}"; do
		[[ $stack == *"$text"* ]] || {
			echo "there is no $text in a stack of $1" >>"$WORK/err"
			return 1
		}
	done
}

stacks()
{
	look "$VMLINUX" "$MODULE" "$HANG" -- "$SCRIPT" || return
	# Drgn does not find the registers of what runs in QEMU's dumps.
	stack hang/0 outer_thread scopex_drain_scope &&
		stack scopex/0 nests_fn scopex_drain_scope has_turn_fn detached_fn &&
		stack scopex/1 'on a CPU'
}

json()
{
	look "$VMLINUX" "$MODULE" -- "$SCRIPT" --json || return
	/usr/bin/python3 - "$WORK/out" <<-'END' 2>"$WORK/err"
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
	! look "${@:2}" || return
	! grep -q Traceback "$WORK/err" && grep -q "^scopex-drgn: .*$1" "$WORK/err"
}

# lied_to LIE TEXT... - what is not so is told, and what is not concerned is shown
lied_to()
{
	local text

	LIE=$1 look "$VMLINUX" "$MODULE" -- "$POSTMORTEM/lie.py" "$SCRIPT" || return
	shift
	! grep -q Traceback "$WORK/err" || return
	for text in "$@" 'in spins_fn of scope inner' 'stack of hang/0'; do
		grep -q "$text" "$WORK/out" || {
			echo "there is no: $text" >>"$WORK/err"
			return 1
		}
	done
}

select_kernel drgn:python3-drgn
VMLINUX=${VMLINUX:-$KERNEL_BUILD/vmlinux}
[[ $MACHINE == qemu ]] || die "KERNEL=$KERNEL_ID does not run in QEMU"
[[ -e $VMLINUX ]] || die "the debug information of KERNEL=$KERNEL_ID is not in $VMLINUX"
need_space 1000
work_dir
# shellcheck disable=SC2034 # by verdict
OUTPUTS=("$WORK"/{out,err})
: >"$WORK/out"
: >"$WORK/err"

build_theirs "$POSTMORTEM/hang"
MODULE=$WORK/modules/scopex.ko HANG=$WORK/modules/hang.ko
log=$CACHE/logs/check-postmortem-$TREE_KEY
rm -rf "$log"

say "hanging a VM"
verdict "a VM that hangs is dumped" dump
if [[ -s $WORK/vmcore ]]; then
	verdict "what hangs is found" found
	verdict "stacks" stacks
	verdict "--json" json
	verdict "no vmlinux" refused "no debug information of the kernel" -- "$SCRIPT"
	verdict "no scopex.ko" refused "no debug information of scopex" \
		"$VMLINUX" -- "$SCRIPT"
	LIE=unloaded verdict "scopex is not loaded" refused "scopex is not loaded" \
		"$VMLINUX" -- "$POSTMORTEM/lie.py" "$SCRIPT"
	verdict "a queue that goes in a circle" lied_to circle \
		'queue of CPU 1: goes in a circle'
	verdict "a list that leads nowhere" lied_to nowhere \
		"open scopes of CPU [01]: can't be followed"
	verdict "a scope that is none" lied_to none 'is none: its state is'
	verdict "an owner that is none" lied_to owner 'owner of scope turns: '
	verdict "scopes that are nested in each other" lied_to nested \
		'outer, opened in'
else
	echo "# logs: $log"
fi
conclude "make check WHAT=postmortem"
