# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What "make run JOB=echo" does in the VM: the echo server in each of its ways, with CONNECTIONS
# that are held, and with BUSY ones that send for SECONDS. A client process for each CPU.

# shellcheck source=../../selftests/load.sh
. /load.sh
# shellcheck source=../../selftests/ktap.sh
. /ktap.sh

stats=/sys/kernel/debug/scopex_echo/stats
server="127.0.0.1 7007"
cpus=$(nproc)

# value FILE KEY
value()
{
	sed -n "s/^$2 //p" "$1"
}

# no_remains - are all connections that have ended gone?
no_remains()
{
	grep -q '^TCP: .* orphan 0 tw 0 ' /proc/net/sockstat
}

# memory_used - what the kernel's objects and the stacks of its threads take, in bytes. The free
# memory would tell less: how full the pages with objects are differs by more than a task takes.
memory_used()
{
	# What is freed after a grace period is free then.
	sleep 2
	echo 3 > /proc/sys/vm/drop_caches
	# A CPU's own list of free objects counts as in use: empty it.
	for cache in /sys/kernel/slab/*/shrink; do
		echo 1 > "$cache"
	done 2>/dev/null
	awk '$1 == "KernelStack:" { sum += $2 * 1024 }
		FILENAME ~ /slabinfo/ && $2 ~ /^[0-9]+$/ { sum += $2 * $4 }
		END { printf "%.0f\n", sum }' /proc/meminfo /proc/slabinfo
}

all_are_held()
{
	grep -q '^open ' /tmp/hold && [ "$(value "$stats" open)" -eq "$CONNECTIONS" ]
}

# held WAY - hold the connections; how many there are, and what they take, is left in
# /tmp/held.WAY; the server goes while they are open
held()
{
	load scopex_echo by="$1" limit="$CONNECTIONS" || exit 1
	wait_until 120 no_remains || exit 1
	before=$(memory_used)
	mkfifo /tmp/end
	# shellcheck disable=SC2086 # words
	echo-load hold $server "$CONNECTIONS" 0 < /tmp/end > /tmp/hold 2>&1 &
	client=$!
	exec 8> /tmp/end
	rm /tmp/end
	wait_until 300 all_are_held || {
		cat /tmp/hold
		exit 1
	}
	after=$(memory_used)
	{
		echo "open $(value "$stats" open)"
		echo "object $(value "$stats" object)"
		echo "bytes $((after - before))"
	} > "/tmp/held.$1"
	read -r begin _ < /proc/uptime
	unload scopex_echo || exit 1
	read -r end _ < /proc/uptime
	echo "unload_s $(echo "$begin $end" | awk '{ printf "%.1f", $2 - $1 }')" >> "/tmp/held.$1"
	exec 8>&-
	# It says that the server has gone.
	wait "$client"
}

# busy WAY
busy()
{
	load scopex_echo by="$1" || exit 1
	# shellcheck disable=SC2086 # words
	echo-load load $server "$BUSY" 0 "$SECONDS_EACH" "$PAYLOAD" "$cpus" > "/tmp/busy.$1" || exit 1
	unload scopex_echo || exit 1
}

ip link set lo up
# An end of each connection would wait for a minute, and take memory: in the next measurement.
echo 0 > /proc/sys/net/ipv4/tcp_max_tw_buckets
load scopex || exit 1
# The first one makes the kernel's caches grow, and is not counted. The last one should take what
# the second one does: by how much it differs tells what the others are worth.
held nothing
held nothing
base=$(value /tmp/held.nothing bytes)
for way in tasks threads workqueue; do
	held $way
	busy $way
done
held nothing

echo
echo "held: $CONNECTIONS silent connections. Beyond its socket: by how much the kernel's objects and the"
echo "stacks of its threads have grown (/proc/slabinfo, KernelStack), less the same where the server only"
echo "accepts the connections, for each of them; object: what of that the server itself allocates."
echo "busy: $BUSY connections, messages of $PAYLOAD bytes for $SECONDS_EACH s, $cpus CPUs with a client each."
echo
printf '%-10s %8s %14s %8s %9s %12s %10s %10s\n' "by" "held" "beyond socket" "object" "unload" \
	"messages/s" "p50" "p99"
for way in tasks threads workqueue; do
	printf '%-10s %8s %12s B %6s B %7s s %12s %7s us %7s us\n' $way \
		"$(value /tmp/held.$way open)" \
		$((($(value /tmp/held.$way bytes) - base) / CONNECTIONS)) \
		"$(value /tmp/held.$way object)" "$(value /tmp/held.$way unload_s)" \
		"$(value /tmp/busy.$way per_s)" "$(value /tmp/busy.$way p50_us)" \
		"$(value /tmp/busy.$way p99_us)"
done
echo
echo "nothing    $((($(value /tmp/held.nothing bytes) - base) / CONNECTIONS)) B beyond the socket, where 0 would be exact"
echo "socket     $((base / CONNECTIONS)) B for both ends of a connection, and the client's file"

status=0
for way in tasks threads workqueue; do
	[ "$(value /tmp/held.$way open)" -eq "$CONNECTIONS" ] && continue
	echo "$way: not all connections were held"
	status=1
done
[ $failed -eq 0 ] || status=1
exit $status
