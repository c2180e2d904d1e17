#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check WHAT=mutants: does a test fail when a line of the module is taken out?
#
# selftests/campaign.py makes mutants of a line each, of every function. Each one is built, and
# run in a VM of its own by the quick suites, those first that are meant for its file. When all
# mutants have been tried so, those that passed are run by the other suites in a second VM,
# which takes minutes for each. A mutant is noticed if a suite fails, or if its VM panics,
# hangs, or has something in its log that must not be there. One that compiles to the object
# that the code without it compiles to is equivalent, and not counted. At least 95 % of the
# others have to be noticed, but for those that have a reason in selftests/survivors.txt.
#
#	SAMPLE=	how many mutants, drawn from all files (default: all, which takes many hours)
#	SEED=	what the sample is drawn from (default: 1)
#	MUTANT=	only those whose name has this text in it, as "scopex_reserve: "; or one of
#		several texts, each on a line
#	SUITES=	run by these suites only
#	LOCKS=1	those that take away one half of a pair of lock and unlock, and no others: only
#		a kernel with lockdep notices them all
#	PARALLEL= how many VMs at a time (default: 2)
#
# The kernel is chosen by the environment, see qemu/lib/kernel.sh (default: KERNEL=uml, whose
# VMs boot at once, or kasan for LOCKS=1).

[[ -n ${KERNEL:-}${KERNEL_IMAGE:-} || -z ${LOCKS:-} ]] || export KERNEL=kasan
[[ -n ${KERNEL:-}${KERNEL_IMAGE:-} ]] || export KERNEL=uml

. "$(dirname "$0")/lib/mutants.sh"

# The suites that notice the most mutants in the least time come first. "spin" takes as long as
# all others together, as VMs that spin have fewer CPUs than they were promised.
QUICK="api task several cancel loop options misuse nest walk file detached debugfs"
# These run the modules with injected delays, for which some code is compiled only.
INJECTED="injected injected-walk"
LAST=spin
# "stress" and "echo" take minutes, and count what the other suites count one by one.
OTHERS=$(test_programs | sed 's/\.sh$//' |
	grep -vxE "$(tr ' ' '|' <<<"$QUICK $INJECTED $LAST stress echo")" | paste -sd ' ')
[[ -z ${SUITES:-} ]] || QUICK='' OTHERS=$SUITES INJECTED='' LAST=''

# How long the suites of a VM may take; five times that without KVM.
QUICK_LIMIT=300
OTHERS_LIMIT=900

# suites_of FILE - the suites that are meant for what is in a file of kmod/
suites_of()
{
	case $1 in
	array.h | share.* | gain.* | each_cpu.c) echo loop ;;
	await.* | batch.h | end_item.* | waker.* | woken.h | yield.c) echo task sync ;;
	counters.* | place.* | profile.* | show.* | snapshot.*) echo debugfs memory ;;
	channel.c | event.c | semaphore.c) echo sync task ;;
	cpu_limit.c | join_item.c | option*) echo options ;;
	limit.c | stamp.*) echo options debugfs trace ;;
	context.* | owner.*) echo exit ;;
	deadline.*) echo cancel options ;;
	first_of.c | task_scope.c) echo several task ;;
	grace.* | wait_queue.*) echo file ;;
	hand_over.* | relief.* | thread.*) echo pool ;;
	hotplug.*) echo hotplug module ;;
	inject.*) echo injected ;;
	main.c) echo module ;;
	nested.*) echo nest pool ;;
	registry.*) echo walk ;;
	scope.*) echo api misuse ;;
	select.*) echo api options isolated ;;
	shared.h | thief.*) echo steal ;;
	stats.*) echo debugfs find ;;
	track.*) echo misuse ;;
	waiting.*) echo task debugfs ;;
	watchdog.*) echo stall pool ;;
	*) [[ -e $ROOT/selftests/${1%.*}.sh ]] && echo "${1%.*}" ;;
	esac
}

# build VARIANT [ARG]... - build the tree in $own, in a place of the worker's; the modules are left
# in $own/VARIANT
build()
{
	local stage

	stage=mutants-$(basename "$own")-$1
	build_tree "$own/tree" "$1" "$stage" "$own/$1" "${@:2}" >>"$own/build.log" 2>&1 &&
		objcopy --strip-debug "$(stage_dir "$stage")/kmod/scopex.o" "$own/$1.o"
}

# build_mutant VARIANT - build the module only; the others are those of the base
build_mutant()
{
	rm -rf "${own:?}/$1"
	cp -r "$work/base/$1" "$own/"
	build "$1" CONFIG_SCOPEX_TEST= CONFIG_SCOPEX_VERITY= CONFIG_SCOPEX_BENCH=
}

# is_equivalent VARIANT - is it the object that the code without a mutant compiles to?
is_equivalent()
{
	cmp -s "$own/$1.o" "$work/$1.o"
}

# run LIMIT SUITE... - run them, if any, in a VM with what was built; false if that fails
run()
{
	local limit=$1 overlay=$own/overlay/lib/modules/$KERNEL_RELEASE vm

	shift
	(($#)) || return 0
	write_job "exit 1" "$@" >"$own/job.sh"
	rm -rf "$own/overlay"
	mkdir -p "$overlay"
	[[ ! -d $own/inject ]] || cp -r "$own/inject" "$overlay/extra-inject"
	mutant_vm "$own/job.sh" "$own/log" "$limit" hash_pointers=always \
		--modules "$own/release" --overlay "$own/overlay"
	"${vm[@]}" >"$own/log/vm.log" 2>&1
}

# noticed_by - the suite, and what it or the kernel said first; false if the VM has not come
# to any
noticed_by()
{
	local suite line

	suite=$(sed -n 's/^# suite //p' "$own/log/job.log" | tail -n 1)
	[[ $suite ]] || return
	line=$(grep -m 1 -E '^[# ]*not ok' "$own/log/job.log" | sed 's/^[# ]*//') ||
		line=$(sed -n 's/^scopex: FAIL: //p' "$own/log/vm.log" | head -n 1)
	echo "$suite: ${line:-no reason is known}" | tr '\t\r' '  '
}

# judge FILE - the verdict of the quick suites on the mutant in the worker's tree, which is in
# FILE, and what noticed it
judge()
{
	local suites by

	rm -rf "$own"/{inject,build.log}
	build_mutant release || {
		echo "not-built"
		return
	}
	if is_equivalent release; then
		build_mutant inject || {
			echo "not-built"
			return
		}
		! is_equivalent inject || {
			echo "equivalent"
			return
		}
	else
		suites=$(in_order "$QUICK" "$(suites_of "$1")")
		# shellcheck disable=SC2086 # words
		run "$QUICK_LIMIT" $suites || {
			by=$(noticed_by) && echo "noticed $by"
			return
		}
	fi
	echo "passed"
}

# judge_again FILE - the verdict of the other suites on a mutant that the quick ones pass
judge_again()
{
	local suites=${INJECTED:-$OTHERS} by

	build_mutant release && build_mutant inject || return
	is_equivalent release ||
		suites=$(in_order "$OTHERS $INJECTED $LAST" "$(suites_of "$1")")
	# shellcheck disable=SC2086 # words
	if run "$OTHERS_LIMIT" $suites; then
		echo "survived"
	else
		by=$(noticed_by) && echo "noticed $by"
	fi
}

# in_order SUITES FIRST - these suites, beginning with those of them that are in FIRST
in_order()
{
	local suite

	for suite in $2; do
		[[ " $1 " != *" $suite "* ]] || echo "$suite"
	done
	for suite in $1; do
		[[ " $2 " == *" $suite "* ]] || echo "$suite"
	done
}

# fresh_tree - the worker's tree, as the code is
fresh_tree()
{
	rm -rf "$own/tree"
	cp -r "$work/tree" "$own/tree"
}

# next_mutant - the next one that no worker has begun, in $name
next_mutant()
{
	flock "$lock"
	IFS= read -r name <&"$queue" || name=
	flock -u "$lock"
	[[ $name ]]
}

# work_on JUDGE - what a worker does: try mutants until there are none
work_on()
{
	local verdict by start lock file

	exec {lock}>"$work/lock"
	while next_mutant; do
		start=$SECONDS
		fresh_tree
		file=$("$ROOT/selftests/campaign.py" apply "$own/tree" "$name") || exit
		read -r verdict by < <("$1" "$file") || exit
		say "$((SECONDS - start)) s, $verdict: $name${by:+ (by $by)}"
		if [[ $verdict == passed ]]; then
			echo "$name" >>"$work/passed"
			continue
		fi
		printf '%s\t%s\t%s\n' "$verdict" "$name" "$by" >>"$log/verdicts"
		[[ $verdict != not-built ]] || cp "$own/build.log" "$log/"
	done
}

# start_workers NAMES FUNCTION [ARG]... - and wait for all of them; false if one fails
start_workers()
{
	local queue pid status=0

	exec {queue}<"$1"
	# Process groups of their own, so that all of them can be ended with what they run.
	set -m
	for ((slot = 0; slot < PARALLEL; slot++)); do
		own=$work/$slot
		mkdir -p "$own"
		"${@:2}" &
		workers+=($!)
	done
	set +m
	for pid in "${workers[@]}"; do
		wait "$pid" || status=1
	done
	workers=()
	return $status
}

# is_sound LIMIT SUITE... - do the suites pass with the code as it is? If not, a failure with a
# mutant means nothing. Once for each tree.
is_sound()
{
	local key own=$work/base

	key=$CACHE/mutants/$KERNEL_ID-$({
		echo "$*"
		cd "$work" && find tree overlay -type f -print0 | sort -z | xargs -0 sha1sum
	} | sha1sum | cut -c1-12)
	[[ ! -e $key ]] || return 0
	say "do these pass without a mutant? ${*:2}"
	if ! run "$@"; then
		say "without a mutant: $(noticed_by || cat "$own/log/vm.log")"
		return 1
	fi
	mkdir -p "$CACHE/mutants"
	touch "$key"
}

# build_worker - what the code as it is compiles to, in the place of each worker
build_worker()
{
	fresh_tree
	build_mutant release && build_mutant inject || exit
	[[ $own != "$work/0" ]] || cp "$own"/{release,inject}.o "$work/"
}

stop()
{
	stop_mutants "${workers[@]/#/-}"
}

[[ -z ${SAMPLE:-} ]] || is_number SAMPLE= "$SAMPLE"
workers=()
begin_mutants mutants
[[ ${ACCEL:-} != tcg ]] || ((QUICK_LIMIT *= 5, OTHERS_LIMIT *= 5))

"$ROOT/selftests/campaign.py" list "$work/tree" ${LOCKS:+--locks} --only "${MUTANT:-}" \
	${SAMPLE:+--sample "$SAMPLE"} --seed "${SEED:-1}" >"$work/names"
[[ -s $work/names ]] || die "MUTANT='${MUTANT:-}': there is no such mutant"

ktap_check "survivors.txt fits the code" "$ROOT/selftests/campaign.py" check "$work/tree"
own=$work/base
mkdir -p "$own"
fresh_tree
build release && build inject && start_workers "$work/names" build_worker ||
	die "the modules do not build: $(tail -n 5 "$work"/*/build.log)"
# shellcheck disable=SC2086 # words
is_sound "$QUICK_LIMIT" $QUICK || die "this is no base for mutants"
say "trying $(wc -l <"$work/names") mutants"
touch "$log/verdicts" "$work/passed"
start_workers "$work/names" work_on judge || die "a worker has failed"
if [[ -s $work/passed ]]; then
	# shellcheck disable=SC2086 # words
	is_sound "$OTHERS_LIMIT" $OTHERS $INJECTED $LAST || die "this is no base for mutants"
	say "trying $(wc -l <"$work/passed") of them with the other suites"
	start_workers "$work/passed" work_on judge_again || die "a worker has failed"
fi
status=0
"$ROOT/selftests/campaign.py" report "$work/tree" "$log/verdicts" >"$log/report" || status=$?
ktap_msg "$(<"$log/report")"
ktap_check "the mutants are noticed, but for those with a reason" test "$status" = 0
say "logs: $log"
conclude "make check WHAT=mutants"
