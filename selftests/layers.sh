#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# layers.sh LAYERS OBJECT... - does each object use symbols of lower layers only?
#
# LAYERS is kmod/layers.txt, or a file like that. Prints a line for each symbol that an
# object uses of its own layer or of a higher one, and for each object and name that the
# other side does not know.

layers=$1
shift
nm "$@" | awk '
function base(path)
{
	sub(/.*\//, "", path)
	sub(/\.o:?$/, "", path)
	return path
}
FILENAME != "-" {
	if (/^(#|$)/)
		next
	for (i = 1; i <= NF; i++)
		layer[$i] = FNR
	next
}
NF == 1 {
	object = base($1)
	seen[object] = 1
	if (!(object in layer))
		print "kmod/layers.txt does not say where " object " is"
	next
}
$1 == "U" { used[object, $2] = 1; next }
$2 ~ /^[A-Z]$/ { defined[$3] = object }
END {
	for (name in layer)
		if (!(name in seen))
			print "kmod/layers.txt names " name ", which is no object"
	for (pair in used) {
		split(pair, part, SUBSEP)
		owner = defined[part[2]]
		if (owner && layer[owner] >= layer[part[1]])
			print part[1] ".c uses " part[2] " of " owner ".c, which is not below it"
	}
}' "$layers" - | sort
