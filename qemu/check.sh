#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check: test commands and tools on the host, run selftests/ in a VM by kselftest's
# own runner, count the results, and judge the VM.
#
#	TEST=	what to run, as "api race"; "commands", "tools" and "try" are the host's part
#		(default: all)
#	WITHOUT= what to leave out of that
#	CPUS=	how many the VM has (default: 4)
#	TIMEOUT= in seconds
#	STRESS_SECONDS= how long the stress test takes (default: 10)
#	STRESS_SEED= what it draws from (default: a new seed each time)

. "$(dirname "$0")/lib/kernel.sh"
. "$ROOT/qemu/lib/build.sh"
. "$ROOT/qemu/lib/kselftest.sh"

# check_host NAME - a part that runs on the host, in the form that kselftest's runner
# gives to the others
check_host()
{
	echo "1..1"
	echo "# selftests: scopex: $1"
	if "$ROOT/qemu/check-$1.sh" | sed -u 's/^/# /'; then
		echo "ok 1 selftests: scopex: $1"
	else
		echo "not ok 1 selftests: scopex: $1"
	fi
}

# check_vm LOG TESTS [WORDS] - run programs in a VM, with more words for the kernel's
# command line, and leave its log in the directory LOG; its verdict is kept in "vms"
check_vm()
{
	local log=$1 tests=$2 words="slub_debug=FZP hash_pointers=always ${3:-}"
	# shellcheck disable=SC2154 # common.sh sets them
	local status=0 before=$((passed + failed))

	build_scopex inject
	install_modules "$STAGE" "$WORK/root/lib/modules/$KERNEL_RELEASE/extra-inject"
	run_vm --job "$ROOT/qemu/guest/check.sh" \
		--overlay "$WORK/root" --env "TESTS=$tests" \
		--env "STRESS_SECONDS=$stress" --env "STRESS_SEED=${STRESS_SEED:-}" \
		--env "ECHO_MANY=$ECHO_MANY" \
		--cpus "${CPUS:-4}" --timeout "${TIMEOUT:-$((3600 + stress))}" \
		--append "$words" --log "$log" ||
		status=$?
	[[ -e $log/job.log ]] || die "the VM was not started"
	count "$log/job.log" "$tests" "$MAY_SKIP"
	if ((status)); then
		vms+=("not ok")
	elif ((passed + failed > before)); then
		vms+=(ok)
	fi
}

stress=${STRESS_SECONDS:-10}
is_number STRESS_SECONDS "$stress"

mapfile -t programs < <(test_programs)
read -ra known <<<"$HOST_TESTS ${programs[*]}"
host='' tests='' isolated='' without=' '

# known_name VARIABLE NAME - the whole name of what a variable names
known_name()
{
	local name=$2

	[[ " $HOST_TESTS " == *" $name "* ]] || name=${name%.sh}.sh
	[[ " ${known[*]} " == *" $name "* ]] ||
		die "unknown $1=${name%.sh}; known: ${known[*]%.sh}"
	echo "$name"
}

for name in ${WITHOUT:-}; do
	name=$(known_name WITHOUT "$name")
	without+="$name "
done
for name in ${TEST:-${known[*]}}; do
	name=$(known_name TEST "$name")
	[[ $without != *" $name "* ]] || continue
	if [[ $name != *.sh ]]; then
		host+="$name "
	elif [[ $name == isolated.sh ]]; then
		isolated="scopex:$name "
	else
		tests+="scopex:$name "
	fi
done

[[ $host || $tests || $isolated ]] ||
	die "TEST='${TEST:-}' names no test without '${WITHOUT:-}'; known: ${known[*]%.sh}"

# With what a program of selftests/ is compiled and linked
tools=(gcc:gcc stdio.h:libc6-dev)
[[ $host != *tools* ]] || tools+=(python3:python3 trace-cmd:trace-cmd)
select_kernel "${tools[@]}"
work_dir

# Whatever the kernel: the machine builds trees faster than a test can look.
MAY_SKIP+="${MAY_SKIP:+|}verity[.]sh: .* # SKIP too fast"
((${CPUS:-4} > 1)) ||
	MAY_SKIP+="|needs two CPUs|no CPU can go offline|no such CPU|needs CPU 0"
((${CPUS:-4} > 2)) || MAY_SKIP+="|no CPU is isolated"

install_kselftest "$WORK/root"
diff <(printf 'scopex:%s\n' "${programs[@]}") "$WORK/root/kselftest/kselftest-list.txt" >&2 ||
	die "kselftest has not installed what selftests/Makefile names"
# As long as the others have, and what was asked for.
settings=$WORK/root/kselftest/scopex/settings
echo "timeout=$(($(sed -n 's/^timeout=//p' "$ROOT/selftests/settings") + stress))" >"$settings"

log=$CACHE/logs/check-$KERNEL_ID-$TREE_KEY
# Without a VM, beside the logs of a run that has one.
[[ $tests || $isolated ]] || log=$CACHE/logs/check-host-$KERNEL_ID-$TREE_KEY
rm -rf "$log"
mkdir -p "$log"
for name in $host; do
	check_host "$name" | tee "$log/$name.log"
	count "$log/$name.log" "scopex:$name" "$MAY_SKIP"
done
vms=()
[[ -z $tests ]] || check_vm "$log" "$tests"
# In a VM of its own, where the last two CPUs are isolated, in the two ways there are.
if [[ $isolated ]]; then
	words=
	((${CPUS:-4} < 3)) || words="isolcpus=$((${CPUS:-4} - 1)) nohz_full=$((${CPUS:-4} - 2))"
	check_vm "$log/isolated" "$isolated" "$words"
fi

# A VM's verdict is a result too, but of one in which nothing was tested.
for verdict in "${vms[@]}"; do
	"ktap_${verdict/ /_}" "the VM: modules unloaded, kernel log clean, powered off"
done

say "logs: $log"
conclude "make check"
