#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check WHAT=model: does the kernel's memory model agree that the protocols work?
#
# Each NAME.litmus here is a part of scopex, made small enough for herd7 to look
# at every execution that the model allows: the bad outcome that it describes must
# never happen, and no data race. NAME.twins has the same test with one barrier or rule
# taken out, several times, which herd7 has to notice, or the proof is worth nothing;
# NAME.broken-WHAT.litmus is written from that (by selftests/mutate.py). What has to
# come out is said in the comment at the head of a test, or in the head of a twin:
#
#	Proves:		the rule, for the index in README.md (see selftests/index.py)
#	Hazard:		the numbers of the hazards that this is about, if any; for the index, too
#	Models:		functions and barriers of the code; a twin has those of its test
#	Taken out:	what a twin lacks
#	Why:		what goes wrong then
#	Result:		Never, or Sometimes, as herd7 has it
#	Flag:		data-race, if herd7 has to see one
#	Reached:	a final state that has to be possible; one at least, as a
#			test in which nothing happens would pass as well
#
#	TEST=	the tests to run, with their broken ones (default: all)
#	HERD7=	herd7, if it is not to be fetched
#	MEMORY_MODEL= a kernel's tools/memory-model, if it is not to be fetched

. "$(dirname "$0")/../../qemu/lib/source.sh"

# The first releases of Debian that have herd7.
HERD_SUITES="forky sid"

# The CPU time for one test, in seconds; they need 15 at most. Not the time that passes: the
# machine may have other things to do.
LIMIT=120

# The tests and their twins are put together here.
here=

not_run()
{
	local file

	say "error: the model was not checked: $*"
	for file in "${tests[@]}"; do
		ktap_skip "$(basename "$file" .litmus)" "not checked"
	done
	conclude "make check WHAT=model" || exit
}

# make_twins - set here
make_twins()
{
	work_dir
	here=$WORK
	cp "$ROOT"/selftests/litmus/*.{litmus,twins} "$here/"
	"$ROOT/selftests/mutate.py" --twins "$here" "$here"/*.litmus ||
		die "the twins can't be made"
}

choose_tests()
{
	local name

	if [[ -z ${TEST:-} ]]; then
		tests=("$here"/*.litmus)
		return
	fi
	tests=()
	for name in $TEST; do
		[[ -e $here/$name.litmus ]] ||
			die "TEST=$name: no $name.litmus in selftests/litmus/"
		mapfile -t -O ${#tests[@]} tests < <(compgen -G "$here/$name.litmus"
			compgen -G "$here/$name.broken-*.litmus")
	done
}

# herd_command DIR - how to start the herd7 that is unpacked in DIR: its libc is
# newer than the machine's, and lies beside it
herd_command()
{
	local loader

	loader=$(echo "$1"/usr/lib/*/ld-linux*.so.*)
	herd=("$loader" --library-path "${loader%/*}" "$1/usr/bin/herd7"
		-set-libdir "$1/usr/share/herdtools7/herd")
}

# fetch_herd NEW - for kept
fetch_herd()
{
	local new=$1 suite

	for suite in $HERD_SUITES; do
		rm -rf "$new"
		# With all that it is linked to.
		fetch "$suite" "$new/debs" "$new" herdtools7 libc6 libgmp10 || continue
		rm -r "$new/debs"
		find "$new/usr/bin" ! -type d ! -name herd7 -delete
		herd_command "$new"
		"${herd[@]}" -version >/dev/null || continue
		return
	done
	return 1
}

# Set herd, the command, and model, the directory.
get_tools()
{
	local dir=$CACHE/herd7

	if [[ -n ${HERD7:-} ]]; then
		have "$HERD7" || not_run "HERD7=$HERD7 is no program"
		herd=("$(command -v "$HERD7")")
	elif have herd7; then
		herd=(herd7)
	else
		kept "$dir" 500 fetch_herd ||
			not_run "no herd7 here (HERD7=), and the package herdtools7 of" \
				"Debian ($HERD_SUITES) can't be had or does not start"
		herd_command "$dir"
	fi

	model=${MEMORY_MODEL:-}
	if [[ -z $model ]]; then
		dir=$CACHE/memory-model/$SOURCE_PACKAGE
		fetch_source "$dir" '*/tools/memory-model' ||
			not_run "no memory model: the package $SOURCE_PACKAGE can't be had" \
				"(MEMORY_MODEL= is a kernel's tools/memory-model)"
		model=$dir/tools/memory-model
	fi
	[[ -e $model/linux-kernel.cfg ]] ||
		not_run "$model has no linux-kernel.cfg"
}

# field NAME FILE - the values of a field of the head, one a line
field()
{
	sed -n -e '/^ \*)/q' -e "s/^ \* $1: *//p" "$2"
}

# models FILE - the functions that the head names, one a line
models()
{
	sed -n -e '/^ \*)/q' -e '/^ \* Models:/,/^ \* [A-Z][a-z ]*:/p' "$1" |
		sed -e '1!{/^ \* [A-Z][a-z ]*:/d}' | grep -oE '[a-z_0-9]+\(\)' | tr -d '()'
}

# check_links - do the tests and the code name each other as they are?
check_links()
{
	local file name fn wrong=()

	for file in "${tests[@]}"; do
		name=$(basename "$file" .litmus)
		[[ -n $(models "$file") ]] || wrong+=("$name models nothing")
		while read -r fn; do
			grep -qE "^([a-z#].*\\b)?$fn\\(" "$ROOT"/{kmod,include/linux}/*.[ch] ||
				wrong+=("$name models $fn(), which is not in the code")
		done < <(models "$file")
		[[ $name == *.broken-* ]] ||
			grep -rqwF "$name.litmus" "$ROOT/kmod" "$ROOT/include" ||
			wrong+=("no barrier of the code names $name.litmus")
	done
	for file in "$here"/*.twins; do
		[[ -e ${file%.twins}.litmus ]] ||
			wrong+=("$(basename "$file") belongs to no test")
	done
	while read -r name; do
		[[ -e $here/$name ]] || wrong+=("the code names $name, which is not there")
	done < <(grep -rhoE '[a-z-]+\.litmus' "$ROOT/kmod" "$ROOT/include" | sort -u)

	if ((${#wrong[@]})); then
		ktap_msg "$(printf '%s\n' "${wrong[@]}")"
		ktap_not_ok "links between the tests and the code"
	else
		ktap_ok "links between the tests and the code"
	fi
}

# is_reached STATE - is there a final state in herd7's output on standard input
# that has all of STATE? Some versions put what is no register in brackets.
is_reached()
{
	awk -v state="$1" '
		BEGIN { n = split(state, want, /; */) }
		/=.*;$/ {
			gsub(/[][]/, "")
			all = 1
			for (i = 1; i <= n; i++)
				all = all && index(" " $0, " " want[i] ";")
			found = found || all
		}
		END { exit !found }'
}

# judge FILE OUTPUT - print what is wrong with the file or with what herd7 says
judge()
{
	local file=$1 output=$2 name flags want want_flags state

	name=$(basename "$file" .litmus)
	want=$(field Result "$file")
	want_flags=$(field Flag "$file")
	case $name in
	*.broken-*)
		[[ -e ${file%.broken-*}.litmus ]] || echo "it is the broken form of nothing"
		[[ $want == Sometimes || $want_flags == data-race ]] ||
			echo "its head does not ask for it to be rejected"
		;;
	*)
		[[ $want == Never && -z $want_flags ]] ||
			echo "its head does not ask for Never without a flag"
		compgen -G "${file%.litmus}.broken-*.litmus" >/dev/null ||
			echo "nothing shows that it can fail: there is no broken form"
		[[ -n $(field Reached "$file") ]] ||
			echo "its head does not say what has to be reached"
		;;
	esac

	if ! grep -q "^Observation $name " <<<"$output"; then
		echo "herd7 came to no result: $(tail -n 3 <<<"$output" | tr -s '\n' ' ')"
		return
	fi
	grep -q "^Observation $name $want " <<<"$output" ||
		echo "$(sed -n "s/^Observation $name \([A-Z][a-z]*\) .*/\1/p" <<<"$output"), not $want"
	flags=$(sed -n 's/^Flag //p' <<<"$output")
	[[ $flags == "$want_flags" ]] ||
		echo "flags: ${flags:-none}, not ${want_flags:-none}"
	field Reached "$file" | while read -r state; do
		is_reached "$state" <<<"$output" || echo "never reached: $state"
	done
}

run_test()
{
	local file=$1 name output wrong seconds outcome=never

	name=$(basename "$file" .litmus)
	output=$(cd "$model" && ulimit -t "$LIMIT" && exec "${herd[@]}" \
		-conf linux-kernel.cfg "$file" 2>&1) || output+=$'\n'"exit status $?"
	seconds=$(sed -n "s/^Time $name //p" <<<"$output")
	wrong=$(judge "$file" "$output")
	if [[ -n $wrong ]]; then
		ktap_not_ok "$name: ${wrong//$'\n'/; }"
		return
	fi
	[[ $name != *.broken-* ]] || outcome=rejected
	ktap_ok "$name: $outcome ($seconds s)"
}

have python3 || die "python3 is missing"
make_cache
make_twins
choose_tests
get_tools
say "checking ${#tests[@]} tests against the memory model in $model"
check_links
for file in "${tests[@]}"; do
	run_test "$file"
done
conclude "make check WHAT=model"
