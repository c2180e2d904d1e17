#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# qemu/scan-log/scan.sh FILE - is this the console log of a VM that had no trouble?
#
# Says what is wrong with it; the status is 0 only if nothing is, and if the log
# reaches from the boot banner to the power-off.

set -euo pipefail
export LC_ALL=C

if (($# != 1)) || [[ ! -f $1 || ! -r $1 || ! -s $1 ]]; then
	echo "scan.sh: no log to read: ${1:-no file given}"
	exit 1
fi
here=$(dirname "$0")
awk -f "$here/whole-lines.awk" "$1" |
	awk -v deny="$here/splats.deny" -v allow="$here/splats.allow" \
		-f "$here/scan.awk"
