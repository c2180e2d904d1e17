#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check WHAT=hazards: does each hazard's test fail when its rule is taken out?
#
# A mutant in selftests/hazards/ takes one rule out of the code, and says in its
# head which scripts of selftests/ have to notice. First these have to pass with
# the code as it is. Then each mutant is built and run in a VM of its own, which
# has to fail, and to print what the mutant expects. selftests/mutate.py explains how the
# changes below the head are written. Fields of the head, one a line:
#
#	Hazard:		its number and name
#	Rule:		what is taken out; may go on in indented lines
#	Run:		scripts of selftests/
#	Variant:	the modules that modprobe finds: release, or inject
#	Config:		what the kernel needs for the rule to matter, as
#			CONFIG_PREEMPT_RCU=y; most mutants have no such line
#	Append:		more words for the kernel's command line; most mutants have no such
#			line
#	Expect:		an extended regular expression for a line of what the
#			scripts print, or of the kernel's log
#
#	HAZARD=	the mutants to try, as "01 14-no" (default: all)
#	PARALLEL= how many VMs at a time (default: 2)
#
# The kernel is chosen by the environment: see qemu/lib/kernel.sh.

. "$(dirname "$0")/lib/mutants.sh"

# A mutant that neither ends nor is noticed takes this long.
LIMIT=480

# field NAME MUTANT - the value of a field of its head
field()
{
	sed -n -e '/^$/q' -e "s/^$1:[[:space:]]*//p" "$2"
}

# Which mutants does HAZARD= name?
choose_mutants()
{
	local want mutant found

	if [[ -z ${HAZARD:-} ]]; then
		mutants=("$ROOT"/selftests/hazards/*.mutant)
		return
	fi
	for want in $HAZARD; do
		found=
		for mutant in "$ROOT/selftests/hazards/$want"*.mutant; do
			[[ -e $mutant ]] || continue
			mutants+=("$mutant")
			found=y
		done
		[[ -n $found ]] || die "HAZARD=$want: no such mutant in selftests/hazards/"
	done
}

check_head()
{
	local mutant=$1 name script

	for name in Hazard Rule Run Variant Expect; do
		[[ -n $(field "$name" "$mutant") ]] || die "$mutant: no $name:"
	done
	case $(field Variant "$mutant") in
	release | inject) ;;
	*) die "$mutant: Variant: is release or inject" ;;
	esac
	for script in $(field Run "$mutant"); do
		[[ -x $ROOT/selftests/$script ]] || die "$mutant: Run: no selftests/$script"
	done
}

# What a mutant runs, as a word: the same word needs no second proof that it
# passes without the mutant.
run_key()
{
	local scripts words

	scripts=$(field Run "$1")
	words=$(field Append "$1")
	echo "$(field Variant "$1"):${scripts// /+}${words:+:${words// /+}}"
}

# build TREE VARIANT TARGET LOG
build()
{
	build_tree "$1" "$2" "hazards-$2" "$3" >"$4" 2>&1
}

# The VMs that run, by the process that runs them.
declare -A vms=()

# reap - wait for a VM to end, and judge it
reap()
{
	local pid status=0 name

	wait -n -p pid "${!vms[@]}" || status=$?
	name=${vms[$pid]}
	unset "vms[$pid]"
	"judge_$kind" "$name" "$status"
	rm -rf "${work:?}/$name"
}

# start NAME KEY - boot a VM with the modules in $work/NAME
start()
{
	local name=$1 scripts words vm

	IFS=: read -r _ scripts words <<<"$2"
	while ((${#vms[@]} >= PARALLEL)); do
		reap
	done
	read -ra scripts <<<"${scripts//+/ }"
	write_job status=1 "${scripts[@]%.sh}" >"$work/$name/job.sh"
	mutant_vm "$work/$name/job.sh" "$log/$name" "$LIMIT" "${words//+/ }" \
		--modules "$work/$name/modules"
	"${vm[@]}" >"$log/$name/vm.log" 2>&1 &
	vms[$!]=$name
}

finish_all()
{
	while ((${#vms[@]})); do
		reap
	done
}

# The unchanged code has to pass, or a failure with a mutant means nothing.
judge_sound()
{
	local name=$1 status=$2

	if ((status)); then
		ktap_not_ok "FAILED $name: without any mutant (see $log/$name)"
	elif grep -Eq '^1\.\.0 # SKIP' "$log/$name/job.log"; then
		cannot_run+="$name "
		ktap_skip "$name" "$(sed -n 's/^1\.\.0 # SKIP //p' "$log/$name/job.log")"
	else
		ktap_ok "passed $name: without any mutant"
	fi
}

# said NAME REGEX - the first line that matches in the logs of a VM
said()
{
	cat "$log/$1/job.log" "$log/$1/console.log" 2>/dev/null | tr -d '\r' |
		grep -aEm1 -e "$2" | sed -e 's/^\[ *[0-9.]*\] //' -e 's/^[# ]*//' || true
}

judge_mutant()
{
	local name=$1 status=$2 mutant expect sound line

	mutant=$ROOT/selftests/hazards/$name.mutant
	expect=$(field Expect "$mutant")
	sound=$(run_key "$mutant")
	line=$(said "$name" "$expect")
	if [[ -n $(said "${sound//:/-}" "$expect") ]]; then
		ktap_not_ok "FAILED $name: what it expects is said without the mutant, too"
	elif ((!status)); then
		ktap_not_ok "MISSED $name: everything passed (see $log/$name)"
	elif [[ -z $line ]]; then
		ktap_not_ok "MISSED $name: failed, but not as expected (see $log/$name)"
	else
		ktap_ok "caught $name by: $line"
	fi
}

# Prove that the scripts of the mutants pass without them.
run_sound()
{
	local mutant key name

	kind=sound
	for mutant in "${mutants[@]}"; do
		key=$(run_key "$mutant")
		name=${key//:/-}
		[[ ! -e $log/$name ]] || continue
		mkdir -p "$log/$name" "$work/$name"
		build "$work/tree" "${key%%:*}" "$work/$name/modules" "$log/$name/build.log" ||
			die "the modules do not build: see $log/$name/build.log"
		start "$name" "$key"
	done
	finish_all
	# shellcheck disable=SC2154 # ktap.sh sets it
	((ktap_failed == 0)) || conclude "make check WHAT=hazards" || exit
}

run_mutants()
{
	local mutant key name tree config

	kind=mutant
	for mutant in "${mutants[@]}"; do
		key=$(run_key "$mutant")
		name=$(basename "$mutant" .mutant)
		tree=$work/$name/tree
		if [[ " $cannot_run " == *" ${key//:/-} "* ]]; then
			ktap_skip "$name" "${key//:/-} does not run here"
			continue
		fi
		config=$(field Config "$mutant")
		if [[ -n $config ]] &&
				! grep -qx "$config" "$KERNEL_BUILD/include/config/auto.conf"; then
			ktap_skip "$name" "the kernel has no $config"
			continue
		fi
		mkdir -p "$log/$name" "$work/$name"
		cp -r "$work/tree" "$tree"
		if ! "$ROOT/selftests/mutate.py" "$tree" "$mutant" \
			>"$log/$name/build.log" 2>&1; then
			ktap_not_ok "FAILED $name: does not apply (see $log/$name/build.log)"
			continue
		fi
		if ! build "$tree" "${key%%:*}" "$work/$name/modules" "$log/$name/build.log"; then
			ktap_not_ok "FAILED $name: does not build (see $log/$name/build.log)"
			continue
		fi
		start "$name" "$key"
	done
	finish_all
}

stop()
{
	stop_mutants "${!vms[@]}"
}

mutants=()
choose_mutants
for mutant in "${mutants[@]}"; do
	check_head "$mutant"
done
begin_mutants hazards
[[ -r $KERNEL_BUILD/include/config/auto.conf ]] ||
	die "what the kernel has is not known: no include/config/auto.conf in $KERNEL_BUILD"
cannot_run=
kind=
run_sound
run_mutants
say "logs: $log"
conclude "make check WHAT=hazards"
