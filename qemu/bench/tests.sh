# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154
#
# Tests of "make bench": of its report, with figures that are known, and of LANES=hardware, on a
# machine that is a fake. For qemu/check-tools.sh, which has "said" and "python".

# bench_row WORKLOAD,PEER,PLACE,N,WORK,CPUS,WHAT SAMPLE... - a figure, as scopex_bench prints it;
# its samples are sorted
bench_row()
{
	local row=$1 samples=("${@:2}")
	local n=${#samples[@]}

	echo "$row,ns,${samples[(n - 1) / 2]},${samples[(n - 1) / 4]},${samples[(n - 1) * 3 / 4]},$n,${samples[*]}"
}

# bench_figures SUBMIT - a path lane in which a submit costs that
bench_figures()
{
	local n row place what value

	echo "workload,peer,place,n,work_ns,cpus,what,unit,median,low,high,rounds,samples"
	for n in 1 10 100 1000 10000 100000 1000000; do
		for row in scopex,50 scopex_array,40 kthread_worker,300 wq_flush,900; do
			bench_row "items,${row%,*},here,$n,0,1,total" "${row#*,}"
		done
	done
	bench_row items,wake,here,1,0,1,total 40
	bench_row items,scopex,here,1000,0,1,submit "$1"
	bench_row items,scopex_any,here,1000,0,1,total 80
	bench_row items,scopex_any,here,1000,0,1,submit 38
	for row in scopex,0 call,1 call,1000 scopex_for,0 scopex_for,1 scopex_for,1000; do
		bench_row "empty,${row%,*},-,${row#*,},0,1,total" 30
	done
	for row in scopes nesting queue; do
		for n in 10 100; do
			bench_row "growth,scopex,$row,$n,0,1,item" 50
			bench_row "growth,scopex,$row,$n,0,1,loop" "$((n + 200))"
			bench_row "growth,scopex,$row,$n,0,1,cancel" 60
			bench_row "growth,scopex,$row,$n,0,1,all" 70
		done
	done
	bench_row teardown,refcounted,-,1000000,0,1,total 100
	bench_row teardown,scopex,-,1000000,0,1,total 2
	for row in plain,1000 scopex_for,1004 scopex_items,1006; do
		bench_row "verity,${row%,*},-,1000,0,1,total" "${row#*,}"
	done
	bench_row switch,scopex_task,-,2,0,1,total 400
	bench_row switch,kthread,-,2,0,1,total 5000
	bench_row yield,scopex_task,-,2,0,1,total 120
	for row in scopex_task,idle,0,3300 scopex_event,idle,0,3500 kthread,idle,0,3000 \
			scopex_task,busy,1,700 kthread,busy,1,3000 scopex_task,busy,8,9000 \
			kthread,busy,8,3000; do
		bench_row "irq,${row%,*},0,1,total" "${row##*,}"
	done
	bench_row irq,scopex_task,busy,1,0,1,items 1
	bench_row irq,scopex_task,busy,8,0,1,items 7
	for row in known_irq,50000,irq,51000 known_preempt,50000,preempt,53000 \
			{cancel,expire},{1000,1000000},{irq\,8000,preempt\,60000} \
			cancel,100000,resched,400000; do
		IFS=, read -r place n what value <<<"$row"
		bench_row "latency,scopex,$place,$n,0,1,$what" "$value"
	done
	bench_row size,scopex_task,-,1,0,0,size 128
	bench_row size,scopex_work,-,1,0,0,size 32
	bench_row size,scopex_scope,-,1,0,0,size 97
}

# reported [OPTION]... - make the table of what is in $work/bench
reported()
{
	expect_success "$work/out" report "$@"
}

report()
{
	qemu/bench/report.py --out "$work/bench" --recorded "$work/recorded" "$@" path
}

bench_names_growth()
{
	mkdir -p "$work/bench"
	bench_figures 100 >"$work/bench/path.csv"
	reported --record && said '^0 of [0-9]+ recorded figures' || return
	bench_figures 101 >"$work/bench/path.csv"
	reported && said '^0 of [0-9]+ recorded figures' && expect_no_line -E '^GROWN' <"$work/out" || return
	bench_figures 103 >"$work/bench/path.csv"
	reported && said '^1 of [0-9]+ recorded figures' \
		'^GROWN items.scopex.here.1000.submit: 100 to 103 instructions, \+3\.0 %$'
}

bench_compares()
{
	bench_figures 40 >"$work/bench/path.csv"
	reported && said '^no-op item of 1000, .* <= 74 +met +50 ' \
		'^submit alone .* <= 37 +not met +40 ' '^teardown .* >= 30 +met +50 x' \
		'^an interrupt to a task, .* met +1\.1000 x; 3,300, kthread 3,000$' \
		'^1000000 sleepers cancelled: interrupts off .* <= 50000 +met +8,000 ' \
		'^  preemption off .* not met +60,000 instructions, with 1,000 60,000$' \
		'^sizeof\(struct scopex_scope\) .* not met +97 bytes$' \
		'^ +a workqueue takes .* met +18\.0 x \(wq_flush: 900\)$' \
		'^one item there and back.* 0\.1667 x; 50, kthread_worker 300$' \
		'^ +the scheduler.s part.* 0\.8000 x; 40 of 50$' \
		'^items where 1 to 10000 .* met +0\.0 % \(50, 50\)$' \
		'^ +loops .* not met +42\.9 % \(210, 300\)$' \
		"^verity tree, of a plain loop's .* met +1\.0040 x; 1,004 and 1,000 per block$" \
		'^  by items .* not met +1\.0060 x' '^10 us .* lane not run$' && python "$work/bench/results.json" <<-'END'
		import json, sys
		results = json.load(open(sys.argv[1]))
		verdicts = [row.get("verdict") for row in results["targets"]]
		assert "met" in verdicts and "not met" in verdicts and "MISSING" not in verdicts
		assert any(row["peer"] == "wq_flush" for row in results["figures"])
		END
}

# The median of the ratios 1 to n, with the bounds that the bootstrap has if it never ends: of n
# draws more than half are k or less with the probability of a binomial distribution. And a
# machine that is slower in every other round has no part in a ratio.
bench_bootstraps()
{
	python qemu/bench <<-'END'
	import math, sys
	sys.dont_write_bytecode = True
	sys.path.insert(0, sys.argv[1])
	import lane

	def bounds(n):
	    def most(k):
	        return sum(math.comb(n, i) * (k / n) ** i * (1 - k / n) ** (n - i)
	                   for i in range(n // 2 + 1, n + 1))
	    low = min(k for k in range(1, n) if most(k) > 0.025)
	    return low, (n + 1) / 2, n + 1 - low

	for n in 9, 25, 31:
	    found = lane.interval([float(k) for k in range(1, n + 1)])
	    assert found == bounds(n), (n, found, bounds(n))
	    assert found == lane.interval([float(k) for k in range(1, n + 1)])

	def row(*samples):
	    return {"workload": "w", "peer": "p", "samples": list(samples)}

	native = lane.Lane("native")
	assert set(native.ratio(row(10, 20, 10, 20), row(100, 200, 100, 200))) == {0.1}
	assert set(native.ratio(row(10, 20), row(6, 16), beside=4)) == {1}
	for odd in row(1, 2, 3), row():
	    try:
	        native.ratio(odd, row(1, 2))
	        sys.exit("took rounds that do not belong together")
	    except lane.Missing:
	        pass
	END
}

# Where the target, 0.2, is in the interval, the run can't tell. All else is missing there.
bench_is_unsure()
{
	local row=contend,scopex,there,4000,0,2,total

	{
		bench_row "${row/scopex/kthread_worker}" 100 100 100 100 100 100 100 100 100
		bench_row "$row" "$@"
	} >"$work/bench/native.csv"
	: >"$work/bench/spin.csv"
	expect_failure "$work/out" qemu/bench/report.py --out "$work/bench" \
		--recorded "$work/recorded" native
}

bench_tells_how_sure()
{
	bench_is_unsure 15 15 16 16 17 18 18 19 19 &&
		said '^4 submitters .* met +0\.170 x \(0\.1[56]0 to 0\.1[89]0\); 17, kthread_worker 100$' &&
		expect_no_line -E '^4 submitters .* not met' <"$work/out" &&
		bench_is_unsure 15 15 16 16 17 28 28 29 29 && said '^4 submitters .* unclear +0\.170 x' &&
		bench_is_unsure 25 25 26 26 27 28 28 29 29 && said '^4 submitters .* not met +0\.270 x'
}

# lacks LINE - without it the report fails, and says so
lacks()
{
	bench_figures 100 | grep -v "^$1" >"$work/bench/path.csv"
	expect_failure "$work/out" report && said MISSING
}

bench_misses()
{
	lacks items,scopex,here,1000,0,1,submit && lacks items,scopex,here,10000, &&
		lacks items,kthread_worker,here,1000, && lacks size,scopex_scope && lacks . || return
	rm "$work/bench/path.csv" && expect_failure "$work/out" report && said 'scopex: error: .*path.csv' MISSING ||
		return
	bench_figures 100 >"$work/bench/path.csv"
	rm "$work/recorded" && expect_failure "$work/out" report && said 'MISSING .*recorded: No such file'
}

# fake_machine - a machine whose root runs LANES=hardware, but for real only this script is run:
# its kernel's build tree makes empty modules, and to load one writes results. A call is a line
# in $work/calls.
fake_machine()
{
	local bin=$work/bin tree=$work/tree

	mkdir -p "$bin" "$tree/include/generated" "$work/debugfs/scopex_bench"
	echo '#define UTS_RELEASE "6.66"' >"$tree/include/generated/utsrelease.h"
	cat >"$tree/Makefile" <<-'END'
		.RECIPEPREFIX = :
		modules:
		: mkdir -p $(M)/kmod/bench
		: touch $(M)/kmod/scopex.ko $(M)/kmod/bench/scopex_bench.ko
		: printf '%s\n' kmod/scopex.o kmod/bench/scopex_bench.o >$(M)/modules.order
	END
	echo 'echo 0' >"$bin/id"
	echo "case \$1 in -r) echo 6.66 ;; -srvm) echo Linux 6.66 ;; *) $(command -v uname) \$1 ;; esac" >"$bin/uname"
	echo "echo rmmod \$1 >>$work/calls" >"$bin/rmmod"
	cat >"$bin/insmod" <<-END
		echo insmod "\$(basename "\$1") \$2 \$3" >>$work/calls
		cp $work/fake.csv $work/debugfs/scopex_bench/results
	END
	sed -i '1i #!/bin/sh' "$bin"/*
	echo '#!/bin/sh' >"$bin/dmesg"
	chmod +x "$bin"/*
	{
		bench_row items,scopex,there,1,0,2,total 20 20 20
		bench_row items,kthread_worker,there,1,0,2,total 40 40 40
		echo complete
	} >"$work/fake.csv"
	: >"$work/calls"
	fake=(PATH="$bin:$PATH" XDG_CACHE_HOME="$work/cache" DEBUGFS="$work/debugfs" KDIR="$tree"
		OUT="$work/hardware" LANES=hardware)
}

# It says what it does before it does it; it leaves a report, and no module.
hardware_is_measured()
{
	fake_machine
	expect_success "$work/out" env "${fake[@]}" make bench || return
	said '^scopex: now this machine will' 'that taints the kernel' '^ok 2 spin is measured' &&
		expect "the first calls" "$(head -n 3 "$work/calls" | tr '\n' ';')" = \
			"insmod scopex.ko workers=128 spin_us=0;insmod scopex_bench.ko n=1,10,100,1000 rounds=25;rmmod scopex_bench;" &&
		expect "the last call" "$(tail -n 1 "$work/calls")" = "rmmod scopex" &&
		expect "how often scopex is loaded" "$(grep -c 'insmod scopex.ko' "$work/calls")" -eq 2 &&
		cp "$work/hardware/hardware-report.txt" "$work/out" &&
		said '^kernel: Linux 6.66' '^ *Model name:' '^ *Vulnerability ' '^governor of' '^load' \
			'^one item to another CPU and back.* not met +0\.5000 x' \
			'^items,scopex,there,1,0,2,total,ns,20,20,20,3,20 20 20$'
}

hardware_is_refused()
{
	refused "goes alone" make bench LANES="path hardware" || return
	fake_machine
	echo '#define UTS_RELEASE "6.65"' >"$work/tree/include/generated/utsrelease.h"
	refused "is not of the running kernel, 6.66" "${fake[@]}" make bench &&
		refused "no headers of the running kernel: install linux-headers-6.66" \
			"${fake[@]}" KDIR= make bench || return
	printf '#!/bin/sh\necho 1000\n' >"$work/bin/id"
	refused "has to be root" "${fake[@]}" make bench &&
		expect "how many calls" "$(wc -l <"$work/calls")" -eq 0
}

# A run that fails leaves no module, and is red.
hardware_fails()
{
	fake_machine
	sed -i 's/^complete/failed -5/' "$work/fake.csv"
	expect_failure "$work/out" env "${fake[@]}" make bench &&
		said '^not ok 1 native is measured' &&
		expect "the last call" "$(tail -n 1 "$work/calls")" = "rmmod scopex"
}
