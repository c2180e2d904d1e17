# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What "make run" does in the VM: the verity tree of $DISK, on one CPU and on
# all. ORACLE is what veritysetup says its root hash is, SALT the salt.
#
# Then the same by direct reads of 4096 bytes, by as many threads as CPUs, and by tasks that share
# these threads, TASKS on each; and the same for a null_blk that keeps the first NULL_MB of $DISK in
# memory, and takes 100 us for a read. The goal is 90 % of what could be had, if to read cost no
# CPU: all but the time to hash. These figures are printed, and nothing fails by them.

# shellcheck source=../../selftests/load.sh
. /load.sh
# shellcheck source=disk.sh
. /disk.sh

verity=/sys/kernel/debug/scopex_verity

# build NAME [OPTION]... - build the tree, keep the result in /tmp/NAME
build()
{
	name=$1
	shift
	echo "${INPUT:-$DISK} salt=$SALT $*" > $verity/build || exit 1
	cat $verity/result > "/tmp/$name" || exit 1
}

# value NAME KEY
value()
{
	sed -n "s/^$2 //p" "/tmp/$1"
}

# make_null - a null_blk with the first NULL_MB of $DISK
make_null()
{
	modprobe null_blk nr_devices=0 2>/dev/null || return 1
	[ -d /sys/kernel/config/nullb ] || mount -t configfs none /sys/kernel/config || return 1
	null=/sys/kernel/config/nullb/scopex
	mkdir $null || return 1
	for set in size=$NULL_MB blocksize=512 memory_backed=1 irqmode=2 completion_nsec=100000 \
			power=1; do
		echo "${set#*=}" > "$null/${set%%=*}" || return 1
	done
	# What the device is called depends on the kernel.
	for null in /dev/scopex /dev/nullb0; do
		[ -b $null ] && break
	done
	dd if="$DISK" of=$null bs=1M count=$NULL_MB 2>/dev/null
}

# by_threads_and_tasks DEVICE - the tree of INPUT in both ways
by_threads_and_tasks()
{
	cpus=0-$(($(nproc) - 1))
	build "$1-threads" "cpus=$cpus" direct=4096
	build "$1-tasks" "cpus=$cpus" direct=4096 "tasks=$TASKS"
	[ "$(value "$1-threads" root_hash)" = "$(value "$1-tasks" root_hash)" ] || {
		echo "the root hashes of $1 differ by threads and by tasks"
		exit 1
	}
	for name in "$1-threads" "$1-tasks"; do
		echo "$(value "$name" mib_per_s) $(value "$name" read_ns) $(value "$name" hash_ns)"
	done | awk -v device="$1" '
	{ speed[NR] = $1; read[NR] = $2 / 1000; hash[NR] = $3 / 1000 }
	END {
		could = 1 + read[1] / hash[1]
		printf "%-10s %14.1f %14.1f %11.1f %11.1f %8.2f x %8.2f x  %s\n", device,
			speed[1], speed[2], read[1], hash[1], speed[2] / speed[1], 0.9 * could,
			(speed[2] / speed[1] < 0.9 * could) ? "not met" : "met"
	}'
}

TASKS=16
NULL_MB=16

need_disk
load scopex && load scopex_verity || exit 1
# The first one reads the disk, the others the page cache.
build warm-up
build one cpus=0
build all

echo
echo "data          $(value all data_blocks) blocks of 4096 bytes, salt $SALT"
echo "hashes        $(value all hash_blocks) blocks in $(value all levels) levels"
echo "root hash     $(value all root_hash)  scopex"
echo "root hash     $ORACLE  veritysetup"
echo
for name in one all; do
	printf 'throughput    %8s MiB/s on %s CPU(s)\n' \
		"$(value $name mib_per_s)" "$(value $name lanes)"
done
echo
echo "direct reads of 4096 bytes, by $(nproc) threads, and by $TASKS tasks in flight on each of them"
printf '%-10s %14s %14s %11s %11s %10s %10s\n' device "threads, MiB/s" "tasks, MiB/s" \
	"read, us" "hash, us" gain goal
by_threads_and_tasks disk
if make_null; then
	INPUT=$null
	by_threads_and_tasks null_blk
	INPUT=
else
	echo "null_blk   this kernel has none"
fi
echo
cat /sys/kernel/debug/scopex/stats
echo

for name in warm-up one all disk-threads disk-tasks; do
	[ "$(value $name root_hash)" = "$ORACLE" ] && continue
	echo "the root hashes differ ($name: $(value $name root_hash))"
	exit 1
done
echo "the root hashes are the same"
