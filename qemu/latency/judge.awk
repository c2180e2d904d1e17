# SPDX-License-Identifier: GPL-2.0
#
# Judge the log of latency.ko, in instructions: "latency: CASE N LENGTH CULPRIT from
# START to END". No section may be longer than "limit", nor be longer with more objects
# than with fewer by more than a tenth and "floor"; the cases that have to be there are
# the words of "cases". A section that does not belong to scopex, with the culprit "-", is
# shown if it is the longest one.

function is_longest(name, n, length_of)
{
	return !((name, n) in longest) || length_of > longest[name, n]
}

$1 == "latency:" && / from / {
	gsub(/ \[[a-z_]+\]/, "")
	name = $2
	n = $3
	if (!((name, n) in seen)) {
		seen[name, n]
		sizes[name] = sizes[name] " " n
	}
	if ($5 == "-") {
		others[name, n] = $4
		next
	}
	culprits[name, $5]
	if ($4 + 0 > max[name, n, $5]) {
		max[name, n, $5] = $4
		where[name, n, $5] = "from " $7 " to " $9
	}
	if (is_longest(name, n, $4 + 0)) {
		longest[name, n] = $4
		by[name, n] = $5
	}
}

END {
	for (i = split(cases, names); i; i--)
		order[i] = names[i]
	for (i = 1; i in order; i++) {
		name = order[i]
		split(sizes[name], size)
		few = size[1]
		many = size[2]
		# Only a loop, which has nobody to wake on one CPU, has no section that is
		# long enough to be looked into.
		if (name == "loop" && (name, few) in others && (name, many) in others) {
			longest[name, few] += 0
			longest[name, many] += 0
		}
		if (!((name, few) in longest) || !((name, many) in longest)) {
			print "not ok " name ": was not measured"
			continue
		}
		found = ""
		for (key in culprits) {
			split(key, part, SUBSEP)
			if (part[1] != name)
				continue
			a = max[name, few, part[2]] + 0
			b = max[name, many, part[2]] + 0
			if (a > limit || b > limit || b > a * 1.1 + floor)
				found = found sprintf("#\t%s: %d, %d %s\n", part[2], a, b,
					where[name, b > a ? many : few, part[2]])
		}
		printf "%s %s: %d of %d, %d of %d, in %s (others: %d, %d)\n%s",
			found ? "not ok" : "ok", name, longest[name, few], few,
			longest[name, many], many, by[name, many] ? by[name, many] : "none",
			others[name, few], others[name, many], found
	}
}
