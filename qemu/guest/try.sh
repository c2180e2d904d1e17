# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What "make try" does in the VM: load scopex with PARAMS and then the user's MODULES
# with MODULE_PARAMS, unload them all, show what was logged.

# shellcheck source=../../selftests/load.sh
. /load.sh

# shellcheck disable=SC2086 # words
load scopex $PARAMS
for module in $MODULES; do
	# shellcheck disable=SC2086
	load "$module" $MODULE_PARAMS
done
unload_all
echo "# kernel log from the first module on"
dmesg | sed -n '/ scopex: /,$p'
exit $failed
