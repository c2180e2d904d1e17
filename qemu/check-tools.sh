#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests of kmod/tools/ and the commands that use them, with readings and recordings
# that are known, and in a VM. A part of "make check".

set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. qemu/lib/command-tests.sh
. qemu/bench/tests.sh

# A reading of scopex's counters, made at TIME (ns); RUN items have run on the only CPU
counters()
{
	cat <<-END
	version 1
	time_ns $1
	cpu0.open 1
	cpu0.run $2
	cpu0.submitted $2
	cpu0.depth 3
	total.run $2
	config.cpus 0
	config.profile 1
	site1.name two words
	site1.place place_fn() place.c:7
	site1.profile.items $2
	site1.profile.run_ns $(($2 * 1000))
	site1.profile.run_max_ns 4000
	site1.profile.run_log2 0 0 0 0 0 0 0 0 0 0 $2 0
	cpu0.profile.items $2
	cpu0.profile.run_ns $(($2 * 1000))
	worker0.cpu 0
	worker0.name scopex/0
	worker0.pid 9
	worker0.state stalled
	worker0.item place_fn
	worker0.scope two words
	worker0.at_least_ms 12000
	task0.item place_fn:7
	task0.state waiting
	task0.for two words
	task0.ms 20
	task0.scope inner
	task1.item place_fn:7
	task1.state waiting
	task1.for two words
	task1.ms 3000
	task1.scope inner
	task2.item place_fn:7
	task2.state running
	task2.scope inner
	tasks_left 1
	scope0.name outer
	scope0.place place_fn() place.c:7
	scope0.depth 0
	scope0.pending 1
	scope0.age_ms 5
	scope0.state cancelled
	scope0.error -28
	scope0.owner some task
	scope0.pid 5
	scope0.running 0
	scope1.name inner
	scope1.place place_fn() place.c:8
	scope1.depth 1
	scope1.pending 2
	scope1.age_ms 4
	scope1.state waiting
	scope1.error 0
	scope1.owner some task
	scope1.pid 5
	scope1.running -
	END
}

top=kmod/tools/scopex-top

# said REGEX... - each is found in a line of the output
said()
{
	local regex

	for regex; do
		expect_line -E "$regex" <"$work/out" || return
	done
}

# tops [OPTION]... - run it with a reading; it has to succeed
tops()
{
	expect_success "$work/out" "$top" --once "$@"
}

# python FILE... - the script on standard input has nothing against these files
python()
{
	expect_success "$work/python" python3 - "$@"
}

# Half a second in which 500,000 items ran, of 1 us each.
top_compares()
{
	counters 1000000000 1000 >"$work/then"
	counters 1500000000 501000 >"$work/now"
	tops --file "$work/now" --before "$work/then" &&
		said 'in 0\.5 s: 1000k items/s' \
			'^ +0 ##########  ?100% +3 +1000k ' \
			'^ +100% +1000k +0 +0 +1\.0us +1\.0us .* two words place_fn\(\) place\.c:7$' \
			'^outer +1 .* cancelled ENOSPC +0 ' '^  inner +2 .* waiting ' \
			'^ +0 scopex/0 +stalled +>12s place_fn two words$' \
			'^ +2 +3\.0s waiting +two words +place_fn:7 inner$' \
			'^ +1 +- running +- +place_fn:7 inner$' '^ +and more$'
}

top_prints_json()
{
	tops --json --file "$work/now" --before "$work/then" &&
		python "$work/out" <<-'END'
		import json, sys
		view = json.load(open(sys.argv[1]))
		assert view["version"] == 1 and view["total"]["run"] == 1000000
		site, = view["sites"]
		assert site["items"] == 500000 and site["busy"] == 1
		assert site["run"]["count"] == 500000 and site["run"]["p95_ns"] == 1024
		assert [scope["depth"] for scope in view["scopes"]] == [0, 1]
		assert view["workers"][0]["scope"] == "two words"
		assert len(view["tasks"]) == 3 and view["tasks_left"] is True
		END
}

# Counts from before a reset must not be subtracted.
top_survives_a_reset()
{
	counters 2000000000 100 >"$work/reset"
	tops --file "$work/reset" --before "$work/now" &&
		said 'in 0\.5 s: 200 items/s'
}

# top_fails TEXT FILE [OPTION]... - a line that says what is wrong, and no more
top_fails()
{
	local text=$1 file=$2

	shift 2
	expect_failure "$work/out" "$top" "$@" --once --file "$file" --interval 0.1 &&
		said "^scopex-top: .*$text" && expect lines "$(wc -l <"$work/out")" -eq 1
}

top_refuses()
{
	: >"$work/empty"
	sed 's/^version 1/version 2/' "$work/now" >"$work/newer"
	top_fails "is scopex loaded, and debugfs mounted" "$work/none" &&
		top_fails "has version '', this program knows 1" "$work/empty" &&
		top_fails "has version '2'" "$work/newer" &&
		top_fails "loaded anew" "$work/then" --before "$work/now" &&
		expect_failure "$work/out" "$top" --interval 0 && said 'has to be from 0.1'
}

# live COLUMNS TEXT SED-SCRIPT - the live view, in a terminal, of counters that go on and
# are changed by the script; q is pressed when TEXT is seen, or does not come
live()
{
	local columns=$1 text=$2 script=$3 n=0 feed status=0

	rm -f "$work"/{keys,ended,live}
	mkfifo "$work/keys"
	while ((++n)); do
		counters "$((n * 100000000))" "$((n * 100))" | sed -E "$script" >"$work/next"
		mv "$work/next" "$work/live"
		sleep 0.1
	done &
	feed=$!
	wait_until 60 test -s "$work/live"
	: >"$work/out"
	{
		exec 8>"$work/keys"
		wait_until 100 grep -q "$text" "$work/out"
		printf q >&8
	} &
	timeout 120 script -qec "stty rows 30 cols $columns; TERM=vt100 $top --interval 0.2 --file $work/live" \
		/dev/null <"$work/keys" >"$work/out" 2>&1 || status=$?
	kill "$feed"
	wait
	expect "the status" "$status" -eq 0 && return
	ktap_msg "$(tail -c 200 "$work/out" | tr -d '\033\r')"
	return 1
}

top_is_live()
{
	live 100 place_fn '' && said 'items/s' 'two words' 'ENOSPC' 'q: end'
}

# Characters that no terminal may get, as sed puts them into a text: escape sequences of 7 and
# of 8 bits, a byte that is no UTF-8, ends of lines for some (a carriage return, U+2028),
# text from right to left; and characters of XML.
odd='\x1b[31m\xc2\x9b31m\xff\r\xe2\x80\xa8\xe2\x80\xae<\&">\x7f'

# harmless FILE... - the files have only printable characters and ends of lines
harmless()
{
	python "$@" <<-'END'
	import sys
	for path in sys.argv[1:]:
	    text = open(path, "rb").read().decode()
	    bad = [char for char in text if char != "\n" and not char.isprintable()]
	    if bad:
	        sys.exit(f"{path} has {set(bad)!r}")
	END
}

# odd_readings - texts of all kinds that a program must not trust, one of them for a number
odd_readings()
{
	local file

	for file in "then" now; do
		LC_ALL=C sed -E "s/^([a-z]+[0-9]\.(name|place|item|scope|owner|state|running)) .*/&$odd/;
			s/^scope1\.owner .*/scope1.owner 007/;
			s/^config\.cpus .*/&$odd/" "$work/$file" >"$work/odd.$file"
	done
}

top_is_harmless()
{
	odd_readings
	tops --file "$work/odd.now" --before "$work/odd.then" &&
		harmless "$work/out" &&
		said 'two words\\x1b\[31m\\x9b31m\\xff\\r\\u2028\\u202e<&">\\x7f place_fn' \
			'^  inner.* 007:5 place_fn' 'some task.*x7f:5 ' || return
	expect lines "$(wc -l <"$work/out")" \
		-eq "$($top --once --file "$work/now" --before "$work/then" | wc -l)" || return
	tops --json --file "$work/odd.now" --before "$work/odd.then" &&
		harmless "$work/out"
}

# A missing key, text for a number, a version that is not a number
top_refuses_what_is_odd()
{
	sed '/^scope0.pending/d' "$work/now" >"$work/lacks"
	sed "s/^scope0.age_ms .*/scope0.age_ms $odd/" "$work/now" >"$work/text.now"
	sed "s/^version .*/version $odd/" "$work/now" >"$work/odd.version"
	top_fails "no reading of scopex's counters" "$work/lacks" --before "$work/then" &&
		top_fails "no reading of scopex's counters" "$work/text.now" \
			--before "$work/then" && harmless "$work/out" &&
		top_fails "has version '.x1b" "$work/odd.version" && harmless "$work/out"
}

# A name that would have the terminal move its cursor is shown as it is spelt.
top_is_harmless_live()
{
	live 150 faked 's/^(scope0\.owner) .*/\1 x\x1b[7;7Hfaked\x00/' &&
		said 'x\\x1b\[7;7Hfaked\\x00:5'
}

# The script for drgn, without drgn: how it shows damaged or hostile names
drgn_is_harmless()
{
	python "$work/out" <<-'END' && harmless "$work/out" && said '^    odd.x1b.31m.*, opened in ' &&
	import importlib.util, sys, types
	for name in ("drgn", "drgn.helpers", "drgn.helpers.linux", "drgn.helpers.linux.cpumask",
	             "drgn.helpers.linux.percpu", "drgn.helpers.linux.sched"):
	    module = sys.modules[name] = types.ModuleType(name)
	    for helper in ("for_each_online_cpu", "for_each_possible_cpu", "per_cpu",
	                   "task_state_to_char"):
	        setattr(module, helper, None)
	sys.modules["drgn"].FaultError = sys.modules["drgn"].ObjectAbsentError = ValueError
	spec = importlib.util.spec_from_file_location("script", "kmod/tools/scopex-drgn.py")
	script = importlib.util.module_from_spec(spec)
	sys.dont_write_bytecode = True
	spec.loader.exec_module(script)

	class String:
	    def string_(self):
	        return b"odd\x1b[31m\n\xc2\x9b\xff\xe2\x80\xae"

	odd = script.text(String())
	task = {"comm": odd, "pid": 1, "state": "S", "on_cpu": False, "dead": False}
	item = {"function": odd, "scope": "0x1", "for_ms": 1}
	scope = {"address": "0x1", "name": odd, "parent": None, "kind": "open", "function": odd,
	         "file": odd, "line": 1, "flags": [], "pending": 1, "error": odd, "age_ms": 1,
	         "listed": True, "owner": task, "joins": odd,
	         "tasks": [{"count": 2, "state": odd, "for": odd, "function": odd, "line": 3,
	                    "longest_ms": 4}]}
	cpu = {"cpu": 0, "online": True, "open": True, "queue": "items", "stalls": 0, "dead": 0,
	       "queued": [{"count": 1, "function": odd, "scope": "0x1"}], "offer": None,
	       "stealable": [{"count": 2, "function": odd, "scope": "0x1"}],
	       "left_by": task, "workers": [{"task": task, "state": "active", "item": item}]}
	data = {"config": {"standby": 1, "workers": 1, "stall_ms": 1}, "release": odd,
	        "live": False, "cpus": [cpu], "scopes": [scope], "problems": [odd],
	        "stacks": [dict(task, stack=[odd])]}
	open(sys.argv[1], "w").write(script.Report(data).make() + "\n")
	END
		said '^ *2 task.s. odd.x1b.31m.* for odd.*: odd.*, line 3, for '
}

top_in_a_vm()
{
	TOP="--once --json" make top >"$work/out" 2>&1 || true
	said '^scopex: make top: OK$' &&
		grep '^{' "$work/out" >"$work/json" && python "$work/json" <<-'END'
		import json, sys
		view = json.load(open(sys.argv[1]))
		assert len(view["cpus"]) >= 2 and view["config"]["profile"] == 1
		assert "verity_part" in [site["name"] for site in view["sites"]]
		assert sum(site["chunks"] for site in view["sites"]) > 0
		END
}

timeline=kmod/tools/scopex-timeline
recorded=qemu/timeline/demo/demo.trace

# drawn TRACE [OPTION]... - draw it; in $work/counts is what check.py finds
drawn()
{
	expect_success "$work/out" "$timeline" --svg "$work/t.svg" --json "$work/t.json" "$@" &&
		expect_success "$work/counts" qemu/timeline/check.py "$work/t.svg" "$work/t.json"
}

# counted NAME=NUMBER... - these were found, so many
counted()
{
	local count bad=0

	for count; do
		[[ " $(<"$work/counts") " == *" $count "* ]] && continue
		ktap_msg "expected $count, found $(<"$work/counts")"
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
		ktap_msg "expected in the picture, and not found: $text"
		bad=1
	done
	return "$bad"
}

# One of each thing, as many as are in the trace
demo_is_drawn()
{
	drawn "$recorded" && counted item=19 chunk=10 bars=29 scope=8 bracket=8 \
		failed=2 out=2 cancel=2 hand=3 stall=1 long=1 park=9 queue=2 legend=7 &&
		expect_no_line -E 'warning=|lost=' <"$work/counts"
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
		drawn "$recorded" && expect_success "$work/out" cmp "$work/1.svg" "$work/t.svg" &&
		expect_success "$work/out" cmp "$work/1.json" "$work/t.json"
}

# At that time there is the item that runs until its scope is cancelled.
part_is_drawn()
{
	drawn "$recorded" --from 30 --to 45 && counted item=1 bars=1 scope=1 cancel=1 &&
		hovered 'shown: 15 ms from 30 ms on'
}

# A task waits for 4 ms between two calls of its function.
task_waits()
{
	sed 's/^/  scopex\/0-2 [000] ..... /' >"$work/task.trace" <<-'END'
	1.000000: scopex_open: scope=0x1 name=s parent=(nil) pending=0 error=0 at f() x.c:5
	1.000100: scopex_submit: scope=0x1 name=s work=0x2 fn=task_fn target=0
	1.000200: scopex_run_start: scope=0x1 name=s work=0x2 fn=task_fn ret=0
	1.000300: scopex_run_end: scope=0x1 name=s work=0x2 fn=task_fn ret=0
	1.000310: scopex_task_wait: scope=0x1 name=s work=0x2 fn=task_fn at=57 for=timer
	1.004310: scopex_submit: scope=0x1 name=s work=0x2 fn=task_fn target=0
	1.004400: scopex_run_start: scope=0x1 name=s work=0x2 fn=task_fn ret=0
	1.004500: scopex_run_end: scope=0x1 name=s work=0x2 fn=task_fn ret=0
	1.005000: scopex_close: scope=0x1 name=s parent=(nil) pending=0 error=0 at f() x.c:5
	END
	drawn "$work/task.trace" && counted item=2 scope=1 sleep=1 &&
		hovered 'task task_fn:57 waits for a timer: 4 ms' 'tasks waited 4 ms in 1 wait'
}

# trace-cmd prints another format than tracefs has.
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
		expect_success "$work/found" grep "scopex: warning: .*$1" "$work/out"
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
		expect_no_line -E 'item burn_fn: 1[0-9][0-9] ms' <"$work/t.svg"
}

cut_off()
{
	head -c 15000 "$recorded" >"$work/cut.trace"
	drawn "$work/cut.trace" && counted warning=1 &&
		said "scopex: warning: .* the first is line 116: the trace is cut off"
}

# Hostile names of tasks, scopes, functions and files: the picture is complete, it is XML, and
# it shows the names.
odd_names_are_drawn()
{
	LC_ALL=C sed -E "s/^( *)modprobe-/\1a <$odd-/; s/name=strict /name=strict$odd /;
		s/fn=burn_fn/fn=burn_fn$odd/; s/demo_init\(\) demo\.c:/demo_init$odd() demo$odd.c:/" \
		"$recorded" >"$work/odd.trace"
	drawn "$work/odd.trace" --title "$(printf '<&\033[1m\377')" &&
		counted item=19 chunk=10 bars=29 scope=8 &&
		harmless "$work/t.svg" "$work/t.json" "$work/out" &&
		hovered 'strict\\x1b\[31m\\x9b31m\\xff\\r\\u2028\\u202e&lt;&amp;"&gt;\\x7f' \
			'<title>&lt;&amp;\\x1b\[1m' 'a &lt;\\x1b.* (62)'
}

# A task's name that ends lines, and lines that look like others: some can't be read, and the
# name of a scope is not taken for an event.
forged_lines_are_told()
{
	sed -E "s/^( *)modprobe-/\1mod\nprobe-/" "$recorded" >"$work/odd.trace"
	drawn "$work/odd.trace" || return
	sed -E "s/name=strict /name=x-1 [001] 9.000000: scopex_park: target=1 /" \
		"$recorded" >"$work/odd.trace"
	drawn "$work/odd.trace" && counted item=19 chunk=10 park=9
}

# Numbers and lines that would take all memory or time are not believed.
large_numbers_are_refused()
{
	{
		cat "$recorded"
		echo '  x-1 [99999999999] ..... 100.000000: scopex_park: target=1'
		echo '  x-1 [000] ..... 100.000000: scopex_park: target=99999999999'
		printf '  x-1 [000] ..... %05000d.000000: scopex_park: target=0\n' 0
		printf '  x-1 [000] ..... 100.000000: scopex_submit: scope=1 name=%0100000d\n' 0
		echo 'CPU:99999999999 [LOST 7 EVENTS]'
		echo '# entries-in-buffer/entries-written: 1/1   #P:99999999999'
	} >"$work/odd.trace"
	drawn "$work/odd.trace" && counted item=19 chunk=10 warning=1 &&
		said "scopex: warning: .*4 lines can't be read"
}

# Items of 2 us on two CPUs, one of a hundred longer: bars that are too narrow are merged, and
# none is left out.
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
		expect_line -E ' elements=([0-9]{1,4}|1[0-5][0-9]{3}|16000) .* many=[0-9]+' <"$work/counts" &&
		expect "the picture's size" "$(stat -c %s "$work/t.svg")" -lt 8000000 &&
		drawn "$work/many.trace" && counted bars=30000
}

# A recording from a VM; the README's example has 8 items.
timeline_of_readme()
{
	readme_module "$work/sum"
	expect_success "$work/out" make timeline M="$work/sum" OUT="$work/timeline" &&
		expect "the last line" "$(tail -n 1 "$work/out")" = "scopex: make timeline: OK" &&
		expect_success "$work/found" test -s "$work/timeline/trace.dat" &&
		expect_success "$work/counts" qemu/timeline/check.py "$work"/timeline/timeline.{svg,json} &&
		counted bars=8 scope=1 X:item=8 s:submit=8 &&
		expect_success "$work/found" grep 'item sum_part: ' "$work/timeline/timeline.svg"
}

# events_of DIR - without the title
events_of()
{
	sed 's/"otherData":{[^}]*}//' "$work/$1/timeline.json"
}

# The same from its trace.dat, and from half of it
timeline_of_file()
{
	expect_success "$work/out" make timeline TRACE="$work/timeline/trace.dat" OUT="$work/again" &&
		expect_success "$work/found" cmp <(events_of timeline) <(events_of again) || return
	head -c 100000 "$work/timeline/trace.dat" >"$work/half.dat"
	refused "half.dat: trace-cmd finds nothing in it: it is cut off" \
		make timeline TRACE="$work/half.dat" OUT="$work/again"
}

echo "no trace" >"$work/text"
grep -v scopex_ "$recorded" >"$work/others"
echo '  sh-1 [000] d..2. 1.000000: sched_switch: prev_comm=sh' >>"$work/others"
ktap_plan 45
ktap_check "top: rates and times" top_compares
ktap_check "top: JSON" top_prints_json
ktap_check "top: a reset" top_survives_a_reset
ktap_check "top: bad input" top_refuses
ktap_check "top: the live view" top_is_live
ktap_check "top: odd names" top_is_harmless
ktap_check "top: odd readings" top_refuses_what_is_odd
ktap_check "top: odd names in the live view" top_is_harmless_live
ktap_check "drgn: odd names" drgn_is_harmless
ktap_check "top in a VM" top_in_a_vm
ktap_check "bench: what has grown is named" bench_names_growth
ktap_check "bench: targets" bench_compares
ktap_check "bench: the interval of known data" bench_bootstraps
ktap_check "bench: how sure a verdict is" bench_tells_how_sure
ktap_check "bench: a figure is missing" bench_misses
ktap_check "bench: the lane on hardware, with a fake one" hardware_is_measured
ktap_check "bench: that lane refuses" hardware_is_refused
ktap_check "bench: that lane fails" hardware_fails
ktap_check "bench in no lane" refused "unknown LANES=road; known: path" make bench LANES=road
ktap_check "bench with nodes that are not equal" refused "SHAPE_CPUS=3: two nodes need" \
	make bench SHAPE_CPUS="2 3"
ktap_check "bench that records nothing" \
	refused "LANES to have path" make bench LANES=native RECORD=1
ktap_check "timeline: all of a trace is drawn" demo_is_drawn
ktap_check "timeline: all of it is explained" demo_is_explained
ktap_check "timeline: all of it is there for Perfetto" demo_is_for_perfetto
ktap_check "timeline: the same again" same_again
ktap_check "timeline: a part of it" part_is_drawn
ktap_check "timeline: a task that waits" task_waits
ktap_check "timeline: what trace-cmd prints" report_is_drawn
ktap_check "timeline: lost events are shown" events_are_lost
ktap_check "timeline: starts and ends that were lost" halves_are_drawn
ktap_check "timeline: a trace that is cut off" cut_off
ktap_check "timeline: odd names" odd_names_are_drawn
ktap_check "timeline: forged lines" forged_lines_are_told
ktap_check "timeline: numbers that are too large" large_numbers_are_refused
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
	refused "cannot write to OUT=/proc/none" make timeline TRACE="$recorded" OUT=/proc/none
ktap_check "timeline of no time" refused "nothing is between --from and --to" \
	make timeline TRACE="$recorded" OUT="$work/t" ARGS="--from 900"
ktap_check "timeline of README's example" timeline_of_readme
ktap_check "timeline of that trace.dat" timeline_of_file
ktap_finish
