#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check: test the commands on the host, run selftests/ in a VM by kselftest's
# own runner, count the results, and judge the VM.
#
#	TEST=	what to run, as "api race", or "commands" for the host's part
#		(default: all)
#	CPUS=	how many the VM has (default: 4)
#	TIMEOUT= in seconds
#	STRESS_SECONDS= how long the stress test takes (default: 10)
#	STRESS_SEED= what it draws from (default: a new seed each time)

. "$(dirname "$0")/lib/kernel.sh"
. "$ROOT/qemu/lib/build.sh"
. "$ROOT/qemu/lib/kselftest.sh"

may_skip=

# count FILE TESTS - count the results of the programs TESTS in FILE
count()
{
	local counts p f s

	counts=$(awk -v tests="$2" -v may_skip="$may_skip" -f "$ROOT/qemu/count-tests.awk" "$1")
	head -n -1 <<<"$counts" >&2
	read -r p f s < <(tail -n 1 <<<"$counts")
	((passed += p, failed += f, skipped += s)) || true
}

# The host's part, in the form that kselftest's runner gives to the others.
check_commands()
{
	echo "1..1"
	echo "# selftests: scopex: commands"
	if "$ROOT/qemu/check-commands.sh" | sed -u 's/^/# /'; then
		echo "ok 1 selftests: scopex: commands"
	else
		echo "not ok 1 selftests: scopex: commands"
	fi
}

# The VM's verdict is a test too: modules unloaded, log clean, powered off.
check_vm()
{
	build_scopex inject
	install_modules "$STAGE" "$WORK/root/lib/modules/$KERNEL_RELEASE/extra-inject"
	if run_vm --job "$ROOT/qemu/guest/check.sh" \
		--overlay "$WORK/root" --env "TESTS=$tests" \
		--env "STRESS_SECONDS=$stress" --env "STRESS_SEED=${STRESS_SEED:-}" \
		--cpus "${CPUS:-4}" --timeout "${TIMEOUT:-$((2400 + stress))}" \
		--append slub_debug=FZP --log "$log"; then
		((++passed))
	else
		((++failed))
	fi
	[[ -e $log/job.log ]] || die "the VM was not started"
	count "$log/job.log" "$tests"
}

select_kernel
work_dir

# There is no CPU hotplug in User-Mode Linux.
[[ $KERNEL_MACHINE != um ]] || may_skip=scopex:hotplug.sh

stress=${STRESS_SECONDS:-10}
is_number STRESS_SECONDS "$stress"

install_kselftest "$WORK/root"
# As long as the others have, and what was asked for.
sed -i "s/^timeout=.*/timeout=$((900 + stress))/" "$WORK/root/kselftest/scopex/settings"
mapfile -t programs <"$WORK/root/kselftest/kselftest-list.txt"
known=(commands "${programs[@]#scopex:}")
commands='' tests=
for name in ${TEST:-${known[*]}}; do
	[[ $name == commands ]] || name=${name%.sh}.sh
	[[ " ${known[*]} " == *" $name "* ]] ||
		die "unknown TEST=$name; known: ${known[*]}"
	if [[ $name == commands ]]; then
		commands=y
	else
		tests+="scopex:$name "
	fi
done

[[ $commands || $tests ]] || die "TEST='${TEST:-}' names no test; known: ${known[*]}"

log=$CACHE/logs/check-$KERNEL_ID-$TREE_KEY
rm -rf "$log"
mkdir -p "$log"
if [[ $commands ]]; then
	need_programs python3:python3 trace-cmd:trace-cmd
	check_commands | tee "$log/commands.log"
	count "$log/commands.log" scopex:commands
fi
[[ -z $tests ]] || check_vm

say "logs: $log"
conclude "make check"
