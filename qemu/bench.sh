#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make bench: what scopex costs, beside the other ways to do it, as a table with the
# targets, and in OUT (default: out/bench) as CSV, JSON and plots.
#
#	LANES=	"path native shape" (default), or some of them:
#		path	instructions for an operation, exact, on one emulated CPU with
#			KERNEL= (default: stock-6.1). Figures that have grown over
#			those in qemu/bench/recorded.txt are named.
#		native	nanoseconds, on 2 CPUs, with KERNEL=uml, as ratios within each
#			round; of no use if these have other things to do. One item
#			there and back, and loops, also with scopex's spin_us=50
#		shape	instructions again, of 1 to 16 emulated CPUs together, in two NUMA
#			nodes
#		hardware  as native, on this machine and its running kernel, as root:
#			see qemu/bench/hardware.sh
#	SHAPE_CPUS= for how many (default: "1 2 4 8 16")
#	RECORD=1 write qemu/bench/recorded.txt from this run's path lane, and the plots that
#		README shows, of the lanes that were run
#	FILE=	the data for the native lane's verity tree (as in "make run")
#	OUT=	where to
#	TIMEOUT= in seconds, for each VM
#
# It fails if something did not run, a figure is missing, a result was wrong, or a kernel
# log was not clean; never because of a time.

. "$(dirname "$0")/lib/kernel.sh"
. "$ROOT/qemu/lib/build.sh"
. "$ROOT/qemu/lib/jobs.sh"
. "$ROOT/qemu/bench/hardware.sh"

REPORT=$ROOT/qemu/bench/report.py
RECORDED=$ROOT/qemu/bench/recorded.txt

# The README shows the plots in qemu/bench/plots.
PLOTS="path-here-bars path-here-n path-growth native-there-bars native-loops shape-items
	shape-contend"

# measure NAME RUNS ARG... - in a VM, into OUT/NAME.csv; a case
measure()
{
	local name=$1 runs=$2

	shift 2
	say "make bench: $name"
	mkdir "$WORK/$name"
	if run_vm --log "$CACHE/logs/bench-$name-$TREE_KEY" \
			--job "$ROOT/qemu/guest/bench.sh" --memory 1536 --output "$WORK/$name" \
			--env "RUNS=$runs" --timeout "${TIMEOUT:-600}" "$@" >&2; then
		ktap_ok "$name is measured"
		mv "$WORK/$name/results.csv" "$OUT/$name.csv"
	else
		ktap_not_ok "$name is measured"
	fi
}

# One item there and back depends on the scheduler, so it is measured often. With many items,
# only scopex and its best competitors are measured. Sections without preemption can be told from
# others only where the kernel preempts all else.
lane_path()
{
	local many="only=items peers=scopex,scopex_array,kthread_worker,wq_completion"

	measure path "n=1 rounds=25 only=items;$(
		)n=1000 rounds=5 only=empty,items,work,nest,switch,memory;$(
		)$many n=10,100,10000,100000,1000000 rounds=3;$(
		)only=growth n=1,10,100,10000,1000000 rounds=3;$(
		)only=teardown n=1000000 rounds=3;only=irq rounds=15;$(
		)full only=latency n=1000,1000000 rounds=1;$(
		)only=latency n=100000 rounds=1" --icount --env VERITY=1000
}

# Each of these is loaded with scopex as it is, or with spin_us=50.
NATIVE_RUNS="n=1,10,100,1000 rounds=25 only=empty,items,work,contend,beside,nest,switch,memory,teardown;$(
	)only=items n=10000 rounds=3;only=teardown n=1000000;only=sizes rounds=31"
SPIN_RUNS="n=1 rounds=25 only=items;only=work rounds=25 peers=call,scopex_for repeat=20;$(
	)only=sizes rounds=31"

# The data is the kernel's package, or FILE=.
lane_native()
{
	verity_data
	describe_machine >"$OUT/machine.txt"
	KERNEL=uml measure native "$NATIVE_RUNS" --cpus 2 --disk "$WORK/data" --env VERITY=disk
	KERNEL=uml measure spin "$SPIN_RUNS" --cpus 2 --env SPIN_US=50
}

lane_shape()
{
	local cpus options

	for cpus in $SHAPE_CPUS; do
		options=()
		((cpus == 1)) || options+=(--nodes 2)
		# So many CPUs take long to boot, one after the other on one of the host's.
		BOOT_TIMEOUT=${BOOT_TIMEOUT:-$((180 + 30 * cpus))} \
		TIMEOUT=${TIMEOUT:-$((600 + 60 * cpus))} \
			measure "shape-$cpus" "only=items,contend n=1000 rounds=3 $(
			)peers=scopex,scopex_array,wq_completion,wq_unbound,kthread_worker;$(
			)only=growth n=1 rounds=3;$(
			)only=work rounds=3 peers=call,scopex_for" --icount --cpus "$cpus" "${options[@]}"
	done
}

LANES=${LANES:-path native shape}
for lane in $LANES; do
	[[ $lane =~ ^(path|native|shape|hardware)$ ]] ||
		die "unknown LANES=$lane; known: path native shape hardware"
done
[[ $LANES == hardware || " $LANES " != *" hardware "* ]] ||
	die "LANES=hardware goes alone: VMs would be in its way"
SHAPE_CPUS=${SHAPE_CPUS:-1 2 4 8 16}
for cpus in $SHAPE_CPUS; do
	is_number SHAPE_CPUS "$cpus"
	((cpus == 1 || cpus % 2 == 0)) || die "SHAPE_CPUS=$cpus: two nodes need an even number"
done
[[ -z ${RECORD:-} || $RECORD == 1 && " $LANES " == *" path "* ]] ||
	die "RECORD has to be 1, and LANES to have path"
[[ -z ${FILE:-} ]] || check_file FILE "$FILE"
OUT=$(realpath -m "${OUT:-$ROOT/out/bench}")
mkdir -p "$OUT" 2>/dev/null && [[ -w $OUT ]] || die "cannot write to OUT=$OUT"

if [[ $LANES == hardware ]]; then
	select_running_kernel
else
	select_kernel python3:python3 gnuplot:gnuplot-nox
fi
work_dir
rm -f "$OUT"/*.{csv,json,svg,gp,dat,txt}
for lane in $LANES; do
	"lane_$lane"
done

# shellcheck disable=SC2206 # words
lanes=($LANES)
if "$REPORT" --recorded "$RECORDED" ${RECORD:+--record} --out "$OUT" "${lanes[@]}" |
		tee "$OUT/table.txt"; then
	ktap_ok "all figures are there"
else
	ktap_not_ok "all figures are there"
fi
[[ $LANES != hardware ]] || hardware_report
for plot in "$OUT"/*.gp; do
	[[ -e $plot ]] && have gnuplot || break
	if (cd "$OUT" && gnuplot "$plot") && [[ -s ${plot%.gp}.svg ]]; then
		ktap_ok "${plot##*/} is plotted"
	else
		ktap_not_ok "${plot##*/} is plotted"
	fi
done
for plot in ${RECORD:+$PLOTS}; do
	[[ ! -s $OUT/$plot.svg ]] || cp "$OUT/$plot.svg" "$ROOT/qemu/bench/plots/"
done
say "results: $OUT"
conclude "make bench"
