# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What "make run" does in the VM: the verity tree of $DISK, on one CPU and on
# all. ORACLE is what veritysetup says its root hash is, SALT the salt.

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
	echo "$DISK salt=$SALT $*" > $verity/build || exit 1
	cat $verity/result > "/tmp/$name" || exit 1
}

# value NAME KEY
value()
{
	sed -n "s/^$2 //p" "/tmp/$1"
}

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
cat /sys/kernel/debug/scopex/stats
echo

for name in warm-up one all; do
	[ "$(value $name root_hash)" = "$ORACLE" ] && continue
	echo "the root hashes differ ($name: $(value $name root_hash))"
	exit 1
done
echo "the root hashes are the same"
