#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check WHAT=latency: for how long does scopex keep interrupts or preemption off?
#
# Each case of qemu/latency/ is run with few and with many objects, on an emulated CPU whose
# clock counts instructions. Its longest section may take LIMIT instructions, and be no
# longer with many objects than with few.
#
# With STRESS=1, the longest sections during the stress test are shown instead, on two CPUs
# with a clock that goes on whatever the host does: it is no verdict.
#
#	CASES=	some of them (default: all)
#	KERNEL=	one with CONFIG_PREEMPTIRQ_TRACEPOINTS (default: latency)
#	STRESS=1, STRESS_SECONDS= how long the stress test takes (default: 10)
#	TIMEOUT= for the VM, in seconds (default: 1200)

[[ -n ${KERNEL_IMAGE:-} ]] || export KERNEL=${KERNEL:-latency}
. "$(dirname "$0")/lib/kernel.sh"
. "$ROOT/qemu/lib/build.sh"
. "$ROOT/qemu/lib/jobs.sh"

LIMIT=50000
# How much the kernel's part of a section varies: a wake-up, which may not come with few
FLOOR=4000

# Each level, and each stack of a star, takes a worker, of which a CPU has 4096 at most.
ITEMS="take stats cancel_items array limit limit_per_cpu loop"
TASKS="waiters"
SCOPES="scopes exit cancel deadline"
CHAINS="chain_beside chain_cancel chain_deadline chain_files"
STARS="star_cancel star_deadline"
SCOPES_PER_STACK=40

# runs CASE - that with few and with many objects
runs()
{
	case $1 in
	waiters) echo "$1:100:2 $1:2000:2" ;;
	chain_*) echo "$1:100:120 $1:2000:2020" ;;
	star_*) echo "$1:100:$((100 / SCOPES_PER_STACK + 20))" \
		"$1:100000:$((100000 / SCOPES_PER_STACK + 20))" ;;
	*) echo "$1:100:2 $1:100000:2" ;;
	esac
}

KNOWN="$ITEMS $TASKS $SCOPES $CHAINS $STARS"
CASES=${CASES:-$KNOWN}
all=
for case in $CASES; do
	[[ " $KNOWN " == *" $case "* ]] || die "unknown CASES=$case; known: $KNOWN"
	all+=" $(runs "$case")"
done

select_kernel
grep -q '^CONFIG_PREEMPTIRQ_TRACEPOINTS=y' "$KERNEL_BUILD/include/config/auto.conf" ||
	die "KERNEL=$KERNEL_ID does not tell when interrupts and preemption are off"
work_dir
build_theirs "$ROOT/qemu/latency"
if [[ ${STRESS:-} == 1 ]]; then
	is_number STRESS_SECONDS "${STRESS_SECONDS:=10}"
	run_vm --job "$ROOT/qemu/guest/latency.sh" --modules "$WORK/modules" --cpus 2 \
		--env "STRESS_SECONDS=$STRESS_SECONDS" --env RUNS= \
		--timeout "${TIMEOUT:-1200}" >"$WORK/out" || {
		cat "$WORK/out"
		die "the VM has failed"
	}
	echo "the longest sections, in ns, and of whom; \"-\" is anybody else:"
	awk '$1 == "latency:" && $4 + 0 > max[$5] + 0 { max[$5] = $4; line[$5] = $0 }
	END { for (who in line) print line[who] }' "$WORK/out" |
		sed -e 's/^latency: all 0 //' -e 's/ \[[a-z_]*\]//g' | sort -rn | sed -n 1,20p
	exit
fi
if run_vm --job "$ROOT/qemu/guest/latency.sh" --modules "$WORK/modules" --icount \
		--env "RUNS=${all# }" --timeout "${TIMEOUT:-1200}" >"$WORK/out"; then
	ktap_ok "the VM"
else
	ktap_msg "$(grep -v '^latency: ' "$WORK/out")"
	ktap_not_ok "the VM"
fi
awk -v cases="$CASES" -v limit="$LIMIT" -v floor="$FLOOR" \
	-f "$ROOT/qemu/latency/judge.awk" "$WORK/out" >"$WORK/verdicts"
while read -r line; do
	case $line in
	"ok "*) ktap_ok "${line#ok }" ;;
	"not ok "*) ktap_not_ok "${line#not ok }" ;;
	*) echo "$line" ;;
	esac
done <"$WORK/verdicts"
conclude "make check WHAT=latency"
