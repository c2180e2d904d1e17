# SPDX-License-Identifier: GPL-2.0
#
# Check that the kernel log has one warning, with the expected text, between each pair of
# marks of EXPECT_WARNING(), and two of them, in order, for EXPECT_WARNINGS(). Reads a log; prints what is wrong, and how many were as expected.

/scopex_test: expect "/ {
	if (open)
		bad("no end mark for \"" text "\"")
	text = $0
	sub(/^.*scopex_test: expect "/, "", text)
	sub(/"$/, "", text)
	nr_texts = split(text, texts, /" and "/)
	open = 1
	warnings = named = 0
	next
}

/scopex_test: expected$/ {
	if (warnings != nr_texts)
		bad(warnings + 0 " warnings for \"" text "\"")
	else if (named < nr_texts)
		bad("the warning does not say \"" text "\"")
	else
		good++
	open = 0
	next
}

open && /WARNING: / { warnings++ }
open && named < nr_texts && index($0, texts[named + 1]) { named++ }

function bad(what)
{
	print what
	failed++
}

END {
	if (open)
		bad("no end mark for \"" text "\"")
	print "warnings as expected: " good + 0
	exit failed || !good
}
