# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# What "make check" does in the VM. TESTS has the programs to run, as kselftest
# names them. Their results are counted on the host.

cd /kselftest || exit 1
for test in $TESTS; do
	set -- "$@" --test "$test"
done
./run_kselftest.sh "$@"
