# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# The kernel's scripts/ that check code and read its kernel-doc.

. "$(dirname "${BASH_SOURCE[0]}")/source.sh"

# need_scripts - get them; sets SCRIPTS. LINUX_SOURCE= is a kernel's source tree that has
# them (default: parts of the distribution's package).
need_scripts()
{
	if [[ -n ${LINUX_SOURCE:-} ]]; then
		SCRIPTS=$LINUX_SOURCE/scripts
	else
		SCRIPTS=$CACHE/lint/$SOURCE_PACKAGE/scripts
		fetch_source "${SCRIPTS%/scripts}" '*/scripts/checkpatch.pl' \
			'*/scripts/*.txt' '*/scripts/const_structs.checkpatch' \
			'*/scripts/kernel-doc' '*/scripts/coccinelle' ||
			die "could not get the scripts of $SOURCE_PACKAGE"
	fi
	[[ -e $SCRIPTS/checkpatch.pl ]] || die "no checkpatch.pl in $SCRIPTS"
}
