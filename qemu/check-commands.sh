#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests of the commands themselves, on the host: bad input gets one clear line
# and a status, README's example is as good as README says, and a timeline shows what
# was recorded. A part of "make check".

set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. selftests/ktap.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A search path with the programs that the scripts always need, and no others.
mkdir "$work/bin"
for program in bash basename cat cut dirname df env make mkdir mktemp realpath \
		rm sed sha1sum sh sort stat tail uname; do
	ln -s "$(command -v $program)" "$work/bin/"
done

# refused TEXT [NAME=VALUE]... COMMAND [ARG]... - it must fail, and say TEXT in
# its one line that is an error
refused()
{
	local text=$1

	shift
	if env -u KERNEL -u KERNEL_IMAGE -u KERNEL_MODULES -u KDIR -u ACCEL -u CPUS -u TIMEOUT -u TEST \
			"$@" >"$work/out" 2>&1 </dev/null; then
		ktap_msg "not refused: $*"
		return 1
	fi
	[[ $(grep -c 'scopex: error: ' "$work/out") == 1 ]] &&
		grep -q "scopex: error: .*$text" "$work/out" && return
	ktap_msg "$(cat "$work/out")"
	return 1
}

# A file system that df says is full.
full_cache()
{
	local bin=$work/full

	mkdir "$bin"
	printf '#!/bin/sh\necho Avail\necho 2048\n' >"$bin/df"
	chmod +x "$bin/df"
	refused "needs .* MiB of free space, but has 2 MiB" PATH="$bin:$PATH" \
		XDG_CACHE_HOME="$work/cache" make run
}

# README's example, taken from there, in a kernel that is given as one's own is
try_readme()
{
	mkdir "$work/sum"
	# shellcheck disable=SC2016
	sed -n '/^```c$/,/^```$/p' README.md | sed '1d;$d' >"$work/sum/sum.c"
	echo 'obj-m := sum.o' >"$work/sum/Kbuild"
	(
		. qemu/lib/kernel.sh
		select_kernel
		env -u KERNEL KERNEL_IMAGE="$KERNEL_BOOT" KDIR="$KERNEL_BUILD" \
			KERNEL_MODULES="$KERNEL_ROOT" make try M="$work/sum"
	) >"$work/out" 2>&1 &&
		grep -q 'sum of 1 to 8000: 32004000$' "$work/out" && return
	ktap_msg "$(cat "$work/out")"
	return 1
}

# A module that can't be loaded must not pass.
try_broken()
{
	mkdir "$work/broken"
	echo 'obj-m := broken.o' >"$work/broken/Kbuild"
	printf '%s\n' '#include <linux/module.h>' \
		'static int __init broken_init(void) { return -EIO; }' \
		'module_init(broken_init);' 'MODULE_LICENSE("GPL");' \
		'MODULE_DESCRIPTION("Fails");' >"$work/broken/broken.c"
	! make try M="$work/broken" >"$work/out" 2>&1 &&
		grep -q 'FAIL: the job ended with status 1' "$work/out" && return
	ktap_msg "$(cat "$work/out")"
	return 1
}

timeline=qemu/timeline/scopex-timeline.py
recorded=qemu/timeline/demo/demo.trace

# drawn TRACE [OPTION]... - draw it; in $work/counts is what check.py finds
drawn()
{
	"$timeline" --svg "$work/t.svg" --json "$work/t.json" "$@" >"$work/out" 2>&1 &&
		qemu/timeline/check.py "$work/t.svg" "$work/t.json" >"$work/counts" && return
	ktap_msg "$(cat "$work/out" "$work/counts")"
	return 1
}

# counted NAME=NUMBER... - these were found, so many
counted()
{
	local count bad=0

	for count; do
		[[ " $(<"$work/counts") " == *" $count "* ]] && continue
		ktap_msg "not $count: $(<"$work/counts")"
		bad=1
	done
	return "$bad"
}

# hovered TEXT... - the picture says so
hovered()
{
	local text bad=0

	for text; do
		grep -q -e "$text" "$work/t.svg" && continue
		ktap_msg "the picture does not say: $text"
		bad=1
	done
	return "$bad"
}

# One of each thing, as many as are in the trace
demo_is_drawn()
{
	drawn "$recorded" && counted item=19 chunk=10 bars=29 scope=8 bracket=8 \
		failed=2 out=2 cancel=2 hand=3 stall=1 long=1 park=9 queue=2 legend=7 &&
		[[ $(<"$work/counts") != *warning=* && $(<"$work/counts") != *lost=* ]]
}

demo_is_explained()
{
	drawn "$recorded" && hovered 'item burn_fn: 206 us' 'returned -EIO' \
		'scope strict, demo_init() demo.c:102' 'chunk range_fn, 0 to 3: ' \
		'scope late is cancelled at 33.7 ms: -ETIME' '5 items are cancelled:' \
		'by an item of scope outer' 'hands CPU 1 off to scopex/1:2 (59) at' \
		'stall: hog_fn of held, demo_init() demo.c:116 holds up CPU 1' \
		'submitted by modprobe (62) to CPU 1, .* in the queue' \
		'waits for scope inner: ' 'its owner waits: 163 ms' \
		'longest: hog_fn of held, 163 ms on CPU 1' '>queue: at most 8<'
}

# Of 25 items 6 are not run: so many submits, and a flow for each of the others
demo_is_for_perfetto()
{
	drawn "$recorded" && counted X:item=19 X:chunk=10 X:scope=8 X:submit=25 X:wait=6 \
		b:scope=8 e:scope=8 s:submit=19 f:submit=19 i:cancel=2 i:cancelled=6 \
		i:error=2 i:hand-off=3 i:stall=1 C=50
}

same_again()
{
	drawn "$recorded" && mv "$work/t.svg" "$work/1.svg" && mv "$work/t.json" "$work/1.json" &&
		drawn "$recorded" && cmp "$work/1.svg" "$work/t.svg" &&
		cmp "$work/1.json" "$work/t.json"
}

# At that time there is the item that runs until its scope is cancelled.
part_is_drawn()
{
	drawn "$recorded" --from 30 --to 45 && counted item=1 bars=1 scope=1 cancel=1 &&
		hovered 'shown: 15 ms from 30 ms on'
}

# What trace-cmd prints looks different from what tracefs has.
report_is_drawn()
{
	drawn qemu/timeline/demo/three.report &&
		counted item=3 bars=3 scope=1 bracket=1 s:submit=3 f:submit=3
}

# lost TEXT SED-SCRIPT - a trace that was changed by it is told to lack events
lost()
{
	sed "$2" "$recorded" >"$work/lost.trace"
	drawn "$work/lost.trace" && counted lost=1 warning=1 && hovered "! $1" &&
		grep -q "scopex: warning: .*$1" "$work/out"
}

events_are_lost()
{
	lost '7 events lost (CPU 1)' '60i CPU:1 [LOST 7 EVENTS]' &&
		lost '7 events lost (CPU 0)' '14i CPU:0 [7 EVENTS DROPPED]' &&
		lost '55 events lost' \
			's|145/145|145/200|; 40i ##### CPU 1 buffer started ####'
}

# What began or ended while events were lost is there all the same; and does not go on
# when its task is seen to do something else.
halves_are_drawn()
{
	sed '16,55d; 15a CPU:1 [LOST 40 EVENTS]' "$recorded" >"$work/lost.trace"
	drawn "$work/lost.trace" && hovered 'its start is not recorded' &&
		sed '/run_end.*=strict /d' "$recorded" >"$work/lost.trace" &&
		drawn "$work/lost.trace" && hovered 'its end is not recorded' &&
		! grep -q 'item burn_fn: 1[0-9][0-9] ms' "$work/t.svg"
}

cut_off()
{
	head -c 15000 "$recorded" >"$work/cut.trace"
	drawn "$work/cut.trace" && counted warning=1 &&
		grep -q "scopex: warning: .* the first is line 116: the trace is cut off" \
			"$work/out"
}

# Items of 2 us on two CPUs, one of a hundred longer: what is too narrow is merged, and
# nothing is left out.
many_events()
{
	awk 'function event(us, cpu, text) {
		printf "  scopex/%d-%d [00%d] ..... %.6f: scopex_%s\n", cpu, 10 + cpu, cpu,
			100 + us / 1e6, text
	}
	BEGIN {
		event(0, 0, "open: scope=1 name=s parent=0 pending=0 error=0 at f() f.c:1")
		for (i = 0; i < 30000; i++) {
			of = "scope=1 name=s work=" i " fn=g ret=0"
			long = i % 100 ? 2 : 90
			event(i * 50 + 10, i % 2, "run_start: " of)
			event(i * 50 + 10 + long, i % 2, "run_end: " of)
		}
	}' >"$work/many.trace"
	drawn "$work/many.trace" --width 90000 && counted bars=30000 scope=1 &&
		[[ $(<"$work/counts") =~ \ elements=([0-9]+)\ .*\ many=[0-9]+ ]] &&
		((BASH_REMATCH[1] <= 16000)) && (($(stat -c %s "$work/t.svg") < 8000000)) &&
		drawn "$work/many.trace" && counted bars=30000
}

# What is recorded in a VM; README's example has 8 items.
timeline_of_readme()
{
	make timeline M="$work/sum" OUT="$work/timeline" >"$work/out" 2>&1 &&
		[[ $(tail -n 1 "$work/out") == "scopex: make timeline: OK" &&
			-s $work/timeline/trace.dat ]] &&
		qemu/timeline/check.py "$work"/timeline/timeline.{svg,json} >"$work/counts" &&
		counted bars=8 scope=1 X:item=8 s:submit=8 &&
		grep -q 'item sum_part: ' "$work/timeline/timeline.svg" && return
	ktap_msg "$(cat "$work/out")"
	return 1
}

# events_of DIR - without the title
events_of()
{
	sed 's/"otherData":{[^}]*}//' "$work/$1/timeline.json"
}

# The same from its trace.dat, and from half of it
timeline_of_file()
{
	make timeline TRACE="$work/timeline/trace.dat" OUT="$work/again" >"$work/out" 2>&1 &&
		cmp <(events_of timeline) <(events_of again) || return
	head -c 100000 "$work/timeline/trace.dat" >"$work/half.dat"
	refused "half.dat: trace-cmd finds nothing in it: it is cut off" \
		make timeline TRACE="$work/half.dat" OUT="$work/again"
}

: >"$work/empty"
echo "no trace" >"$work/text"
grep -v scopex_ "$recorded" >"$work/others"
echo '  sh-1 [000] d..2. 1.000000: sched_switch: prev_comm=sh' >>"$work/others"
ktap_plan 43
ktap_check "unknown KERNEL" \
	refused "unknown KERNEL=none; known: .*stock-6.1" KERNEL=none make run
ktap_check "KERNEL with a path" refused "unknown KERNEL=" KERNEL=../x make check
ktap_check "KERNEL_IMAGE without KDIR" \
	refused "needs both KERNEL_IMAGE=FILE and KDIR=DIR" KERNEL_IMAGE=x make run
ktap_check "KERNEL_IMAGE that is no file" \
	refused "not a readable file" KERNEL_IMAGE=/none KDIR=/ make run
ktap_check "KDIR that is no build tree" \
	refused "not a kernel's build tree" KERNEL_IMAGE=/bin/sh KDIR=/none make run
ktap_check "make with such a KDIR" \
	refused "not a kernel's build tree" KDIR=/none make
ktap_check "missing FILE" refused "FILE=/none does not exist" FILE=/none make run
ktap_check "FILE is a directory" refused "not a regular file" FILE=/ make run
ktap_check "empty FILE" refused "is empty" FILE="$work/empty" make run
ktap_check "bad SALT" refused "SALT has to be" SALT=0g make run
ktap_check "bad CPUS" refused "CPUS has to be a positive number" CPUS=0 make run
ktap_check "bad TIMEOUT" \
	refused "TIMEOUT has to be a positive number" TIMEOUT=1s make check
ktap_check "bad ACCEL" refused "ACCEL has to be" ACCEL=fast make run
ktap_check "unknown TEST" refused "unknown TEST=none" TEST=none make check
ktap_check "TEST that names nothing" refused "names no test" TEST=" " make check
ktap_check "cache with a blank in its path" \
	refused "blanks in the cache's path" XDG_CACHE_HOME="$work/a b" make run
ktap_check "try without M" refused "needs M=DIR" make try
ktap_check "shell without a terminal" refused "needs a terminal" make shell
ktap_check "unusable cache" \
	refused "cannot write to the cache directory" XDG_CACHE_HOME=/proc make run
ktap_check "full cache" full_cache
ktap_check "missing programs, no apt" \
	refused "missing programs .*no apt.*qemu-system-x86_64" \
	PATH="$work/bin" make run
ktap_check "README's example" try_readme
ktap_check "a module that does not load" try_broken
ktap_check "timeline: all of a trace is drawn" demo_is_drawn
ktap_check "timeline: all of it is explained" demo_is_explained
ktap_check "timeline: all of it is there for Perfetto" demo_is_for_perfetto
ktap_check "timeline: the same again" same_again
ktap_check "timeline: a part of it" part_is_drawn
ktap_check "timeline: what trace-cmd prints" report_is_drawn
ktap_check "timeline: lost events are shown" events_are_lost
ktap_check "timeline: starts and ends that were lost" halves_are_drawn
ktap_check "timeline: a trace that is cut off" cut_off
ktap_check "timeline: many events" many_events
ktap_check "timeline of what is no trace" \
	refused "text: is no trace" make timeline TRACE="$work/text" OUT="$work/t"
ktap_check "timeline of a binary" \
	refused "is neither a trace.dat nor text" make timeline TRACE=/bin/sh OUT="$work/t"
ktap_check "timeline of a trace without scopex" \
	refused "no events of scopex in it" make timeline TRACE="$work/others" OUT="$work/t"
ktap_check "timeline of a missing file" \
	refused "TRACE=/none does not exist" make timeline TRACE=/none
ktap_check "timeline of two things" \
	refused "only one of these .* M= TRACE=" make timeline M="$work" TRACE="$recorded"
ktap_check "timeline with a bad BUFFER_KB" \
	refused "BUFFER_KB has to be a positive number" make timeline BUFFER_KB=x
ktap_check "timeline to where nobody can write" \
	refused "cannot write to OUT=/proc/none" \
	make timeline TRACE="$recorded" OUT=/proc/none
ktap_check "timeline of no time" \
	refused "nothing is between --from and --to" \
	make timeline TRACE="$recorded" OUT="$work/t" ARGS="--from 900"
ktap_check "timeline of README's example" timeline_of_readme
ktap_check "timeline of that trace.dat" timeline_of_file
ktap_finish
