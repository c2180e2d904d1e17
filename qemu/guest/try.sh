# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What "make try" does in the VM: load the user's modules, show what they log,
# unload them. MODULES has their names.

failed=0
for module in $MODULES; do
	echo "# modprobe $module"
	modprobe "$module" || failed=1
	loaded="$module $loaded"
done
for module in $loaded; do
	grep -q "^$module " /proc/modules || continue
	echo "# rmmod $module"
	rmmod "$module" || failed=1
done
rmmod scopex
echo "# kernel log from the first module on"
dmesg | sed -n '/ scopex: serving CPUs /,$p'
exit $failed
