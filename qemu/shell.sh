#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make shell: a shell in a VM that has the modules.

. "$(dirname "$0")/lib/common.sh"

[[ -t 0 && -t 1 ]] || die "make shell needs a terminal"
options=()
[[ -z ${CPUS:-} ]] || options+=(--cpus "$CPUS")
exec "$ROOT/qemu/vm.sh" --job "$ROOT/qemu/guest/shell.sh" --interactive \
	"${options[@]}"
