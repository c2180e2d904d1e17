# SPDX-License-Identifier: GPL-2.0
#
# Count the results in KTAP, and check that nothing is missing: every plan, which may
# follow the results, is kept, every program of the list "tests" has reported, and no
# parent is better than its children. The input may have several documents, one after the
# other: the output of kselftest's runner, whose programs "tests" lists, or the output of a
# command, for which "tests" does not matter.
#
# A skipped case has failed unless "may_skip", an extended regular expression, matches
# "PROGRAM: CASE # SKIP REASON" (of a program, "selftests: PROGRAM # SKIP REASON").
#
# A case is a result without results of its own below it. Prints what was not
# passed, then "PASSED FAILED SKIPPED".
#
# Depth: the runner prefixes the output of a program by "# ", a program indents the output
# of its suites by two spaces. Outside a program, "# " begins a comment.

function bad(text)
{
	print "not ok: " text
	failed++
}

# The results of depth d and below are complete: does their number keep the plan?
function close_depth(d)
{
	if (planned[d] == "" && results[d] > 0)
		bad("results without a plan in " where(d))
	else if (planned[d] != "" && planned[d] != results[d] + 0)
		bad("planned " planned[d] " results, got " results[d] + 0 " in " where(d))
	planned[d] = ""
	results[d] = 0
}

function where(d)
{
	return d ? current : "the list of programs"
}

function plan(d, line,	n)
{
	if (planned[d] != "")
		close_depth(d)
	n = reason = line
	if (!sub(/^1\.\.0 # [Ss][Kk][Ii][Pp] */, "", reason))
		reason = ""
	sub(/^1\.\./, "", n)
	sub(/[^0-9].*$/, "", n)
	if (d && n == 0 && tolower(line) !~ /# skip/)
		bad("nothing is planned in " where(d))
	planned[d] = n
	below_failed[d] = 0
	plans[d]++
}

function result(d, line,	not_ok, skip, text, number, deeper, nested)
{
	for (deeper = max_depth; deeper > d; deeper--) {
		if (results[deeper] > 0 || planned[deeper] > 0)
			nested = 1
		if (planned[deeper] != "" || results[deeper] > 0)
			close_depth(deeper)
	}
	results[d]++
	not_ok = line ~ /^not ok/
	skip = tolower(line) ~ /# skip/
	text = number = line
	sub(/^(not )?ok [0-9]+ (- )?/, "", text)
	sub(/^(not )?ok /, "", number)
	if (number + 0 != results[d])
		bad("result number " number + 0 " where " results[d] " is due: " text)

	if (d == 0) {
		program = text
		sub(/^selftests: /, "", program)
		sub(/ #.*/, "", program)
		sub(/: /, ":", program)
		reported[program]++
	}
	if (nested) {
		if (not_ok && !below_failed[d + 1])
			bad(where(d) ": " text)
		if (!not_ok && below_failed[d + 1])
			bad(text " is ok, but not what is below it")
		if (below_failed[d + 1])
			below_failed[d]++
	} else if (not_ok) {
		bad((d ? current ": " : "") text)
		below_failed[d]++
	} else if (skip) {
		if (tolower(text) ~ /# skip *$/)
			text = text " " reason
		skip_case((d ? current ": " : "") text)
	} else if (!d && in_program && !plans[1]) {
		bad(text " has no results of its own")
	} else {
		passed++
	}
	below_failed[d + 1] = plans[d + 1] = 0
	if (!d)
		in_program = 0
}

# Everything that is still open is complete.
function close_all(	deeper)
{
	for (deeper = max_depth + 0; deeper >= 0; deeper--)
		if (planned[deeper] != "" || results[deeper] > 0)
			close_depth(deeper)
}

function skip_case(text)
{
	print "skipped: " text
	skipped++
	if (may_skip == "" || text !~ may_skip)
		bad(text " (this kernel's MAY_SKIP does not have it)")
}

{ sub(/\r$/, "") }

/^# selftests: / {
	current = $0
	sub(/^# selftests: /, "", current)
	reason = ""
	in_program = 1
	next
}

/^K?TAP version / { close_all() }

/^#/ && !in_program { next }

{
	line = $0
	depth = 0
	if (sub(/^# /, "", line)) {
		depth = 1
		while (sub(/^  /, "", line))
			depth++
	}
	if (depth > max_depth)
		max_depth = depth
	if (line ~ /^1\.\.[0-9]+/)
		plan(depth, line)
	else if (line ~ /^(not )?ok [0-9]+/)
		result(depth, line)
	else if (line ~ /^(not ok|ok)( |$)/ || line ~ /^Bail out!/)
		bad(where(depth) ": " line)
}

END {
	close_all()
	n = split(tests, list, " ")
	for (i = 1; i <= n; i++)
		if (reported[list[i]] != 1)
			bad(list[i] " has reported " reported[list[i]] + 0 " times")
	print passed + 0, failed + 0, skipped + 0
}
