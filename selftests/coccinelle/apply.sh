#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# apply.sh FILE...: what the rules of scopex.cocci and coroutine.cocci say about these files of
# modules that use scopex, whose paths are absolute.
#
# A process for each CPU takes a part of them: to read the rules takes longer than to look at most
# files.

set -euo pipefail
rules=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# apply NAME FILE... - the rules of that name
apply()
{
	local dir=$work/$1 file part i=0

	for file in "${@:2}"; do
		part=$dir/$((i++ % $(nproc)))
		mkdir -p "$part" && cp --parents "$file" "$part"
	done
	for part in "$dir"/*; do
		{
			spatch --very-quiet --macro-file-builtins "$rules/macros.h" --dir "$part" \
				--cocci-file "$rules/$1.cocci" 2>&1 || echo "$1.cocci: spatch failed"
		} | sed "s|^$part||" >"$part.out" &
	done
	wait
	cat "$dir"/*.out
}

apply scopex "$@"
mapfile -t coroutines < <(grep -l 'scopex_coroutine(' "$@")
((!${#coroutines[@]})) || apply coroutine "${coroutines[@]}"
