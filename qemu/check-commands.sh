#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests of the commands themselves, on the host: bad input gets one clear line
# and a status, and README's example is as good as README says. A part of
# "make check".

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
		grep -qE "$regex" "$work/out" && continue
		ktap_msg "not said: $regex"
		ktap_msg "$(cat "$work/out")"
		return 1
	done
}

# Half a second in which 500,000 items ran, of 1 us each.
top_compares()
{
	counters 1000000000 1000 >"$work/then"
	counters 1500000000 501000 >"$work/now"
	$top --once --file "$work/now" --before "$work/then" >"$work/out" 2>&1 &&
		said 'in 0\.5 s: 1000k items/s' \
			'^ +0 ##########  ?100% +3 +1000k ' \
			'^ +100% +1000k +0 +0 +1\.0us +1\.0us .* two words place_fn\(\) place\.c:7$' \
			'^outer +1 .* cancelled ENOSPC +0 ' '^  inner +2 .* waiting ' \
			'^ +0 scopex/0 +stalled +>12s place_fn two words$'
}

top_prints_json()
{
	$top --json --once --file "$work/now" --before "$work/then" >"$work/out" 2>&1 &&
		python3 - "$work/out" <<-'END'
		import json, sys
		view = json.load(open(sys.argv[1]))
		assert view["version"] == 1 and view["total"]["run"] == 1000000
		site, = view["sites"]
		assert site["items"] == 500000 and site["busy"] == 1
		assert site["run"]["count"] == 500000 and site["run"]["p95_ns"] == 1024
		assert [scope["depth"] for scope in view["scopes"]] == [0, 1]
		assert view["workers"][0]["scope"] == "two words"
		END
}

# What was counted before a reset must not be taken off.
top_survives_a_reset()
{
	counters 2000000000 100 >"$work/reset"
	$top --once --file "$work/reset" --before "$work/now" >"$work/out" 2>&1 &&
		said 'in 0\.5 s: 200 items/s'
}

# top_fails TEXT FILE [OPTION]... - a line that says what is wrong, and no more
top_fails()
{
	local text=$1 file=$2

	shift 2
	! $top "$@" --once --file "$file" --interval 0.1 >"$work/out" 2>&1 &&
		[[ $(wc -l <"$work/out") == 1 ]] && said "^scopex-top: .*$text"
}

top_refuses()
{
	: >"$work/empty"
	sed 's/^version 1/version 2/' "$work/now" >"$work/newer"
	top_fails "is scopex loaded, and debugfs mounted" "$work/none" &&
		top_fails "has version '', this program knows 1" "$work/empty" &&
		top_fails "has version '2'" "$work/newer" &&
		top_fails "loaded anew" "$work/then" --before "$work/now" &&
		! $top --interval 0 >"$work/out" 2>&1 && said 'has to be from 0.1'
}

# The live view, in a terminal of 100 columns, until q is pressed
top_is_live()
{
	local n feed status=0

	mkfifo "$work/keys"
	while counters "$((++n * 100000000))" "$((n * 100))" >"$work/next"; do
		mv "$work/next" "$work/live"
		sleep 0.1
	done &
	feed=$!
	while [[ ! -e $work/live ]]; do sleep 0.1; done
	: >"$work/out"
	{
		exec 8>"$work/keys"
		until [[ -e $work/ended ]] || grep -q 'place_fn' "$work/out"; do
			sleep 0.1
		done
		printf q >&8
	} &
	timeout 120 script -qec "stty rows 30 cols 100; TERM=vt100 $top --interval 0.2 --file $work/live" \
		/dev/null <"$work/keys" >"$work/out" 2>&1 || status=$?
	touch "$work/ended"
	kill "$feed"
	wait
	((status == 0)) && said 'items/s' 'two words' 'ENOSPC' 'q: end'
}

top_in_a_vm()
{
	TOP="--once --json" make top >"$work/out" 2>&1 && said '^scopex: make top: OK$' &&
		grep '^{' "$work/out" >"$work/json" && python3 - "$work/json" <<-'END'
		import json, sys
		view = json.load(open(sys.argv[1]))
		assert len(view["cpus"]) >= 2 and view["config"]["profile"] == 1
		assert "verity_part" in [site["name"] for site in view["sites"]]
		assert sum(site["chunks"] for site in view["sites"]) > 0
		END
}

: >"$work/empty"
ktap_plan 30
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
ktap_check "top without a terminal" refused "needs a terminal, or TOP=--once" make top
ktap_check "unusable cache" \
	refused "cannot write to the cache directory" XDG_CACHE_HOME=/proc make run
ktap_check "full cache" full_cache
ktap_check "missing programs, no apt" \
	refused "missing programs .*no apt.*qemu-system-x86_64" \
	PATH="$work/bin" make run
ktap_check "top: rates and times" top_compares
ktap_check "top: JSON" top_prints_json
ktap_check "top: a reset" top_survives_a_reset
ktap_check "top: bad input" top_refuses
ktap_check "top: the live view" top_is_live
ktap_check "top in a VM" top_in_a_vm
ktap_check "README's example" try_readme
ktap_check "a module that does not load" try_broken
ktap_finish
