#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check: the tests; with WHAT="lint model", other checks.
#
#	WHAT=	one or more of CHECKS below; or "ci", what every change has to pass; or
#		"all", everything (several hours). More than one end in a table.
#
# Each check is a script, whose head says which variables it takes. Its last line is
# "N passed, N failed, N skipped".

. "$(dirname "$0")/lib/kernel.sh"

CHECKS="tests matrix hazards mutants harness lint docs model builds debian postmortem latency"

# What CI leaves out of the tests with KERNEL=kasan, which are a third of its time otherwise.
# KASAN, lockdep and kmemleak look for misused memory and locks. In these suites they see
# little that they do not see in the others: the text of debugfs and of trace events, a
# consumer of the API or two, the command line of the modules, reports of what takes long, a time
# that is spent spinning. A new suite is in unless it is named here.
KASAN_LEAVES_OUT="debugfs trace find module verity spin echo stall"

# What CI leaves out with KERNEL=uml: the suites that take the longest. They run with kasan, which
# is of the same version of Linux; but for "spin", which runs with the stock kernel.
UML_LEAVES_OUT="stress pool injected spin"

# What these kernels do not have, so that a VM would be booted for nothing.
NO_ISOLATION="isolated"

# Of the tests that run on the host, for which once is enough, CI leaves out what takes long.
HOST_LEFT_OUT="tools try"

# The hazards whose rule matters only in a kernel with these options: the stock one has
# none of them.
DEBUG_OPTIONS='CONFIG_(DEBUG_OBJECTS|PROVE_LOCKING)=y'

# script_of CHECK
script_of()
{
	case $1 in
	tests) echo "$ROOT/qemu/check.sh" ;;
	lint) echo "$ROOT/selftests/lint.sh" ;;
	model) echo "$ROOT/selftests/litmus/check-model.sh" ;;
	docs | bench) echo "$ROOT/qemu/$1.sh" ;;
	*) echo "$ROOT/qemu/check-$1.sh" ;;
	esac
}

# step CHECK [VARIABLE=VALUE]... - run a check, and note how it ended; progress is also told
# to descriptor 3
step()
{
	local status=0 start=$SECONDS out passed=0 failed=0 skipped=0

	out=$(mktemp "$work/out.XXXXXX")
	say "begins: $*" 2>&3
	env "${@:2}" "$(script_of "$1")" | tee "$out" || status=$?
	count "$out"
	# No results are a failure, and so is a status that they do not explain.
	((passed + failed + skipped || status)) || status=1
	((failed || !status)) || failed=1
	echo "$status $((SECONDS - start)) $passed $failed $skipped $*" >>"$work/steps"
	say "ended with status $status: $*" 2>&3
}

# beside FUNCTION - its steps run in the background, with what time the others leave; what
# they print is shown by finish
beside()
{
	# A process group of its own, so that all of it can be ended.
	set -m
	(
		set +m
		renice -n 10 "$BASHPID" >/dev/null
		"$1"
	) >"$work/beside" 2>&1 &
	lane=$!
	set +m
}

stop()
{
	[[ -z $lane ]] || kill -- -"$lane" 2>/dev/null || true
	rm -rf "$work"
}

# finish - wait for the background, show its output, and all results as a table
finish()
{
	local status seconds p f s name

	if [[ $lane ]]; then
		wait "$lane" || die "what runs in the background has failed: $(tail -n 3 "$work/beside")"
		lane=
		cat "$work/beside"
	fi
	echo
	while read -r status seconds p f s name; do
		((passed += p, failed += f, skipped += s)) || true
		printf '%5d s  %-6s  %s\n' "$seconds" \
			"$( ((status)) && echo FAILED || echo passed)" "$name"
	done <"$work/steps"
}

# without CHECK... - the checks that are not named, on a line
without()
{
	local check rest=

	for check in $CHECKS; do
		[[ " $* " == *" $check "* ]] || rest+=" $check"
	done
	echo "${rest# }"
}

# other_kernels KERNEL... - those of the matrix that are not named, on a line
other_kernels()
{
	local kernel rest=

	for kernel in $(known_kernels); do
		load_flavour "$kernel"
		[[ $MATRIX == no || " $* " == *" $kernel "* ]] || rest+=" $kernel"
	done
	echo "${rest# }"
}

# What needs the compiler, one CPU, or a VM in which time does not matter: it has its turn
# while the VMs of the tests wait.
ci_beside()
{
	local kernel

	# Those of source are built while the packages of the stock one are fetched. If one can't be
	# had, the step that needs it fails.
	for kernel in uml kasan; do
		(KERNEL=$kernel select_kernel) || true
	done
	step lint
	step docs
	step model
	step bench LANES=path
	step harness KERNEL=uml KERNELS=
}

# To take 40 minutes on two CPUs without KVM, or 60 if the cache is empty; it takes 56 and more.
ci()
{
	local name

	# At once, and not when it is the turn of kasan.
	for name in $NO_ISOLATION $KASAN_LEAVES_OUT $UML_LEAVES_OUT; do
		grep -qw "${name}[.]sh" "$ROOT/selftests/Makefile" ||
			die "what CI leaves out is no test: $name"
	done
	beside ci_beside
	step tests WITHOUT="$HOST_LEFT_OUT"
	step matrix KERNELS=uml WITHOUT="$HOST_TESTS $NO_ISOLATION $UML_LEAVES_OUT"
	step matrix KERNELS=kasan WITHOUT="$HOST_TESTS $NO_ISOLATION $KASAN_LEAVES_OUT"
	finish
	cat <<-END
	left out, for make check WHAT=all:
	  kernels: $(other_kernels stock-6.1 uml kasan)
	  tests: $HOST_LEFT_OUT; with uml and kasan: $NO_ISOLATION
	  with uml: $UML_LEAVES_OUT; with kasan: $KASAN_LEAVES_OUT
	  checks: $(without tests matrix harness lint docs model)
	  of harness: KERNEL=stock-6.1, KERNELS="kasan kcsan"; of bench: LANES="native shape"
	END
}

# debug_hazards - the mutants that are for a kernel with DEBUG_OPTIONS
debug_hazards()
{
	grep -lE "^Config:[[:space:]]*$DEBUG_OPTIONS\$" "$ROOT"/selftests/hazards/*.mutant |
		sed 's|.*/||; s|\.mutant$||' | paste -sd ' '
}

all()
{
	step lint
	step docs
	step model
	step matrix
	step harness
	step builds
	step postmortem
	step latency
	step bench LANES=path
	step hazards
	step hazards KERNEL=kasan HAZARD="$(debug_hazards)"
	step mutants SAMPLE=100
	step mutants LOCKS=1 SAMPLE=10
	if ((EUID == 0)); then
		step debian
	else
		say "debian is left out: it needs root" 2>&3
		echo "0 0 0 0 1 debian: left out, it needs root" >>"$work/steps"
	fi
	finish
}

read -rd '' -a what <<<"${WHAT:-tests}" || true
((${#what[@]})) || die "WHAT='$WHAT' names no check; known: $CHECKS ci all"
for name in "${what[@]}"; do
	[[ " $CHECKS ci all " == *" $name "* ]] ||
		die "unknown WHAT=$name; known: $CHECKS ci all"
	[[ $name != ci && $name != all || ${#what[@]} == 1 ]] ||
		die "WHAT=$name goes alone"
done
unset WHAT
case ${what[*]} in
ci | all) ;;
*" "*) ;;
*) exec "$(script_of "${what[0]}")" ;;
esac

exec 3>&2
lane=
work=$(mktemp -d)
on_exit stop
case ${what[*]} in
ci | all) "${what[0]}" ;;
*)
	for name in "${what[@]}"; do
		step "$name"
	done
	finish
	;;
esac
conclude "make check WHAT=\"${what[*]}\", $((SECONDS / 60)) min"
