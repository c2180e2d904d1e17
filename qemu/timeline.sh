#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make timeline: record what a job does, and draw it: trace.dat (for KernelShark),
# timeline.svg (for any browser), timeline.json (for ui.perfetto.dev).
#
#	M=	a directory with your own modules, which are loaded and unloaded, as
#		"make try" does
#	FILE=	without M=, the data of the verity job (as "make run" does it)
#	TRACE=	a recorded trace.dat, or a copy of tracefs' file "trace": it is drawn,
#		and no VM is booted
#	OUT=	where to (default: out/timeline in the tree)
#	PARAMS=	parameters for scopex, as "stall_ms=100"
#	ARGS=	options for kmod/tools/scopex-timeline: its --help has them
#	CPUS=	how many the VM has
#	BUFFER_KB= the tracer's buffer for each CPU (default: 32768, some 300000 events)
#	TIMEOUT= in seconds

. "$(dirname "$0")/lib/kernel.sh"
. "$ROOT/qemu/lib/build.sh"
. "$ROOT/qemu/lib/initramfs.sh"
. "$ROOT/qemu/lib/jobs.sh"

# record - run the job in a VM, which leaves OUT/trace.dat
record()
{
	local options=(--output "$OUT" --timeout "${TIMEOUT:-600}"
		--env "BUFFER_KB=$BUFFER_KB" --env "PARAMS=${PARAMS:-}")

	select_kernel python3:python3 trace-cmd:trace-cmd
	work_dir
	copy_program "$WORK/overlay" trace-cmd
	options+=(--overlay "$WORK/overlay")
	if [[ -n ${M:-} ]]; then
		build_theirs "$M"
		options+=(--modules "$WORK/modules" --env "MODULES=$MODULE_NAMES")
		title="${MODULE_NAMES% } on $KERNEL_RELEASE"
	else
		verity_data
		options+=(--disk "$WORK/data")
		title="verity tree of $(basename "$DATA") on $KERNEL_RELEASE"
		say "recording how the verity tree of $DATA is built"
	fi
	[[ -z ${CPUS:-} ]] || options+=(--cpus "$CPUS")
	rm -f "$OUT"/{trace.dat,timeline.svg,timeline.json}
	# What was recorded before it failed is drawn.
	run_vm --job "$ROOT/qemu/guest/timeline.sh" "${options[@]}" || verdict=FAILED
}

given=
for name in M FILE TRACE; do
	[[ -z ${!name:-} ]] || given+=" $name="
done
[[ $given != *=*=* ]] || die "only one of these can be drawn:$given"
[[ -z ${M:-} ]] || check_module_dir "$M"
[[ -z ${FILE:-} ]] || check_file FILE "$FILE"
[[ -z ${TRACE:-} ]] || check_file TRACE "$TRACE"
BUFFER_KB=${BUFFER_KB:-32768}
is_number BUFFER_KB "$BUFFER_KB"
OUT=$(realpath -m "${OUT:-$ROOT/out/timeline}")
mkdir -p "$OUT" 2>/dev/null && [[ -w $OUT ]] || die "cannot write to OUT=$OUT"

verdict=OK title=
if [[ -n ${TRACE:-} ]]; then
	need_programs python3:python3
	trace=$(realpath "$TRACE")
	[[ $(head -c 10 "$trace" | tr -d '\0') != *tracing* ]] || need_programs trace-cmd:trace-cmd
else
	record
	trace=$OUT/trace.dat
	[[ -s $trace ]] || die "nothing was recorded"
fi
read -ra args <<<"${ARGS:-}"
if "$ROOT/kmod/tools/scopex-timeline" --svg "$OUT/timeline.svg" \
		--json "$OUT/timeline.json" --title "$title" "${args[@]}" "$trace"; then
	say "$OUT/timeline.svg: open it in a browser"
	say "$OUT/timeline.json: for ui.perfetto.dev"
	[[ $trace != *.dat ]] || say "$trace: for kernelshark"
else
	verdict=FAILED
fi
say "make timeline: $verdict"
[[ $verdict == OK ]]
