# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What "make bench" does in the VM: load scopex_bench with each of RUNS, parameters with
# semicolons between them, and leave its results in /output/results.csv. A run that begins with
# the word "full" has all code preempted that allows it, for as long as it takes. SPIN_US is
# scopex's parameter. With VERITY, also how long a verity tree takes, for each block: of $DISK
# with VERITY=disk, else of so many blocks, in memory.
#
# "make bench LANES=hardware" runs this, too: then OUT is where the results go to, MODULES
# has the modules, and LOAD is selftests/load.sh.

results=${DEBUGFS:-/sys/kernel/debug}/scopex_bench/results
verity=/sys/kernel/debug/scopex_verity
preempt=/sys/kernel/debug/sched/preempt
output=${OUT:-/output}
rounds=15
# How scopex_verity builds a tree without scopex, on all CPUs
ways="workqueue kthread_worker async apart"

# shellcheck source=../../selftests/load.sh
. "${LOAD:-/load.sh}"

# module NAME - what is to be loaded: a file, or by its name
module()
{
	echo "${MODULES:+$MODULES/}$1${MODULES:+.ko}"
}

# measure PARAMETER...
measure()
{
	# Nothing else may run until it is through, which this waits for.
	insert "$(module scopex_bench)" "$@" || exit 1
	cat "$results" > "$output/last" || exit 1
	knows_parameters
	grep -v '^complete$' "$output/last" >> "$output/results.csv"
	[ "$(tail -n 1 "$output/last")" = complete ] || {
		dmesg | grep 'scopex_bench: ' | tail -n 3
		failed=1
	}
	rm "$output/last"
	unload scopex_bench || exit 1
}

# measure_full PARAMETER... - the file has all modes, with parentheses around the present one
measure_full()
{
	mode=$(sed -n 's/.*(\([a-z]*\)).*/\1/p' $preempt)
	echo full > $preempt || exit 1
	measure "$@"
	echo "$mode" > $preempt || exit 1
}

# figure PEER CPUS - of the times in /tmp/times.PEER, in microseconds
figure()
{
	samples=$(awk -v blocks="$blocks" '{ printf "%.3f ", $1 * 1000 / blocks }' "/tmp/times.$1")
	echo "$samples" | tr ' ' '\n' | grep . | sort -n |
		awk -v what="verity,$1,-,$blocks,0,$2,total,ns" -v samples="${samples% }" '
		{ time[NR] = $1 }
		END {
			printf "%s,%.3f,%.3f,%.3f,%d,%s\n", what, time[int((NR + 1) / 2)],
				time[int((NR + 3) / 4)], time[int((3 * NR + 1) / 4)], NR, samples
		}' >> "$output/results.csv"
}

# The clock of /proc/uptime has hundredths of a second.
verity_setup()
{
	read -r begin _ < /proc/uptime
	veritysetup format --no-superblock --format=1 --hash=sha256 --salt=- \
		--data-block-size=4096 --hash-block-size=4096 "$DISK" /tmp/hash > /tmp/out || exit 1
	read -r end _ < /proc/uptime
	echo "$begin $end" | awk '{ print ($2 - $1) * 1000000 }' >> /tmp/times.veritysetup
	oracle=$(sed -n 's/^Root hash:[[:space:]]*//p' /tmp/out)
}

# verity_tree PEER [OPTION]... - its time is added to /tmp/times.PEER
verity_tree()
{
	peer=$1
	shift
	echo "$DISK salt=- $*" > $verity/build || exit 1
	grep -qx "root_hash $oracle" $verity/result || {
		echo "$peer: the root hash is not that of veritysetup"
		exit 1
	}
	sed -n 's/^elapsed_us //p' $verity/result >> "/tmp/times.$peer"
}

# One way after the other in each round; the first one is to warm up.
verity_round()
{
	verity_setup
	verity_tree scopex_items cpus=0
	for way in plain $ways; do
		verity_tree "$way" by="$way"
	done
	verity_tree scopex_for
}

# The workload "growth" nests a hundred scopes, each in an item that waits.
load "$(module scopex)" workers=128 spin_us="${SPIN_US:-0}" || exit 1
while [ "$RUNS" ]; do
	run=${RUNS%%;*}
	RUNS=${RUNS#"$run"}
	RUNS=${RUNS#;}
	# shellcheck disable=SC2086 # words
	case $run in
	"full "*) measure_full ${run#full } ;;
	*) measure $run ;;
	esac
done
[ "$VERITY" ] || {
	unload scopex
	exit $failed
}

[ "$VERITY" = disk ] || {
	DISK=/tmp/data
	head -c $((VERITY * 4096)) /dev/zero > $DISK || exit 1
}
echo "# verity tree of $DISK"
load scopex_verity || exit 1
verity_round
rm /tmp/times.*
for _ in $(seq $rounds); do
	verity_round
done
blocks=$(sed -n 's/^data_blocks //p' $verity/result)
for peer in veritysetup plain scopex_items; do
	figure $peer 1
done
for peer in $ways scopex_for; do
	figure "$peer" "$(nproc)"
done
exit $failed
