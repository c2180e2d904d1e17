#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check WHAT=mutants: does a test fail when a line of the module is taken out?
#
# selftests/campaign.py makes mutants of a line each, of every function. Each one is built,
# and run in a VM of its own by the quick suites; if all of these pass, by the others in a
# second VM. A mutant is noticed if a suite fails, or if its VM panics, hangs, or has
# something in its log that must not be there. One that compiles to the object that the code
# without it compiles to is equivalent, and not counted. At least 95 % of the others have to
# be noticed, but for those that have a reason in selftests/survivors.txt.
#
#	SAMPLE=	how many mutants, drawn from all files (default: all, which takes many hours)
#	SEED=	what the sample is drawn from (default: 1)
#	MUTANT=	only those whose name has this text in it, as "scopex_reserve: "
#	LOCKS=1	those that take away one half of a pair of lock and unlock, and no others: only
#		a kernel with lockdep notices them all
#	PARALLEL= how many VMs at a time (default: 2)
#
# The kernel is chosen by the environment, see qemu/lib/kernel.sh (default: KERNEL=uml, whose
# VMs boot at once, or kasan for LOCKS=1).

[[ -n ${KERNEL:-}${KERNEL_IMAGE:-} || -z ${LOCKS:-} ]] || export KERNEL=kasan
[[ -n ${KERNEL:-}${KERNEL_IMAGE:-} ]] || export KERNEL=uml

. "$(dirname "$0")/lib/mutants.sh"

# The suites that notice the most mutants in the least time come first.
QUICK="api cancel loop options misuse nest walk detached debugfs"
OTHERS="trace exit tracers irq race find memory pool stall module verity spin"
# These run the modules with injected delays, for which some code is compiled only.
INJECTED="injected injected-walk"

# How long the suites of a VM may take; five times that without KVM.
QUICK_LIMIT=180
OTHERS_LIMIT=900

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

# run LIMIT SUITE... - run them in a VM with what was built; false if that fails
run()
{
	local limit=$1 overlay=$own/overlay/lib/modules/$KERNEL_RELEASE vm

	shift
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

# judge - the verdict on the mutant in the worker's tree, and what noticed it
judge()
{
	local suites=$INJECTED by

	rm -rf "$own"/{inject,build.log}
	build_mutant release || {
		echo "not-built"
		return
	}
	# shellcheck disable=SC2086 # words
	if ! is_equivalent release; then
		run "$QUICK_LIMIT" $QUICK || {
			by=$(noticed_by) && echo "noticed $by"
			return
		}
		suites="$OTHERS $INJECTED"
	fi
	build_mutant inject || {
		echo "not-built"
		return
	}
	if is_equivalent release && is_equivalent inject; then
		echo "equivalent"
		return
	fi
	# shellcheck disable=SC2086
	with_lock "mutants-others-$KERNEL_ID-$TREE_KEY" is_sound "$OTHERS_LIMIT" $OTHERS $INJECTED ||
		return
	# shellcheck disable=SC2086
	if run "$OTHERS_LIMIT" $suites; then
		echo "survived"
	else
		by=$(noticed_by) && echo "noticed $by"
	fi
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

# work_on - what a worker does: try mutants until there are none
work_on()
{
	local verdict by start lock

	exec {lock}>"$work/lock"
	while next_mutant; do
		start=$SECONDS
		fresh_tree
		"$ROOT/selftests/campaign.py" apply "$own/tree" "$name" || exit
		read -r verdict by < <(judge) || exit
		printf '%s\t%s\t%s\n' "$verdict" "$name" "$by" >>"$log/verdicts"
		say "$((SECONDS - start)) s, $verdict: $name${by:+ (by $by)}"
		[[ $verdict != not-built ]] || cp "$own/build.log" "$log/"
	done
}

# start_workers FUNCTION - and wait for all of them; false if one fails
start_workers()
{
	local queue pid status=0

	exec {queue}<"$work/names"
	# Process groups of their own, so that all of them can be ended with what they run.
	set -m
	for ((slot = 0; slot < PARALLEL; slot++)); do
		own=$work/$slot
		mkdir -p "$own"
		"$1" &
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
build release && build inject && start_workers build_worker ||
	die "the modules do not build: $(tail -n 5 "$work"/*/build.log)"
# shellcheck disable=SC2086 # words
is_sound "$QUICK_LIMIT" $QUICK || die "this is no base for mutants"
say "trying $(wc -l <"$work/names") mutants"
start_workers work_on || die "a worker has failed"
status=0
"$ROOT/selftests/campaign.py" report "$work/tree" "$log/verdicts" >"$log/report" || status=$?
ktap_msg "$(<"$log/report")"
ktap_check "the mutants are noticed, but for those with a reason" test "$status" = 0
say "logs: $log"
conclude "make check WHAT=mutants"
