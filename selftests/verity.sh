#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# scopex_verity against veritysetup: for the same data, the same root hash and
# the same hash device, byte for byte. And what it refuses, and how.
#
# POSIX, for busybox ash. Needs root. Without veritysetup, only two trees with
# known root hashes are compared.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/suite.sh"
. "$(dirname "$0")/verity-long.sh"

# Blocks of data: one; part of a hash block; just full; one more; the same for
# two hash blocks, and for two full levels. The latter take a debug kernel minutes, and
# are built once each.
SIZES="1 2 3 127 128 129 255 256 257 1000"
LARGE_SIZES="16384 16385"

VERITY=/sys/kernel/debug/scopex_verity
SALT=5ca1ab1e00ff0123456789abcdef0123456789abcdef0123456789abcdef5ca1

# 256 bytes, the most there can be.
SALT_MAX=$SALT$SALT$SALT$SALT$SALT$SALT$SALT$SALT

# The ways without scopex
PEERS="plain workqueue kthread_worker async apart"

PLAN=$((50 + 3 * $(echo "$SIZES" | wc -w) + $(echo "$LARGE_SIZES $PEERS" | wc -w)))

dir=
loaded=
fresh=
offline=

cleanup()
{
	[ -z "$offline" ] || echo 1 > "$offline"
	if [ -n "$dir" ]; then
		umount "$dir" 2>/dev/null
		rm -rf "$dir"
	fi
	unload_ours
}

# load_ours MODULE - unless it is there already; what was loaded is unloaded in the end
load_ours()
{
	[ -d "/sys/module/$1" ] || { load "$1" && loaded="$1 $loaded"; }
}

# shellcheck disable=SC2086 # words
unload_ours()
{
	unload $loaded && loaded=
}

# Write a request in one write(2); what failed is in $dir/err.
build()
{
	printf '%s\n' "$*" > "$dir/request"
	dd if="$dir/request" of="$VERITY/build" bs=16384 conv=notrunc \
		2>"$dir/err"
}

# The value of a key of the result
value()
{
	sed -n "s/^$1 //p" "$VERITY/result"
}

# same WHAT EXPECTED ACTUAL
same()
{
	expect "$1" "$3" = "$2"
}

# A marker in the log, for lines_since_mark
mark()
{
	marks=$((marks + 1))
	echo "verity.sh $$: mark $marks" > /dev/kmsg
}
marks=0

lines_since_mark()
{
	dmesg | sed "1,/verity.sh $$: mark $marks\$/d" | grep scopex_verity:
}

# The file of data with that many blocks
data()
{
	dd if="$dir/all" of="$dir/data" bs=4096 count="$1" 2>/dev/null
}

# builds REQUEST... - it must be built
builds()
{
	build "$@" && return 0
	ktap_msg "request: $*"
	ktap_msg "$(cat "$dir/err")"
	ktap_msg "$(dmesg | tail -n 3)"
	return 1
}

# oracle DATA SALT - root hash in $root, hash device in $dir/hash
oracle()
{
	rm -f "$dir/hash"
	root=
	veritysetup format --no-superblock --format=1 --hash=sha256 \
		--data-block-size=4096 --hash-block-size=4096 --salt="$2" \
		"$1" "$dir/hash" > "$dir/out" 2>&1 || {
		ktap_msg "veritysetup: $(cat "$dir/out")"
		return 1
	}
	root=$(sed -n 's/^Root hash:[[:space:]]*//p' "$dir/out")
}

# agrees SALT [OPTION]... - build $dir/data and compare with the oracle's answer
agrees()
{
	salt=$1
	shift
	builds "$dir/data" "salt=$salt" "$@" || return 1
	same "root hash" "$root" "$(value root_hash)" || return 1
	cat "$VERITY/tree" > "$dir/tree" || return 1
	if ! cmp "$dir/hash" "$dir/tree" > "$dir/out" 2>&1; then
		ktap_msg "$(cat "$dir/out")"
		return 1
	fi
}

oracle_agrees()
{
	oracle "$dir/data" "$1" && agrees "$@"
}

check_size()
{
	data "$1"
	ktap_check "$1 blocks, salt" oracle_agrees "$SALT"
	ktap_check "$1 blocks, salt, one CPU" agrees "$SALT" cpus="$cpu"
	ktap_check "$1 blocks" oracle_agrees -
}

check_oracle()
{
	if ! command -v veritysetup > /dev/null; then
		for size in $SIZES; do
			for what in "" ", salt" ", salt, one CPU"; do
				ktap_skip "$size blocks$what" "no veritysetup"
			done
		done
		for size in $LARGE_SIZES; do
			ktap_skip "$size blocks, salt" "no veritysetup"
		done
		ktap_skip "salt of one byte" "no veritysetup"
		ktap_skip "salt of 256 bytes" "no veritysetup"
		for peer in $PEERS; do
			ktap_skip "by $peer" "no veritysetup"
		done
		return
	fi
	for size in $SIZES; do
		check_size "$size"
	done
	for size in $LARGE_SIZES; do
		data "$size"
		ktap_check "$size blocks, salt" oracle_agrees "$SALT"
	done
	data 129
	ktap_check "salt of one byte" oracle_agrees 00
	ktap_check "salt of 256 bytes" oracle_agrees "$SALT_MAX"
	for peer in $PEERS; do
		ktap_check "by $peer" agrees "$SALT_MAX" "by=$peer"
	done
}

known_answer()
{
	builds "$dir/seq" "salt=$1" || return 1
	same "root hash" "$2" "$(value root_hash)"
}

check_known()
{
	seq 1 100000 | head -c $((129 * 4096)) > "$dir/seq"
	ktap_check "known root hash" known_answer - \
		0333728ced82851354d60f535e3794ea5e059788893c85063d250380c2e4341d
	ktap_check "known root hash, salt" known_answer 00Ff10 \
		400d3b7144dd6535ee8601dc88ad8a5ec3e89275a86b2f2d433738e775cea232
}

one_block()
{
	data 1
	builds "$dir/data" || return 1
	set -- "$(sha256sum < "$dir/data")"
	same "root hash" "${1%% *}" "$(value root_hash)" &&
		same "lanes" 1 "$(value lanes)" &&
		same "levels" 0 "$(value levels)" &&
		same "bytes of tree" 0 "$(wc -c < "$VERITY/tree")"
}

result_tells()
{
	data 129
	builds "$dir/data" "salt=$SALT" "cpus=$cpu" || return 1
	same keys "path data_blocks hash_blocks levels salt cpus lanes elapsed_us mib_per_s root_hash " \
		"$(cut -d ' ' -f 1 "$VERITY/result" | tr '\n' ' ')" &&
		same path "$dir/data" "$(value path)" &&
		same data_blocks 129 "$(value data_blocks)" &&
		same hash_blocks 3 "$(value hash_blocks)" &&
		same "bytes of tree" $((3 * 4096)) "$(wc -c < "$VERITY/tree")" &&
		same levels 2 "$(value levels)" &&
		same salt "$SALT" "$(value salt)" &&
		same cpus "$cpu" "$(value cpus)" &&
		same lanes 1 "$(value lanes)" || return 1
	builds "$dir/data" || return 1
	same salt - "$(value salt)"
}

modes()
{
	same build 200 "$(stat -c %a "$VERITY/build")" &&
		same result 400 "$(stat -c %a "$VERITY/result")" &&
		same tree 400 "$(stat -c %a "$VERITY/tree")"
}

no_result()
{
	! cat "$VERITY/result" 2>"$dir/err" && grep -q "No data" "$dir/err" &&
		! cat "$VERITY/tree" 2>"$dir/err" &&
		grep -q "No data" "$dir/err"
}

# A reader that has the tree open keeps it, and keeps the module loaded.
reader_keeps_tree()
{
	data 129
	builds "$dir/data" || return 1
	cat "$VERITY/tree" > "$dir/tree"
	exec 3< "$VERITY/tree"
	status=0
	builds "$dir/seq" && ! cmp -s "$dir/tree" "$VERITY/tree" || status=1
	# It has to fail.
	if rmmod scopex_verity 2>/dev/null; then
		ktap_msg "the module went while its file was open"
		status=1
	fi
	cmp "$dir/tree" - <&3 > "$dir/out" 2>&1 || status=1
	exec 3<&-
	return "$status"
}

block_device()
{
	builds "$dir/data" "salt=$SALT" || return 1
	expected=$(value root_hash)
	builds "$1" "salt=$SALT" || return 1
	same "root hash" "$expected" "$(value root_hash)"
}

# Parts of one block, of all that there can be, and of a number that leaves a rest; by the loop,
# by an item, and by tasks, of which some have no part.
direct_reads()
{
	data 1000
	builds "$dir/data" "salt=$SALT" || return 1
	expected=$(value root_hash)
	for how in direct=4096 "direct=12288 cpus=$cpu" direct=131072 "by=plain direct=4096" \
			tasks=1 "direct=12288 tasks=7" "direct=131072 tasks=200 cpus=$cpu"; do
		# shellcheck disable=SC2086 # words
		builds "$1" "salt=$SALT" $how || return 1
		same "root hash, $how" "$expected" "$(value root_hash)" &&
			expect "read_ns, $how" "$(value read_ns)" -gt 0 &&
			expect "hash_ns, $how" "$(value hash_ns)" -gt 0 || return 1
	done
}

check_block_device()
{
	# The kernel's own, and perhaps built in.
	modprobe loop 2>/dev/null
	data 1000
	if loop=$(losetup -f 2>/dev/null) &&
			losetup "$loop" "$dir/data" 2>/dev/null; then
		ktap_check "block device" block_device "$loop"
		ktap_check "direct reads" direct_reads "$loop"
		losetup -d "$loop"
	else
		ktap_skip "block device" "no loop device"
		ktap_skip "direct reads" "no loop device"
	fi
}

# refused TEXT REQUEST... - it must fail with that error text (an extended
# regular expression), one line in the log, and leave no result
refused()
{
	text=$1
	shift
	mark
	if build "$@"; then
		ktap_msg "not refused: $*"
		return 1
	fi
	if ! grep -Eq "$text" "$dir/err"; then
		ktap_msg "expected: $text"
		ktap_msg "$(cat "$dir/err")"
		return 1
	fi
	same "lines in the log" 1 "$(lines_since_mark | wc -l)" && no_result
}

# In the result, and in the log
odd_path_is_escaped()
{
	odd=$(printf '%s/\033[1m' "$dir")
	data 1
	mv "$dir/data" "$odd"
	build "$odd" && same path "$dir/\\033[1m" "$(value path)" || return 1
	rm "$odd"
	refused "No such file" "$odd" && lines_since_mark | grep -qF "$dir/\\033[1m: "
}

check_refusals()
{
	head -c 5000 "$dir/all" > "$dir/odd"
	head -c 4095 "$dir/all" > "$dir/short"
	: > "$dir/empty"
	mkfifo "$dir/fifo"
	data 1

	invalid="Invalid argument"
	io_error="(Input/output|I/O) error"
	ktap_check "refuses a size that is no multiple of the block size" \
		refused "out of domain|Domain error" "$dir/odd"
	ktap_check "refuses less than a block" \
		refused "out of domain|Domain error" "$dir/short"
	ktap_check "refuses an empty file" \
		refused "No data available" "$dir/empty"
	ktap_check "refuses a missing file" \
		refused "No such file" "$dir/missing"
	ktap_check "refuses a directory" \
		refused "Is a directory" "$dir"
	ktap_check "refuses a character device" \
		refused "Block device required" /dev/zero
	# It has 4096 bytes, says its inode.
	ktap_check "refuses what can't be read to its end" \
		refused "$io_error" /sys/module/scopex/initstate
	ktap_check "refuses a FIFO, without waiting" \
		refused "Block device required" "$dir/fifo"
	ktap_check "refuses an empty request" refused "$invalid" ""
	ktap_check "refuses an unknown option" \
		refused "$invalid" "$dir/data" sail=00
	ktap_check "refuses a second path" \
		refused "$invalid" "$dir/data" "$dir/data"
	ktap_check "refuses a second salt" \
		refused "$invalid" "$dir/data" salt=- salt=00
	ktap_check "refuses a salt that is not hex" \
		refused "$invalid" "$dir/data" salt=0g
	ktap_check "refuses a sign in a salt" \
		refused "$invalid" "$dir/data" salt=+1
	ktap_check "refuses half a byte of salt" \
		refused "$invalid" "$dir/data" salt=123
	ktap_check "refuses a salt without digits" \
		refused "$invalid" "$dir/data" salt=
	ktap_check "refuses a salt of 257 bytes" \
		refused "Argument list too long" "$dir/data" "salt=${SALT_MAX}00"
	ktap_check "refuses a bad list of CPUs" \
		refused "$invalid" "$dir/data" cpus=0-x
	ktap_check "refuses an empty list of CPUs" \
		refused "$invalid" "$dir/data" cpus=
	ktap_check "refuses a CPU that can't be" \
		refused "No such device" "$dir/data" cpus=0,99999
	ktap_check "refuses a way that is not known" \
		refused "$invalid" "$dir/data" by=none
	ktap_check "refuses CPUs for another way" \
		refused "$invalid" "$dir/data" by=plain "cpus=$cpu"
	ktap_check "refuses tasks in another way" \
		refused "$invalid" "$dir/data" by=plain tasks=1
	ktap_check "refuses direct reads of half a block" \
		refused "$invalid" "$dir/data" direct=2048
	ktap_check "refuses direct reads that are too long" \
		refused "$invalid" "$dir/data" direct=135168
	ktap_check "refuses a path that is too long" \
		refused "[Ff]ile ?name too long" "$(printf '/%05000d' 0)"
	ktap_check "refuses a request that is too long" \
		refused "Argument list too long" "$(printf '/%09000d' 0)"
	ktap_check "refuses a NUL byte" refused_nul
}

refused_nul()
{
	mark
	printf '%s\000 salt=00' "$dir/data" > "$dir/request"
	! dd if="$dir/request" of="$VERITY/build" bs=16384 conv=notrunc \
		2>"$dir/err" && grep -q "Invalid argument" "$dir/err" &&
		same "lines in the log" 1 "$(lines_since_mark | wc -l)"
}

# One item more than $1 has failed and is completed, but the item of CPU 0 is not.
one_has_failed()
{
	[ "$(counter total.errors)" -gt "$1" ] &&
		grep -q '^scope  *1 .* verity_on_cpus()' "$SCOPEX/scopes"
}

release_after_failure()
{
	wait_until 10 one_has_failed "$1"
	status=$?
	echo 1 > "$SCOPEX_TEST/release"
	return "$status"
}

# CPU 0 is held, so that its item has not begun when that of CPU $1 fails: it never
# does.
error_cancels()
{
	cancelled=$(counter total.cancelled)
	errors=$(counter total.errors)
	echo hold > "$SCOPEX_TEST/run" &
	holder=$!
	if ! wait_for_held_scope; then
		echo 1 > "$SCOPEX_TEST/release"
		wait "$holder"
		return 1
	fi
	release_after_failure "$errors" &
	releaser=$!
	refused "$io_error" /sys/module/scopex/initstate "cpus=0,$1"
	status=$?
	wait "$releaser" || status=1
	wait "$holder"
	same "cancelled items" $((cancelled + 1)) "$(counter total.cancelled)" &&
		return "$status"
}

check_error_on_cpus()
{
	name="ends at the first error, on CPUs that are named"
	other=$(sed -n 's/^cpu\([1-9][0-9]*\)\.run .*/\1/p' "$SCOPEX/counters" |
		head -n 1)
	if [ "$cpu" != 0 ] || [ -z "$other" ]; then
		ktap_skip "$name" "needs CPU 0 and another one"
	elif ! load_ours scopex_test; then
		ktap_skip "$name" "no module scopex_test"
	else
		ktap_check "$name" error_cancels "$other"
	fi
}

without_cpu()
{
	data 1000
	builds "$dir/data" "salt=$SALT" || return 1
	expected=$(value root_hash)
	echo 0 > "$offline" || return 1
	builds "$dir/data" "salt=$SALT" || return 1
	same "root hash" "$expected" "$(value root_hash)"
}

check_hotplug()
{
	for online in /sys/devices/system/cpu/cpu[0-9]*/online; do
		[ -w "$online" ] || continue
		[ "$(cat "$online")" = 1 ] || continue
		gone=${online%/online}
		gone=${gone##*/cpu}
		[ "$gone" != "$cpu" ] || continue
		offline=$online
	done
	if [ -z "$offline" ]; then
		ktap_skip "goes on without a CPU that is offline" "no such CPU"
		ktap_skip "refuses a CPU that is offline" "no such CPU"
		return
	fi
	gone=${offline%/online}
	gone=${gone##*/cpu}
	ktap_check "goes on without a CPU that is offline" without_cpu
	ktap_check "refuses a CPU that is offline" \
		refused "No such device" "$dir/data" "cpus=$cpu,$gone"
	echo 1 > "$offline"
	offline=
}

verity_unloads()
{
	unload_ours || return 1
	[ -z "$fresh" ] || [ ! -e "$VERITY" ]
}

[ "$(id -u)" -eq 0 ] || ktap_skip_all "needs root"
trap cleanup EXIT
trap 'exit 1' HUP INT TERM
[ -d /sys/module/scopex_verity ] || fresh=1
[ -n "$(find "/lib/modules/$(uname -r)" -name 'scopex_verity.ko*')" ] ||
	ktap_skip_all "no module scopex_verity"
ktap_head
if ! load_ours scopex || ! load_ours scopex_verity; then
	ktap_plan 1
	ktap_not_ok "modules load"
	ktap_finish
fi
[ -d "$VERITY" ] || mount -t debugfs debugfs /sys/kernel/debug

dir=$(mktemp -d) || exit "$KSFT_FAIL"
mount -t tmpfs tmpfs "$dir" || exit "$KSFT_FAIL"
head -c $((16385 * 4096)) /dev/urandom > "$dir/all" || exit "$KSFT_FAIL"

ktap_plan "$PLAN"

if [ -n "$fresh" ]; then
	ktap_check "no result before the first build" no_result
else
	ktap_skip "no result before the first build" "was loaded before"
fi
ktap_check "files are root's only" modes

# A CPU that has a worker
cpu=$(sed -n 's/^cpu\([0-9]*\)\.run .*/\1/p' /sys/kernel/debug/scopex/counters |
	head -n 1)

check_known
ktap_check "one block" one_block
ktap_check "result" result_tells
check_oracle
check_block_device
ktap_check "a reader keeps its tree" reader_keeps_tree
ktap_check "an odd path is escaped" odd_path_is_escaped
check_refusals
check_long_build
check_error_on_cpus
check_hotplug
if [ -n "$loaded" ]; then
	ktap_check "unload" verity_unloads
else
	ktap_skip "unload" "was loaded before"
fi
ktap_finish
