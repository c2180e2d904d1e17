#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Do the rules of scopex.cocci and coroutine.cocci flag what they must in tests/, and nothing else?
# A line that is to be flagged says so: "flag: RULE" in a comment. Prints each
# difference; the status is 1 if there is one.

set -euo pipefail
cd "$(dirname "$0")"

# A comment that begins so is read as options, and then files are passed over in silence.
if grep -nE '^[[:space:]]*#[[:space:]]+spatch' ./*.cocci; then
	exit 1
fi
found=
for rules in scopex coroutine; do
	found+=$(spatch --very-quiet --cocci-file "$rules.cocci" \
		--macro-file-builtins macros.h --dir tests)$'\n'
done
# What does not parse is passed over in silence.
for file in tests/*.c; do
	spatch --parse-c --macro-file-builtins macros.h "$file" 2>&1 |
		grep -q 'nb bad = 0 ' || {
		echo "$file: can't be parsed"
		exit 1
	}
done

# FILE:LINE RULE, one a line
wanted=$(sed -En 's|^(.*:[0-9]+):.*/\* flag: ([a-z-]+) \*/$|\1 \2|p' \
	<(grep -n '' tests/*.c) | sort -u)
flagged=$(sed -En 's|^(.*:[0-9]+):.* \[([a-z-]+)\]$|\1 \2|p' <<<"$found" | sort -u)
[[ -n $wanted ]]

differences=$(diff <(echo "$wanted") <(echo "$flagged") |
	sed -En -e 's/^< (.*) (.*)/\1: is not flagged: \2/p' \
		-e 's/^> (.*) (.*)/\1: is flagged: \2/p') || true
[[ -n $differences ]] || exit 0
echo "$differences"
exit 1
